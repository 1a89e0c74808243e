"""Is it well: what makes it degraded, down or stopped, since when, and what to do."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ordermonit.health.health import (
    Health,
    Newest,
    Problem,
    cycle_problems,
    front_problems,
    lag_problems,
    standby_problems,
    worst,
)
from ordermonit.health.timer import Timer
from ordermonit.health.troubles import record_problems
from ordermonit.orders.lag import Lag
from ordermonit.orders.model import Reason, Record, Status
from ordermonit.orders.rest import Rest, Setting
from ordermonit.state.directory import CycleResult
from ordermonit.state.standby import Copied
from ordermonit.times import iso

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
PERIOD = 120.0


def cycle(minutes_ago: float, exit: int = 0, result: str = "nothing to do") -> CycleResult:
    """A cycle that took a second and ended so long ago."""
    ended = NOW - timedelta(minutes=minutes_ago)
    return CycleResult(iso(ended - timedelta(seconds=1)), iso(ended), result, exit)


def timer(
    *,
    installed: bool = True,
    active: bool = True,
    enabled: bool = True,
    running: bool = False,
    result: str = "success",
    exit: int = 0,
    ended: float = 1,
) -> Timer:
    ended_at = NOW - timedelta(minutes=ended)
    return Timer(installed, active, enabled, None, running, "", result, exit, ended_at)


def record(number: str | None, status: Status, reason: Reason, hours: float, error: str) -> Record:
    """A record that was first seen so many hours ago, and changed half an hour ago."""
    seen, changed = NOW - timedelta(hours=hours), NOW - timedelta(minutes=30)
    return Record(int(number or 7), number, status, reason, seen, changed, 1, last_error=error)


def test_cycles_that_end_well_and_a_timer_that_runs_are_well() -> None:
    assert cycle_problems([cycle(1)], timer(), PERIOD, NOW) == []
    assert worst([]) is Health.WELL


def test_failing_cycles_are_down_since_the_first_of_them() -> None:
    last = replace(cycle(3, 75, "the node is down"), remedy="Nothing is lost")
    cycles = [cycle(9), cycle(7, 75, "x is down"), cycle(5, 77), last]
    [problem] = cycle_problems(cycles, timer(), PERIOD, NOW)
    assert problem.health is Health.DOWN
    assert "3 cycles failed (exit 75): the node is down" in problem.what
    assert problem.since == NOW - timedelta(minutes=7, seconds=1)
    assert problem.remedy == "Nothing is lost"


def test_a_failure_that_waits_for_a_person_sends_them_to_the_journal() -> None:
    [problem] = cycle_problems([cycle(1, 65, "a checkpoint")], timer(), PERIOD, NOW)
    assert "journalctl -x -u ordermonit" in problem.remedy


def test_commands_that_a_screen_would_break_are_left_to_check() -> None:
    last = replace(cycle(1, 77, "host key"), remedy="ssh-keygen -f a -R b; " * 9)
    [problem] = cycle_problems([last], timer(), PERIOD, NOW)
    assert problem.remedy.endswith("type: ordermonit check node")


def test_a_good_cycle_ends_the_trouble() -> None:
    assert cycle_problems([cycle(3, 75), cycle(1)], timer(), PERIOD, NOW) == []


@pytest.mark.parametrize(
    ("exit", "said"), [(78, "the configuration is wrong"), (74, "can't be written")]
)
def test_a_run_that_could_note_nothing_is_known_from_systemd(exit: int, said: str) -> None:
    after = timer(result="exit-code", exit=exit, ended=0.5)
    [problem] = cycle_problems([cycle(1)], after, PERIOD, NOW)
    assert problem.health is Health.DOWN
    assert f"exit {exit}" in problem.what
    assert said in problem.what
    assert problem.since == after.ended_at


def test_a_run_that_systemd_killed_is_down() -> None:
    [problem] = cycle_problems([cycle(1)], timer(result="timeout", ended=0.5), PERIOD, NOW)
    assert "ended by systemd (timeout)" in problem.what


def test_an_old_failure_of_the_unit_is_over_when_a_cycle_was_good_since() -> None:
    assert cycle_problems([cycle(1)], timer(result="exit-code", exit=75, ended=5), PERIOD, NOW) == (
        []
    )


def test_a_timer_that_is_off_is_stopped_since_the_last_cycle() -> None:
    [problem] = cycle_problems([cycle(1)], timer(active=False), PERIOD, NOW)
    assert problem.health is Health.STOPPED
    assert problem.since == NOW - timedelta(minutes=1)
    assert "systemctl enable --now ordermonit.timer" in problem.remedy


@pytest.mark.parametrize("systemd", [timer(), timer(installed=False, active=False), None])
def test_no_cycle_for_long_is_stopped_whatever_the_timer_says(systemd: Timer | None) -> None:
    assert cycle_problems([cycle(6)], systemd, PERIOD, NOW) == []
    [problem] = cycle_problems([cycle(8)], systemd, PERIOD, NOW)
    assert problem.health is Health.STOPPED
    assert "no cycle has ended for 8 min" in problem.what


def test_a_long_cycle_that_runs_is_not_stopped() -> None:
    assert cycle_problems([cycle(60)], timer(running=True), PERIOD, NOW) == []


def test_without_the_configuration_nobody_knows_what_is_long() -> None:
    assert cycle_problems([cycle(600)], timer(), None, NOW) == []


def test_before_the_first_cycle_it_is_stopped_unless_the_timer_runs() -> None:
    assert cycle_problems([], timer(), PERIOD, NOW) == []
    [problem] = cycle_problems([], None, PERIOD, NOW)
    assert problem.what == "no cycle has run yet"


def test_one_good_cycle_among_many_that_failed_is_degraded() -> None:
    cycles = [cycle(20 - at, 75, "the node is down") for at in range(6)]
    [problem] = cycle_problems([*cycles, cycle(2)], timer(), PERIOD, NOW)
    assert problem.health is Health.DEGRADED
    assert problem.what == "6 of the last 7 cycles failed, the last with exit 75: the node is down"
    assert problem.since == NOW - timedelta(minutes=20, seconds=1)
    assert cycle_problems([*cycles[:2], cycle(3), cycle(2)], timer(), PERIOD, NOW) == []


def test_a_timer_that_does_not_come_back_after_a_boot_is_degraded() -> None:
    [problem] = cycle_problems([cycle(1)], timer(enabled=False), PERIOD, NOW)
    assert problem.health is Health.DEGRADED


def test_a_dead_database_is_down_and_one_that_may_not_be_asked_is_not() -> None:
    [problem] = front_problems(Newest(None, "no answer", is_down=True), 5)
    assert problem.health is Health.DOWN
    assert front_problems(Newest(None, "may not be read"), 5) == []


def test_a_database_behind_head_is_down() -> None:
    assert front_problems(Newest(5), 5) == []
    [problem] = front_problems(Newest(4), 5)
    assert "was restored" in problem.what


def test_orders_with_the_same_trouble_are_one_problem() -> None:
    records = [
        record(str(each), Status.FAILED, Reason.REJECTED, each, f"error {each}") for each in (3, 2)
    ]
    [problem] = record_problems(records, {})
    assert "2 orders rejected (3, 2): error 2" in problem.what
    assert problem.since == NOW - timedelta(hours=3)
    assert problem.health is Health.DEGRADED


def test_c7_orders_that_rest_say_when_their_next_attempt_is() -> None:
    records = [
        record(str(each), Status.FAILED, Reason.REJECTED, each, "no product") for each in (3, 4)
    ]
    first, second = (replace(each, id=at) for at, each in enumerate(records, 1))
    rest = Rest(NOW + timedelta(hours=1), Setting.RETRY_WAIT)
    later = replace(rest, until=NOW + timedelta(hours=2))
    when = f"not before {iso(rest.until)} (retry_wait)"
    [problem] = record_problems([first, second], {1: later, 2: rest})
    assert problem.remedy == f"The next attempt is {when}"
    [problem] = record_problems([first, second], {2: rest})
    assert problem.remedy == f"The next cycle tries again; 1 of them {when}"
    asked = replace(rest, setting=Setting.VERIFY_WITHIN)
    [problem] = record_problems([first.with_(reason=Reason.NOT_THERE)], {1: asked})
    assert f"what it has not by {iso(rest.until)} (verify_within)" in problem.remedy


def test_an_order_given_up_has_the_command_to_type_and_since_when() -> None:
    given_up = record("9", Status.EXHAUSTED, Reason.REJECTED, 5, "no such product")
    [problem] = record_problems([given_up], {})
    assert problem.remedy.endswith("ordermonit retry 9")
    assert problem.since == given_up.updated_at
    [both] = record_problems([given_up, given_up.with_(id=10, number="10")], {})
    assert both.remedy.endswith("ordermonit retry --exhausted")


def test_what_only_waits_is_no_problem() -> None:
    assert (
        record_problems(
            [
                record("1", Status.PAYMENT_PENDING, Reason.NOT_DUE, 1, ""),
                record("3", Status.SUCCESS, Reason.OK, 1, ""),
            ],
            {},
        )
        == []
    )


@pytest.mark.parametrize(
    ("reason", "what", "remedy"),
    [
        (Reason.NOT_DUE, "1 order that the node says can't be inserted yet (id:7): why", "id:7"),
        (Reason.DIED, "1 order whose task ended the process that ran it (id:7): why", "id:7"),
        (Reason.NOT_THERE, "1 order whose task said done, though Abacos", "verify_within"),
    ],
)
def test_every_order_that_is_not_in_abacos_is_known(reason: Reason, what: str, remedy: str) -> None:
    [problem] = record_problems([record(None, Status.FAILED, reason, 1, "why")], {})
    assert (problem.health, problem.what[: len(what)]) == (Health.DEGRADED, what)
    assert remedy in problem.remedy


def test_head_that_falls_behind_is_degraded_with_since_when_and_the_value_to_set() -> None:
    assert lag_problems(Lag(15, 9e5), 5, 120, NOW) == []
    [problem] = lag_problems(Lag(585, 3600.0), 5, 120, NOW)
    assert (problem.health, problem.since) == (Health.DEGRADED, NOW - timedelta(hours=1))
    assert problem.what.startswith("585 orders beyond HEAD wait")
    assert "max_orders_per_request: 30 in service.yml, which catches up in 2 h" in problem.remedy
    [problem] = lag_problems(Lag(585, None), 5, 120, NOW)
    assert problem.since is None


def test_an_order_without_a_number_is_named_by_its_id() -> None:
    [problem] = record_problems([record(None, Status.FAILED, Reason.INVALID_NUMBER, 1, "")], {})
    assert "(id:7)" in problem.what
    assert "ordermonit dismiss id:7 " in problem.remedy


def test_the_worst_problem_gives_the_word() -> None:
    problems = [
        Problem(health, "", None, "") for health in (Health.DEGRADED, Health.STOPPED, Health.DOWN)
    ]
    assert worst(problems) is Health.STOPPED
    assert worst(problems[:1]) is Health.DEGRADED


def test_with_two_monitors_no_timer_is_enabled_and_one_is_stopped() -> None:
    assert cycle_problems([cycle(1)], timer(enabled=False), PERIOD, NOW, "other") == []
    [problem] = cycle_problems([cycle(1)], timer(active=False), PERIOD, NOW, "other")
    assert problem.health is Health.STOPPED
    assert "on this one of two monitors" in problem.what
    assert problem.remedy.endswith("on other, type: ordermonit status")


def test_a_standby_that_lacks_the_newest_checkpoint_is_degraded() -> None:
    assert standby_problems(Copied("a b c", iso(NOW))) == []
    [problem] = standby_problems(Copied().failed("it is full", "Make room there"))
    assert problem.health is Health.DEGRADED
    assert problem.what == "the standby lacks the newest checkpoint (it never got one): it is full"
    assert problem.remedy == "Make room there"
    assert problem.since is not None
