"""`orders` as a table on a terminal. Imports rich: see `drawing`."""

from collections.abc import Callable, Sequence
from datetime import datetime

from rich import box
from rich.console import ConsoleRenderable, Group
from rich.table import Table
from rich.text import Text

from ordermonit.commands.screen import STYLES, heading
from ordermonit.orders.model import Record
from ordermonit.times import spoken

#: Columns that an error needs beside the others; with less it stands below the table.
_ERROR_WIDTH = 30

_COLUMNS: dict[str, Callable[[Record, datetime], str]] = {
    "ID": lambda record, _: str(record.id),
    "NUMBER": lambda record, _: record.name,
    "STATUS": lambda record, _: record.status,
    "REASON": lambda record, _: record.reason,
    "TRIES": lambda record, _: str(record.attempts),
    "FIRST SEEN": lambda record, now: _ago(record.created_at, now),
    "UPDATED": lambda record, now: _ago(record.updated_at, now),
}

#: What a narrow terminal goes without, the first one first.
_SPARED = ("UPDATED", "FIRST SEEN", "TRIES", "ID")


def draw(records: Sequence[Record], now: datetime, width: int) -> ConsoleRenderable:
    """One row a record, as narrow as can be: there is an error to read beside it, or below."""
    if not records:
        return Text("no order fits")
    cells = {name: [cell(each, now) for each in records] for name, cell in _COLUMNS.items()}
    widths = {name: max(map(len, (name, *column))) + 2 for name, column in cells.items()}
    for name in _SPARED:
        if sum(widths.values()) > width:
            del widths[name]
    beside = width - sum(widths.values()) >= _ERROR_WIDTH
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    for name in widths:
        table.add_column(name, justify="right" if name in ("ID", "TRIES") else "left", no_wrap=True)
    if beside:
        table.add_column("LAST ERROR", overflow="fold")
    for at, record in enumerate(records):
        row = (
            Text(cells[name][at], STYLES[record.status] if name == "STATUS" else "")
            for name in widths
        )
        table.add_row(*row, *([record.last_error or ""] if beside else []))
    return table if beside else Group(table, *_errors(records))


def _errors(records: Sequence[Record]) -> list[ConsoleRenderable]:
    """The last error of each order that has one, in the terminal's whole width."""
    found = [record for record in records if record.last_error is not None]
    if not found:
        return []
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for record in found:
        table.add_row(record.name, record.last_error)
    return [heading("Last errors"), table]


def _ago(moment: datetime, now: datetime) -> str:
    return f"{spoken((now - moment).total_seconds())} ago"
