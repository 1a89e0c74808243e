"""C7: what rests, until when, and by which setting."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ordermonit.orders.model import Awaited, InsertedBy, Late, Operation, Reason, Record, Status
from ordermonit.orders.rest import Rest, Setting, rest, rests
from tests.orders.test_waiting import RULES

NOW = datetime(2026, 3, 1, tzinfo=UTC)
_INSERTING: dict[str, Any] = {
    "in_flight": Operation.INSERT_ORDER,
    "inserted_by": InsertedBy.MAYBE_US,
}
_ENDED = _INSERTING | {"awaited": Awaited(Late.ENDED, NOW - timedelta(seconds=1))}
_SAID_DONE = _INSERTING | {"awaited": Awaited(Late.SAID_DONE, NOW - timedelta(seconds=1))}


def rested(reason: Reason, attempts: int = 0, age: float = 1, **more: Any) -> Rest | None:
    """How an order rests that changed `age` seconds ago."""
    then = NOW - timedelta(seconds=age)
    record = Record(7, "7", Status.FAILED, reason, then, then, attempts).with_(**more)
    return rest(record, _RULES, NOW)


_RULES = replace(RULES, retry_wait=(60.0, 3600.0), min_order_age=45)


def _until(seconds: float, setting: Setting) -> Rest:
    return Rest(NOW + timedelta(seconds=seconds), setting)


def test_c7_the_nth_attempt_rests_by_the_nth_wait_and_the_last_repeats() -> None:
    assert rested(Reason.REJECTED, 1) == _until(59, Setting.RETRY_WAIT)
    assert rested(Reason.REJECTED, 2) == _until(3599, Setting.RETRY_WAIT)
    assert rested(Reason.REJECTED, 9) == _until(3599, Setting.RETRY_WAIT)
    assert rested(Reason.REJECTED, 1, age=60) is None


def test_c7_what_hung_rests_by_the_longer_of_its_two_waits() -> None:
    assert rested(Reason.TIMEOUT, **_ENDED) == _until(299, Setting.TASK_TIMEOUT)
    assert rested(Reason.TIMEOUT, 1, **_ENDED) == _until(299, Setting.TASK_TIMEOUT)
    assert rested(Reason.TIMEOUT, 2, **_ENDED) == _until(3599, Setting.RETRY_WAIT)


def test_c4_what_a_task_said_was_done_is_asked_about_while_it_rests() -> None:
    found = rested(Reason.NOT_THERE, 2, **_SAID_DONE)
    assert found == _until(599, Setting.VERIFY_WITHIN)
    assert found.is_asked


def test_c4_what_else_becomes_known_ends_no_rest() -> None:
    """The rest counts from the task's end, whatever the record says since."""
    changed = rested(Reason.UNKNOWN, age=0, **_SAID_DONE)
    assert changed == _until(599, Setting.VERIFY_WITHIN)
    assert rested(Reason.UNKNOWN, age=0, **_ENDED) == _until(299, Setting.TASK_TIMEOUT)


def test_the_shops_own_queue_goes_first() -> None:
    assert rested(Reason.NOT_FOUND) == _until(44, Setting.MIN_ORDER_AGE)
    assert rested(Reason.NOT_FOUND, **_INSERTING) is None


def test_nobody_rests_after_a_clock_that_was_put_back_or_for_good() -> None:
    assert rested(Reason.REJECTED, 1, age=-1) is None
    assert rested(Reason.REJECTED, 4, status=Status.EXHAUSTED) is None
    assert rests([], RULES, NOW) == {}
