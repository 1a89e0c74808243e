"""The ways a command can end badly: each carries its exit code and what to do about it.

The codes are those of sysexits.h, so that a shell, systemd and a person read them alike.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import IntEnum

from ordermonit.text import later, one_line


class Exit(IntEnum):
    """Exit codes (sysexits.h). docs/operations.md and `--help` have the same table."""

    OK = 0
    USAGE = 64
    DATA = 65
    SOFTWARE = 70
    IO = 74
    TEMPORARY = 75
    REFUSED = 77
    CONFIG = 78


#: Longest line of a message, and longest remedy, in characters. Long paths stand in remedies twice.
LONGEST_LINE, LONGEST_REMEDY = 1_000, 4_000


class OrdermonitError(Exception):
    """What happened and where (`message`), and what to do (`remedy`).

    Both are safe to print, whoever's words are in them: clean and of bounded length. A message is
    one line; only several problems are a line each. `title` says it in a few words.
    """

    exit = Exit.TEMPORARY
    title = later("it can't be done")

    def __init__(self, message: str | Iterable[str], remedy: str) -> None:
        problems = (message,) if isinstance(message, str) else message
        self.lines = tuple(one_line(each, LONGEST_LINE) for each in problems)
        self.message = "\n".join(self.lines)
        self.remedy = one_line(remedy, LONGEST_REMEDY)
        super().__init__(self.message)

    @property
    def in_one_line(self) -> str:
        """It, where several problems may not be a line each."""
        return f"{'; '.join(self.lines)}. {self.remedy}"

    def __str__(self) -> str:
        return f"{self.message}. {self.remedy}"


class UsageError(OrdermonitError):
    """The command line asks for something that can't be done."""

    exit = Exit.USAGE
    title = later("the command line is wrong")


class CheckpointError(OrdermonitError):
    """The checkpoint is damaged, missing, or ahead of the database."""

    exit = Exit.DATA
    title = later("the checkpoint is refused")


class DatabaseBehind(CheckpointError):
    """The Front's database is behind HEAD: it was restored, or it is another one."""

    title = later("the Front's database is behind HEAD")


class StateError(OrdermonitError):
    """The state directory or the checkpoint can't be written."""

    exit = Exit.IO
    title = later("the state directory can't be written")


class Unavailable(OrdermonitError):
    """The database, the node or Abacos is down, or another cycle runs. Nothing is lost."""

    exit = Exit.TEMPORARY
    title = later("downtime")


class NodeLocked(Unavailable):
    """Another monitor has a session on the node."""


class SessionEnded(Unavailable):
    """The session on the node is over on whose answers a request rests: since then another monitor
    may have worked there."""


class StateLocked(Unavailable):
    """Another process has the lock of the state directory; `since` is aware."""

    title = "no cycle can run"

    def __init__(self, message: str, remedy: str, since: datetime) -> None:
        super().__init__(message, remedy)
        self.since = since


class Refused(OrdermonitError):
    """The node's host key isn't the known one, or the node doesn't accept our key."""

    exit = Exit.REFUSED
    title = later("access to the node is refused")


class ConfigurationError(OrdermonitError):
    """The configuration is wrong."""

    exit = Exit.CONFIG
    title = later("the configuration is wrong")
