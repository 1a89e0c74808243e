"""keep_booted, in whole cycles: Rails boots once, and what is shown of it."""

import os
import signal
from pathlib import Path

from tests.parts.judge import Seen
from tests.parts.processes import wait_until
from tests.parts.world import World


def kept(world: World) -> list[int]:
    """The processes that stay, and their watchdogs."""
    return [pid for pid in world.sshd.running() if pid not in world.sshd.busy()]


def test_cycles_after_the_first_find_rails_booted(world: World, tmp_path: Path) -> None:
    metrics = tmp_path / "ordermonit.prom"
    world.configure("process", metrics_file=str(metrics))
    world.configure("integration_server", keep_booted=600)
    world.run("init", "--from-start")
    for _ in range(3):
        world.front.add_many(1)
        world.cycle()
        wait_until(lambda: not world.sshd.busy() and kept(world), "the session's end")
    # A session that is hurt is a cycle's downtime and no more.
    for pid in kept(world):
        os.kill(pid, signal.SIGKILL)
    world.front.add_many(1)
    world.cycle()
    judge = world.abacos.judge
    assert (judge.count(Seen.INSERTED), judge.count(Seen.DOUBLE_INSERT)) == (4, 0)
    assert len(world.node.boots()) == 2

    cycles = world.status()["cycles"]
    assert [(each["boots"], each["warm_sessions"]) for each in cycles] == [
        *((1, 0), (0, 1), (0, 1), (1, 0))
    ]
    assert cycles[0]["boot_seconds"] > 0 == cycles[0]["warm_seconds"]
    assert cycles[1]["warm_seconds"] > 0 == cycles[1]["boot_seconds"]
    app = 'app="ordermonit"'
    said = metrics.read_text()
    for how, many in (("boot", 2), ("warm", 2)):
        assert f'ordermonit_sessions_total{{{app},begin="{how}"}} {many}.0' in said
        assert f'ordermonit_session_begin_seconds_total{{{app},begin="{how}"}}' in said

    wait_until(lambda: not world.sshd.busy() and kept(world), "the session's end")
    checked = world.run("check", "node")
    assert "Rails stays booted on 127.0.0.1, for " in checked.stdout
    ended = world.run("node", "end")
    assert ended.exit_code == 0
    assert ended.stdout == (
        "Rails stayed booted on 127.0.0.1, and has ended; the next session boots it\n"
    )
    wait_until(lambda: not world.sshd.running(), "the end of everything")
    assert world.run("node", "end", "--json").json() == {"ended": False}
    assert "nothing to end" in world.run("node", "end").stdout
    assert not (world.sshd.directory / ".ordermonit").exists()
    checked = world.run("check", "node")
    assert "Rails was booted for this session; it stays for 600 s after it" in checked.stdout
    world.configure("integration_server", keep_booted=0)
    checked = world.run("check", "node")
    assert "the 4 orders of the last day make about 4 sessions: keep_booted: 25 would" in (
        checked.stdout
    )
    assert len(world.node.boots()) == 4
