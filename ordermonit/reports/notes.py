"""What a cycle told, saw and left behind: all that alerts and metrics are made of."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ordermonit.errors import Exit, OrdermonitError
from ordermonit.orders.events import Event
from ordermonit.orders.model import Order

if TYPE_CHECKING:
    from ordermonit.configuration import Service
    from ordermonit.state.checkpoint import Checkpoint


@dataclass(frozen=True, slots=True)
class Sight:
    """What a cycle saw of the Front beyond HEAD: the orders it read, by id, and the newest id."""

    orders: tuple[Order, ...]
    newest: int


class Notes:
    """A sink of the log that keeps what is needed later, and forgets the rest."""

    def __init__(self) -> None:
        self.tally: Counter[Event] = Counter()
        self.down_since: datetime | None = None
        self.longest_outage = 0.0
        #: Filled by the cycle itself: what it saw, the node's answers as (operation, result), how
        #: its sessions with the node began ("boot", "warm") and in how many seconds, the checkpoint
        #: that it works on, and its settings.
        self.sight: Sight | None = None
        self.answers: Counter[tuple[str, ...]] = Counter()
        self.sessions: list[tuple[str, float]] = []
        self.checkpoint: Checkpoint | None = None
        self.service: Service | None = None

    def began(self, how: str) -> tuple[int, float]:
        """How many sessions began so, and the seconds until they were ready, together."""
        seconds = [each for kind, each in self.sessions if kind == how]
        return len(seconds), sum(seconds, 0.0)

    def __call__(self, event: Event, message: str, details: dict[str, object]) -> None:
        """Keep what counts."""
        del message
        self.tally[event] += 1
        match event:
            case Event.DOWNTIME:
                self.down_since = self.down_since or datetime.now(UTC)
            case Event.DOWNTIME_OVER:
                seconds = details.get("seconds")
                if isinstance(seconds, int | float):
                    self.longest_outage = max(self.longest_outage, seconds)
                self.down_since = None


@dataclass(frozen=True, slots=True)
class Ended:
    """How a cycle ended: its exit code, its problem if it failed, and its notes."""

    exit: int
    problem: OrdermonitError | None
    started_at: datetime
    notes: Notes = field(default_factory=Notes)

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The checkpoint as it is durable, None where this cycle can't say that."""
        return None if self.exit == Exit.IO else self.notes.checkpoint

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
    def is_news(self) -> bool:
        """Whether how it went may be worth an alert, whatever was before it."""
        return bool(self.exit or self.notes.longest_outage)

    @property
    def is_stopped(self) -> bool:
        """Whether somebody waits for its end: `systemctl stop`, a shutdown."""
        return bool(self.notes.tally[Event.CYCLE_STOPPED])
