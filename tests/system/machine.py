"""A machine of our own: systemd as PID 1, in a namespace, on a disk of its own.

The disk is an overlay: this host's root is the lowest layer and is never written; a layer may stand
between (what an installation left); the changes of this machine go to a tmpfs. What the host itself
would start is not started.
"""

import json
import os
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Self

from tests.parts.processes import descendants, wait_until

#: The clone under test; the machine sees it read-only at the same path.
SOURCE = Path(__file__).parents[2]

#: What a fresh Debian would start and a machine in a namespace can't, or need not.
_MASKED = (
    "getty.target",
    "console-getty.service",
    "systemd-networkd.service",
    "systemd-timesyncd.service",
    "systemd-logind.service",
)
_NUMBERS = count(1)
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def why_not() -> str | None:
    """Why no machine can be booted here, or None."""
    if os.geteuid() != 0:
        return "a machine is booted by root only"
    missing = [name for name in ("systemd-nspawn", "nsenter", "mount") if not shutil.which(name)]
    return f"there is no {' and no '.join(missing)} on this host" if missing else None


class Disks:
    """A place for disks, on one tmpfs; everything is unmounted and gone at the end."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="om-machines-", dir="/tmp"))
        self._mounted: list[Path] = []

    def __enter__(self) -> Self:
        self._mount("tmpfs", "tmpfs", "mode=700", self.directory)
        return self

    def __exit__(self, *_: object) -> None:
        for place in reversed(self._mounted):
            subprocess.run(["umount", "--lazy", place], check=True)
        self.directory.rmdir()

    def freeze(self, disk: "Disk") -> None:
        """From now on the disk is a layer of others, and is only read."""
        subprocess.run(["umount", disk.root], check=True)
        self._mounted.remove(disk.root)
        self._mount("overlay", "overlay", f"lowerdir={disk.changes}:{disk.layers}", disk.root)

    def _mount(self, kind: str, what: str, options: str, where: Path) -> None:
        subprocess.run(["mount", "-t", kind, "-o", options, what, where], check=True)
        self._mounted.append(where)

    def new(self, name: str, *layers: Path) -> "Disk":
        """A new disk over these layers, the uppermost first, and the host's root under them."""
        disk = Disk(self.directory / name, ":".join(map(str, (*layers, "/"))))
        for part in (disk.changes, disk.work, disk.root):
            part.mkdir(parents=True)
        options = f"lowerdir={disk.layers},upperdir={disk.changes},workdir={disk.work}"
        self._mount("overlay", "overlay", options, disk.root)
        return disk


class Disk:
    """One disk: `root` is what the machine sees, `changes` what it differs in from its layers."""

    def __init__(self, directory: Path, layers: str) -> None:
        self.layers = layers
        self.root = directory / "root"
        self.changes = directory / "changes"
        self.work = directory / "work"

    def path(self, inside: str | Path) -> Path:
        """Where a file of the machine is for us."""
        return self.root / str(inside).lstrip("/")

    def forget_host(self) -> None:
        """Make it a machine of its own: nothing that the host has enabled, a new machine id."""
        units = self.path("/etc/systemd/system")
        for wants in units.glob("*.wants"):
            shutil.rmtree(wants)
        for unit in _MASKED:
            link = units / unit
            link.unlink(missing_ok=True)
            link.symlink_to("/dev/null")
        self.path("/etc/machine-id").write_text("")
        # The journal outlives a reboot.
        self.path("/var/log/journal").mkdir(exist_ok=True)

    def files(self) -> dict[str, str]:
        """Every file and link that differs from the layers, with its mode and owner."""
        found = {}
        for path in sorted(self.changes.rglob("*")):
            inside = f"/{path.relative_to(self.changes)}"
            # What was deleted stands in the layer as a character device.
            if path.is_symlink() or path.is_file():
                found[inside] = self.mode(inside)
        return found

    def mode(self, inside: str) -> str:
        """A path's type, mode and owner, such as `-rw-r----- root:ordermonit`."""
        status = self.path(inside).lstat()
        owner, group = self._name("passwd", status.st_uid), self._name("group", status.st_gid)
        return f"{stat.filemode(status.st_mode)} {owner}:{group}"

    def _name(self, table: str, number: int) -> str:
        lines = self.path(f"/etc/{table}").read_text().splitlines()
        return next(line.split(":")[0] for line in lines if line.split(":")[2] == str(number))


class Machine:
    """A disk that runs. As a context manager it is switched off hard at the end."""

    def __init__(self, disk: Disk, *around: str, network: str = "--private-network") -> None:
        self.disk = disk
        self._around = around  # the command that the machine is started through
        self._network = network
        self._process: subprocess.Popen[bytes] | None = None
        self._log = disk.root.parent / "console"

    def __enter__(self) -> Self:
        self.boot()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def boot(self) -> None:
        """Switch it on, and wait until it is up. Raises TimeoutError with the console's text."""
        with self._log.open("wb") as console:
            self._process = subprocess.Popen(
                [
                    *self._around,
                    # A namespace of processes that ends with us: no machine outlives its test run.
                    *("setpriv", "--pdeathsig", "KILL"),
                    *("unshare", "--pid", "--fork", "--kill-child", "--mount-proc"),
                    *("systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit"),
                    *(self._network, "--console=read-only", f"--directory={self.disk.root}"),
                    *(f"--machine=om-{os.getpid()}-{next(_NUMBERS)}", f"--bind-ro={SOURCE}"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                cwd="/",
                start_new_session=True,
            )
        try:
            wait_until(self._is_up, "the machine to boot", 60)
        except TimeoutError as late:
            self.kill()
            raise TimeoutError(f"{late}\n{self._log.read_text(errors='replace')}") from late

    def _is_up(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            code = self._process and self._process.returncode
            raise TimeoutError(f"the machine has ended at once (exit {code})")
        if not self._leader():
            return False
        state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
        return state in ("running", "degraded")

    def _leader(self) -> int | None:
        """systemd's pid, as we see it."""
        if self._process is None:
            return None
        nspawn, leader, *_ = [*descendants(self._process.pid), None, None]
        return leader if nspawn else None

    def kill(self) -> None:
        """Pull the plug: every process of the machine is gone, what was written stays."""
        if self._process is None:
            return
        nspawn = descendants(self._process.pid)[:1]
        for pid in nspawn:
            os.kill(pid, signal.SIGKILL)
        if not nspawn:
            self._process.kill()
        # Who waits for nspawn ends after the last process of its namespace: the disk is free then.
        self._process.wait()
        self._process = None

    def power_off(self) -> None:
        """Shut it down in order."""
        assert self._process is not None
        self.run("systemctl", "poweroff", "--no-block")
        self._process.wait(60)
        self._process = None

    def run(
        self,
        *command: str,
        check: bool = True,
        stdin: str = "",
        seconds: float = 120,
        user: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the machine, as root or as `user`. Raises AssertionError if it fails."""
        leader = self._leader()
        assert leader is not None, "the machine is off"
        enter = ["nsenter", f"--target={leader}", *("-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w")]
        as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else []
        done = subprocess.run(
            [*enter, *as_user, *command],
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            env={"PATH": _PATH, "HOME": "/root", "LANG": "C.UTF-8"},
        )
        assert not check or done.returncode == 0, (
            f"{shlex.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        )
        return done

    def write(self, inside: str, text: str, mode: int = 0o644) -> None:
        """Write a file of the machine, in one step."""
        path = self.disk.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.new")
        new.write_text(text)
        new.chmod(mode)
        if path.exists():
            owner = path.stat()
            os.chown(new, owner.st_uid, owner.st_gid)
        new.rename(path)

    def show(self, unit: str, *properties: str) -> dict[str, str]:
        """`systemctl show` of some properties; several values of one are one line each."""
        wanted = [f"--property={name}" for name in properties]
        found: dict[str, str] = {}
        for line in self.run("systemctl", "show", *wanted, unit).stdout.splitlines():
            name, value = line.split("=", 1)
            found[name] = f"{found[name]}\n{value}" if name in found else value
        return found

    def journal(self, *matches: str) -> list[dict[str, Any]]:
        """The journal's entries that fit (`journalctl -o json`), with all that was sent before."""
        self.run("journalctl", "--sync")  # a busy journald is behind with its socket
        text = self.run("journalctl", "--all", "--output=json", *matches).stdout
        return [json.loads(line) for line in text.splitlines()]

    def wait(self, condition: Callable[[], object], what: str, seconds: float = 30) -> None:
        """Wait until it is true. Raises TimeoutError with the end of the journal."""
        try:
            wait_until(condition, what, seconds)
        except TimeoutError as late:
            end = self.run("journalctl", "--lines=60", "--output=short-precise", check=False).stdout
            raise TimeoutError(f"{late}\n{end}") from None

    @contextmanager
    def drop_in(self, unit: str, text: str, name: str = "90-test") -> Iterator[None]:
        """Have a drop-in for a unit, until the end."""
        file = f"/etc/systemd/system/{unit}.d/{name}.conf"
        self.write(file, text)
        self.run("systemctl", "daemon-reload")
        try:
            yield
        finally:
            self.disk.path(file).unlink()
            self.run("systemctl", "daemon-reload")
