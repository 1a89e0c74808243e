"""The state directory: the lock, the checkpoint's atomic write, and the newest cycles.

The checkpoint before the previous one becomes the next temp file: blocks that are there already are
written in half the time, and on a disk that is full. Three files take turns:

    checkpoint.new -> checkpoint -> checkpoint.previous -> checkpoint.spare -> checkpoint.new
"""

import errno
import fcntl
import json
import os
import socket
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from ordermonit.errors import CheckpointError, StateError, StateLocked, UsageError
from ordermonit.state.checkpoint import Checkpoint, decode
from ordermonit.state.files import (
    fill,
    is_there,
    name_twice,
    open_own,
    put,
    read_own,
    replace,
    sync,
)

#: How many cycles `status` can show.
KEPT_CYCLES = 60

#: How it is said that another process has the lock: nothing is down then.
BUSY = "another ordermonit works on"


@dataclass(frozen=True, slots=True)
class CycleResult:
    """What one cycle did. Times are ISO 8601 UTC. `remedy` is what to do, where it failed.

    `boots` are sessions for which Rails booted, `warm_sessions` those that found it booted; each
    with the seconds until the node was ready.
    """

    started_at: str
    finished_at: str
    result: str
    exit: int = 0
    checked: int = 0
    inserted: int = 0
    confirmed: int = 0
    failed: int = 0
    remedy: str = ""
    boots: int = 0
    boot_seconds: float = 0.0
    warm_sessions: int = 0
    warm_seconds: float = 0.0


class State:
    """The state directory. Whoever writes into it holds `locked()`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.checkpoint = directory / "checkpoint"
        self.previous = directory / "checkpoint.previous"
        self._new = directory / "checkpoint.new"
        self._spare = directory / "checkpoint.spare"
        self.lock_file = directory / "lock"
        self.cycles = directory / "cycles"
        self.pause_file = directory / "paused"
        self._lock: tuple[int, int] | None = None

    def create(self) -> None:
        """Make the directory, readable by its owner alone. Raises StateError."""
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as problem:
            raise _unwritable(self.directory, problem) from None

    def lock(self) -> None:
        """Take the kernel's lock, held until this process ends: it can't be stale.

        Raises StateLocked, naming the holder's pid, when another process has it, and StateError.
        """
        # The directory's own lock is one that nobody can take away by `rm lock`.
        try:
            own = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise CheckpointError(
                f"the state directory {self.directory} does not exist",
                "To begin with the orders that come from now on, type: ordermonit init --latest",
            ) from None
        except OSError as problem:
            raise _unwritable(self.lock_file, problem) from None
        try:
            handle = open_own(self.lock_file, os.O_RDWR | os.O_CREAT)
        except OSError as problem:
            os.close(own)
            raise _unwritable(self.lock_file, problem) from None
        try:
            for each in (own, handle):
                fcntl.flock(each, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"pid {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        except BlockingIOError:
            locked = _locked(self.directory, handle)
            os.close(own)
            os.close(handle)
            raise locked from None
        except OSError as problem:
            os.close(own)
            os.close(handle)
            raise _unwritable(self.lock_file, problem) from None
        self._lock = own, handle

    @property
    def is_locked(self) -> bool:
        """Whether this process has the lock."""
        return self._lock is not None

    def read(self) -> Checkpoint:
        """The checkpoint. Raises CheckpointError when it is missing or damaged, StateError."""
        try:
            data = _steady(self.checkpoint)
        except FileNotFoundError:
            raise self._missing() from None
        except OSError as problem:
            raise _unreadable(self.checkpoint, problem) from None
        return decode(data, str(self.checkpoint))

    def _missing(self) -> CheckpointError:
        if self._is_there(self.previous):
            return CheckpointError(
                f"there is no checkpoint {self.checkpoint}, but its predecessor is there",
                "Type: ordermonit recover",
            )
        return CheckpointError(
            f"there is no checkpoint {self.checkpoint}",
            "To begin with the orders that come from now on, type: ordermonit init --latest",
        )

    def read_previous(self) -> Checkpoint:
        """The checkpoint before the last write.

        Raises CheckpointError, with the way out, when it is missing or damaged, and StateError.
        """
        try:
            return decode(read_own(self.previous), str(self.previous))
        except (FileNotFoundError, CheckpointError) as problem:
            why = problem.message if isinstance(problem, CheckpointError) else "it is not there"
            raise CheckpointError(
                f"{self.previous}, the way back, can't be used either: {why}",
                "Find the last HEAD in the journal (journalctl -t ordermonit -g 'HEAD is'), move"
                " both files away, and type: ordermonit init --head ID; checking orders again"
                " is safe",
            ) from None
        except OSError as problem:
            raise _unreadable(self.previous, problem) from None

    def damaged_bytes(self) -> bytes:
        """The checkpoint as it is, and nothing where it is missing. Raises StateError."""
        try:
            return read_own(self.checkpoint)
        except FileNotFoundError:
            return b""
        except OSError as problem:
            raise _unreadable(self.checkpoint, problem) from None

    def set_aside(self) -> str:
        """Keep a damaged checkpoint as `checkpoint.damaged`; says so, for a person."""
        damaged = self.checkpoint.with_name("checkpoint.damaged")
        try:
            os.rename(self.checkpoint, damaged)
        except FileNotFoundError:
            return ""
        except OSError as problem:
            raise _unwritable(damaged, problem) from None
        return f", which is kept as {damaged}"

    def refuse_existing(self) -> None:
        """Raises UsageError where a checkpoint exists: nothing may put it back to a new start.
        Raises StateError where nobody can say."""
        for path in (self.checkpoint, self.previous):
            if self._is_there(path):
                raise UsageError(
                    f"{path} exists already",
                    "To look at it, type: ordermonit status. To begin anew, move"
                    f" {self.checkpoint} and {self.previous} away first",
                )

    @staticmethod
    def _is_there(path: Path) -> bool:
        try:
            return is_there(path)
        except OSError as problem:
            raise _unreadable(path, problem) from None

    def write(self, checkpoint: Checkpoint) -> int:
        """Make the checkpoint durable, atomically; the one before stays as `previous`.

        Returns the bytes written. Raises StateError, with the old checkpoint whole.
        """
        pieces = checkpoint.pieces()
        try:
            fill(self._new, pieces)
            self._take_turns()
            sync(self.directory)
        except OSError as problem:
            raise _unwritable(self.checkpoint, problem) from None
        return sum(map(len, pieces))

    def _take_turns(self) -> None:
        """At each step there is a whole checkpoint, or its whole predecessor."""
        # After a damaged one was set aside, the predecessor is all that there is: it stays.
        if is_there(self.checkpoint):
            with suppress(FileNotFoundError):
                os.rename(self.previous, self._spare)
            # Still there if both names stood for one file: rename(2) does nothing then.
            self.previous.unlink(missing_ok=True)
            name_twice(self.checkpoint, self.previous)
        os.rename(self._new, self.checkpoint)
        with suppress(FileNotFoundError):
            os.rename(self._spare, self._new)

    def read_pause(self) -> bytes | None:
        """What `paused` says (see `pause.py`); None where it is not there. Raises StateError."""
        try:
            return read_own(self.pause_file)
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise _unreadable(self.pause_file, problem) from None

    def write_pause(self, data: bytes) -> None:
        """Make a pause durable. Raises StateError."""
        try:
            replace(self.pause_file, data, durable=True)
        except OSError as problem:
            raise _unwritable(self.pause_file, problem) from None

    def remove_pause(self) -> None:
        """End a pause, durably. Raises StateError."""
        try:
            self.pause_file.unlink(missing_ok=True)
            sync(self.directory)
        except OSError as problem:
            raise _unwritable(self.pause_file, problem) from None

    def read_cycles(self) -> list[CycleResult]:
        """The newest cycles, oldest first. Lines that don't read are left out: they are a chart."""
        try:
            lines = read_own(self.cycles).decode("utf-8", "replace").splitlines()
        except OSError:
            return []
        found = []
        for line in lines:
            with suppress(ValueError, TypeError):
                result = CycleResult(**json.loads(line))
                for each in fields(CycleResult):
                    if type(getattr(result, each.name)) is not each.type:
                        raise TypeError(each.name)
                found.append(result)
        return found

    def add_cycle(self, result: CycleResult) -> None:
        """Add a cycle to the newest ones; not synced, since nothing rests on it.

        Raises StateError: where this can't be written, the next checkpoint may not be either.
        """
        try:
            replace(self.cycles, b"".join(self._cycles_with(result)), durable=False)
        except OSError as problem:
            raise _unwritable(self.cycles, problem) from None

    def squeeze_cycle(self, result: CycleResult) -> None:
        """Add a cycle that failed on a full disk, in the room that the older ones have.

        Not atomic: a line that is cut off is left out at reading. Where even that fails, `status`
        has systemd's word alone.
        """
        with suppress(OSError):
            found = self.cycles.lstat()
            room = max(found.st_size, found.st_blocks * 512)  # bytes; st_blocks: inode(7)
            lines = self._cycles_with(result)
            while lines and sum(map(len, lines)) > room:
                del lines[0]
            if not lines:
                return
            handle = open_own(self.cycles, os.O_WRONLY)
            try:
                put(handle, lines)
            finally:
                os.close(handle)

    def _cycles_with(self, result: CycleResult) -> list[bytes]:
        """The lines of `cycles` with one more."""
        kept = [*self.read_cycles(), result][-KEPT_CYCLES:]
        return [f"{json.dumps(asdict(entry))}\n".encode() for entry in kept]


def _locked(directory: Path, handle: int) -> StateLocked:
    from ordermonit.state.holder import holder  # a cycle that has the lock needs none of it

    text = os.pread(handle, 100, 0).decode("ascii", "replace")
    found = holder(text, os.fstat(handle).st_mtime)
    return StateLocked(
        f"{BUSY} {directory} ({found})",
        f"Nothing is lost; try again when it has ended. If that never comes: {found.remedy}",
        found.since,
    )


def _steady(path: Path) -> bytes:
    """What is in a file that takes turns with others: read again if it was moved meanwhile."""
    while True:
        with open(path, "rb", opener=open_own) as file:
            before = os.fstat(file.fileno())
            data = file.read()
        after = path.lstat()
        if (before.st_ino, before.st_ctime_ns) == (after.st_ino, after.st_ctime_ns):
            return data


def _unwritable(path: Path, problem: OSError) -> StateError:
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        remedy = f"Make room there (df -h {path.parent}; df -i {path.parent})"
    elif problem.errno in (errno.EACCES, errno.EPERM):
        remedy = (
            "Be root or the service's user (systemd: User=ordermonit); if you are, correct the"
            f" permissions of {path.parent}"
        )
    elif problem.errno == errno.ENOTDIR:
        remedy = f"Name a directory: {path.parent} is none"
    elif problem.errno == errno.ELOOP:
        remedy = _without_link(problem)
    else:
        remedy = f"Correct the permissions, or the disk, of {path.parent}"
    return StateError(
        f"{path} can't be written: {problem.strerror}",
        f"The last good checkpoint is whole and nothing is lost. {remedy}; the next cycle goes on",
    )


def _without_link(problem: OSError) -> str:
    """What it points to is not said: whoever made it chose that."""
    return f"Find out who made it (ls -l {problem.filename}), then type: rm {problem.filename}"


def _unreadable(path: Path, problem: OSError) -> StateError:
    remedy = "Run this as the service's user (systemd: User=ordermonit) or as root"
    if problem.errno == errno.ENOTDIR:
        remedy = f"Name a directory: {path.parent} is none"
    elif problem.errno == errno.ELOOP:
        remedy = _without_link(problem)
    elif problem.errno not in (errno.EACCES, errno.EPERM):
        remedy = f"Look at the disk of {path.parent} (dmesg), then type the command again"
    return StateError(f"{path} can't be read: {problem.strerror}", remedy)
