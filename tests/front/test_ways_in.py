"""How a server is reached, and files that are no server's."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from pwd import getpwuid

import pymysql
import pytest

from ordermonit import configuration
from ordermonit.errors import ConfigurationError
from ordermonit.front.connection import opened
from tests.parts import outsider
from tests.parts.databases import READER, Database
from tests.parts.front import Front
from tests.parts.mariadb import MariaDB
from tests.parts.place import Place
from tests.parts.processes import free_port, private_directory

# ---- localhost

_FROM = "SELECT host FROM information_schema.processlist WHERE id = connection_id()"


@pytest.mark.parametrize(
    ("keys", "is_socket"),
    [
        ({"host": "localhost"}, True),
        ({"host": None}, True),
        ({"host": "127.0.0.1"}, False),
        ({"adapter": "trilogy", "host": "localhost"}, False),
    ],
    ids=["localhost", "nothing", "an address", "trilogy's localhost"],
)
def test_localhost_is_mysql2_s_socket(
    place: Place,
    mariadb: MariaDB,
    monkeypatch: pytest.MonkeyPatch,
    keys: dict[str, object],
    is_socket: bool,
) -> None:
    monkeypatch.setenv("MYSQL_UNIX_PORT", str(mariadb.socket))
    database = mariadb.fresh_database()
    port = free_port() if is_socket else database.port
    place.configure(**database.settings() | {"port": port} | keys)
    with opened(configuration.load(place.directory).database) as connection:
        came_from = str(connection.exec_driver_sql(_FROM).scalar())
    assert (came_from == "localhost") is is_socket


def test_localhost_without_a_socket_is_an_address(
    place: Place, mariadb: MariaDB, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MYSQL_UNIX_PORT", str(tmp_path / "none"))
    place.configure(**mariadb.fresh_database().settings() | {"host": "localhost"})
    with opened(configuration.load(place.directory).database) as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1


# ---- Passwords


@pytest.mark.parametrize("password", ["çedilha", "5 €", "注文", "p%40"])
def test_a_password_may_have_any_letter(place: Place, mariadb: MariaDB, password: str) -> None:
    database = mariadb.fresh_database()
    root = pymysql.connect(
        unix_socket=str(mariadb.socket), user="root", autocommit=True, charset="utf8mb4"
    )
    with root, root.cursor() as cursor:
        cursor.execute("DROP USER IF EXISTS lettered")
        cursor.execute("CREATE USER lettered IDENTIFIED BY %s", [password])
        cursor.execute(f"GRANT SELECT ON {database.name}.* TO lettered")
    place.configure(**database.settings() | {"username": "lettered", "password": password})
    with opened(configuration.load(place.directory).database) as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1


# ---- A plan is asked for in the form that is read


def test_the_doctor_asks_for_a_table_of_the_plan(
    place: Place, mariadb: MariaDB, database_of_orders: Database
) -> None:
    """MySQL 9 draws a tree unless it is told otherwise; MariaDB keeps what was asked of it."""
    root = pymysql.connect(unix_socket=str(mariadb.socket), user="root", autocommit=True)
    with root, root.cursor() as cursor:
        cursor.execute("SET GLOBAL log_output = 'TABLE', GLOBAL general_log = ON")
        place.configure(**database_of_orders.settings() | {"username": READER})
        run = place.run("check", "database")
        cursor.execute("SET GLOBAL general_log = OFF")
        cursor.execute(
            "SELECT CONVERT(argument USING utf8mb4) AS asked FROM mysql.general_log"
            " HAVING asked LIKE 'EXPLAIN%'"
        )
        asked = [str(row[0]) for row in cursor.fetchall()]
    assert "a cycle's read goes by the index on id" in run.stdout
    assert asked
    assert all(statement.startswith("EXPLAIN FORMAT=TRADITIONAL SELECT") for statement in asked)


@pytest.fixture
def database_of_orders(mariadb: MariaDB) -> Database:
    front = Front(mariadb.fresh_database())
    front.add_many(5, "authorized")
    front.engine.dispose()
    return front.database


# ---- SQLite


@pytest.fixture
def shared() -> Iterator[Path]:
    """A directory that others may enter."""
    directory = private_directory("sqlite")
    directory.chmod(0o755)
    yield directory
    for file in directory.iterdir():
        file.unlink()
    directory.rmdir()


def _refusal(file: Path) -> str:
    settings = configuration.Database(url=f"sqlite:///{file}")
    with pytest.raises(ConfigurationError) as refused, opened(settings) as connection:
        connection.exec_driver_sql("SELECT count(*) FROM orders").scalar()
    return str(refused.value)


@pytest.mark.parametrize("name", ["gone.db", "odd ?#% name.db"])
def test_a_file_that_is_not_there_is_not_made(place: Place, shared: Path, name: str) -> None:
    file = shared / name
    if "?" not in name:  # no key takes such a name, but nothing is to come of one
        place.configure(adapter="sqlite3", database=str(file))
        run = place.run("cycle")
        assert run.exit_code == 78
        assert f"there is no file {file}" in run.stderr
    settings = configuration.Database(url=f"sqlite:///{file}")
    with pytest.raises(ConfigurationError), opened(settings):
        pass
    assert not list(shared.iterdir())


def test_a_file_of_another_kind_is_named(shared: Path) -> None:
    file = shared / "shop.db"
    file.write_text("no database, though long enough to be taken for one" * 100)
    assert f"{file} is no SQLite file" in _refusal(file)


_AS_ANOTHER = """\
import sys
from ordermonit.configuration import Database
from ordermonit.errors import OrdermonitError
from ordermonit.front.connection import opened
try:
    with opened(Database(url="sqlite:///" + sys.argv[1])) as connection:
        print(connection.exec_driver_sql("SELECT count(*) FROM orders").scalar())
except OrdermonitError as problem:
    print(int(problem.exit), problem)
"""


def _as_another(file: Path) -> str:
    if os.geteuid() == 0:
        done = outsider.python(_AS_ANOTHER, str(file), user="daemon")
    else:
        command = [sys.executable, "-c", _AS_ANOTHER, str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_file_that_this_user_may_not_read_or_whose_log_it_may_not_write(shared: Path) -> None:
    user = "daemon" if os.geteuid() == 0 else getpwuid(os.geteuid()).pw_name
    file = shared / "shop.db"
    with closing(sqlite3.connect(file)) as shop:
        shop.execute("PRAGMA journal_mode = WAL")
        shop.execute("CREATE TABLE orders (id)")
        shop.commit()
        for each in shared.iterdir():
            each.chmod(0o444)
        shared.chmod(0o555)
        assert _as_another(file) == "0\n"
    shared.chmod(0o755)
    assert [each.name for each in shared.iterdir()] == ["shop.db"]
    shared.chmod(0o555)
    said = _as_another(file)
    assert said.startswith(f"78 database.yml: {file} has a write-ahead log (WAL) and nobody")
    assert f"User={file.owner()}" in said
    assert f"sqlite3 {file} 'PRAGMA journal_mode=DELETE'" in said
    shared.chmod(0o755)
    file.chmod(0o644)
    with closing(sqlite3.connect(file)) as shop:
        shop.execute("PRAGMA journal_mode = DELETE")
    assert _as_another(file) == "0\n"
    file.chmod(0)
    said = _as_another(file)
    assert said.startswith(f"78 database.yml: {file} can't be read: Permission denied")
    assert f"setfacl -m u:{user}:r {file}" in said
