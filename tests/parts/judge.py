"""The judge: every call and every effect at Abacos, per order, in a file that only grows.

Each entry is one write to a file opened for appending, so a killed process loses none.
"""

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Seen(StrEnum):
    """What happened at Abacos."""

    HELD = "held"  # integrated by the shop itself, before us
    ASKED = "asked"
    PAYMENT_ASKED = "payment_asked"
    INSERT_CALL = "insert_call"
    INSERTED = "inserted"
    DOUBLE_INSERT = "double_insert"  # tried on an order that existed; refused
    CONFIRM_CALL = "confirm_call"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened, at seconds of the Unix epoch."""

    at: float
    what: Seen
    number: str


class Judge:
    """Any number of processes may ask and write: each question first reads what is new."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.RLock()
        self._read_to = 0
        self._entries: list[Entry] = []
        self._counts: Counter[tuple[Seen, str | None]] = Counter()

    def note(self, what: Seen, number: str) -> None:
        """One more entry, durable against the death of this process."""
        line = json.dumps([time.time(), what, number]) + "\n"
        descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)

    def _catch_up(self) -> None:
        with self._lock:
            if not self._file.exists():
                return
            with self._file.open("rb") as file:
                file.seek(self._read_to)
                whole, newline, _ = file.read().rpartition(b"\n")
            self._read_to += len(whole + newline)
            for line in whole.splitlines():
                at, what, number = json.loads(line)
                entry = Entry(at, Seen(what), number)
                self._entries.append(entry)
                self._counts[entry.what, number] += 1
                self._counts[entry.what, None] += 1

    def entries(self) -> list[Entry]:
        """Everything, in the order in which it happened."""
        self._catch_up()
        return list(self._entries)

    def count(self, what: Seen, number: int | str | None = None) -> int:
        """How often it happened: to this order, or in all."""
        self._catch_up()
        return self._counts[what, None if number is None else str(number)]

    def numbers(self, *what: Seen) -> list[str]:
        """The orders to which any of these happened, one mention each time, in time's order."""
        return [entry.number for entry in self.entries() if entry.what in what]

    def asked_count(self, number: int | str | None = None) -> int:
        """How often it was asked whether the order exists."""
        return self.count(Seen.ASKED, number)

    def inserted_count(self, number: int | str | None = None) -> int:
        """How often an insertion took effect."""
        return self.count(Seen.INSERTED, number)

    def double_insert_count(self, number: int | str | None = None) -> int:
        """How often the insertion of an existing order was tried."""
        return self.count(Seen.DOUBLE_INSERT, number)

    def confirmed_count(self, number: int | str | None = None) -> int:
        """How often a confirmation of payment took effect; Abacos takes a second one too."""
        return self.count(Seen.CONFIRMED, number)

    def holds(self) -> set[str]:
        """Every order that Abacos has."""
        return set(self.numbers(Seen.HELD, Seen.INSERTED))

    def has(self, number: int | str) -> bool:
        """Whether Abacos has this order."""
        return self.count(Seen.HELD, number) + self.count(Seen.INSERTED, number) > 0

    def hold(self, numbers: Iterable[int | str]) -> None:
        """The shop itself integrates these orders."""
        for number in numbers:
            self.note(Seen.HELD, str(number))

    def insert(self, number: str) -> bool:
        """An insertion arrives; whether it takes effect."""
        with self._lock:
            new = not self.has(number)
            self.note(Seen.INSERTED if new else Seen.DOUBLE_INSERT, number)
        return new

    def confirm(self, number: str) -> bool:
        """A confirmation arrives; whether it takes effect, which needs the order."""
        known = self.has(number)
        if known:
            self.note(Seen.CONFIRMED, number)
        return known
