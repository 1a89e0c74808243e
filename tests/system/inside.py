"""A whole world inside one machine: the installed service, its node, Abacos and the database."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql
import sqlalchemy as sa
import yaml

from tests.parts.abacos import Remote
from tests.parts.databases import PASSWORD, READER, USERNAME, Database, Kind
from tests.parts.front import Front
from tests.parts.node import NAMESPACE, Node
from tests.parts.sshd import keygen
from tests.system.machine import SOURCE, Disk, Machine

CONFIG = "/etc/ordermonit"
STATE = "/var/lib/ordermonit"
RAILS_ROOT = "/srv/integration/current"
NODE_USER = "deploy"
_MARIADB = "/srv/mariadb"
_ABACOS = "/srv/abacos"
_ABACOS_PORT = 8080
_DATABASE = "front"

#: The message id of "Starting …" (systemd.journal-fields(7), sd-messages.h).
STARTING = "7d4958e842da4a758f6c1cdc7b36dcc5"
#: Of "Finished …", when a oneshot service has done its work.
STARTED = "39f53479d3a045ac8e11786248231fbf"

_UNITS = {
    "ssh.service": (
        "RuntimeDirectory=sshd\nExecStart=/usr/sbin/sshd -D -e -f /srv/sshd/sshd_config"
    ),
    "mariadb.service": (
        "Type=notify\n"
        f"ExecStart=/usr/sbin/mariadbd --no-defaults --user=mysql --datadir={_MARIADB}/data"
        f" --socket={_MARIADB}/socket --bind-address=127.0.0.1 --skip-name-resolve"
        " --innodb-log-file-size=16M --innodb-buffer-pool-size=64M --innodb-fast-shutdown=2"
    ),
    "abacos.service": (
        "Environment=PYTHONDONTWRITEBYTECODE=1\n"
        f"WorkingDirectory={SOURCE}\n"
        f"ExecStart=/usr/bin/python3 -m tests.parts.abacos --port {_ABACOS_PORT} --dir {_ABACOS}"
    ),
}
_SSHD_CONFIG = """\
ListenAddress 127.0.0.1
HostKey /srv/sshd/host
AuthorizedKeysFile /srv/sshd/authorized_keys
PidFile none
UsePAM no
PasswordAuthentication no
"""


def furnish(machine: Machine) -> None:
    """Put the world into a machine that has the service installed and runs."""
    disk = machine.disk
    for name, service in _UNITS.items():
        unit = f"[Service]\n{service}\n\n[Install]\nWantedBy=multi-user.target\n"
        machine.write(f"/etc/systemd/system/{name}", unit)
    # No password, and not locked: sshd refuses accounts that are.
    machine.run("useradd", "--create-home", "--shell=/bin/sh", "--password=*", NODE_USER)
    disk.path(RAILS_ROOT).parent.mkdir(parents=True)
    Node(disk.path(RAILS_ROOT), f"http://127.0.0.1:{_ABACOS_PORT}/")
    machine.run("chown", "--recursive", f"{NODE_USER}:", RAILS_ROOT)
    _keys(machine)
    machine.run("install", "-d", "-o", "mysql", "-g", "mysql", _MARIADB)
    machine.run(
        *("mariadb-install-db", "--no-defaults", "--user=mysql", f"--datadir={_MARIADB}/data"),
        *("--skip-test-db", "--auth-root-authentication-method=normal"),
    )
    disk.path(_ABACOS).mkdir()
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "enable", "--now", *_UNITS)
    _account(disk)


def _keys(machine: Machine) -> None:
    disk = machine.disk
    sshd, ours = disk.path("/srv/sshd"), disk.path(f"{STATE}/.ssh")
    sshd.mkdir()
    (sshd / "sshd_config").write_text(_SSHD_CONFIG)
    keygen(sshd / "host")
    keygen(ours / "id_ed25519")
    shutil.copy(ours / "id_ed25519.pub", sshd / "authorized_keys")
    kind, key, *_ = (sshd / "host.pub").read_text().split()
    (ours / "known_hosts").write_text(f"127.0.0.1 {kind} {key}\n")
    machine.run("chown", "--recursive", "ordermonit:", f"{STATE}/.ssh")


def _account(disk: Disk) -> None:
    socket = str(disk.path(f"{_MARIADB}/socket"))
    with pymysql.connect(unix_socket=socket, user="root") as root, root.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {_DATABASE} CHARACTER SET utf8mb4")
        cursor.execute(f"CREATE USER {USERNAME} IDENTIFIED BY '{PASSWORD}'")
        cursor.execute(f"GRANT ALL ON {_DATABASE}.* TO {USERNAME}")
        cursor.execute(f"CREATE USER {READER} IDENTIFIED BY '{PASSWORD}'")
        cursor.execute(f"GRANT SELECT ON {_DATABASE}.* TO {READER}")


@dataclass(frozen=True, slots=True)
class _Socket(Database):
    """The machine's database: the service reaches it by TCP, we by its socket's file."""

    @property
    def url(self) -> sa.URL:
        way = {"unix_socket": str(self.socket)}
        return sa.URL.create("mysql+pymysql", USERNAME, PASSWORD, database=self.name, query=way)


class _Node(Node):
    """The node that is there already."""

    def __init__(self, directory: Path) -> None:
        self.rails_root = directory
        self._namespace = NAMESPACE
        self._settings = json.loads((directory / "settings.json").read_text())


class _Abacos(Remote):
    """Steered from inside the machine: its network is its own."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine.disk.path(_ABACOS))
        self._machine = machine

    def _do(self, what: str, **arguments: object) -> None:
        script = "import sys, urllib.request as u; u.urlopen(sys.argv[1], sys.stdin.buffer.read())"
        address = f"{self._control}/{what}"
        self._machine.run("/usr/bin/python3", "-c", script, address, stdin=json.dumps(arguments))


class Inside:
    """The world of a furnished machine, from outside. `files` are the four of /etc/ordermonit."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        disk = machine.disk
        database = _Socket(Kind.MARIADB, _DATABASE, 3306, disk.path(f"{_MARIADB}/socket"))
        machine.wait(database.socket.exists if database.socket else bool, "MariaDB's socket")
        self.front = Front(database)
        self.node = _Node(disk.path(RAILS_ROOT))
        self.files: dict[str, dict[str, Any]] = {}

    @property
    def abacos(self) -> _Abacos:
        """The stand-in, which may be another process since the last look."""
        where = self.machine.disk.path(f"{_ABACOS}/abacos.json")
        self.machine.wait(where.exists, "Abacos to be up")
        return _Abacos(self.machine)

    def configure(self, name: str, **settings: object) -> None:
        """Change keys of one of the four files, and write it."""
        self.files[name] |= settings
        text = yaml.safe_dump(self.files[name], sort_keys=False)
        self.machine.write(f"{CONFIG}/{name}.yml", text, 0o640)

    def fresh(self) -> None:
        """As after the installation: nothing runs, the usual configuration, a new checkpoint."""
        stop = (
            "systemctl disable --now --quiet ordermonit.timer && systemctl stop ordermonit.service"
            " && systemctl reset-failed"
            f" && rm -f {STATE}/checkpoint* {STATE}/cycles {STATE}/lock {STATE}/alerts"
            f" {CONFIG}/alerts.yml"
        )
        self.machine.run("sh", "-c", stop)
        self.node.behave_well()
        self.abacos.work()
        self.files = {
            "service": {"running_cycle": 600, "downtime_wait": 1, "max_orders_per_request": 50},
            "process": {"log_output": True},
            "integration_server": {
                "host": "127.0.0.1",
                "username": NODE_USER,
                "rails_root": RAILS_ROOT,
                "rake": "rake",
                "tasks": self.node.task_names(),
                "task_timeout": 20,
            },
            "database": self.front.settings(),
        }
        for name in self.files:
            self.configure(name)
        self.machine.run("sh", "-c", "systemctl daemon-reload && ordermonit init --latest")

    def sell(self, how_many: int, state: str = "authorized") -> list[str]:
        """So many orders that never reach Abacos by themselves; their numbers."""
        numbers = [str(number) for number in self.front.add_many(how_many, state)]
        self.node.know(self.front.states())
        return numbers

    def starts(self) -> list[float]:
        """When each cycle was started, in seconds of the monotonic clock."""
        entries = self.machine.journal("UNIT=ordermonit.service", f"MESSAGE_ID={STARTING}")
        return [int(entry["__MONOTONIC_TIMESTAMP"]) / 1e6 for entry in entries]

    def story(self, number: str) -> list[str]:
        """The events of one order, in the journal's order."""
        return [each["ORDERMONIT_EVENT"] for each in self.machine.journal(f"ORDER_NUMBER={number}")]

    def cycle(self, expect: int = 0) -> None:
        """Run one cycle now, as the service; its exit code must be the expected one."""
        self.machine.run("systemctl", "start", "ordermonit.service", check=expect == 0)
        shown = self.machine.show("ordermonit.service", "ExecMainStatus")
        assert shown["ExecMainStatus"] == str(expect)
