"""No id is lost (rule C6): what becomes of ids behind HEAD, in a world in memory (world.py)."""

from contextlib import suppress
from datetime import timedelta

import pytest

from ordermonit.errors import DatabaseBehind, Unavailable
from ordermonit.orders.events import Event
from ordermonit.orders.model import InsertedBy, Operation, Reason, Status
from ordermonit.state.checkpoint import Checkpoint
from tests.cycle.shop import NOON, Shop, sold
from tests.cycle.world import Crash, Fault

DAY = 86400


def test_c6_the_newest_orders_deleted_is_told_once_and_due_work_goes_on() -> None:
    shop = sold(3)
    shop.order(4, "waiting_payment", created_at=NOON)
    shop.order(5, created_at=NOON)
    shop.order(6, created_at=NOON)
    while shop.cycle():
        pass
    shop.delete(5, 6)
    shop.world.authorize(4)
    assert shop.cycle()
    assert shop.world.confirmed["N4"] == 1
    assert shop.events.count(Event.HEAD_MISSING) == 1
    for _ in range(99):
        shop.world.later += DAY
        assert not shop.cycle()
        assert Event.HEAD_MISSING not in shop.events
    shop.order(5, number="M5", created_at=NOON + timedelta(hours=1))
    shop.cycle()
    assert shop.world.inserted["M5"] == 1
    assert shop.events.count(Event.ID_REUSED) == 1
    assert Event.HEAD_MISSING not in shop.events
    shop.order(6, number="M6", created_at=NOON + timedelta(hours=1))
    shop.cycle()
    assert shop.world.inserted["M6"] == 1
    shop.order(7)
    while shop.cycle():
        pass
    assert shop.head == 7


def test_c6_a_copy_that_is_behind_costs_a_warning_and_nothing_else() -> None:
    shop = sold(9)
    hidden = {id: shop.world.rows.pop(id) for id in (8, 9)}
    assert not shop.cycle()
    assert shop.events == [Event.HEAD_MISSING]
    shop.world.rows |= hidden
    assert not shop.cycle()
    assert shop.events == []
    writes = len(shop.disk.heads)
    assert not shop.cycle()
    assert len(shop.disk.heads) == writes


def test_c6_more_that_is_deleted_is_told_again() -> None:
    shop = sold(5)
    for id in (5, 4):
        shop.delete(id)
        shop.cycle()
        assert shop.events == [Event.HEAD_MISSING]


def test_c6_another_database_is_refused() -> None:
    shop = sold(5)
    shop.world.rows.clear()
    with pytest.raises(DatabaseBehind, match="HEAD is 5, but the newest order in the Front is 0"):
        shop.cycle()
    for id in (1, 2, 3):
        shop.order(id, number=f"M{id}", created_at=NOON + timedelta(days=id))
    with pytest.raises(DatabaseBehind, match="no order that was passed is there any more"):
        shop.cycle()
    for id in (4, 5, 6):
        shop.order(id, number=f"M{id}", created_at=NOON + timedelta(days=id))
    with pytest.raises(DatabaseBehind, match="HEAD is 5, but no order that was passed"):
        shop.cycle()
    assert not shop.world.asked


def test_c6_a_head_that_nothing_is_known_of_is_refused_and_known_from_then_on() -> None:
    shop = Shop()
    shop.disk.write(Checkpoint(5))
    shop.order(3)
    with pytest.raises(DatabaseBehind):
        shop.cycle()
    shop.order(5)
    shop.order(6)
    shop.cycle()
    assert b"^HEAD 6 N6 -\n" in shop.disk.data


def test_c6_a_gaps_time_counts_only_while_cycles_look() -> None:
    shop = Shop()
    for id in (2, 3):
        shop.order(id)
    shop.cycle()
    shop.world.later += 9 * DAY  # paused, or the machine off
    shop.order(4)
    shop.cycle()
    shop.world.later += 9 * DAY
    shop.order(1)
    shop.cycle()
    assert shop.world.inserted["N1"] == 1


def test_c6_a_gap_costs_few_writes_and_ends() -> None:
    shop = Shop(running_cycle=5)
    shop.order(2)
    shop.cycle()
    before = len(shop.disk.heads)
    for _ in range(2 * 3600 // 5):
        shop.world.later += 5
        shop.cycle()
    assert not shop.disk.read().gaps
    assert 10 < len(shop.disk.heads) - before <= 33


def test_c6_a_late_order_that_was_seen_once_has_a_record() -> None:
    shop = Shop(late_commit_window=60)
    shop.order(2)
    shop.cycle()
    shop.order(1)
    shop.world.poisoned["N1"] = Fault.DOWN
    with pytest.raises(Unavailable):
        shop.cycle(seconds=0)
    assert Event.ORDER_LATE in shop.events
    assert shop.record(1).is_due
    shop.world.poisoned.clear()
    shop.world.later += 9 * DAY
    shop.cycle()
    assert Event.ORDER_LATE not in shop.events
    assert shop.world.inserted["N1"] == 1


def test_c6_nothing_that_is_visible_in_a_gap_is_dropped() -> None:
    """500 orders that commit in one transaction, behind one that was passed long before."""
    shop = Shop(max_orders_per_request=5)
    shop.order(501)
    shop.cycle()
    shop.world.later += 3590
    for id in range(1, 501):
        shop.order(id)
    while shop.cycle():
        shop.world.later += 120
    assert sum(shop.world.inserted.values()) == 501


def test_c6_who_hangs_in_a_gap_hides_nobody_behind_it() -> None:
    shop = Shop(max_orders_per_request=1)
    shop.order(3)
    shop.cycle()
    shop.world.poisoned[shop.order(1)] = Fault.TIMEOUT
    shop.order(2)
    shop.cycle()
    shop.cycle()
    assert shop.world.inserted["N2"] == 1


def test_c6_a_dismissed_record_in_a_gap_hides_nobody_behind_it() -> None:
    shop = Shop(max_orders_per_request=1)
    shop.order(3)
    shop.cycle()
    checkpoint = shop.disk.read()
    dismissed = checkpoint.records[3].with_(id=1, number="N1", reason=Reason.DISMISSED)
    checkpoint.put(dismissed)
    shop.disk.write(checkpoint)
    shop.order(1)
    shop.order(2)
    shop.cycle()
    assert (shop.world.inserted["N1"], shop.world.inserted["N2"]) == (0, 1)
    assert shop.record(1).reason is Reason.DISMISSED


def test_c6_head_passes_no_order_that_waits_for_its_turn() -> None:
    """Not even where one that has a record, or hung, stands behind it."""
    shop = Shop(max_orders_per_request=1)
    for id in (1, 2, 3):
        shop.order(id)
    checkpoint = shop.disk.read()
    checkpoint.suspects = {3: 1, 99: 1}
    shop.disk.write(checkpoint)
    shop.cycle()
    assert shop.head == 3
    assert Event.ORDER_LATE not in shop.events, "2 had its turn before 3 was passed"


def test_c10_an_order_that_vanished_and_is_back_goes_on() -> None:
    shop = sold(1)
    shop.order(2, "waiting_payment", created_at=NOON)
    shop.order(3, created_at=NOON)
    shop.cycle()
    row = shop.world.rows.pop(2)
    shop.cycle()
    assert shop.record(2).reason is Reason.GONE
    assert not shop.cycle()
    shop.world.later += 30 * DAY
    shop.world.rows[2] = row
    shop.world.authorize(2)
    shop.cycle()
    assert shop.events[0] is Event.ORDER_BACK
    assert shop.world.confirmed["N2"] == 1
    assert shop.world.inserted["N2"] == 1
    assert shop.record(2).status is Status.SUCCESS


def test_c10_another_order_under_the_id_of_one_that_vanished_is_new() -> None:
    shop = sold(1)
    shop.order(2, "waiting_payment", created_at=NOON)
    shop.order(3, created_at=NOON)
    shop.cycle()
    shop.delete(2)
    shop.cycle()
    shop.order(2, number="M2", created_at=NOON + timedelta(hours=1))
    shop.cycle()
    assert Event.ID_REUSED in shop.events
    assert shop.world.confirmed["M2"] == 1


@pytest.mark.parametrize("fault", [Fault.REJECTED, Fault.LOST])
def test_c10_an_order_whose_number_changes_is_inserted_under_the_new_one(fault: Fault) -> None:
    shop = Shop()
    shop.world.sick_tasks[shop.order(1, created_at=NOON)] = fault
    shop.order(2)
    shop.cycle()
    assert shop.record(1).inserted_by is InsertedBy.MAYBE_US
    shop.order(1, number="M1", created_at=NOON)
    shop.cycle()
    assert Event.NUMBER_CHANGED in shop.events
    assert (shop.world.inserted["N1"], shop.world.inserted["M1"]) == (0, 1)
    assert shop.world.confirmed["M1"] == 1


@pytest.mark.parametrize("fault", [Fault.LOST_AFTER_EFFECT, Fault.CRASH_AFTER_EFFECT, Fault.NONE])
def test_c10_an_order_that_abacos_has_under_its_old_number_is_inserted_under_no_other(
    fault: Fault,
) -> None:
    shop = Shop()
    shop.order(1, "waiting_payment", created_at=NOON)
    with suppress(Crash):
        shop.cycle(Fault.NONE, fault, Fault.CRASH)
    shop.order(1, number="M1", created_at=NOON)
    shop.cycle()
    assert Event.NUMBER_CHANGED_LATE in shop.events
    assert "order N1: its number is M1 in the Front now (id 1)" in "\n".join(shop.world.log)
    assert (shop.record(1).status, shop.record(1).reason) == (Status.FAILED, Reason.NUMBER_CHANGED)
    assert not shop.cycle(), "and costs nothing until somebody looks"
    assert (shop.world.inserted["N1"], shop.world.inserted["M1"]) == (1, 0)
    shop.order(1, created_at=NOON)  # corrected
    while shop.cycle():
        pass
    assert (shop.world.inserted["N1"], shop.world.confirmed["N1"]) == (1, 1)


def test_c10_what_a_queue_may_have_under_the_old_number_is_waited_for() -> None:
    shop = Shop()
    shop.order(1, created_at=NOON)
    shop.cycle(Fault.NONE, Fault.QUEUED)
    shop.order(1, number="M1", created_at=NOON)
    shop.cycle()
    assert shop.record(1).reason is Reason.NOT_THERE
    shop.world.queue_works()
    shop.cycle()
    assert shop.record(1).reason is Reason.NUMBER_CHANGED
    assert +shop.world.inserted == {"N1": 1}


def test_c10_without_a_check_nobody_knows_so_a_person_decides() -> None:
    shop = Shop(checks=frozenset())
    shop.order(1, created_at=NOON)
    with pytest.raises(Crash):
        shop.cycle(Fault.CRASH)
    shop.order(1, number="M1", created_at=NOON)
    shop.cycle()
    assert Event.NUMBER_CHANGED_LATE in shop.events
    assert not shop.world.asked


def test_c10_a_number_that_vanishes_for_a_while_is_not_forgotten() -> None:
    shop = Shop()
    shop.order(1, "waiting_payment", created_at=NOON)
    shop.cycle()
    shop.order(1, number=None, created_at=NOON)
    shop.cycle()
    assert (shop.record(1).number, shop.record(1).reason) == ("N1", Reason.INVALID_NUMBER)
    shop.order(1, number="M1", created_at=NOON)
    shop.cycle()
    assert (shop.world.inserted["N1"], shop.world.inserted["M1"]) == (1, 0)


def test_c10_an_old_number_that_gets_no_answer_is_kept() -> None:
    shop = Shop()
    shop.order(1, "waiting_payment", created_at=NOON)
    shop.world.inserted[shop.order(2)] = 1
    shop.cycle()
    shop.order(1, number="M1", created_at=NOON)
    shop.order(3)
    shop.world.poisoned["N1"] = Fault.TIMEOUT
    shop.cycle()
    assert shop.record(1).number == "N1"
    assert shop.runs(Operation.INSERT_ORDER) == ["N3"]
