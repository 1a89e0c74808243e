"""`make torture`: every point of every scene, odd input, a whole day; writes docs/torture.md."""

import argparse
import multiprocessing
import os
import random
import sys
import time
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from pathlib import Path

from tests.torture import day, results
from tests.torture.results import Cases, Points
from tests.torture.scenes import BY_NAME
from tests.torture.tasks import fuzz, hurt_at, points_of

_KINDS = ("checkpoint", "legacy", "yaml", "answer")

#: Points or cases that one process takes at a time; a ground serves no longer.
_POINTS_A_TASK = 50
_CASES_A_TASK = 1000


class _Run:
    """The whole run: what there is to do, what came of it, and how far it is."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool
        self._began = time.monotonic()
        self._done = self._wrong = 0
        self.points: dict[str, Points] = {}
        self.cases: dict[str, Cases] = {}

    @property
    def is_well(self) -> bool:
        """Whether nothing went wrong."""
        return not self._wrong

    def hurt(self, scenes: list[str], only: str) -> None:
        """All points of these scenes whose names have this text in them."""
        print(f"looking for the points of {len(scenes)} scenes", file=sys.stderr)
        found = dict(zip(scenes, self._pool.map(points_of, scenes), strict=True))
        chosen = {
            name: [point for point in some if only in f"{name}:{point}"]
            for name, some in found.items()
        }
        total = sum(map(len, chosen.values()))
        self.points = {name: Points() for name in scenes}
        parts = [
            (name, some[at : at + _POINTS_A_TASK])
            for name, some in chosen.items()
            for at in range(0, len(some), _POINTS_A_TASK)
        ]
        random.Random(0).shuffle(parts)  # so that what is left is foreseen well
        tasks = {self._pool.submit(hurt_at, name, some): name for name, some in parts}
        for task in as_completed(tasks):
            self.points[tasks[task]].hurts += task.result()
            for hurt in filter(results.is_wrong, task.result()):
                self._say_wrong(f"{hurt}" if hurt.hit else f"{hurt} (not met)")
            self._say_progress(len(task.result()), total, "points")

    def fuzz(self, cases: int) -> None:
        """So many cases of all kinds together."""
        each = -(-cases // len(_KINDS))
        tasks: dict[Future[Cases], str] = {}
        for kind in _KINDS:
            self.cases[kind] = Cases()
            for at in range(0, each, _CASES_A_TASK):
                seeds = range(at, min(at + _CASES_A_TASK, each))
                tasks[self._pool.submit(fuzz, kind, seeds)] = kind
        self._began, self._done = time.monotonic(), 0
        for task in as_completed(tasks):
            found, whole = task.result(), self.cases[tasks[task]]
            whole.cases += found.cases
            whole.exits += found.exits
            whole.problems += found.problems
            for problem in found.problems:
                self._say_wrong(problem)
            self._say_progress(found.cases, each * len(_KINDS), "cases")

    def _say_wrong(self, what: str) -> None:
        self._wrong += 1
        print(f"WRONG {what}", file=sys.stderr, flush=True)

    def _say_progress(self, more: int, total: int, what: str) -> None:
        self._done += more
        seconds = time.monotonic() - self._began
        left = seconds / self._done * (total - self._done)
        print(
            f"{self._done} of {total} {what}, {self._wrong} wrong;"
            f" {seconds / 60:.0f} min, about {left / 60:.0f} min left",
            file=sys.stderr,
            flush=True,
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Kill, fail and fuzz ordermonit at every point")
    parser.add_argument("scenes", nargs="*", metavar="SCENE", help=", ".join(BY_NAME))
    parser.add_argument("--only", default="", metavar="TEXT", help="points with it in their names")
    parser.add_argument("--cases", type=int, default=20_000, help="odd files and answers")
    parser.add_argument("--no-day", action="store_true", help="leave out the simulated day")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes at a time")
    parser.add_argument("--output", type=Path, default=Path("docs/torture.md"))
    options = parser.parse_args()
    unknown = [scene for scene in options.scenes if scene not in BY_NAME]
    if unknown:
        parser.error(f"no scene {unknown[0]!r}; there are {', '.join(BY_NAME)}")
    if os.geteuid() != 0 and not options.no_day:
        parser.error("the day's boot clock needs root: be root, or say --no-day")
    return options


def main() -> int:
    """The run; 1 when anything went wrong."""
    options = _options()
    # Threads and servers of this process are nothing for a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.jobs, context) as pool:
        run = _Run(pool)
        run.hurt(options.scenes or list(BY_NAME), options.only)
        run.fuzz(options.cases)
    whole = None if options.no_day else day.both()
    options.output.write_text(results.document(run.points, run.cases, whole))
    print(options.output.read_text())
    return 0 if run.is_well and (whole is None or whole.is_good) else 1


if __name__ == "__main__":
    sys.exit(main())
