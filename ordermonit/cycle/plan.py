"""What one cycle has to do: due records, late orders, new orders, and those of a rescan."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ordermonit.configuration import Configuration, Service
from ordermonit.errors import DatabaseBehind
from ordermonit.front.database import Front
from ordermonit.orders.evidence import is_refused, outage
from ordermonit.orders.gaps import Moment, fresh
from ordermonit.orders.journey import Rules, Scene, first_record, has_work
from ordermonit.orders.model import InsertedBy, Operation, Order, Record, Status
from ordermonit.state.checkpoint import Checkpoint


class Why(StrEnum):
    """Why an order is looked at in this cycle."""

    DUE = "due"  # its record is open
    LATE = "late"  # it became visible behind HEAD
    NEW = "new"
    RESCAN = "rescan"  # a person wants it checked again


@dataclass(frozen=True, slots=True)
class Item:
    """One order of this cycle: its record and the Front's row (None: it has vanished)."""

    record: Record
    order: Order | None
    why: Why


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a rescan: the ascending `ids` that need a verdict, and how far it reaches."""

    ids: tuple[int, ...]
    last: int


@dataclass(frozen=True, slots=True)
class Plan:
    """`items` in the order of work; then `suspects`, which kept others waiting before, the least
    tried first. While Abacos refuses every order, `probe` is the one that is tried first.

    `ahead` are the known ids that HEAD may come to pass, and `page` what a rescan comes to pass
    (None: there is none). `beyond` are the orders after HEAD that were read; `newest` is the
    greatest id that was, and `is_all` says that there is none after it.
    """

    items: tuple[Item, ...]
    ahead: tuple[int, ...]
    newest: int
    page: Page | None = None
    beyond: tuple[Order, ...] = ()
    is_all: bool = True
    suspects: tuple[Item, ...] = ()
    probe: Item | None = None

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.items or self.page or self.suspects or self.probe)


def plan(front: Front, checkpoint: Checkpoint, service: Service, rules: Rules, now: Moment) -> Plan:
    """Read the Front and decide. Due records and new orders never share a quota (rule C1).

    Raises DatabaseBehind when HEAD is ahead of the database.
    """
    records, suspects = checkpoint.records, checkpoint.suspects
    due = [record for record in records.values() if is_due(record, service, rules, now.wall)]
    rows = front.by_id(record.id for record in due) if due else {}
    limit = service.max_orders_per_request
    most = limit + sum(id > checkpoint.head for id in {*records, *suspects})
    found = front.from_head(checkpoint.head, most)
    if not found:
        refuse_head_ahead(checkpoint.head, front.newest() or 0)
    ahead = _old_enough([order for order in found if order.id > checkpoint.head], service, now)
    unknown = [order for order in ahead if order.id not in records]
    later = [order for order in unknown if order.id not in suspects][limit:]
    gaps = fresh(checkpoint.gaps, now, service.late_commit_window)
    late = front.in_gaps(gaps, limit) if gaps else []
    late = [order for order in late if order.id not in records]
    again, page = _rescanned(front, checkpoint, limit) if checkpoint.rescans else ([], None)
    again = [order for order in again if order not in late]
    # After a recovery the write that was lost may have been the intent to insert one of these.
    doubt = InsertedBy.MAYBE_US if checkpoint.recovered else InsertedBy.OTHERS
    scene = Scene(now.wall, records)
    items = [
        *(
            Item(_doubted(record, doubt), rows.get(record.id), Why.DUE)
            for record in due
            if has_work(record, rows.get(record.id), rules, scene)
        ),
        *(
            Item(_doubted(first_record(order, now.wall), doubt), order, why)
            for why, some in ((Why.LATE, late), (Why.NEW, unknown), (Why.RESCAN, again))
            for order in some
            if order not in later
        ),
    ]
    last = sorted(
        (item for item in items if item.record.id in suspects),
        key=lambda item: suspects[item.record.id],
    )
    probe = _probe(items, suspects) if outage(records) is not None else None
    return Plan(
        tuple(item for item in items if item not in last and item is not probe),
        tuple(order.id for order in ahead if order not in later),
        max((order.id for order in found), default=checkpoint.head),
        page,
        tuple(order for order in found if order.id > checkpoint.head),
        len(found) <= most,
        tuple(item for item in last if item is not probe),
        probe,
    )


def is_due(record: Record, service: Service, rules: Rules, now: datetime) -> bool:
    """Whether a cycle looks at the record by itself: it is open, and its time has come."""
    if record.status is Status.EXHAUSTED:  # max_attempts was raised
        return record.attempts < rules.max_attempts
    since = now - record.updated_at
    return record.is_due and not timedelta(0) <= since < pause_of(record, service, rules)


def pause_of(record: Record, service: Service, rules: Rules) -> timedelta:
    """How long the record rests after its last change.

    Between attempts that is `retry_wait`. What hung is not sent again before `task_timeout` has
    passed, since Abacos may still be at it.
    """
    seconds = 0.0
    if record.may_be_worked_on:
        seconds = rules.task_timeout
    elif record.status is Status.FAILED and record.attempts and not record.is_unverified:
        seconds = service.retry_wait[min(record.attempts, len(service.retry_wait)) - 1]
    return timedelta(seconds=seconds)


def _doubted(record: Record, doubt: InsertedBy) -> Record:
    if record.inserted_by is InsertedBy.OTHERS:
        return record.with_(inserted_by=doubt)
    return record


def _probe(items: Iterable[Item], suspects: Mapping[int, int]) -> Item | None:
    """The order that shows whether Abacos takes orders again: not the same one in each cycle."""
    refused = [
        item for item in items if item.record.status is Status.FAILED and item.why is Why.DUE
    ]
    return min(refused, key=lambda item: _tries(item, suspects), default=None)


def _tries(item: Item, suspects: Mapping[int, int]) -> tuple[bool, int]:
    return is_refused(item.record), suspects.get(item.record.id, 0)


def _rescanned(front: Front, checkpoint: Checkpoint, limit: int) -> tuple[list[Order], Page]:
    """The next page of a rescan. What has an open record, or was dismissed, has its own way."""
    first, last = checkpoint.rescans[0]
    found = front.between(first, last, limit)
    records = checkpoint.records
    again = [o for o in found if o.id not in records or records[o.id].may_be_checked_again]
    is_whole = len(found) < limit
    ids = tuple(order.id for order in again)
    return again, Page(ids, last if is_whole else found[-1].id)


def refuse_head_ahead(head: int, newest: int) -> None:
    """Raises DatabaseBehind where HEAD is ahead of the newest order."""
    if newest < head:
        raise DatabaseBehind(
            f"HEAD is {head}, but the newest order in the Front is {newest}: the database was"
            " restored, or it is the wrong one",
            "Correct database.yml; or, if the database was restored, type: ordermonit head. It"
            " names the last order that is in both, and how to go on from there",
        )


def _old_enough(orders: list[Order], service: Service, now: Moment) -> list[Order]:
    """The orders before the first one that is younger than `min_order_age`.

    HEAD can't pass a young one, so those behind it wait as well. A time in the future, or none,
    says nothing about the age: such an order never waits.
    """
    age = timedelta(seconds=service.min_order_age)
    for at, order in enumerate(orders):
        if order.created_at is not None and timedelta(0) <= now.wall - order.created_at < age:
            return orders[:at]
    return orders


def rules(configuration: Configuration) -> Rules:
    """The part of the configuration that journeys go by."""
    return Rules(
        max_attempts=configuration.service.max_attempts,
        follow_all=configuration.service.follow_payments == "all",
        authorized_states=configuration.database.authorized_states,
        closed_states=configuration.database.closed_states,
        asks_payment=Operation.PAYMENT_CONFIRMED in configuration.node.checks,
        verify_within=configuration.service.verify_within,
        task_timeout=configuration.node.task_timeout,
    )
