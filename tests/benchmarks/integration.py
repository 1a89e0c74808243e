"""A hundred orders: ours beside the limit and beside what a shop would script."""

import json
import os
import statistics
import sys
import time

from tests.benchmarks import ways
from tests.benchmarks.measure import Cost, in_turns, median, ratio, run
from tests.benchmarks.place import Place, is_authorized
from tests.benchmarks.report import Table
from tests.benchmarks.ways import measured

_ORDERS = 100

#: The rivals' cost an order is measured on so few in each run: each task costs them a boot.
_RIVAL_ORDERS = 2
_RIVAL_BOOT = 2
_RIVALS = {
    "shell loop of ssh": ways.shell_loop,
    "the same over ControlMaster": ways.control_master,
    "Fabric, one connection": ways.fabric,
}


def integration(place: Place, runs: int) -> list[Table]:
    """The table of ratios."""
    rows = []
    for boot in (8, _RIVAL_BOOT):
        place.node.configure(boot_seconds=boot)
        both = {
            "ours": measured(ways.ours, place, _ORDERS),
            "limit": measured(ways.limit, place, _ORDERS),
        }
        if boot == _RIVAL_BOOT:
            both |= {name: measured(way, place, _RIVAL_ORDERS) for name, way in _RIVALS.items()}
        costs = in_turns(both, runs)
        over = ratio(costs["ours"], costs["limit"])
        rows.append(_row(boot, "ordermonit", f"{over:.2f} times the limit", costs["ours"]))
        rows.append(_row(boot, "the limit: one rake process, no SSH", "1", costs["limit"]))
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
    """What stands over the limit with few and with many orders, by part."""
    place.node.configure(boot_seconds=0)
    sizes = (20, 200)
    walls: dict[int, dict[str, list[Cost]]] = {}
    found: dict[int, list[dict[str, float]]] = {size: [] for size in sizes}
    counts: dict[int, dict[str, int]] = {}
    for size in sizes:
        both = {
            "ours": measured(ways.ours, place, size),
            "limit": measured(ways.limit, place, size),
        }
        walls[size] = in_turns(both, runs)
        for _ in range(runs):
            seconds, counts[size] = _traced(place, size)
            found[size].append(seconds)
    over = {size: _over(walls[size]) for size in sizes}
    few, many = sizes
    rows = [
        ("**wall, times the limit**", *(f"{_ratio(walls[size]):.2f}" for size in sizes)),
        ("**over the limit**", *(f"{over[size]:.2f} s" for size in sizes)),
    ]
    for part in found[sizes[0]][0]:
        cells = []
        for size in sizes:
            middle = statistics.median(one[part] for one in found[size])
            times = f" ({counts[size][part]} times)" if counts[size].get(part, 1) > 1 else ""
            cells.append(f"{middle:.3f} s{times}")
        rows.append((part, *cells))
    return [
        Table(
            "What stands over the limit, and its parts",
            "Without an extra boot. *boot* is Rails' own; *requests* is the time in which we wait"
            " for the node's work, which the limit does too, and for the line. The rest is ours"
            " alone. Each further order costs"
            f" {(over[many] - over[few]) / (many - few) * 1000:.1f} ms more than at the limit: the"
            " node waits while the record of a task becomes durable before the next one (rule C6)."
            " The limit writes nothing.",
            ("part", *(f"{size} orders" for size in sizes)),
            tuple(rows),
        )
    ]


def _ratio(costs: dict[str, list[Cost]]) -> float:
    return ratio(costs["ours"], costs["limit"])


def _over(costs: dict[str, list[Cost]]) -> float:
    pairs = zip(costs["ours"], costs["limit"], strict=True)
    return statistics.median(ours.wall - limit.wall for ours, limit in pairs)


def _traced(place: Place, size: int) -> tuple[dict[str, float], dict[str, int]]:
    batch = place.batch(size)
    config = place.config()
    state = place.state_at(config, batch.head)
    result = place.directory / "traced.json"
    command = [sys.executable, "-m", "tests.benchmarks.traced"]
    environment = {**os.environ, "BEGUN": str(time.time())}
    run([*command, str(result), str(config), str(state)], environment)
    said = json.loads(result.read_text())
    return said["seconds"], said["counts"]
