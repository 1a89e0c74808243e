"""Rows that are no orders yet (`ignored_states`), in a world in memory (world.py)."""

from datetime import UTC, datetime
from typing import Any

from ordermonit.orders.events import Event
from ordermonit.orders.gaps import Gap
from ordermonit.orders.model import InsertedBy, Operation, Reason, Record, Status
from ordermonit.state.checkpoint import Checkpoint
from tests.cycle.shop import EXISTS_ONLY, Shop

DAY = 86400


def _shop(**service: Any) -> Shop:
    return Shop(EXISTS_ONLY, ignored_states=frozenset({"cart"}), **service)


def _odd(id: int) -> Record:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Record(id, None, Status.FAILED, Reason.INVALID_NUMBER, at, at)


def test_c6_a_cart_is_neither_inserted_nor_passed_for_good() -> None:
    shop = _shop()
    shop.order(1, "cart", number=None)
    shop.order(2)
    shop.order(3, "cart")
    shop.cycle()
    assert (shop.head, {*shop.disk.read().records}) == (3, {2})
    assert not shop.cycle()
    for _ in range(9):
        shop.world.later += 99 * DAY
        assert not shop.cycle()
    shop.order(1)
    shop.cycle()
    assert shop.events[0] is Event.ORDER_UNIGNORED
    assert shop.world.confirmed["N1"] == 1
    assert not shop.cycle()
    assert not shop.runs(Operation.ORDER_EXISTS)
    shop.delete(3)
    shop.order(4)
    shop.cycle()
    assert not shop.disk.read().ignored


def test_c6_a_cart_that_one_look_misses_may_be_an_order_when_it_is_back() -> None:
    shop = _shop()
    for id in (1, 2, 4):
        shop.order(id, "cart")
    shop.order(3)
    shop.order(5)
    shop.cycle()
    shop.delete(1, 2, 4)
    shop.cycle()
    assert shop.disk.read().gaps == (Gap(1, 2), Gap(4, 4))
    for id in (1, 2, 4):
        shop.order(id)
    shop.cycle()
    assert [shop.world.inserted[f"N{id}"] for id in (1, 2, 4)] == [1, 1, 1]


def test_c6_many_carts_that_vanish_at_once_were_deleted() -> None:
    """A shop that clears its old carts leaves no gap for each."""
    shop = _shop()
    for id in range(1, 1000, 2):
        shop.order(id, "cart")
        shop.order(id + 1)
    while shop.cycle():
        pass
    shop.delete(*range(1, 1000, 2))
    shop.cycle()
    assert not shop.disk.read().ignored
    assert not shop.disk.read().gaps


def test_c6_carts_take_no_orders_place_and_head_passes_them_at_night() -> None:
    shop = _shop(max_orders_per_request=1)
    for id in range(1, 1000):
        shop.order(id, "cart")
    shop.order(1000)
    shop.cycle()
    assert shop.head == 1000
    for id in range(1001, 2000):
        shop.order(id, "cart")
    assert not shop.cycle(), "the node is not needed for it"
    assert shop.head == 1999
    writes = len(shop.disk.heads)
    assert not shop.cycle()
    assert len(shop.disk.heads) == writes
    assert len(shop.disk.read().ignored) == 1998


def test_c6_a_cart_that_commits_late_is_remembered_too() -> None:
    shop = _shop(max_orders_per_request=1)
    shop.order(9)
    shop.cycle()
    for id in range(1, 8):
        shop.order(id, "cart")
    shop.order(8)
    shop.cycle()
    assert shop.world.inserted["N8"] == 1
    shop.world.later += DAY
    shop.cycle()
    shop.order(5)
    shop.cycle()
    assert shop.world.inserted["N5"] == 1


def test_c6_thousands_that_become_orders_at_once_are_taken_on_page_by_page() -> None:
    shop = _shop(max_orders_per_request=5)
    for id in range(1, 101):
        shop.order(id, "cart")
    shop.cycle()
    for id in range(1, 101):
        shop.order(id)
    for done in range(5, 101, 5):
        shop.cycle()
        assert sum(shop.world.inserted.values()) == done


def test_c6_a_cart_that_became_an_order_just_now_waits_for_the_shops_own_queue() -> None:
    shop = _shop(min_order_age=60)
    shop.order(1, "cart")
    shop.cycle()
    shop.order(1)
    assert not shop.cycle()
    assert shop.record(1).is_due
    shop.world.later += 59
    assert not shop.cycle()
    shop.world.later += 2
    assert shop.cycle()
    assert shop.world.inserted["N1"] == 1


def test_c6_a_rescan_passes_carts_by() -> None:
    shop = _shop(max_orders_per_request=1)
    for id in (1, 3):
        shop.order(id, "cart")
    shop.order(2)
    shop.cycle()
    checkpoint = shop.disk.read()
    checkpoint.rescans = ((1, 3),)
    shop.disk.write(checkpoint)
    shop.cycle()
    shop.cycle()
    assert shop.disk.read().rescans == ()
    assert {number for _, number in shop.world.asked} <= {"N2"}


def test_c6_an_open_record_of_what_is_a_cart_goes_unless_something_was_begun() -> None:
    shop = _shop()
    for id in (1, 2):
        shop.order(id, "cart")
    shop.order(3)
    shop.disk.write(Checkpoint(3, [_odd(1), _odd(2).with_(inserted_by=InsertedBy.MAYBE_US)]))
    assert not shop.cycle()
    assert {*shop.disk.read().records} == {2}
    assert 1 in shop.disk.read().ignored
    shop.order(1)
    shop.order(2)
    shop.cycle()
    assert shop.world.inserted == {"N1": 1, "N2": 1}
