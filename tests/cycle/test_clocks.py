"""A wall clock that is years off, in whole cycles."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.parts.processes import wait_until
from tests.parts.world import Run, World

_DECADE = 10 * 365 * 24 * 3600


def cycle_at(world: World, seconds: int) -> Run:
    """One cycle whose wall clock is off by so much; the monotonic clocks are as they are."""
    run = world.run("cycle", FAKETIME=f"{seconds:+}", **_faked())
    assert run.exit_code == 0, run.stderr
    return run


def _faked() -> dict[str, str]:
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
    return {
        "LD_PRELOAD": str(library),
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_RESET": "1",
    }


@pytest.fixture(params=[-_DECADE, _DECADE], ids=["back", "forward"])
def jump(request: pytest.FixtureRequest) -> int:
    """Seconds by which the clock is off."""
    seconds: int = request.param
    return seconds


def test_the_clock_that_the_program_sees_is_off(world: World, jump: int) -> None:
    """The tests' own footing: the jump arrives in the checkpoint."""
    world.run("init", "--from-start")
    (number,) = world.front.add_many(1)
    cycle_at(world, jump)
    years = int(world.record(number)["updated_at"][:4])
    assert abs(years - datetime.now(UTC).year) in (9, 10, 11)


def test_no_order_waits_for_years_and_none_is_skipped(world: World, jump: int) -> None:
    world.run("init", "--from-start")
    world.configure("service", min_order_age=60)
    numbers = world.front.add_many(2, "authorized")
    cycle_at(world, jump)
    assert [world.abacos.judge.confirmed_count(number) for number in numbers] == [1, 1]
    world.configure("service", min_order_age=0)
    numbers += world.front.add_many(2, "authorized")
    world.cycle()
    cycle_at(world, -jump)
    judge = world.abacos.judge
    assert judge.inserted_count() == judge.confirmed_count() == len(numbers)
    assert world.status()["head"] == world.front.newest_id()


def test_a_late_commit_is_found_whatever_the_clock_said(world: World, jump: int) -> None:
    """Seen on one clock, committed, looked for on another: the boot clock counts."""
    world.run("init", "--from-start")
    world.front.add(1, id=1)
    world.front.add(4, id=4)
    cycle_at(world, jump)
    world.front.add(2, "authorized", id=2)
    world.cycle()
    assert world.abacos.judge.confirmed_count(2) == 1
    world.front.add(3, "authorized", id=3)
    cycle_at(world, jump)
    assert world.abacos.judge.confirmed_count(3) == 1


def test_gaps_are_not_kept_for_years(world: World, jump: int) -> None:
    world.run("init", "--from-start")
    world.front.add(1, id=1)
    world.front.add(4, id=4)
    cycle_at(world, max(jump, 0))
    assert world.status()["gaps"] == 1
    world.configure("service", late_commit_window=1)
    seen = time.monotonic()
    wait_until(lambda: time.monotonic() > seen + 1, "the window to pass")
    world.front.add(5, id=5)
    cycle_at(world, min(jump, 0))
    assert world.status()["gaps"] == 0


def test_a_clock_that_jumps_in_mid_cycle_ends_no_wait(
    world: World, jump: int, tmp_path: Path
) -> None:
    world.configure("service", running_cycle=60)
    world.run("init", "--from-start")
    (number,) = world.front.add_many(1, "authorized")
    world.abacos.behave("error")
    judge, clock = world.abacos.judge, tmp_path / "clock"
    clock.write_text("+0")
    faked = {"FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1", **_faked()}
    cycle = world.start("cycle", **faked)
    wait_until(lambda: judge.asked_count(number) > 1, "the cycle to wait for Abacos")
    clock.write_text(f"{jump:+}")
    asked = judge.asked_count(number)
    wait_until(lambda: judge.asked_count(number) > asked + 1, "the cycle to go on with it")
    world.abacos.work()
    assert cycle.wait(60) == 0
    assert judge.confirmed_count(number) == 1
    years = int(world.record(number)["updated_at"][:4])
    assert abs(years - datetime.now(UTC).year) in (9, 10, 11)
