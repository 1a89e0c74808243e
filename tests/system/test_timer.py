"""The timer's rhythm, on a real systemd."""

from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from ordermonit.orders.events import Event
from tests.system.inside import CONFIG, STARTED, STARTING, STATE, Inside

#: Seconds that no test lasts.
LONG, LONGER = 600, 900

Tick = Callable[[float], None]


@pytest.fixture
def tick(inside: Inside) -> Iterator[Tick]:
    """Starts the timer, with a period of so many seconds."""

    def start(seconds: float) -> None:
        inside.configure("service", running_cycle=seconds)
        inside.machine.run("systemctl", "daemon-reload")
        inside.machine.run("systemctl", "start", "ordermonit.timer")

    yield start
    inside.machine.run("systemctl", "stop", "ordermonit.timer")


@pytest.fixture
def ticking(inside: Inside, tick: Tick) -> Inside:
    """The timer runs, with a period of 2 s."""
    tick(2)
    return inside


def more_starts(inside: Inside, how_many: int) -> list[float]:
    """So many starts from now on, after the last one that was."""
    before = len(inside.starts())
    inside.machine.wait(
        lambda: len(inside.starts()) >= before + how_many, f"{how_many} more cycles", 60
    )
    return inside.starts()[before - 1 :]


def next_cycle_is_in(inside: Inside, seconds: int) -> None:
    """Wait until no cycle runs; systemd's plan for the next is so long after the last one's start.

    The period has to be longer than any test, or another cycle may begin meanwhile.
    """
    machine, service = inside.machine, "ordermonit.service"
    is_over = {"ActiveState": "inactive"}
    machine.wait(lambda: machine.show(service, "ActiveState") == is_over, "the cycle's end")
    started = machine.show(service, "InactiveExitTimestampMonotonic").popitem()[1]
    planned = machine.show("ordermonit.timer", "NextElapseUSecMonotonic").popitem()[1]
    spelled = machine.run("systemd-analyze", "timespan", planned).stdout.split()
    assert int(spelled[spelled.index("μs:") + 1]) == int(started) + seconds * 1_000_000


def test_the_first_cycle_begins_at_once_and_the_next_ones_each_period(
    inside: Inside, tick: Tick
) -> None:
    before = len(inside.starts())
    tick(LONG)
    inside.machine.wait(lambda: len(inside.starts()) == before + 1, "the first cycle")
    next_cycle_is_in(inside, LONG)
    tick(2)
    starts = more_starts(inside, 3)[1:]
    assert min(later - earlier for earlier, later in pairwise(starts)) > 1.95


def test_it_keeps_ticking_after_failed_cycles(ticking: Inside) -> None:
    machine = ticking.machine
    ticking.configure("service", running_cycle=1)
    machine.run("systemctl", "daemon-reload")
    machine.run("sh", "-c", f"rm {STATE}/checkpoint*")
    refused = f"MESSAGE_ID={Event.CHECKPOINT_REFUSED.message_id}"
    # More of them than systemd's usual limit for starts in a row. The journal keeps each failure;
    # the unit's own state shows it for a moment only, since the next cycle follows at once.
    before = len(machine.journal(refused))
    machine.wait(lambda: len(machine.journal(refused)) >= before + 7, "seven failures", 60)
    assert machine.show("ordermonit.timer", "ActiveState") == {"ActiveState": "active"}


def test_it_keeps_ticking_after_a_cycle_longer_than_its_period(ticking: Inside) -> None:
    machine = ticking.machine
    marks = [f"MESSAGE_ID={mark}" for mark in (STARTING, STARTED)]
    before = len(machine.journal("UNIT=ordermonit.service", *marks))
    ticking.node.quirk("insert_order", "sleeps", 3)
    (number,) = ticking.sell(1)
    machine.wait(lambda: ticking.abacos.judge.confirmed_count(number), "the slow order")
    more_starts(ticking, 2)
    entries = machine.journal("UNIT=ordermonit.service", *marks)[before:]
    seen = [entry["MESSAGE_ID"] for entry in entries]
    assert all(earlier != later for earlier, later in pairwise(seen)), "no two at the same time"
    assert ticking.abacos.judge.inserted_count(number) == 1


def test_a_manual_start_is_a_cycle_at_once_and_the_rhythm_goes_on_from_it(
    inside: Inside, tick: Tick
) -> None:
    before = len(inside.starts())
    tick(LONG)
    inside.machine.wait(lambda: len(inside.starts()) == before + 1, "the timer's own cycle")
    next_cycle_is_in(inside, LONG)
    inside.cycle()
    assert len(inside.starts()) == before + 2, "it did not wait for the timer"
    next_cycle_is_in(inside, LONG)


def test_running_cycle_and_a_daemon_reload_change_the_period(inside: Inside, tick: Tick) -> None:
    machine, before = inside.machine, len(inside.starts())
    tick(LONG)
    machine.wait(lambda: len(inside.starts()) == before + 1, "the first cycle")
    next_cycle_is_in(inside, LONG)
    inside.configure("service", running_cycle=LONGER)
    machine.run("systemctl", "daemon-reload")
    machine.wait(lambda: len(inside.starts()) == before + 2, "one more cycle, at once")
    next_cycle_is_in(inside, LONGER)
    inside.configure("service", running_cycle=3)
    machine.run("systemctl", "daemon-reload")
    timers = machine.show("ordermonit.timer", "TimersMonotonic", "AccuracyUSec")
    assert "OnUnitActiveUSec=3s" in timers["TimersMonotonic"]
    assert timers["AccuracyUSec"] == "30ms"


def test_a_broken_service_yml_leaves_the_timer_alive_and_the_journal_says_what_is_wrong(
    ticking: Inside,
) -> None:
    machine = ticking.machine
    ticking.configure("service", running_cycle="soon")
    machine.run("systemctl", "daemon-reload")
    # The drop-in is gone, and the unit's own period holds.
    shown = machine.show("ordermonit.timer", "ActiveState", "TimersMonotonic")
    assert shown["ActiveState"] == "active"
    assert "OnUnitActiveUSec=2min" in shown["TimersMonotonic"]
    ticking.cycle(expect=78)
    (said,) = machine.journal(f"MESSAGE_ID={Event.CONFIGURATION_WRONG.message_id}", "--lines=1")
    assert f"{CONFIG}/service.yml: running_cycle" in said["MESSAGE"]
    assert 'found "soon", expected a number of seconds' in said["MESSAGE"]
    ticking.configure("service", running_cycle=2)
    machine.run("systemctl", "daemon-reload")
    more_starts(ticking, 2)


def test_stopping_the_timer_ends_a_running_cycle_in_order(ticking: Inside) -> None:
    machine, judge = ticking.machine, ticking.abacos.judge
    ticking.node.quirk("insert_order", "sleeps", 2)
    number, other = ticking.sell(2)
    machine.wait(lambda: ("insert_order", number) in ticking.node.tasks(), "the first insertion")
    machine.run("systemctl", "stop", "ordermonit.timer")
    shown = machine.show("ordermonit.service", "ActiveState", "Result", "ExecMainStatus")
    assert shown == {"ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0"}
    assert judge.inserted_count(number) == 1, "the operation in hand was finished"
    assert judge.inserted_count(other) == 0
