"""The points at which a cycle can end or fail: each of its state-changing system calls.

strace counts the calls of one kind that one process makes, so a point is a kind, a number and what
happens there. Calls on state files are told from others by their paths (-P), calls to the node are
the `sendto` without one.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: What changes a file, its name or its lock.
FILE_CALLS = (
    "openat",
    "write",
    "pwrite64",
    "ftruncate",
    "fchown",
    "fsync",
    "fdatasync",
    "flock",
    "link",
    "linkat",
    "unlink",
    "unlinkat",
    "rename",
    "renameat",
    "renameat2",
)

#: What reaches the node, or journald.
NODE_CALLS = ("connect", "sendto", "sendmsg")

#: The names in a state directory that a cycle may touch; the last is the log's.
CHECKPOINT_FILES = (
    "",
    "checkpoint",
    "checkpoint.new",
    "checkpoint.previous",
    "checkpoint.previous.new",
)
LOCK_FILES = ("lock",)
CYCLE_FILES = ("cycles", "cycles.new")
LOG_FILES = ("ordermonit.output",)

#: Where the terminal's lines go, relative to the state directory too.
TERMINAL = ("../../output",)

KILL = "signal=SIGKILL"
EVERYWHERE = ("EIO", "ENOSPC")
BY_NAME = ("EROFS", "EACCES")
_NAMED = ("openat", "link", "linkat", "rename", "renameat", "renameat2", "unlink", "unlinkat")
TO_NODE = ("ECONNRESET", "EPIPE")


@dataclass(frozen=True, slots=True)
class Target:
    """One group of calls: which files, which calls, and the exit codes that an error there may
    have. Without files they are the calls to the node."""

    name: str
    calls: tuple[str, ...]
    files: tuple[str, ...]
    exits: frozenset[int]


TARGETS = (
    Target("checkpoint", FILE_CALLS, CHECKPOINT_FILES, frozenset({74})),
    Target("lock", FILE_CALLS, LOCK_FILES, frozenset({74})),
    Target("cycles", FILE_CALLS, CYCLE_FILES, frozenset({74})),
    Target("log", FILE_CALLS, LOG_FILES, frozenset({0})),
    Target("terminal", ("write",), TERMINAL, frozenset({0})),
    Target("node", NODE_CALLS, (), frozenset({0, 75})),
)


@dataclass(frozen=True, slots=True)
class Point:
    """The `at`-th of these calls on this target; `what` is a signal or an error."""

    target: Target
    call: str
    at: int
    what: str

    @property
    def kills(self) -> bool:
        """Whether the cycle ends there, rather than being told of an error."""
        return self.what == KILL

    def __str__(self) -> str:
        return f"{self.target.name}:{self.call}:{self.at}:{self.what.split('=')[-1]}"

    def strace(self, state: Path, trace: Path) -> tuple[str, ...]:
        """strace's options for it."""
        what = self.what if self.kills else f"error={self.what}"
        inject = f"inject={self.call}:{what}:when={self.at}"
        return (*watching(self.target, state, trace, (self.call,)), "-e", inject)


def watching(
    target: Target, state: Path, trace: Path, calls: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """strace's options that write these calls on this target to `trace`."""
    paths = [(state / file).resolve() for file in target.files]
    named = [option for path in paths for option in ("-P", str(path))]
    return ("-o", str(trace), "-s", "0", "-e", f"trace={','.join(calls or target.calls)}", *named)


_CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)", re.MULTILINE)


def counted(trace: str) -> Counter[str]:
    """How many state-changing calls of each kind a trace shows. strace's own count goes over all
    calls of a kind, so those that only read are counted too, and left out by `changing`."""
    return Counter(call for call, _ in _CALL.findall(trace))


def changing(trace: str) -> Iterator[tuple[str, int]]:
    """Each state-changing call, as its kind and its number among all of that kind."""
    seen: Counter[str] = Counter()
    for call, rest in _CALL.findall(trace):
        seen[call] += 1
        # A directory is opened for its fsync: not to be able to is an error as well.
        if call == "openat" and "O_RDONLY" in rest and "O_DIRECTORY" not in rest:
            continue
        yield call, seen[call]


def points(traces: dict[str, str]) -> list[Point]:
    """Every point, in the order of time within each target; `traces` are a clean cycle's."""
    found = []
    for target in TARGETS:
        for call, at in changing(traces[target.name]):
            errors: tuple[str, ...] = TO_NODE
            if target.files:
                errors = EVERYWHERE + (BY_NAME if call in _NAMED else ())
            found += [Point(target, call, at, what) for what in (KILL, *errors)]
    return found


def spread(points: list[Point], how_many: int) -> list[Point]:
    """That many of them, evenly over kills and errors, targets and time."""
    ordered = [p for p in points if p.kills] + [p for p in points if not p.kills]
    step = len(ordered) / how_many
    return [ordered[int(number * step)] for number in range(min(how_many, len(ordered)))]


def was_hit(point: Point, trace: str) -> bool:
    """Whether the cycle came to it."""
    return ("killed by SIGKILL" if point.kills else "(INJECTED)") in trace
