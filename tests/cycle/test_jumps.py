"""A wall clock that jumps forward ends no wait for what Abacos may still be at, in memory."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ordermonit.orders.gaps import Moment
from ordermonit.orders.model import Awaited, Late, Operation, Reason
from tests.cycle.shop import NOON, Shop
from tests.cycle.world import Fault

_DECADE = timedelta(days=3652)


def _jump(shop: Shop) -> None:
    """What is awaited ended ten years ago, as the wall clock sees it now."""
    checkpoint = shop.disk.read()
    record = checkpoint.records[1]
    assert record.awaited is not None
    assert record.awaited.since is not None
    awaited = replace(record.awaited, since=record.awaited.since - _DECADE)
    checkpoint.put(record.with_(awaited=awaited, updated_at=record.updated_at - _DECADE))
    shop.disk.write(checkpoint)


def test_c4_a_queue_has_its_time() -> None:
    shop = Shop()
    shop.order(1)
    shop.cycle(Fault.NONE, Fault.LIED)
    for _ in range(3):
        _jump(shop)
        shop.cycle()
        assert not shop.runs(Operation.INSERT_ORDER)
    assert (shop.record(1).reason, shop.record(1).attempts) == (Reason.NOT_THERE, 0)
    writes = len(shop.disk.heads)
    shop.cycle()
    assert len(shop.disk.heads) == writes, "what was counted anew is counted"
    shop.age(601)
    shop.cycle()
    assert shop.record(1).attempts == 1


def test_c9_what_hung_rests() -> None:
    shop = Shop(task_timeout=300)
    shop.world.sick_tasks[shop.order(1)] = Fault.TIMEOUT
    shop.cycle()
    assert shop.record(1).may_be_worked_on
    _jump(shop)
    shop.cycle()
    assert not shop.runs(Operation.INSERT_ORDER)


@pytest.mark.parametrize(
    ("boot", "uptime", "passed"),
    [
        (40.0, 100.0, 60.0),  # as both clocks say
        (90.0, 100.0, 10.0),  # the wall clock jumped
        (500.0, 20.0, 20.0),  # the machine was booted since
        (None, 20.0, 60.0),  # nobody noted it: the wall clock has it alone
    ],
)
def test_so_much_time_has_surely_passed(boot: float | None, uptime: float, passed: float) -> None:
    ended = Awaited(Late.ENDED, NOON - timedelta(seconds=60), boot)
    since = ended.counted(Moment(NOON, uptime)).since
    assert since is not None
    assert NOON - since == timedelta(seconds=passed)


def test_a_clock_that_was_put_back_has_no_say() -> None:
    ended = Awaited(Late.ENDED, NOON + _DECADE, 40.0).counted(Moment(NOON, 100.0))
    assert (ended.since, ended.boot) == (NOON - timedelta(seconds=60), 40.0)
