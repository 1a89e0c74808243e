"""What one process of the torture does at a time."""

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.parts.processes import private_directory
from tests.torture import inside
from tests.torture.fuzz import fuzzed, prepare
from tests.torture.ground import Hurt, ground
from tests.torture.points import Point
from tests.torture.results import Cases
from tests.torture.scenes import BY_NAME


def points_of(scene: str) -> list[Point]:
    """Every point of this scene."""
    with _directory() as directory, ground(directory) as made:
        return made.points(BY_NAME[scene])


def hurt_at(scene: str, points: list[Point]) -> list[Hurt]:
    """What these points do, on a ground of their own."""
    with _directory() as directory, ground(directory) as made:
        return [made.hurt(BY_NAME[scene], point) for point in points]


def fuzz(kind: str, seeds: range) -> Cases:
    """What these cases do."""
    inside.exits.clear()
    with _directory() as directory:
        problems = fuzzed(kind, prepare(directory)[kind], directory, seeds)
    return Cases(len(seeds), Counter(inside.exits), problems)


@contextmanager
def _directory() -> Iterator[Path]:
    directory = private_directory("torture")
    try:
        yield directory
    finally:
        shutil.rmtree(directory)
