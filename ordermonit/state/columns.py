"""The columns of the checkpoint's lines: how values are written, and what of them is read again."""

import json
from datetime import datetime

from ordermonit.orders.model import VALID_NUMBER, Awaited, Late, Operation, Record
from ordermonit.times import iso


def time_column(time: datetime | None) -> str:
    """A time, or - where it is not known."""
    return "-" if time is None else iso(time)


def _quoted(text: str) -> str:
    """A JSON string without a blank or a line's end, so that columns stay columns."""
    return json.dumps(text).replace(" ", "\\u0020")


def number_column(number: str | None) -> str:
    """An order's number, quoted where it is an odd one; ? without one."""
    if number is None:
        return "?"
    return number if VALID_NUMBER.fullmatch(number) else _quoted(number)


#: Longest id, in digits: 2^64 of MySQL's BIGINT UNSIGNED, and what a NUMERIC may grow to.
_LONGEST_ID = 38


def natural(text: str) -> int:
    """A whole number. Raises ValueError, as all of these do for what is never written."""
    if not (text.isascii() and text.isdigit()) or len(text) > _LONGEST_ID:
        raise ValueError(f"found {text[:40]!r}, expected a whole number")
    return int(text)


def moment(text: str) -> datetime:
    """What `iso` wrote."""
    if len(text) != 20 or text[-1] != "Z":
        raise ValueError(f"found {text[:40]!r}, expected a time such as 2026-01-31T12:00:00Z")
    return datetime.fromisoformat(text)


def time_or_none(text: str) -> datetime | None:
    """What `time_column` wrote."""
    return None if text == "-" else moment(text)


def seconds(text: str) -> float:
    """Seconds, with their fraction."""
    seconds = float(text)
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"found {text[:40]!r}, expected seconds")
    return seconds


def number(text: str) -> str | None:
    """What `number_column` wrote."""
    if text == "?":
        return None
    if VALID_NUMBER.fullmatch(text):
        return text
    return unquoted(text)


def unquoted(text: str) -> str:
    """A JSON string."""
    # The first character decides: json gives up on deep nesting with a RecursionError.
    value = json.loads(text) if text.startswith('"') else None
    if not isinstance(value, str):
        raise ValueError(f"found {text[:40]!r}, expected a quoted text")
    return value


def in_flight_column(record: Record) -> str:
    """What is in flight and, where its effect is awaited, why and since when; - for nothing."""
    if record.in_flight is None:
        return "-"
    awaited = record.awaited
    if awaited is None:
        return record.in_flight
    boot = "" if awaited.boot is None else f",{round(awaited.boot, 3)}"
    return f"{record.in_flight},{awaited.late},{time_column(awaited.since)}{boot}"


def in_flight(text: str) -> tuple[Operation | None, Awaited | None]:
    """What `in_flight_column` wrote."""
    match text.split(","):
        case ["-"]:
            return None, None
        case [operation]:
            return Operation(operation), None
        case [operation, late, since]:
            return Operation(operation), Awaited(Late(late), time_or_none(since))
        case [operation, late, since, boot]:
            return Operation(operation), Awaited(Late(late), moment(since), seconds(boot))
    raise ValueError(f"found {text[:40]!r}, expected what is in flight")
