"""The checkpoint as a value and as text.

The text is for people as well: a version, HEAD (the high-water mark on the orders' id), the gaps
behind it, one order a line, and a checksum over all of it. Reading is strict: what is not exactly
what was written is refused by line, since guessing could lose an order.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from ordermonit.errors import CheckpointError
from ordermonit.gaps import Gap, Moment, filled, fresh, noted
from ordermonit.model import VALID_NUMBER, Operation, Reason, Record, Status

#: How many resolved records are kept for people to look at. The journal is the history.
KEPT_RESOLVED = 100

VERSION = 1
_TITLE = "id number status reason attempts created updated in-flight inserted-by error"
_CHECKSUM = b"^CHECKSUM sha256 "


class Checkpoint:
    """HEAD, gaps and records. Changing it changes memory only; `state.py` makes it durable.

    `recovered` is true after `ordermonit recover`, until the next new orders have been checked: the
    one write that was lost may have been the intent to insert one of them.
    """

    def __init__(self, head: int, records: Iterable[Record] = (), gaps: Iterable[Gap] = ()) -> None:
        self.head = head
        self.gaps = tuple(gaps)
        self.recovered = False
        self.records: dict[int, Record] = {}
        # One durable operation changes one record: the other lines are not made again.
        self._lines: dict[int, bytes] = {}
        self._resolved: dict[int, None] = {}
        for record in records:
            self.put(record)

    def put(self, record: Record) -> None:
        """Add or replace a record; beyond `KEPT_RESOLVED` the oldest resolved one is dropped."""
        self.records.pop(record.id, None)
        self._lines.pop(record.id, None)
        self._resolved.pop(record.id, None)
        self.records[record.id] = record
        self._lines[record.id] = f"{_line(record)}\n".encode()
        if not record.is_open:
            self._resolved[record.id] = None
            if len(self._resolved) > KEPT_RESOLVED:
                oldest = next(iter(self._resolved))
                for kept in (self.records, self._lines, self._resolved):
                    del kept[oldest]

    def passed(self, known: Iterable[int], now: Moment, window: float) -> None:
        """HEAD moves over the ascending ids in `known`; what lay between becomes gaps.

        Ids behind HEAD are late orders: they are no gap any more. HEAD never falls (rule C6).
        Gaps whose window has passed are dropped, so that they don't add up over the years.
        """
        for id in known:
            if id > self.head:
                self.gaps = noted(fresh(self.gaps, now, window), self.head, (id,), now, window)
                self.head = id
            else:
                self.gaps = filled(self.gaps, id)

    def encode(self) -> bytes:
        """The text, with its checksum."""
        return b"".join(self.pieces())

    def pieces(self) -> tuple[bytes, bytes]:
        """The text and its checksum's line: one copy less of what may be a megabyte."""
        head = [f"^VERSION {VERSION} {_TITLE}", f"^HEAD {self.head}"]
        head += [_gap_line(gap) for gap in self.gaps]
        if self.recovered:
            head.append("^RECOVERED")
        title = "".join(f"{line}\n" for line in head).encode()
        body = b"".join((title, *self._lines.values()))
        return body, _CHECKSUM + hashlib.sha256(body).hexdigest().encode() + b"\n"


def _stamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _gap_line(gap: Gap) -> str:
    return (
        f"^GAP {gap.first} {gap.last} {gap.step} {_stamp(gap.seen.wall)} {round(gap.seen.boot, 3)}"
    )


def _quoted(text: str) -> str:
    """A JSON string without a blank or a line's end, so that columns stay columns."""
    return json.dumps(text).replace(" ", "\\u0020")


def _number_column(number: str | None) -> str:
    if number is None:
        return "?"
    return number if VALID_NUMBER.fullmatch(number) else _quoted(number)


def _line(record: Record) -> str:
    return " ".join(
        (
            str(record.id),
            _number_column(record.number),
            record.status,
            record.reason,
            str(record.attempts),
            _stamp(record.created_at),
            _stamp(record.updated_at),
            record.in_flight or "-",
            "us" if record.sent else "-",
            "-" if record.last_error is None else json.dumps(record.last_error),
        )
    )


def decode(data: bytes, name: str) -> Checkpoint:
    """The checkpoint that this text says. `name` is the file's, for messages.

    Raises CheckpointError, naming the place, for anything but a text that `encode` wrote.
    """
    lines = _verified(data, name)
    checkpoint: Checkpoint | None = None
    gaps: list[Gap] = []
    recovered = False
    records: list[Record] = []
    for at, line in enumerate(lines[1:], start=2):
        try:
            if line.startswith("^HEAD ") and checkpoint is None:
                checkpoint = Checkpoint(_natural(line[6:]))
            elif line.startswith("^GAP "):
                gaps.append(_parsed_gap(line))
            elif line == "^RECOVERED":
                recovered = True
            else:
                records.append(_parsed_record(line))
        except ValueError as problem:
            raise _damaged(name, f"line {at}: {problem}") from None
    if checkpoint is None:
        raise _damaged(name, "it has no ^HEAD line")
    if len({record.id for record in records}) != len(records):
        raise _damaged(name, "an order stands in it twice")
    for record in records:
        checkpoint.put(record)
    checkpoint.gaps = tuple(gaps)
    checkpoint.recovered = recovered
    return checkpoint


def _damaged(name: str, what: str) -> CheckpointError:
    return CheckpointError(
        f"{name} is damaged: {what}",
        "Nothing was changed. Type: ordermonit recover (it shows the previous good checkpoint"
        " and restores it; checking orders again is safe)",
    )


def _verified(data: bytes, name: str) -> list[str]:
    """The lines before the checksum, once version and checksum are right."""
    if not data.strip(b"\0"):
        raise _damaged(name, "it is empty")
    title, _, _ = data.partition(b"\n")
    match title.split(b" ", 2):
        case [b"^VERSION", version, *_] if version != str(VERSION).encode():
            raise CheckpointError(
                f"{name} is of version {version[:20].decode('ascii', 'replace')},"
                f" and this program writes version {VERSION}",
                "Install the ordermonit that wrote it, or type: ordermonit recover",
            )
        case [b"^VERSION", _, *_]:
            pass
        case _:
            raise _damaged(name, "line 1: expected ^VERSION")
    at = data.rfind(_CHECKSUM)
    if at <= 0 or data[at - 1 : at] != b"\n" or not data.endswith(b"\n"):
        raise _damaged(name, "it is cut off: the ^CHECKSUM line at its end is missing")
    body = data[:at]
    found = data[at + len(_CHECKSUM) : -1]
    if found != hashlib.sha256(body).hexdigest().encode():
        raise _damaged(name, "its checksum does not fit its text")
    try:
        return body.decode("utf-8")[:-1].split("\n")
    except UnicodeDecodeError:
        raise _damaged(name, "it is not UTF-8") from None


def _natural(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 19:
        raise ValueError(f"found {text[:40]!r}, expected a whole number")
    return int(text)


def _moment(text: str) -> datetime:
    if len(text) != 20 or text[-1] != "Z":
        raise ValueError(f"found {text[:40]!r}, expected a time such as 2026-01-31T12:00:00Z")
    return datetime.fromisoformat(text)


def _parsed_gap(line: str) -> Gap:
    match line.split(" "):
        case [_, first, last, step, wall, boot]:
            gap = Gap(
                _natural(first), _natural(last), Moment(_moment(wall), float(boot)), _natural(step)
            )
        case _:
            raise ValueError("expected ^GAP first last step seen-at seconds-since-boot")
    if not 0 < gap.first <= gap.last or gap.step == 1 or not 0 <= gap.seen.boot < float("inf"):
        raise ValueError("a gap that can't be")
    return gap


def _parsed_number(text: str) -> str | None:
    if text == "?":
        return None
    if VALID_NUMBER.fullmatch(text):
        return text
    return _unquoted(text)


def _unquoted(text: str) -> str:
    # The first character decides: json gives up on deep nesting with a RecursionError.
    value = json.loads(text) if text.startswith('"') else None
    if not isinstance(value, str):
        raise ValueError(f"found {text[:40]!r}, expected a quoted text")
    return value


def _parsed_record(line: str) -> Record:
    columns = line.split(" ", 9)
    if len(columns) != 10:
        raise ValueError(f"found {len(columns)} columns, expected 10: {_TITLE}")
    id, number, status, reason, attempts, created, updated, in_flight, sent, error = columns
    if sent not in ("us", "-"):
        raise ValueError(f"found {sent[:40]!r}, expected us or -")
    return Record(
        id=_natural(id),
        number=_parsed_number(number),
        status=Status(status),
        reason=Reason(reason),
        created_at=_moment(created),
        updated_at=_moment(updated),
        attempts=_natural(attempts),
        in_flight=None if in_flight == "-" else Operation(in_flight),
        sent=sent == "us",
        last_error=None if error == "-" else _unquoted(error),
    )


def readable(data: bytes) -> Iterator[str]:
    """The lines of a damaged checkpoint that still read as an order or HEAD, for a person."""
    for raw in data.split(b"\n"):
        line = raw.decode("utf-8", "replace")
        try:
            if line.startswith("^HEAD "):
                _natural(line[6:])
            else:
                _parsed_record(line)
        except ValueError:
            continue
        yield line
