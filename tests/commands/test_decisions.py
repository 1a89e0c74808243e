"""What a person decides about single orders: fresh attempts, or closed for good."""

import os
import pty
import subprocess
from pathlib import Path

import pytest

from tests.parts.soap import Call
from tests.parts.world import PATIENCE, World

DATA = Path(__file__).parents[1] / "data"


def typed(world: World, answer: str, *command: str) -> str:
    """Type a command in a terminal, and answer its question; what the terminal showed.

    A second line of the answer is for a second question; Enter alone without one.
    """
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        world.command_line(*command),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=world.home,
        env=world.environment(),
    )
    os.close(theirs)
    shown = b""
    try:
        while b"[y/N]" not in shown:
            shown += os.read(ours, 4096)
        os.write(ours, f"{answer}\n\n".encode())
        process.wait(PATIENCE)
        shown += os.read(ours, 65536)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return shown.decode()


def broken(world: World, how: str, how_many: int = 1) -> list[int]:
    """So many authorized orders that Abacos treats like that, after one cycle."""
    world.run("init", "--from-start")
    numbers = world.front.add_many(how_many, "authorized")
    world.abacos.behave(how, numbers)
    world.cycle()
    return numbers


def begun(world: World) -> int:
    """An order whose insertion was begun, took effect and was never answered."""
    world.configure("service", running_cycle=1)
    world.run("init", "--from-start")
    [number] = world.front.add_many(1, "authorized")
    world.abacos.behave("stall", calls=[Call.INSERT])
    cycle = world.start("cycle")
    while "insert_order" not in world.checkpoint():
        assert cycle.poll() is None
    cycle.kill()
    cycle.communicate()
    world.abacos.work()
    return number


def test_retry_by_reason_takes_those_orders_and_no_others(world: World) -> None:
    world.configure("service", max_attempts=3)
    first, second = broken(world, "reject", 2)
    world.front.add(None, "authorized")
    world.cycle()
    run = world.run("retry", "--reason", "rejected", "--json", SUDO_USER="ann")
    assert run.exit_code == 0
    said = run.json()
    assert said["by"] == "ann"
    assert [order["number"] for order in said["orders"]] == [str(first), str(second)]
    assert said["orders"][0]["was"] == {"status": "FAILED", "reason": "REJECTED", "attempts": 2}
    assert [world.record(number)["attempts"] for number in (first, second)] == [0, 0]
    assert "put back by ann" in (world.state / "ordermonit.output").read_text()


def test_retry_takes_one_kind_of_choice(world: World) -> None:
    world.run("init", "--from-start")
    for words in ([], ["1", "--exhausted"], ["--exhausted", "--reason", "rejected"]):
        run = world.run("retry", *words)
        assert run.exit_code == 64
        assert "ordermonit retry 1001234" in run.stderr
    assert world.run("retry", "--reason", "tired").exit_code == 64


def test_a_dismissed_order_is_left_alone_and_says_by_whom_and_why(world: World) -> None:
    [number] = broken(world, "reject")
    run = world.run("dismiss", str(number), "--because", "a test\nof the shop", SUDO_USER="ann")
    assert run.exit_code == 0
    assert "Nothing is undone in Abacos" in run.stdout
    world.abacos.work()
    world.cycle()
    assert world.abacos.judge.holds() == set()
    record = world.record(number)
    assert (record["status"], record["reason"]) == ("SUCCESS", "DISMISSED")
    assert record["last_error"] == "ann: a test of the shop"
    log = (world.state / "ordermonit.output").read_text()
    assert f"order {number}: dismissed by ann: a test of the shop" in log


def test_a_dismissal_by_mistake_is_taken_back_by_retry(world: World) -> None:
    [number] = broken(world, "reject")
    world.run("dismiss", str(number), "--because", "a mistake")
    assert world.run("retry", str(number)).exit_code == 0
    world.abacos.work()
    world.cycle()
    assert world.abacos.judge.confirmed_count(number) == 1


def test_a_number_that_was_changed_too_late_is_a_persons_matter(world: World) -> None:
    world.run("init", "--from-start")
    old, kept = world.front.add_many(2)
    world.cycle()
    assert world.record(old)["status"] == "PAYMENT_PENDING"
    world.front.set_number(old, 7007)
    said = world.cycle().stderr
    assert f"order {old}: its number is 7007 in the Front now (id 1), and Abacos has it" in said
    [problem] = world.status()["problems"]
    assert "ordermonit retry id:1" in problem["remedy"]
    assert f"type: ordermonit retry {old}" in world.run("show", str(old)).stdout
    world.abacos.judge.hold([7007])  # somebody gives it the new one there
    assert world.run("retry", str(old)).exit_code == 0
    world.front.set_state("authorized", [7007])
    world.cycle()
    assert world.record(7007)["status"] == "SUCCESS"
    assert world.abacos.judge.confirmed_count(7007) == 1
    assert world.abacos.judge.holds() == {str(old), str(kept), "7007"}


def test_what_may_have_taken_effect_is_not_dismissed_without_a_yes(world: World) -> None:
    number = begun(world)
    before = world.checkpoint()
    run = world.run("dismiss", str(number), "--because", "away with it")
    assert run.exit_code == 64
    assert f"order {number} (insert_order)" in run.stderr
    assert "--yes" in run.stderr
    assert "Nothing was changed" in typed(world, "n", "dismiss", str(number), "--because", "x")
    assert world.checkpoint() == before
    assert "dismissed" in typed(world, "y", "dismiss", str(number), "--because", "x")
    assert world.record(number)["reason"] == "DISMISSED"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["99", "--because", "x"], "no open record has the number 99"),
        (["1", "--because", " "], "--because is empty"),
        (["1"], "--because"),
    ],
)
def test_dismiss_changes_nothing_when_it_is_typed_wrong(
    world: World, words: list[str], said: str
) -> None:
    world.run("init", "--from-start")
    before = world.checkpoint()
    run = world.run("dismiss", *words)
    assert (run.exit_code, run.stderr.count("\n")) == (64, 1)
    assert said in run.stderr
    assert world.checkpoint() == before


def slow_cycle(world: World) -> subprocess.Popen[str]:
    """A cycle that has the lock, and for a while."""
    world.abacos.behave("slow", seconds=30)
    cycle = world.start("cycle")
    lock = world.state / "lock"
    while f"pid {cycle.pid}" not in lock.read_text():
        assert cycle.poll() is None
    return cycle


def test_at_a_terminal_a_change_waits_for_the_end_of_a_cycle(world: World) -> None:
    [number] = broken(world, "reject")
    cycle = slow_cycle(world)
    ours, theirs = pty.openpty()
    command = world.command_line("retry", str(number))
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=world.environment()
    )
    os.close(theirs)
    shown = b""
    while b"waiting for its end" not in shown:
        shown += os.read(ours, 4096)
    assert f"pid {cycle.pid}".encode() in shown
    cycle.terminate()
    assert process.wait(PATIENCE) == 0
    assert b"back in the next cycle" in os.read(ours, 4096)
    os.close(ours)
    assert world.record(number)["attempts"] == 0


def test_without_a_terminal_no_change_is_made_while_a_cycle_runs(world: World) -> None:
    [number] = broken(world, "reject")
    cycle = slow_cycle(world)
    for command in (
        ["retry", str(number)],
        ["dismiss", str(number), "--because", "x", "--yes"],
        ["pause"],
        ["resume"],
        ["rescan", "--from", "1"],
        ["head", "--set", "0", "--yes"],
        ["init", "--latest"],
        ["import", str(next(DATA.rglob("checkpoint-7-columns")))],
        ["recover"],
    ):
        run = world.run(*command)
        assert run.exit_code == 75, command
        assert f"pid {cycle.pid}" in run.stderr
