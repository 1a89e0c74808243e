"""The journey of one order, from the first look at it to its payment, top to bottom.

A journey is a generator without I/O. It yields what it needs (a question, a durable record, a task)
and is sent the node's answer; so each rule can be read here and tried in any order of events.

No task is believed: what it said counts once Abacos shows it (rule C4).
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

from ordermonit.orders.events import Event
from ordermonit.orders.evidence import is_broken_for_it_alone, is_own_fault
from ordermonit.orders.model import (
    VALID_NUMBER,
    Answer,
    Awaited,
    InsertedBy,
    Late,
    Operation,
    Order,
    Reason,
    Record,
    Status,
    Verdict,
    shown,
)


@dataclass(frozen=True, slots=True)
class Ask:
    """Put a check to the node. Changes nothing there. `number`: None for the order's own."""

    operation: Operation
    number: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """Run a task on the node."""

    operation: Operation


@dataclass(frozen=True, slots=True)
class Save:
    """Make the record durable before anything else happens (rule C6).

    `final` says that the order has a verdict, so that HEAD may pass it. `operation` is the one that
    the events are about.
    """

    record: Record
    events: tuple[Event, ...] = ()
    final: bool = False
    operation: Operation | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """The journey ends without a verdict: nobody knows yet whose fault it is (rules C8, C9)."""

    operation: Operation
    answer: Answer


_SAID_DONE = Awaited(Late.SAID_DONE)

Step = Ask | Run | Save
Journey = Generator[Step, Answer, Trouble | None]


@dataclass(frozen=True, slots=True)
class Rules:
    """What the configuration says about every journey; times in seconds."""

    max_attempts: int
    follow_all: bool
    authorized_states: frozenset[str]
    closed_states: frozenset[str]
    ignored_states: frozenset[str]
    asks_payment: bool
    verify_within: float
    task_timeout: float
    retry_wait: tuple[float, ...]
    min_order_age: float


@dataclass(frozen=True, slots=True)
class Scene:
    """What is so while one journey goes. `now` is aware; `records` are all of the checkpoint's.

    `is_again`: its order was passed before, so its payment may have been confirmed then. It is
    confirmed again only where Abacos can be asked, and says no. `is_held`: Abacos refuses every
    order just now, so this one is only asked about (rule C8). `is_hurried`: orders hang, so a task
    has a part of `task_timeout` alone, and running out of that is charged to nobody (rule C9).
    """

    now: datetime
    records: Mapping[int, Record] = field(default_factory=lambda: MappingProxyType({}))
    is_again: bool = False
    is_held: bool = False
    is_hurried: bool = False


def journey(record: Record, order: Order | None, rules: Rules, scene: Scene) -> Journey:
    """One order's journey in one cycle.

    `record` is the checkpoint's, or `first_record` for a new order; `order` is the Front's row, or
    None when it has vanished. Returns None with a verdict, Trouble without one.
    """
    if order is None:  # C10; what is in flight stays so, in case that the order comes back
        gone = record.with_(status=Status.SUCCESS, reason=Reason.GONE, last_error=None)
        yield Save(gone, (Event.ORDER_GONE,), final=True)
        return None
    if not order.has_valid_number:  # C10
        number = record.number if record.is_begun else shown(order.number)
        invalid = record.with_(status=Status.FAILED, reason=Reason.INVALID_NUMBER, number=number)
        yield Save(invalid, (Event.NUMBER_INVALID,), final=True)
        return None
    if record.number is not None and record.number != order.number:
        renamed = yield from _renamed(record, order, rules, scene)
        if not isinstance(renamed, Record):
            return renamed
        record = renamed
    elif record.reason is Reason.NUMBER_CHANGED:  # and has changed back
        record = record.with_(reason=Reason.UNKNOWN)
    record = record.with_(number=order.number)
    if record.status is Status.EXHAUSTED:  # max_attempts was raised: C7
        record = record.with_(status=Status.FAILED)
        yield Save(record, (Event.ORDER_REOPENED,))
    if record.status is Status.FAILED and record.attempts >= rules.max_attempts:  # C7
        exhausted = record.with_(status=Status.EXHAUSTED)
        yield Save(exhausted, (Event.ORDER_EXHAUSTED,), final=True)
        return None
    if record.status is Status.PAYMENT_PENDING:  # P2
        return (yield from _payment(record, order, rules, scene))

    answer = yield Ask(Operation.ORDER_EXISTS)  # C4
    if answer.verdict.is_trouble:
        return Trouble(Operation.ORDER_EXISTS, answer)
    if answer.verdict is Verdict.YES:
        return (yield from _found(record, order, rules, scene))
    is_missing = answer.verdict is Verdict.NO
    if record.is_unverified:
        yield _still_unverified(record, answer, rules, scene)
        return None
    if scene.is_held:  # C8
        yield Save(record, final=True)
        return None
    return (yield from _insertion(record, order, rules, scene, is_missing))


def first_record(order: Order, now: datetime) -> Record:
    """The record of an order that is seen for the first time; not saved until there is more."""
    known = order.identity
    status, reason = Status.FAILED, Reason.NOT_FOUND
    return Record(order.id, known.number, status, reason, now, now, ordered_at=known.created_at)


def _renamed(
    record: Record, order: Order, rules: Rules, scene: Scene
) -> Generator[Step, Answer, Record | Trouble | None]:
    """Its number was changed while it was open: Abacos is to have it under one number only.

    Returns the record to go on with; unless Abacos has it, or may have it, under the old number.
    Then a person gives that back, or makes the record forget it (`retry`).
    """
    error = f"its number is {order.number} in the Front now"
    stuck = record.with_(status=Status.FAILED, reason=Reason.NUMBER_CHANGED, last_error=error)
    if record == stuck:
        yield Save(record, final=True)
        return None
    old, renamed = record.number, record.with_(number=order.number)
    if old is None or not VALID_NUMBER.fullmatch(old):
        return renamed
    answer = yield Ask(Operation.ORDER_EXISTS, old)
    if answer.verdict.is_trouble:
        return Trouble(Operation.ORDER_EXISTS, answer)
    is_begun = record.in_flight is Operation.INSERT_ORDER
    if is_begun and record.is_unverified and answer.verdict is not Verdict.YES:
        yield _still_unverified(record, answer, rules, scene)
        return None
    if answer.verdict is Verdict.YES or (record.is_begun and answer.verdict is not Verdict.NO):
        yield Save(stuck, (Event.NUMBER_CHANGED_LATE,), final=True)
        return None
    renamed = renamed.with_(
        status=Status.FAILED,
        reason=Reason.NOT_FOUND,
        last_error=f"its number was {old} until it was changed",
    )
    if is_begun:
        renamed = renamed.with_(in_flight=None)
    yield Save(renamed, (Event.NUMBER_CHANGED,))
    return renamed


def _found(record: Record, order: Order, rules: Rules, scene: Scene) -> Journey:
    """It is in Abacos. Who put it there decides whether its payment is ours to follow."""
    event = Event.ORDER_INSERTED if record.is_unverified else Event.ORDER_FOUND
    followed = rules.follow_all and (rules.asks_payment or not scene.is_again)
    if record.inserted_by is not InsertedBy.OTHERS or followed:  # P1, P3
        if record.in_flight is Operation.INSERT_ORDER:  # it has its answer now
            record = record.with_(in_flight=None)
        return (yield from _payment(record, order, rules, scene, (event,)))
    yield Save(_resolved(record, Reason.OK), (event,), final=True)
    return None


def _insertion(
    record: Record, order: Order, rules: Rules, scene: Scene, is_missing: bool
) -> Journey:
    """It is not in Abacos; or the node can't say, and then the task has to (`is_missing`)."""
    task = Operation.INSERT_ORDER
    ours = record.inserted_by if record.inserted_by is InsertedBy.US else InsertedBy.MAYBE_US
    begun = record.with_(in_flight=task, reason=Reason.NOT_FOUND, inserted_by=ours)
    is_news = is_missing and record.reason is not Reason.NOT_DUE  # which is asked in every cycle
    yield Save(begun, (Event.ORDER_MISSING,) if is_news else (), operation=task)
    answer = yield Run(task)
    if answer.verdict.is_outage:  # C5
        return Trouble(task, answer)
    seen = yield Ask(Operation.ORDER_EXISTS)  # C4: nothing is believed that can be asked
    said_done = answer.verdict is Verdict.DONE
    unverified = begun.with_(reason=Reason.NOT_THERE, last_error=None, awaited=_SAID_DONE)
    if seen.verdict.is_trouble:
        if said_done:  # a queue may have it: it is not run again at once
            yield Save(unverified, operation=task)
            return Trouble(Operation.ORDER_EXISTS, seen)
        return Trouble(task, answer if answer.verdict.is_trouble else seen)
    ended = begun.with_(in_flight=None)
    if seen.verdict is Verdict.YES or (seen.verdict is not Verdict.NO and said_done):
        # Without its word that it was us, the shop's own queue may have been quicker.
        is_ours = said_done or (is_missing and answer.verdict.is_trouble)
        ended = ended.with_(inserted_by=InsertedBy.US) if is_ours else ended
        is_theirs = answer.verdict is Verdict.ALREADY_DONE
        event = Event.ORDER_FOUND if is_theirs else Event.ORDER_INSERTED
        return (yield from _payment(ended, order, rules, scene, (event,), is_fresh=said_done))
    if said_done:
        yield Save(unverified, (Event.INSERTION_UNVERIFIED,), final=True, operation=task)
        return None
    if seen.verdict is not Verdict.NO:  # nobody can be asked: what the task says is all there is
        if answer.verdict is Verdict.ALREADY_DONE:
            theirs = ended.with_(inserted_by=record.inserted_by)
            return (yield from _found(theirs, order, rules, scene))
        if answer.verdict in (Verdict.TIMEOUT, Verdict.AMBIGUOUS):
            return Trouble(task, answer)
    if answer.verdict is Verdict.NOT_DUE:
        waiting = ended.with_(reason=Reason.NOT_DUE, last_error=answer.error)
        is_told = (record.reason, record.last_error) == (Reason.NOT_DUE, answer.error)
        news = (Event.INSERTION_WAITING,) * (not is_told)
        yield Save(waiting, news, final=True, operation=task)
        return None
    return (yield from _refused(begun, task, answer, rules, scene))


def _payment(
    record: Record,
    order: Order,
    rules: Rules,
    scene: Scene,
    events: tuple[Event, ...] = (),
    is_fresh: bool = False,
) -> Journey:
    """It is in Abacos and ours to follow. `is_fresh`: we put it there just now, so it is unpaid."""
    begun = record.in_flight is Operation.CONFIRM_PAYMENT
    unverified = record.is_unverified
    is_doubtful = begun or (not is_fresh and record.inserted_by is not InsertedBy.US)
    pending = record.with_(status=Status.PAYMENT_PENDING, last_error=None)
    if order.state in rules.closed_states:  # P2
        closed = _resolved(pending, Reason.CLOSED)
        yield Save(closed, (*events, Event.ORDER_CLOSED), final=True)
        return None
    if order.state not in rules.authorized_states:  # P2
        waiting = pending.with_(reason=Reason.NOT_DUE)
        yield Save(waiting, (*events, Event.PAYMENT_WAITING), final=True)
        return None
    if unverified or (rules.asks_payment and not is_fresh):  # P3
        if not unverified:
            yield Save(pending.with_(reason=Reason.OK), events)
            events = ()
        answer = yield Ask(Operation.PAYMENT_CONFIRMED)
        if answer.verdict.is_trouble:
            return Trouble(Operation.PAYMENT_CONFIRMED, answer)
        if answer.verdict is Verdict.YES:
            yield Save(_resolved(pending, Reason.OK), (Event.PAYMENT_CONFIRMED,), final=True)
            return None
        if unverified:
            yield _still_unverified(record, answer, rules, scene)
            return None
        if scene.is_again and answer.verdict is not Verdict.NO:
            yield Save(_resolved(pending, Reason.OK), final=True)
            return None
        is_doubtful = is_doubtful and answer.verdict is not Verdict.NO
    if is_doubtful:
        events = (*events, Event.CONFIRMATION_REPEATED)
    return (yield from _confirmation(pending, rules, scene, events))


def _confirmation(record: Record, rules: Rules, scene: Scene, events: tuple[Event, ...]) -> Journey:
    """Its payment is authorized and, as far as can be known, not confirmed (rule P1)."""
    task = Operation.CONFIRM_PAYMENT
    begun = record.with_(reason=Reason.OK, in_flight=task)
    yield Save(begun, events, operation=task)
    answer = yield Run(task)
    if answer.verdict.is_outage:  # C5
        return Trouble(task, answer)
    shown = Answer(Verdict.UNAVAILABLE)
    unverified = begun.with_(reason=Reason.NOT_THERE, awaited=_SAID_DONE)
    if rules.asks_payment:  # C4
        shown = yield Ask(Operation.PAYMENT_CONFIRMED)
    if shown.verdict.is_trouble:
        if answer.verdict is Verdict.DONE:
            yield Save(unverified, operation=task)
            return Trouble(Operation.PAYMENT_CONFIRMED, shown)
        return Trouble(task, answer if answer.verdict.is_trouble else shown)
    is_confirmed = shown.verdict is Verdict.YES or (
        shown.verdict is not Verdict.NO and answer.verdict in (Verdict.DONE, Verdict.ALREADY_DONE)
    )
    if is_confirmed:
        confirmed = _resolved(begun, Reason.OK)
        yield Save(confirmed, (Event.PAYMENT_CONFIRMED,), final=True, operation=task)
    elif answer.verdict is Verdict.DONE:
        yield Save(unverified, (Event.CONFIRMATION_UNVERIFIED,), final=True, operation=task)
    elif answer.verdict is Verdict.NOT_DUE:
        waiting = begun.with_(reason=Reason.NOT_DUE, in_flight=None)
        yield Save(waiting, (Event.PAYMENT_WAITING,), final=True, operation=task)
    elif shown.verdict is not Verdict.NO and answer.verdict in (Verdict.TIMEOUT, Verdict.AMBIGUOUS):
        return Trouble(task, answer)
    else:
        return (yield from _refused(begun, task, answer, rules, scene))
    return None


def _still_unverified(record: Record, answer: Answer, rules: Rules, scene: Scene) -> Save:
    """A task said done, and Abacos does not show it: a queue may need its time, and no more.

    `answer` is Abacos' or, where nobody can be asked, says so.
    """
    awaited, task = record.awaited, record.in_flight
    assert awaited is not None
    assert task is not None
    since = awaited.since
    if since is None or since > scene.now:  # of a clock that was put back: it waits anew
        return Save(record.with_(awaited=_SAID_DONE), final=True)
    if scene.now - since < timedelta(seconds=rules.verify_within):
        return Save(record, final=True)
    shown = "has nothing of it" if answer.verdict is Verdict.NO else "can't be asked about it"
    error = f"{task} said done, and Abacos {shown} after {rules.verify_within:g} s"
    lied = Answer(Verdict.REJECTED, error)
    return charged(record.with_(in_flight=None), task, Reason.NOT_THERE, lied, rules)


def _refused(
    record: Record, task: Operation, answer: Answer, rules: Rules, scene: Scene
) -> Journey:
    """Abacos has nothing of it, whatever the task said: an attempt, if that is its own fault."""
    reason = answer.verdict.reason
    is_hurried = scene.is_hurried and answer.verdict is Verdict.TIMEOUT
    is_broken = answer.verdict is Verdict.BROKEN
    is_its_own = is_own_fault(record.id, answer.error, scene.records)
    if is_broken:
        is_its_own = is_broken_for_it_alone(record.id, scene.records)
    record = record.ended(task) if answer.verdict.is_trouble else record.with_(in_flight=None)
    if is_its_own and not is_hurried:
        yield charged(record, task, reason, answer, rules)
        return None
    uncharged = record.with_(reason=reason, last_error=answer.error)
    if is_hurried:
        yield Save(uncharged, (Event.ORDER_SET_ASIDE,), final=True, operation=task)
        return None
    yield Save(uncharged, (Event.ORDER_REFUSED,), final=True, operation=task)
    return Trouble(task, answer if is_broken else Answer(Verdict.REJECTED, answer.error))


def charged(record: Record, task: Operation, reason: Reason, answer: Answer, rules: Rules) -> Save:
    """One attempt more; the last one exhausts the record (rule C7)."""
    attempts = record.attempts + 1
    is_last = attempts >= rules.max_attempts
    after = record.with_(
        status=Status.EXHAUSTED if is_last else Status.FAILED,
        reason=reason,
        attempts=attempts,
        last_error=answer.error,
    )
    event = Event.ORDER_EXHAUSTED if is_last else _CHARGED.get(reason, Event.ORDER_REJECTED)
    return Save(after, (event,), final=True, operation=task)


_CHARGED = {
    Reason.TIMEOUT: Event.ORDER_TIMED_OUT,
    Reason.DIED: Event.ORDER_DIED,
    Reason.NOT_THERE: Event.ORDER_NOT_THERE,
}


def _resolved(record: Record, reason: Reason) -> Record:
    return record.with_(status=Status.SUCCESS, reason=reason, in_flight=None, last_error=None)
