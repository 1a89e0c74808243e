"""Running a command and what it cost; medians of runs in which the rivals take turns."""

import os
import statistics
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

_ROOT = Path(__file__).parents[2]

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Cost:
    """One run: seconds of wall clock, seconds of CPU, and the peak of its memory in MB."""

    wall: float
    cpu: float
    memory: float

    def __str__(self) -> str:
        return f"{self.wall:.2f} s"


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Cost:
    """Run it to its end, in the repository. Raises RuntimeError with its output if it fails."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)  # what is printed beyond a pipe's size is of no interest
    begun = time.perf_counter()
    child = os.posix_spawnp(
        "env",
        ["env", f"--chdir={_ROOT}", *command],
        environment if environment is not None else os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, writing, 1),
            (os.POSIX_SPAWN_DUP2, writing, 2),
        ],
    )
    os.close(writing)
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - begun
    os.set_blocking(reading, False)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read() or b""
    if status != 0:
        text = said.decode(errors="replace")
        raise RuntimeError(f"{' '.join(command)[:200]}\nstatus {status}\n{text[-3000:]}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def in_turns(ways: Mapping[Key, Callable[[], Cost]], runs: int) -> dict[Key, list[Cost]]:
    """Every way `runs` times, each round in the other direction: a slow minute hits all alike."""
    costs: dict[Key, list[Cost]] = {name: [] for name in ways}
    for at in range(runs):
        for name in list(ways)[:: 1 if at % 2 == 0 else -1]:
            costs[name].append(ways[name]())
    return costs


def median(costs: Sequence[Cost]) -> Cost:
    """The median of each figure by itself."""
    return Cost(
        statistics.median(cost.wall for cost in costs),
        statistics.median(cost.cpu for cost in costs),
        statistics.median(cost.memory for cost in costs),
    )


def ratio(ours: Sequence[Cost], theirs: Sequence[Cost], figure: str = "wall") -> float:
    """The median of the ratios of the runs that stood side by side."""
    pairs = zip(ours, theirs, strict=True)
    ratios = [float(getattr(one, figure) / getattr(other, figure)) for one, other in pairs]
    return statistics.median(ratios)
