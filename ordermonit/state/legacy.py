"""The former service's checkpoint, in both of its generations, as records.

One order a line, columns between blanks, dates in local time:

    index created updated id status attempts
    index created updated id status reason attempts

The `^HEAD` line stands in place of an index. It is the record of the newest order as well, and in a
file of the second generation it may still have the first one's columns.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from ordermonit.errors import CheckpointError
from ordermonit.orders.model import InsertedBy, Reason, Record, Status

#: The reasons that an order of the former service can have failed for, and still be tried again.
_FAILURES = frozenset(
    {Reason.NOT_FOUND, Reason.REJECTED, Reason.TIMEOUT, Reason.UNKNOWN, Reason.INVALID_NUMBER}
)

_COLUMNS = "index created updated id status [reason] attempts"
_DATE = re.compile(r"([0-9]{2})/([0-9]{2})/([0-9]{4})-([0-9]{2}):([0-9]{2}):([0-9]{2})")
_WORD = re.compile(r"[A-Z][A-Z_]{0,63}")

#: The greatest id of a database's bigint.
_GREATEST_ID = 2**63 - 1
_MOST_ATTEMPTS = 1_000_000

#: Dates before it are damage: no computer's clock shows them.
_FIRST_YEAR = 1970

#: How much of an odd value a message shows, in characters.
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Legacy:
    """What a former checkpoint says. `notes` are sentences for the person who imports it."""

    head: int
    records: tuple[Record, ...]
    notes: tuple[str, ...] = ()


#: So many odd lines are named: of a file that is no checkpoint at all every line is odd.
_NAMED = 20


class _Odd(Exception):
    """What is odd about a line."""


def parse(text: str, name: str, zone: tzinfo | None = None) -> Legacy:
    """HEAD and all records of a former checkpoint, in the order of its lines.

    `name` is the file's, for messages. `zone` is the former service's, None for this machine's.
    The file has no order numbers: they are read from the Front later. An unresolved record counts
    as maybe ours, since the former service had run its insertion, so its payment is followed.

    Raises CheckpointError that names the odd lines, one a line of the message, up to a limit.
    """
    problems: list[str] = []
    records: dict[int, tuple[int, Record]] = {}
    heads: list[tuple[int, int]] = []
    # Not splitlines: it splits at characters that are no line's end in a file.
    for at, line in enumerate(text.split("\n"), start=1):
        columns = line.removesuffix("\r").split(" ")
        columns = [column for column in columns if column]
        if not columns:
            continue
        is_head = columns[0] == "^HEAD"
        if is_head and heads:
            problems.append(
                f"line {at}: found a second ^HEAD, after that of line {heads[0][0]}; expected one"
            )
            continue
        try:
            record = _record(columns, zone)
        except _Odd as odd:
            problems.append(f"line {at}: {odd}")
            if is_head:
                heads.append((at, 0))
            continue
        if record.id in records:
            first = records[record.id][0]
            problems.append(
                f"line {at}: found order {record.id} again, after line {first}; expected it once"
            )
        else:
            records[record.id] = (at, record)
        if is_head:
            heads.append((at, record.id))
    if not heads:
        problems.append("found no ^HEAD line; expected the one of the newest order")
    if problems:
        shown = problems[:_NAMED]
        if len(problems) > _NAMED:
            shown.append(f"and {len(problems) - _NAMED} more; is it the right file?")
        raise CheckpointError(
            [f"{name}: {problem}" for problem in shown],
            "Nothing was imported. Correct or delete what is named here, then import again",
        )
    return Legacy(
        heads[0][1],
        tuple(record for _, record in records.values()),
        tuple(f"{name}: {note}" for note in _notes(heads[0], records)),
    )


def _notes(head: tuple[int, int], records: dict[int, tuple[int, Record]]) -> list[str]:
    """HEAD is taken as it stands even below another order: orders after it are checked again, which
    is safe, while a HEAD at the greatest id could pass orders that nobody ever checked."""
    greatest = max(records)
    if greatest <= head[1]:
        return []
    return [
        f"line {head[0]}: ^HEAD is order {head[1]}, below order {greatest} of line"
        f" {records[greatest][0]}. The orders after {head[1]} are checked again"
    ]


def _record(columns: list[str], zone: tzinfo | None) -> Record:
    match columns:
        case [index, created, updated, id, status, attempts]:
            reason = None
        case [index, created, updated, id, status, reason, attempts]:
            pass
        case _:
            raise _Odd(
                f"found {len(columns)} columns, {_shown(' '.join(columns))};"
                f" expected 6 or 7: {_COLUMNS}"
            )
    if index != "^HEAD":
        _number(index, "an index", 0, _GREATEST_ID)
    now = _status(status, reason)
    return Record(
        id=_number(id, "an order's id", 1, _GREATEST_ID),
        number=None,
        status=now[0],
        reason=now[1],
        created_at=_moment(created, zone),
        updated_at=_moment(updated, zone),
        attempts=_number(attempts, "a number of attempts", 0, _MOST_ATTEMPTS),
        inserted_by=InsertedBy.OTHERS if now[0] is Status.SUCCESS else InsertedBy.MAYBE_US,
    )


def _status(status: str, reason: str | None) -> tuple[Status, Reason]:
    if reason is not None and not _WORD.fullmatch(reason):
        raise _Odd(f"found {_shown(reason)}, expected a reason such as NOT_FOUND")
    match status, reason:
        case "SUCCESS", None | "OK":
            return Status.SUCCESS, Reason.OK
        case "FAILED", "PAYMENT_PENDING":
            return Status.PAYMENT_PENDING, Reason.NOT_DUE
        case "FAILED", _:
            known = Reason(reason) if reason in _FAILURES else Reason.NOT_FOUND
            return Status.FAILED, known
        case "SUCCESS", _:
            raise _Odd(f"found SUCCESS because of {reason}, expected SUCCESS OK")
    raise _Odd(f"found {_shown(status)}, expected SUCCESS or FAILED")


def _number(text: str, expected: str, least: int, most: int) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 19 and least <= int(text) <= most:
        return int(text)
    raise _Odd(f"found {_shown(text)}, expected {expected}")


def _moment(text: str, zone: tzinfo | None) -> datetime:
    parts = _DATE.fullmatch(text)
    try:
        if parts is not None and int(parts[3]) >= _FIRST_YEAR:
            day, month, year, hour, minute, second = map(int, parts.groups())
            local = datetime(year, month, day, hour, minute, second, tzinfo=zone)
            return local.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise _Odd(f"found {_shown(text)}, expected a date such as 31/12/2012-23:59:59")


def _shown(text: str) -> str:
    """Text in quotes; whatever is not plain is escaped, so binary data is harmless."""
    return ascii(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
