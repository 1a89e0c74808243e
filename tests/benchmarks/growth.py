"""What a cycle costs when nothing happens, and what makes it grow."""

import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from ordermonit.orders.model import Reason, Record, Status
from ordermonit.state.checkpoint import Checkpoint
from ordermonit.state.directory import State
from tests.benchmarks import ways
from tests.benchmarks.measure import Cost, in_turns, median, ratio, run
from tests.benchmarks.place import Place, program
from tests.benchmarks.report import Table
from tests.parts.front import Front

_FLOOR = Path(__file__).with_name("floor.py")
_NOW = datetime(2026, 1, 1, tzinfo=UTC)

#: Idle cycles are short, so there is time for more runs of them.
_MORE = 4
_NOISE = 100


def idle(place: Place, runs: int) -> list[Table]:
    """An idle cycle beside the floor."""
    place.batch(10)
    head = place.front.newest_id()
    config = place.config()
    state = place.state_at(config, head)
    url = place.front.database.url.render_as_string(hide_password=False)
    floor = [sys.executable, str(_FLOOR), str(config), url, str(head)]
    costs = in_turns({"ours": _cycle(config, state), "floor": lambda: run(floor)}, runs * _MORE)
    ours, theirs = median(costs["ours"]), median(costs["floor"])
    figures = (
        ("CPU", "cpu", " s", 3),
        ("wall", "wall", " s", 3),
        ("peak memory", "memory", " MB", 1),
    )
    rows = tuple(
        (
            name,
            f"{ratio(costs['ours'], costs['floor'], figure):.2f}",
            f"{getattr(ours, figure):.{digits}f}{unit}",
            f"{getattr(theirs, figure):.{digits}f}{unit}",
        )
        for name, figure, unit, digits in figures
    )
    return [
        Table(
            "A cycle with nothing to do",
            "The floor imports PyYAML, SQLAlchemy and PyMySQL, reads the files, connects and runs"
            " one SELECT.",
            ("figure", "ratio", "ordermonit", "floor"),
            rows,
        )
    ]


def _cycle(config: Path, state: Path) -> Callable[[], Cost]:
    return lambda: run([*program(config, state), "cycle"])


def front(place: Place, runs: int) -> list[Table]:
    """Idle cycles against the size of the Front, all of it history."""
    small, large = 1_000, 1_000_000
    cycles: dict[str, Callable[[], Cost]] = {}
    for size in (small, large):
        shop = Front(place.maria.fresh_database())
        _fill(shop, size)
        config = place.configuration(place.directory / f"config{size}", shop.settings())
        state = State(place.state_at(config, size))
        resolved = [_record(id, Status.SUCCESS) for id in range(size - 200, size + 1)]
        state.write(Checkpoint(size, resolved))
        cycles[str(size)] = _cycle(config, state.directory)
        shop.engine.dispose()
    costs = in_turns(cycles, runs * _MORE)
    grown = ratio(costs[str(large)], costs[str(small)])
    rows = tuple(
        (
            f"{int(size):,}",
            f"{grown:.2f}" if size == str(large) else "1",
            f"{median(some).wall:.3f} s",
        )
        for size, some in costs.items()
    )
    return [
        Table(
            "Growth with the Front and with history",
            "Idle cycles; so many orders in the Front, all of them integrated in the past.",
            ("orders", "ratio", "wall"),
            rows,
        )
    ]


def _fill(shop: Front, size: int) -> None:
    """So many orders, doubled in the server."""
    shop.add(1_001_001, "delivered")
    table = "orders (number, state, created_at, updated_at)"
    with shop.engine.begin() as connection:
        have = 1
        while have < size:
            connection.execute(
                sa.text(
                    f"INSERT INTO {table} SELECT number + {have}, state, created_at, updated_at"
                    f" FROM orders ORDER BY id LIMIT {min(have, size - have)}"
                )
            )
            have += min(have, size - have)
        # Doubling leaves holes in InnoDB's ids: number them anew.
        connection.execute(sa.text("SET @id = 0"))
        connection.execute(sa.text("UPDATE orders SET id = (@id := @id + 1) ORDER BY id"))


def _record(id: int, status: Status) -> Record:
    error = None if status is Status.SUCCESS else "RuntimeError: Erro ao inserir: sem produto"
    return Record(id, str(id), status, Reason.REJECTED, _NOW, _NOW, 4, last_error=error)


def open_records(place: Place, runs: int) -> list[Table]:
    """One durable operation against the number of open records."""
    sizes = (100, 1_000, 10_000)
    states = {size: State(place.directory / f"open{size}") for size in sizes}
    points: dict[int, Checkpoint] = {}
    for size, state in states.items():
        state.create()
        points[size] = Checkpoint(
            size, (_record(id, Status.EXHAUSTED) for id in range(1, size + 1))
        )
    seconds: dict[int, list[float]] = {size: [] for size in sizes}
    written = dict.fromkeys(sizes, 0)
    for at in range(runs * 40):
        for size, state in states.items():
            begun = time.perf_counter()
            points[size].put(_record(1 + at % size, Status.FAILED))
            written[size] = state.write(points[size])
            seconds[size].append(time.perf_counter() - begun)
    middle = {size: statistics.median(some) for size, some in seconds.items()}
    least = middle[sizes[0]]
    rows = tuple(
        (f"{size:,}", f"{one / least:.2f}", f"{one * 1000:.2f} ms", f"{written[size]:,}")
        for size, one in middle.items()
    )
    return [
        Table(
            "One durable operation",
            "One record changed and the checkpoint written: temp file, fsync, rename, fsync of the"
            f" directory. Medians over {runs * 40} operations.",
            ("open records", "ratio", "time", "bytes written"),
            rows,
        )
    ]


def noise(place: Place, runs: int) -> list[Table]:
    """A task that prints without measure."""
    place.node.configure(boot_seconds=0)
    quiet = in_turns({"ours": ways.measured(ways.ours, place, 1)}, runs)["ours"]
    place.node.quirk("insert_order", "noise", _NOISE)
    loud = in_turns({"ours": ways.measured(ways.ours, place, 1)}, runs)["ours"]
    place.node.behave_well()
    rows = tuple(
        (what, f"{median(some).memory:.1f} MB", f"{median(some).wall:.2f} s")
        for what, some in (("nothing", quiet), (f"{_NOISE} MB on stdout", loud))
    )
    return [
        Table(
            "A task that prints",
            f"Its answer was found each time; peak memory is"
            f" {ratio(loud, quiet, 'memory'):.2f} times that of a silent one.",
            ("printed by the task", "peak memory", "wall"),
            rows,
        )
    ]
