"""Every read of the Front goes by the primary key, whatever the table's size."""

from typing import Any

import pytest
import sqlalchemy as sa

from ordermonit.configuration import Database
from ordermonit.front.database import connected
from ordermonit.orders.gaps import Gap
from ordermonit.orders.ignored import BLOCK, Ignored, block_of
from tests.conftest import MakeDatabase
from tests.parts import databases as parts
from tests.parts.databases import Kind
from tests.parts.front import Front

_ORDERS = 20_000
_MIDDLE = _ORDERS // 2


def _settings(front: Front) -> Database:
    url = front.database.url.render_as_string(hide_password=False)
    return Database(url=url, ignored_states=frozenset({"cart", "an address"}))


def _plans(front: Front) -> list[tuple[str, str]]:
    """Every kind of read, as it goes to the server, and what the server says of its plan."""
    plans: list[tuple[str, str]] = []

    table = "FORMAT=TRADITIONAL " if front.database.kind is Kind.MARIADB else ""

    def explain(_: object, cursor: Any, statement: str, values: Any, *_rest: object) -> None:
        if "orders" in statement:
            cursor.execute(f"EXPLAIN {table}{statement}", values)
            plans.append((statement, "\n".join(map(str, cursor.fetchall()))))

    gaps = (Gap(5, 7), Gap(100, 120, 2), Gap(_MIDDLE, _MIDDLE + 5))
    sa.event.listen(sa.Engine, "before_cursor_execute", explain)
    try:
        with connected(_settings(front)) as reader:
            assert len(reader.from_head(_MIDDLE, 5)) == 6
            assert set(reader.by_id([3, _MIDDLE])) == {3, _MIDDLE}
            assert reader.in_gaps(gaps, 5)
            assert reader.newest() == _ORDERS
            assert len(reader.ids_before(_MIDDLE, 10)) == 10
            assert reader.ignored(_MIDDLE, _MIDDLE + 9) == []
            assert reader.count_ignored([block_of(_MIDDLE)]) == {}
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", explain)
    return plans


@pytest.mark.parametrize("kind", [Kind.MARIADB, Kind.POSTGRES], ids=str)
def test_every_read_uses_the_primary_key(make_database: MakeDatabase, kind: Kind) -> None:
    front = Front(make_database(kind))
    front.add_many(_ORDERS)
    with front.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        table = "TABLE orders" if kind is Kind.MARIADB else "orders"
        connection.exec_driver_sql(f"ANALYZE {table}").close()
    # MariaDB answers max(id) from the index's end while it plans.
    used, whole = {
        Kind.MARIADB: (("'PRIMARY'", "optimized away"), "'ALL'"),
        Kind.POSTGRES: (("orders_pkey",), "Seq Scan"),
    }[kind]
    plans = _plans(front)
    assert len(plans) == 7
    for statement, plan in plans:
        assert any(word in plan for word in used), f"{statement}\n{plan}"
        assert whole not in plan, f"{statement}\n{plan}"
    keyset = plans[0][1]  # rows come in the key's order: the limit ends the read, not a sort
    assert "ilesort" not in keyset
    assert "Sort" not in keyset
    front.engine.dispose()


def test_a_gap_with_a_step_has_only_what_came_late(any_database: parts.Database) -> None:
    """Its known orders would use up the limit, and every cycle would ask about them again."""
    front = Front(any_database)
    for id in (10, 13, 20, 30, 37):
        front.add(1000 + id, id=id)
    gap = Gap(11, 39, 10)
    with connected(_settings(front)) as reader:
        assert [order.id for order in reader.in_gaps((gap,), 2)] == [13, 37]


def test_rows_that_are_no_orders_yet_are_counted_by_block(any_database: parts.Database) -> None:
    front = Front(any_database)
    ids = (1, BLOCK - 1, BLOCK, 5 * BLOCK, 5 * BLOCK + 7, 9 * BLOCK)
    for id in ids:
        front.add(None, "cart", id=id)
    front.add(2, "authorized", id=2)
    front.add(3, None, id=3)
    known = Ignored(ids)
    blocks = [0, BLOCK, 5 * BLOCK, 7 * BLOCK]
    with connected(_settings(front)) as reader:
        counts = reader.count_ignored(blocks)
        assert counts == {first: known.count(first) for first in blocks[:3]}
        assert reader.ignored(1, 5 * BLOCK) == [1, BLOCK - 1, BLOCK, 5 * BLOCK]
        assert reader.count_ignored([]) == {}
    plain = Database(url=front.database.url.render_as_string(hide_password=False))
    with connected(plain) as reader:
        assert reader.ignored(0, 9 * BLOCK) == []


def test_thousands_of_gaps_are_read_in_parts(front: Front) -> None:
    """No server takes a statement of any depth; SQLite takes the least."""
    late = (3, 5999)
    with front.engine.begin() as connection:
        rows = [{"id": id, "number": id} for id in (*range(2, 6001, 2), *late)]
        connection.execute(sa.insert(front.orders), rows)
    gaps = tuple(Gap(id, id) for id in range(1, 6001, 2))
    with connected(_settings(front)) as reader:
        assert [order.id for order in reader.in_gaps(gaps, 5)] == [3, 5999]
        assert [order.id for order in reader.in_gaps(gaps, 1)] == [3]


def test_thousands_of_records_are_read_in_parts(make_database: MakeDatabase) -> None:
    """MySQL before 5.6 takes a statement of 1 MB unless it is told otherwise."""
    front = Front(make_database(Kind.MARIADB))
    ids = range(10**18, 10**18 + 60_000)
    for id in (ids[0], ids[-1]):
        front.add(id, id=id)
    with front.engine.connect() as connection:
        before = connection.exec_driver_sql("SELECT @@max_allowed_packet").scalar()
        connection.exec_driver_sql("SET GLOBAL max_allowed_packet = 1048576")
        try:
            with connected(_settings(front)) as reader:
                assert sorted(reader.by_id(ids)) == [ids[0], ids[-1]]
        finally:
            connection.exec_driver_sql(f"SET GLOBAL max_allowed_packet = {before}")
