"""The doctor's questions to each kind of database server."""

import pytest
import sqlalchemy as sa

from ordermonit.configuration import Database as Settings
from ordermonit.doctor.database import database
from ordermonit.doctor.findings import Severity
from ordermonit.doctor.known import Known
from ordermonit.state.checkpoint import Checkpoint
from tests.conftest import MakeDatabase
from tests.parts.databases import PASSWORD, READER, Database, Kind
from tests.parts.front import Front


def _severities(url: sa.URL, known: Known, table: str = "orders") -> dict[str, Severity]:
    settings = Settings(url=url.render_as_string(hide_password=False), table=table)
    return {finding.found: finding.severity for finding in database(settings, known)}


@pytest.mark.parametrize("how_many", [0, 3], ids=["empty", "small"])
def test_the_index_is_seen_whatever_the_tables_size(any_database: Database, how_many: int) -> None:
    front = Front(any_database)
    if how_many:
        front.add_many(how_many)
    known = Known(checkpoint=Checkpoint(how_many))
    found = _severities(any_database.url, known)
    assert found["a cycle's read goes by the index on id"] is Severity.OK
    assert abs(known.clock_ahead or 99) < 5
    front.engine.dispose()


def test_states_of_neither_list_are_said(any_database: Database) -> None:
    front = Front(any_database)
    front.add_many(2, "authorized")
    front.add_many(3, "em_analise")
    found = _severities(any_database.url, Known())
    (said,) = [text for text in found if text.startswith("of the newest 50 orders")]
    assert said.endswith("where a payment waits: em_analise (3)")
    front.engine.dispose()


def test_a_table_without_a_key_is_seen(any_database: Database) -> None:
    front = Front(any_database)
    with front.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE copied AS SELECT * FROM orders")
        connection.exec_driver_sql("INSERT INTO copied (id) VALUES (1), (2)")
    found = _severities(any_database.url, Known(), "copied")
    (problem,) = [text for text, severity in found.items() if severity is Severity.ERROR]
    assert "no index leads by id" in problem
    front.engine.dispose()


def test_postgresql_tells_who_may_only_read(make_database: MakeDatabase) -> None:
    front = Front(make_database(Kind.POSTGRES))
    name = f"{READER}_{front.database.name}"
    with front.engine.begin() as connection:
        connection.exec_driver_sql(
            f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'".replace("%", "%%")
        )
        connection.exec_driver_sql(f"GRANT SELECT ON orders TO {name}")
    owner = front.database.url
    reader = owner.set(username=name)
    writes = "may change orders (DELETE, INSERT, TRUNCATE, UPDATE)"
    assert any(writes in text for text in _severities(owner, Known()))
    assert f"{name} may read orders and not change it" in _severities(reader, Known())
    front.engine.dispose()
