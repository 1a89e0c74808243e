"""`orders`: the checkpoint's records, as a table, as JSON, as CSV."""

import csv
import json
import sys
from argparse import Namespace
from collections.abc import Iterable
from datetime import UTC, datetime
from shlex import quote

from ordermonit.commands.context import Context
from ordermonit.commands.drawing import drawing
from ordermonit.errors import Exit, UsageError
from ordermonit.orders.model import Record, by_id
from ordermonit.times import iso

_COLUMNS = (
    *("id", "number", "status", "reason", "attempts", "last_error"),
    *("created_at", "updated_at", "in_flight"),
)


def orders(context: Context) -> int:
    """The checkpoint's records, or those that were asked for."""
    arguments = context.arguments
    records = sorted(context.state.read().records.values(), key=lambda record: record.id)
    now = datetime.now(UTC)
    records = chosen(records, arguments, now)
    if arguments.json:
        print(json.dumps([as_json(record) for record in records]))
        return Exit.OK
    if arguments.csv:
        writer = csv.DictWriter(sys.stdout, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(as_json(record) for record in records)
        return Exit.OK
    if not sys.stdout.isatty():
        _print_lines(records)
        return Exit.OK
    with drawing():
        from ordermonit.commands.orders_screen import draw
        from ordermonit.commands.screen import Screen
    screen = Screen()
    screen.show(draw(records, now, screen.width))
    return Exit.OK


def chosen(records: Iterable[Record], arguments: Namespace, now: datetime) -> list[Record]:
    """The records that every filter lets through; an order's age counts from its first record.

    Raises UsageError for a number that no record has.
    """
    records = list(records)
    numbers: list[str] = arguments.number
    missing = not_among(records, numbers)
    if missing:
        raise UsageError(
            f"no record has the number {', '.join(missing)}",
            f"For what the journal has, type: ordermonit show {quote(missing[0])}",
        )
    if numbers:
        records = called(records, numbers)
    if arguments.status:
        records = [each for each in records if each.status in arguments.status]
    if arguments.reason:
        records = [each for each in records if each.reason in arguments.reason]
    if arguments.older_than is not None:
        records = [each for each in records if now - each.created_at > arguments.older_than]
    if arguments.newer_than is not None:
        records = [each for each in records if now - each.created_at <= arguments.newer_than]
    return records


def called(records: Iterable[Record], names: Iterable[str]) -> list[Record]:
    """The records that are called by one of these names: a number, or an id as `id:17`."""
    wanted = frozenset(names)
    return [each for each in records if each.number in wanted or by_id(each.id) in wanted]


def not_among(records: Iterable[Record], names: Iterable[str]) -> list[str]:
    """The names that no record is called by."""
    known = {name for record in records for name in (record.number, by_id(record.id))}
    return sorted(set(names) - known)


def _print_lines(records: Iterable[Record]) -> None:
    """For a pipe: one line a record, in columns; ten thousand of them in no time."""
    rows = [("ID", "NUMBER", "STATUS", "REASON", "ATTEMPTS", "FIRST SEEN", "UPDATED", "LAST ERROR")]
    rows += [
        (
            str(record.id),
            record.name,
            record.status,
            record.reason,
            str(record.attempts),
            iso(record.created_at),
            iso(record.updated_at),
            record.last_error or "",
        )
        for record in records
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    for *cells, last in rows:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        print("  ".join((*padded, last)).rstrip())


def as_json(record: Record) -> dict[str, object]:
    """A record as `--json` and `--csv` have it."""
    return {
        "id": record.id,
        "number": record.number,
        "status": record.status,
        "reason": record.reason,
        "attempts": record.attempts,
        "last_error": record.last_error,
        "created_at": iso(record.created_at),
        "updated_at": iso(record.updated_at),
        "in_flight": record.in_flight,
    }
