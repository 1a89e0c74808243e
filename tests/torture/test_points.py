"""Each state-changing system call of a command can be its last, or can fail."""

from collections.abc import Iterator

import pytest

from tests.torture.ground import Ground, Scene, ground
from tests.torture.points import Point, spread
from tests.torture.results import is_wrong
from tests.torture.scenes import SCENES

#: Points in `make test`; `make torture` takes all.
SAMPLE = 100


@pytest.fixture(scope="module")
def tortured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """One ground for all the points that this worker takes."""
    with ground(tmp_path_factory.mktemp("torture")) as made:
        yield made


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_command_that_is_killed_or_fails_anywhere_loses_and_doubles_nothing(
    tortured: Ground, scene: Scene
) -> None:
    sample: list[Point] = spread(tortured.points(scene), SAMPLE // len(SCENES) + 1)
    hurts = [tortured.hurt(scene, point) for point in sample]
    assert [str(hurt) for hurt in hurts if is_wrong(hurt)] == []
