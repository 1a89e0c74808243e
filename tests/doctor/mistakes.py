"""What may be wrong with an installation: how it comes about, and what has to be said about it."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ordermonit.state.checkpoint import Checkpoint
from ordermonit.state.directory import State
from tests.doctor.shop import Shop
from tests.parts.databases import USERNAME
from tests.parts.node import OrderExists
from tests.parts.processes import free_port


@dataclass(frozen=True)
class Seed:
    """One mistake: how it is made, the part that has it, and what has to be said about it."""

    make: Callable[[Shop], object]
    part: str
    severity: str
    found: str
    remedy: str
    exit: int = 0


def _write(file: str, text: str) -> Callable[[Shop], object]:
    return lambda shop: (shop.world.config / file).write_text(text)


def _file(name: str, text: str, mode: int) -> Callable[[Shop], None]:
    def write(shop: Shop) -> None:
        file = shop.world.config / name
        file.write_text(text)
        file.chmod(mode)

    return write


def _node(**settings: object) -> Callable[[Shop], None]:
    return lambda shop: shop.world.configure("integration_server", **settings)


def _database(**settings: object) -> Callable[[Shop], None]:
    return lambda shop: shop.world.configure("database", **settings)


def _checkpoint(change: Callable[[Path], object]) -> Callable[[Shop], object]:
    return lambda shop: change(shop.world.state / "checkpoint")


def _add_future_order(shop: Shop) -> None:
    shop.world.front.add(1_002_001, id=10, created_at=datetime.now(UTC) + timedelta(hours=3))


def _empty_state(shop: Shop) -> None:
    for file in shop.world.state.glob("checkpoint*"):
        file.unlink()


def _copy_without_key(shop: Shop) -> None:
    with shop.world.front.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS copied AS SELECT * FROM orders")
    shop.world.configure("database", orders={"table": "copied"})


def _take_passphrase(shop: Shop) -> None:
    key = str(shop.world.sshd.key)
    command = ["ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", key]
    subprocess.run(command, check=True)


def _know_another_key(shop: Shop) -> None:
    sshd = shop.world.sshd
    other = shop.directory / "other"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True, input=b"y\n"
    )
    kind, key, *_ = other.with_suffix(".pub").read_text().split()
    sshd.known_hosts.write_text(f"[127.0.0.1]:{sshd.port} {kind} {key}\n")


SEEDS = {
    "a misspelt key": Seed(
        _write("service.yml", "runing_cycle: 60\n"),
        *("configuration", "error", "did you mean running_cycle", "Correct what is named", 78),
    ),
    "a missing file": Seed(
        lambda shop: (shop.world.config / "process.yml").rename(shop.directory / "away.yml"),
        *("configuration", "error", "process.yml: ", "Correct what is named", 78),
    ),
    "a password that everybody may read": Seed(
        lambda shop: (shop.world.config / "database.yml").chmod(0o644),
        *("configuration", "warning", "everybody on this machine may read", "chmod o= "),
    ),
    "variables that everybody may read": Seed(
        _file("environment", "A=1\n", 0o644),
        *("configuration", "warning", "environment has variables for database.yml", "chmod o= "),
    ),
    "channels that everybody may read": Seed(
        _file("alerts.yml", "channels: ['json://token@hook/']\n", 0o644),
        *("configuration", "warning", "alerts.yml has secrets in its URLs", "chmod o= "),
    ),
    "a misspelt key of alerts.yml": Seed(
        _file("alerts.yml", "chanels: []\n", 0o640),
        *("configuration", "warning", "did you mean channels", "Correct what is named"),
    ),
    "a private key that others may read": Seed(
        lambda shop: shop.world.sshd.key.chmod(0o644),
        *("configuration", "warning", "is open to others", "chmod 600 "),
    ),
    "no state directory": Seed(
        lambda shop: shop.world.state.rename(shop.directory / "away"),
        *("state", "error", "there is no state directory", "ordermonit init --latest", 65),
    ),
    "a state directory for everybody": Seed(
        lambda shop: shop.world.state.chmod(0o755),
        *("state", "warning", "mode 755: others may look", "chmod 700 "),
    ),
    "no checkpoint": Seed(
        _empty_state,
        *("checkpoint", "error", "there is no checkpoint", "ordermonit init --latest", 65),
    ),
    "a damaged checkpoint": Seed(
        _checkpoint(lambda file: file.write_bytes(file.read_bytes()[:-9])),
        *("checkpoint", "error", "is damaged: it is cut off", "ordermonit recover", 65),
    ),
    "a damaged predecessor": Seed(
        _checkpoint(lambda file: file.with_suffix(".previous").write_text("?")),
        *("checkpoint", "warning", "can't be used either", "its next write replaces"),
    ),
    "no database server": Seed(
        _database(port=free_port()),
        *("database", "error", "is down", "Look at the database server", 75),
    ),
    "a wrong password": Seed(
        _database(password="wrong"),
        *("database", "error", "refuses us: ", "Correct the username, password", 78),
    ),
    "another database": Seed(
        _database(database="elsewhere"),
        *("database", "error", "refuses us: ", "Correct the username, password or database", 78),
    ),
    "another table": Seed(
        _database(orders={"table": "carts"}),
        *("database", "error", "(table carts)", "Correct the table and column names", 78),
    ),
    "another column": Seed(
        _database(orders={"number": "code"}),
        *("database", "error", "Unknown column", "Correct the table and column names", 78),
    ),
    "one column for two": Seed(
        _database(orders={"state": "id"}),
        *("configuration", "error", 'found "id", the column of id too', "Correct what", 78),
    ),
    "a text for an id": Seed(
        _database(orders={"id": "updated_at"}),
        *(
            "database",
            "error",
            "updated_at of orders has no whole",
            "Correct id under `orders`",
            78,
        ),
    ),
    "an id without an index": Seed(
        _copy_without_key,
        *("database", "error", "reads the whole table", "Correct id under `orders`", 78),
    ),
    "a user who may write": Seed(
        _database(username=USERNAME),
        *("database", "warning", f"{USERNAME} may change orders (", "GRANT SELECT ON orders"),
    ),
    "a restored database": Seed(
        lambda shop: State(shop.world.state).write(Checkpoint(10)),
        *("database", "error", "HEAD is 10, but the newest order", "type: ordermonit head", 65),
    ),
    "local times in the Front": Seed(
        _add_future_order,
        *("clock", "warning", "in the future: the Front's times are not UTC", "min_order_age at 0"),
    ),
    "a host without a name": Seed(
        _node(host="node.invalid"),
        *("node", "error", "the name node.invalid does not resolve", "Correct host in", 75),
    ),
    "no SSH server": Seed(
        _node(port=free_port()),
        *("node", "error", "can't be reached: Connection refused", "the next cycle tries", 75),
    ),
    "an unknown host key": Seed(
        lambda shop: shop.world.sshd.known_hosts.write_text(""),
        *("node", "error", "no host key of 127.0.0.1", "ssh-keyscan -p ", 77),
    ),
    "another host key": Seed(
        _know_another_key,
        *("node", "error", "is not the known one", "ssh-keygen -f ", 77),
    ),
    "a key that the node doesn't know": Seed(
        Shop.change_key,
        *("node", "error", "does not let ", "ssh-copy-id -i ", 77),
    ),
    "no private key": Seed(
        _node(private_key="/nowhere/id_rsa"),
        *("configuration", "error", "private_key", "Correct what is named", 78),
    ),
    "a key with a passphrase": Seed(
        _take_passphrase,
        *("node", "error", "has a passphrase", "ssh-keygen -p -N ''", 78),
    ),
    "another rails_root": Seed(
        _node(rails_root="/srv/nothing"),
        *("node", "error", "can't enter /srv/nothing", "Correct rails_root", 78),
    ),
    "an environment that does not arrive": Seed(
        _node(rake="env -u RAILS_ENV rake"),
        *("node", "error", "sees no RAILS_ENV, not production", "-e RAILS_ENV=production", 78),
    ),
    "no rake": Seed(
        _node(rake="no-such-rake"),
        *("node", "error", "`no-such-rake` can't be run", "give the full path in rake", 78),
    ),
    "a task that is not there": Seed(
        _node(tasks={"insert_order": "shop:insert"}),
        *("node", "error", "has no task shop:insert", "correct tasks", 78),
    ),
    "a check that is no Ruby": Seed(
        _node(checks={"order_exists": "(number"}),
        *("node", "error", "the check order_exists is no Ruby", "Correct checks: order_exists", 78),
    ),
    "a check that this node doesn't have": Seed(
        lambda shop: shop.world.node.configure(order_exists=OrderExists.NO_METHOD),
        *("node", "warning", "order_exists can't be used", "Correct checks: order_exists"),
    ),
    "a check that doesn't find what is there": Seed(
        _node(checks={"order_exists": "number.nil?"}),
        *("node", "warning", "says no for order 1001003", "correct checks: order_exists"),
    ),
    "a Rails that doesn't boot": Seed(
        lambda shop: shop.world.node.quirk("environment", "raises", "no such database"),
        *("node", "error", "Rails does not boot", "`rake environment`", 75),
    ),
    "a lock that can't be made": Seed(
        _node(lock_file="/proc/ordermonit.lock"),
        *("node", "error", "/proc/ordermonit.lock can't be made", "set lock_file", 78),
    ),
    "an Abacos that is down": Seed(
        lambda shop: shop.world.abacos.down(),
        *("node", "error", "Abacos gives no answer to order_exists", "Look at Abacos", 75),
    ),
}
