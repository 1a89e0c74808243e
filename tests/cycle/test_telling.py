"""When the journal is told what happened: once it is durable, and not a cycle later."""

from collections import deque

import pytest

from ordermonit.errors import Unavailable
from ordermonit.orders.events import Event
from tests.cycle.shop import Shop
from tests.cycle.world import Crash, Fault


def _rescanned(shop: Shop, last: int) -> None:
    checkpoint = shop.disk.read()
    checkpoint.rescans = ((1, last),)
    shop.disk.write(checkpoint)


def test_an_intent_is_told_while_the_node_works_at_it() -> None:
    shop = Shop()
    shop.order(1)
    told: list[list[Event]] = []
    shop.world.witness = lambda: told.append(list(shop.events))
    shop.cycle()
    missing, inserted = Event.ORDER_MISSING, Event.ORDER_INSERTED
    assert told == [[], [missing], [missing], [missing, inserted]]


def test_an_intent_is_told_where_nothing_can_be_sent_any_more() -> None:
    shop = Shop()
    shop.order(1)
    with pytest.raises(Unavailable):
        shop.cycle(Fault.NONE, Fault.UNREACHABLE, seconds=0)
    assert shop.events == [Event.ORDER_MISSING]


def test_what_nobody_knows_is_told_before_a_downtime_ends_the_cycle() -> None:
    shop = Shop()
    shop.order(1)
    with pytest.raises(Unavailable):
        shop.cycle(Fault.NONE, Fault.LOST, seconds=0)
    assert shop.events == [Event.ORDER_MISSING, Event.ORDER_UNKNOWN]


def test_a_verdict_without_the_node_is_told_at_once() -> None:
    shop = Shop()
    for id in (1, 2):
        shop.order(id, number="no number")
    shop.disk.faults = deque([Fault.NONE, Fault.CRASH])
    with pytest.raises(Crash):
        shop.cycle()
    assert shop.events == [Event.NUMBER_INVALID]


def test_the_end_of_a_rescan_is_told_last() -> None:
    shop = Shop()
    shop.world.inserted[shop.order(1)] = 1
    shop.cycle()
    shop.world.inserted.clear()
    _rescanned(shop, 1)
    shop.cycle()
    assert shop.events[0] is Event.ORDER_MISSING
    assert shop.events[-1] is Event.RESCAN_DONE


def test_a_verdict_is_durable_first_even_if_the_next_order_changes_nothing() -> None:
    shop = Shop()
    for id in (1, 2):
        shop.world.inserted[shop.order(id)] = 1
    shop.cycle()
    shop.world.inserted["N1"] = 0
    _rescanned(shop, 2)
    shop.disk.faults = deque([Fault.NONE, Fault.NONE, Fault.CRASH])
    with pytest.raises(Crash):
        shop.cycle()
    assert shop.events[-1] is Event.ORDER_INSERTED


def test_the_end_of_a_rescan_that_found_no_order_is_told() -> None:
    shop = Shop()
    for id in (1, 2):
        shop.world.inserted[shop.order(id)] = 1
    shop.cycle()
    del shop.world.rows[1]
    _rescanned(shop, 1)
    shop.cycle()
    assert shop.events == [Event.RESCAN_DONE]
