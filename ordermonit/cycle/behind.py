"""What the Front shows behind HEAD: late orders, ids that were given to others, and who is back.

All of it is one look, and one value that says what is to be noted. A gap's time counts only while
cycles look: not while the service is paused or the machine is off.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from ordermonit.configuration import Service
from ordermonit.errors import DatabaseBehind
from ordermonit.front.database import Front
from ordermonit.orders.events import Event
from ordermonit.orders.gaps import (
    Gap,
    Moment,
    filled,
    fresh,
    is_missing,
    looked_into,
    missing,
    opened,
)
from ordermonit.orders.ignored import BLOCK
from ordermonit.orders.journey import first_record
from ordermonit.orders.model import Identity, Order, Reason, Record, Status
from ordermonit.state.checkpoint import Checkpoint

#: Of a gap's window: this part passes before a cycle without any work writes how long it was
#: looked into (rule C2).
_GRAIN = 1 / 32

#: So many rows that are no orders yet, of one block, were deleted when they vanish in one look: old
#: carts, say. Of fewer one look may have missed some, so they are looked for as late ones.
_MANY = 100

#: So many rows that are no orders yet are read beside the orders of one cycle.
ROWS_BESIDE = 5000


@dataclass(frozen=True, slots=True)
class Appeared:
    """An order that is there behind HEAD, with the record to begin with, and as what it is told.

    `before` names the order that had its id.
    """

    order: Order
    record: Record
    event: Event = Event.ORDER_LATE
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Behind:
    """What one look has found; the checkpoint is to have it so.

    `ended` are open records whose order has vanished, since another one has its id. `ignored` are
    ids of rows that are no orders yet, `dropped` those of them that had a record, and `unignored`
    those of rows that are in no such state any more.
    `newest` is told when HEAD is found to be ahead of it. `is_due`: it is to be written, even if
    there is nothing else to do.
    """

    gaps: tuple[Gap, ...]
    looked: Moment
    head_order: Identity | None
    appeared: tuple[Appeared, ...] = ()
    ended: tuple[Record, ...] = ()
    ignored: tuple[int, ...] = ()
    dropped: tuple[int, ...] = ()
    unignored: tuple[int, ...] = ()
    newest: int | None = None
    is_due: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one look reads, and how it counts time; seconds. `states` are ignored ones."""

    orders: int
    window: float
    period: float
    states: frozenset[str]

    @property
    def rows(self) -> int:
        """Rows to read, so that those which are no orders yet take no order's place."""
        return self.orders + ROWS_BESIDE if self.states else self.orders


def limits(service: Service, states: frozenset[str]) -> Limits:
    """What the configuration says."""
    window, period = service.late_commit_window, service.running_cycle
    return Limits(service.max_orders_per_request, window, period, states)


def behind(
    front: Front,
    checkpoint: Checkpoint,
    found: list[Order],
    rows: Mapping[int, Order],
    limits: Limits,
    now: Moment,
) -> Behind:
    """Look. `found` are the orders from HEAD on, `rows` those of due records and vanished orders.

    Raises DatabaseBehind for another database, or one that was restored from long ago.
    """
    look = _Look(front, checkpoint, limits, now)
    look.compare(found)
    look.recognize({**rows, **{each.id: each for each in found if each.id in checkpoint.records}})
    is_whole = look.into_gaps()
    look.at_ignored()
    return look.seen(is_whole)


def compare(front: Front, checkpoint: Checkpoint) -> None:
    """Raises DatabaseBehind for another database, or one that was restored from long ago."""
    look = _Look(front, checkpoint, Limits(1, 0, 0, frozenset()), Moment.now())
    look.compare(front.from_head(checkpoint.head, 1))


class _Look:
    """One look, part by part."""

    def __init__(self, front: Front, checkpoint: Checkpoint, limits: Limits, now: Moment) -> None:
        self._front = front
        self._checkpoint = checkpoint
        self._limits = limits
        self._now = now
        self._head = checkpoint.head
        self._head_order = checkpoint.head_order
        self._gaps = checkpoint.gaps
        self._is_ahead = False  # HEAD, of all that is there
        self._newest: int | None = None
        self._appeared: dict[int, Appeared] = {}
        self._ended: list[Record] = []
        self._ignored: list[int] = []
        self._dropped: list[int] = []
        self._unignored: list[int] = []

    def compare(self, found: list[Order]) -> None:
        """HEAD's own order comes with each look for nothing. When it is another one, or is not
        there, the other known orders are read as well; and what lies after the last one that is
        still the same is looked into as into a gap."""
        head, known = self._head, self._head_order
        order = found[0] if found and found[0].id == head else None
        if order is not None and (known is None or not known.is_another(order.identity)):
            self._head_order = order.identity
            return
        last = head if found else self._front.newest() or 0
        self._is_ahead = last < head
        if is_missing(self._gaps, last + 1, head) if self._is_ahead else known is None:
            return
        self._newest = last if self._is_ahead else None
        same, others = self._sorted()
        strangers = [each for each in others if each is not order and each.id != head]
        if not same and (self._is_ahead or strangers):
            raise _not_ours(head, self._newest)
        oldest = min((each.id for each in others), default=last + 1)
        common = max((id for id in same if id <= last), default=oldest - 1)
        is_reused = any(common < each.id <= head for each in others)
        first = (common if is_reused else last) + 1
        if first <= head:
            self._gaps = missing(self._gaps, first, head)
        for each in others:
            self._reuse(each)
        if order is not None:
            self._head_order = order.identity

    def _sorted(self) -> tuple[list[int], list[Order]]:
        """The known ids that have the same order still, and the orders that have one now."""
        rows = self._front.by_id({*self._checkpoint.records, self._head})
        others = [order for order in rows.values() if self._is_another(order)]
        same = [id for id, order in rows.items() if order not in others and self._knows(id)]
        return same, others

    def _knows(self, id: int) -> bool:
        record = self._checkpoint.records.get(id)
        if record is not None:
            return record.identity != Identity(None, None)
        return id == self._head and self._head_order is not None

    def _is_another(self, order: Order) -> bool:
        """Whether it is another order than the one that is known by its id, if one is."""
        record = self._checkpoint.records.get(order.id)
        if record is not None:
            return is_another(record, order)
        known = self._head_order if order.id == self._head else None
        return known is not None and known.is_another(order.identity)

    def _reuse(self, order: Order) -> None:
        record = self._checkpoint.records.get(order.id)
        known = record.identity if record is not None else self._head_order
        if record is not None and record.is_open:
            self._ended.append(record)
        number = None if known is None else known.number
        self._appear(order, Event.ID_REUSED, before=number or "one without a number")

    def _appear(
        self,
        order: Order,
        event: Event,
        record: Record | None = None,
        before: str | None = None,
    ) -> None:
        """It is an order, or may become one later."""
        self._gaps = filled(self._gaps, order.id)
        if self._is_ignored(order):
            self._ignored.append(order.id)
            self._dropped.append(order.id)
        else:
            record = record or first_record(order, self._now.wall)
            self._appeared[order.id] = Appeared(order, record, event, before)

    def _is_ignored(self, order: Order) -> bool:
        return order.state in self._limits.states

    @property
    def _is_full(self) -> bool:
        return len(self._appeared) >= self._limits.orders

    def recognize(self, rows: Mapping[int, Order]) -> None:
        """Records whose id another order has now, and vanished orders that are back."""
        for id, order in rows.items():
            record = self._checkpoint.records[id]
            if id in self._appeared:
                continue
            if is_another(record, order):
                self._reuse(order)
            elif self._is_ignored(order):
                if id <= self._head and not record.is_begun:
                    self._appear(order, Event.ORDER_LATE)
            elif record.reason is Reason.GONE:
                back = record.with_(status=Status.FAILED, reason=Reason.UNKNOWN)
                self._appear(order, Event.ORDER_BACK, back)

    def into_gaps(self) -> bool:
        """Whether nothing is left there that was not seen. Who is known hides nobody."""
        while self._gaps:
            rows = self._front.in_gaps(self._gaps, self._limits.rows)
            for order in rows:
                if not self._take(order):
                    return False
            if len(rows) < self._limits.rows:
                return True
        return True

    def _take(self, order: Order) -> bool:
        """This one is seen; unless this cycle has enough to do."""
        is_known = order.id in self._appeared or self._is_known(order)
        if is_known or self._is_ignored(order):
            self._gaps = filled(self._gaps, order.id)
            self._ignored += () if is_known else (order.id,)
        elif self._is_full:
            return False
        elif self._is_another(order):
            self._reuse(order)
        else:
            self._appear(order, Event.ORDER_LATE)
        return True

    def _is_known(self, order: Order) -> bool:
        is_there = order.id in self._checkpoint.records or self._knows(order.id)
        return is_there and not self._is_another(order)

    def at_ignored(self) -> None:
        """Rows that are no orders yet: whether one has left its state. A count tells."""
        ignored = self._checkpoint.ignored
        blocks = ignored.due(_chance) if ignored else []
        counts = self._front.count_ignored(blocks)
        for first in blocks:
            if counts.get(first, (0, 0)) != ignored.count(first):
                self._compare_block(first)

    def _compare_block(self, first: int) -> None:
        known = self._checkpoint.ignored.ids(first)
        now = set(self._front.ignored(first, min(first + BLOCK - 1, self._head)))
        rows = self._front.by_id(known - now)
        self._ignored += sorted(now - known)
        for id, order in sorted(rows.items()):
            if not self._is_ignored(order) and not self._is_full:
                self._unignored.append(id)
                if id not in self._checkpoint.records:
                    self._appear(order, Event.ORDER_UNIGNORED)
        vanished = [] if self._is_ahead else sorted(known - now - rows.keys())
        self._unignored += vanished
        if len(vanished) < _MANY:
            self._gaps = opened(self._gaps, vanished)

    def seen(self, is_whole: bool) -> Behind:
        """All of it. The gaps' time counts when they were looked into as a whole."""
        checkpoint, limits, gaps = self._checkpoint, self._limits, self._gaps
        grain = limits.window * _GRAIN
        since = self._now.surely_since(checkpoint.looked or self._now)
        if is_whole:
            counted = looked_into(gaps, min(since, grain + limits.period))
            gaps = fresh(counted, self._head, limits.window)
        is_time = since >= grain or checkpoint.looked is None
        is_counting = is_time and any(gap.last < self._head for gap in self._gaps)
        news = (self._appeared, self._ended, self._ignored, self._unignored)
        return Behind(
            gaps,
            self._now,
            self._head_order,
            tuple(self._appeared.values()),
            tuple(self._ended),
            tuple(self._ignored),
            tuple(self._dropped),
            tuple(self._unignored),
            self._newest,
            is_due=is_counting or any(news) or self._gaps != checkpoint.gaps,
        )


def is_another(record: Record, order: Order) -> bool:
    """Whether the row is surely of another order than the record.

    While it is worked on, or looked for, a number may be corrected: only its time tells then.
    """
    known, row = record.identity, order.identity
    if record.is_open or record.reason is Reason.GONE:
        is_open_to_doubt = record.is_open and None in (known.created_at, row.created_at)
        if known.number == row.number or is_open_to_doubt:
            return False
    return known.is_another(row)


def _chance() -> float:
    """From 0 up to and without 1. The idle path pays for no import of random (rule C2)."""
    return int.from_bytes(os.urandom(4)) / (1 << 32)


def _not_ours(head: int, newest: int | None) -> DatabaseBehind:
    """Nothing of what is known is there."""
    where = "" if newest is None else f" the newest order in the Front is {newest}, and"
    return DatabaseBehind(
        f"HEAD is {head}, but{where} no order that was passed is there any more: the database was"
        " restored, or it is the wrong one",
        "Correct database.yml; or, if the database was restored, type: ordermonit head. It"
        " names the last order that is in both, and how to go on from there",
    )
