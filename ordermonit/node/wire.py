"""What goes over the line to the driver: the command, its text, our lines and its lines. Pure.

Each line is one JSON object. What doesn't have exactly the expected form is garbage, and garbage is
no answer (rule C5).
"""

import base64
import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ordermonit.orders.model import Operation

#: Exit status of the command when rails_root can't be entered; sysexits.h leaves it free.
NO_RAILS_ROOT = 113

#: Exit status of the node's own forced command (packaging/node) when its configuration is wrong.
NODE_MISCONFIGURED = 78

#: Longest line of the driver, in bytes; its own bounds keep it far below.
LINE_LIMIT = 1 << 20

#: Seconds that the first stage waits for what it runs.
_FIRST_LIMIT = 60

_FILES = ("task.rb", "children.rb", "warm.rb", "driver.rb")

#: The driver's text, in order. The wheel is always unpacked; importlib.resources would cost an
#: import of 10 ms.
_DRIVER = tuple(Path(__file__).with_name(name) for name in _FILES)

#: What rake evaluates: it reads the driver from stdin, and leaves it what has been read ahead.
_FIRST_STAGE = (
    "module ::Ordermonit;INPUT=STDIN.dup;"
    "GUARD=Thread.new{{sleep {limit:g};Process.kill(9,Process.pid)}};end;"
    'eval(Ordermonit::INPUT.gets.unpack("m")[0],TOPLEVEL_BINDING,"ordermonit")'
)

_GREETING = b'{"ordermonit":1,'


@dataclass(frozen=True, slots=True)
class RemoteError:
    """One exception on the node: its class, that class's ancestors (itself first), its message."""

    name: str
    ancestors: tuple[str, ...]
    message: str


#: An exception and its causes, innermost cause first. Never empty.
Chain = tuple[RemoteError, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """The booted process that had stayed on the node and took this session: seconds since its boot,
    and its memory in KB."""

    age: float
    memory: int


@dataclass(frozen=True, slots=True)
class Ready:
    """Rails has booted; requests may come.

    `rails_env` is what the process sees, None where nothing says it; `lock` is the file that it
    locked; `tasks` are the names of each task's arguments; `forks`: each task has a process of its
    own; `causes`: the causes of an exception can be told on that Ruby.

    `boot` is how many seconds the boot took, and `keeps` how long a booted process stays after a
    session (0: none does); `kept` is the one that took this session, and `cold` why one that was
    there did not, or why none can be. An installed driver may be older than they are.
    """

    ruby: str
    rake: str
    rails_env: str | None
    lock: str
    tasks: Mapping[str, tuple[str, ...]]
    forks: bool
    causes: bool
    boot: float = 0
    keeps: float = 0
    cold: str | None = None
    kept: Kept | None = None


@dataclass(frozen=True, slots=True)
class Locked:
    """Another session holds the node's lock."""

    holder: str


@dataclass(frozen=True, slots=True)
class NoLock:
    """The lock file can't be opened."""

    path: str
    chain: Chain


@dataclass(frozen=True, slots=True)
class NoBoot:
    """The `environment` task failed."""

    chain: Chain


@dataclass(frozen=True, slots=True)
class NoTask:
    """The Rakefile has no such task."""

    name: str


@dataclass(frozen=True, slots=True)
class BadCheck:
    """The check's expression is no Ruby."""

    name: str
    chain: Chain


@dataclass(frozen=True, slots=True)
class OldRake:
    """rake there is older than 0.9, which the driver needs."""

    version: str


@dataclass(frozen=True, slots=True)
class EndedKept:
    """No booted process stays on the node now; whether one had been there."""

    was_there: bool


Greeting = Ready | Locked | NoLock | NoBoot | NoTask | BadCheck | OldRake | EndedKept


@dataclass(frozen=True, slots=True)
class Done:
    """The task ended well."""


@dataclass(frozen=True, slots=True)
class Value:
    """What a check gave: a truth value, or the text of anything else."""

    value: bool | str


@dataclass(frozen=True, slots=True)
class Absent:
    """What the check names doesn't exist on this node."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The task or check raised. The session is over then where that may have left an answer in a
    connection that all processes of the boot share; of Hung and Died the same is true."""

    chain: Chain
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Hung:
    """The task or check passed its timeout and was killed."""

    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Died:
    """The task's or check's process ended without an answer, in this way."""

    how: str
    is_over: bool = False


Reply = Done | Value | Absent | Failed | Hung | Died


class Garbage(Exception):
    """A line of the driver that doesn't have the agreed form. Its text says what came."""


def command(rails_root: str, environment: Mapping[str, str], rake: str) -> str:
    """The remote command line: sh, bash, csh, zsh and fish read it alike.

    Short, since dropbear takes no long one: it holds a first stage only, and `driver` is the first
    line that goes to its stdin. No shell finds anything in it to expand; `exec` leaves none behind
    that could outlive rake. `rake` is taken as shell words, on purpose.
    """
    # sshd starts the command in the home directory; a quoted tilde would not be expanded.
    directory = rails_root.removeprefix("~/") or "."
    if directory.startswith("-"):
        directory = f"./{directory}"
    code = _FIRST_STAGE.format(limit=_FIRST_LIMIT)
    variables = "".join(f"{shlex.quote(f'{name}={value}')} " for name, value in environment.items())
    return (
        # `test`, since csh gives up the whole line when its `cd` fails.
        f"test -x {shlex.quote(f'{directory}/.')} && cd {shlex.quote(directory)} && "
        f"exec env {variables}{rake} -E {shlex.quote(code)} ordermonit:session "
        f"|| exit {NO_RAILS_ROOT}"
    )


def driver() -> bytes:
    """The line that goes before all others: what the first stage evaluates."""
    return base64.b64encode(b"".join(file.read_bytes() for file in _DRIVER)) + b"\n"


def hello(
    *,
    holder: str,
    tasks: Mapping[Operation, str],
    checks: Mapping[Operation, str],
    lock: str,
    lock_wait: float,
    boot_timeout: float,
    idle_limit: float,
    grace: float,
    keep_booted: float,
    rake: str,
    end: bool = False,
) -> bytes:
    """The first line that the driver reads. Times are in seconds.

    With `end` there is no session: a booted process that stays there is ended.
    """
    return _line(
        hello=1,
        holder=holder,
        tasks={operation.value: name for operation, name in tasks.items()},
        checks={operation.value: expression for operation, expression in checks.items()},
        lock=lock,
        lock_wait=lock_wait,
        boot_timeout=boot_timeout,
        idle_limit=idle_limit,
        grace=grace,
        keep_booted=keep_booted,
        rake=rake,
        driver=hashlib.sha256(driver()).hexdigest(),
        end=end,
    )


def request(identity: int, verb: str, operation: Operation, number: str, timeout: float) -> bytes:
    """One request; `verb` is "run" for a task and "ask" for a check, `timeout` in seconds."""
    return _line(id=identity, number=number, timeout=timeout, **{verb: operation.value})


def greeting(line: bytes) -> Greeting | None:
    """The driver's first line, or None for what a login script printed before it.

    Raises Garbage when it is the driver's and says nothing that is known.
    """
    start = line.find(_GREETING)
    if start < 0:
        return None
    said = _object(line[start:])
    match said:
        case {
            "ready": True,
            "ruby": str(ruby),
            "rake": str(rake),
            "rails_env": str(environment) | (None as environment),
            "lock": str(lock),
            "tasks": dict(tasks),
            "forks": bool(forks),
            "cause": bool(causes),
        } if all(map(_is_names, tasks.values())):
            arguments = {task: tuple(names) for task, names in tasks.items()}
            known = (ruby, rake, environment, lock, arguments, forks, causes)
            return Ready(*known, **_booted(said))
        case {"ended": bool(was_there)}:
            return EndedKept(was_there)
        case {"locked_by": str(holder)}:
            return Locked(holder)
        case {"no_lock": str(path), "error": errors}:
            return NoLock(path, _chain(errors))
        case {"no_boot": errors}:
            return NoBoot(_chain(errors))
        case {"no_task": str(name)}:
            return NoTask(name)
        case {"bad_check": str(name), "error": errors}:
            return BadCheck(name, _chain(errors))
        case {"old_rake": str(version)}:
            return OldRake(version)
    raise Garbage(f"an unknown greeting: {_excerpt(line)}")


def reply(line: bytes, identity: int, verb: str) -> Reply:
    """The driver's answer to the request of that identity and verb. Raises Garbage."""
    said = _object(line)
    # True equals 1 in Python, but isn't the identity of a request.
    if type(said.get("id")) is not int or said["id"] != identity:
        raise Garbage(f"an answer to another request: {_excerpt(line)}")
    del said["id"]
    match said:
        case {"done": True, **rest} if verb == "run" and not rest:
            return Done()
        case {"value": bool(value) | str(value), **rest} if verb == "ask" and not rest:
            return Value(value)
        case {"unavailable": str(reason), **rest} if verb == "ask" and not rest:
            return Absent(reason)
        case {"error": errors, **rest} if _is_end(rest):
            return Failed(_chain(errors), bool(rest))
        case {"hung": True, **rest} if _is_end(rest):
            return Hung(bool(rest))
        case {"died": str(how), **rest} if _is_end(rest):
            return Died(how, bool(rest))
    raise Garbage(f"an unknown answer: {_excerpt(line)}")


def _is_end(rest: dict[str, Any]) -> bool:
    """Whether it says nothing more, but that the session is over."""
    return not rest or (rest.keys() == {"over"} and rest["over"] is True)


def _booted(said: dict[str, Any]) -> dict[str, Any]:
    """What a driver that can stay booted says of that; an older one has none of it."""
    told: dict[str, Any] = {
        name: said[name] for name in ("boot", "keeps", "cold", "kept") if name in said
    }
    match told:
        case {"boot": boot, "keeps": keeps, "cold": str() | None, "kept": None} if _is_amount(
            boot
        ) and _is_amount(keeps):
            return told
        case {"kept": {"age": age, "memory": int(memory)}} if _is_amount(age) and _is_amount(
            memory
        ):
            return _booted(said | {"kept": None}) | {"kept": Kept(age, memory)}
        case {**rest} if not rest:
            return {}
    raise Garbage(f"a greeting that says of its boot {_excerpt(repr(told).encode())}")


def _is_amount(said: object) -> bool:
    """Whether it is a number of seconds or KB. (Python takes True for an int, and reads NaN.)

    Below 0 too: without a monotonic clock there, a boot ends before it began when the clock is set.
    """
    return isinstance(said, int | float) and not isinstance(said, bool) and abs(said) < 1e15


def _line(**fields: object) -> bytes:
    return json.dumps(fields, ensure_ascii=True).encode("ascii") + b"\n"


def _object(line: bytes) -> dict[str, Any]:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        raise Garbage(f"no JSON: {_excerpt(line)}") from None
    if not isinstance(said, dict):
        raise Garbage(f"no JSON object: {_excerpt(line)}")
    return said


def _chain(errors: object) -> Chain:
    match errors:
        case [_, *_]:
            return tuple(_error(error) for error in errors)
    raise Garbage("an error without an exception")


def _error(error: object) -> RemoteError:
    match error:
        case {"class": str(name), "ancestors": ancestors, "message": str(message)} if _is_names(
            ancestors
        ):
            return RemoteError(name, tuple(ancestors), message)
    raise Garbage("an exception without class, ancestors or message")


def _is_names(said: object) -> bool:
    return isinstance(said, list) and all(isinstance(name, str) for name in said)


def _excerpt(line: bytes) -> str:
    return repr(line[:80].decode("utf-8", "replace"))
