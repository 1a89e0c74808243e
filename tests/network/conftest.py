"""One world for all faults of a worker: each is mended, and in the end nothing is lost."""

import os
from collections.abc import Iterator

import pytest

from tests.network.wire import Apart, Cable, cable
from tests.parts.databases import sqlite
from tests.parts.front import Front


@pytest.fixture(scope="module")
def ends() -> Iterator[Cable]:
    """The cable."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    with cable() as made:
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, ends: Cable) -> Iterator[Apart]:
    """The world, with a checkpoint."""
    directory = tmp_path_factory.mktemp("network")
    with Apart(directory, Front(sqlite(directory / "front.sqlite3")), ends) as world:
        assert world.run("init", "--from-start").exit_code == 0
        yield world


@pytest.fixture
def apart(shared: Apart, ends: Cable) -> Iterator[Apart]:
    """The world, well; afterwards it is made well again."""
    shared.usual()
    yield shared
    ends.mend()
    shared.abacos.work()
    shared.node.behave_well()
