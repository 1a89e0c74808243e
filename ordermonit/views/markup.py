"""HTML by elements rather than by text, so that no word of others' is ever taken for markup."""

from datetime import datetime
from pathlib import Path
from xml.etree.ElementTree import Element, tostring

from ordermonit.language import language_tag

Inside = Element | str

_STYLE = Path(__file__).with_name("page.css")
_SCRIPT = Path(__file__).with_name("page.js")

#: Nothing is fetched from anywhere: the page is all there is.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


def tag(name_: str, *inside: Inside, **attributes: str) -> Element:
    """An element. In the names of attributes `_` stands for `-`, at the end for nothing."""
    made = Element(name_, {_named(each): value for each, value in attributes.items()})
    for each in inside:
        if isinstance(each, Element):
            made.append(each)
        elif len(made):
            made[-1].tail = (made[-1].tail or "") + each
        else:
            made.text = (made.text or "") + each
    return made


def _named(attribute: str) -> str:
    return attribute.rstrip("_").replace("_", "-")


def moment(at: datetime) -> Element:
    """A time in the zone of whoever writes the page; the page's script makes it the reader's."""
    written = f"{at.astimezone():%Y-%m-%d %H:%M %Z}"
    return tag("time", written, datetime=at.isoformat())


def filled(sentence: str, **places: Inside) -> list[Inside]:
    """A sentence with elements in its places."""
    found: list[Inside] = []
    rest = sentence
    while "{" in rest:
        before, _, rest = rest.partition("{")
        name, _, rest = rest.partition("}")
        found += [before, places[name]]
    return [*found, rest]


def table(
    caption: str, columns: list[str], rows: list[list[Inside]], sorts: bool = True
) -> Element:
    """A table that can be scrolled sideways on a phone; its head sorts it, where scripts run."""
    head = tag("tr", *(tag("th", column, scope="col") for column in columns))
    body = [tag("tr", *map(_cell, row)) for row in rows]
    whole = tag(
        "table",
        tag("caption", caption),
        tag("thead", head),
        tag("tbody", *body),
        class_="sorts" if sorts else "stays",
    )
    return tag("div", whole, class_="wide", role="region", tabindex="0", aria_label=caption)


def _cell(inside: Inside) -> Element:
    if isinstance(inside, Element) and inside.tag == "td":
        return inside
    return tag("td", inside)


def number(value: float, shown: str | None = None) -> Element:
    """A cell that sorts by its value."""
    return tag("td", f"{value:,}" if shown is None else shown, class_="n", data_value=f"{value}")


def page(title: str, *body: Inside, refresh: int | None = None) -> bytes:
    """The whole file. `refresh`: seconds after which a browser looks again.

    Its script does that only while nobody is in the middle of something, as whoever can't see the
    page needs it; without scripts there is but the plain way.
    """
    again: list[Element] = []
    attributes = {}
    if refresh is not None:
        plain = tag("meta", http_equiv="refresh", content=f"{refresh}")
        again, attributes = [tag("noscript", plain)], {"data_refresh": f"{refresh}"}
    html = tag(
        "html",
        tag(
            "head",
            tag("meta", charset="utf-8"),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name="color-scheme", content="light dark"),
            tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
            *again,
            tag("title", title),
            tag("link", rel="icon", href="data:,"),
            tag("style", _STYLE.read_text("utf-8")),
        ),
        tag("body", tag("main", *body), tag("script", _SCRIPT.read_text("utf-8"))),
        lang=language_tag(),
        **attributes,
    )
    return f"<!DOCTYPE html>\n{tostring(html, 'unicode', method='html')}\n".encode()
