"""A lock that is held for too long, by a cycle that was suspended: told, measured, and shown."""

import os
import signal
import time
from pathlib import Path

import pytest

from ordermonit.health.health import Health, lock_problems
from ordermonit.state.holder import Holder, holder
from tests.health.test_health import NOW, PERIOD
from tests.parts.inbox import Hook
from tests.parts.judge import Seen
from tests.parts.processes import wait_until
from tests.parts.soap import Call
from tests.parts.world import World
from tests.reports.conftest import AlertTo
from tests.reports.test_metrics import file, read

__all__ = ["file"]


def test_a_suspended_cycle_is_told_once_and_shown(
    world: World, alert_to: AlertTo, hook: Hook, file: Path
) -> None:
    alert_to(downtime=60)
    [number] = world.front.add_many(1, "authorized")
    world.abacos.behave("slow", [number], calls=[Call.EXISTS], seconds=60, times=1)
    first = world.start("cycle")
    wait_until(lambda: world.abacos.judge.count(Seen.ASKED), "the cycle to be at work")
    first.send_signal(signal.SIGSTOP)
    world.cycle(expect=75)
    assert hook.posts == [], "it might be at work"
    begun = time.time() - 1000
    os.utime(world.state / "lock", (begun, begun))  # so long ago
    for _ in range(2):
        run = world.cycle(expect=75)
    assert f"another ordermonit works on {world.state} (pid {first.pid} on " in run.stderr
    assert ", suspended). Nothing is lost; " in run.stderr
    [post] = hook.posts
    assert "down for 16 min" in post["title"]
    assert f"kill -CONT {first.pid}" in post["message"]
    figures = read(file)
    assert figures["lock_held_since_timestamp_seconds"] == pytest.approx(begun)
    assert (figures["up"], figures["last_cycle_exit_code"]) == (0, 75)
    status = world.status()
    assert status["health"] == "stopped"
    said = [problem["what"] for problem in status["problems"]]
    assert any(f"no cycle can run: pid {first.pid} on " in each for each in said)
    world.abacos.work()
    first.send_signal(signal.SIGCONT)
    assert first.wait(60) == 0
    assert len(hook.posts) == 2, "its end is told"
    assert "lock_held_since_timestamp_seconds" not in read(file)
    assert world.status()["health"] != "stopped"


def test_who_has_the_lock_for_long_may_be_at_work() -> None:
    taken = NOW.timestamp() - 3 * PERIOD - 61
    here = holder(f"pid {os.getpid()} on {os.uname().nodename}\n", taken)
    assert (here.pid, here.is_suspended) == (os.getpid(), False)
    [problem] = lock_problems(here, PERIOD, NOW)
    assert (problem.health, problem.since) == (Health.DEGRADED, here.since)
    assert problem.remedy.endswith(f"ps -o pid,stat,etime,args -p {os.getpid()}")
    assert lock_problems(holder(here.name, taken + 2), PERIOD, NOW) == []
    assert lock_problems(here, None, NOW) == []
    assert lock_problems(None, PERIOD, NOW) == []
    there = holder("pid 7 on another\n", taken)
    assert there == Holder("pid 7 on another", here.since)
    assert there.remedy.endswith("where it runs (pid 7 on another)")
    assert holder("", taken).name == "unknown"
