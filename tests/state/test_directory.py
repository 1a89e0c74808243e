"""The state directory: atomic, locked, and whole after every failed write."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ordermonit.errors import CheckpointError, StateError, Unavailable, UsageError
from ordermonit.orders.model import Reason, Record, Status
from ordermonit.state.checkpoint import Checkpoint, decode
from ordermonit.state.directory import KEPT_CYCLES, CycleResult, State
from tests.parts import outsider

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STEPS = ["open", "fstat", "write", "ftruncate", "fdatasync", "rename", "unlink", "link", "fsync"]


def _checkpoint(head: int) -> Checkpoint:
    return Checkpoint(head, [Record(head, "N1", Status.FAILED, Reason.NOT_FOUND, NOW, NOW)])


def test_the_predecessor_stays_beside_it(tmp_path: Path) -> None:
    state = State(tmp_path)
    for head in (1, 2, 3):
        state.write(_checkpoint(head))
    assert (state.read().head, state.read_previous().head) == (3, 2)
    names = ["checkpoint", "checkpoint.new", "checkpoint.previous"]
    assert sorted(os.listdir(tmp_path)) == names


@pytest.mark.parametrize("step", STEPS)
def test_a_failed_step_leaves_the_old_checkpoint_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    state = State(tmp_path)
    for head in (10, 2, 30):  # of another length than the one whose file it takes
        state.write(_checkpoint(head))
    before = state.checkpoint.read_bytes()

    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, step, full)
        with pytest.raises(StateError, match="No space left on device"):
            state.write(_checkpoint(4))
    if step != "fsync":  # of the directory: the names have changed already
        assert state.checkpoint.read_bytes() == before
    if step in ("write", "ftruncate", "fdatasync"):  # what could not be written is abandoned
        assert not (tmp_path / "checkpoint.new").exists()
    state.write(_checkpoint(4))
    assert state.read().head == 4


def test_without_hard_links_the_predecessor_is_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", none)
    for head in (1, 2, 3):
        State(tmp_path).write(_checkpoint(head))
    assert (State(tmp_path).read().head, State(tmp_path).read_previous().head) == (3, 2)


def test_a_write_that_takes_a_part_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:7]))
    State(tmp_path).write(_checkpoint(4))
    assert State(tmp_path).read().head == 4


class _Crash(BaseException):
    """The end of the process: nothing is tidied up."""


@pytest.mark.parametrize("step", [step for step in STEPS if step not in ("unlink", "link")])
def test_a_recovery_that_fails_in_its_middle_can_be_typed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    state = State(tmp_path)
    for head in (10, 2, 3):  # of another length than the one whose file it takes
        state.write(_checkpoint(head))
    state.checkpoint.write_bytes(b"")
    state.set_aside()

    with _failing(monkeypatch, step), pytest.raises(StateError):
        state.write(state.read_previous())
    assert state.read_previous().head == 2
    state.write(state.read_previous())
    assert state.read().head == 2


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(crashes=st.lists(st.integers(0, 12), min_size=1, max_size=12))
def test_a_crash_at_any_call_leaves_a_whole_checkpoint_and_a_whole_predecessor(
    crashes: list[int],
) -> None:
    with TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        state, calls, last = State(Path(directory)), count(), 0
        real = {name: getattr(os, name) for name in STEPS}
        for head, crash in enumerate(crashes, start=1):
            end = next(calls) + 1 + crash

            def step(name: str, *arguments: Any, end: int = end, **named: Any) -> Any:
                if next(calls) == end:
                    if name == "write":
                        real[name](arguments[0], arguments[1][:9])
                    raise _Crash
                return real[name](*arguments, **named)

            for name in STEPS:
                patch.setattr(os, name, partial(step, name))
            with suppress(_Crash):
                state.write(_checkpoint(head * 7**head))
            for name in STEPS:
                patch.setattr(os, name, real[name])
            if state.checkpoint.exists():
                found = state.read().head
                assert found in (last, head * 7**head)
                if state.previous.exists():
                    assert state.read_previous().head <= found
                last = found
            else:
                assert not last


def test_a_backup_by_hard_links_is_never_written_to(tmp_path: Path) -> None:
    state, backup = State(tmp_path), tmp_path / "backup"
    state.write(_checkpoint(1))
    os.link(state.checkpoint, backup)
    for head in range(2, 9):
        state.write(_checkpoint(head))
    assert decode(backup.read_bytes(), "backup").head == 1


def test_who_reads_while_a_cycle_writes_sees_a_whole_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = State(tmp_path), State(tmp_path)
    for head in (1, 2, 3):
        writer.write(_checkpoint(head))
    look, write = os.fstat, os.write

    def half(handle: int, data: memoryview) -> int:
        write(handle, data[: len(data) // 2])
        raise _Crash

    def meanwhile(handle: int) -> os.stat_result:
        """The reader has opened the file; it is moved twice, and then written over."""
        found = look(handle)
        monkeypatch.setattr(os, "fstat", look)
        writer.write(_checkpoint(40))
        writer.write(_checkpoint(50))
        with monkeypatch.context() as patch, suppress(_Crash):
            patch.setattr(os, "write", half)
            writer.write(_checkpoint(60))
        return found

    monkeypatch.setattr(os, "fstat", meanwhile)
    assert reader.read().head == 50


@pytest.mark.parametrize("step", ["open", "write", "fdatasync", "rename", "fsync"])
def test_a_pause_that_is_not_durable_is_told_and_the_one_before_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    state = State(tmp_path)
    state.write_pause(b"before")
    with _failing(monkeypatch, step), pytest.raises(StateError):
        state.write_pause(b"after")
    if step != "fsync":  # of the directory: the name has changed already
        assert state.read_pause() == b"before"
    state.write_pause(b"after")
    assert state.read_pause() == b"after"


def test_the_end_of_a_pause_is_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = State(tmp_path)
    state.write_pause(b"before")
    with _failing(monkeypatch, "fsync"), pytest.raises(StateError):
        state.remove_pause()


@contextmanager
def _failing(monkeypatch: pytest.MonkeyPatch, step: str) -> Iterator[None]:
    def broken(*_: object, **__: object) -> int:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, step, broken)
        yield


def test_the_lock_names_its_holder_and_ends_with_it(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("pid 4194304 on a machine with a name that is longer\n")
    program = (
        "import sys; from pathlib import Path; from ordermonit.state.directory import State;"
        "State(Path(sys.argv[1])).lock(); print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(Unavailable, match=rf"\(pid {holder.pid} on \S+, since \S+Z\)"):
        State(tmp_path).lock()
    (tmp_path / "lock").unlink()  # what somebody types who takes it for a stale one
    with pytest.raises(Unavailable):
        State(tmp_path).lock()
    holder.kill()
    holder.communicate()
    State(tmp_path).lock()


def test_a_state_that_is_no_directory_or_not_ours_says_so(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for act in (State(file).read, State(file).lock):
        with pytest.raises(StateError, match=f"Name a directory: {file} is none"):
            act()


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_who_may_not_write_is_told_who_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refused(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(StateError, match="Be root or the service's user"):
        State(tmp_path).write(_checkpoint(1))


def test_no_checkpoint_names_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="ordermonit init --latest"):
        State(tmp_path).read()
    with pytest.raises(CheckpointError, match="ordermonit init --latest"):
        State(tmp_path / "none").lock()


@pytest.mark.parametrize("name", ["checkpoint", "checkpoint.previous", "paused"])
def test_what_can_not_be_read_is_no_damage(tmp_path: Path, name: str) -> None:
    state = State(tmp_path)
    (tmp_path / name).mkdir()
    with pytest.raises(StateError, match=f"{name} can't be read: Is a directory"):
        {
            "checkpoint": state.read,
            "checkpoint.previous": state.read_previous,
            "paused": state.read_pause,
        }[name]()


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
    odd = '{"started_at": 5, "finished_at": "b", "result": "c"}'
    state.cycles.write_text(f"{state.cycles.read_text()}odd\n[]\n{odd}\n")
    kept = state.read_cycles()
    assert [kept[0].result, kept[-1].result] == ["cycle 5", f"cycle {KEPT_CYCLES + 4}"]


def test_a_cycle_that_failed_has_the_room_of_the_older_ones(tmp_path: Path) -> None:
    state = State(tmp_path)
    for at in range(KEPT_CYCLES):
        state.add_cycle(CycleResult("a", "b", f"cycle {at}"))
    blocks = state.cycles.stat().st_blocks
    failed = CycleResult("a", "b", "the disk is full", 74, remedy="room " * 600)
    for _ in range(2):
        state.squeeze_cycle(failed)
    assert state.read_cycles()[-2:] == [failed] * 2
    assert state.cycles.stat().st_blocks == blocks


def test_cycles_that_can_not_be_written_leave_the_older_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = State(tmp_path)
    state.add_cycle(CycleResult("a", "b", "the first"))
    with _failing(monkeypatch, "write"), pytest.raises(StateError):
        state.add_cycle(CycleResult("a", "b", "the second"))
    assert [cycle.result for cycle in state.read_cycles()] == ["the first"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_what_nobody_can_look_at_is_not_taken_for_missing() -> None:
    """On each Python: `Path.exists` says no there since 3.14, and a new start would follow."""
    program = (
        "import sys; from pathlib import Path; from ordermonit.state.directory import State\n"
        "from ordermonit.state.files import is_there\n"
        "try: State(Path(sys.argv[1])).refuse_existing()\n"
        "except Exception as problem: print(problem)\n"
        "try: print(is_there(Path(sys.argv[1], 'checkpoint')))\n"
        "except PermissionError: print('closed')\n"
        "print(is_there(Path('/none')))"
    )
    with TemporaryDirectory() as closed:  # by its mode
        done = outsider.python(program, closed)
    told, *there = done.stdout.splitlines()
    assert told.startswith(f"{closed}/checkpoint can't be read: Permission denied"), done.stderr
    assert there == ["closed", "False"]
