"""The timer's rhythm, on a real systemd."""

from collections.abc import Iterator
from itertools import pairwise
from statistics import median

import pytest

from ordermonit.orders.events import Event
from tests.system.inside import CONFIG, STATE, Inside

#: What a busy machine may take to start a unit, in seconds.
LATE = 0.7


@pytest.fixture
def ticking(inside: Inside) -> Iterator[Inside]:
    """The timer runs, with a period of 2 s."""
    inside.configure("service", running_cycle=2)
    inside.machine.run("systemctl", "daemon-reload")
    inside.machine.run("systemctl", "start", "ordermonit.timer")
    yield inside
    inside.machine.run("systemctl", "stop", "ordermonit.timer")


def more_starts(inside: Inside, how_many: int) -> list[float]:
    """So many starts from now on, after the last one that was."""
    before = len(inside.starts())
    inside.machine.wait(
        lambda: len(inside.starts()) >= before + how_many, f"{how_many} more cycles", 60
    )
    return inside.starts()[before - 1 :]


def gaps(starts: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(starts)]


def test_the_first_cycle_begins_at_once_and_the_next_ones_each_period(ticking: Inside) -> None:
    machine = ticking.machine
    (timer,) = machine.journal("UNIT=ordermonit.timer", "--lines=1")
    machine.wait(ticking.starts, "the first cycle")
    begun = int(timer["__MONOTONIC_TIMESTAMP"]) / 1e6
    first = next(start for start in ticking.starts() if start > begun - 0.1)
    assert first - begun < LATE
    found = gaps(more_starts(ticking, 4))
    assert min(found) > 1.95
    assert median(found) < 2 + LATE


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
    ticking.node.quirk("insert_order", "sleeps", 4)
    before = len(ticking.starts())
    (number,) = ticking.sell(1)
    machine.wait(lambda: ticking.abacos.judge.confirmed_count(number), "the slow order")
    more_starts(ticking, 3)
    found = gaps(ticking.starts()[max(0, before - 1) :])
    long = next(at for at, gap in enumerate(found) if gap > 4)  # no second cycle during it
    assert max(found[long + 1 :]) < 2 + LATE
    assert ticking.abacos.judge.inserted_count(number) == 1


def test_a_manual_start_is_a_cycle_at_once_and_the_rhythm_goes_on_from_it(ticking: Inside) -> None:
    machine = ticking.machine
    ticking.configure("service", running_cycle=3)
    machine.run("systemctl", "daemon-reload")
    last = more_starts(ticking, 1)[-1]
    machine.run("systemctl", "start", "ordermonit.service")
    manual = ticking.starts()[-1]
    assert manual - last < 2.5, "it did not wait for the timer"
    assert gaps([manual, *more_starts(ticking, 2)[1:]]) == pytest.approx([3, 3], abs=LATE)


def test_running_cycle_and_a_daemon_reload_change_the_period(ticking: Inside) -> None:
    machine = ticking.machine
    ticking.configure("service", running_cycle=3)
    machine.run("systemctl", "daemon-reload")
    timers = machine.show("ordermonit.timer", "TimersMonotonic", "AccuracyUSec")
    assert "OnUnitActiveUSec=3s" in timers["TimersMonotonic"]
    found = gaps(more_starts(ticking, 3)[1:])
    assert found == pytest.approx([3, 3], abs=LATE)


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
    assert max(gaps(more_starts(ticking, 2)[1:])) < 2 + LATE


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
