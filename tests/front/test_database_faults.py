"""The Front's database goes away and comes back."""

import os
import select
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest
from sqlalchemy import text

from ordermonit.configuration import Database
from ordermonit.errors import Unavailable
from ordermonit.front.connection import opened
from ordermonit.front.database import connected
from tests.conftest import MakeDatabase, MakeWorld
from tests.parts.abacos import Mood
from tests.parts.databases import PASSWORD, Kind
from tests.parts.front import Front
from tests.parts.judge import Seen
from tests.parts.mariadb import MariaDB
from tests.parts.postgres import Postgres
from tests.parts.processes import descendants, wait_until
from tests.parts.soap import Call
from tests.parts.world import World


def test_a_database_that_is_down_costs_nothing(make_world: MakeWorld, mariadb: MariaDB) -> None:
    world = make_world(Kind.MARIADB)
    world.configure("process", ontop=False)
    world.run("init", "--from-start")
    (number,) = world.front.add_many(1, "authorized")
    world.node.know(world.front.states())
    before = world.checkpoint()
    mariadb.kill()
    cycle = begun(world)
    _, stderr = cycle.communicate(timeout=60)
    assert cycle.returncode == 75
    (line,) = stderr.splitlines()
    assert line.startswith("ordermonit: the Front's database mysql+pymysql://")
    assert "is down: " in line
    assert PASSWORD.split()[0] not in line  # whichever way its odd half is quoted
    assert world.checkpoint() == before
    assert world.sshd.logins() == 0
    mariadb.start()
    world.cycle()
    judge = world.abacos.judge
    assert judge.inserted_count(number) == judge.confirmed_count(number) == 1


_OTHERS = (
    "SELECT count(*) FROM information_schema.processlist"
    " WHERE user = 'shop' AND id != connection_id()"
)


def test_a_database_that_restarts_in_mid_cycle_is_not_missed(
    make_world: MakeWorld, mariadb: MariaDB
) -> None:
    """The connection is closed before the node is asked anything."""
    world = make_world(Kind.MARIADB)
    world.run("init", "--from-start")
    numbers = world.front.add_many(3, "authorized")
    world.abacos.behave(Mood.SLOW, numbers[:1], calls=[Call.INSERT], seconds=60)
    cycle = world.start("cycle")
    judge = world.abacos.judge
    wait_until(lambda: judge.count(Seen.INSERT_CALL), "the first insertion to begin")
    with world.front.engine.connect() as ours:
        ours = ours.execution_options(isolation_level="AUTOCOMMIT")
        wait_until(lambda: not ours.scalar(text(_OTHERS)), "the cycle to have left the database")
    mariadb.kill()
    world.abacos.work()
    assert cycle.wait(60) == 0
    mariadb.start()
    world.cycle()
    assert [judge.confirmed_count(number) for number in numbers] == [1, 1, 1]
    assert judge.inserted_count() == 3
    assert judge.double_insert_count() == 0


_LOCK = {Kind.MARIADB: "LOCK TABLES orders WRITE", Kind.POSTGRES: "LOCK TABLE orders"}
_WAITING = {
    Kind.MARIADB: "SELECT 1 FROM information_schema.processlist WHERE state LIKE 'Waiting for t%'",
    Kind.POSTGRES: "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
}


@pytest.mark.parametrize("kind", list(_LOCK), ids=str)
def test_a_database_that_hangs_in_mid_read_ends_the_cycle_in_time(
    make_world: MakeWorld, request: pytest.FixtureRequest, kind: Kind
) -> None:
    """Its kernel still acknowledges what we send: nothing but a deadline of ours ends the wait."""
    server: MariaDB | Postgres = request.getfixturevalue(kind.value)
    world = make_world(kind)
    world.configure("process", ontop=False)
    world.configure("database", read_timeout=3)
    world.run("init", "--from-start")
    (number,) = world.front.add_many(1, "authorized")
    before = world.checkpoint()
    with world.front.engine.begin() as holder, world.front.engine.connect() as other:
        holder.exec_driver_sql(_LOCK[kind])
        other = other.execution_options(isolation_level="AUTOCOMMIT")
        waiting = text(_WAITING[kind])
        cycle = begun(world)
        wait_until(lambda: other.scalar(waiting), "the cycle to read")
        with stopped(server.server.pid, *descendants(server.server.pid)):
            began = time.monotonic()
            try:
                _, stderr = cycle.communicate(timeout=30)
            finally:
                cycle.kill()
            elapsed = time.monotonic() - began
    (line,) = stderr.splitlines()
    assert cycle.returncode == 75
    assert "is down: " in line
    assert "Nothing is lost" in line
    assert elapsed < 15
    assert world.checkpoint() == before
    assert world.sshd.logins() == 0
    world.cycle()
    assert world.abacos.judge.confirmed_count(number) == 1


def test_postgresql_itself_gives_up_a_read_that_takes_too_long(make_world: MakeWorld) -> None:
    """It does not go on with what nobody waits for."""
    world = make_world(Kind.POSTGRES)
    world.configure("process", ontop=False)
    world.configure("database", read_timeout=1)
    world.run("init", "--from-start")
    with world.front.engine.begin() as holder:
        holder.exec_driver_sql(_LOCK[Kind.POSTGRES])
        cycle = begun(world)
        _, stderr = cycle.communicate(timeout=60)
    assert cycle.returncode == 75
    assert "is down: canceling statement due to statement timeout" in stderr


def test_each_read_of_postgresql_has_the_whole_time(make_database: MakeDatabase) -> None:
    database = make_database(Kind.POSTGRES)
    settings = Database(url=database.url.render_as_string(hide_password=False), read_timeout=2)
    with opened(settings) as connection:
        for _ in range(3):
            connection.exec_driver_sql("SELECT pg_sleep(1.2)")


@pytest.mark.parametrize("takes", [True, False], ids=["mute", "deaf"])
@pytest.mark.parametrize("scheme", ["mysql", "postgresql"])
def test_a_database_that_never_says_a_word_ends_the_cycle_in_time(
    world: World, scheme: str, takes: bool
) -> None:
    """It takes our connection and says nothing, or does not even take it."""
    world.configure("process", ontop=False)
    world.run("init", "--from-start")
    world.files["database"].clear()
    with silent(takes) as port:
        world.configure("database", url=f"{scheme}://shop:x@127.0.0.1:{port}/shop", read_timeout=1)
        began = time.monotonic()
        assert "is down: " in world.cycle(expect=75).stderr
        assert time.monotonic() - began < 8


def test_an_sqlite_file_that_is_locked_is_given_up_in_time(front: Front) -> None:
    file = front.database.name
    with closing(sqlite3.connect(file, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        settings = Database(url=f"sqlite:///{file}", read_timeout=0.1)
        with pytest.raises(Unavailable, match="locked"), connected(settings) as reader:
            reader.newest()
        assert time.monotonic() - began < 4


def test_a_database_that_hangs_while_we_speak_is_given_up_in_time(
    make_database: MakeDatabase,
) -> None:
    """A long statement does not fit into what the systems keep between us and a server that hangs:
    no answer is waited for yet."""
    front = Front(make_database(Kind.MARIADB))

    def read(port: int) -> None:
        url = front.database.url.set(port=port).render_as_string(hide_password=False)
        with connected(Database(url=url, read_timeout=1)) as reader:
            reader.by_id(range(10**18, 10**18 + 20_000))

    assert front.database.port is not None
    with hanging(front.database.port, after=10_000) as port:
        began = time.monotonic()
        with pytest.raises(Unavailable):
            read(port)
        assert time.monotonic() - began < 8


def begun(world: World) -> subprocess.Popen[str]:
    """A cycle; `world.start` would ask the Front first."""
    return subprocess.Popen(
        world.command_line("cycle"),
        env=world.environment(),
        cwd=world.home,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def silent(takes: bool) -> Iterator[int]:
    """A port where nobody says a word, and where no more connections are taken unless `takes`."""
    with ExitStack() as stack:
        backlog = 8 if takes else 0
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=backlog))
        for _ in range(0 if takes else 4):  # its queue is full after one of them
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        yield int(server.getsockname()[1])


@contextmanager
def hanging(port: int, after: int) -> Iterator[int]:
    """A way to this port that takes no more after so many bytes to it; it ends after 30 s."""
    with socket.socket() as server:
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1000)  # as on a real network
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        server.bind(("127.0.0.1", 0))
        server.listen()
        over = threading.Event()

        def serve() -> None:
            client, _ = server.accept()
            with client, socket.create_connection(("127.0.0.1", port)) as inner:
                left = after
                while left > 0:
                    for ready in select.select([client, inner], [], [])[0]:
                        data = ready.recv(4096)
                        (inner if ready is client else client).sendall(data)
                        left -= len(data) if ready is client else 0
                over.wait(30)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield int(server.getsockname()[1])
        over.set()
        thread.join()


@contextmanager
def stopped(*pids: int) -> Iterator[None]:
    """They hang meanwhile."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
