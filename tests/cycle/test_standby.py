"""`standby`: after a cycle the other monitor gets the checkpoint, through a real sshd."""

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ordermonit.orders.model import Record
from ordermonit.state.checkpoint import Checkpoint
from ordermonit.state.directory import State
from tests.parts.abacos import Mood
from tests.parts.processes import wait_until
from tests.parts.soap import Call
from tests.parts.sshd import Sshd
from tests.parts.world import World


class Other:
    """The other monitor: its sshd, its state directory, and what a login with our key runs."""

    def __init__(self, world: World, directory: Path) -> None:
        self.world = world
        self.state = State(directory / "other")
        self._script = directory / "receive"
        options = f'restrict,command="{self._script}"'
        self.sshd = Sshd(key=world.sshd.key, key_options=options)
        words = [sys.executable, "-m", "ordermonit", "--config", str(world.config)]
        self.receive = shlex.join([*words, "--state", str(self.state.directory), "receive"])
        self.run_there(f"exec {self.receive}")
        known = world.sshd.known_hosts.read_text() + self.sshd.known_hosts.read_text()
        world.sshd.known_hosts.write_text(known)
        address = f"{self.sshd.username}@127.0.0.1:{self.sshd.port}"
        world.configure("service", standby=address)

    def run_there(self, command: str) -> None:
        """What a login runs from now on."""
        self._script.write_text(f"#!/bin/sh\n{command}\n")
        self._script.chmod(0o755)

    def records(self) -> dict[int, Record]:
        return self.state.read().records

    def cycle(self) -> str:
        """One cycle of the active monitor with a new order; what it said of the standby."""
        self.world.front.add_many(1, "authorized")
        lines = self.world.cycle().stderr.splitlines()
        return "\n".join(line for line in lines if "standby" in line)

    def problem(self) -> str:
        """What `status` says of the standby."""
        found = [each["what"] for each in self.world.status()["problems"]]
        return "".join(what for what in found if "the standby" in what)

    def has_the_newest(self) -> bool:
        active = State(self.world.state).read()
        return (self.state.read().head, self.records()) == (active.head, active.records)


@pytest.fixture
def other(world: World, tmp_path: Path) -> Iterator[Other]:
    assert world.run("init", "--from-start").exit_code == 0
    found = Other(world, tmp_path)
    with found.sshd:
        yield found


def test_it_gets_each_new_checkpoint_and_nobody_connects_when_there_is_none(other: Other) -> None:
    assert other.cycle() == ""
    assert other.has_the_newest()
    # What the active one has in flight when it dies is in no copy: as after `recover`.
    assert other.state.read().recovered
    logins = other.sshd.logins()
    idle = other.world.run("cycle", PYTHONPROFILEIMPORTTIME="1")
    assert "ordermonit.cycle.standby" in idle.stderr
    assert "asyncssh" not in idle.stderr
    assert other.sshd.logins() == logins
    assert other.problem() == ""


def test_what_fails_hurts_no_cycle_and_is_told_once(other: Other) -> None:
    """A full disk, a copy that is cut off, another program there, a server that hangs."""
    other.cycle()
    kept = other.state.checkpoint.read_bytes()
    strace = (
        "strace -f -qq -o /dev/null -e trace=fsync,fdatasync -e inject=fsync,fdatasync:error=ENOSPC"
    )
    other.run_there(f"exec {strace} {other.receive}")
    told = other.cycle()
    assert "WARNING the standby" in told
    assert "did not get the newest checkpoint" in told
    assert "can't be written: No space left on device" in told
    for command, expected in (
        (f"head -c 200 | {other.receive}", "the copy on stdin is damaged: it is cut off"),
        ("cat >/dev/null", "it ended without a word (status 0)"),
        ("exec sleep 60", "took no copy within 2.5 s"),
    ):
        other.run_there(command)
        assert "standby" not in other.world.cycle().stderr  # an idle one tries it as well
        assert expected in other.problem()
        assert other.state.checkpoint.read_bytes() == kept
    other.run_there(f"exec {other.receive}")
    assert "has the newest checkpoint again" in other.world.cycle().stderr  # an idle one
    assert other.has_the_newest()
    assert other.problem() == ""


def test_a_monitor_that_is_killed_in_mid_copy_sends_it_again(other: Other, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    other.run_there(f"touch {begun}; exec sleep 60")
    other.world.front.add_many(1, "authorized")
    cycle = other.world.start("cycle")
    wait_until(begun.exists, "the copy to begin")
    cycle.kill()
    cycle.wait()
    other.run_there(f"exec {other.receive}")
    other.world.cycle()
    assert other.has_the_newest()


def test_an_older_copy_replaces_no_newer_one(other: Other) -> None:
    other.state.create()
    other.state.write(Checkpoint(1_000_000))
    other.cycle()
    assert other.state.read().head == 1_000_000
    assert "the copy is older than" in other.problem()
    holder = State(other.state.directory)
    other.state.checkpoint.unlink()  # as the remedy says
    holder.lock()  # a cycle runs there
    other.world.cycle()
    assert "another ordermonit works on" in other.problem()
    assert not other.state.checkpoint.exists()


def test_a_take_over_begins_with_the_copy_and_keeps_attempts(other: Other) -> None:
    """The dead one had an insertion in flight that is in no copy, and that took effect."""
    world, judge = other.world, other.world.abacos.judge
    world.shorten("ordermonit.node.rake", LOCK_WAIT=1, REMOTE_GRACE=3)
    there, refused = world.front.add_many(2, "authorized")
    world.abacos.behave(Mood.REJECT, [refused], calls=[Call.INSERT])
    world.cycle()
    (in_flight,) = world.front.add_many(1, "authorized")
    world.abacos.behave(Mood.STALL, [in_flight], calls=[Call.INSERT])
    dying = world.start("cycle")
    wait_until(lambda: judge.inserted_count(in_flight), "the insertion to take effect")
    dying.kill()
    dying.wait()
    assert str(in_flight) not in {record.number for record in other.records().values()}
    world.configure("service", standby=None)
    words = ("--state", str(other.state.directory), "cycle")
    wait_until(lambda: world.run(*words).exit_code == 0, "the node to give back its lock", 40)
    records = {record.number: record for record in other.records().values()}
    assert records[str(refused)].attempts == 2
    for number in (there, in_flight):
        assert judge.inserted_count(number) == judge.confirmed_count(number) == 1
        assert world.node.task_count("insert_order", number) == 1
    assert judge.double_insert_count() == 0
