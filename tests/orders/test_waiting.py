"""An order that the node does not take yet is asked about in every cycle, and told once."""

from datetime import UTC, datetime

from ordermonit.orders.events import Event
from ordermonit.orders.journey import Ask, Rules, Run, Save, Scene, first_record, journey
from ordermonit.orders.model import Answer, Operation, Order, Reason, Record, Status, Verdict

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ORDER = Order(7, "7", "authorized", NOW)
_STATES = (frozenset({"authorized"}), frozenset({"canceled"}), frozenset[str]())
RULES = Rules(4, False, *_STATES, True, 600, 300, (0.0,), 0)


def cycle(record: Record, error: str) -> tuple[Record, list[Event], list[Operation]]:
    """One cycle in which the node says that it can't be inserted yet: the record after it, what is
    told, and what the node was asked."""
    events: list[Event] = []
    asked: list[Operation] = []
    steps = journey(record, ORDER, RULES, Scene(NOW))
    step = next(steps)
    try:
        while True:
            match step:
                case Save():
                    record = step.record
                    events += step.events
                    answer = Answer(Verdict.DONE)
                case Ask():
                    asked.append(step.operation)
                    answer = Answer(Verdict.NO)
                case Run():
                    asked.append(step.operation)
                    answer = Answer(Verdict.NOT_DUE, error)
            step = steps.send(answer)
    except StopIteration:
        return record, events, asked


def test_an_order_that_waits_is_told_once_and_asked_about_each_time() -> None:
    record, events, first = cycle(first_record(ORDER, NOW), "no payment")
    assert (record.status, record.reason) == (Status.FAILED, Reason.NOT_DUE)
    assert events == [Event.ORDER_MISSING, Event.INSERTION_WAITING]
    record, events, again = cycle(record, "no payment")
    assert events == []
    assert again == first
    _, events, _ = cycle(record, "no address")
    assert events == [Event.INSERTION_WAITING], "another reason is news"
