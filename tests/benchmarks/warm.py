"""Rails that stays booted on the node (keep_booted): the time of a cycle, and a day of the node."""

import random
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks import ways
from tests.benchmarks.measure import Cost, in_turns, median, ratio, run
from tests.benchmarks.place import Place, program
from tests.benchmarks.report import Table
from tests.benchmarks.ways import measured

_ORDERS = 5
_BOOTS = (0, 2, 8)

#: A day has so many orders, and cycles.
_DAY_ORDERS, _DAY_CYCLES = 1000, 720

#: As many cycles as Rails stays booted at most (LIFE in warm.rb): one boot, and sessions that find
#: it. Of those that boot each time a few have to do.
_WARM_CYCLES, _COLD_CYCLES = 60, 12


#: What there is before the node's first answer, as traced.py calls it.
_BEFORE = {
    "interpreter": "Python starts",
    "imports": "imports of every cycle: SQLAlchemy is more than half of them",
    "configuration": "the configuration",
    "plan": "the Front is asked",
    "imports for SSH": "imports for SSH: asyncssh and cryptography",
    "connect": "TCP, key exchange and login",
    "boot": "the node: sshd starts a process, which finds Rails booted",
}


def warm(place: Place, runs: int) -> list[Table]:
    """All three tables."""
    return [_walls(place, runs), _parts(place, runs), _day(place)]


def _config(place: Place) -> Path:
    directory = place.directory / "warm"
    if not directory.exists():
        place.configuration(directory, place.front.settings())
        with (directory / "integration_server.yml").open("a") as file:
            file.write("keep_booted: 600\n")
    return directory


@contextmanager
def _booted(place: Place) -> Iterator[None]:
    """Rails stays booted inside it, and not before or after."""
    config = _config(place)
    _cycle(place, config, _ORDERS)
    yield
    run([*program(config, place.directory), "node", "end"])


def _cycle(place: Place, config: Path, orders: int) -> Cost:
    """A cycle that finds so many new orders."""
    batch = place.batch(orders)
    cost = run([*program(config, place.state_at(config, batch.head)), "cycle"])
    place.refuse_wrong(batch, "warm")
    return cost


def _on_the_node(place: Place) -> Cost:
    """The same tasks and checks by one booted process on the node: its own time for them."""
    batch = place.batch(_ORDERS)
    ways.asking_limit(place, batch)
    place.refuse_wrong(batch, "booted")
    return Cost(float((place.directory / "operations.took").read_text()), 0, 0)


def _walls(place: Place, runs: int) -> Table:
    rows = []
    for boot in _BOOTS:
        place.node.configure(boot_seconds=0)
        limit = [_on_the_node(place) for _ in range(runs)]
        place.node.configure(boot_seconds=boot)
        with _booted(place):
            boots = len(place.node.boots())
            found = [_cycle(place, _config(place), _ORDERS) for _ in range(runs)]
            if len(place.node.boots()) != boots:
                raise RuntimeError("a warm cycle booted Rails")
        cold = in_turns({"cold": measured(ways.ours, place, _ORDERS)}, runs)["cold"]
        over = statistics.median(a.wall - b.wall for a, b in zip(found, limit, strict=True))
        rows.append(
            (
                f"{boot} s",
                f"{median(found).wall:.2f} s",
                f"{median(cold).wall:.2f} s",
                f"{median(limit).wall:.3f} s",
                f"{ratio(found, limit):.1f}",
                f"{over:.2f} s",
            )
        )
    return Table(
        f"Rails stays booted: a cycle with {_ORDERS} orders that fell through",
        "keep_booted: 600. The last three columns: the same tasks and checks in one process that"
        " has booted on the node, without start, SSH, checkpoint and forks; how many times as long"
        " a warm cycle takes; and what stands between the two.",
        ("extra boot", "warm", "cold", "booted process", "times", "over it"),
        tuple(rows),
    )


def _parts(place: Place, runs: int) -> Table:
    """One warm cycle after the other, each with a stopwatch on its parts."""
    place.node.configure(boot_seconds=0)
    with _booted(place):
        found = [ways.traced(place, _config(place), _ORDERS)[0] for _ in range(runs)]
    middle = {part: statistics.median(one[part] for one in found) for part in found[0]}
    first = sum(middle[part] for part in _BEFORE)
    rows = [(name, middle[part]) for part, name in _BEFORE.items()]
    rows += [("until the first request", first), ("from there to the end", middle["total"] - first)]
    return Table(
        f"The parts of a warm cycle with {_ORDERS} orders",
        "What stands between the timer and the first request to the node. From there to the end the"
        " node works, but for the durable writes between its tasks.",
        ("part", "ms"),
        tuple((name, f"{seconds * 1000:.0f}") for name, seconds in rows),
    )


def _day(place: Place) -> Table:
    place.node.configure(boot_seconds=_BOOTS[-1])
    chance = random.Random(2012)
    sold = [0] * _DAY_CYCLES
    for _ in range(_DAY_ORDERS):
        sold[chance.randrange(_DAY_CYCLES)] += 1
    ways_of_it: dict[str, tuple[Path, int, Callable[[], object]]] = {
        "each session boots": (place.config(), _COLD_CYCLES, lambda: None),
        "Rails stays booted": (
            _config(place),
            _WARM_CYCLES,
            lambda: run([*program(_config(place), place.directory), "node", "end"]),
        ),
    }
    rows, spent = [], []
    for name, (config, cycles, end) in ways_of_it.items():
        boots, logins = len(place.node.boots()), place.sshd.logins()
        state = place.state_at(config, place.front.newest_id())
        with _metered(place) as seconds:
            for orders in sold[:cycles]:
                batch = place.batch(orders) if orders else None
                run([*program(config, state), "cycle"])
                if batch is not None:
                    place.refuse_wrong(batch, name)
            end()
        share = _DAY_CYCLES / cycles
        spent.append(seconds[0] * share)
        boots, logins = len(place.node.boots()) - boots, place.sshd.logins() - logins
        print(f"  {name}: {cycles} cycles, {logins} logins, {boots} boots", file=sys.stderr)
        rows.append(
            (
                name,
                f"{cycles} cycles, {sum(sold[:cycles])} orders",
                f"{boots * share:.0f}",
                f"{spent[-1]:.0f} s",
                f"{spent[0] / spent[-1]:.1f} times less" if len(spent) > 1 else "1",
            )
        )
    return Table(
        f"A day of the node: {_DAY_ORDERS} orders in {_DAY_CYCLES} cycles, boots lengthened by"
        f" {_BOOTS[-1]} s",
        "CPU of sshd and of all that it began, by the kernel's count of their cgroup, checks and"
        " tasks included. Each way ran its first cycles of the day back to back, and the rest is"
        " taken to be as they are: those of two hours, after which what stays booted boots anew,"
        " and those of 24 minutes. Orders come by chance, evenly over the day.",
        ("way", "measured", "boots a day", "CPU a day", "ratio"),
        tuple(rows),
    )


@contextmanager
def _metered(place: Place) -> Iterator[list[float]]:
    """The seconds of CPU that sshd and all it begins take inside it, in the one element given."""
    first = Path("/sys/fs/cgroup/cpuacct")
    group = (first if first.exists() else Path("/sys/fs/cgroup")) / f"bench-{place.sshd.port}"
    group.mkdir()
    found = [0.0]
    try:
        (group / "cgroup.procs").write_text(str(place.sshd.server.pid))
        begun = _used(group)
        yield found
        found[0] = _used(group) - begun
    finally:
        processes = (group / "cgroup.procs").read_text().split()
        for pid in processes:
            (group.parent / "cgroup.procs").write_text(pid)
        group.rmdir()


def _used(group: Path) -> float:
    if (group / "cpuacct.usage").exists():
        return int((group / "cpuacct.usage").read_text()) / 1e9
    return int((group / "cpu.stat").read_text().split()[1]) / 1e6
