"""What the metrics say, and what of them goes on from cycle to cycle."""

from datetime import UTC, datetime, timedelta

import pytest

from ordermonit.orders.lag import Lag, waiting
from ordermonit.orders.model import Order
from ordermonit.reports.lag import lag
from ordermonit.reports.metrics import Kept, kept
from ordermonit.reports.notes import Sight
from ordermonit.state.checkpoint import Checkpoint

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)


def order(id: int, minutes: float | None = 0) -> Order:
    """An order that is so many minutes old."""
    created = None if minutes is None else NOW - timedelta(minutes=minutes)
    return Order(id, str(id), "authorized", created)


@pytest.mark.parametrize(
    ("sight", "head", "expected"),
    [
        pytest.param(Sight((), 7), 7, Lag(0, 0.0), id="nothing new"),
        pytest.param(Sight((order(8, 3), order(9, 2)), 9), 9, Lag(0, 0.0), id="all passed"),
        pytest.param(Sight((order(8, 3), order(11, 2)), 11), 8, Lag(1, 120.0), id="one left"),
        pytest.param(Sight((order(8, 3), order(9, 2)), 20), 8, Lag(12, 120.0), id="more unread"),
        pytest.param(Sight((order(8, 3), order(9, 2)), 20), 9, Lag(11, 120.0), id="only unread"),
        pytest.param(Sight((order(8, None),), 8), 7, Lag(1, None), id="no time"),
        pytest.param(Sight((order(8, -60),), 8), 7, Lag(1, 0.0), id="a time in the future"),
    ],
)
def test_the_lag_is_what_head_has_not_passed(sight: Sight, head: int, expected: Lag) -> None:
    assert lag(sight, Checkpoint(head), NOW) == expected


def test_who_was_looked_at_or_waits_on_purpose_is_no_lag() -> None:
    orders = (order(8, 90), order(9, 80), order(10, 1), order(11, None), order(7, 99))
    assert waiting(orders, 7, {8}, 120, NOW) == Lag(2, 4800.0)
    assert waiting(orders[:1], 7, {8}, 0, NOW) == Lag(0, 0.0)


@pytest.mark.parametrize(
    ("orders", "hours", "period", "said"),
    [
        (585, 0, 120, "max_orders_per_request: 30 in service.yml, which catches up in 2 h"),
        (585, 4, 120, "max_orders_per_request: 20 in service.yml, which catches up in 78 min"),
        (16, 0, 120, "max_orders_per_request: 10 in service.yml, which catches up in 4 min"),
        (400, 0, 3600, "max_orders_per_request: 600 in service.yml, which catches up in 2 h"),
    ],
)
def test_the_value_to_set_catches_up_with_what_comes_meanwhile(
    orders: int, hours: float, period: float, said: str
) -> None:
    behind = Lag(orders, hours * 3600)
    assert said in behind.remedy(5, period)
    assert behind.is_behind(5)
    assert not Lag(15, 9e9).is_behind(5)


def test_counters_and_the_last_success_are_read_back() -> None:
    text = (
        "# TYPE ordermonit_operations_total counter\n"
        'ordermonit_operations_total{operation="insert_order",result="done"} 12.0\n'
        'ordermonit_cycles_total{exit="75"} 3.0\n'
        "ordermonit_last_success_timestamp_seconds 1.5e+09\n"
        'ordermonit_cycles_total{exit="0"} NaN\n'
        'ordermonit_cycles_total{exit="74"} -1\n'
        'other_total{exit="1"} 9.0\n'
    )
    assert kept(text) == Kept({("insert_order", "done"): 12.0}, {("75",): 3.0}, 1.5e9)


@pytest.mark.parametrize("text", ["ordermonit_cycles_total{exit=", "x y z\n", '{"a": 1}\n'])
def test_a_damaged_textfile_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        kept(text)
