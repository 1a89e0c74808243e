"""`report` as one screen. Imports rich: see `drawing`."""

from datetime import datetime

from rich.console import ConsoleRenderable
from rich.table import Table
from rich.text import Text

from ordermonit.commands.screen import STYLES, Screen, heading
from ordermonit.language import _
from ordermonit.times import spoken
from ordermonit.views import words
from ordermonit.views.bars import bar
from ordermonit.views.digest import Waits
from ordermonit.views.report import Report, local

#: As many open orders and outages are shown.
_MOST_ROWS = 20


def draw(report: Report, screen: Screen) -> ConsoleRenderable:
    """The whole screen."""
    source = report.source
    said = [_(words.SPAN, since=_at(source.since), until=_at(source.until)), *source.notes]
    if source.known_from is not None and source.begins_late:
        said.append(_(words.KNOWN_FROM, moment=_at(source.known_from)))
    parts: list[ConsoleRenderable] = [Text(each) for each in said]
    parts += [heading(_(words.REPORT, app_name=source.app_name)), _sums(report)]
    parts += [heading(_(words.OPEN)), *_open(report)]
    parts += [heading(_(words.WAITS)), _waits(report)]
    parts += [heading(_(words.BY_HOUR_OF_DAY)), _hours(report, screen)]
    parts += [heading(_(words.BY_REASON)), _reasons(report)]
    parts += [heading(_(words.OUTAGES)), *_outages(report)]
    parts += [heading(_(words.ERRORS)), _errors(report)]
    title = _(words.REPORT, app_name=source.app_name)
    return screen.framed(title, "cyan", *parts)


def _at(moment: datetime) -> str:
    """In the reader's zone."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M %Z}"


def _grid(*columns: str) -> Table:
    """Columns without lines, each with its place: left, right, or fold."""
    table = Table.grid(padding=(0, 2))
    for each in columns:
        if each == "fold":
            table.add_column(overflow="fold")
        else:
            table.add_column(no_wrap=True, justify="right" if each == "right" else "left")
    return table


def _sums(report: Report) -> ConsoleRenderable:
    table = _grid("right", "left")
    for name, count in report.sums.items():
        style = "bold" if count else "dim"
        table.add_row(Text(f"{count:,}", style=style), Text(_(words.SUMS[name]), style=style))
    return table


def _open(report: Report) -> list[ConsoleRenderable]:
    if not report.open:
        return [Text(_(words.NONE_OPEN))]
    table = _grid("left", "fold")
    for each in report.open[:_MOST_ROWS]:
        since = f"{_at(each.since)}  {each.why}"
        table.add_row(Text(each.name, style=STYLES[each.status]), Text(since))
        table.add_row("", Text(each.next, style="bold"))
    return [table, *map(Text, report.more_open(_MOST_ROWS))]


def _waits(report: Report) -> ConsoleRenderable:
    digest = report.digest
    table = _grid("left", "right", "right", "right", "right")
    table.add_row(
        "", _(words.ORDERS), _(words.MEDIAN), _(words.MOST), _(words.LONGEST), style="dim"
    )
    kinds: list[tuple[str, Waits | None]] = [
        (_(words.WAITS_ALL), digest.waits),
        (_(words.WAITS_FALLEN), digest.waits_of_fallen),
    ]
    for name, waits in kinds:
        if waits is not None:
            spans = (waits.median, waits.most, waits.longest)
            table.add_row(name, f"{waits.count:,}", *map(spoken, spans))
    return table if table.row_count > 1 else Text(_(words.NO_WAITS))


def _hours(report: Report, screen: Screen) -> ConsoleRenderable:
    if not report.hours:
        return Text(_(words.NO_HOURS))
    hours = report.hours_of_day
    table = _grid("left", "left")
    for name, style, values in (
        (_(words.SEEN), "blue", [each.seen for each in hours]),
        (_(words.FALLEN), "yellow", [each.fallen for each in hours]),
    ):
        bars = "".join(bar(each, max(values), screen.options.ascii_only) for each in values)
        table.add_row(name, Text(bars, style=style))
    table.add_row("", Text("0     6     12    18   23", style="dim"))
    table.add_row("", Text(_(words.ZONE, zone=f"{report.source.at.astimezone():%Z}")))
    return table


def _reasons(report: Report) -> ConsoleRenderable:
    table = _grid("right", "fold")
    for reason, count in report.digest.reasons:
        table.add_row(f"{count:,}", f"{reason}: {_(words.REASONS[reason])}")
    return table if table.row_count else Text(_(words.NO_REASONS))


def _outages(report: Report) -> list[ConsoleRenderable]:
    outages = report.digest.outages
    if not outages:
        return [Text(_(words.NO_OUTAGES))]
    table = _grid("left", "right", "fold")
    for each in outages[: -_MOST_ROWS - 1 : -1]:
        lasted = spoken(report.lasted(each.begun, each.ended))
        over = "" if each.ended is not None else f" ({_(words.NOT_OVER)})"
        table.add_row(_at(local(each.begun)), f"{lasted}{over}", each.error)
    more = report.digest.outage_count - min(len(outages), _MOST_ROWS)
    return [table, *([Text(_(words.MORE_OUTAGES, count=more))] if more else [])]


def _errors(report: Report) -> ConsoleRenderable:
    table = _grid("right", "fold")
    for error, times in report.digest.errors:
        table.add_row(f"{times:,}", error)
    return table if table.row_count else Text(_(words.NO_ERRORS))
