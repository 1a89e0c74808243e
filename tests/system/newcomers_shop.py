"""What a newcomer finds: a shop on MariaDB's socket, a node behind a bastion, and Abacos."""

from tests.parts.node import Node
from tests.system.machine import SOURCE, Machine

BASTION, NODE = "bastion.shop.example", "node.shop.example"
RAILS_ROOT = "/srv/shop/current"

_MARIADB = "/srv/mariadb"
_ABACOS = "/srv/abacos"
_ABACOS_PORT = 8080
_ADDRESSES = {BASTION: "127.0.0.2", NODE: "127.0.0.3"}
_USERS = {BASTION: "jump", NODE: "deploy"}

#: As `rails new` wrote it for years, with what the host of the shop made of it.
_DATABASE_YML = """\
default: &default
  adapter: mysql2
  encoding: utf8mb4
  pool: <%= ENV.fetch("RAILS_MAX_THREADS") { 5 } %>
  username: <%= ENV.fetch("SHOP_DATABASE_USER", "ordermonit") %>
  password: <%= ENV["SHOP_DATABASE_PASSWORD"] %>
  host: localhost

development:
  <<: *default
  database: shop_development

production:
  <<: *default
  database: shop_production
"""

_MARIADB_UNIT = (
    "Type=notify\nUser=mysql\nRuntimeDirectory=mysqld\n"
    f"ExecStart=/usr/sbin/mariadbd --no-defaults --datadir={_MARIADB}"
    " --socket=/run/mysqld/mysqld.sock --skip-networking"
    " --innodb-log-file-size=16M --innodb-buffer-pool-size=64M --innodb-fast-shutdown=2"
)
_ABACOS_UNIT = (
    "Environment=PYTHONDONTWRITEBYTECODE=1\n"
    f"WorkingDirectory={SOURCE}\n"
    f"ExecStart=/usr/bin/python3 -m tests.parts.abacos --port {_ABACOS_PORT} --dir {_ABACOS}"
)
_SSHD_UNIT = "RuntimeDirectory=sshd\nExecStart=/usr/sbin/sshd -D -e -f /srv/sshd/{name}/sshd_config"
_SSHD_CONFIG = """\
ListenAddress {address}
HostKey /srv/sshd/{name}/host
PidFile none
UsePAM no
PasswordAuthentication no
AllowUsers {user}
"""
_ORDERS = """\
CREATE TABLE shop_production.orders (id BIGINT AUTO_INCREMENT PRIMARY KEY, number BIGINT,
state VARCHAR(255), created_at DATETIME, updated_at DATETIME)"""


class Shop:
    """It sells, and its queue loses everything."""

    def __init__(self, machine: Machine, node: Node) -> None:
        self._machine, self._node = machine, node

    def sells(self, *numbers: int) -> None:
        """Orders whose payment is authorized."""
        rows = ", ".join(
            f"({each}, 'authorized', utc_timestamp(), utc_timestamp())" for each in numbers
        )
        columns = "number, state, created_at, updated_at"
        self._machine.run(
            "mariadb", "-e", f"INSERT INTO shop_production.orders ({columns}) VALUES {rows}"
        )
        self._node.know({str(each): "authorized" for each in numbers})


def build(machine: Machine) -> Shop:
    """Put it all into a machine that has the service installed and runs."""
    disk = machine.disk
    hosts = disk.path("/etc/hosts").read_text()
    names = "".join(f"{address} {name}\n" for name, address in _ADDRESSES.items())
    machine.write("/etc/hosts", hosts + names)
    machine.write("/root/shop/config/database.yml", _DATABASE_YML)
    units = {"shop-database": _MARIADB_UNIT, "abacos": _ABACOS_UNIT}
    for name, user in _USERS.items():
        units[f"sshd-{user}"] = _SSHD_UNIT.format(name=name)
        # No password, and not locked: sshd refuses accounts that are.
        machine.run("useradd", "--create-home", "--shell=/bin/sh", "--password=*", user)
        machine.run("install", "-d", "-m", "700", "-o", user, "-g", user, f"/home/{user}/.ssh")
        config = _SSHD_CONFIG.format(name=name, address=_ADDRESSES[name], user=user)
        machine.write(f"/srv/sshd/{name}/sshd_config", config)
        machine.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"/srv/sshd/{name}/host")
    for unit, service in units.items():
        machine.write(f"/etc/systemd/system/{unit}.service", f"[Service]\n{service}\n")
    disk.path(RAILS_ROOT).parent.mkdir(parents=True)
    node = Node(disk.path(RAILS_ROOT), f"http://127.0.0.1:{_ABACOS_PORT}/")
    machine.run("chown", "--recursive", f"{_USERS[NODE]}:", RAILS_ROOT)
    machine.run("install", "-d", "-o", "mysql", "-g", "mysql", _MARIADB)
    machine.run(
        *("mariadb-install-db", "--no-defaults", "--user=mysql", f"--datadir={_MARIADB}"),
        *("--skip-test-db", "--auth-root-authentication-method=normal"),
    )
    disk.path(_ABACOS).mkdir()
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", *units)
    machine.run("mariadb", "-e", f"CREATE DATABASE shop_production; {_ORDERS}")
    return Shop(machine, node)
