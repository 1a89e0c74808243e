"""Done is what Abacos says (rule C4), in a world in memory whose tasks lie."""

from collections.abc import Callable

import pytest

from ordermonit.errors import Unavailable
from ordermonit.orders.events import Event
from ordermonit.orders.model import InsertedBy, Operation, Reason, Status
from tests.cycle.shop import Shop
from tests.cycle.world import ALL_CHECKS, Crash, Fault

_NONE = Fault.NONE


def test_c4_what_a_task_did_is_asked_behind_it() -> None:
    shop = Shop()
    shop.order(1, "waiting_payment")
    shop.cycle()
    task = shop.world.asked.index((Operation.INSERT_ORDER, "N1"))
    assert shop.world.asked[task + 1] == (Operation.ORDER_EXISTS, "N1")
    assert "N1" in shop.world.asked_ahead, "it travels with the task: nobody waits for it alone"


def test_c4_where_orders_have_to_be_inserted_nothing_is_asked_in_vain() -> None:
    shop = Shop(max_orders_per_request=40)
    for id in range(1, 31):
        shop.order(id, "waiting_payment")
    shop.cycle()
    in_vain = 9  # the first questions, which travelled while Rails booted
    assert len(shop.runs(Operation.ORDER_EXISTS)) <= 2 * 30 + in_vain
    for id in range(31, 61):
        shop.order(id, "waiting_payment")
        shop.world.inserted[f"N{id}"] += 1
    shop.world.asked_ahead.clear()
    shop.cycle()
    assert len(shop.runs(Operation.ORDER_EXISTS)) == 30
    assert len(shop.world.asked_ahead) == 29, "they are there: nobody waits for one alone"


def test_c4_done_and_not_there_is_no_insertion_and_nobody_runs_it_again() -> None:
    shop = Shop(verify_within=600)
    shop.order(1)
    shop.cycle(_NONE, Fault.LIED)
    record = shop.record(1)
    assert (record.status, record.reason, record.attempts) == (Status.FAILED, Reason.NOT_THERE, 0)
    assert shop.events == [Event.ORDER_MISSING, Event.INSERTION_UNVERIFIED]
    shop.age(599)
    shop.cycle()
    assert shop.world.asked == [(Operation.ORDER_EXISTS, "N1")]
    assert not shop.events, "that it is still not there is no news"


def test_c4_after_verify_within_it_is_one_attempt_and_then_inserted_again() -> None:
    shop = Shop(verify_within=600)
    shop.order(1)
    shop.cycle(_NONE, Fault.LIED)
    shop.age(601)
    shop.cycle()
    assert (shop.record(1).attempts, shop.record(1).reason) == (1, Reason.NOT_THERE)
    assert shop.events == [Event.ORDER_NOT_THERE]
    assert not shop.runs(Operation.INSERT_ORDER)
    shop.cycle()
    assert shop.world.inserted["N1"] == shop.world.confirmed["N1"] == 1


def test_c4_what_a_queue_brings_later_is_ours_and_inserted_once() -> None:
    shop = Shop(verify_within=600)
    shop.order(1)
    shop.cycle(_NONE, Fault.QUEUED)
    assert Event.ORDER_INSERTED not in shop.events
    shop.world.queue_works()
    shop.cycle()
    assert shop.events == [
        Event.ORDER_INSERTED,
        Event.CONFIRMATION_REPEATED,
        Event.PAYMENT_CONFIRMED,
    ]
    assert shop.world.inserted == shop.world.confirmed == {"N1": 1}


def test_c4_a_lie_whose_check_got_no_answer_is_not_run_again_at_once() -> None:
    shop = Shop(verify_within=600)
    shop.order(1)
    shop.cycle(_NONE, Fault.QUEUED, Fault.DOWN)
    assert shop.runs(Operation.INSERT_ORDER) == ["N1"]
    shop.world.queue_works()
    shop.cycle()
    assert not shop.world.inserted_again


def test_c4_something_else_that_exists_is_a_rejection() -> None:
    shop = Shop()
    shop.order(1)
    shop.world.errors["N1"] = "Key (cpf)=(1) already exists."
    shop.cycle(_NONE, Fault.ELSE_EXISTS)
    record = shop.record(1)
    assert (record.reason, record.attempts) == (Reason.REJECTED, 1)
    assert record.last_error == "Key (cpf)=(1) already exists."


@pytest.mark.parametrize(
    "fault", [Fault.REJECTED_AFTER_EFFECT, Fault.TIMEOUT_AFTER_EFFECT, Fault.DIED_AFTER_EFFECT]
)
def test_c4_refused_and_there_is_there_and_ours(fault: Fault) -> None:
    """Refused, it may be the shop's own queue that was quicker; its payment is followed all the
    same."""
    shop = Shop()
    shop.order(1)
    shop.cycle(_NONE, fault)
    is_refused = fault is Fault.REJECTED_AFTER_EFFECT
    expected = InsertedBy.MAYBE_US if is_refused else InsertedBy.US
    assert shop.record(1).inserted_by is expected
    assert shop.record(1).attempts == 0
    assert shop.world.confirmed == {"N1": 1}


def test_c4_an_order_that_kills_its_process_is_charged_and_given_up() -> None:
    shop = Shop(max_attempts=2)
    shop.world.sick_tasks[shop.order(1)] = Fault.DIED
    shop.order(2)
    shop.cycle()
    assert (shop.record(1).attempts, shop.record(1).reason) == (1, Reason.DIED)
    assert Event.ORDER_DIED in shop.events
    assert shop.world.inserted["N2"] == 1


def test_c4_a_confirmation_that_did_nothing_is_found_too() -> None:
    shop = Shop(checks=ALL_CHECKS, verify_within=600)
    shop.order(1)
    shop.cycle(_NONE, _NONE, _NONE, Fault.LIED)
    record = shop.record(1)
    assert (record.status, record.reason) == (Status.PAYMENT_PENDING, Reason.NOT_THERE)
    assert Event.PAYMENT_CONFIRMED not in shop.events
    shop.age(599)
    shop.cycle()
    assert shop.world.asked == [(Operation.PAYMENT_CONFIRMED, "N1")]
    shop.age(2)
    shop.cycle()
    assert shop.record(1).attempts == 1
    shop.cycle()
    assert shop.world.confirmed["N1"] == 1


def test_c4_without_a_check_it_is_said_once_a_cycle_that_insertions_are_believed() -> None:
    shop = Shop(checks=frozenset())
    shop.order(1)
    shop.order(2)
    shop.cycle()
    assert shop.events.count(Event.INSERTIONS_BELIEVED) == 1
    assert shop.record(1).status is Status.SUCCESS
    with_check = Shop()
    with_check.order(1)
    with_check.cycle()
    assert Event.INSERTIONS_BELIEVED not in with_check.events


def test_p1_our_own_insertion_that_lost_its_answer_is_maybe_ours_and_that_is_said() -> None:
    shop = Shop()
    shop.order(1)
    with pytest.raises(Crash):
        shop.cycle(_NONE, Fault.CRASH)  # without effect: the shop's own queue then did all
    shop.world.inserted["N1"] = shop.world.confirmed["N1"] = 1
    shop.cycle()
    assert Event.CONFIRMATION_REPEATED in shop.events
    asked = Shop(checks=ALL_CHECKS)
    asked.order(1)
    with pytest.raises(Crash):
        asked.cycle(_NONE, Fault.CRASH)
    asked.world.inserted["N1"] = asked.world.confirmed["N1"] = 1
    asked.cycle()
    assert asked.world.confirmed["N1"] == 1


def test_p3_whose_payment_nobody_can_be_asked_about_is_not_confirmed_in_silence() -> None:
    shop = Shop(follow_payments="all")
    shop.world.inserted[shop.order(1)] = 1
    shop.cycle()
    assert Event.CONFIRMATION_REPEATED in shop.events


def test_p3_after_a_recovery_a_payment_is_not_confirmed_in_silence() -> None:
    shop = Shop()
    shop.world.inserted[shop.order(1)] = 1
    checkpoint = shop.disk.read()
    checkpoint.recover()
    shop.disk.write(checkpoint)
    shop.cycle()
    assert Event.CONFIRMATION_REPEATED in shop.events


def test_p3_the_doubt_after_a_recovery_lasts_until_all_that_was_there_then_is_passed() -> None:
    """A standby's copy may be some cycles old: so many pages of orders may be its predecessor's."""
    shop = Shop(max_orders_per_request=2)
    for id in range(1, 6):
        shop.world.inserted[shop.order(id)] = 1
    checkpoint = shop.disk.read()
    checkpoint.recover()
    shop.disk.write(checkpoint)
    shop.cycle()
    shop.world.inserted[shop.order(6)] = 1
    while shop.cycle():
        pass
    assert [shop.world.confirmed[f"N{id}"] for id in range(1, 7)] == [1, 1, 1, 1, 1, 0]
    assert not shop.disk.read().recovered


def test_after_a_recovery_a_due_record_may_be_ours_as_well() -> None:
    shop = Shop()
    shop.order(1)
    with pytest.raises(Unavailable):
        shop.cycle(_NONE, Fault.UNREACHABLE, seconds=0)
    checkpoint = shop.disk.read()
    checkpoint.put(checkpoint.records[1].with_(in_flight=None, inserted_by=InsertedBy.OTHERS))
    checkpoint.recover()
    shop.disk.write(checkpoint)
    shop.world.inserted["N1"] = 1
    shop.cycle()
    assert shop.runs(Operation.CONFIRM_PAYMENT) == ["N1"]


def _hidden(shop: Shop) -> None:
    row = shop.world.rows.pop(1)
    shop.cycle()
    shop.world.rows[1] = row


def _without_number(shop: Shop) -> None:
    row = shop.world.rows[1]
    shop.order(1, number=None)
    shop.cycle()
    shop.world.rows[1] = row


def _under_another_number(shop: Shop) -> None:
    row = shop.world.rows[1]
    shop.order(1, number="M1")
    shop.cycle()
    shop.world.rows[1] = row


def _on_hold(shop: Shop) -> None:
    shop.order(1, "on_hold")
    shop.cycle()
    shop.order(1)


def _unanswered(shop: Shop) -> None:
    """While another order is answered."""
    shop.order(3, "waiting_payment")
    shop.world.inserted["N3"] += 1
    shop.cycle(Fault.AMBIGUOUS)


def _unusable(shop: Shop) -> None:
    shop.world.unusable = ALL_CHECKS
    shop.cycle()
    shop.world.unusable = frozenset()


@pytest.mark.parametrize(
    "happens",
    [_hidden, _without_number, _under_another_number, _on_hold, _unanswered, _unusable],
)
@pytest.mark.parametrize("task", [Operation.INSERT_ORDER, Operation.CONFIRM_PAYMENT])
def test_c4_only_abacos_word_for_it_ends_what_a_task_said(
    task: Operation, happens: Callable[[Shop], None]
) -> None:
    shop = Shop(checks=ALL_CHECKS, verify_within=600)
    shop.order(1)
    shop.order(2, "waiting_payment")  # it is always there
    shop.world.inserted["N2"] += 1
    answers = {Operation.INSERT_ORDER: (_NONE,) * 2, Operation.CONFIRM_PAYMENT: (_NONE,) * 4}
    shop.cycle(*answers[task], Fault.QUEUED)
    assert (shop.record(1).in_flight, shop.record(1).is_unverified) == (task, True)
    happens(shop)
    shop.cycle()
    assert not shop.runs(task)
    shop.world.queue_works()
    shop.cycle()
    assert shop.world.inserted["N1"] == shop.world.confirmed["N1"] == 1
    assert not shop.world.inserted_again


def test_c4_a_clock_that_was_put_back_is_no_reason_to_send_it_again() -> None:
    shop = Shop(verify_within=600)
    shop.order(1)
    shop.cycle(_NONE, Fault.QUEUED)
    shop.age(-3600)
    shop.cycle()
    shop.cycle()
    assert not shop.runs(Operation.INSERT_ORDER)
    assert shop.record(1).attempts == 0
    shop.age(601)
    shop.cycle()
    assert shop.record(1).attempts == 1


def test_c4_the_shops_own_queue_was_quicker_and_confirmed_too() -> None:
    shop = Shop(checks=ALL_CHECKS)
    shop.order(1)

    def queue() -> None:
        if shop.world.asked[-1] == (Operation.INSERT_ORDER, "N1"):
            shop.world.inserted["N1"] = shop.world.confirmed["N1"] = 1

    shop.world.witness = queue
    shop.cycle()
    assert Event.ORDER_FOUND in shop.events
    assert Event.ORDER_INSERTED not in shop.events
    assert shop.world.confirmed["N1"] == 1


@pytest.mark.parametrize("fault", [Fault.TIMEOUT, Fault.AMBIGUOUS, Fault.DIED])
def test_c9_what_was_ended_in_the_middle_and_charged_is_not_sent_again_at_once(
    fault: Fault,
) -> None:
    shop = Shop(task_timeout=300)
    shop.world.sick_tasks[shop.order(1)] = fault
    shop.order(2, "waiting_payment")
    shop.world.inserted["N2"] += 1
    shop.cycle()
    shop.world.sick_tasks.clear()
    assert (shop.record(1).attempts, shop.record(1).may_be_worked_on) == (1, True)
    shop.cycle()
    assert not shop.world.asked
    shop.age(301)
    shop.cycle()
    assert len(shop.runs(Operation.INSERT_ORDER)) == 1
