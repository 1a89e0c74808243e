"""Abacos that refuses every confirmation, or every late order, is an outage too (C7, C8)."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from ordermonit.errors import Unavailable
from ordermonit.orders.evidence import outage
from ordermonit.orders.model import InsertedBy, Reason, Record, Status
from tests.cycle.shop import Shop
from tests.cycle.world import Fault

_HOUR = timedelta(hours=1)


def _unpaid(*ids: int) -> Shop:
    """A shop whose orders were inserted by us, and wait for their payment; newer ones are in
    Abacos."""
    shop = Shop(max_attempts=4, max_orders_per_request=9)
    for id in ids:
        shop.order(id, "waiting_payment")
    shop.cycle()
    _bring(shop, 9, datetime.now(UTC) - _HOUR)
    shop.cycle()
    return shop


def _bring(shop: Shop, id: int, created_at: datetime) -> None:
    """The shop's own queue brings one more, whose payment is confirmed."""
    number = shop.order(id, created_at=created_at)
    shop.world.inserted[number] = shop.world.confirmed[number] = 1


def _refuse_payments(shop: Shop, *ids: int) -> None:
    for id in ids:
        shop.world.authorize(id)
        shop.world.sick_tasks[f"N{id}"] = Fault.REJECTED


def _attempts(shop: Shop, *ids: int) -> list[int]:
    return sorted(shop.record(id).attempts for id in ids)


def test_c8_every_confirmation_refused_is_an_outage_though_newer_orders_are_there() -> None:
    shop = _unpaid(1, 2, 3, 4)
    _refuse_payments(shop, 1, 2, 3, 4)
    for _ in range(9):
        with pytest.raises(Unavailable, match="Abacos refuses every order: rejected"):
            shop.cycle()
    assert _attempts(shop, 1, 2, 3, 4) == [0, 0, 1, 1]
    shop.world.sick_tasks.clear()
    shop.cycle()
    assert shop.world.confirmed == {**{f"N{id}": 1 for id in (1, 2, 3, 4)}, "N9": 1}


def test_c7_refused_confirmations_are_charged_while_the_queue_brings_new_orders() -> None:
    shop = _unpaid(1, 2, 3)
    _refuse_payments(shop, 1, 2, 3)
    with pytest.raises(Unavailable):
        shop.cycle()
    _bring(shop, 10, datetime.now(UTC) + _HOUR)  # it was made after the refusals
    for _ in range(8):
        with suppress(Unavailable):
            shop.cycle()
    assert {shop.record(id).status for id in (1, 2, 3)} == {Status.EXHAUSTED}


def test_c7_refused_confirmations_are_charged_while_an_insertion_is_taken() -> None:
    shop = _unpaid(1, 2, 3)
    _refuse_payments(shop, 1, 2, 3)
    with pytest.raises(Unavailable):
        shop.cycle()
    shop.order(10, "waiting_payment")
    shop.world.later = 60
    for _ in range(8):
        with suppress(Unavailable):
            shop.cycle()
    assert shop.world.inserted["N10"] == 1
    assert {shop.record(id).status for id in (1, 2, 3)} == {Status.EXHAUSTED}


def test_c8_an_insertion_that_was_taken_since_proves_it_though_its_payment_is_refused() -> None:
    """Or new orders would be held up by payments that Abacos refuses."""
    now = datetime.now(UTC)
    refused = Record(
        *(1, "1", Status.PAYMENT_PENDING, Reason.REJECTED, now - _HOUR, now),
        inserted_by=InsertedBy.US,
        last_error="rejected",
    )
    records = {id: refused.with_(id=id) for id in (1, 2, 3)}
    assert outage(records) == "rejected"
    assert outage({**records, 4: refused.with_(id=4, created_at=now + _HOUR)}) is None


def test_c8_late_orders_are_not_charged_for_what_was_there_before_the_outage() -> None:
    shop = Shop(max_attempts=4, max_orders_per_request=9)
    _bring(shop, 9, datetime.now(UTC) - _HOUR)
    shop.cycle()
    shop.age(60)
    for id in (1, 2, 3, 4):  # their transaction commits
        shop.world.sick_tasks[shop.order(id)] = Fault.REJECTED
    for _ in range(9):
        with pytest.raises(Unavailable, match="Abacos refuses every order: rejected"):
            shop.cycle()
    assert _attempts(shop, 1, 2, 3, 4) == [0, 0, 1, 1]
    _bring(shop, 10, datetime.now(UTC))
    for _ in range(8):
        with suppress(Unavailable):
            shop.cycle()
    assert _attempts(shop, 1, 2, 3, 4)[0] > 0, "Abacos takes orders"
