"""The state directory and the checkpoint: there, whole, and on something that lasts."""

import os
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ordermonit.doctor.findings import Finding, Findings, error, failure, not_tried, ok, warning
from ordermonit.doctor.known import Known
from ordermonit.errors import CheckpointError, Exit, OrdermonitError
from ordermonit.rights import as_owner, name_of
from ordermonit.state.directory import State
from ordermonit.state.files import replace
from ordermonit.times import counted

#: Bytes free below which the directory's file system is nearly full, and full: a write needs room
#: for one more checkpoint, and 10,000 open orders make one of two megabytes.
LITTLE = 64 << 20
NONE = 4 << 20

#: The files that are ours there.
_OURS = ("checkpoint*", "lock", "cycles*", "paused*", "alerts*", "*.output")

#: File systems that end with the machine.
_MEMORY = ("tmpfs", "ramfs")


def directory(state: State) -> Findings:
    """The state directory, by a write of its kind. Nothing stays behind."""
    place = state.directory
    try:
        status = place.stat()
    except FileNotFoundError:
        yield error(
            f"there is no state directory {place}",
            "To begin with the orders that come from now on, type: ordermonit init --latest",
            Exit.DATA,
        )
        return
    except OSError as problem:
        yield error(
            f"{place} can't be looked into: {problem.strerror}",
            "Correct the mode or owner of the directories above it",
            Exit.IO,
        )
        return
    if not stat.S_ISDIR(status.st_mode):
        yield error(f"{place} is no directory", "Move it away, or correct --state", Exit.IO)
        return
    owner = name_of(status.st_uid)
    yield _mode(place, owner, stat.S_IMODE(status.st_mode))
    yield _lasting(place)
    yield room(os.statvfs(place), place)
    if os.geteuid() not in (0, status.st_uid):
        yield not_tried(f"writing there: that is for {owner}")
        return
    yield from _files(state, owner)
    yield _written(place)


def _mode(place: Path, owner: str, mode: int) -> Finding:
    said = f"{place} belongs to {owner}, mode {mode:o}"
    if mode & 0o077:
        return warning(f"{said}: others may look into it", f"Type: chmod 700 {place}")
    return ok(said)


def _files(state: State, owner: str) -> Findings:
    """What somebody left there with another owner, or with too few rights, or as a link."""
    for file in sorted(file for name in _OURS for file in state.directory.glob(name)):
        try:
            status = file.lstat()
        except OSError:  # missing, or the directory can't be entered, which the write will say
            continue
        if stat.S_ISLNK(status.st_mode):
            yield error(
                f"{file} is a symbolic link of {name_of(status.st_uid)}'s: no command follows it",
                f"Find out who made it, then type: rm {file}",
                Exit.IO,
            )
        elif not os.access(file, os.R_OK | os.W_OK):
            yield error(
                f"{file} belongs to {name_of(status.st_uid)}, mode"
                f" {stat.S_IMODE(status.st_mode):o}: {owner} can't read and write it",
                f"Type: chown -h {owner}: {file}; {as_owner(file)}chmod 600 {file}",
                Exit.IO,
            )


def _written(place: Path) -> Finding:
    """The checkpoint's recipe once, with a file of its own."""
    file = place / f"check.{os.getpid()}"
    started = time.monotonic()
    try:
        replace(file, b"ordermonit check\n", durable=True)
    except OSError as problem:
        return error(
            f"{place} can't be written: {problem.strerror}",
            "Make room or correct its owner and mode; look at the disk (dmesg) if it is neither",
            Exit.IO,
        )
    finally:
        with suppress(OSError):  # the write has failed for the same reason
            file.unlink(missing_ok=True)
    return ok(f"a durable write there takes {(time.monotonic() - started) * 1000:.0f} ms")


def room(found: os.statvfs_result, place: Path) -> Finding:
    """Whether the next checkpoint fits."""
    free = found.f_bavail * found.f_frsize
    said = f"{free / (1 << 20):,.0f} MiB are free on the file system of {place}"
    remedy = f"Make room there: df -h {place}"
    if free < NONE:
        return error(said, remedy, Exit.IO)
    if found.f_files and not found.f_favail:
        return error(
            f"the file system of {place} has no inode left",
            f"Delete files there: df -i {place}",
            Exit.IO,
        )
    return warning(said, remedy) if free < LITTLE else ok(said)


def _lasting(place: Path) -> Finding:
    try:
        mounts = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape")
    except OSError as problem:
        return not_tried(f"of what kind its file system is: {problem.strerror}")
    kind = file_system(mounts, place.resolve())
    if kind in _MEMORY:
        return error(
            f"{place} is on a {kind}: the next boot loses HEAD",
            "Put it on a disk",
            Exit.IO,
        )
    return ok(f"its file system is {kind}")


def file_system(mounts: str, place: Path) -> str:
    """The kind of file system that a path is on, by the text of /proc/PID/mountinfo (proc(5))."""
    kind, longest = "unknown", -1
    for point, each in _mounts(mounts):
        # Of two mounts at one place the later one is seen.
        if place.is_relative_to(point) and len(point) >= longest:
            kind, longest = each, len(point)
    return kind


def _mounts(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) > 4 and after:
            # Blanks, tabs, newlines and backslashes are written in octal.
            point = fields[4].encode("utf-8", "surrogateescape").decode("unicode_escape")
            yield (
                point.encode("latin-1", "replace").decode("utf-8", "surrogateescape"),
                after.split(" ")[0],
            )


def checkpoint(state: State, known: Known) -> Findings:
    """The checkpoint and its predecessor."""
    try:
        found = known.checkpoint = state.read()
    except OrdermonitError as problem:
        yield failure(problem)
        return
    count = sum(record.is_open for record in found.records.values())
    yield ok(
        f"{state.checkpoint} is good: HEAD is {found.head}, with {counted(count, 'open record')}"
    )
    if not os.path.lexists(state.previous):
        yield ok("it has no predecessor yet: it was written once")
        return
    try:
        state.read_previous()
    except CheckpointError as problem:
        yield warning(
            problem.message,
            "The checkpoint itself is good, and its next write replaces the predecessor. Look at"
            " the disk (dmesg) if this comes again",
        )
    else:
        yield ok("its predecessor is good")
