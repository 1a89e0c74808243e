"""The state directory: the lock, the checkpoint's atomic write, and the newest cycles.

The recipe for a file that survives: temp file in the same directory, write, fsync, rename, fsync of
the directory. After a failed fsync the temp file is abandoned, never synced again (the kernel may
have dropped the pages that it could not write).
"""

import fcntl
import json
import os
import socket
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from ordermonit.checkpoint import Checkpoint, decode
from ordermonit.errors import CheckpointError, StateError, Unavailable, UsageError

#: How many cycles `status` can show.
KEPT_CYCLES = 60


@dataclass(frozen=True, slots=True)
class CycleResult:
    """What one cycle did. Times are ISO 8601 UTC."""

    started_at: str
    finished_at: str
    result: str
    exit: int = 0
    checked: int = 0
    inserted: int = 0
    confirmed: int = 0
    failed: int = 0


class State:
    """The state directory. Whoever writes into it holds `locked()`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.checkpoint = directory / "checkpoint"
        self.previous = directory / "checkpoint.previous"
        self.lock_file = directory / "lock"
        self.cycles = directory / "cycles"
        self._lock: int | None = None

    def create(self) -> None:
        """Make the directory, readable by its owner alone. Raises StateError."""
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as problem:
            raise _unwritable(self.directory, problem) from None

    def lock(self) -> None:
        """Take the kernel's lock, held until this process ends: it can't be stale.

        Raises Unavailable, naming the holder's pid, when another process has it, and StateError.
        """
        try:
            handle = os.open(self.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            raise CheckpointError(
                f"the state directory {self.directory} does not exist",
                "To begin with the orders that come from now on, type: ordermonit init --latest",
            ) from None
        except OSError as problem:
            raise _unwritable(self.lock_file, problem) from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, 100, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(handle)
            raise Unavailable(
                f"another ordermonit works on {self.directory} ({holder})",
                "Nothing is lost; try again when it has ended",
            ) from None
        except OSError as problem:
            os.close(handle)
            raise _unwritable(self.lock_file, problem) from None
        self._lock = handle
        try:
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"pid {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
            self._own(handle)
        except OSError as problem:
            raise _unwritable(self.lock_file, problem) from None

    def read(self) -> Checkpoint:
        """The checkpoint. Raises CheckpointError when it is missing or damaged, StateError."""
        try:
            data = self.checkpoint.read_bytes()
        except FileNotFoundError:
            raise self._missing() from None
        except OSError as problem:
            raise _unreadable(self.checkpoint, problem) from None
        return decode(data, str(self.checkpoint))

    def _missing(self) -> CheckpointError:
        if self.previous.exists():
            return CheckpointError(
                f"there is no checkpoint {self.checkpoint}, but its predecessor is there",
                "Type: ordermonit recover",
            )
        return CheckpointError(
            f"there is no checkpoint {self.checkpoint}",
            "To begin with the orders that come from now on, type: ordermonit init --latest",
        )

    def read_previous(self) -> Checkpoint:
        """The checkpoint before the last write. Raises CheckpointError, with the way out."""
        try:
            return decode(self.previous.read_bytes(), str(self.previous))
        except (OSError, CheckpointError) as problem:
            raise CheckpointError(
                f"{self.previous}, the way back, can't be used either: {problem}",
                "Find the last HEAD in the journal (journalctl -t ordermonit -g 'HEAD is'), move"
                " both files away, and type: ordermonit init --head ID; checking orders again"
                " is safe",
            ) from None

    def damaged_bytes(self) -> bytes:
        """The checkpoint as it is, whatever it is; nothing where it is missing."""
        try:
            return self.checkpoint.read_bytes()
        except OSError:
            return b""

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
        """Raises UsageError where a checkpoint exists: nothing may put it back to a new start."""
        for path in (self.checkpoint, self.previous):
            if path.exists():
                raise UsageError(
                    f"{path} exists already",
                    "To look at it, type: ordermonit status. To begin anew, move"
                    f" {self.checkpoint} and {self.previous} away first",
                )

    def write(self, checkpoint: Checkpoint) -> int:
        """Make the checkpoint durable, atomically; the one before stays as `previous`.

        Returns the bytes written. Raises StateError, with the old checkpoint whole.
        """
        pieces = checkpoint.pieces()
        try:
            self._replace(self.checkpoint, *pieces, keep=self.previous)
        except OSError as problem:
            raise _unwritable(self.checkpoint, problem) from None
        return sum(map(len, pieces))

    def _replace(
        self, path: Path, *pieces: bytes, keep: Path | None = None, durable: bool = True
    ) -> None:
        new = path.with_name(f"{path.name}.new")
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            for piece in pieces:
                view = memoryview(piece)
                while view:
                    view = view[os.write(handle, view) :]
            self._own(handle)
            if durable:
                os.fsync(handle)
        finally:
            os.close(handle)
        if keep is not None:
            spare = keep.with_name(f"{keep.name}.new")
            spare.unlink(missing_ok=True)
            with suppress(FileNotFoundError):
                os.link(path, spare)
                os.rename(spare, keep)
        os.rename(new, path)
        if durable:
            self._sync_directory()

    def _sync_directory(self) -> None:
        directory = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _own(self, handle: int) -> None:
        """What root writes belongs to the directory's owner: the service must write it too."""
        if os.geteuid() == 0:
            owner = os.stat(self.directory)
            os.fchown(handle, owner.st_uid, owner.st_gid)

    def read_cycles(self) -> list[CycleResult]:
        """The newest cycles, oldest first. Lines that don't read are left out: they are a chart."""
        try:
            lines = self.cycles.read_text("utf-8", "replace").splitlines()
        except OSError:
            return []
        found = []
        for line in lines:
            with suppress(ValueError, TypeError):
                found.append(CycleResult(**json.loads(line)))
        return found

    def add_cycle(self, result: CycleResult) -> None:
        """Add a cycle to the newest ones; not synced, since nothing rests on it.

        Raises StateError: where this can't be written, the checkpoint can't either.
        """
        kept = [*self.read_cycles(), result][-KEPT_CYCLES:]
        text = "".join(f"{json.dumps(asdict(entry))}\n" for entry in kept)
        try:
            self._replace(self.cycles, text.encode(), durable=False)
        except OSError as problem:
            raise _unwritable(self.cycles, problem) from None


def _unwritable(path: Path, problem: OSError) -> StateError:
    return StateError(
        f"{path} can't be written: {problem.strerror}",
        "The last good checkpoint is whole and nothing is lost. Make room or correct the"
        " permissions; the next cycle goes on",
    )


def _unreadable(path: Path, problem: OSError) -> StateError:
    return StateError(
        f"{path} can't be read: {problem.strerror}",
        "Run this as the service's user (systemd: User=ordermonit) or as root",
    )
