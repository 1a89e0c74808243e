"""What one cycle has to do: due records, late orders, new orders, and those of a rescan."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from ordermonit.configuration import Configuration, Service
from ordermonit.errors import DatabaseBehind
from ordermonit.front.database import Front
from ordermonit.orders.gaps import Moment, fresh
from ordermonit.orders.journey import Rules, first_record, has_work
from ordermonit.orders.model import Operation, Order, Record
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
    """`items` in the order of work; `ahead` are the known ids that HEAD may come to pass, and
    `page` what a rescan comes to pass (None: there is none).

    `beyond` are the orders after HEAD that were read; `newest` is the greatest id that was, and
    `is_all` says that there is none after it.
    """

    items: tuple[Item, ...]
    ahead: tuple[int, ...]
    newest: int
    page: Page | None = None
    beyond: tuple[Order, ...] = ()
    is_all: bool = True


def plan(front: Front, checkpoint: Checkpoint, service: Service, rules: Rules, now: Moment) -> Plan:
    """Read the Front and decide. Due records and new orders never share a quota (rule C1).

    Raises DatabaseBehind when HEAD is ahead of the database.
    """
    # After a recovery the write that was lost may have been the intent to insert one of these.
    doubt = checkpoint.recovered
    due = [record for record in checkpoint.records.values() if record.is_due]
    orders = front.by_id(record.id for record in due) if due else {}
    limit = service.max_orders_per_request
    most = limit + sum(id > checkpoint.head for id in checkpoint.records)
    found = front.from_head(checkpoint.head, most)
    if not found:
        refuse_head_ahead(checkpoint.head, front.newest() or 0)
    ahead = _old_enough([order for order in found if order.id > checkpoint.head], service, now)
    new = [order for order in ahead if order.id not in checkpoint.records]
    gaps = fresh(checkpoint.gaps, now, service.late_commit_window)
    late = front.in_gaps(gaps, limit) if gaps else []
    late = [order for order in late if order.id not in checkpoint.records]
    again, page = _rescanned(front, checkpoint, limit) if checkpoint.rescans else ([], None)
    again = [order for order in again if order not in late]
    return Plan(
        (
            *(
                Item(r.with_(sent=r.sent or doubt), orders.get(r.id), Why.DUE)
                for r in due
                if has_work(r, orders.get(r.id), rules)
            ),
            *(
                Item(first_record(order, now.wall).with_(sent=doubt), order, why)
                for why, some in ((Why.LATE, late), (Why.NEW, new[:limit]), (Why.RESCAN, again))
                for order in some
            ),
        ),
        tuple(order.id for order in ahead if order not in new[limit:]),
        max((order.id for order in found), default=checkpoint.head),
        page,
        tuple(order for order in found if order.id > checkpoint.head),
        len(found) <= most,
    )


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
    )
