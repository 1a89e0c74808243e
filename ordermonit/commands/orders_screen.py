"""`orders` as a table on a terminal. Imports rich: see `drawing`."""

from collections.abc import Sequence
from datetime import datetime

from rich import box
from rich.console import ConsoleRenderable
from rich.table import Table
from rich.text import Text

from ordermonit.commands.screen import STYLES
from ordermonit.model import Record
from ordermonit.times import spoken


def draw(records: Sequence[Record], now: datetime) -> ConsoleRenderable:
    """One row a record, as narrow as can be: there is an error to read beside it."""
    if not records:
        return Text("no order fits")
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("ID", "NUMBER", "STATUS", "REASON", "TRIES", "FIRST SEEN", "UPDATED"):
        table.add_column(name, justify="right" if name in ("ID", "TRIES") else "left", no_wrap=True)
    table.add_column("LAST ERROR", overflow="fold")
    for record in records:
        table.add_row(
            str(record.id),
            record.number or "?",
            Text(record.status, style=STYLES[record.status]),
            record.reason,
            str(record.attempts),
            _ago(record.created_at, now),
            _ago(record.updated_at, now),
            record.last_error or "",
        )
    return table


def _ago(moment: datetime, now: datetime) -> str:
    return f"{spoken((now - moment).total_seconds())} ago"
