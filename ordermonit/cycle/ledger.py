"""What happened becomes durable, and only then is told: the records of one cycle's orders (C6).

A verdict that changed nothing anywhere may wait for a second: whoever loses it asks once more. So
thousands of orders that are in Abacos already are no thousands of writes.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Protocol

from ordermonit.cycle.behind import Behind
from ordermonit.cycle.passing import Passing
from ordermonit.cycle.plan import Item, Plan, Why
from ordermonit.orders.events import Event
from ordermonit.orders.gaps import Moment
from ordermonit.orders.journey import Save
from ordermonit.orders.model import InsertedBy, Operation, Order, Record
from ordermonit.reports.journal import Log
from ordermonit.state.checkpoint import Checkpoint
from ordermonit.times import iso

#: Seconds for which a verdict that changed nothing anywhere may be in memory alone.
LONGEST_WAIT = 1.0


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
        self._unwritten_since: float | None = None
        self._untold: list[Callable[[], None]] = []

    def begin(self, plan: Plan, window: float) -> None:
        """The plan that is to be done. `window` is `late_commit_window` in seconds."""
        self._checkpoint.see(plan.newest)
        if plan.behind is not None:
            self._see(plan.behind)
        self._passing = Passing(self._checkpoint, plan, window)
        moved, turned = self._passing.move_head(), self._passing.turn_page()
        if moved or turned:
            self._note()

    def _see(self, behind: Behind) -> None:
        """What was seen behind HEAD; an order that was seen once has a record."""
        checkpoint = self._checkpoint
        checkpoint.gaps, checkpoint.looked = behind.gaps, behind.looked
        checkpoint.head_order = behind.head_order
        for id in behind.unignored:
            checkpoint.ignored.discard(id)
        for id in behind.dropped:
            checkpoint.forget(id)
        for id in behind.ignored:
            checkpoint.ignored.add(id)
        for record in behind.ended:
            self._tell_later(Event.ORDER_GONE, record, None)
        for each in behind.appeared:
            checkpoint.put(each.record)
            self._tell_later(each.event, each.record, each.order, before=each.before)
        if behind.newest is not None:
            newest, head = behind.newest, checkpoint.head
            tell = partial(self._log.tell, Event.HEAD_MISSING, head=head, newest=newest)
            self._untold.append(tell)
        if behind.is_due:
            self._note()

    def _tell_later(
        self, event: Event, record: Record, order: Order | None, **details: object
    ) -> None:
        item = Item(record, order, Why.LATE)
        self._untold.append(partial(self.tell, event, record, item, details))

    def record(self, item: Item) -> Record:
        """The order's record as it stands now; a closed one is none of an order checked again."""
        known = self._checkpoint.records.get(item.record.id)
        if known is None or not known.is_open:
            return item.record
        known = known.counted(Moment.now())
        if known.inserted_by is InsertedBy.OTHERS:  # after a recovery the plan has its doubts
            return known.with_(inserted_by=item.record.inserted_by)
        return known

    def save(self, item: Item, step: Save, took: Mapping[Operation, float]) -> None:
        """Write the record, and HEAD with it when the order has its verdict.

        `took`: the seconds of this order's operations. Raises StateError.
        """
        record = step.record
        if item.order is not None:
            known, row = record.identity, item.order.identity
            record = record.with_(
                number=known.number or row.number, ordered_at=known.created_at or row.created_at
            )
        old = self._checkpoint.records.get(record.id)
        is_rescanned = item.why is Why.RESCAN and not record.is_open
        if is_rescanned and (old is None or not old.is_open):
            changed = self._passing.over(record.id)  # it is where it should be
            is_news = True
        else:
            changed = old is None or old != record.with_(updated_at=old.updated_at)
            if changed:
                record = _stamped(record)
                self._checkpoint.put(record)
            if step.final:
                changed = self._passing.over(record.id) or changed
            is_news = changed or not step.final
        if is_news:
            self._untold += [
                partial(self.tell, event, record, item, _details(event, step, took))
                for event in step.events
            ]
        if changed:
            self._note()
        if step.events != (Event.ORDER_FOUND,) or not step.final or self._is_overdue:
            self.settle()

    def note_suspect(self, id: int) -> None:
        """Remember across cycles that this order kept others waiting (rule C9)."""
        self._checkpoint.suspects[id] = self._checkpoint.suspects.get(id, 0) + 1
        self._note()

    def forget_suspect(self, id: int) -> None:
        """It has its verdict."""
        if self._checkpoint.suspects.pop(id, None) is not None:
            self._note()

    def end(self, *, is_whole: bool) -> None:
        """The cycle is done; where it was not stopped, the doubt after a recovery may be over."""
        if is_whole and self._checkpoint.end_doubt():
            self._note()
        self.settle()

    def settle(self) -> None:
        """Write what is not written yet, and tell what is durable. Raises StateError."""
        if self._unwritten_since is not None:
            self._write()
        untold, self._untold = self._untold, []
        for tell in untold:
            tell()

    def tell(self, event: Event, record: Record, item: Item, details: Mapping[str, object]) -> None:
        """Count an event of an order, and log it."""
        self.tally[event] += 1
        standing = {
            "id": record.id,
            "number": record.number,
            "ordered_at": record.ordered_at and iso(record.ordered_at),
            "status": record.status,
            "reason": record.reason,
            "attempt": record.attempts,
            "max_attempts": self._max_attempts,
            "state": item.order.state if item.order is not None else None,
            "error": record.last_error,
        }
        self._log.tell(event, **{**standing, **details})

    @property
    def _is_overdue(self) -> bool:
        since = self._unwritten_since
        return since is not None and time.monotonic() - since > LONGEST_WAIT

    def _note(self) -> None:
        if self._unwritten_since is None:
            self._unwritten_since = time.monotonic()

    def _write(self) -> None:
        self._state.write(self._checkpoint)
        self._unwritten_since = None
        if self._is_rescanning and not self._checkpoint.rescans:
            self._is_rescanning = False
            self._untold.append(partial(self._log.tell, Event.RESCAN_DONE))


def _stamped(record: Record) -> Record:
    """The record as it is written now."""
    now, awaited = Moment.now(), record.awaited
    if awaited is not None and awaited.since is None:
        record = record.with_(awaited=replace(awaited, since=now.wall, boot=now.boot))
    return record.with_(updated_at=now.wall)


#: What an event is about, where that is always the same; else it is the step's own operation.
_ABOUT = {
    Event.ORDER_FOUND: Operation.ORDER_EXISTS,
    Event.ORDER_MISSING: Operation.INSERT_ORDER,
    Event.ORDER_INSERTED: Operation.INSERT_ORDER,
    Event.PAYMENT_WAITING: Operation.CONFIRM_PAYMENT,
    Event.PAYMENT_CONFIRMED: Operation.CONFIRM_PAYMENT,
    Event.CONFIRMATION_REPEATED: Operation.CONFIRM_PAYMENT,
}


def _details(event: Event, step: Save, took: Mapping[Operation, float]) -> Mapping[str, object]:
    """What the journal has beside the record: the operation, and how long it took."""
    operation = _ABOUT.get(event, step.operation)
    if operation is None or operation not in took:
        return {"operation": operation}
    return {"operation": operation, "duration_usec": round(took[operation] * 1_000_000)}
