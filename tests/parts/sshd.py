"""A private OpenSSH server on loopback, with keys of its own."""

import getpass
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

from tests.parts.processes import (
    Private,
    Server,
    answers,
    descendants,
    free_port,
    private_directory,
)

#: What a session's processes are called, before OpenSSH 9.8 and since.
_SESSIONS = ("sshd", "sshd-session", "sshd-auth")


def keygen(file: Path) -> None:
    """A new Ed25519 key pair without a passphrase, in place of the one that is there."""
    for old in (file, file.with_suffix(".pub")):
        old.unlink(missing_ok=True)
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(file)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


class Sshd(Private):
    """sshd for the user who runs the tests.

    `key` is the client's private key, made here unless it is given; `known_hosts` names the host
    key. `options` are lines of sshd_config; `key_options` stand before the key in authorized_keys
    (`restrict,command="…"`).
    Sessions see the `environment`, and its empty directory as their home: nobody's ~/.bashrc.
    """

    def __init__(
        self,
        options: Mapping[str, str] | None = None,
        *,
        key_options: str = "",
        environment: Mapping[str, str] | None = None,
        key: Path | None = None,
    ) -> None:
        self.directory = private_directory("sshd")
        self.port = free_port()
        self.username = getpass.getuser()
        self.key = key or self.directory / "client"
        self.host_key = self.directory / "host"
        self.known_hosts = self.directory / "known_hosts"
        self.options = dict(options or {})
        self.key_options = key_options
        # The mark finds what a session began, even after that session is gone.
        self._mark = f"TEST_SSHD={self.directory}"
        self.environment = {"HOME": str(self.directory), **(environment or {})}
        self.server = Server(self.directory / "log")
        self._authorized_keys = self.directory / "authorized_keys"
        if key is None:
            keygen(self.key)
        keygen(self.host_key)
        self.trust_host_key()

    def start(self) -> None:
        """Write its configuration, and serve."""
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where it drops its privileges
        public = self.key.with_suffix(".pub").read_text()
        self._authorized_keys.write_text(f"{self.key_options} {public}".lstrip())
        pairs = (f"{name}={value}" for name, value in self.environment.items())
        settings = {
            "ListenAddress": f"127.0.0.1:{self.port}",
            "HostKey": str(self.host_key),
            "PasswordAuthentication": "no",
            "KbdInteractiveAuthentication": "no",
            **self.options,
            "AuthorizedKeysFile": str(self._authorized_keys),
            "PidFile": "none",
            "StrictModes": "no",
            "UsePAM": "no",
            "PermitRootLogin": "prohibit-password",
            "LogLevel": "VERBOSE",
            "SetEnv": " ".join(f'"{pair}"' for pair in (*pairs, self._mark)),
            **_without_penalties(),
        }
        config = self.directory / "sshd_config"
        config.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        program = shutil.which("sshd") or "/usr/sbin/sshd"  # it insists on an absolute path
        command = ["setpriv", "--pdeathsig", "KILL", program, "-De", "-f", str(config)]
        self.server.launch(command, lambda: answers(self.port))

    def stop(self) -> None:
        """End it, every session, and what sessions began."""
        _kill(self.sessions())
        self.server.stop()
        _kill(self.running())

    def kill(self) -> None:
        """The same, but as a crash would."""
        self.server.kill()
        _kill(self.running())

    def restart(self) -> None:
        """Sessions end; new ones are accepted again, with changed options."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """SIGSTOP to it and to every session's sshd: connections hang without FIN or RST."""
        for pid in (self.server.pid, *self.sessions()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Go on after `pause`."""
        for pid in (*self.sessions(), self.server.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def cut(self) -> None:
        """Kill the sessions' sshd processes; what they run stays, and new ones are accepted."""
        _kill(self.sessions())

    def sessions(self) -> list[int]:
        """The processes of sshd that serve a connection."""
        if not self.server.is_running:
            return []
        return [pid for pid in descendants(self.server.pid) if _name(pid) in _SESSIONS]

    def running(self) -> list[int]:
        """What sessions began and still runs, `cut` or not: shells, rake and its children."""
        processes = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
        return [pid for pid in processes if self._mark in _environment(pid)]

    def busy(self) -> list[int]:
        """What runs, without a Rails that stays booted between sessions, and its watchdog."""
        titles = {pid: _title(pid) for pid in self.running()}
        kept = [pid for pid, title in titles.items() if "keeps Rails booted" in title]
        marks = ["keeps Rails booted", *(f"bounds the life of {pid}" for pid in kept)]
        return [pid for pid, title in titles.items() if not any(mark in title for mark in marks)]

    def rakes(self) -> list[int]:
        """What runs, without the driver's watchdogs: they end by themselves."""
        return [pid for pid in self.running() if "bounds the life" not in _title(pid)]

    def change_host_key(self) -> None:
        """Another host key, which known_hosts does not name; in force after `restart`."""
        keygen(self.host_key)

    def trust_host_key(self) -> None:
        """Name the present host key in known_hosts."""
        kind, key, *_ = self.host_key.with_suffix(".pub").read_text().split()
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {kind} {key}\n")

    def logins(self) -> int:
        """How many connections were accepted with a key so far."""
        return self.server.log_text().count("Accepted publickey for ")

    def log_text(self) -> str:
        """sshd's log at VERBOSE: connections, keys, commands."""
        return self.server.log_text()


@cache
def _without_penalties() -> dict[str, str]:
    """OpenSSH 9.8 and newer reset the connections of an address that came often without a login,
    or whose session was killed: all of loopback, for as long as 90 s."""
    told = subprocess.run(["ssh", "-V"], check=True, capture_output=True, text=True).stderr
    version = re.match(r"OpenSSH_(\d+)\.(\d+)", told)
    assert version, told
    penalises = (int(version[1]), int(version[2])) >= (9, 8)
    return {"PerSourcePenalties": "no"} if penalises else {}


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:
        return ""


def _environment(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/environ").read_text(errors="replace").split("\0")
    except OSError:  # gone, or somebody else's
        return []
