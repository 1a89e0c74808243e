"""Ids that are given to other orders, and orders that vanish (C6, C10), in memory (world.py)."""

from datetime import timedelta

import pytest

from ordermonit.errors import Unavailable
from ordermonit.orders.events import Event
from ordermonit.orders.model import Status
from ordermonit.state.checkpoint import KEPT_GONE
from tests.cycle.shop import NOON, Shop, sold
from tests.cycle.world import Crash, Fault


def test_c6_an_order_that_got_heads_id_is_a_new_order_and_told_as_such() -> None:
    shop = sold(3)
    shop.order(3, number="M1", created_at=NOON + timedelta(hours=1))
    assert shop.cycle()
    assert shop.world.inserted["M1"] == 1
    assert shop.events.count(Event.ID_REUSED) == 1
    assert "order M1: has the id 3, which was order N3's" in "\n".join(shop.world.log)
    assert not shop.cycle()
    assert (shop.head, shop.record(3).number) == (3, "M1")


def test_c6_it_is_found_when_nothing_but_its_time_is_another() -> None:
    """A restored database gives its numbers once more, too: Abacos has the one before."""
    shop = sold(3)
    shop.order(3, created_at=NOON + timedelta(hours=1))
    shop.cycle()
    assert Event.ID_REUSED in shop.events
    assert Event.ORDER_FOUND in shop.events


def test_c6_all_that_was_sold_on_under_known_ids_is_asked_about() -> None:
    """A database was restored, and the shop went on; the ids go beyond HEAD again."""
    shop = sold(9)
    shop.delete(6)
    for id in (7, 8, 9, 10, 11):
        shop.order(id, number=f"M{id}", created_at=NOON + timedelta(hours=id))
    while shop.cycle():
        pass
    assert [shop.world.inserted[f"M{id}"] for id in (7, 8, 9, 10, 11)] == [1] * 5
    shop.order(6, number="M6", created_at=NOON + timedelta(hours=20))  # committed late
    shop.cycle()
    assert shop.world.inserted["M6"] == 1


def test_c6_an_id_ahead_of_head_that_another_order_got_hides_it_not() -> None:
    """A suspect comes last, and the cycle is killed before its turn."""
    shop = sold(1)
    shop.order(2, created_at=NOON)
    with pytest.raises(Unavailable):
        shop.cycle(Fault.LOST, seconds=0)
    shop.order(3, created_at=NOON)
    with pytest.raises(Crash):
        shop.cycle(*[Fault.NONE] * 5, Fault.CRASH)
    assert (shop.head, shop.record(3).status) == (1, Status.SUCCESS)
    shop.order(3, number="M3", created_at=NOON + timedelta(hours=1))
    while shop.cycle():
        pass
    assert shop.world.inserted == {"N1": 1, "N2": 1, "N3": 1, "M3": 1}
    assert shop.head == 3


def test_c6_so_many_open_orders_that_vanish_for_one_look_are_all_known_again() -> None:
    """Another database answered once, say; or a restored one was filled table by table."""
    shop = Shop(max_orders_per_request=2 * KEPT_GONE)
    ids = range(2, 2 * KEPT_GONE)
    shop.world.inserted[shop.order(1, created_at=NOON)] = 1
    for id in ids:
        shop.order(id, "waiting_payment", created_at=NOON)
    shop.cycle()
    rows = {id: shop.world.rows.pop(id) for id in ids}
    shop.cycle()
    shop.world.rows |= rows
    for id in ids:
        shop.world.authorize(id)
    while shop.cycle():
        pass
    assert all(shop.world.confirmed[f"N{id}"] == 1 for id in ids)


def test_c6_heads_order_may_be_gone_when_the_shop_sells_on() -> None:
    shop = sold(5)
    shop.delete(4, 5)
    for id in (3, 6):
        shop.order(id, number=f"M{id}", created_at=NOON + timedelta(hours=id))
    while shop.cycle():
        pass
    assert [shop.world.inserted[number] for number in ("M3", "M6")] == [1, 1]


def test_c6_an_order_that_was_given_up_hides_no_other_under_its_id() -> None:
    shop = sold(2, Shop(max_attempts=1))
    shop.world.sick_tasks[shop.order(3, created_at=NOON)] = Fault.REJECTED
    shop.cycle()
    assert shop.record(3).status is Status.EXHAUSTED
    shop.order(3, number="M3", created_at=NOON + timedelta(hours=1))
    shop.cycle()
    assert shop.world.inserted["M3"] == 1
    assert Event.ORDER_GONE in shop.events


def test_c6_an_open_record_whose_id_another_order_has_is_closed() -> None:
    shop = sold(1)
    shop.order(2, "waiting_payment", created_at=NOON)
    shop.order(3, created_at=NOON)
    shop.cycle()
    shop.order(2, number="M2", created_at=NOON + timedelta(hours=1))
    shop.cycle()
    assert (shop.world.inserted["M2"], shop.world.confirmed["M2"]) == (1, 1)
    assert not shop.world.confirmed["N2"]
    assert {Event.ORDER_GONE, Event.ID_REUSED} <= {*shop.events}


@pytest.mark.parametrize("disk_fault", [Fault.CRASH, Fault.CRASH_AFTER_EFFECT])
def test_c6_an_id_given_again_is_not_lost_in_a_crash(disk_fault: Fault) -> None:
    shop = sold(3)
    shop.order(3, number="M3", created_at=NOON + timedelta(hours=1))
    shop.disk.faults.append(disk_fault)
    with pytest.raises(Crash):
        shop.cycle()
    while shop.cycle():
        pass
    assert shop.world.inserted["M3"] == 1
