"""What happened becomes durable, and only then is told: the records of one cycle's orders (C6).

An order's verdict may wait for the next order's record, where that is written at once: one write is
enough for both. It never waits while anything is sent to the node or awaited from it. What is
durable may be told while the node works at the next thing: then telling costs no wait.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from ordermonit.cycle.passing import Passing
from ordermonit.cycle.plan import Item, Plan, Why
from ordermonit.orders.events import Event
from ordermonit.orders.journey import Save
from ordermonit.orders.model import Record, shown
from ordermonit.reports.journal import Log
from ordermonit.state.checkpoint import Checkpoint


class Store(Protocol):
    """Where the checkpoint becomes durable; `state.State` is the real one."""

    def write(self, checkpoint: Checkpoint) -> int:
        """Write it. Raises StateError."""
        ...


class Ledger:
    """One cycle's part of the checkpoint. What raises StateError leaves the last one whole."""

    def __init__(self, state: Store, checkpoint: Checkpoint, log: Log, max_attempts: int) -> None:
        self._state = state
        self._checkpoint = checkpoint
        self._log = log
        self._max_attempts = max_attempts
        self.tally: Counter[Event] = Counter()
        self._passing = Passing(checkpoint, Plan((), (), 0), 0)
        self._is_rescanning = bool(checkpoint.rescans)
        self._unwritten = False  # a rescan has come further: that waits for the next write
        self._is_waiting = False  # something else is unwritten, and must be before anything is sent
        self._untold: list[Callable[[], None]] = []

    def begin(self, plan: Plan, window: float) -> None:
        """The plan that is to be done. `window` is `late_commit_window` in seconds."""
        self._passing = Passing(self._checkpoint, plan, window)
        self._unwritten = self._passing.turn_page()

    def record(self, item: Item) -> Record:
        """The order's record as it stands now; a closed one is none of an order checked again."""
        known = self._checkpoint.records.get(item.record.id)
        return item.record if known is None or not known.is_open else known

    def save(
        self, item: Item, step: Save, details: Mapping[str, object], *, may_wait: bool = False
    ) -> None:
        """Write the record, and HEAD with it when the order has its verdict.

        `may_wait`: `settle` or another `save` comes at once. Raises StateError.
        """
        number = item.order.number if item.order is not None else step.record.number
        record = step.record.with_(number=shown(number))
        old = self._checkpoint.records.get(record.id)
        if item.why is Why.RESCAN and not record.is_open and (old is None or not old.is_open):
            # It is where it should be: losing this would only have it asked about once more.
            self._unwritten = self._passing.over(record.id) or self._unwritten
            changed, is_news = False, True
        else:
            changed = old is None or old != record.with_(updated_at=old.updated_at)
            if changed:
                record = record.with_(updated_at=datetime.now(UTC))
                self._checkpoint.put(record)
            if step.final:
                changed = self._passing.over(record.id) or changed
            is_news = changed or not step.final
        if is_news:
            self._untold += [
                partial(self.tell, event, record, item, details) for event in step.events
            ]
        self._is_waiting = self._is_waiting or changed
        if not may_wait:
            self.settle()

    def settle(self) -> None:
        """Write what waits. Raises StateError."""
        if self._is_waiting:
            self._write()

    def end(self) -> None:
        """Write what is not written yet. Raises StateError."""
        if self._is_waiting or self._unwritten:
            self._write()
        self.tell_durable()

    def tell_durable(self) -> None:
        """Tell what was not told yet, unless it is not written yet either."""
        if self._is_waiting:
            return
        untold, self._untold = self._untold, []
        for tell in untold:
            tell()

    def tell(self, event: Event, record: Record, item: Item, details: Mapping[str, object]) -> None:
        """Count an event of an order, and log it."""
        self.tally[event] += 1
        standing = {
            "id": record.id,
            "number": record.number,
            "status": record.status,
            "reason": record.reason,
            "attempt": record.attempts,
            "max_attempts": self._max_attempts,
            "state": item.order.state if item.order is not None else None,
            "operation": record.in_flight,
            "error": record.last_error,
        }
        self._log.tell(event, **{**standing, **details})

    def _write(self) -> None:
        self._state.write(self._checkpoint)
        self._is_waiting = self._unwritten = False
        if self._is_rescanning and not self._checkpoint.rescans:
            self._is_rescanning = False
            self._untold.append(partial(self._log.tell, Event.RESCAN_DONE))
