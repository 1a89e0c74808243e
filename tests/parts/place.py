"""A checkpoint with a shop's orders, and commands about them in a pipe or on a terminal."""

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from ordermonit.orders.model import Reason, Record, Status
from ordermonit.state.checkpoint import Checkpoint
from ordermonit.state.directory import CycleResult, State
from ordermonit.times import iso
from tests.parts.databases import sqlite
from tests.parts.front import Front
from tests.parts.world import Run

REJECTION = "RuntimeError: Erro ao inserir o pedido:1001002,erro:produto inexistente"


class Place:
    """A shop's orders, a configuration, and a checkpoint; no node, which these commands don't ask.

    Order 1 is good, 2 was given up, 3 was rejected once, 4 waits for its payment; 5 is new.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.front = Front(sqlite(directory / "front.sqlite3"))
        self.front.add_many(5)
        self.front.engine.dispose()
        self.state = State(directory / "state")
        self.configure()
        now = datetime.now(UTC)

        def record(id: int, status: Status, reason: Reason, age: timedelta) -> Record:
            error = REJECTION if reason is Reason.REJECTED else None
            number, tries = str(1_001_000 + id), 4 if status is Status.EXHAUSTED else 1
            return Record(id, number, status, reason, now - age, now, tries, last_error=error)

        self.state.create()
        self.state.write(
            Checkpoint(
                4,
                [
                    record(1, Status.SUCCESS, Reason.OK, timedelta(days=3)),
                    record(2, Status.EXHAUSTED, Reason.REJECTED, timedelta(hours=2)),
                    record(3, Status.FAILED, Reason.REJECTED, timedelta(minutes=9)),
                    record(4, Status.PAYMENT_PENDING, Reason.NOT_DUE, timedelta(minutes=8)),
                ],
            )
        )
        self.state.add_cycle(CycleResult(iso(now), iso(now), "4 orders looked at", 0, 4, 3, 1, 2))

    def configure(self, **database: object) -> None:
        files: dict[str, dict[str, object]] = {
            "service": {},
            "process": {},
            "integration_server": {"host": "node", "username": "deploy", "rails_root": "/srv"},
            "database": self.front.settings() | database,
        }
        for name, content in files.items():
            (self.directory / f"{name}.yml").write_text(yaml.safe_dump(content))

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "ordermonit", *words]

    def environment(self, **more: str) -> dict[str, str]:
        known = {"PATH": os.environ["PATH"], "HOME": str(self.directory), "LANG": "C.UTF-8"}
        config, state = str(self.directory), str(self.state.directory)
        places = {"ORDERMONIT_CONFIG": config, "ORDERMONIT_STATE": state}
        return {**known, **places, "TERM": "xterm-256color", **more}

    def run(self, *words: str, **environment: str) -> Run:
        done = subprocess.run(
            self.command(*words),
            capture_output=True,
            text=True,
            timeout=60,
            env=self.environment(**environment),
        )
        return Run(done.returncode, done.stdout, done.stderr)

    def good(self, *words: str, **environment: str) -> str:
        """What a command prints that must end well."""
        run = self.run(*words, **environment)
        assert run.exit_code == 0, run.stderr
        return run.stdout


@contextmanager
def on_terminal(place: Place, *words: str, **environment: str) -> Iterator["Terminal"]:
    """A command on a terminal of its own, 100 columns wide unless COLUMNS says otherwise."""
    ours, its = pty.openpty()
    size = {"COLUMNS": "100", "LINES": "60"}
    # Whoever runs the tests in the background of a shell has Ctrl-C ignored, and hands that down.
    process = subprocess.Popen(
        ["env", "--default-signal=INT", *place.command(*words)],
        stdin=its,
        stdout=its,
        stderr=its,
        env=place.environment(**(size | environment)),
        start_new_session=True,
    )
    os.close(its)
    terminal = Terminal(ours, process)
    try:
        yield terminal
    finally:
        process.kill()
        process.wait()
        terminal.close()


class Terminal:
    """What stands on it, and who writes there."""

    def __init__(self, handle: int, process: subprocess.Popen[bytes]) -> None:
        self._handle: int | None = handle
        self.process = process
        self.shown = b""

    def read(self, until: str = "", seconds: float = 30) -> bytes:
        """Read until the text is there or, without one, to the end."""
        deadline = time.monotonic() + seconds
        while not (until and until.encode() in self.shown):
            assert self._handle is not None
            left = deadline - time.monotonic()
            assert left > 0, f"no {until!r} in {self.shown.decode()}"
            if not select.select([self._handle], [], [], left)[0]:
                continue
            try:
                data = os.read(self._handle, 65536)
            except OSError:  # EIO: on Linux, the end of a terminal
                data = b""
            if not data:
                assert not until, f"it ended without {until!r}: {self.shown.decode()}"
                break
            self.shown += data
        return self.shown

    def close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
