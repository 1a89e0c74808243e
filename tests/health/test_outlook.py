"""What comes next is what the journey does: each sentence is held against the journey itself."""

from datetime import UTC, datetime

import pytest

from ordermonit.health.outlook import outlook, without_record
from ordermonit.orders.journey import Ask, Rules, Run, Save, Scene, journey
from ordermonit.orders.model import Answer, Operation, Order, Reason, Record, Status, Verdict

NOW = datetime(2026, 1, 31, tzinfo=UTC)
EXISTS = frozenset({Operation.ORDER_EXISTS})
BOTH = EXISTS | {Operation.PAYMENT_CONFIRMED}


def rules(*, asks_payment: bool = False) -> Rules:
    authorized, closed = frozenset({"authorized"}), frozenset({"canceled"})
    return Rules(
        max_attempts=4,
        follow_all=False,
        authorized_states=authorized,
        closed_states=closed,
        ignored_states=frozenset(),
        asks_payment=asks_payment,
        verify_within=600,
        task_timeout=300,
    )


def record(status: Status, reason: Reason, attempts: int = 0, **more: object) -> Record:
    return Record(1, "77", status, reason, NOW, NOW, attempts).with_(**more)


def first_operations(record: Record, rules: Rules) -> list[Operation]:
    """What the journey of an authorized order asks or runs first, and then, absent or unpaid."""
    steps = journey(record, Order(1, "77", "authorized"), rules, Scene(NOW))
    found: list[Operation] = []
    step = next(steps)
    while len(found) < 2:
        if isinstance(step, Save) and step.final:
            break
        if isinstance(step, Ask | Run):
            found.append(step.operation)
        step = steps.send(Answer(Verdict.NO if isinstance(step, Ask) else Verdict.DONE))
    return found


@pytest.mark.parametrize(
    "reason", [Reason.NOT_FOUND, Reason.REJECTED, Reason.TIMEOUT, Reason.UNKNOWN]
)
def test_a_failed_order_is_asked_about_and_inserted(reason: Reason) -> None:
    failed = record(Status.FAILED, reason, attempts=1)
    found = outlook(failed, rules(), EXISTS)
    assert found.by_cycle
    assert "asks Abacos" in found.what
    assert "attempt 2 of 4" in found.what
    assert first_operations(failed, rules()) == [Operation.ORDER_EXISTS, Operation.INSERT_ORDER]


def test_without_a_check_it_is_inserted_at_once() -> None:
    found = outlook(record(Status.FAILED, Reason.REJECTED), rules(), frozenset())
    assert "inserts it (attempt 1 of 4)" in found.what
    assert "asks" not in found.what


def test_a_payment_that_is_not_authorized_waits_for_the_front_and_not_for_a_cycle() -> None:
    found = outlook(record(Status.PAYMENT_PENDING, Reason.NOT_DUE), rules(), BOTH)
    assert found.what.startswith("waits until its payment is authorized")
    assert "authorized" in found.what
    assert not found.by_cycle


def test_a_payment_is_asked_about_where_it_can_be() -> None:
    pending = record(Status.PAYMENT_PENDING, Reason.OK, in_flight=Operation.CONFIRM_PAYMENT)
    assert "asks Abacos whether its payment" in outlook(pending, rules(), BOTH).what
    assert first_operations(pending, rules(asks_payment=True))[0] is Operation.PAYMENT_CONFIRMED
    assert "again: the last answer was lost" in outlook(pending, rules(), EXISTS).what
    assert first_operations(pending, rules())[0] is Operation.CONFIRM_PAYMENT
    untouched = pending.with_(in_flight=None)
    assert outlook(untouched, rules(), EXISTS).what == "the next cycle confirms its payment"


def test_an_order_given_up_has_the_command_to_type() -> None:
    found = outlook(record(Status.EXHAUSTED, Reason.REJECTED, attempts=4), rules(), BOTH)
    assert found.what.endswith("ordermonit retry 77")
    assert not found.by_cycle


def test_attempts_that_a_lower_limit_has_used_up_are_the_end_in_the_next_cycle() -> None:
    failed = record(Status.FAILED, Reason.REJECTED, attempts=4)
    assert "gives it up" in outlook(failed, rules(), BOTH).what
    step = next(journey(failed, Order(1, "77", "authorized"), rules(), Scene(NOW)))
    assert isinstance(step, Save)
    assert step.record.status is Status.EXHAUSTED


def test_a_bad_number_waits_for_a_person() -> None:
    found = outlook(record(Status.FAILED, Reason.INVALID_NUMBER), rules(), BOTH)
    assert "corrected in the Front" in found.what
    assert not found.by_cycle


@pytest.mark.parametrize("reason", [Reason.OK, Reason.CLOSED, Reason.GONE])
def test_nothing_happens_to_a_resolved_order(reason: Reason) -> None:
    assert outlook(record(Status.SUCCESS, reason), rules(), BOTH).what.startswith("nothing: ")


def test_a_dismissed_order_says_why_and_how_it_is_opened_again() -> None:
    dismissed = record(Status.SUCCESS, Reason.DISMISSED, last_error="a test order")
    found = outlook(dismissed, rules(), BOTH).what
    assert "a test order" in found
    assert found.endswith("ordermonit retry 77")


def test_an_order_without_a_record_is_resolved_or_not_ours() -> None:
    assert "resolved" in without_record("PAYMENT_CONFIRMED").what
    assert "no record" in without_record("ORDER_REJECTED").what
