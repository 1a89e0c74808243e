"""The points at which a command can end or fail: each of its state-changing system calls.

strace counts the calls of one kind that one process makes, so a point is a kind, a number and what
happens there. Calls on state files are told from others by their paths (-P), calls to the node are
those without one.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: What changes a file, its name or its lock.
CHANGES = (
    "openat",
    "mkdir",
    "mkdirat",
    "write",
    "writev",
    "pwrite64",
    "truncate",
    "ftruncate",
    "fallocate",
    "fchmod",
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

#: What only reads them: it can fail, and to be killed there is to be killed at the call before.
READS = ("read", "pread64")

#: What reaches the node, or journald.
NODE_CALLS = ("connect", "sendto", "sendmsg")

KILL = "signal=SIGKILL"
EVERYWHERE = ("EIO", "ENOSPC")
BY_NAME = ("EROFS", "EACCES")
_NAMED = tuple(call for call in CHANGES if re.match("open|mkdir|link|unlink|rename", call))
TO_NODE = ("ECONNRESET", "EPIPE")


@dataclass(frozen=True, slots=True)
class Target:
    """One group of calls: which files, by their names in the state directory, and which calls.
    Without files they are the calls to the node. `exit` is what an error there makes of a command,
    None where it makes no difference; of the node's, see `exits`."""

    name: str
    calls: tuple[str, ...]
    files: tuple[str, ...]
    exit: int | None


_FILE_CALLS = CHANGES + READS

TARGETS = (
    Target(
        "checkpoint",
        _FILE_CALLS,
        (
            "",
            "checkpoint",
            "checkpoint.new",
            "checkpoint.previous",
            "checkpoint.spare",
            "checkpoint.damaged",
        ),
        74,
    ),
    Target("lock", _FILE_CALLS, ("lock",), 74),
    Target("cycles", _FILE_CALLS, ("cycles", "cycles.new"), 74),
    Target("pause", _FILE_CALLS, ("paused", "paused.new"), 74),
    Target("alerts", _FILE_CALLS, ("alerts", "alerts.new"), None),
    Target("log", _FILE_CALLS, ("ordermonit.output",), None),
    Target("terminal", ("write",), ("../../output",), None),
    Target("node", NODE_CALLS, (), None),
)


@dataclass(frozen=True, slots=True)
class Point:
    """The `at`-th of these calls on this target; `what` is a signal or an error."""

    target: Target
    call: str
    at: int
    what: str
    reads: bool = False

    @property
    def kills(self) -> bool:
        """Whether the command ends there, rather than being told of an error."""
        return self.what == KILL

    def __str__(self) -> str:
        return f"{self.target.name}:{self.call}:{self.at}:{self.what.split('=')[-1]}"

    def strace(self, state: Path, trace: Path) -> tuple[str, ...]:
        """strace's options for it, which write what happens to `trace`."""
        what = self.what if self.kills else f"error={self.what}"
        inject = f"inject={self.call}:{what}:when={self.at}"
        named = [option for path in _paths(self.target, state) for option in ("-P", path)]
        return (*_watching((self.call,), trace), *named, "-e", inject)

    def exits(self, clean: int) -> frozenset[int]:
        """How a command that comes to it may end; `clean` is its exit code without trouble."""
        if self.kills:
            return frozenset({-9})
        if not self.target.files:
            return frozenset({clean, 0, 75})
        if self.target.name == "terminal":
            return frozenset({clean, 74})  # 74: a command whose output is what was asked for
        if self.target.exit is None or (self.target.name == "cycles" and (self.reads or clean)):
            return frozenset({clean})
        return frozenset({self.target.exit})


def _paths(target: Target, state: Path) -> list[str]:
    return [str((state / file).resolve()) for file in target.files]


def _watching(calls: tuple[str, ...], trace: Path) -> tuple[str, ...]:
    return ("-o", str(trace), "-y", "-s", "0", "-e", f"trace={','.join(calls)}")


def watching(trace: Path) -> tuple[str, ...]:
    """strace's options that write every call of every target to `trace`."""
    return _watching((*_FILE_CALLS, *NODE_CALLS), trace)


_CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)", re.MULTILINE)
_PATH = re.compile(r'(?<!AT_FDCWD)<(/[^>]*)>|"(/[^"]*)"')


def _calls(trace: str) -> Iterator[tuple[str, str, set[str]]]:
    """Each call of a trace: its name, its arguments, and the paths in them."""
    for call, rest in _CALL.findall(trace):
        yield call, rest, {bound or named for bound, named in _PATH.findall(rest)}


def points(trace: str, state: Path) -> list[Point]:
    """Every point, in the order of time within each target; `trace` is a clean command's.

    Raises ValueError for a file in the state directory that no target knows.
    """
    _refuse_unknown(trace, state)
    found: list[Point] = []
    for target in TARGETS:
        paths = set(_paths(target, state))
        seen: Counter[str] = Counter()
        for call, rest, touched in _calls(trace):
            if call not in target.calls or (paths and not paths & touched):
                continue
            seen[call] += 1
            found += _at(target, call, seen[call], rest)
    return found


def _at(target: Target, call: str, at: int, rest: str) -> Iterator[Point]:
    # A directory is opened for its fsync: that is part of a change.
    opened = call == "openat" and "O_RDONLY" in rest and "O_DIRECTORY" not in rest
    if opened or call in READS:
        for what in ("EIO", *(("EACCES",) if opened else ())):
            yield Point(target, call, at, what, reads=True)
        return
    errors: tuple[str, ...] = TO_NODE
    if target.files:
        errors = EVERYWHERE + (BY_NAME if call in _NAMED else ())
    for what in (KILL, *errors):
        yield Point(target, call, at, what)


def _refuse_unknown(trace: str, state: Path) -> None:
    known = {path for target in TARGETS for path in _paths(target, state)}
    below = str(state.resolve())
    for call, rest, touched in _calls(trace):
        unknown = {path for path in touched - known if path.startswith(below)}
        if unknown:
            raise ValueError(f"no target names {unknown}: {call}({rest}")


def spread(points: list[Point], how_many: int) -> list[Point]:
    """That many of them, evenly over kills and errors, targets and time."""
    ordered = [p for p in points if p.kills] + [p for p in points if not p.kills]
    step = max(1.0, len(ordered) / how_many)
    return [ordered[int(number * step)] for number in range(min(how_many, len(ordered)))]


def was_hit(point: Point, trace: str) -> bool:
    """Whether the command came to it."""
    return ("killed by SIGKILL" if point.kills else "(INJECTED)") in trace
