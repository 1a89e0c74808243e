"""`status` as one screen. Imports rich: see `drawing`."""

from collections.abc import Sequence

from rich.console import ConsoleRenderable
from rich.table import Table
from rich.text import Text

from ordermonit.commands.overview import Overview
from ordermonit.commands.screen import STYLES, Screen, ago, heading
from ordermonit.health.health import Health, Problem
from ordermonit.orders.model import Status
from ordermonit.state.checkpoint import KEPT_RESOLVED
from ordermonit.state.directory import CycleResult
from ordermonit.times import counted, iso, moment, spoken
from ordermonit.views.bars import bar

_COLOURS = {
    Health.WELL: "green",
    Health.DEGRADED: "yellow",
    Health.DOWN: "red",
    Health.PAUSED: "cyan",
    Health.STOPPED: "magenta",
}
_WIDEST_BAR = 40

#: As many of the newest cycles are drawn, one column each, where there is room for them; so many
#: with what they come to beside them.
_DRAWN_CYCLES, _WITH_SUMS = 48, 12

#: Columns of the names before the bars, of what stands behind them, and of nothing there.
_NAME, _SUM, _GAP = 17, 26, 2


def draw(overview: Overview, screen: Screen) -> ConsoleRenderable:
    """The whole screen."""
    colour = _COLOURS[overview.health]
    parts: list[ConsoleRenderable] = [_facts(overview, colour)]
    parts += [heading("Orders"), _orders(overview, screen)]
    if overview.problems:
        parts.append(heading("What is wrong"))
        parts += [_problem(each, overview) for each in overview.problems]
    if overview.cycles:
        sums = screen.room - _NAME - _SUM >= _WITH_SUMS
        most = max(1, screen.room - _NAME - (_SUM if sums else _GAP))
        drawn = overview.cycles[-min(_DRAWN_CYCLES, most) :]
        parts.append(heading(_cycles_title(drawn)))
        parts.append(_chart(drawn, screen, sums=sums))
    return screen.framed(f"{overview.shop.unit} · {iso(overview.at)}", colour, *parts)


def _pairs() -> Table:
    """Names and what stands beside them."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _facts(overview: Overview, colour: str) -> ConsoleRenderable:
    table = _pairs()
    table.add_row("health", Text(overview.health, style=f"bold {colour}"))
    table.add_row("HEAD", Text.assemble((str(overview.head), "bold"), f"  {_distance(overview)}"))
    if overview.rescans:
        ranges = ", ".join(f"{first} to {last}" for first, last in overview.rescans)
        table.add_row("rescan", f"ids {ranges} are still to be checked again")
    table.add_row("next cycle", _next_cycle(overview))
    if overview.resting:
        table.add_row("next attempt", _next_attempt(overview))
    last = overview.cycles[-1] if overview.cycles else None
    if overview.is_verified is False:
        believed = "believed, not verified: order_exists is switched off (ordermonit check node)"
        table.add_row("insertions", overview.shop.typed(believed))
    table.add_row("last cycle", "none yet" if last is None else _last_cycle(last, overview))
    return table


def _distance(overview: Overview) -> str:
    newest, behind = overview.newest, overview.behind
    if newest.id is None or behind is None:
        return f"the newest order of the Front is not known: {newest.error}"
    if behind == 0:
        return "is the newest order of the Front"
    if behind < 0:
        return f"is ahead of the newest order of the Front, {newest.id}"
    return f"the newest order of the Front, {newest.id}, is {counted(behind, 'id')} ahead"


def _next_cycle(overview: Overview) -> str:
    timer = overview.timer
    if timer is None:
        return "not known: there is no systemd here that could be asked for its timer"
    if timer.is_running:
        return f"runs now: {timer.doing or 'it begins'}"
    if not timer.is_installed:
        return f"not known: {overview.shop.timer} is not installed"
    if not timer.is_active:
        return f"none: {overview.shop.timer} is not active"
    if timer.next_at is None:
        return "when the timer fires; it does not say when"
    return f"in {spoken((timer.next_at - overview.at).total_seconds())} ({iso(timer.next_at)})"


def _next_attempt(overview: Overview) -> str:
    """Of orders that rest by `retry_wait` and its like."""
    first = overview.resting[0].until
    wait = spoken((first - overview.at).total_seconds())
    rest = "1 order rests" if len(overview.resting) == 1 else f"{len(overview.resting)} orders rest"
    return f"in {wait} ({iso(first)}) or later; {rest}"


def _last_cycle(last: CycleResult, overview: Overview) -> Text:
    try:
        when = ago(moment(last.finished_at), overview.at)
    except ValueError:
        when = last.finished_at
    if last.exit:
        return Text.assemble(f"{when} ", (f"failed with exit {last.exit}", "red"), ", see below")
    return Text(f"{when}: {overview.shop.typed(last.result)}")


def _orders(overview: Overview, screen: Screen) -> ConsoleRenderable:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    most = max(1, *overview.counts.values())
    digits = len(str(most))
    widest = max(1, min(_WIDEST_BAR, screen.room - _NAME - digits - 4))
    for status, count in overview.counts.items():
        style = STYLES[status] if count else "dim"
        note = ""
        if status is Status.SUCCESS and count >= KEPT_RESOLVED:
            note = f" the newest {KEPT_RESOLVED} are kept"
        length = -(-count * widest // most)
        bar = ("#" if screen.options.ascii_only else "━") * length
        table.add_row(
            Text(status, style), Text(str(count), style), Text.assemble((bar, style), note)
        )
    return table


def _problem(problem: Problem, overview: Overview) -> ConsoleRenderable:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, min_width=8)
    table.add_column(overflow="fold")
    colour = _COLOURS[problem.health]
    table.add_row(Text(problem.health, style=f"bold {colour}"), Text(problem.what))
    if problem.since is not None:
        table.add_row("", Text(f"since {ago(problem.since, overview.at)}", style="dim"))
    table.add_row("", Text(problem.remedy, style="bold"))
    return table


def _cycles_title(drawn: Sequence[CycleResult]) -> str:
    many = "The last cycle" if len(drawn) == 1 else f"The last {len(drawn)} cycles"
    return f"{many}, since {drawn[0].started_at}"


def _chart(cycles: Sequence[CycleResult], screen: Screen, *, sums: bool) -> ConsoleRenderable:
    """A column for each cycle, one scale for all rows; `sums` are what they come to."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, min_width=15)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="dim")
    rows = (
        ("orders checked", "blue", [each.checked for each in cycles]),
        ("inserted", "green", [each.inserted for each in cycles]),
        ("failed", "yellow", [each.failed for each in cycles]),
    )
    most = max(max(values) for _, _, values in rows)
    for name, style, values in rows:
        told = f"{sum(values)} in all, at most {max(values)}" if sums else ""
        bars = "".join(bar(each, most, screen.options.ascii_only) for each in values)
        table.add_row(name, Text(bars, style=style), told)
    broken = sum(bool(each.exit) for each in cycles)
    if broken:
        marks = "".join("!" if each.exit else " " for each in cycles)
        table.add_row(
            "ended badly", Text(marks, style="bold red"), f"{broken} in all" if sums else ""
        )
    return table
