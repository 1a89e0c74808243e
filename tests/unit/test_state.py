"""The state directory: atomic, locked, and whole after every failed write."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ordermonit.checkpoint import Checkpoint
from ordermonit.errors import CheckpointError, StateError, Unavailable, UsageError
from ordermonit.model import Reason, Record, Status
from ordermonit.state import KEPT_CYCLES, CycleResult, State

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STEPS = ["open", "write", "fchown", "fsync", "link", "rename"]


def _checkpoint(head: int) -> Checkpoint:
    return Checkpoint(head, [Record(head, "N1", Status.FAILED, Reason.NOT_FOUND, NOW, NOW)])


def test_the_predecessor_stays_beside_it(tmp_path: Path) -> None:
    state = State(tmp_path)
    for head in (1, 2, 3):
        state.write(_checkpoint(head))
    assert (state.read().head, state.read_previous().head) == (3, 2)
    assert sorted(os.listdir(tmp_path)) == ["checkpoint", "checkpoint.previous"]


@pytest.mark.parametrize("step", STEPS)
def test_a_failed_step_leaves_the_old_checkpoint_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    state = State(tmp_path)
    state.write(_checkpoint(1))
    state.write(_checkpoint(2))
    before = state.checkpoint.read_bytes()

    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, step, full)
        patch.setattr(os, "geteuid", lambda: 0)
        with pytest.raises(StateError, match="No space left on device"):
            state.write(_checkpoint(3))
    assert state.checkpoint.read_bytes() == before
    state.write(_checkpoint(3))
    assert state.read().head == 3


def test_the_lock_names_its_holder_and_ends_with_it(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from ordermonit.state import State;"
        "State(Path(sys.argv[1])).lock(); print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(Unavailable, match=f"pid {holder.pid} "):
        State(tmp_path).lock()
    holder.kill()
    holder.communicate()
    State(tmp_path).lock()


def test_no_checkpoint_names_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="ordermonit init --latest"):
        State(tmp_path).read()
    with pytest.raises(CheckpointError, match="ordermonit init --latest"):
        State(tmp_path / "none").lock()


def test_a_missing_checkpoint_with_a_predecessor_is_no_new_start(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.write(_checkpoint(1))
    state.write(_checkpoint(2))
    state.checkpoint.unlink()
    with pytest.raises(CheckpointError, match="ordermonit recover"):
        state.read()
    with pytest.raises(UsageError):
        state.refuse_existing()


def test_the_newest_cycles_are_kept_and_odd_lines_left_out(tmp_path: Path) -> None:
    state = State(tmp_path)
    for at in range(KEPT_CYCLES + 5):
        state.add_cycle(CycleResult("a", "b", f"cycle {at}"))
    state.cycles.write_text(state.cycles.read_text() + "odd\n[]\n")
    kept = state.read_cycles()
    assert [kept[0].result, kept[-1].result] == ["cycle 5", f"cycle {KEPT_CYCLES + 4}"]
