"""Who has the lock of a state directory, since when, and whether that is too long."""

import os
import re
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ordermonit.times import iso

#: After so many periods without the end of a cycle, and a minute, something is in the way.
_PERIODS = 3
_GRACE = timedelta(minutes=1)

_NAME = re.compile(r"pid ([0-9]+) on (\S+)", re.ASCII)


def is_too_long(since: datetime, period: float, now: datetime) -> bool:
    """Whether no cycle has ended for longer than cycles take. `period` in seconds."""
    return now - since > _PERIODS * timedelta(seconds=period) + _GRACE


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that has the lock: its `name` as it wrote that down, and since when. `pid` is
    None on another machine; `is_suspended` says that nobody but a signal makes it go on."""

    name: str
    since: datetime
    pid: int | None = None
    is_suspended: bool = False

    def __str__(self) -> str:
        suspended = ", suspended" if self.is_suspended else ""
        return f"{self.name}, since {iso(self.since)}{suspended}"

    @property
    def remedy(self) -> str:
        """What to type where it has the lock for too long."""
        if self.is_suspended:
            return f"Type: kill -CONT {self.pid}, and it goes on"
        if self.pid is None:
            return f"Look at what it does, where it runs ({self.name})"
        return f"For what it does, type: ps -o pid,stat,etime,args -p {self.pid}"


def holder(text: str, taken_at: float) -> Holder:
    """From what the lock's file says, and when that was written, in seconds of Unix time."""
    since = datetime.fromtimestamp(taken_at, UTC)
    found = _NAME.fullmatch(text.strip())
    if found is None or found[2] != socket.gethostname():
        return Holder(text.strip() or "unknown", since)
    pid = int(found[1])
    return Holder(text.strip(), since, pid, _is_suspended(pid))


def _is_suspended(pid: int) -> bool:
    """Whether it was stopped by a signal or at a terminal, as proc(5) says."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[:1] in (["T"], ["t"])


def held(lock: Path) -> Holder | None:
    """Who has the lock now; None for nobody, or where that can't be told.

    To try it would keep out a cycle that begins just then, so it is read from proc(5), where a file
    is its device and inode; some file systems show another device there, but for the same process.
    """
    try:
        found = lock.lstat()
        who = holder(lock.read_text("ascii", "replace"), found.st_mtime)
        locks = Path("/proc/locks").read_text().splitlines()
    except OSError:
        return None
    device = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}"
    for line in locks:
        kind, pid, place = line.split()[1], line.split()[-4], line.split()[-3]
        where, _, inode = place.rpartition(":")
        is_it = where == device or pid == str(who.pid)
        if kind == "FLOCK" and int(inode) == found.st_ino and is_it:
            return who
    return None
