"""What a rescan does to orders that HEAD has passed, in a world in memory (world.py)."""

import pytest

from ordermonit.orders.model import Operation, Reason, Status
from tests.cycle.shop import EXISTS_ONLY, Shop
from tests.cycle.world import ALL_CHECKS, Crash, Fault


def _rescanned(shop: Shop, first: int, last: int) -> None:
    checkpoint = shop.disk.read()
    checkpoint.rescans = ((first, last),)
    shop.disk.write(checkpoint)


@pytest.mark.parametrize(("checks", "confirmed"), [(ALL_CHECKS, 2), (EXISTS_ONLY, 1)])
def test_a_rescan_confirms_a_payment_again_only_where_abacos_says_no(
    checks: frozenset[Operation], confirmed: int
) -> None:
    shop = Shop(checks, follow_payments="all")
    first, second = shop.order(1), shop.order(2)
    shop.cycle()
    shop.world.confirmed[second] = 0
    _rescanned(shop, 1, 2)
    assert shop.cycle()
    assert not shop.cycle()
    assert shop.world.confirmed[first] == 1
    assert shop.world.confirmed[second] == confirmed - 1


def test_a_rescan_whose_payment_check_is_unusable_confirms_nothing_again() -> None:
    shop = Shop(ALL_CHECKS, follow_payments="all")
    number = shop.order(1)
    shop.cycle()
    _rescanned(shop, 1, 1)
    shop.world.unusable = frozenset({Operation.PAYMENT_CONFIRMED})
    assert shop.cycle()
    assert not shop.cycle()
    assert shop.world.confirmed[number] == 1


def test_a_check_that_fails_in_a_rescan_charges_no_closed_record() -> None:
    shop = Shop(max_attempts=2)
    for id in (1, 2):
        shop.order(id)
    shop.cycle()
    checkpoint = shop.disk.read()
    checkpoint.put(checkpoint.records[1].with_(attempts=1))
    shop.disk.write(checkpoint)
    _rescanned(shop, 1, 2)
    shop.world.poisoned["N1"] = Fault.TIMEOUT
    shop.cycle()
    record = shop.record(1)
    assert (record.status, record.reason, record.attempts) == (Status.FAILED, Reason.TIMEOUT, 1)
    assert shop.disk.read().rescans == ()


def test_orders_with_an_open_record_go_their_own_way_in_a_rescan() -> None:
    shop = Shop(max_attempts=2)
    name = shop.order(1)
    shop.cycle(Fault.NONE, Fault.REJECTED)
    _rescanned(shop, 1, 1)
    shop.cycle(Fault.NONE, Fault.REJECTED)
    assert shop.runs(Operation.INSERT_ORDER) == [name]
    assert shop.record(1).status is Status.EXHAUSTED
    assert shop.disk.read().rescans == ()


def test_a_rescan_that_is_killed_forgets_no_order() -> None:
    shop = Shop()
    for id in (1, 2, 3):
        shop.order(id)
    shop.cycle()
    shop.world.inserted.clear()
    _rescanned(shop, 1, 3)
    with pytest.raises(Crash):
        shop.cycle(Fault.NONE, Fault.CRASH)
    assert shop.record(1).in_flight is Operation.INSERT_ORDER
    assert shop.disk.read().rescans == ((1, 3),)
    while shop.cycle():
        pass
    assert shop.world.inserted == {"N1": 1, "N2": 1, "N3": 1}
