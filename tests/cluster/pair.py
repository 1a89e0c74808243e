"""Two monitors under Pacemaker, as docs/standby.md has them set up, and the shop they watch."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.cluster.hosts import ADDRESSES, Host, Switch, booted, install_pacemaker
from tests.parts.processes import wait_until
from tests.system.inside import CONFIG, NODE_USER, RAILS_ROOT, STATE, Inside
from tests.system.machine import SOURCE, Disk, Disks

#: Seconds; 120 is the default, and the wait for it would be most of every scene.
RUNNING_CYCLE = 5

_PACEMAKER = SOURCE / "packaging" / "pacemaker"
_CHECK = "Abacos::PaymentAPI.confirmed?(number)"


class Pair:
    """The monitors, by name, and all that they work for."""

    def __init__(self, hosts: dict[str, Host], switch: Switch) -> None:
        self.switch = switch
        self.inside = Inside(hosts["node"])
        self.monitors = [hosts["monitor-a"], hosts["monitor-b"]]

    def active(self) -> list[Host]:
        """Those whose timer is active."""
        return [host for host in self.monitors if is_active(host)]

    def roles(self) -> tuple[Host, Host]:
        """The one that is active, and the other one; once they are in their places."""
        wait_until(self.is_whole, "both to be members and one of them active", 120)
        (active,) = self.active()
        (other,) = (host for host in self.monitors if host is not active)
        return active, other

    def is_whole(self) -> bool:
        """Whether each sees both, and the timer is active on one."""
        both = all(_sees_both(host) for host in self.monitors)
        return both and len(self.active()) == 1

    def refusals(self, since: float) -> int:
        """How many cycles the node's lock refused, on either."""
        words = ["journalctl", "--quiet", "--identifier=ordermonit", f"--since=@{since:.0f}"]
        found = [host.run(*words, "--grep=another monitor works on", check=False).stdout
                 for host in self.monitors]  # fmt: skip
        return sum(len(text.splitlines()) for text in found)


def is_active(host: Host) -> bool:
    """Whether its timer is."""
    if not host.is_on:
        return False
    return host.run("systemctl", "is-active", "ordermonit.timer", check=False).returncode == 0


def _sees_both(host: Host) -> bool:
    seen = host.run("crm_node", "--partition", check=False).stdout
    return all(each in seen.split() for each in ADDRESSES if each.startswith("monitor"))


def join(host: Host) -> None:
    """Start the cluster's part on it."""
    host.run("systemctl", "start", "corosync", "pacemaker")


@contextmanager
def pair(disks: Disks, furnished: Disk, installed: Disk) -> Iterator[Pair]:
    """Everything up, and one monitor at work."""
    below = (furnished.changes, installed.changes)
    pacemaker = disks.new("pacemaker", *below)
    install_pacemaker(pacemaker)
    disks.freeze(pacemaker)
    own = {name: (pacemaker.changes, *below) for name in ADDRESSES if name != "node"}
    made = {name: disks.new(name, *layers) for name, layers in {"node": below, **own}.items()}
    for name, disk in made.items():
        _furnish(disk, name)
    with booted(made) as (hosts, switch):
        found = Pair(hosts, switch)
        for host in found.monitors:
            other = next(each for each in found.monitors if each is not host)
            _configure(found.inside, host, other)
            host.run("sh", "-c", "systemctl daemon-reload && ordermonit init --latest")
            join(host)
        first = found.monitors[0]
        wait_until(lambda: all(map(_sees_both, found.monitors)), "the cluster to form", 120)
        load = ("cibadmin", "--modify", "--allow-create", "--scope=configuration", "--xml-pipe")
        first.run(*load, stdin=(_PACEMAKER / "ordermonit.xml").read_text())
        found.roles()
        yield found


def _furnish(disk: Disk, name: str) -> None:
    disk.path("/etc/machine-id").write_text("")
    disk.path("/etc/hostname").write_text(f"{name}\n")
    _replace(disk.path("/srv/sshd/sshd_config"), "127.0.0.1", "0.0.0.0")
    if name == "node":
        unit = disk.path("/etc/systemd/system/mariadb.service")
        _replace(unit, "--bind-address=127.0.0.1", "--bind-address=0.0.0.0")
        return
    for unit_name in ("mariadb.service", "abacos.service"):
        disk.path(f"/etc/systemd/system/multi-user.target.wants/{unit_name}").unlink()
    # What docs/standby.md has typed for a login by key that runs one command.
    _replace(disk.path("/etc/passwd"), f"{STATE}:/usr/sbin/nologin", f"{STATE}:/bin/sh")
    _replace(disk.path("/etc/shadow"), "ordermonit:!*:", "ordermonit:*:")
    forced = 'restrict,command="ordermonit receive" ssh-'
    _replace(disk.path("/srv/sshd/authorized_keys"), "ssh-", forced)
    known = ",".join(ADDRESSES.values())
    _replace(disk.path(f"{STATE}/.ssh/known_hosts"), "127.0.0.1", known)
    text = (_PACEMAKER / "corosync-fencing.conf").read_text()
    text = text.replace("192.0.2.1", ADDRESSES["monitor-a"])
    directory = disk.path("/etc/corosync")
    (directory / "corosync.conf").write_text(text.replace("192.0.2.2", ADDRESSES["monitor-b"]))
    (directory / "authkey").write_bytes(bytes(range(256)))
    (directory / "authkey").chmod(0o400)


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text, f"{file} has no {old}"
    mode = file.stat().st_mode
    owner = file.stat()
    file.write_text(text.replace(old, new, 1))
    shutil.chown(file, owner.st_uid, owner.st_gid)
    file.chmod(mode)


def _configure(inside: Inside, host: Host, other: Host) -> None:
    node = ADDRESSES["node"]
    files: dict[str, dict[str, object]] = {
        "service": {
            "running_cycle": RUNNING_CYCLE,
            "downtime_wait": 1,
            "max_orders_per_request": 50,
            "follow_payments": "all",
            "standby": f"ordermonit@{other.address}",
        },
        "process": {},
        "integration_server": {
            "host": node,
            "username": NODE_USER,
            "rails_root": RAILS_ROOT,
            "rake": "rake",
            "tasks": inside.node.task_names(),
            "checks": {"payment_confirmed": _CHECK},
            "connect_timeout": 5,
            "task_timeout": 20,
        },
        "database": inside.front.settings() | {"host": node},
    }
    for name, content in files.items():
        host.write(f"{CONFIG}/{name}.yml", yaml.safe_dump(content, sort_keys=False), 0o640)


def sell_for(pair: Pair, seconds: float) -> list[str]:
    """One order a second."""
    sold: list[str] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sold += pair.inside.sell(1)
        time.sleep(1)
    return sold
