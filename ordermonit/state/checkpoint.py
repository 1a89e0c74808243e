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
from datetime import UTC, datetime

from ordermonit.errors import CheckpointError
from ordermonit.orders.gaps import Gap, Moment, filled, fresh, noted
from ordermonit.orders.model import VALID_NUMBER, InsertedBy, Operation, Reason, Record, Status

#: How many resolved records are kept for people to look at. The journal is the history.
KEPT_RESOLVED = 100

VERSION = 2

#: What is read: a version 1 is that of ordermonit 1.0, without ^SUSPECT lines.
_READABLE = (b"1", b"2")
_TITLE = "id number status reason attempts created updated in-flight inserted-by error"
_CHECKSUM = b"^CHECKSUM sum-of-sha256 "
_MODULUS = 1 << 256


class Checkpoint:
    """HEAD, gaps and records. Changing it changes memory only; `state.py` makes it durable.

    `rescans` are the ids up to HEAD that a person wants checked again, and that were not yet.

    `suspects` are the ids of orders that kept others waiting, each with how often (rule C9).

    `recovered` is true after `ordermonit recover`, until the next new orders have been checked: the
    one write that was lost may have been the intent to insert one of them.
    """

    def __init__(self, head: int, records: Iterable[Record] = (), gaps: Iterable[Gap] = ()) -> None:
        self.head = head
        self.gaps = tuple(gaps)
        self.rescans: tuple[tuple[int, int], ...] = ()
        self.suspects: dict[int, int] = {}
        self.recovered = False
        self.records: dict[int, Record] = {}
        # One durable operation changes one record: the other lines are not made again.
        self._lines: dict[int, bytes] = {}
        self._sum = 0
        self._resolved: dict[int, None] = {}
        for record in records:
            self.put(record)

    def put(self, record: Record) -> None:
        """Add or replace a record; beyond `KEPT_RESOLVED` the oldest resolved one is dropped.

        What a person dismissed is never dropped: a rescan would take it for a missing order.
        """
        self._drop(record.id)
        line = f"{_line(record)}\n".encode()
        self.records[record.id] = record
        self._lines[record.id] = line
        self._sum += _digest(line)
        if record.may_be_checked_again:
            self._resolved[record.id] = None
            if len(self._resolved) > KEPT_RESOLVED:
                self._drop(next(iter(self._resolved)))

    def _drop(self, id: int) -> None:
        line = self._lines.pop(id, None)
        if line is not None:
            self._sum -= _digest(line)
            del self.records[id]
            self._resolved.pop(id, None)

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

    def pieces(self) -> tuple[bytes, ...]:
        """The text in pieces: one copy less of what may be a megabyte."""
        head = [f"^VERSION {VERSION} {_TITLE}", f"^HEAD {self.head}"]
        head += [_gap_line(gap) for gap in self.gaps]
        head += [f"^RESCAN {first} {last}" for first, last in self.rescans]
        head += [f"^SUSPECT {id} {tries}" for id, tries in self.suspects.items()]
        if self.recovered:
            head.append("^RECOVERED")
        title = [f"{line}\n".encode() for line in head]
        checksum = _checksum(self._sum + sum(map(_digest, title)))
        return b"".join(title), b"".join(self._lines.values()), checksum


def _digest(line: bytes) -> int:
    return int.from_bytes(hashlib.sha256(line).digest())


def _checksum(total: int) -> bytes:
    return _CHECKSUM + f"{total % _MODULUS:064x}\n".encode()


def checksum(body: bytes) -> bytes:
    """The checksum's line for a text that ends with a line's end."""
    return _checksum(sum(_digest(line + b"\n") for line in body.split(b"\n")[:-1]))


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
            record.inserted_by,
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
    rescans: list[tuple[int, int]] = []
    suspects: dict[int, int] = {}
    recovered = False
    records: list[Record] = []
    for at, line in enumerate(lines[1:], start=2):
        try:
            if line.startswith("^HEAD ") and checkpoint is None:
                checkpoint = Checkpoint(_natural(line[6:]))
            elif line.startswith("^GAP "):
                gaps.append(_parsed_gap(line))
            elif line.startswith("^RESCAN "):
                rescans.append(_parsed_range(line))
            elif line.startswith("^SUSPECT "):
                id, tries = _parsed_pair(line, "^SUSPECT id tries")
                suspects[id] = tries
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
    checkpoint.rescans = tuple(rescans)
    checkpoint.suspects = suspects
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


def _parsed_range(line: str) -> tuple[int, int]:
    first, last = _parsed_pair(line, "^RESCAN first last")
    if first > last:
        raise ValueError("expected ^RESCAN first last")
    return first, last


def _parsed_pair(line: str, form: str) -> tuple[int, int]:
    match line.split(" "):
        case [_, one, other] if _natural(one) > 0 and _natural(other) > 0:
            return int(one), int(other)
        case _:
            raise ValueError(f"expected {form}")


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
    id, number, status, reason, attempts, created, updated, in_flight, by, error = columns
    return Record(
        id=_natural(id),
        number=_parsed_number(number),
        status=Status(status),
        reason=Reason(reason),
        created_at=_moment(created),
        updated_at=_moment(updated),
        attempts=_natural(attempts),
        in_flight=None if in_flight == "-" else Operation(in_flight),
        inserted_by=InsertedBy(by),
        last_error=None if error == "-" else _unquoted(error),
    )


def readable(data: bytes) -> Iterator[str]:
    """The lines of a damaged checkpoint that still read, as HEAD, a rescan or an order."""
    for raw in data.split(b"\n"):
        line = raw.decode("utf-8", "replace")
        try:
            if line.startswith("^HEAD "):
                _natural(line[6:])
            elif line.startswith("^RESCAN "):
                _parsed_range(line)
            else:
                _parsed_record(line)
        except ValueError:
            continue
        yield line
