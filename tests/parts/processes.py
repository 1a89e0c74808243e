"""Private servers as child processes, and waiting for events."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self


def wait_until(condition: Callable[[], object], what: str, seconds: float = 30) -> None:
    """Poll until the condition is true. Raises TimeoutError, naming what was waited for."""
    deadline = time.monotonic() + seconds
    pause = 0.005
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s in vain: {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Whether anybody accepts connections on this port of loopback."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def private_directory(name: str, owner: str | None = None) -> Path:
    """A new directory with a short path (Unix sockets allow 107 bytes) that `owner` can enter."""
    directory = Path(tempfile.mkdtemp(prefix=f"om-{name}-", dir="/tmp"))
    if owner and os.geteuid() == 0:
        shutil.chown(directory, owner, owner)
    return directory


def as_user(user: str) -> list[str]:
    """A command's beginning that makes it run as `user` where we are root, and die with us."""
    changed = ["--reuid", user, "--regid", user, "--init-groups"] if os.geteuid() == 0 else []
    return ["setpriv", *changed, "--pdeathsig", "KILL"]


def descendants(pid: int) -> list[int]:
    """The processes that this one started, and those that they started."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # gone meanwhile
            for child in map(int, task.read_text().split()):
                found += [child, *descendants(child)]
    return found


class Server:
    """A server as a child process. Its output goes to the file `log`."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    def launch(
        self,
        command: Sequence[str | Path],
        ready: Callable[[], object],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start the command and wait until `ready`. Raises RuntimeError with its log otherwise."""
        assert self._process is None, f"{command[0]} runs already"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=environment,
                start_new_session=True,  # a terminal's ^C is ours alone,
            )
        try:
            wait_until(lambda: not self.is_running or ready(), f"{command[0]} to be ready")
        except TimeoutError as late:
            self.kill()
            raise RuntimeError(f"{late}\n{self.log_text()[-3000:]}") from late
        if not self.is_running:
            self._process = None
            raise RuntimeError(f"{command} ended at once\n{self.log_text()[-3000:]}")

    @property
    def pid(self) -> int:
        """Its process id, which is its process group too."""
        assert self._process is not None, "it does not run"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process is there (a stopped one is)."""
        return self._process is not None and self._process.poll() is None

    def stop(self, with_signal: signal.Signals = signal.SIGTERM, seconds: float = 20) -> None:
        """End it in order; kill it when it does not end. No effect when it doesn't run."""
        if self._process is None:
            return
        self.signal(signal.SIGCONT)
        self.signal(with_signal)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        self.kill()

    def kill(self) -> None:
        """Kill it and everything that it started. No effect when it doesn't run."""
        if self._process is None:
            return
        # Its children may have sessions of their own (PostgreSQL's have, a login has).
        children = descendants(self._process.pid) if self.is_running else []
        for pid in (self._process.pid, *children):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; SIGSTOP makes it hang, SIGCONT lets it go on."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def log_text(self) -> str:
        """All that it has printed."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""


class Private:
    """A part with a directory of its own, as a context manager: `start` in, `remove` out."""

    directory: Path

    def start(self) -> None:
        """Bring it up; it can be brought up again after `stop`."""
        raise NotImplementedError

    def stop(self) -> None:
        """Bring it down in order."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
