"""The checkpoint as a value and as text.

The text is for people as well: a version, HEAD (the high-water mark on the orders' id), the gaps
behind it, one order a line, and a checksum over all of it. Reading is strict: what is not exactly
what was written is refused by line, since guessing could lose an order.

The checksum is the sum of all lines' SHA-256, modulo 2^256: with ten thousand open records a
durable operation hashes the one line that it changed. So it is blind to the lines' order, which
says no more than which of the resolved orders is the oldest.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import timedelta

from ordermonit.errors import CheckpointError
from ordermonit.orders.gaps import Gap, filled, noted
from ordermonit.orders.model import (
    Identity,
    InsertedBy,
    Reason,
    Record,
    Status,
)
from ordermonit.state.columns import (
    in_flight,
    in_flight_column,
    moment,
    natural,
    number_column,
    time_column,
    time_or_none,
    unquoted,
)
from ordermonit.state.columns import number as parsed_number
from ordermonit.state.signs import Signs, parsed_gap, parsed_head, parsed_range
from ordermonit.times import iso

#: How many resolved records are kept for people to look at. The journal is the history.
KEPT_RESOLVED = 100

#: So many of the orders that vanished are looked for, in case that they come back; and however many
#: vanished within so long of the newest, since one look at a Front may miss them all.
KEPT_GONE = 100
KEPT_GONE_FOR = timedelta(days=7)

VERSION = 2

#: What is read: a version 1 is that of ordermonit 1.0. Its orders have no `ordered`, its HEAD has
#: no number, and its gaps say when they were seen: they are looked into anew.
_READABLE = (b"1", b"2")
_TITLE = "id number status reason attempts created updated in-flight inserted-by ordered error"
_CHECKSUM = b"^CHECKSUM sum-of-sha256 "
_MODULUS = 1 << 256


class Checkpoint(Signs):
    """HEAD, gaps and records. Changing it changes memory only; `directory` makes it durable."""

    def __init__(self, head: int, records: Iterable[Record] = (), gaps: Iterable[Gap] = ()) -> None:
        super().__init__(head, gaps)
        self.records: dict[int, Record] = {}
        # One durable operation changes one record: the other lines are not made again.
        self._lines: dict[int, bytes] = {}
        self._sum = 0
        self._resolved: dict[int, None] = {}
        self._gone: dict[int, None] = {}
        for record in records:
            self.put(record)

    def put(self, record: Record) -> None:
        """Add or replace a record; beyond `KEPT_RESOLVED` the oldest resolved one is dropped, and
        so are those of orders that vanished beyond `KEPT_GONE` and longer ago than `KEPT_GONE_FOR`.

        What a person dismissed is never dropped: a rescan would take it for a missing order.
        """
        self._drop(record.id)
        line = f"{_line(record)}\n".encode()
        self.records[record.id] = record
        self._lines[record.id] = line
        self._sum += _digest(line)
        if record.may_be_checked_again:
            is_gone = record.reason is Reason.GONE
            ring, kept = (self._gone, KEPT_GONE) if is_gone else (self._resolved, KEPT_RESOLVED)
            ring[record.id] = None
            while len(ring) > kept and not self._is_fresh(first := next(iter(ring)), record):
                self._drop(first)

    @property
    def gone(self) -> Iterable[int]:
        """The ids of orders that vanished, and that may come back."""
        return self._gone

    def _is_fresh(self, id: int, newest: Record) -> bool:
        """Whether this order vanished about when the newest of the gone ones did."""
        since = newest.updated_at - self.records[id].updated_at
        return newest.reason is Reason.GONE and since <= KEPT_GONE_FOR

    def _drop(self, id: int) -> None:
        line = self._lines.pop(id, None)
        if line is not None:
            self._sum -= _digest(line)
            del self.records[id]
            self._resolved.pop(id, None)
            self._gone.pop(id, None)

    def forget(self, id: int) -> None:
        """Drop the record of what turned out to be no order."""
        self._drop(id)

    def passed(self, id: int, order: Identity | None, window: float) -> None:
        """HEAD moves over this order, and what lay between becomes a gap.

        An id behind HEAD is a late order's: it is no gap any more. HEAD never falls (rule C6).
        `window` is `late_commit_window` in seconds.
        """
        if id > self.head:
            self.gaps = noted(self.gaps, self.head, (id,), window)
            self.head, self.head_order = id, order
        else:
            self.gaps = filled(self.gaps, id)

    def encode(self) -> bytes:
        """The text, with its checksum."""
        return b"".join(self.pieces())

    def pieces(self) -> tuple[bytes, ...]:
        """The text in pieces: one copy less of what may be a megabyte."""
        title = [f"{line}\n".encode() for line in (f"^VERSION {VERSION} {_TITLE}", *self.signs())]
        checksum = _checksum(self._sum + sum(map(_digest, title)))
        return b"".join(title), b"".join(self._lines.values()), checksum


def _digest(line: bytes) -> int:
    return int.from_bytes(hashlib.sha256(line).digest())


def _checksum(total: int) -> bytes:
    return _CHECKSUM + f"{total % _MODULUS:064x}\n".encode()


def checksum(body: bytes) -> bytes:
    """The checksum's line for a text that ends with a line's end."""
    return _checksum(sum(_digest(line + b"\n") for line in body.split(b"\n")[:-1]))


def _line(record: Record) -> str:
    return " ".join(
        (
            str(record.id),
            number_column(record.number),
            record.status,
            record.reason,
            str(record.attempts),
            iso(record.created_at),
            iso(record.updated_at),
            in_flight_column(record),
            record.inserted_by,
            time_column(record.ordered_at),
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
    records: list[Record] = []
    for at, line in enumerate(lines[1:], start=2):
        try:
            if line.startswith("^HEAD ") and checkpoint is None:
                head, order = parsed_head(line)
                checkpoint = Checkpoint(head)
                checkpoint.head_order = order
            elif line.startswith("^GAP "):
                gaps.append(parsed_gap(line))
            elif checkpoint is None or not checkpoint.read(line):
                records.append(_parsed_record(line))
        except ValueError as problem:
            raise _damaged(name, f"line {at}: {problem}") from None
    if checkpoint is None:
        raise _damaged(name, "it has no ^HEAD line")
    if len({record.id for record in records}) != len(records):
        raise _damaged(name, "an order stands in it twice")
    checkpoint.gaps = tuple(gaps)
    for record in records:
        checkpoint.put(record)
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
        case [b"^VERSION", version, *_] if version not in _READABLE:
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
    if data[at:] != checksum(body):
        raise _damaged(name, "its checksum does not fit its text")
    try:
        return body.decode("utf-8")[:-1].split("\n")
    except UnicodeDecodeError:
        raise _damaged(name, "it is not UTF-8") from None


def _parsed_record(line: str) -> Record:
    columns = line.split(" ", 9)
    if len(columns) != 10:
        raise ValueError(f"found {len(columns)} columns, expected 11: {_TITLE}")
    id, number, status, reason, attempts, created, updated, begun, by, rest = columns
    operation, awaited = in_flight(begun)
    # An error is quoted and may have blanks; version 1 has nothing before it.
    is_old = rest == "-" or rest.startswith('"')
    ordered, _, error = ("-", "", rest) if is_old else rest.partition(" ")
    return Record(
        id=natural(id),
        number=parsed_number(number),
        status=Status(status),
        reason=Reason(reason),
        created_at=moment(created),
        updated_at=moment(updated),
        attempts=natural(attempts),
        in_flight=operation,
        awaited=awaited,
        inserted_by=InsertedBy(by),
        last_error=None if error == "-" else unquoted(error),
        ordered_at=time_or_none(ordered),
    )


def readable(data: bytes) -> Iterator[str]:
    """The lines of a damaged checkpoint that still read, as HEAD, a rescan or an order."""
    for raw in data.split(b"\n"):
        line = raw.decode("utf-8", "replace")
        try:
            if line.startswith("^HEAD "):
                parsed_head(line)
            elif line.startswith("^RESCAN "):
                parsed_range(line)
            else:
                _parsed_record(line)
        except ValueError:
            continue
        yield line
