"""What one cycle has to do: due records, late orders, new orders, and those of a rescan."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from ordermonit.configuration import Configuration, Service
from ordermonit.cycle.behind import Appeared, Behind, Limits, behind, limits
from ordermonit.front.database import Front
from ordermonit.orders.events import Event
from ordermonit.orders.evidence import is_refused, outage
from ordermonit.orders.gaps import Moment
from ordermonit.orders.journey import Rules, Scene, first_record
from ordermonit.orders.model import InsertedBy, Operation, Order, Record, Status
from ordermonit.orders.rest import has_work, rest
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

    `ahead` are the known orders that HEAD may come to pass, with the rows that are no orders yet,
    whose ids are in `ignored`; and `page` is what a rescan comes to pass (None: there is none).
    `behind` is what was seen behind HEAD. `beyond` are the orders after HEAD that were read;
    `newest` is the greatest id in the Front.
    """

    items: tuple[Item, ...]
    ahead: tuple[Order, ...]
    newest: int
    page: Page | None = None
    beyond: tuple[Order, ...] = ()
    suspects: tuple[Item, ...] = ()
    probe: Item | None = None
    ignored: frozenset[int] = frozenset()
    behind: Behind | None = None

    @property
    def is_idle(self) -> bool:
        """Whether the node is not needed."""
        return not (self.items or self.page or self.suspects or self.probe)

    @property
    def is_news(self) -> bool:
        """Whether the checkpoint is to be written even if the node is not needed."""
        first = self.ahead[:1]
        is_due = self.behind is not None and self.behind.is_due
        return is_due or any(order.id in self.ignored for order in first)


def plan(front: Front, checkpoint: Checkpoint, service: Service, rules: Rules, now: Moment) -> Plan:
    """Read the Front and decide. Due records and new orders never share a quota (rule C1).

    Raises DatabaseBehind when HEAD is ahead of a database that is not the one that was.
    """
    records, suspects, states = checkpoint.records, checkpoint.suspects, rules.ignored_states
    due = [record for record in records.values() if is_due(record, rules, now)]
    wanted = [*(record.id for record in due), *checkpoint.gone]
    rows = front.by_id(wanted) if wanted else {}
    most = limits(service, states)
    known = sum(id > checkpoint.head for id in {*records, *suspects})
    found = front.from_head(checkpoint.head, most.rows + known)
    seen = behind(front, checkpoint, found, rows, most, now)
    late = {each.order.id: each for each in seen.appeared}
    beyond = [order for order in found if order.id > checkpoint.head]
    new, ahead = _new(beyond, checkpoint, service, states, now)
    again, page = _rescanned(front, checkpoint, most) if checkpoint.rescans else ([], None)
    scene = Scene(now.wall, records)
    items = [
        *(
            Item(_doubted(record, checkpoint), rows.get(record.id), Why.DUE)
            for record in due
            if record.id not in late
            and not _is_ignored(rows.get(record.id), states)
            and has_work(record, rows.get(record.id), rules, scene)
        ),
        *(
            Item(_doubted(each.record, checkpoint), each.order, Why.LATE)
            for each in seen.appeared
            if not _is_just_made(each, service, now)
        ),
        *(
            Item(_doubted(first_record(order, now.wall), checkpoint), order, why)
            for why, some in ((Why.NEW, new), (Why.RESCAN, again))
            for order in some
            if order.id not in late
        ),
    ]
    last = sorted(
        (item for item in items if item.record.id in suspects),
        key=lambda item: suspects[item.record.id],
    )
    probe = _probe(items, suspects) if outage(records) is not None else None
    newest = max((order.id for order in found), default=checkpoint.head)
    if len(found) > most.rows + known:  # where there is more than was read
        newest = front.newest() or newest
    return Plan(
        tuple(item for item in items if item not in last and item is not probe),
        tuple(ahead),
        newest,
        page,
        tuple(order for order in beyond if not _is_ignored(order, states)),
        tuple(item for item in last if item is not probe),
        probe,
        frozenset(order.id for order in ahead if _is_ignored(order, states)),
        seen,
    )


def _is_ignored(order: Order | None, states: frozenset[str]) -> bool:
    return order is not None and order.state in states


def _new(
    beyond: Iterable[Order],
    checkpoint: Checkpoint,
    service: Service,
    states: frozenset[str],
    now: Moment,
) -> tuple[list[Order], list[Order]]:
    """The orders beyond HEAD that this cycle takes on, and those that HEAD may come to pass.

    HEAD can't pass a young one, so those behind it wait as well. Suspects take nobody's place.
    """
    new: list[Order] = []
    ahead: list[Order] = []
    left, may_pass = service.max_orders_per_request, True
    for order in beyond:
        if order.id not in checkpoint.records and not _is_ignored(order, states):
            if _is_young(order, service, now):
                break
            is_suspect = order.id in checkpoint.suspects
            if not is_suspect and left == 0:
                may_pass = False
                continue
            left -= not is_suspect
            new.append(order)
        if may_pass:
            ahead.append(order)
    return new, ahead


def is_due(record: Record, rules: Rules, now: Moment) -> bool:
    """Whether a cycle looks at the record by itself: it is open, and its time has come."""
    if record.status is Status.EXHAUSTED:  # max_attempts was raised
        return record.attempts < rules.max_attempts
    if not record.is_due:
        return False

    resting = rest(record.counted(now), rules, now.wall)
    return resting is None or resting.is_asked


def _doubted(record: Record, checkpoint: Checkpoint) -> Record:
    """After a recovery the write that was lost may have been the intent to insert this one."""
    if record.inserted_by is InsertedBy.OTHERS and checkpoint.is_doubted(record.id):
        return record.with_(inserted_by=InsertedBy.MAYBE_US)
    return record


def _probe(items: Iterable[Item], suspects: Mapping[int, int]) -> Item | None:
    """The order that shows whether Abacos takes orders again: not the same one in each cycle."""
    refused = [
        item for item in items if item.record.status is Status.FAILED and item.why is Why.DUE
    ]
    return min(refused, key=lambda item: _tries(item, suspects), default=None)


def _tries(item: Item, suspects: Mapping[int, int]) -> tuple[bool, int]:
    return is_refused(item.record), suspects.get(item.record.id, 0)


def _rescanned(front: Front, checkpoint: Checkpoint, most: Limits) -> tuple[list[Order], Page]:
    """The next page of a rescan. What has an open record, or was dismissed, has its own way."""
    first, last = checkpoint.rescans[0]
    found = front.between(first, last, most.rows)
    records = checkpoint.records
    again: list[Order] = []
    for order in found:
        if _is_ignored(order, most.states):
            continue
        if len(again) == most.orders:
            last = order.id - 1
            break
        if order.id not in records or records[order.id].may_be_checked_again:
            again.append(order)
    else:
        last = last if len(found) < most.rows else found[-1].id
    return again, Page(tuple(order.id for order in again), last)


def _is_just_made(appeared: Appeared, service: Service, now: Moment) -> bool:
    """Whether a late order waits as a new one would; nobody knows when one left `ignored_states`,
    so its time counts from now."""
    if appeared.event is Event.ORDER_UNIGNORED:
        return service.min_order_age > 0
    return _is_young(appeared.order, service, now)


def _is_young(order: Order, service: Service, now: Moment) -> bool:
    """Whether the shop's own queue goes first (`min_order_age`).

    A time in the future, or none, says nothing about the age: such an order never waits.
    """
    age = timedelta(seconds=service.min_order_age)
    return order.created_at is not None and timedelta(0) <= now.wall - order.created_at < age


def rules(configuration: Configuration) -> Rules:
    """The part of the configuration that journeys go by."""
    return Rules(
        max_attempts=configuration.service.max_attempts,
        follow_all=configuration.service.follow_payments == "all",
        authorized_states=configuration.database.authorized_states,
        closed_states=configuration.database.closed_states,
        ignored_states=configuration.database.ignored_states,
        asks_payment=Operation.PAYMENT_CONFIRMED in configuration.node.checks,
        verify_within=configuration.service.verify_within,
        task_timeout=configuration.node.task_timeout,
        retry_wait=configuration.service.retry_wait,
        min_order_age=configuration.service.min_order_age,
    )
