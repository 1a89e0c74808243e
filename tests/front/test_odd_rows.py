"""Columns and rows as shops have them: an odd value is its order's matter, and never an outage."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from ordermonit import configuration
from ordermonit.front.connection import opened
from ordermonit.front.database import Front, connected
from ordermonit.orders.model import Order
from tests.conftest import MakeDatabase, MakeWorld
from tests.parts.databases import Database, Kind
from tests.parts.place import Place
from tests.parts.world import World


@contextmanager
def _reading(database: Database, *statements: str, number: str = "number") -> Iterator[Front]:
    """The Front of a database in which these statements were run."""
    engine = sa.create_engine(database.url, poolclass=NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    url = database.url.render_as_string(hide_password=False)
    with connected(configuration.Database(url=url, number=number)) as front:
        yield front


@pytest.mark.parametrize("kind", Kind)
def test_the_id_may_be_the_number(make_database: MakeDatabase, kind: Kind) -> None:
    with _reading(
        make_database(kind),
        "CREATE TABLE orders (id bigint, state varchar(9), created_at timestamp)",
        "INSERT INTO orders VALUES (7, 's', '2024-02-29 12:00:00')",
        number="id",
    ) as front:
        assert front.from_head(1, 9) == [Order(7, "7", "s", datetime(2024, 2, 29, 12, tzinfo=UTC))]
        assert front.newest() == 7
        assert front.count(1, 9) == 1


def test_a_time_that_nobody_can_read_is_unknown(make_database: MakeDatabase) -> None:
    with _reading(
        make_database(Kind.POSTGRES),
        "CREATE TABLE orders (id bigint, number text, state text, created_at timestamp)",
        "INSERT INTO orders VALUES (1, 'a', 's', 'infinity'), (2, 'b', 's', '-infinity'),"
        " (3, 'c', 's', '0044-03-15 BC'), (4, 'd', 's', '10001-01-01'), (5, 'e', 's', NULL),"
        " (6, 'f', 's', '2024-02-29 12:00')",
    ) as front:
        times = [order.created_at for order in front.from_head(1, 9)]
        assert times == [None] * 5 + [datetime(2024, 2, 29, 12, tzinfo=UTC)]
        since = front.first_since(datetime(2024, 1, 1, tzinfo=UTC))
        assert since == 1  # infinity is later than that


@pytest.mark.parametrize("type", ["timestamptz", "date"])
def test_so_it_is_in_columns_of_other_times(make_database: MakeDatabase, type: str) -> None:
    with _reading(
        make_database(Kind.POSTGRES),
        f"CREATE TABLE orders (id int, number int, state text, created_at {type})",
        "INSERT INTO orders VALUES (1, 1, 's', 'infinity'), (2, 2, 's', '2024-02-29')",
    ) as front:
        old, new = (order.created_at for order in front.from_head(1, 9))
        assert old is None
        # A date without a time of day says nothing of when within it.
        assert new == (datetime(2024, 2, 29, tzinfo=UTC) if type == "timestamptz" else None)


def test_one_order_of_an_impossible_time_stops_no_other(make_world: MakeWorld) -> None:
    world = make_world(Kind.POSTGRES)
    world.run("init", "--from-start")
    numbers = world.front.add_many(3, "authorized")
    with world.front.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE orders SET created_at = 'infinity' WHERE id = 2")
    world.cycle()
    assert [world.abacos.judge.confirmed_count(number) for number in numbers] == [1, 1, 1]


def test_a_time_of_long_ago_leaves_a_checkpoint_that_reads(any_world: World) -> None:
    any_world.run("init", "--from-start")
    any_world.front.add(2001, "authorized", created_at=datetime(26, 3, 1))
    for _ in range(2):
        any_world.cycle()
    assert any_world.abacos.judge.confirmed_count(2001) == 1
    assert "0026-03-01T00:00:00Z" in any_world.checkpoint()


@pytest.mark.parametrize("time", ["9999-12-31T23:00:00-03:00", "0001-01-01T00:00:00+03:00"])
def test_a_time_that_has_no_utc_is_unknown(make_database: MakeDatabase, time: str) -> None:
    with _reading(
        make_database(Kind.SQLITE),
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, number, state, created_at)",
        f"INSERT INTO orders VALUES (1, 1, 's', '{time}')",
    ) as front:
        assert [order.created_at for order in front.from_head(1, 9)] == [None]


@pytest.mark.parametrize("kind", [Kind.POSTGRES, Kind.MARIADB], ids=str)
def test_blanks_at_the_end_of_a_column_are_nobody_s(
    make_database: MakeDatabase, kind: Kind
) -> None:
    with _reading(
        make_database(kind),
        "CREATE TABLE orders (id int, number char(20), state varchar(20), created_at timestamp)",
        "INSERT INTO orders VALUES (1, 'AB-1', 'authorized  ', NULL)",
    ) as front:
        (order,) = front.from_head(1, 9)
        assert (order.number, order.state) == ("AB-1", "authorized")


@pytest.mark.parametrize("kind", list(Kind), ids=str)
@pytest.mark.parametrize("type", ["decimal(12,2)", "double precision"])
def test_a_whole_number_stays_one_in_a_column_of_decimals(
    make_database: MakeDatabase, kind: Kind, type: str
) -> None:
    with _reading(
        make_database(kind),
        f"CREATE TABLE orders (id bigint, number {type}, state int, created_at timestamp)",
        "INSERT INTO orders VALUES (1, 1001001, 2, NULL), (2, 1001.5, 3, NULL)",
    ) as front:
        orders = front.from_head(1, 9)
        assert orders[0].number == "1001001"
        assert (orders[1].number or "").startswith("1001.5")
        assert [order.state for order in orders] == ["2", "3"]


def test_odd_decimals_are_odd_numbers(make_database: MakeDatabase) -> None:
    with _reading(
        make_database(Kind.POSTGRES),
        "CREATE TABLE orders (id numeric(30), number numeric, state text, created_at timestamp)",
        "INSERT INTO orders VALUES (1, 'NaN', NULL, NULL), (2, 'Infinity', NULL, NULL),"
        " (3, 1e60, NULL, NULL)",
    ) as front:
        numbers = [order.number for order in front.from_head(1, 9)]
        assert numbers == ["NaN", "Infinity", f"1{'0' * 60}"]


def test_text_that_is_no_utf_8_is_that_order_s_matter(make_database: MakeDatabase) -> None:
    with _reading(
        make_database(Kind.SQLITE),
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, number, state, created_at)",
        "INSERT INTO orders VALUES (1, CAST(x'ff31' AS TEXT), 'a', 'b'), (2, '2', 'a', 'b')",
    ) as front:
        assert [order.number for order in front.from_head(1, 9)] == ["\ufffd1", "2"]


@pytest.mark.parametrize(
    ("kind", "type", "beyond"),
    [(Kind.MARIADB, "bigint unsigned", 2**64 - 9), (Kind.POSTGRES, "numeric(20)", 10**19)],
    ids=["mariadb", "postgres"],
)
def test_ids_beyond_the_signed_ones_read_back(
    place: Place, make_database: MakeDatabase, kind: Kind, type: str, beyond: int
) -> None:
    database = make_database(kind)
    with _reading(
        database,
        f"CREATE TABLE orders (id {type} PRIMARY KEY, number text, state text, created_at date)",
        f"INSERT INTO orders VALUES ({beyond}, 'a', 's', NULL), ({beyond + 2}, 'b', 's', NULL)",
    ) as front:
        assert front.newest() == beyond + 2
        assert front.ids_before(beyond + 1, 5) == [beyond]
        assert set(front.by_id([beyond, beyond + 1, beyond + 2])) == {beyond, beyond + 2}
    place.configure(**database.settings())
    for file in place.state.directory.iterdir():
        file.unlink()
    place.good("init", "--latest")
    assert f"HEAD is {beyond + 2}" in place.good("head")
    assert "0 ahead of HEAD" in place.run("check", "database").stdout


_KEYS = {
    Kind.POSTGRES: ("uuid", "'f81d4fae-7dec-11d0-a765-00a0c91e6bf6'", "BIGSERIAL UNIQUE"),
    Kind.MARIADB: ("char(26)", "'01ARZ3NDEKTSV4RRFFQ69G5FAV'", "AUTO_INCREMENT UNIQUE"),
    Kind.SQLITE: ("text", "'01ARZ3NDEKTSV4RRFFQ69G5FAV'", "name a column there"),
}


@pytest.mark.parametrize("empty", [False, True], ids=["with orders", "empty"])
@pytest.mark.parametrize("kind", list(Kind), ids=str)
def test_a_key_that_is_no_whole_number_is_refused_with_a_way_out(
    place: Place, make_database: MakeDatabase, kind: Kind, empty: bool
) -> None:
    type, value, remedy = _KEYS[kind]
    database = make_database(kind)
    place.configure(**database.settings())
    with _reading(
        database,
        f"CREATE TABLE orders (id {type} PRIMARY KEY, number int, state text, created_at date)",
        "SELECT 1" if empty else f"INSERT INTO orders VALUES ({value}, 1, 's', NULL)",
    ):
        pass
    # An empty table says nothing of its key to a cycle.
    for command in ("check database",) if empty else ("check database", "cycle", "init --latest"):
        if command == "init --latest":
            for file in place.state.directory.iterdir():
                file.unlink()
        run = place.run(*command.split())
        said = run.stdout + run.stderr
        assert run.exit_code == 78, (command, said)
        assert "the column id of orders has no whole numbers" in said
        assert remedy in said


@pytest.mark.parametrize(
    ("type", "said"), [("decimal(10,2)", "decimal(10,2)"), ("double", "double")]
)
def test_the_doctor_tells_of_numbers_that_are_rounded(
    place: Place, make_database: MakeDatabase, type: str, said: str
) -> None:
    database = make_database(Kind.MARIADB)
    with _reading(
        database,
        f"CREATE TABLE orders (id int PRIMARY KEY, number {type}, state text, created_at date)",
    ):
        pass
    place.configure(**database.settings())
    stdout = place.run("check", "database").stdout
    assert f"the column number of orders is {said}, which keeps no number as it was" in stdout


def test_sqlite_is_only_read(make_database: MakeDatabase) -> None:
    database = make_database(Kind.SQLITE)
    with closing(sqlite3.connect(database.name)) as shop:
        shop.execute("CREATE TABLE orders (id)")
    url = database.url.render_as_string(hide_password=False)
    refusal = pytest.raises(sa.exc.OperationalError, match="readonly")
    with opened(configuration.Database(url=url)) as connection, refusal:
        connection.exec_driver_sql("INSERT INTO orders VALUES (1)")
