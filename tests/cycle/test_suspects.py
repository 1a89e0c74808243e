"""Nobody waits for the sick (rules C1, C8, C9), in a world in memory."""

from contextlib import suppress
from types import SimpleNamespace

import pytest

from ordermonit.cycle import work
from ordermonit.errors import Unavailable
from ordermonit.orders.events import Event
from ordermonit.orders.gaps import Moment
from ordermonit.orders.model import Awaited, Late, Operation, Reason, Record, Status
from tests.cycle.shop import Shop
from tests.cycle.world import ALL_CHECKS, Fault

_INSERT = Operation.INSERT_ORDER


def test_c9_one_hanging_order_stops_nobody() -> None:
    shop = Shop()
    shop.world.poisoned[shop.order(1)] = Fault.TIMEOUT
    shop.order(2)
    shop.cycle(seconds=-1)  # the time for downtime is over before it begins
    assert shop.world.inserted["N2"] == 1
    assert shop.head == 2


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.DOWN, Fault.DIED, Fault.TIMEOUT])
def test_c9_two_sick_neighbours_stop_nobody_for_longer_than_a_cycle(fault: Fault) -> None:
    shop = Shop()
    for id in (1, 2):
        shop.world.poisoned[shop.order(id)] = fault
    shop.order(3)
    for _ in range(2):
        with suppress(Unavailable):
            shop.cycle(seconds=-1)
    assert shop.world.inserted["N3"] == 1


def test_c9_a_cycle_that_was_cut_short_goes_on_with_others() -> None:
    shop = Shop(max_orders_per_request=9)
    for id in range(1, 7):
        shop.world.poisoned[shop.order(id)] = Fault.LOST
    first = []
    for _ in range(3):
        with pytest.raises(Unavailable):
            shop.cycle(seconds=-1)
        first.append(shop.world.asked[0][1])
    assert len(set(first)) == 3


def test_c1_who_kept_others_waiting_comes_last_and_the_least_tried_first() -> None:
    shop = Shop(max_attempts=9)
    for id in (1, 2):
        shop.world.sick_tasks[shop.order(id)] = Fault.DIED
        shop.world.errors[f"N{id}"] = "killed" if id == 1 else "ended"
    shop.order(3)
    shop.cycle()
    checkpoint = shop.disk.read()
    assert checkpoint.suspects == {1: 1, 2: 1}
    checkpoint.suspects = {1: 2, 2: 1}
    shop.disk.write(checkpoint)
    shop.order(4)
    shop.cycle()
    asked = dict.fromkeys(number for _, number in shop.world.asked)
    assert [*asked] == ["N4", "N2", "N1"]


def test_c1_new_orders_are_looked_at_before_each_suspect() -> None:
    shop = Shop(max_attempts=9)
    for id in (1, 2):
        shop.world.sick_tasks[shop.order(id)] = Fault.DIED
        shop.world.errors[f"N{id}"] = "killed" if id == 1 else "ended"
    shop.order(3)
    shop.cycle()
    seen: list[int] = []

    def a_new_order_comes() -> None:
        if shop.world.asked[-1] == (Operation.INSERT_ORDER, "N1") and not seen:
            seen.append(len(shop.world.asked))
            shop.order(4)

    shop.world.witness = a_new_order_comes
    shop.cycle()
    numbers = [number for _, number in shop.world.asked]
    assert numbers.index("N4") < numbers.index("N2")


def test_c1_suspects_take_no_quota_from_new_orders() -> None:
    shop = Shop(max_orders_per_request=2)
    for id in (1, 2, 3):
        shop.order(id)
    checkpoint = shop.disk.read()
    checkpoint.suspects = {1: 1, 2: 1}
    shop.disk.write(checkpoint)
    shop.order(4)
    shop.cycle()
    assert [*dict.fromkeys(n for _, n in shop.world.asked)][:2] == ["N3", "N4"]


def test_c9_while_orders_hang_a_first_try_is_short_and_charged_to_nobody() -> None:
    shop = Shop()
    shop.world.sick_tasks[shop.order(1)] = Fault.TIMEOUT
    shop.order(2)
    shop.cycle()
    assert shop.world.patience == {"N1": None, "N2": pytest.approx(0.00001)}
    shop.world.sick_tasks[shop.order(3)] = Fault.TIMEOUT
    shop.cycle()
    record = shop.record(3)
    assert (record.reason, record.attempts) == (Reason.TIMEOUT, 0)
    assert Event.ORDER_SET_ASIDE in shop.events


def test_c9_what_hung_is_not_sent_again_while_abacos_may_be_at_it() -> None:
    shop = Shop(task_timeout=300)
    shop.world.sick_tasks[shop.order(1)] = Fault.TIMEOUT
    shop.order(9, "canceled")
    now = Moment.now().wall
    hanging = Record(9, "N9", Status.FAILED, Reason.TIMEOUT, now, now, in_flight=_INSERT)
    hanging = hanging.with_(awaited=Awaited(Late.ENDED, now))
    checkpoint = shop.disk.read()
    checkpoint.put(hanging)
    checkpoint.suspects = {9: 1}
    shop.disk.write(checkpoint)
    shop.cycle()
    assert shop.record(1).may_be_worked_on
    shop.cycle()
    assert not shop.world.asked
    shop.world.sick_tasks.clear()
    shop.age(301)
    shop.cycle()
    assert shop.world.inserted["N1"] == 1


def test_c9_a_suspect_gets_half_of_a_turn_or_waits_for_the_next_cycle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(work, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    shop = Shop(task_timeout=300, running_cycle=120)
    shop.world.sick_tasks = {shop.order(id): Fault.TIMEOUT for id in (1, 2)}
    shop.world.errors = {"N1": "one", "N2": "other"}
    checkpoint = shop.disk.read()
    checkpoint.suspects = {1: 1, 2: 2}
    shop.disk.write(checkpoint)

    def hang() -> None:
        if shop.world.asked[-1] == (_INSERT, "N1"):
            clock[0] += 61

    shop.world.witness = hang
    shop.cycle()
    assert shop.runs(_INSERT) == ["N1"]
    assert 2 not in shop.disk.read().records
    shop.cycle()
    assert shop.runs(_INSERT) == ["N2"], "it is the first one now"


@pytest.mark.parametrize("reason", [Reason.DISMISSED, Reason.GONE])
def test_c9_nobody_asks_about_an_odd_number_of_an_order_that_is_closed(reason: Reason) -> None:
    shop = Shop()
    shop.order(9)
    now = Moment.now().wall
    checkpoint = shop.disk.read()
    checkpoint.put(Record(7, "bad number!", Status.SUCCESS, reason, now, now))
    shop.disk.write(checkpoint)
    shop.cycle(Fault.TIMEOUT)
    assert shop.world.inserted["N9"] == 1


def test_c9_an_order_that_is_well_again_is_no_suspect() -> None:
    shop = Shop()
    shop.world.sick_tasks[shop.order(1)] = Fault.DIED
    shop.cycle()
    assert shop.disk.read().suspects == {1: 1}
    shop.world.sick_tasks.clear()
    shop.cycle()
    assert not shop.disk.read().suspects
    assert shop.record(1).status is Status.SUCCESS


# An outage of writing


def _refusing(shop: Shop, *ids: int) -> None:
    for id in ids:
        shop.world.sick_tasks[shop.order(id)] = Fault.REJECTED


def test_c8_abacos_that_refuses_every_order_is_an_outage() -> None:
    shop = Shop(max_attempts=4, max_orders_per_request=9)
    _refusing(shop, 1, 2, 3, 4, 5)
    for _ in range(10):
        with pytest.raises(Unavailable, match="Abacos refuses every order: rejected; 5 orders"):
            shop.cycle()
    assert [shop.record(id).attempts for id in range(1, 6)] == [1, 1, 0, 0, 0]
    assert len(shop.runs(Operation.INSERT_ORDER)) == 1, "one is tried first"
    shop.world.sick_tasks.clear()
    shop.cycle()
    assert shop.world.inserted == {f"N{id}": 1 for id in range(1, 6)}


def test_c8_the_one_that_is_tried_is_not_always_the_same() -> None:
    shop = Shop(max_attempts=9, max_orders_per_request=9)
    _refusing(shop, 1, 2, 3, 4)
    tried = set()
    for _ in range(5):
        with pytest.raises(Unavailable):
            shop.cycle()
        tried.add(shop.runs(Operation.INSERT_ORDER)[0])
    assert tried == {"N1", "N2", "N3", "N4"}


def test_c8_what_is_in_abacos_is_seen_during_an_outage_of_writing() -> None:
    shop = Shop(max_orders_per_request=9)
    _refusing(shop, 1, 2, 3)
    with pytest.raises(Unavailable):
        shop.cycle()
    shop.order(4)  # falls through, too
    with pytest.raises(Unavailable):
        shop.cycle()
    assert shop.head == 4
    assert shop.record(4).reason is Reason.NOT_FOUND
    assert not shop.record(4).in_flight
    # The shop's own queue brings a newer one: Abacos takes orders, so these are their own fault.
    shop.world.inserted[shop.order(5)] = 1
    shop.cycle()
    shop.cycle()
    assert sum(shop.record(id).attempts for id in (1, 2, 3)) > 2
    assert shop.world.inserted["N4"] == 1


def test_c7_refusals_are_charged_while_abacos_takes_other_orders() -> None:
    shop = Shop(max_attempts=2, max_orders_per_request=9)
    _refusing(shop, 1, 2, 3, 4)
    shop.order(5)
    for _ in range(6):
        with suppress(Unavailable):
            shop.cycle()
    assert {shop.record(id).status for id in (1, 2, 3, 4)} == {Status.EXHAUSTED}


def test_c8_hanging_on_each_insertion_is_an_outage_of_writing_too() -> None:
    shop = Shop(max_orders_per_request=9)
    for id in range(1, 6):
        shop.world.sick_tasks[shop.order(id)] = Fault.TIMEOUT
    for _ in range(9):
        with suppress(Unavailable):
            shop.cycle()
    with pytest.raises(Unavailable, match="Abacos refuses every order: timeout"):
        shop.cycle()
    assert sum(record.attempts for record in shop.disk.read().records.values()) <= 2


def test_c7_the_next_attempt_waits_as_retry_wait_says() -> None:
    shop = Shop(retry_wait=(60, 3600), max_attempts=9)
    shop.world.sick_tasks[shop.order(1)] = Fault.REJECTED
    shop.cycle()
    waits = []
    for seconds in (59, 2, 3598, 4, 3598, 4):
        shop.age(seconds)
        waits.append(shop.cycle())
    assert waits == [False, True, False, True, False, True]


def test_c7_a_higher_limit_opens_what_was_given_up() -> None:
    shop = Shop(max_attempts=1)
    shop.world.poisoned[shop.order(1)] = Fault.REJECTED
    shop.order(2)
    shop.cycle()
    assert shop.record(1).status is Status.EXHAUSTED
    assert not shop.cycle()
    raised = Shop(max_attempts=2)
    raised.world, raised.disk = shop.world, shop.disk
    raised.world.poisoned.clear()
    raised.cycle()
    assert Event.ORDER_REOPENED in raised.events
    assert raised.record(1).status is Status.SUCCESS


def test_c9_what_waited_for_a_slow_one_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "_FRESH", -1.0)  # the plan is old at once
    shop = Shop()
    shop.order(1)
    shop.order(2)

    def canceled() -> None:
        shop.order(2, "canceled")

    shop.world.witness = canceled
    shop.cycle()
    assert shop.world.confirmed == {"N1": 1}
    assert shop.record(2).reason is Reason.CLOSED


def test_c9_it_is_not_said_that_nothing_is_charged_where_something_is() -> None:
    shop = Shop(checks=frozenset())
    shop.order(1)
    shop.world.sick_tasks[shop.order(2)] = Fault.TIMEOUT
    shop.cycle()
    assert Event.ORDER_TIMED_OUT in shop.events
    assert Event.ORDER_UNKNOWN not in shop.events


def test_c9_an_order_without_an_answer_is_told_once() -> None:
    shop = Shop()
    shop.world.sick_tasks[shop.order(1)] = Fault.LOST
    shop.order(2)
    shop.cycle()
    assert shop.events.count(Event.ORDER_UNKNOWN) == 1


# Evidence


def test_c9_evidence_serves_once() -> None:
    shop = Shop(checks=frozenset(), max_orders_per_request=9)
    shop.order(1)
    for id in (2, 3):
        shop.world.poisoned[shop.order(id)] = Fault.TIMEOUT
    with pytest.raises(Unavailable):
        shop.cycle(seconds=-1)
    assert [shop.record(id).attempts for id in (2, 3)] == [1, 0]


def test_c9_a_word_of_the_task_alone_is_no_word_of_abacos() -> None:
    """A rejection may be the node's own: what is asked next is a number that Abacos knows."""
    shop = Shop(checks=ALL_CHECKS)
    shop.world.poisoned[shop.order(1)] = Fault.REJECTED
    shop.order(2)
    shop.cycle(Fault.NONE, Fault.REJECTED, Fault.NONE, Fault.TIMEOUT)
    assert (Operation.ORDER_EXISTS, "N1") in shop.world.asked


def test_c8_a_node_that_is_gone_at_the_second_question_is_waited_for() -> None:
    shop = Shop()
    shop.order(1)
    assert shop.cycle(Fault.NONE, Fault.TIMEOUT, Fault.LOST, Fault.UNREACHABLE)
    assert shop.world.confirmed["N1"] == 1


def test_c9_an_order_whose_refusal_ends_the_session_each_time_is_charged_and_holds_nobody_up() -> (
    None
):
    """As a timeout of its own does, of a kind that no pattern knows (docs/node.md)."""
    shop = Shop(max_attempts=2)
    shop.world.sick_tasks[shop.order(1)] = Fault.REJECTED_AT_LAST
    shop.order(2)
    shop.cycle(seconds=0)
    assert shop.record(1).attempts == 1
    assert shop.world.confirmed["N2"] == 1
