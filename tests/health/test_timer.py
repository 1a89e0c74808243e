"""What `systemctl show` prints, in the forms that it has in the life of a timer."""

from datetime import UTC, datetime, timedelta

import pytest

from ordermonit.health.systemctl import parsed
from ordermonit.health.timer import Timer, seconds
from ordermonit.health.timer import read as timer_of
from ordermonit.shops import ALONE

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
BOOTED = 500_000.0  # seconds of the monotonic clock at NOW

WAITING = """\
Id=ordermonit.timer
LoadState=loaded
ActiveState=active
UnitFileState=enabled
NextElapseUSecRealtime=
NextElapseUSecMonotonic=5d 18h 54min 2.500s

Id=ordermonit.service
LoadState=loaded
ActiveState=inactive
UnitFileState=static
StatusText=12 orders looked at; HEAD is 12
Result=exit-code
ExecMainStatus=75
ExecMainExitTimestamp=Sat 2026-01-31 11:59:58.123456 UTC
"""


def read(text: str) -> Timer:
    units = parsed(text)
    return timer_of(units[ALONE.timer], units[ALONE.service], NOW, BOOTED)


def test_a_waiting_timer_says_when_it_fires() -> None:
    timer = read(WAITING)
    assert timer.is_installed
    assert timer.is_active
    assert timer.is_enabled
    assert timer.next_at == NOW + timedelta(seconds=42.5)


def test_the_last_run_has_its_exit_code_and_its_time() -> None:
    timer = read(WAITING)
    assert (timer.is_running, timer.result, timer.exit) == (False, "exit-code", 75)
    assert timer.ended_at == NOW - timedelta(seconds=1, microseconds=876_544)


def test_a_running_cycle_says_what_it_does() -> None:
    text = WAITING.replace("ActiveState=inactive", "ActiveState=activating")
    timer = read(text.replace("5d 18h 54min 2.500s", "infinity"))
    assert timer.is_running
    assert timer.doing == "12 orders looked at; HEAD is 12"
    assert timer.next_at is None


def test_a_calendar_timer_has_a_time_of_day_and_the_sooner_one_counts() -> None:
    calendar = "NextElapseUSecRealtime=Sat 2026-01-31 12:00:30 UTC"
    timer = read(WAITING.replace("NextElapseUSecRealtime=", calendar))
    assert timer.next_at == NOW + timedelta(seconds=30)


@pytest.mark.parametrize("state", ["inactive", "failed"])
def test_a_timer_that_does_not_run_fires_never(state: str) -> None:
    timer = read(WAITING.replace("ActiveState=active\n", f"ActiveState={state}\n"))
    assert not timer.is_active
    assert timer.next_at is None


def test_a_timer_that_is_not_there_is_not_installed() -> None:
    text = "Id=ordermonit.timer\nLoadState=not-found\nActiveState=inactive\nUnitFileState=\n"
    timer = read(f"{text}\nId=ordermonit.service\nLoadState=not-found\nActiveState=inactive\n")
    assert not timer.is_installed
    assert not timer.is_enabled
    assert timer.ended_at is None


@pytest.mark.parametrize("text", ["", "nonsense", "Id=other.timer\n"])
def test_an_answer_that_says_nothing_knows_no_unit_of_ours(text: str) -> None:
    assert not {ALONE.timer, ALONE.service} & parsed(text).keys()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2.5s", 2.5),
        ("1min 2ms", 60.002),
        ("1y 1month 1w 1d 1h", 31557600 + 2629800 + 604800 + 86400 + 3600),
        ("0", None),
        ("infinity", None),
        ("", None),
        ("[not set]", None),
        ("1.2.3s", None),
        ("5 parsecs", None),
    ],
)
def test_spans_of_systemd(text: str, expected: float | None) -> None:
    assert seconds(text) == (None if expected is None else pytest.approx(expected))
