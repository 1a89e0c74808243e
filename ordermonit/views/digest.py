"""The journal's events of a span of time, digested one by one: counts, waits, outages, errors.

What it keeps is a bit or a few bytes for each order, whatever the journal says of it.
"""

import re
from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from ordermonit.health.past import Told
from ordermonit.orders.events import Event
from ordermonit.orders.ignored import Ignored as Ids
from ordermonit.orders.model import Reason
from ordermonit.state.directory import BUSY

HOUR = 3600

#: Different errors that are counted; when there are more, the rare half of them is forgotten.
_MOST_ERRORS = 2_000

#: Outages that are kept one by one, the newest.
_MOST_OUTAGES = 500

#: An order's events that say that something is in its way.
_TROUBLES = frozenset(
    event.name
    for event in (
        Event.ORDER_REJECTED,
        Event.ORDER_TIMED_OUT,
        Event.ORDER_DIED,
        Event.ORDER_NOT_THERE,
        Event.ORDER_SET_ASIDE,
        Event.ORDER_REFUSED,
        Event.ORDER_UNKNOWN,
        Event.ORDER_EXHAUSTED,
        Event.INSERTION_UNVERIFIED,
        Event.CONFIRMATION_UNVERIFIED,
        Event.INSERTION_WAITING,
        Event.NUMBER_INVALID,
        Event.NUMBER_CHANGED_LATE,
    )
)

_REASONS = {reason.value: reason for reason in Reason}

#: Ends of cycles that failed.
_FAILURES = frozenset(
    event.name
    for event in (
        Event.UNAVAILABLE,
        Event.ACCESS_REFUSED,
        Event.CONFIGURATION_WRONG,
        Event.CHECKPOINT_REFUSED,
        Event.STATE_UNWRITABLE,
        Event.DEFECT,
        Event.USAGE_WRONG,
    )
)

#: A number in others' words: digits, and what groups them.
_NUMBER = re.compile(r"\d+(?:[./:-]?\d+)*")


def without_numbers(text: str) -> str:
    """The text with a mark for each number, so that the same error is the same for every order."""
    return _NUMBER.sub("#", text)


@dataclass(slots=True)
class Hour:
    """The orders that were first seen in one hour, and those that were found missing in it."""

    seen: int = 0
    fallen: int = 0


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which cycles could do nothing, in seconds of Unix time; `ended` None: not yet."""

    begun: float
    ended: float | None
    error: str


@dataclass(frozen=True, slots=True)
class Waits:
    """How long orders waited until Abacos had them, in seconds."""

    count: int
    median: float
    most: float  # 95 of 100 waited no longer
    longest: float


class Digest:
    """What the events come to. `hours` are by their number since 1970."""

    def __init__(self) -> None:
        self.hours: dict[int, Hour] = {}
        self.seen = Ids()
        self.fallen = Ids()
        self.inserted = Ids()
        self.confirmed = Ids()
        self.given_up = Ids()
        self.cycles = 0
        self.failed_cycles = 0
        self.outages: list[Outage] = []
        self.outage_count = 0
        self._arrived = Ids()
        self._down: Outage | None = None
        self._reasons: dict[int, Reason] = {}
        self._errors: Counter[str] = Counter()
        self._own_waits = array("d")
        self._other_waits = array("d")

    def take(self, events: Iterable[Told]) -> None:
        """Add these events, the oldest first."""
        for each in events:
            if each.id is not None:
                self._order(each, each.id)
            elif each.event in _FAILURES:
                self._failed(each)
            elif each.event == Event.DOWNTIME.name:
                self._is_down(each)
            elif each.event == Event.DOWNTIME_OVER.name:
                self._is_up(each)
            elif each.event == Event.CYCLE_DONE.name:
                self.cycles += 1
                self._is_up(each)

    def _order(self, each: Told, id: int) -> None:
        hour = self.hours.setdefault(int(each.at // HOUR), Hour())
        if id not in self.seen:
            self.seen.add(id)
            hour.seen += 1
        match each.event:
            case Event.ORDER_FOUND.name:
                self._arrives(each, id, is_ours=False)
            case Event.ORDER_MISSING.name:
                self._falls(hour, id)
            case Event.ORDER_INSERTED.name:
                self._falls(hour, id)
                self.inserted.add(id)
                self._arrives(each, id, is_ours=True)
            case Event.PAYMENT_CONFIRMED.name:
                self.confirmed.add(id)
            case Event.ORDER_EXHAUSTED.name:
                self.given_up.add(id)
        if each.event in _TROUBLES:
            if each.reason in _REASONS:
                self._reasons[id] = _REASONS[each.reason]
            self._count(each.error)

    def _falls(self, hour: Hour, id: int) -> None:
        if id not in self.fallen:
            self.fallen.add(id)
            hour.fallen += 1

    def _arrives(self, each: Told, id: int, *, is_ours: bool) -> None:
        if id in self._arrived:
            return
        self._arrived.add(id)
        if each.ordered_at is not None:
            waits = self._own_waits if is_ours or id in self.fallen else self._other_waits
            waits.append(max(0.0, each.at - each.ordered_at))

    def _count(self, error: str) -> None:
        if not error:
            return
        self._errors[without_numbers(error)] += 1
        if len(self._errors) > _MOST_ERRORS:
            self._errors = Counter(dict(self._errors.most_common(_MOST_ERRORS // 2)))

    def _failed(self, each: Told) -> None:
        if each.error.startswith(BUSY):  # another one was at work, so nothing was down
            return
        self.cycles += 1
        self.failed_cycles += 1
        self._count(each.error)
        self._is_down(each)

    def _is_down(self, each: Told) -> None:
        self._down = self._down or Outage(each.at, None, each.error)

    def _is_up(self, each: Told) -> None:
        if self._down is None:
            return
        self.outage_count += 1
        self.outages.append(Outage(self._down.begun, each.at, self._down.error))
        del self.outages[:-_MOST_OUTAGES]
        self._down = None

    def end(self) -> None:
        """There is no more: what is down now is an outage that has not ended."""
        if self._down is not None:
            self.outage_count += 1
            self.outages.append(self._down)
            self._down = None

    @property
    def reasons(self) -> list[tuple[Reason, int]]:
        """Orders that fell through or met trouble, by what was last in their way: NOT_FOUND where
        nothing was, and they were inserted at once."""
        counts = Counter(self._reasons.values())
        at_once = len(self.fallen) - sum(id in self.fallen for id in self._reasons)
        counts[Reason.NOT_FOUND] += at_once
        return [(reason, count) for reason, count in counts.most_common() if count]

    @property
    def errors(self) -> list[tuple[str, int]]:
        """The ten most frequent ones, without their numbers."""
        return self._errors.most_common(10)

    @property
    def waits(self) -> Waits | None:
        """Of all orders that came to be in Abacos; None where nothing is known of any."""
        return _waits(self._own_waits, self._other_waits)

    @property
    def waits_of_fallen(self) -> Waits | None:
        """Of those that fell through."""
        return _waits(self._own_waits)


def _waits(*parts: "array[float]") -> Waits | None:
    waits = sorted(chain(*parts))
    if not waits:
        return None
    return Waits(len(waits), _nearest(waits, 50), _nearest(waits, 95), waits[-1])


def _nearest(ordered: list[float], percent: int) -> float:
    """The least value that so many percent of all do not exceed (nearest rank)."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
