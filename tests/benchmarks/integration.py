"""A hundred orders: ours beside the limit and beside what a shop would script."""

import statistics
import time
from collections.abc import Iterator, Mapping

from ordermonit.node import wire
from ordermonit.orders.model import Operation
from tests.benchmarks import ways
from tests.benchmarks.measure import Cost, in_turns, median, ratio
from tests.benchmarks.place import Place, is_authorized
from tests.benchmarks.report import Table
from tests.benchmarks.ways import measured
from tests.node.remote import remote
from tests.node.test_driver_old import NO_FORK, without

_ORDERS = 100

#: The rivals' cost an order is measured on so few in each run: each task costs them a boot.
_RIVAL_ORDERS = 2
_RIVAL_BOOT = 2
_RIVALS = {
    "shell loop of ssh": ways.shell_loop,
    "the same over ControlMaster": ways.control_master,
    "Fabric, one connection": ways.fabric,
}

#: One process on the node does it all, with no SSH and no checkpoint.
_LIMITS = {
    ways.limit: "the limit: one rake process that does the tasks",
    ways.asking_limit: "the same, which asks before each insertion, and after it again",
}

#: Few orders and many.
_SIZES = (20, 200)


def integration(place: Place, runs: int) -> list[Table]:
    """The table of ratios."""
    rows = []
    for boot in (8, _RIVAL_BOOT):
        place.node.configure(boot_seconds=boot)
        both = {"ours": measured(ways.ours, place, _ORDERS)}
        both |= {name: measured(limit, place, _ORDERS) for limit, name in _LIMITS.items()}
        if boot == _RIVAL_BOOT:
            both |= {name: measured(way, place, _RIVAL_ORDERS) for name, way in _RIVALS.items()}
        costs = in_turns(both, runs)
        rows.append(_row(boot, "ordermonit", "1", costs["ours"]))
        for name in _LIMITS.values():
            over = ratio(costs["ours"], costs[name])
            rows.append(_row(boot, name, f"ordermonit takes {over:.2f} times as long", costs[name]))
        for name in (name for name in costs if name in _RIVALS):
            factor = _tasks(_ORDERS) / _tasks(_RIVAL_ORDERS)
            slower = ratio(costs[name], costs["ours"]) * factor
            scaled = [Cost(cost.wall * factor, 0, 0) for cost in costs[name]]
            said = f"{slower:.0f} times ordermonit"
            rows.append(_row(boot, name, said, scaled))
    return [
        Table(
            f"{_ORDERS} orders that fell through, 60 % authorized",
            "Real Rails, its boot lengthened by burnt CPU. Every effect was checked at Abacos; a"
            " cycle took one SSH connection and one Rails boot each time. The rivals' times are"
            f" scaled from {_tasks(_RIVAL_ORDERS)} tasks a run ({_RIVAL_ORDERS} orders) to the"
            f" {_tasks(_ORDERS)} tasks of {_ORDERS} orders.",
            ("extra boot", "way", "ratio", "wall"),
            tuple(rows),
        )
    ]


def _tasks(orders: int) -> int:
    """Each order is inserted, and confirmed where its payment is authorized."""
    return orders + sum(is_authorized(at) for at in range(orders))


def _row(boot: int, way: str, said: str, costs: list[Cost]) -> tuple[str, ...]:
    return f"{boot} s", way, said, f"{median(costs).wall:.1f} s"


def parts(place: Place, runs: int) -> list[Table]:
    """What stands over the limit with few and with many orders, and its parts."""
    rows = [row for boot in (0, _RIVAL_BOOT) for row in _over_the_limits(place, boot, runs)]
    place.node.configure(boot_seconds=0)
    found: dict[int, list[dict[str, float]]] = {size: [] for size in _SIZES}
    counts: dict[int, dict[str, int]] = {}
    for _ in range(runs):
        for size in _SIZES:
            seconds, counts[size] = ways.traced(place, place.config(), size)
            found[size].append(seconds)
    return [
        Table(
            "What stands over the limit, with few and with many orders",
            "The times that ordermonit takes as long, and the seconds. A limit remembers nothing:"
            " for each task of ours the node waits while a record becomes durable (rule C6). The"
            " first one doesn't ask either, as rule C4 wants it for each order.",
            ("extra boot", "limit", *_sized("{} orders"), *_sized("over it, {} orders")),
            tuple(rows),
        ),
        Table(
            "Its parts",
            "Without an extra boot. *boot* is Rails' own, and the limit's too; so are the tasks"
            " but for the line. Checks wait, and records become durable, at the same time where"
            " they can.",
            ("part", *_sized("{} orders")),
            tuple(_part(part, found, counts) for part in found[_SIZES[0]][0]),
        ),
        _processes(place, runs),
    ]


def _processes(place: Place, runs: int) -> Table:
    """What a task costs in a process of its own, and the question behind it."""
    rakes = {"a process for each task": "rake", "all in one, without fork": without(NO_FORK)}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in rakes}
    for _ in range(runs):
        for name, rake in rakes.items():
            found[name].append(_on_the_node(place, rake))
    rows = []
    for name, times in found.items():
        task, check = (statistics.median(column) * 1000 for column in zip(*times, strict=True))
        rows.append((name, f"{task:.1f} ms", f"{check:.1f} ms"))
    return Table(
        "A process for each task, and its verification",
        f"The driver alone, without SSH: medians of {_ORDERS} insertions, each with the check"
        " behind it. What is forked is a Rails of 60 MB.",
        ("way", "an insertion", "the check behind it"),
        tuple(rows),
    )


def _on_the_node(place: Place, rake: str) -> tuple[float, float]:
    """Seconds of an insertion and of the check behind it."""
    hello = {"tasks": {Operation.INSERT_ORDER: "insert_order"}}
    root, production = place.node.rails_root, {"RAILS_ENV": "production"}
    times = []
    with remote(root, rake=rake, environment=production, hello=hello) as session:
        for number in place.batch(_ORDERS).numbers:
            begun = time.perf_counter()
            done = session.run(str(number))
            between = time.perf_counter()
            there = session.ask(str(number))
            times.append((between - begun, time.perf_counter() - between))
            if (done, there) != (wire.Done(), wire.Value(True)):
                raise RuntimeError(f"order {number}: {done}, {there}")
    task, check = (statistics.median(column) for column in zip(*times, strict=True))
    return task, check


def _sized(text: str) -> Iterator[str]:
    return (text.format(size) for size in _SIZES)


def _over_the_limits(place: Place, boot: int, runs: int) -> Iterator[tuple[str, ...]]:
    """All in turns: what is compared between the sizes has to stand side by side as well."""
    place.node.configure(boot_seconds=boot)
    costs = in_turns(
        {
            (way.__name__, size): measured(way, place, size)
            for size in _SIZES
            for way in (ways.ours, *_LIMITS)
        },
        runs,
    )
    for limit, name in _LIMITS.items():
        pairs = [(costs["ours", size], costs[limit.__name__, size]) for size in _SIZES]
        ratios = (f"{ratio(*pair):.2f}" for pair in pairs)
        yield f"{boot} s", name, *ratios, *(f"{_over(*pair):.2f} s" for pair in pairs)


def _part(
    part: str, found: Mapping[int, list[dict[str, float]]], counts: Mapping[int, dict[str, int]]
) -> tuple[str, ...]:
    cells = []
    for size in _SIZES:
        middle = statistics.median(one[part] for one in found[size])
        times = f" ({counts[size][part]} times)" if counts[size].get(part, 1) > 1 else ""
        cells.append(f"{middle:.3f} s{times}")
    return part, *cells


def _over(ours: list[Cost], limit: list[Cost]) -> float:
    return statistics.median(a.wall - b.wall for a, b in zip(ours, limit, strict=True))
