"""A rake with our driver in it, started as sshd starts it, but over pipes."""

import os
import queue
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ordermonit.node import wire
from ordermonit.orders.model import Operation
from tests.parts.processes import wait_until

_TEMPLATE = Path(__file__).parent / "rails"
_PACKAGE = Path(__file__).parents[2] / "packaging" / "node"

TASKS = {
    Operation.INSERT_ORDER: "order_integration_service:insert_order",
    Operation.CONFIRM_PAYMENT: "order_integration_service:confirm_payment",
}
CHECKS = {Operation.ORDER_EXISTS: "Abacos::OrderAPI.order_exists?(number)"}

#: Seconds within which anything has to happen that happens at once.
SOON = 20


def rails_root(directory: Path) -> Path:
    """The tests' Rails application, in that new directory."""
    shutil.copytree(_TEMPLATE, directory)
    return directory


def install(directory: Path) -> Path:
    """The forced command of packaging/node, as its installer leaves it in that directory."""
    environment = {"DESTDIR": str(directory), "PATH": "/usr/bin:/bin"}
    subprocess.run([_PACKAGE / "install.sh"], check=True, capture_output=True, env=environment)
    return directory / "usr/local/lib/ordermonit-node/ordermonit-node"


def pids(root: Path) -> list[int]:
    """The processes that the tasks have told of, once at least one has."""
    file = root / "pids"
    wait_until(lambda: file.exists() and file.read_text().endswith("\n"), "a task to tell its pid")
    return [int(line) for line in file.read_text().split()]


def is_alive(pid: int) -> bool:
    """Whether the process runs (a zombie does not, once its last thread has closed its files)."""
    return _stat(pid)[0] not in "ZX" or _threads(pid) > 1


def _threads(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return 0


def _stat(pid: int) -> list[str]:
    """State, parent, group, session and more of a process; it is dead when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ["X", "0", "0", "0"]


def _said(changes: Mapping[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {
        "holder": "test on here",
        "tasks": TASKS,
        "checks": CHECKS,
        "lock": "lock",
        "lock_wait": 0.3,
        "boot_timeout": 30,
        "idle_limit": 30,
        "grace": 30,
        "keep_booted": 0,
        "rake": "rake",
    }
    return said | dict(changes)


def _forced(root: Path, node: Path, environment: Mapping[str, str], said: dict[str, Any]) -> str:
    """The forced command in that directory with a configuration that says the same."""
    lines = [f"rails_root {root}", f"rake {shutil.which('rake')}", f"lock {said['lock']}"]
    lines += [f"environment {name}={value}" for name, value in environment.items()]
    lines += [f"{name} {value}" for name, value in (said["tasks"] | said["checks"]).items()]
    lines += [f"keep_booted {said.pop('allowed', 0)}"]
    installed = node / "usr/local/lib/ordermonit-node/ordermonit-node"
    program = installed if installed.exists() else install(node)
    (node / "conf").write_text("\n".join(lines))
    home = environment.get("HOME", node)
    login = f"HOME={home} USER=u LOGNAME=u SSH_ORIGINAL_COMMAND=' ordermonit:session'"  # by sshd
    return f"{login} exec {program} {node / 'conf'}"


class Remote:
    """One session, from its hello to its end."""

    def __init__(
        self,
        root: Path,
        *,
        shell: tuple[str, ...] = ("sh", "-c"),
        rake: str = "rake",
        environment: Mapping[str, str] | None = None,
        hello: Mapping[str, Any] | None = None,
        node: Path | None = None,
    ) -> None:
        """`node` is a directory for the forced command, which then runs instead."""
        said = _said(hello or {})
        command = wire.command(str(root), environment or {}, rake)
        if node is not None:
            command = _forced(root, node, environment or {}, said)
        self.errors = root / f"stderr-{os.urandom(4).hex()}"
        # sshd hands no ignored Ctrl-C down, as the background of a shell does.
        interruptible = ["env", "--default-signal=INT"]
        with self.errors.open("wb") as stderr:
            self.process = subprocess.Popen(
                [*interruptible, *shell, command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
                bufsize=0,
            )
        self._lines: queue.Queue[bytes] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._requests = 0
        self.send(wire.driver() + wire.hello(**said))

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stdout:
            for line in stdout:
                self._lines.put(line)
        self._lines.put(b"")

    def send(self, line: bytes) -> None:
        """Write one line to the driver."""
        assert self.process.stdin is not None
        self.process.stdin.write(line)

    def hang_up(self) -> None:
        """Close the driver's stdin, as sshd does when the client is gone."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def line(self) -> bytes:
        """The next line of the driver; empty at the end of the stream."""
        return self._lines.get(timeout=SOON)

    def greeting(self) -> wire.Greeting:
        """The driver's first line."""
        line = self.line()
        greeting = wire.greeting(line)
        assert greeting is not None, (line, self.errors.read_text())
        return greeting

    def begin(self, verb: str, operation: Operation, number: str, timeout: float = SOON) -> int:
        """Send a request without waiting; gives its identity."""
        self._requests += 1
        self.send(wire.request(self._requests, verb, operation, number, timeout))
        return self._requests

    def run(
        self,
        number: str,
        operation: Operation = Operation.INSERT_ORDER,
        timeout: float = SOON,
    ) -> wire.Reply:
        """Run a task."""
        identity = self.begin("run", operation, number, timeout)
        return wire.reply(self.line(), identity, "run")

    def ask(
        self,
        number: str,
        operation: Operation = Operation.ORDER_EXISTS,
        timeout: float = SOON,
    ) -> wire.Reply:
        """Put a check."""
        identity = self.begin("ask", operation, number, timeout)
        return wire.reply(self.line(), identity, "ask")

    def children(self) -> list[int]:
        """The processes that the driver has forked for tasks and checks, and theirs."""
        pids = (int(entry.name) for entry in Path("/proc").glob("[0-9]*"))
        session, rake = str(self.process.pid), self.process.pid
        return [pid for pid in pids if pid != rake and is_alive(pid) and _stat(pid)[3] == session]

    def wait(self) -> int:
        """Its exit status."""
        return self.process.wait(SOON)

    def end(self) -> None:
        """Kill what is left of it."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()
        for file in ("pids", "boots"):
            recorded = self.errors.parent / file
            for pid in recorded.read_text().split() if recorded.exists() else ():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
        self._reader.join(SOON)


@contextmanager
def remote(root: Path, **options: Any) -> Iterator[Remote]:
    """A session that has said it is ready."""
    session = Remote(root, **options)
    try:
        assert isinstance(session.greeting(), wire.Ready)
        yield session
    finally:
        session.end()


@contextmanager
def unready(root: Path, **options: Any) -> Iterator[Remote]:
    """A session that has not said anything yet."""
    session = Remote(root, **options)
    try:
        yield session
    finally:
        session.end()


@contextmanager
def over_a_socket(
    root: Path, **hello: Any
) -> Iterator[tuple[subprocess.Popen[bytes], socket.socket]]:
    """A session that has said it is ready, over a socket as some sshds have it; our end of it."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            ["sh", "-c", wire.command(str(root), {}, "rake")],
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        with ours:
            ours.sendall(wire.driver() + wire.hello(**_said(hello)))
            ours.settimeout(SOON)
            assert wire.greeting(ours.recv(4096).rstrip(b"\n")) is not None
            yield process, ours
    finally:
        process.kill()
        process.wait()
