"""Two monitors with a state directory each, and one node between them."""

import os
import re
import signal
from pathlib import Path

import pytest

from ordermonit.node import rake
from tests.parts.abacos import Mood
from tests.parts.judge import Seen
from tests.parts.processes import wait_until
from tests.parts.soap import Call
from tests.parts.world import Run, World


@pytest.fixture
def world(world: World) -> World:
    """Its sessions wait less for the node's lock, and what they leave on the node ends sooner."""
    world.shorten("ordermonit.node.rake", LOCK_WAIT=1, REMOTE_GRACE=3)
    return world


@pytest.fixture
def standby(world: World, tmp_path: Path) -> tuple[str, ...]:
    """Two monitors that look at all orders from the first on; the options of the second."""
    options = ("--state", str(tmp_path / "standby"))
    assert world.run("init", "--from-start").exit_code == 0
    assert world.run(*options, "init", "--from-start").exit_code == 0
    return options


def test_the_second_is_told_who_works_there_and_goes_on_afterwards(
    world: World, standby: tuple[str, ...]
) -> None:
    world.configure("service", running_cycle=60)  # that it does not use up
    there, missing = world.front.add_many(2, "authorized")
    judge = world.abacos.judge
    judge.hold([there])
    world.abacos.behave(Mood.SLOW, [missing], calls=[Call.INSERT], seconds=60)
    first = world.start("cycle")
    wait_until(lambda: judge.count(Seen.INSERT_CALL), "the first to be in the middle of its work")
    second = world.run(*standby, "cycle")
    assert second.exit_code == 75
    (line,) = [line for line in second.stderr.splitlines() if line.startswith("ordermonit: ")]
    assert re.search(rf"another monitor works on 127\.0\.0\.1: pid {first.pid} on \S+, since", line)
    assert judge.asked_count() == 3  # `there` and `missing` by us, `missing` by the task itself
    world.abacos.work()
    assert first.wait(60) == 0
    assert world.run(*standby, "cycle").exit_code == 0
    assert judge.numbers(Seen.INSERTED, Seen.CONFIRMED) == [str(missing)] * 2
    assert judge.double_insert_count() == 0
    assert world.node.task_count("insert_order", missing) == 1


def test_a_standby_takes_over_with_its_own_checkpoint(
    world: World, standby: tuple[str, ...]
) -> None:
    """The first dies between effect and answer: the second asks, finds, and does what is left."""
    world.configure("service", follow_payments="all")
    world.configure(
        "integration_server",
        checks={"payment_confirmed": "Abacos::PaymentAPI.confirmed?(number)"},
    )
    done, dying, left = world.front.add_many(3, "authorized")
    judge = world.abacos.judge
    world.abacos.behave(Mood.STALL, [dying], calls=[Call.INSERT])
    first = world.start("cycle")
    wait_until(lambda: judge.inserted_count(dying), "the insertion to take effect")
    first.kill()
    first.wait()
    cycles_until_done(world, standby)
    world.abacos.work()
    for number in (done, dying, left):
        assert judge.inserted_count(number) == judge.confirmed_count(number) == 1
        assert world.node.task_count("insert_order", number) == 1
    assert judge.double_insert_count() == 0
    world.cycle()  # the first is back: it asks, and nothing is done again
    assert judge.inserted_count() == judge.confirmed_count() == 3
    assert judge.double_insert_count() == 0


def test_a_frozen_monitor_does_nothing_again_that_another_did_meanwhile(
    world: World, standby: tuple[str, ...]
) -> None:
    world.shorten("ordermonit.node.rake", IDLE_LIMIT=1)
    world.configure("service", follow_payments="all")
    world.configure(
        "integration_server",
        checks={"payment_confirmed": "Abacos::PaymentAPI.confirmed?(number)"},
    )
    (number,) = world.front.add_many(1, "authorized")
    judge = world.abacos.judge
    world.abacos.behave(Mood.SLOW, [number], calls=[Call.INSERT], seconds=60)
    first = world.start("cycle")
    wait_until(lambda: judge.count(Seen.INSERT_CALL), "the first to be in the middle of its work")
    first.send_signal(signal.SIGSTOP)
    world.abacos.work()
    cycles_until_done(world, standby)
    first.send_signal(signal.SIGCONT)
    _, stderr = first.communicate(timeout=60)
    assert first.returncode == 0, stderr
    assert judge.numbers(Seen.INSERTED, Seen.CONFIRMED) == [str(number)] * 2
    assert judge.double_insert_count() == 0


def test_the_lock_of_who_is_gone_is_free_before_another_monitor_gives_up() -> None:
    """Of who left with a word, and of a host without power, whose connection nobody closes."""
    assert max(rake.REMOTE_GRACE, rake.IDLE_LIMIT) < rake.LOCK_WAIT


def test_a_killed_monitor_blocks_no_longer_than_the_grace(
    world: World, standby: tuple[str, ...]
) -> None:
    """Nobody listens to its task any more, which would hang for long; it never inserts."""
    world.configure("integration_server", task_timeout=600)
    (number,) = world.front.add_many(1, "authorized")
    judge = world.abacos.judge
    world.node.quirk("insert_order", "sleeps", 400, numbers=[number])
    first = world.start("cycle")
    wait_until(lambda: world.node.task_count("insert_order", number), "the task to begin")
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    world.node.behave_well()
    world.configure("integration_server", task_timeout=30)
    cycles_until_done(world, ())
    assert judge.numbers(Seen.INSERT_CALL, Seen.CONFIRMED) == [str(number)] * 2
    assert judge.double_insert_count() == 0


def test_a_rake_of_our_own_that_still_dies_is_waited_for(world: World) -> None:
    """It holds the node's lock for longer than a session waits, and is no other monitor."""
    world.configure("service", running_cycle=60)
    assert world.run("init", "--from-start").exit_code == 0
    (number,) = world.front.add_many(1, "authorized")
    world.node.quirk("insert_order", "sleeps", 400, numbers=[number])
    cycle = world.start("cycle")
    wait_until(lambda: world.node.task_count("insert_order", number), "the task to begin")
    world.sshd.cut()
    world.node.behave_well()
    _, stderr = cycle.communicate(timeout=60)
    assert cycle.returncode == 0, stderr
    assert "another monitor works on" in stderr
    judge = world.abacos.judge
    assert judge.numbers(Seen.INSERT_CALL, Seen.CONFIRMED) == [str(number)] * 2
    assert judge.double_insert_count() == 0


def cycles_until_done(world: World, options: tuple[str, ...]) -> None:
    """Cycles that are refused by the lock at first, and then work."""
    codes: list[int] = []

    def is_done() -> bool:
        run: Run = world.run(*options, "cycle")
        codes.append(run.exit_code)
        assert run.exit_code == 0 or "another monitor works on" in run.stderr, run.stderr
        return run.exit_code == 0

    wait_until(is_done, "a cycle to get the node's lock", 60)
    assert set(codes) <= {0, 75}
