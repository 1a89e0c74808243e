"""Two network namespaces with a cable between them: a node's, with sshd, and a monitor's.

The test's own thread moves into the node's namespace, so that everything that it starts is there;
the program runs in the monitor's.
"""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.parts.front import Front
from tests.parts.world import World

#: The node's and the monitor's end of the cable.
NODE, MONITOR = "10.213.0.1", "10.213.0.2"

_LIBC = ctypes.CDLL(None, use_errno=True)


def _enter(namespace: Path) -> None:
    """Move this thread, and all that it starts from now on. Raises OSError."""
    with namespace.open() as file:
        if _LIBC.setns(file.fileno(), 0) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def _ip(words: str) -> None:
    subprocess.run(["ip", *words.split()], check=True)


class Cable:
    """Made by `cable`. Every fault lasts until `mend`."""

    def __init__(self, node: str, monitor: str) -> None:
        self.node, self.monitor = node, monitor

    def silence(self) -> None:
        """Every packet is lost from now on: no FIN, no RST."""
        self._filter("-A INPUT -i cable -j DROP")
        self._filter("-A OUTPUT -o cable -j DROP")

    def reset(self) -> None:
        """The monitor's next packet of TCP is answered by a RST."""
        self._filter("-A INPUT -i cable -p tcp -j REJECT --reject-with tcp-reset")

    def unplug(self) -> None:
        """The monitor has no way to the node."""
        _ip(f"-n {self.monitor} route add unreachable {NODE}/32")

    def mend(self) -> None:
        """As new."""
        self._filter("-F")
        subprocess.run(
            ["ip", "-n", self.monitor, "route", "del", "unreachable", NODE], capture_output=True
        )

    def _filter(self, words: str) -> None:
        command = ["ip", "netns", "exec", self.node, "iptables", "-w", *words.split()]
        subprocess.run(command, check=True)


@contextmanager
def cable() -> Iterator[Cable]:
    """Both namespaces; this thread is in the node's until the end. Raises OSError, not as root."""
    made = Cable(f"om{os.getpid()}node", f"om{os.getpid()}mon")
    home = Path(f"/proc/{os.getpid()}/ns/net")
    with home.open() as here:
        try:
            ends = ((made.node, NODE), (made.monitor, MONITOR))
            for name, _ in ends:
                _ip(f"netns add {name}")
                _ip(f"-n {name} link set lo up")
            _ip(f"-n {made.node} link add cable type veth peer name cable netns {made.monitor}")
            for name, address in ends:
                _ip(f"-n {name} address add {address}/24 dev cable")
                _ip(f"-n {name} link set cable up")
            _enter(Path("/run/netns") / made.node)
            yield made
        finally:
            _LIBC.setns(here.fileno(), 0)
            for name in (made.node, made.monitor):
                subprocess.run(["ip", "netns", "delete", name], capture_output=True)


class Apart(World):
    """A world whose program runs in the monitor's namespace."""

    def __init__(self, directory: Path, front: Front, ends: Cable) -> None:
        super().__init__(directory, front)
        self._ends = ends
        self.trusted = directory / "known_hosts"
        # Beside the address on loopback: the keyword's other spelling is a line of its own.
        self.sshd.options["listenaddress"] = f"{NODE}:{self.sshd.port}"
        self.configure("process", ontop=False)
        self.shorten("ordermonit.node.rake", REMOTE_GRACE=3)
        self.usual()

    def usual(self) -> None:
        """The node at its address, with its key, and time enough on a busy machine."""
        self.configure("service", running_cycle=60, downtime_wait=0.3, late_commit_window=0)
        self.reached_at(self.sshd.port)
        self.configure(
            "integration_server",
            host=NODE,
            rake="rake",
            private_key=str(self.sshd.key),
            known_hosts=str(self.trusted),
            connect_timeout=30,
            task_timeout=30,
        )

    def gives_up(self, **deadlines: float) -> None:
        """The first trouble ends the cycle, after these deadlines."""
        self.configure("service", running_cycle=1)
        self.configure("integration_server", **deadlines)

    def reached_at(self, port: int) -> None:
        """The node's key is expected at this port of its address."""
        key = self.sshd.known_hosts.read_text().split(maxsplit=1)[1]
        self.trusted.write_text(f"[{NODE}]:{port} {key}")
        self.configure("integration_server", port=port)

    def command_line(self, *command: str) -> list[str]:
        """In the monitor's namespace."""
        ours = super().command_line(*command)
        return ["nsenter", f"--net=/run/netns/{self._ends.monitor}", *ours]
