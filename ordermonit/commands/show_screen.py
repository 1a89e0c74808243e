"""`show` as one screen. Imports rich: see `drawing`."""

from rich.console import ConsoleRenderable
from rich.table import Table
from rich.text import Text

from ordermonit.commands.screen import STYLES, Screen, ago, heading
from ordermonit.commands.story import Story
from ordermonit.health.history import Entry
from ordermonit.orders.events import Priority
from ordermonit.times import iso, spoken

#: From this many seconds on, how long an operation took is shown in whole ones.
_LONG = 10


def draw(story: Story, screen: Screen) -> ConsoleRenderable:
    """The whole screen: where it stands, what happened, what comes next."""
    record = story.record
    style = "blue" if record is None else STYLES[record.status]
    parts: list[ConsoleRenderable] = [_facts(story), heading("What happened")]
    if story.history.is_cut:
        newest = len(story.history.entries)
        parts.append(Text(f"(the newest {newest} entries; older ones are in the journal)"))
    if story.history.entries:
        parts.append(_timeline(story))
    if story.history.trouble is not None:
        parts.append(Text(story.history.trouble, style="yellow"))
    parts += [heading("What comes next"), Text(story.outlook.what)]
    if story.next_at is not None:
        wait = spoken((story.next_at - story.at).total_seconds())
        parts.append(Text(f"in {wait} ({iso(story.next_at)})", style="dim"))
    return screen.framed(f"order {story.number}", style, *parts)


def _facts(story: Story) -> ConsoleRenderable:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    record = story.record
    table.add_row("order", Text(story.number, style="bold"))
    if story.first_seen is not None:
        table.add_row("first seen", ago(story.first_seen, story.at))
    if record is None:
        table.add_row("stands", "no record in the checkpoint any more")
        return table
    table.add_row(
        "stands", Text.assemble((record.status, STYLES[record.status]), f", {record.reason}")
    )
    table.add_row("changed", ago(record.updated_at, story.at))
    table.add_row("id", str(record.id))
    table.add_row("attempts", str(record.attempts))
    if record.in_flight is not None:
        unknown = "begun, and whether it took effect is not known"
        table.add_row("in flight", f"{record.in_flight}: {unknown}")
    if record.last_error is not None:
        table.add_row("last error", record.last_error)
    return table


def _timeline(story: Story) -> ConsoleRenderable:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(style="dim", justify="right", no_wrap=True)
    for entry in story.history.entries:
        style = _style(entry.priority)
        message = entry.message.removeprefix(f"order {story.number}: ")
        table.add_row(iso(entry.at), Text(message, style=style), _took(entry))
    return table


def _style(priority: int) -> str:
    if priority <= Priority.ERR:
        return "bold red"
    if priority == Priority.WARNING:
        return "yellow"
    return "bold" if priority == Priority.NOTICE else ""


def _took(entry: Entry) -> str:
    if entry.duration is None:
        return ""
    if entry.duration < _LONG:
        return f"{entry.duration:.2f} s"
    return spoken(entry.duration)
