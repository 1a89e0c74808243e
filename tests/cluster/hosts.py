"""Three booted machines on one switch: two monitors with Pacemaker, and one with all the rest."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.parts.processes import wait_until
from tests.system.machine import Disk, Machine

#: Of the node (which has the database and Abacos too), and of the monitors.
ADDRESSES = {"node": "10.77.0.3", "monitor-a": "10.77.0.1", "monitor-b": "10.77.0.2"}

_PACKAGES = ("pacemaker", "pacemaker-cli-utils", "corosync")

#: In a mount namespace of its own; nothing that is installed is started.
_INSTALL = """
mount -t proc proc "$0/proc"
mount --rbind /dev "$0/dev"
printf '#!/bin/sh\\nexit 101\\n' >"$0/usr/sbin/policy-rc.d"
chmod 755 "$0/usr/sbin/policy-rc.d"
chroot "$0" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@"
rm "$0/usr/sbin/policy-rc.d"
chroot "$0" systemctl disable corosync pacemaker
"""

#: Puts a machine into control groups of its own, before it is one: two of them would share one.
_GROUPS = """
for group in $0; do
    mkdir -p "$group"
    echo $$ >"$group/cgroup.procs"
done
exec "$@"
"""


def install_pacemaker(disk: Disk) -> None:
    """Debian's own packages, from where apt gets them here."""
    subprocess.run(
        ["unshare", "--mount", "sh", "-euc", _INSTALL, disk.root, *_PACKAGES],
        check=True,
        stdout=subprocess.DEVNULL,
    )


class Switch:
    """A network namespace for each machine, and a bridge between them in one more."""

    def __init__(self) -> None:
        self._prefix = f"om{os.getpid()}-"
        self._bridge = f"{self._prefix}switch"

    def __enter__(self) -> "Switch":
        _ip("netns", "add", self._bridge)
        self._inside("link", "add", "switch", "type", "bridge")
        self._inside("link", "set", "switch", "up")
        for name, address in ADDRESSES.items():
            space = f"{self._prefix}{name}"
            _ip("netns", "add", space)
            pair = ("type", "veth", "peer", "name", "eth0", "netns", space)
            self._inside("link", "add", name, *pair)
            self._inside("link", "set", name, "master", "switch", "up")
            for change in (
                ("link", "set", "lo", "up"),
                ("address", "add", f"{address}/24", "dev", "eth0"),
                ("link", "set", "eth0", "up"),
            ):
                _ip("-netns", space, *change)
        return self

    def __exit__(self, *_: object) -> None:
        for space in (self._bridge, *(f"{self._prefix}{name}" for name in ADDRESSES)):
            subprocess.run(["ip", "netns", "delete", space], check=False)

    def path(self, name: str) -> str:
        """The machine's network namespace."""
        return f"/run/netns/{self._prefix}{name}"

    def cut(self, name: str) -> None:
        """Pull its cable."""
        self._inside("link", "set", name, "down")

    def join(self, name: str) -> None:
        """Plug it in again."""
        self._inside("link", "set", name, "up")

    def _inside(self, *words: str) -> None:
        _ip("-netns", self._bridge, *words)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


class Host(Machine):
    """A machine on the switch, which can be frozen as a whole."""

    def __init__(self, disk: Disk, name: str, switch: Switch) -> None:
        self.name = name
        self.address = ADDRESSES[name]
        top = Path("/sys/fs/cgroup")
        self._is_old = (top / "freezer").is_dir()
        tops = [top / each for each in ("systemd", "freezer", "unified")] if self._is_old else [top]
        self._groups = [each / f"om-{os.getpid()}-{name}" for each in tops]
        groups = " ".join(map(str, self._groups))
        super().__init__(
            disk,
            *("sh", "-euc", _GROUPS, groups),
            network=f"--network-namespace-path={switch.path(name)}",
        )

    def __exit__(self, *_: object) -> None:
        self.thaw()
        self.kill()
        wait_until(lambda: all(map(_removed, self._groups)), f"{self.name} to be gone")

    @property
    def is_on(self) -> bool:
        """Whether it runs, frozen or not."""
        return self._leader() is not None

    def freeze(self) -> None:
        """Not one of its processes runs any more, until `thaw`."""
        self._freeze("FROZEN", "1")

    def thaw(self) -> None:
        """As if nothing had been."""
        self._freeze("THAWED", "0")

    def _freeze(self, old: str, new: str) -> None:
        if self._is_old:
            (self._groups[1] / "freezer.state").write_text(old)
        else:
            (self._groups[0] / "cgroup.freeze").write_text(new)


def _removed(group: Path) -> bool:
    """Whether the control group, with those in it, is gone: the last process may be dying."""
    for each in (
        *(found for found in sorted(group.rglob("*"), reverse=True) if found.is_dir()),
        group,
    ):
        with suppress(OSError):
            each.rmdir()
    return not group.exists()


@contextmanager
def booted(disks: dict[str, Disk]) -> Iterator[tuple[dict[str, Host], Switch]]:
    """The machines of these disks, by their names."""
    with Switch() as switch:
        hosts = {name: Host(disk, name, switch) for name, disk in disks.items()}
        try:
            for host in hosts.values():
                host.boot()
            yield hosts, switch
        finally:
            for host in hosts.values():
                host.__exit__()
