"""The home of the node's user where a booted process stays (keep_booted)."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ordermonit.node import wire
from tests.node.remote import Remote, is_alive, rails_root, unready
from tests.parts.processes import wait_until

KEEP = {"keep_booted": 600, "lock": "~/lock"}


class Home:
    """The home of the node's user: its sessions, and what stays there after them.

    Its release is in it, unless another place is given for that.
    """

    def __init__(self, directory: Path, release: Path | None = None) -> None:
        self.directory = directory
        self.root = rails_root(release or directory / "app")

    @contextmanager
    def session(
        self,
        root: Path | None = None,
        hello: dict[str, Any] | None = None,
        environment: dict[str, str] | None = None,
        **options: Any,
    ) -> Iterator[tuple[Remote, wire.Ready]]:
        """A session, and what it said first; in the end it is left in order."""
        home = {"HOME": str(self.directory), **(environment or {})}
        with unready(
            root or self.root, hello={**KEEP, **(hello or {})}, environment=home, **options
        ) as session:
            ready = session.greeting()
            assert isinstance(ready, wire.Ready), ready
            yield session, ready
            session.hang_up()
            session.wait()
            if ready.keeps and not ready.kept:
                wait_until(lambda: self.keepers() and self.doors(), "a process to stay")

    def insert(self, number: str, **options: Any) -> wire.Ready:
        """One order in a session of its own."""
        with self.session(**options) as (session, ready):
            assert session.run(number) == wire.Done()
            assert session.ask(number) == wire.Value(True)
        return ready

    def end(self) -> wire.Greeting:
        """`ordermonit node end`."""
        hello = {**KEEP, "end": True}
        home = {"HOME": str(self.directory)}
        with unready(self.root, hello=hello, environment=home) as session:
            return session.greeting()

    def doors(self) -> list[Path]:
        return [path for path in self.directory.glob(".ordermonit/*") if path.suffix == ""]

    @property
    def door(self) -> Path:
        (door,) = self.doors()
        return door

    @property
    def keeper(self) -> int:
        """The process behind the door."""
        (pid,) = self.keepers()
        return pid

    def keepers(self) -> list[int]:
        return [pid for pid in self.left() if "keeps Rails booted" in title(pid)]

    def sessions(self) -> list[int]:
        """The processes of sessions that it took up."""
        (keeper,) = self.keepers()
        children = Path(f"/proc/{keeper}/task/{keeper}/children").read_text().split()
        return [pid for pid in map(int, children) if "a session in" in title(pid)]

    def left(self) -> list[int]:
        """Every process of this home."""
        mark = f"HOME={self.directory}".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                if mark in entry.read_bytes().split(b"\0") and is_alive(int(entry.parent.name)):
                    found.append(int(entry.parent.name))
        return found

    def nothing_left(self) -> bool:
        return not self.left() and not (self.directory / ".ordermonit").exists()

    def orders(self, root: Path | None = None) -> list[str]:
        return ((root or self.root) / "orders").read_text().split()

    def boots(self, root: Path | None = None) -> int:
        return len(((root or self.root) / "boots").read_text().split())

    def kill(self) -> None:
        for pid in self.left():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:
        return ""


def link(pid: int, name: str) -> str:
    """Where a link of /proc/PID leads, as the process sees it: its root may be another one."""
    root, seen = (os.readlink(f"/proc/{pid}/{each}") for each in ("root", name))
    return seen if root == "/" else seen.removeprefix(root) or "/"


def cpu(pid: int) -> tuple[str, ...]:
    """Ticks in user and kernel mode."""
    return tuple(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13])
