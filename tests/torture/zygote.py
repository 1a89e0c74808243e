"""The program with everything imported, forked afresh for each command.

What is traced, killed or fed with garbage is `ordermonit.cli.main` in a process of its own, with
its own exit status. Only the imports, which change nothing and take most of a second, are shared.
`python -m tests.torture.zygote` reads one command a line from stdin; `Zygote` speaks to it.
"""

import gc
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any, Self

import sqlalchemy

from tests.torture import loopback


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `strace` are its options, without -p; `now` is a simulated time, in seconds
    since the Epoch and since boot alike; `near` is the socket of a node to be reached without
    SSH."""

    words: tuple[str, ...]
    environment: Mapping[str, str]
    directory: str
    output: str
    strace: tuple[str, ...] = ()
    now: float | None = None
    near: str | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its exit code, or minus the signal that killed it."""

    exit_code: int
    output: str = field(compare=False)


class Zygote:
    """A context manager; one command at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.torture.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.communicate()

    def run(self, command: Command) -> Ended:
        """Run it to its end."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(command)) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the zygote has died"
        return Ended(int(answer), Path(command.output).read_text(errors="replace"))


def _serve() -> None:
    import ordermonit
    from ordermonit import __main__ as entry
    from ordermonit import cli

    for module in walk_packages(ordermonit.__path__, "ordermonit."):
        import_module(module.name)
    with sqlalchemy.create_engine("sqlite://").connect() as connection:
        connection.execute(sqlalchemy.select(1))  # imports, and makes, what is made once
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        said = json.loads(line)
        opened, gate = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(gate)
            entry._end(_be(said, opened, cli.main))
        os.close(opened)
        tracer = _trace(child, said["strace"]) if said["strace"] else None
        os.close(gate)
        _, status = os.waitpid(child, 0)
        if tracer is not None:
            tracer.wait()
        print(os.waitstatus_to_exitcode(status), flush=True)


def _trace(pid: int, options: Sequence[str]) -> subprocess.Popen[bytes]:
    command = ["strace", "-p", str(pid), *options]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    assert tracer.stderr is not None
    said = tracer.stderr.readline()
    assert b"attached" in said, said
    return tracer


def _be(said: dict[str, Any], gate: int, main: Any) -> int:
    """The command itself, once whoever traces it is there."""
    output = os.open(said["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(said["directory"])
    os.environ.clear()
    os.environ.update(said["environment"])
    if said["now"] is not None:
        _live_at(said["now"])
    if said["near"] is not None:
        loopback.through(said["near"])
    os.read(gate, 1)
    os.close(gate)
    code = 70
    try:
        code = main(said["words"])
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        with suppress(OSError):
            traceback.print_exc()
    return code


def _live_at(seconds: float) -> None:
    from ordermonit.orders.gaps import Moment

    moment = Moment(datetime.fromtimestamp(seconds, UTC), seconds)
    Moment.now = classmethod(lambda cls: moment)  # type: ignore[assignment, method-assign]


if __name__ == "__main__":
    _serve()
