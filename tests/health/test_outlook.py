"""What comes next is what the journey does: each sentence is held against the journey itself."""

from datetime import UTC, datetime, timedelta

import pytest

from ordermonit.health.outlook import Outlook, outlook, without_record
from ordermonit.orders.journey import Ask, Rules, Run, Save, Scene, journey
from ordermonit.orders.model import (
    Answer,
    Awaited,
    Late,
    Operation,
    Order,
    Reason,
    Record,
    Status,
    Verdict,
)

NOW = datetime(2026, 1, 31, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
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
        retry_wait=(0.0, 3600.0),
        min_order_age=60,
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


#: The reasons that each status may have, all of them together.
_REASONS = {
    Status.SUCCESS: {Reason.OK, Reason.CLOSED, Reason.GONE, Reason.DISMISSED},
    Status.FAILED: {
        *(Reason.NOT_FOUND, Reason.REJECTED, Reason.TIMEOUT, Reason.DIED, Reason.NOT_THERE),
        *(Reason.UNKNOWN, Reason.NOT_DUE, Reason.INVALID_NUMBER, Reason.NUMBER_CHANGED),
    },
}


def test_every_reason_has_a_sentence_of_its_own() -> None:
    assert set().union(*_REASONS.values()) == set(Reason)
    for status, reasons in _REASONS.items():
        said = {outlook(record(status, each), rules(), EXISTS, NOW).what for each in reasons}
        assert len(said) == len(reasons), said


def test_an_order_that_died_or_is_not_there_says_what_happened() -> None:
    died = outlook(record(Status.FAILED, Reason.DIED, 1), rules(), EXISTS, LATER)
    assert died.what.startswith("its task ended the process that ran it; the next cycle asks")
    lied = outlook(record(Status.FAILED, Reason.NOT_THERE, 1), rules(), EXISTS, LATER)
    assert lied.what.startswith("its task said done, though Abacos had nothing of it; the next")


def test_an_order_that_rests_says_until_when_and_by_which_setting() -> None:
    refused = record(Status.FAILED, Reason.REJECTED, 2)
    found = outlook(refused, rules(), EXISTS, NOW)
    assert "the first cycle after 2026-01-31T01:00:00Z (retry_wait) asks Abacos" in found.what
    assert (found.by_cycle, found.not_before) == (True, NOW + timedelta(hours=1))
    begun = record(Status.PAYMENT_PENDING, Reason.TIMEOUT, in_flight=Operation.CONFIRM_PAYMENT)
    hung = begun.with_(awaited=Awaited(Late.ENDED, NOW))
    found = outlook(hung, rules(), EXISTS, NOW)
    assert found.what.startswith("the first cycle after 2026-01-31T00:05:00Z (task_timeout) conf")
    assert outlook(hung, rules(), EXISTS, LATER).not_before is None


def test_what_a_task_said_was_done_is_asked_about_by_every_cycle() -> None:
    begun = record(Status.FAILED, Reason.NOT_THERE, in_flight=Operation.INSERT_ORDER)
    unverified = begun.with_(awaited=Awaited(Late.SAID_DONE, NOW))
    found = outlook(unverified, rules(), EXISTS, NOW)
    assert "every cycle asks Abacos whether it is there" in found.what
    assert "by 2026-01-31T00:10:00Z (verify_within), that is an attempt" in found.what
    assert (found.by_cycle, found.not_before) == (True, None)
    confirming = begun.with_(status=Status.PAYMENT_PENDING, in_flight=Operation.CONFIRM_PAYMENT)
    unpaid = confirming.with_(awaited=Awaited(Late.SAID_DONE, NOW))
    assert "whether the payment is confirmed" in outlook(unpaid, rules(), BOTH, NOW).what


@pytest.mark.parametrize(
    "reason", [Reason.NOT_FOUND, Reason.REJECTED, Reason.TIMEOUT, Reason.UNKNOWN]
)
def test_a_failed_order_is_asked_about_and_inserted(reason: Reason) -> None:
    failed = record(Status.FAILED, reason, attempts=1)
    found = outlook(failed, rules(), EXISTS, LATER)
    assert found.by_cycle
    assert "asks Abacos" in found.what
    assert "attempt 2 of 4" in found.what
    assert first_operations(failed, rules()) == [Operation.ORDER_EXISTS, Operation.INSERT_ORDER]


def test_without_a_check_it_is_inserted_at_once() -> None:
    found = outlook(record(Status.FAILED, Reason.REJECTED), rules(), frozenset(), NOW)
    assert "inserts it (attempt 1 of 4)" in found.what
    assert "asks" not in found.what


def test_a_payment_that_is_not_authorized_waits_for_the_front_and_not_for_a_cycle() -> None:
    found = outlook(record(Status.PAYMENT_PENDING, Reason.NOT_DUE), rules(), BOTH, NOW)
    assert found.what.startswith("waits until its payment is authorized")
    assert "authorized" in found.what
    assert not found.by_cycle


def test_a_payment_is_asked_about_where_it_can_be() -> None:
    pending = record(Status.PAYMENT_PENDING, Reason.OK, in_flight=Operation.CONFIRM_PAYMENT)
    assert "asks Abacos whether its payment" in outlook(pending, rules(), BOTH, NOW).what
    assert first_operations(pending, rules(asks_payment=True))[0] is Operation.PAYMENT_CONFIRMED
    assert "again: the last answer was lost" in outlook(pending, rules(), EXISTS, NOW).what
    assert first_operations(pending, rules())[0] is Operation.CONFIRM_PAYMENT
    untouched = pending.with_(in_flight=None)
    assert outlook(untouched, rules(), EXISTS, NOW).what == "the next cycle confirms its payment"


def test_an_order_given_up_has_the_command_to_type() -> None:
    found = outlook(record(Status.EXHAUSTED, Reason.REJECTED, attempts=4), rules(), BOTH, NOW)
    assert found.what.endswith("ordermonit retry 77")
    assert not found.by_cycle


def test_c7_a_higher_limit_opens_what_was_given_up() -> None:
    given_up = record(Status.EXHAUSTED, Reason.REJECTED, attempts=3)
    found = outlook(given_up, rules(), BOTH, NOW)
    assert found == Outlook("the next cycle tries it again: max_attempts is 4 now", by_cycle=True)
    assert Operation.INSERT_ORDER in first_operations(given_up, rules())


def test_attempts_that_a_lower_limit_has_used_up_are_the_end_in_the_next_cycle() -> None:
    failed = record(Status.FAILED, Reason.REJECTED, attempts=4)
    assert "gives it up" in outlook(failed, rules(), BOTH, NOW).what
    step = next(journey(failed, Order(1, "77", "authorized"), rules(), Scene(NOW)))
    assert isinstance(step, Save)
    assert step.record.status is Status.EXHAUSTED


def test_a_bad_number_waits_for_a_person() -> None:
    found = outlook(record(Status.FAILED, Reason.INVALID_NUMBER), rules(), BOTH, NOW)
    assert "corrected in the Front" in found.what
    assert not found.by_cycle


@pytest.mark.parametrize("reason", [Reason.OK, Reason.CLOSED, Reason.GONE])
def test_nothing_happens_to_a_resolved_order(reason: Reason) -> None:
    assert outlook(record(Status.SUCCESS, reason), rules(), BOTH, NOW).what.startswith("nothing: ")


def test_a_dismissed_order_says_why_and_how_it_is_opened_again() -> None:
    dismissed = record(Status.SUCCESS, Reason.DISMISSED, last_error="a test order")
    found = outlook(dismissed, rules(), BOTH, NOW).what
    assert "a test order" in found
    assert found.endswith("ordermonit retry 77")


@pytest.mark.parametrize("number", [None, "", "10 01", "-7", "a;b", "10\N{REPLACEMENT CHARACTER}"])
def test_what_no_shell_takes_as_it_is_is_typed_by_its_id(number: str | None) -> None:
    dismissed = record(Status.SUCCESS, Reason.DISMISSED).with_(number=number)
    said = outlook(dismissed, rules(), BOTH, NOW).what
    assert said.endswith(f"ordermonit retry id:{dismissed.id}")


def test_an_order_without_a_record_is_resolved_or_not_ours() -> None:
    assert "resolved" in without_record("PAYMENT_CONFIRMED").what
    assert "no record" in without_record("ORDER_REJECTED").what
