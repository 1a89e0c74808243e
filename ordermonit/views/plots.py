"""The report's plots. Imports pygal, which is an extra: see `report_html`."""

from collections.abc import Mapping
from functools import partial
from xml.etree.ElementTree import Element, fromstring

from pygal import Bar, Config
from pygal.style import Style

from ordermonit.language import _
from ordermonit.views import words
from ordermonit.views.digest import Hour
from ordermonit.views.markup import tag

#: The colours are the page's, so that they follow its light and dark.
_STYLE = partial(
    Style,
    background="transparent",
    plot_background="transparent",
    foreground="var(--ink)",
    foreground_strong="var(--ink)",
    foreground_subtle="var(--line)",
    guide_stroke_color="var(--line)",
    major_guide_stroke_color="var(--line)",
    opacity="1",
    opacity_hover="1",
    font_family="inherit",
    label_font_size=13,
    major_label_font_size=13,
    legend_font_size=14,
)

#: So many names fit below the columns.
_MOST_NAMES = 10


def columns(hours: Mapping[str, Hour]) -> list[Element]:
    """Orders that were seen, and those that fell through: a plot of each, since the one is many
    times the other."""
    seen = {name: each.seen for name, each in hours.items()}
    fallen = {name: each.fallen for name, each in hours.items()}
    return [
        _plot(_(words.SEEN), "var(--seen)", seen),
        _plot(_(words.FALLEN), "var(--fallen)", fallen),
    ]


def _plot(title: str, colour: str, values: Mapping[str, int]) -> Element:
    config = Config(
        style=_STYLE(colors=(colour,)),
        width=960,
        height=200,
        js=[],
        show_legend=False,
        show_minor_x_labels=False,
        x_labels_major_every=max(1, -(-len(values) // _MOST_NAMES)),
        truncate_label=20,
        y_labels=_steps(max(values.values(), default=0)),
        disable_xml_declaration=True,
        margin=4,
    )
    chart = Bar(config)
    chart.x_labels = list(values)
    chart.value_formatter = "{:,.0f}".format
    chart.add(title, list(values.values()))
    svg = fromstring(chart.render())
    for each in svg.iter():  # the page is HTML, which knows SVG's names without a prefix
        each.tag = each.tag.rpartition("}")[2]
        for name in [name for name in each.attrib if name.startswith("{")]:
            del each.attrib[name]
    for defs in svg.iter("defs"):  # the plots move with no script of pygal's
        for script in defs.findall("script"):
            defs.remove(script)
    svg.set("role", "img")
    svg.set("aria-label", title)
    return tag("figure", tag("figcaption", title), svg)


def _steps(most: int) -> list[int]:
    """Whole numbers from 0 to the first that is not below `most`: five at most beside the 0."""
    unit = 1
    while True:
        for step in (unit, 2 * unit, 5 * unit):
            if 5 * step >= most:
                return list(range(0, most + step, step)) if most else [0, 1]
        unit *= 10
