"""What became of the newest copy for the standby: the file `standby` in the state directory.

Losing it costs one more copy.
"""

import json
import os
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from ordermonit.state import files
from ordermonit.state.directory import State
from ordermonit.times import iso


@dataclass(frozen=True, slots=True)
class Copied:
    """`stamp` says which checkpoint went where, and arrived at `at` (ISO 8601 UTC). Where a newer
    one does not arrive, `problem` and `remedy` say why, and `since` from when on."""

    stamp: str = ""
    at: str = ""
    problem: str = ""
    remedy: str = ""
    since: str = ""

    def failed(self, problem: str, remedy: str) -> "Copied":
        """The same, and now a copy has failed."""
        since = self.since or iso(datetime.now(UTC))
        return replace(self, problem=problem, remedy=remedy, since=since)


def arrived(stamp: str) -> Copied:
    """The newest one is there."""
    return Copied(stamp, iso(datetime.now(UTC)))


def stamp(state: State, address: str) -> str:
    """Differs for each write of the checkpoint and for each standby; empty without a checkpoint."""
    try:
        found = os.lstat(state.checkpoint)
    except OSError:
        return ""
    return f"{address} {found.st_ino} {found.st_mtime_ns}"


def read(state: State) -> Copied:
    """What the file says; nothing where it is missing or does not read."""
    try:
        return Copied(**json.loads(files.read_own(state.directory / "standby")))
    except (OSError, ValueError, TypeError):
        return Copied()


def write(state: State, copied: Copied) -> None:
    """Remember it; nothing rests on it. Raises OSError."""
    text = f"{json.dumps(asdict(copied))}\n"
    files.replace(state.directory / "standby", text.encode(), durable=False)


def receipt(checkpoint: bytes) -> str:
    """What the standby says of a checkpoint that is durable there: its last line has the sum."""
    return f"received {checkpoint.rstrip().rpartition(b' ')[2].decode('ascii', 'replace')}"
