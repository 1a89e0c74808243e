"""`standby`: after a cycle the other monitor gets the checkpoint, through a real sshd."""

import shutil
from pathlib import Path

from ordermonit.state.checkpoint import Checkpoint
from ordermonit.state.directory import State
from tests.parts.abacos import Mood
from tests.parts.processes import wait_until
from tests.parts.soap import Call
from tests.parts.standby import Other


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
        ("exec sleep 60", "did not keep the copy within 2.5 s"),
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


def test_one_key_for_two_shops_lets_no_copy_replace_another_shops(other: Other) -> None:
    """What the key's forced command is for, and whose copy it is, is compared on the standby."""
    world, shop = other.world, ("--shop", "acme")
    shutil.copytree(world.config, world.config / "acme")
    assert world.run(*shop, "init", "--from-start").exit_code == 0
    acme, alone = State(other.state.directory / "acme"), other.state
    other.run_there(f"exec {other.receive}")  # it is for the monitor without a shop
    assert other.cycle() == ""
    kept = alone.checkpoint.read_bytes()
    refused = world.run(*shop, "cycle").stderr
    assert "the copy is for the shop acme on " in refused
    assert "the key that sends it is for the monitor without a shop" in refused
    assert alone.checkpoint.read_bytes() == kept
    checked = world.run(*shop, "check", "standby").stdout
    assert "the forced command of this one's needs --shop acme before receive" in checked
    other.run_there(f"exec {other.receive_for('acme')}")
    assert "has the newest checkpoint again" in world.run(*shop, "cycle").stderr
    copied = acme.checkpoint.read_bytes()
    assert "is for the shop acme. Nothing was changed here" in other.cycle()
    assert "this one's needs no --shop" in other.problem()
    assert acme.checkpoint.read_bytes() == copied
    assert alone.checkpoint.read_bytes() == kept


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
