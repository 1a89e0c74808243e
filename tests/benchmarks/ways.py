"""The ways to integrate a batch of orders: ours, what a shop would script, and the limit."""

import json
import os
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.measure import Cost, run
from tests.benchmarks.place import Batch, Place, program

_FABRIC = """\
import sys
from fabric import Config, Connection
host, port, user, key, known_hosts, *tasks = sys.argv[1:]
connection = Connection(host, user, int(port), connect_kwargs={"key_filename": key})
connection.client.load_host_keys(known_hosts)
for task in tasks:
    connection.run(task, hide=True, in_stream=False)
connection.close()
"""

Way = Callable[[Place, Batch], Cost]


def ours(place: Place, batch: Batch) -> Cost:
    """`ordermonit cycle`. Proves its one connection and its one boot."""
    config = place.config()
    command = [*program(config, place.state_at(config, batch.head)), "cycle"]
    return run(command)


def traced(place: Place, config: Path, orders: int) -> tuple[dict[str, float], dict[str, int]]:
    """A cycle with a stopwatch on its parts: the seconds of each, and how often it was done."""
    batch = place.batch(orders)
    state = place.state_at(config, batch.head)
    result = place.directory / "traced.json"
    command = [sys.executable, "-m", "tests.benchmarks.traced"]
    environment = {**os.environ, "BEGUN": str(time.time())}
    run([*command, str(result), str(config), str(state)], environment)
    place.refuse_wrong(batch, "traced")
    said = json.loads(result.read_text())
    return said["seconds"], said["counts"]


def limit(place: Place, batch: Batch) -> Cost:
    """One rake process on the node that does all the tasks; no SSH, no check, no checkpoint."""
    return _in_process(place, _tasks(batch))


def asking_limit(place: Place, batch: Batch) -> Cost:
    """The same, with a check before and after each insertion, as rule C4 wants it."""
    operations = []
    for task, number in _tasks(batch):
        asked = [("order_exists", number)] if task == "insert_order" else []
        operations += [*asked, (task, number), *asked]
    return _in_process(place, operations)


def only_asking(place: Place, batch: Batch) -> Cost:
    """One rake process on the node that asks about each order, and does no task."""
    return _in_process(place, [("order_exists", number) for number in batch.numbers])


def _in_process(place: Place, operations: list[tuple[str, int]]) -> Cost:
    file = place.directory / "operations"
    file.write_text("".join(f"{operation} {number}\n" for operation, number in operations))
    return run(["sh", "-c", _rake(place, f"everything[{file}]")])


def shell_loop(place: Place, batch: Batch) -> Cost:
    """`ssh node rake …` for each order and task, one after the other."""
    return run(["sh", "-c", _loop(place, batch, _ssh(place))])


def control_master(place: Place, batch: Batch) -> Cost:
    """The same over one connection that OpenSSH keeps open."""
    socket = place.directory / "master"
    shared = f"{_ssh(place)} -o ControlPath={socket}"
    target = _target(place)
    script = f"{shared} -MNf {target} && {_loop(place, batch, shared)} && {shared} -O exit {target}"
    return run(["sh", "-c", script])


def fabric(place: Place, batch: Batch) -> Cost:
    """The same tasks, run by Fabric over one connection."""
    sshd = place.sshd
    where = ["127.0.0.1", str(sshd.port), sshd.username, str(sshd.key), str(sshd.known_hosts)]
    return run([sys.executable, "-c", _FABRIC, *where, *_commands(place, batch)])


def measured(way: Way, place: Place, orders: int) -> Callable[[], Cost]:
    """A run of the way on a fresh batch, whose effects at Abacos are checked after it."""

    def measure() -> Cost:
        batch = place.batch(orders)
        boots, logins = len(place.node.boots()), place.sshd.logins()
        begun = time.monotonic()
        cost = way(place, batch)
        place.refuse_wrong(batch, way.__name__)
        boots, logins = len(place.node.boots()) - boots, place.sshd.logins() - logins
        if way is ours and (boots, logins) != (1, 1):
            raise RuntimeError(f"a cycle took {logins} SSH connections and {boots} Rails boots")
        took = time.monotonic() - begun
        print(
            f"  {way.__name__:15} {orders:4} orders {cost.wall:7.2f} s"
            f"  ({logins} connections, {boots} boots; {took:.1f} s)",
            file=sys.stderr,
        )
        return cost

    return measure


def _rake(place: Place, task: str) -> str:
    root = shlex.quote(str(place.node.rails_root))
    return f"cd {root} && RAILS_ENV=production LANG=C.UTF-8 rake {shlex.quote(task)}"


def _tasks(batch: Batch) -> list[tuple[str, int]]:
    tasks = []
    for number in batch.numbers:
        tasks.append(("insert_order", number))
        if number in batch.authorized:
            tasks.append(("confirm_payment", number))
    return tasks


def _commands(place: Place, batch: Batch) -> list[str]:
    return [_rake(place, f"{task}[{number}]") for task, number in _tasks(batch)]


def _loop(place: Place, batch: Batch, ssh: str) -> str:
    target = _target(place)
    commands = _commands(place, batch)
    return " && ".join(f"{ssh} {target} {shlex.quote(command)}" for command in commands)


def _target(place: Place) -> str:
    return f"{place.sshd.username}@127.0.0.1"


def _ssh(place: Place) -> str:
    sshd = place.sshd
    options = {
        "IdentityFile": sshd.key,
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": sshd.known_hosts,
        "StrictHostKeyChecking": "yes",
        "BatchMode": "yes",
    }
    words = " ".join(f"-o {name}={shlex.quote(str(value))}" for name, value in options.items())
    return f"ssh -n -F none -p {sshd.port} {words}"
