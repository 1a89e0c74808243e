"""The rules of a cycle, each by its name, in a world in memory (world.py).

What needs a real node, a real database or a real file has its rule's name in its neighbours.
"""

from collections import Counter, deque
from datetime import UTC, datetime

import pytest

from ordermonit.errors import Unavailable
from ordermonit.orders.events import Event
from ordermonit.orders.model import InsertedBy, Operation, Reason, Record, Status
from ordermonit.state.checkpoint import Checkpoint
from tests.cycle.shop import Shop
from tests.cycle.world import ALL_CHECKS, Crash, Fault


def test_c1_due_records_go_first_and_new_orders_keep_their_quota() -> None:
    shop = Shop(max_attempts=9, max_orders_per_request=3)
    for id in range(1, 11):
        shop.world.poisoned[number := shop.order(id)] = Fault.REJECTED
        shop.world.errors[number] = f"{'very ' * id}wrong"
    while shop.head < 10:
        shop.cycle()
    for id in range(11, 15):
        shop.order(id)
    shop.cycle()
    asked = dict.fromkeys(shop.runs(Operation.ORDER_EXISTS))
    assert [*asked] == [f"N{id}" for id in range(1, 14)]
    assert shop.head == 13


def test_c4_an_order_that_is_there_is_not_inserted() -> None:
    shop = Shop()
    shop.world.inserted[shop.order(1)] = 1
    shop.cycle()
    assert shop.world.asked == [(Operation.ORDER_EXISTS, "N1")]
    assert (shop.record(1).status, shop.record(1).reason) == (Status.SUCCESS, Reason.OK)


def test_c4_already_exists_is_success() -> None:
    shop = Shop(checks=frozenset())
    shop.world.inserted[shop.order(1)] = 1
    shop.cycle()
    assert shop.record(1).status is Status.SUCCESS
    assert not shop.runs(Operation.CONFIRM_PAYMENT), "the shop put it there, the shop confirms it"


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.LOST_AFTER_EFFECT])
def test_c5_no_answer_is_no_rejection_and_is_asked_about(fault: Fault) -> None:
    shop = Shop()
    shop.order(1)
    shop.cycle(Fault.NONE, fault)
    assert shop.record(1).attempts == 0
    operations = [operation for operation, _ in shop.world.asked]
    assert operations[:3] == [
        Operation.ORDER_EXISTS,
        Operation.INSERT_ORDER,
        Operation.ORDER_EXISTS,
    ]
    assert shop.world.inserted["N1"] == 1
    assert not shop.world.inserted_again
    assert shop.world.confirmed["N1"] == 1, "an insertion of ours is followed though unanswered"


@pytest.mark.parametrize("fault", [Fault.TAKEN_OVER, Fault.TIMEOUT_TAKEN_OVER])
@pytest.mark.parametrize("at", range(5))
def test_c3_what_a_session_answered_is_asked_again_when_it_has_ended(at: int, fault: Fault) -> None:
    """We were frozen, and another monitor has done what was left."""
    shop = Shop(ALL_CHECKS, follow_payments="all")
    for id in (1, 2):
        shop.order(id)
    shop.cycle(*[Fault.NONE] * at, fault)
    for number in ("N1", "N2"):
        assert (shop.world.inserted[number], shop.world.confirmed[number]) == (1, 1)
    assert not shop.world.inserted_again


def test_c3_a_question_ahead_that_ends_each_session_stops_nobody() -> None:
    shop = Shop()
    shop.order(1)
    shop.world.poisoned[shop.order(2)] = Fault.LOST
    with pytest.raises(Unavailable, match="lost; 1 order waits"):
        shop.cycle()
    assert shop.world.confirmed["N1"] == 1


def test_c6_the_intent_is_durable_before_the_task_runs() -> None:
    shop = Shop()
    shop.order(1)
    with pytest.raises(Crash):
        shop.cycle(Fault.NONE, Fault.CRASH_AFTER_EFFECT)
    assert shop.record(1).in_flight is Operation.INSERT_ORDER
    assert shop.head == 0, "HEAD waits for the verdict"
    shop.cycle()
    assert shop.runs(Operation.INSERT_ORDER) == []
    assert (shop.head, shop.record(1).status) == (1, Status.SUCCESS)


def test_c6_only_a_question_travels_ahead_of_the_record_before_it() -> None:
    shop = Shop(max_orders_per_request=9)
    shop.order(1, "waiting_payment")
    shop.cycle()
    shop.order(1)  # payable now: it begins with a task
    for id in (2, 3, 5):
        shop.order(id)
    shop.order(4, number="no number")
    shop.cycle()
    assert not [number for number in shop.world.asked_ahead if number == "N4"]
    assert shop.world.asked[0] == (Operation.CONFIRM_PAYMENT, "N1")
    task = shop.world.asked.index((Operation.INSERT_ORDER, "N2"))
    assert (Operation.ORDER_EXISTS, "N2") in shop.world.asked[:task]
    assert shop.runs(Operation.INSERT_ORDER) == ["N2", "N3", "N5"]


def test_c6_verdicts_that_changed_nothing_are_one_write() -> None:
    shop = Shop(max_orders_per_request=99)
    for id in range(1, 51):
        shop.world.inserted[shop.order(id)] = 1
    shop.cycle()
    assert shop.disk.heads == [50]
    assert shop.events == [Event.ORDER_FOUND] * 50


def test_c6_such_a_verdict_is_durable_before_the_next_task() -> None:
    shop = Shop()
    shop.world.inserted[shop.order(1)] = 1
    shop.order(2)
    with pytest.raises(Crash):
        shop.cycle(Fault.NONE, Fault.NONE, Fault.CRASH)
    assert shop.head == 1


def test_c6_such_a_verdict_does_not_wait_for_an_answer_that_takes_long() -> None:
    shop = Shop()
    shop.world.is_late = True
    for id in (1, 2):
        shop.world.inserted[shop.order(id)] = 1
    with pytest.raises(Crash):
        shop.cycle(Fault.NONE, Fault.CRASH)
    assert shop.head == 1


def test_c6_nothing_is_told_before_it_is_durable() -> None:
    shop = Shop()
    shop.order(1)
    shop.order(2)
    shop.disk.faults = deque([Fault.NONE, Fault.NONE, Fault.CRASH])
    with pytest.raises(Crash):
        shop.cycle()
    assert shop.record(1).in_flight is Operation.CONFIRM_PAYMENT
    assert Event.PAYMENT_CONFIRMED not in shop.events
    assert shop.runs(Operation.INSERT_ORDER) == ["N1"], "nothing runs before that write"


def test_c6_a_verdict_does_not_wait_for_a_question() -> None:
    shop = Shop()
    shop.order(1, "waiting_payment")  # behind its task and its check stands the next question
    shop.order(2)
    with pytest.raises(Crash):
        shop.cycle(Fault.NONE, Fault.NONE, Fault.NONE, Fault.NONE, Fault.CRASH)
    assert shop.record(1).reason is Reason.NOT_DUE
    assert shop.runs(Operation.ORDER_EXISTS) == ["N1", "N2", "N1", "N2"]


@pytest.mark.parametrize("fault", [Fault.TIMEOUT, Fault.LOST, Fault.DOWN, Fault.AMBIGUOUS])
def test_a_question_ahead_that_fails_is_asked_again_and_charged_to_nobody(fault: Fault) -> None:
    shop = Shop()
    first, second = shop.order(1), shop.order(2)
    shop.cycle(Fault.NONE, fault)
    assert shop.runs(Operation.ORDER_EXISTS)[:3] == [first, second, first]
    assert [shop.record(id).attempts for id in (1, 2)] == [0, 0]
    assert shop.world.confirmed == {first: 1, second: 1}
    assert Event.CONFIRMATION_REPEATED not in shop.events


def test_c6_head_never_passes_an_order_without_a_record() -> None:
    shop = Shop()
    shop.world.poisoned[shop.order(1)] = Fault.TIMEOUT
    shop.world.inserted[shop.order(2)] = 1
    # The first order hangs and is set aside; killed before that is written.
    shop.disk.faults = deque([Fault.CRASH])
    with pytest.raises(Crash):
        shop.cycle()
    assert not shop.disk.read().records
    assert shop.head == 0
    shop.world.poisoned.clear()
    shop.cycle()
    assert shop.world.inserted == {"N1": 1, "N2": 1}
    assert shop.head == 2


def test_c7_after_max_attempts_in_all_it_is_exhausted_and_left_alone() -> None:
    shop = Shop(max_attempts=3)
    shop.world.poisoned[shop.order(1)] = Fault.REJECTED
    for attempt in (1, 2, 3):
        shop.cycle()
        assert shop.record(1).attempts == attempt
    assert shop.record(1).status is Status.EXHAUSTED
    assert Event.ORDER_EXHAUSTED in shop.events
    assert not shop.cycle()


def test_c8_downtime_charges_nobody_and_leaves_head() -> None:
    shop = Shop()
    shop.disk.write(Checkpoint(1, [_failed(1, attempts=1)]))
    shop.order(1)
    shop.order(2)
    for number in ("N1", "N2"):
        shop.world.poisoned[number] = Fault.DOWN
    before = shop.disk.read()
    with pytest.raises(Unavailable):
        shop.cycle(seconds=0.05)
    assert (shop.head, shop.disk.read().records) == (before.head, before.records)
    assert {number for _, number in shop.world.asked} == {"N1", "N2"}
    shop.world.poisoned.clear()
    shop.cycle()
    assert shop.world.confirmed == {"N1": 1, "N2": 1}
    assert shop.record(1).attempts == 1


def test_c9_a_hanging_order_is_charged_when_abacos_answers_a_check_after_it() -> None:
    shop = Shop()
    shop.order(1)
    shop.cycle(Fault.NONE, Fault.TIMEOUT)
    record = shop.record(1)
    assert (record.attempts, record.reason) == (1, Reason.TIMEOUT)


def test_c9_progress_is_told_before_each_question_too() -> None:
    """Each may take as long as a task: systemd is asked for more time before it."""
    shop = Shop()
    shop.order(1)
    shop.cycle(Fault.NONE, Fault.TIMEOUT)
    assert len(shop.world.asked) == 3
    assert shop.world.told == [f"order {number}: {what}" for what, number in shop.world.asked]


def test_c9_a_poisoned_order_does_not_stop_the_others() -> None:
    shop = Shop(checks=frozenset())
    shop.world.poisoned[shop.order(1)] = Fault.TIMEOUT
    shop.order(2)
    shop.order(3)
    shop.cycle()
    assert (shop.record(1).attempts, shop.record(1).reason) == (1, Reason.TIMEOUT)
    assert +shop.world.inserted == Counter(N2=1, N3=1)
    assert shop.head == 3


def test_c9_a_hang_without_evidence_is_downtime() -> None:
    shop = Shop()
    shop.world.poisoned[shop.order(1)] = Fault.TIMEOUT
    with pytest.raises(Unavailable):
        shop.cycle(seconds=0.05)
    assert shop.head == 0
    assert not shop.disk.read().records


def test_c9_an_order_that_kills_its_session_stops_nobody_and_is_never_charged() -> None:
    shop = Shop()
    shop.world.poisoned[shop.order(1)] = Fault.LOST
    shop.order(2)
    shop.cycle()
    assert (shop.record(1).attempts, shop.record(1).reason) == (0, Reason.UNKNOWN)
    assert +shop.world.inserted == Counter(N2=1)
    assert shop.head == 2


@pytest.mark.parametrize("number", [None, "", "12 34", "1;rm", "x" * 65, "é", "1\n"])
def test_c10_an_invalid_number_never_reaches_the_node(number: str | None) -> None:
    shop = Shop()
    shop.order(1, number=number if number != "" else " ")
    shop.cycle()
    assert not shop.world.asked
    assert (shop.record(1).status, shop.record(1).reason) == (Status.FAILED, Reason.INVALID_NUMBER)
    assert not shop.cycle(), "and costs nothing while it stays invalid"
    shop.order(1)
    shop.cycle()
    assert shop.record(1).status is Status.SUCCESS


def test_c10_a_vanished_order_is_closed() -> None:
    shop = Shop()
    shop.order(1, "waiting_payment")
    shop.order(2)
    shop.cycle()
    del shop.world.rows[1]
    shop.cycle()
    assert (shop.record(1).status, shop.record(1).reason) == (Status.SUCCESS, Reason.GONE)


def test_p1_an_insertion_of_ours_in_an_authorized_state_is_confirmed() -> None:
    shop = Shop()
    shop.order(1, "picking")
    shop.world.authorize(1)
    shop.cycle()
    assert shop.runs(Operation.CONFIRM_PAYMENT) == ["N1"]


def test_p2_a_payment_that_comes_later_is_confirmed_then_and_costs_nothing_until_then() -> None:
    shop = Shop()
    shop.order(1, "waiting_payment")
    shop.cycle()
    assert shop.record(1).status is Status.PAYMENT_PENDING
    assert not shop.cycle()
    shop.world.authorize(1)
    shop.cycle()
    assert shop.world.asked == [(Operation.CONFIRM_PAYMENT, "N1")]
    assert shop.record(1).status is Status.SUCCESS


def test_p2_not_authorized_is_no_failure() -> None:
    shop = Shop()
    shop.order(1, "delivering")  # the Front says payable, the node does not
    shop.cycle()
    record = shop.record(1)
    assert (record.status, record.attempts) == (Status.PAYMENT_PENDING, 0)


def test_p2_a_closed_state_ends_it() -> None:
    shop = Shop()
    shop.order(1, "waiting_payment")
    shop.cycle()
    shop.order(1, "canceled")
    shop.cycle()
    assert (shop.record(1).status, shop.record(1).reason) == (Status.SUCCESS, Reason.CLOSED)
    assert not shop.world.asked


def test_p3_follow_all_asks_before_it_confirms() -> None:
    shop = Shop(
        checks=frozenset({Operation.ORDER_EXISTS, Operation.PAYMENT_CONFIRMED}),
        follow_payments="all",
    )
    for id in (1, 2):
        shop.world.inserted[shop.order(id)] = 1
    shop.world.confirmed["N1"] = 1
    shop.cycle()
    assert shop.runs(Operation.CONFIRM_PAYMENT) == ["N2"]
    assert shop.world.confirmed == {"N1": 1, "N2": 1}


def test_a_lost_confirmation_that_nobody_can_be_asked_about_is_sent_again_and_said() -> None:
    shop = Shop()
    shop.order(1)
    with pytest.raises(Crash):
        shop.cycle(*[Fault.NONE] * 3, Fault.CRASH_AFTER_EFFECT)
    shop.cycle()
    assert shop.world.confirmed["N1"] == 2
    assert Event.CONFIRMATION_REPEATED in shop.events


def test_a_late_commit_behind_head_is_treated_as_new() -> None:
    shop = Shop()
    shop.order(2)
    shop.cycle()
    shop.order(1)
    shop.cycle()
    assert shop.world.inserted == {"N1": 1, "N2": 1}
    assert Event.ORDER_LATE in shop.events
    assert not shop.disk.read().gaps


def test_a_gap_that_was_looked_into_for_its_window_is_not_looked_into_again() -> None:
    """Also in a shop that rests, where HEAD does not move."""
    shop = Shop(late_commit_window=60)
    for id in (3, 5):
        shop.order(id)
    shop.cycle()
    while shop.disk.read().gaps:
        shop.world.later += 30
        shop.cycle()
    shop.order(1)
    assert not shop.cycle()
    assert shop.world.later <= 120


def _failed(id: int, attempts: int) -> Record:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Record(
        id, f"N{id}", Status.FAILED, Reason.REJECTED, now, now, attempts, inserted_by=InsertedBy.US
    )
