"""What the metrics say, and what of them goes on from cycle to cycle."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from ordermonit.orders.model import Order
from ordermonit.reports.metrics import Kept, Lag, kept, lag
from ordermonit.reports.notes import Sight

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
    assert lag(sight, head, NOW) == expected


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


def test_neither_a_web_server_nor_tls_is_imported_and_both_still_can_be() -> None:
    program = (
        "import sys, ordermonit.reports.fast_prometheus\n"
        "print(sorted({'ssl', 'http.server', 'urllib.request'} & set(sys.modules)))\n"
        "import ssl, urllib.request, http.server\n"
        "ssl.create_default_context(), urllib.request.urlopen, http.server.HTTPServer\n"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    run = subprocess.run(command, capture_output=True, text=True)
    assert (run.stdout, run.stderr) == ("[]\n", "")
