"""What every test can ask for."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.parts.abacos import Abacos
from tests.parts.databases import Database, Kind, sqlite
from tests.parts.front import Front
from tests.parts.mariadb import MariaDB
from tests.parts.node import Node
from tests.parts.place import Place
from tests.parts.postgres import Postgres
from tests.parts.sshd import Sshd
from tests.parts.standby import Other
from tests.parts.world import World

#: How long an example takes says how busy the machine is, and nothing of the program.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Make a run with skipped tests fail where CI is set: a part that is missing proves nothing."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:  # a worker of pytest-xdist: the controller does the counting
        return
    skipped = reporter.stats.get("skipped", [])
    if skipped and os.environ.get("CI"):
        reporter.write_line(f"\n{len(skipped)} tests were skipped; with CI set that is a failure.")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


class _Schedule(LoadScopeScheduling):  # type: ignore[misc]
    """Each test goes where there is time for it; those that share one machine or one network,
    which take longest, go to one worker. (`--dist loadgroup` reads no marks with pytest 9.2.)

    The longest test of all goes with the latter, which begin early: nobody waits for it alone.
    """

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith("tests/torture/test_day"):
            return "network"
        shared = ("tests/system/", "tests/network/")
        return nodeid.split("/")[1] if nodeid.startswith(shared) else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Who runs what."""
    return _Schedule(config, log)


@pytest.fixture(scope="session")
def _mariadb() -> Iterator[MariaDB]:
    with MariaDB() as server:
        yield server


@pytest.fixture(scope="session")
def _postgres() -> Iterator[Postgres]:
    with Postgres() as server:
        yield server


@pytest.fixture
def mariadb(_mariadb: MariaDB) -> MariaDB:
    """This worker's server; a test may stop or kill it."""
    if not _mariadb.server.is_running:
        _mariadb.start()
    return _mariadb


@pytest.fixture
def postgres(_postgres: Postgres) -> Postgres:
    """This worker's server; a test may stop or kill it."""
    if not _postgres.server.is_running:
        _postgres.start()
    return _postgres


MakeDatabase = Callable[[Kind], Database]


@pytest.fixture
def make_database(request: pytest.FixtureRequest, tmp_path: Path) -> MakeDatabase:
    """A new, empty database of a kind; its server is started at the first use."""
    files = count(1)

    def make(kind: Kind) -> Database:
        if kind is Kind.SQLITE:
            return sqlite(tmp_path / f"front{next(files)}.sqlite3")
        server: MariaDB | Postgres = request.getfixturevalue(kind.value)
        return server.fresh_database()

    return make


@pytest.fixture(params=list(Kind), ids=str)
def any_database(request: pytest.FixtureRequest, make_database: MakeDatabase) -> Database:
    """A new, empty database; the test runs once for each kind."""
    return make_database(request.param)


@pytest.fixture
def front(make_database: MakeDatabase) -> Front:
    """An empty Front on SQLite."""
    return Front(make_database(Kind.SQLITE))


@pytest.fixture
def abacos(tmp_path: Path) -> Iterator[Abacos]:
    """An Abacos that is up and empty."""
    with Abacos(tmp_path) as server:
        yield server


@pytest.fixture
def node(tmp_path: Path, abacos: Abacos) -> Node:
    """A rails_root that talks to `abacos`."""
    return Node(tmp_path / "rails_root", abacos.url)


@pytest.fixture
def sshd() -> Iterator[Sshd]:
    """An SSH server on loopback."""
    with Sshd() as server:
        yield server


MakeWorld = Callable[..., World]


@pytest.fixture
def make_world(tmp_path: Path, make_database: MakeDatabase) -> Iterator[MakeWorld]:
    """A world with a Front of a kind (SQLite unless told) and the options of `World`."""
    with ExitStack() as stack:
        numbers = count(1)

        def make(kind: Kind = Kind.SQLITE, **options: Any) -> World:
            directory = tmp_path / f"world{next(numbers)}"
            directory.mkdir()
            return stack.enter_context(World(directory, Front(make_database(kind)), **options))

        yield make


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """A world with a Front on SQLite."""
    return make_world()


@pytest.fixture
def other(world: World, tmp_path: Path) -> Iterator[Other]:
    """The standby of `world`, whose checkpoint begins at the first order."""
    assert world.run("init", "--from-start").exit_code == 0
    found = Other(world, tmp_path)
    with found.sshd:
        yield found


@pytest.fixture(params=list(Kind), ids=str)
def any_world(request: pytest.FixtureRequest, make_world: MakeWorld) -> World:
    """A world; the test runs once for each kind of Front."""
    return make_world(request.param)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A configuration, a Front and a checkpoint, without a node."""
    return Place(tmp_path)
