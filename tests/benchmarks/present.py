"""Ten thousand orders that are in Abacos already: ours beside a process that only asks."""

import sys
import time
from collections.abc import Callable

from tests.benchmarks import ways
from tests.benchmarks.measure import Cost, in_turns, median, ratio
from tests.benchmarks.place import Place
from tests.benchmarks.report import Table
from tests.benchmarks.ways import Way
from tests.parts.judge import Seen

_ORDERS = 10_000

#: The most that a cycle may take of the other's wall time.
_LIMIT = 1.3


def present(place: Place, runs: int) -> list[Table]:
    """A cycle that catches up with them."""
    place.node.configure(boot_seconds=0)
    both = {"ours": _measured(ways.ours, place), "limit": _measured(ways.only_asking, place)}
    costs = in_turns(both, runs)
    over = ratio(costs["ours"], costs["limit"])
    rows = tuple(
        (way, said, *(f"{figure:.1f} s" for figure in (median(some).wall, median(some).cpu)))
        for way, said, some in (
            ("ordermonit", f"{over:.2f}", costs["ours"]),
            ("one rake process that only asks", "1", costs["limit"]),
        )
    )
    return [
        Table(
            f"{_ORDERS:,} orders that are in Abacos already",
            "A monitor that catches up asks about each, once. The other side is one process on the"
            " node that asks the same questions one after the other, and remembers nothing. At most"
            f" {_LIMIT} times its time is wanted. *CPU* is without what the node does behind SSH.",
            ("way", "ratio", "wall", "CPU"),
            rows,
        )
    ]


def _measured(way: Way, place: Place) -> Callable[[], Cost]:
    """A run of the way on fresh orders, each of which has to be asked about once."""

    def measure() -> Cost:
        batch = place.batch(_ORDERS)
        place.judge.hold(batch.numbers)
        begun, inserted = time.monotonic(), place.judge.count(Seen.INSERT_CALL)
        cost = way(place, batch)
        asked = [place.judge.asked_count(number) for number in batch.numbers]
        if set(asked) != {1} or place.judge.count(Seen.INSERT_CALL) > inserted:
            raise RuntimeError(f"{way.__name__}: asked {min(asked)} to {max(asked)} times an order")
        print(
            f"  {way.__name__:15} {_ORDERS} orders {cost.wall:7.2f} s, CPU {cost.cpu:.2f} s"
            f"  ({time.monotonic() - begun:.1f} s)",
            file=sys.stderr,
        )
        return cost

    return measure
