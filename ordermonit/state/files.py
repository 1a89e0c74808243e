"""Files that survive: written in one step, never through a link, durable where something rests
on them.

The recipe: temp file in the same directory, write, fsync, rename, fsync of the directory. After a
failed fsync the temp file is abandoned, never synced again (the kernel may have dropped the pages
that it could not write).
"""

import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path


def open_own(path: str | Path, flags: int, mode: int = 0o600) -> int:
    """Open a file of the state directory or of the log's, never through a link. Raises OSError."""
    try:
        return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    except OSError as problem:
        if problem.errno == errno.ELOOP:
            problem.strerror = f"{path} is a symbolic link, and those are not followed here"
        raise


def is_there(path: Path) -> bool:
    """Whether a path leads to something. `Path.exists` says no from Python 3.14 on, whatever kept
    it from looking. Raises OSError."""
    try:
        path.stat()
    except FileNotFoundError:
        return False
    return True


def read_own(path: Path) -> bytes:
    """What is in such a file. Raises OSError."""
    with open(path, "rb", opener=open_own) as file:
        return file.read()


def replace(path: Path, data: bytes, *, durable: bool, mode: int = 0o600) -> None:
    """Write a file in one step; what nothing rests on need not be durable. Raises OSError."""
    new = path.with_name(f"{path.name}.new")
    fill(new, (data,), durable=durable, mode=mode)
    os.rename(new, path)
    if durable:
        sync(path.parent)


def fill(path: Path, pieces: Sequence[bytes], *, durable: bool = True, mode: int = 0o600) -> None:
    """Write a file that has no other name, over what was in it. Raises OSError, without a file."""
    handle = open_own(path, os.O_WRONLY | os.O_CREAT)
    try:
        if os.fstat(handle).st_nlink != 1:  # a crash between turns, or a backup by hard links
            path.unlink()
            fresh = open_own(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            os.close(handle)
            handle = fresh
        put(handle, pieces)
        if mode != 0o600:  # the umask is for what is ours alone
            os.fchmod(handle, mode)
        if durable:
            os.fdatasync(handle)
    except OSError:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)


def put(handle: int, pieces: Sequence[bytes]) -> None:
    """Make these pieces all that the open file holds. Raises OSError."""
    for piece in pieces:
        view = memoryview(piece)
        while view:
            view = view[os.write(handle, view) :]
    if os.fstat(handle).st_size != (length := sum(map(len, pieces))):
        os.ftruncate(handle, length)


def name_twice(path: Path, other: Path) -> None:
    """Give a file a second name; without hard links there, a copy. Raises OSError."""
    try:
        os.link(path, other, follow_symlinks=False)
    except OSError as problem:
        if problem.errno not in _NO_LINKS:
            raise
        fill(other, (read_own(path),))


#: What network and FUSE file systems without hard links answer (link(2)).
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)


def sync(directory: Path) -> None:
    """Make the names in a directory durable. Raises OSError."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
