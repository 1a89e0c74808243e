"""The journey of one order, from the first look at it to its payment, top to bottom.

A journey is a generator without I/O. It yields what it needs (a question, a durable record, a task)
and is sent the node's answer; so each rule can be read here and tried in any order of events.
"""

from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime

from ordermonit.orders.events import Event
from ordermonit.orders.model import Answer, Operation, Order, Reason, Record, Status, Verdict, shown


@dataclass(frozen=True, slots=True)
class Ask:
    """Put a check to the node. Changes nothing there."""

    operation: Operation


@dataclass(frozen=True, slots=True)
class Run:
    """Run a task on the node."""

    operation: Operation


@dataclass(frozen=True, slots=True)
class Save:
    """Make the record durable before anything else happens (rule C6).

    `final` says that the order has a verdict, so that HEAD may pass it.
    """

    record: Record
    events: tuple[Event, ...] = ()
    final: bool = False


@dataclass(frozen=True, slots=True)
class Trouble:
    """The journey ends without a verdict: nobody knows yet whose fault it is (rules C8, C9)."""

    operation: Operation
    answer: Answer


Step = Ask | Run | Save
Journey = Generator[Step, Answer, Trouble | None]


@dataclass(frozen=True, slots=True)
class Rules:
    """What the configuration says about every journey.

    `again` is about one of them: its order was passed before, and its payment may have been
    confirmed then. It is confirmed again only where Abacos can be asked, and says no.
    """

    max_attempts: int
    follow_all: bool
    authorized_states: frozenset[str]
    closed_states: frozenset[str]
    asks_payment: bool
    again: bool = False


def journey(record: Record, order: Order | None, rules: Rules) -> Journey:
    """One order's journey in one cycle.

    `record` is the checkpoint's, or `first_record` for a new order; `order` is the Front's row, or
    None when it has vanished. Returns None with a verdict, Trouble without one.
    """
    if order is None:  # C10
        yield Save(_resolved(record, Reason.GONE), (Event.ORDER_GONE,), final=True)
        return None
    if not order.has_valid_number:  # C10
        invalid = record.with_(status=Status.FAILED, reason=Reason.INVALID_NUMBER)
        yield Save(invalid, (Event.NUMBER_INVALID,), final=True)
        return None
    if record.status is Status.FAILED and record.attempts >= rules.max_attempts:  # C7
        exhausted = record.with_(status=Status.EXHAUSTED)
        yield Save(exhausted, (Event.ORDER_EXHAUSTED,), final=True)
        return None
    if record.status is Status.PAYMENT_PENDING:  # P2
        return (yield from _payment(record, order, rules))

    answer = yield Ask(Operation.ORDER_EXISTS)  # C4
    if answer.verdict.is_trouble:
        return Trouble(Operation.ORDER_EXISTS, answer)
    if answer.verdict is Verdict.YES:
        return (yield from _found(record, order, rules))
    return (yield from _insertion(record, order, rules, missing=answer.verdict is Verdict.NO))


def first_record(order: Order, now: datetime) -> Record:
    """The record of an order that is seen for the first time; not saved until there is more."""
    return Record(order.id, shown(order.number), Status.FAILED, Reason.NOT_FOUND, now, now)


def has_work(record: Record, order: Order | None, rules: Rules) -> bool:
    """Whether a cycle would do anything at all for this record.

    A payment that is still not authorized, or a number that is still invalid, costs nothing (C2).
    """
    step = next(journey(record, order, rules))
    return not (isinstance(step, Save) and step.final and step.record == record)


def _found(record: Record, order: Order, rules: Rules) -> Journey:
    """It is in Abacos. Who put it there decides whether its payment is ours to follow."""
    followed = rules.follow_all and (rules.asks_payment or not rules.again)
    if record.sent or followed:  # P1, P3
        return (yield from _payment(record, order, rules, (Event.ORDER_FOUND,)))
    yield Save(_resolved(record, Reason.OK), (Event.ORDER_FOUND,), final=True)
    return None


def _insertion(record: Record, order: Order, rules: Rules, missing: bool) -> Journey:
    """It is not in Abacos, or the node can't say: the task itself then answers "already exists"."""
    sent_before = record.sent
    record = record.with_(in_flight=Operation.INSERT_ORDER, sent=True, reason=Reason.NOT_FOUND)
    yield Save(record, (Event.ORDER_MISSING,) if missing else ())
    answer = yield Run(Operation.INSERT_ORDER)
    if answer.verdict.is_trouble:  # C5
        return Trouble(Operation.INSERT_ORDER, answer)
    record = record.with_(in_flight=None)
    match answer.verdict:
        case Verdict.DONE:
            inserted = (Event.ORDER_INSERTED,)
            return (yield from _payment(record, order, rules, inserted, fresh=True))
        case Verdict.ALREADY_DONE:
            return (yield from _found(record.with_(sent=sent_before), order, rules))
        case Verdict.NOT_DUE:
            waiting = record.with_(reason=Reason.NOT_DUE, last_error=answer.error)
            yield Save(waiting, (Event.INSERTION_WAITING,), final=True)
        case _:
            yield charged(record, Reason.REJECTED, answer, rules)
    return None


def _payment(
    record: Record,
    order: Order,
    rules: Rules,
    events: tuple[Event, ...] = (),
    fresh: bool = False,
) -> Journey:
    """It is in Abacos and ours to follow. `fresh`: inserted a moment ago, so surely unpaid."""
    unanswered = record.in_flight is Operation.CONFIRM_PAYMENT
    record = record.with_(status=Status.PAYMENT_PENDING, last_error=None)
    if order.state in rules.closed_states:  # P2
        closed = _resolved(record, Reason.CLOSED)
        yield Save(closed, (*events, Event.ORDER_CLOSED), final=True)
        return None
    if order.state not in rules.authorized_states:  # P2
        waiting = record.with_(reason=Reason.NOT_DUE, in_flight=None)
        yield Save(waiting, (*events, Event.PAYMENT_WAITING), final=True)
        return None
    if rules.asks_payment and not fresh:  # P3
        yield Save(record.with_(reason=Reason.OK), events)
        events = ()
        answer = yield Ask(Operation.PAYMENT_CONFIRMED)
        if answer.verdict.is_trouble:
            return Trouble(Operation.PAYMENT_CONFIRMED, answer)
        if answer.verdict is Verdict.YES:
            yield Save(_resolved(record, Reason.OK), (Event.PAYMENT_CONFIRMED,), final=True)
            return None
        if rules.again and answer.verdict is not Verdict.NO:
            yield Save(_resolved(record, Reason.OK), final=True)
            return None
        unanswered = unanswered and answer.verdict is not Verdict.NO
    if unanswered:
        events = (*events, Event.CONFIRMATION_REPEATED)
    return (yield from _confirmation(record, rules, events))


def _confirmation(record: Record, rules: Rules, events: tuple[Event, ...]) -> Journey:
    """Its payment is authorized and, as far as can be known, not confirmed (rule P1)."""
    record = record.with_(reason=Reason.OK, in_flight=Operation.CONFIRM_PAYMENT)
    yield Save(record, events)
    answer = yield Run(Operation.CONFIRM_PAYMENT)
    if answer.verdict.is_trouble:
        return Trouble(Operation.CONFIRM_PAYMENT, answer)
    match answer.verdict:
        case Verdict.DONE | Verdict.ALREADY_DONE:
            confirmed = _resolved(record, Reason.OK)
            yield Save(confirmed, (Event.PAYMENT_CONFIRMED,), final=True)
        case Verdict.NOT_DUE:
            waiting = record.with_(reason=Reason.NOT_DUE, in_flight=None)
            yield Save(waiting, (Event.PAYMENT_WAITING,), final=True)
        case _:
            yield charged(record.with_(in_flight=None), Reason.REJECTED, answer, rules)
    return None


def charged(record: Record, reason: Reason, answer: Answer, rules: Rules) -> Save:
    """One attempt more; the last one exhausts the record (rule C7)."""
    attempts = record.attempts + 1
    exhausted = attempts >= rules.max_attempts
    after = record.with_(
        status=Status.EXHAUSTED if exhausted else Status.FAILED,
        reason=reason,
        attempts=attempts,
        last_error=answer.error,
    )
    if exhausted:
        return Save(after, (Event.ORDER_EXHAUSTED,), final=True)
    event = Event.ORDER_TIMED_OUT if reason is Reason.TIMEOUT else Event.ORDER_REJECTED
    return Save(after, (event,), final=True)


def _resolved(record: Record, reason: Reason) -> Record:
    return record.with_(status=Status.SUCCESS, reason=reason, in_flight=None, last_error=None)
