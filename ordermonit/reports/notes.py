"""What a cycle told and how it ended: all that alerts are made of."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ordermonit.errors import OrdermonitError
from ordermonit.orders.events import Event
from ordermonit.orders.model import ID_PREFIX, Order


@dataclass(frozen=True, slots=True)
class Note:
    """One order that something was told about. `number` is as logs have it."""

    number: str
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """What a cycle saw of the Front beyond HEAD: the orders it read, by id, and the newest id."""

    orders: tuple[Order, ...]
    newest: int


class Notes:
    """A sink of the log that keeps what is needed later, and forgets the rest."""

    def __init__(self) -> None:
        self.tally: Counter[Event] = Counter()
        self.exhausted: list[Note] = []
        self.missing: list[Note] = []
        self.down_since: datetime | None = None
        self.longest_outage = 0.0
        #: Filled by the cycle itself: what it saw, and the node's answers as (operation, result).
        self.sight: Sight | None = None
        self.answers: Counter[tuple[str, ...]] = Counter()

    def __call__(self, event: Event, message: str, details: dict[str, object]) -> None:
        """Keep what counts."""
        del message
        self.tally[event] += 1
        match event:
            case Event.ORDER_EXHAUSTED:
                self.exhausted.append(_note(details))
            case Event.ORDER_MISSING if not details.get("attempt"):  # not one that is tried again
                self.missing.append(_note(details))
            case Event.DOWNTIME:
                self.down_since = self.down_since or datetime.now(UTC)
            case Event.DOWNTIME_OVER:
                seconds = details.get("seconds")
                if isinstance(seconds, int | float):
                    self.longest_outage = max(self.longest_outage, seconds)
                self.down_since = None


def _note(details: dict[str, object]) -> Note:
    error = details.get("error")
    name = details.get("number") or f"{ID_PREFIX}{details.get('id')}"
    return Note(str(name), None if error is None else str(error))


@dataclass(frozen=True, slots=True)
class Ended:
    """How a cycle ended: its exit code, its problem if it failed, and its notes."""

    exit: int
    problem: OrdermonitError | None
    started_at: datetime
    notes: Notes = field(default_factory=Notes)

    @property
    def is_done(self) -> bool:
        """Whether it came to its end, so that nothing is in its way any more. One that was stopped
        on request proves nothing."""
        return not self.exit and bool(self.notes.tally[Event.CYCLE_DONE])

    @property
    def is_paused(self) -> bool:
        """Whether it did nothing because a person wants that."""
        return bool(self.notes.tally[Event.CYCLE_PAUSED])

    @property
    def has_news(self) -> bool:
        """Whether it may be worth an alert, whatever was before it."""
        notes = self.notes
        return bool(self.exit or notes.exhausted or notes.missing or notes.longest_outage)

    @property
    def is_stopped(self) -> bool:
        """Whether somebody waits for its end: `systemctl stop`, a shutdown."""
        return bool(self.notes.tally[Event.CYCLE_STOPPED])
