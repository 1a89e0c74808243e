"""What one cycle has to do: due records, late orders behind HEAD, new orders before it."""

from dataclasses import dataclass
from datetime import timedelta

from ordermonit.checkpoint import Checkpoint
from ordermonit.configuration import Configuration, Service
from ordermonit.errors import CheckpointError
from ordermonit.front import Front
from ordermonit.gaps import Moment, fresh
from ordermonit.journey import Rules, first_record, has_work
from ordermonit.model import Operation, Order, Record


@dataclass(frozen=True, slots=True)
class Item:
    """One order of this cycle: its record and the Front's row (None: it has vanished)."""

    record: Record
    order: Order | None
    is_late: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """`items` in the order of work; `ahead` are the known ids that HEAD may come to pass."""

    items: tuple[Item, ...]
    ahead: tuple[int, ...]
    newest: int


def plan(front: Front, checkpoint: Checkpoint, service: Service, rules: Rules, now: Moment) -> Plan:
    """Read the Front and decide. Due records and new orders never share a quota (rule C1).

    Raises CheckpointError when HEAD is ahead of the database.
    """
    # After a recovery the write that was lost may have been the intent to insert one of these.
    doubt = checkpoint.recovered
    due = [record for record in checkpoint.records.values() if record.is_due]
    orders = front.by_id(record.id for record in due) if due else {}
    limit = service.max_orders_per_request
    recorded_ahead = sum(id > checkpoint.head for id in checkpoint.records)
    found = front.from_head(checkpoint.head, limit + recorded_ahead)
    if not found:
        _refuse_head_ahead(checkpoint.head, front.newest() or 0)
    ahead = _old_enough([order for order in found if order.id > checkpoint.head], service, now)
    new = [order for order in ahead if order.id not in checkpoint.records]
    gaps = fresh(checkpoint.gaps, now, service.late_commit_window)
    late = front.in_gaps(gaps, limit) if gaps else []
    return Plan(
        (
            *(
                Item(r.with_(sent=r.sent or doubt), orders.get(r.id))
                for r in due
                if has_work(r, orders.get(r.id), rules)
            ),
            *(
                Item(first_record(order, now.wall).with_(sent=doubt), order, is_late=id_is_late)
                for id_is_late, some in ((True, late), (False, new[:limit]))
                for order in some
                if order.id not in checkpoint.records
            ),
        ),
        tuple(order.id for order in ahead if order not in new[limit:]),
        max((order.id for order in found), default=checkpoint.head),
    )


def _refuse_head_ahead(head: int, newest: int) -> None:
    if newest < head:
        raise CheckpointError(
            f"HEAD is {head}, but the newest order in the Front is {newest}: the database was"
            " restored, or it is the wrong one",
            "Correct database.yml; or, if the database was restored, move the checkpoint away and"
            f" type: ordermonit init --head ID (ID: the last order before the restore's, at most"
            f" {newest}; orders after it are checked again, which is safe)",
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
