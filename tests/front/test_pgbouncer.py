"""PostgreSQL behind PgBouncer: each read works, and nothing of ours stays in its connections."""

import json
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from ordermonit import configuration
from ordermonit.errors import ConfigurationError
from ordermonit.front.connection import opened
from ordermonit.front.database import connected
from tests.parts.databases import Database
from tests.parts.front import Front
from tests.parts.pgbouncer import PgBouncer
from tests.parts.place import Place
from tests.parts.postgres import Postgres

#: What a shop's own session would see of ours: there is one connection to the server, for all.
_LEFT = (
    "SELECT current_setting('enable_seqscan'), current_setting('statement_timeout'),"
    " current_setting('search_path'), current_setting('transaction_read_only'),"
    " (SELECT count(*) FROM pg_prepared_statements)"
)


@pytest.fixture(params=["session", "transaction"])
def pooled(request: pytest.FixtureRequest, postgres: Postgres) -> Iterator[Database]:
    front = Front(postgres.fresh_database())
    front.add_many(5, "authorized")
    with PgBouncer(postgres, request.param) as bouncer:
        yield bouncer.to(front.database)
        # What ends in mid-transaction costs the shop a connection to the server.
        assert "closing because: unclean server" not in bouncer.server.log_text()


def _left(database: Database) -> tuple[object, ...]:
    engine = sa.create_engine(
        database.url, poolclass=NullPool, connect_args={"prepare_threshold": None}
    )
    with engine.connect() as connection:
        return tuple(connection.exec_driver_sql(_LEFT).one())


def test_a_shop_behind_pgbouncer_is_read_and_left_as_it_was(place: Place, pooled: Database) -> None:
    before = _left(pooled)
    path = 'public, "o\'neil", "50%"'
    place.configure(**pooled.settings(), schema_search_path=path)
    settings = configuration.load(place.directory).database
    with opened(settings) as connection:
        for _ in range(10):  # a driver that prepares does it by then, and deallocates the shop's
            inside = tuple(connection.exec_driver_sql(_LEFT).one())
        assert inside[1:] == ("15s", path, "on", 0)
    with connected(settings) as front:
        assert [order.number for order in front.from_head(4, 5)] == ["1001004", "1001005"]
    run = place.run("check", "--json", "database")
    found = json.loads(run.stdout)["findings"]
    assert "error" not in {each["severity"] for each in found}, found
    assert any("a cycle's read goes by the index on id" in each["found"] for each in found)
    assert _left(pooled) == before


def test_options_that_pgbouncer_refuses_are_named(pooled: Database) -> None:
    url = pooled.url.update_query_dict({"options": "-c enable_seqscan=off"})
    settings = configuration.Database(url=url.render_as_string(hide_password=False))
    refusal = pytest.raises(ConfigurationError, match="unsupported startup parameter")
    with refusal as refused, opened(settings):
        pass
    assert "Take `options` out of the url there" in refused.value.remedy


def test_options_of_a_url_are_kept_without_pgbouncer(postgres: Postgres) -> None:
    url = postgres.fresh_database().url.update_query_dict({"options": "-c search_path=spree"})
    settings = configuration.Database(url=url.render_as_string(hide_password=False))
    with opened(settings) as connection:
        assert connection.exec_driver_sql("SHOW search_path").scalar() == "spree"


def test_a_pool_that_takes_no_transaction_is_named(postgres: Postgres) -> None:
    with PgBouncer(postgres, "statement") as bouncer:
        url = bouncer.to(postgres.fresh_database()).url.render_as_string(hide_password=False)
        refusal = pytest.raises(ConfigurationError, match="statement pooling")
        with refusal as refused, opened(configuration.Database(url=url)):
            pass
    assert "pool_mode=transaction" in refused.value.remedy


def test_a_pool_without_this_user_is_named(postgres: Postgres) -> None:
    with PgBouncer(postgres) as bouncer:
        url = bouncer.to(postgres.fresh_database()).url.set(username="stranger")
        settings = configuration.Database(url=url.render_as_string(hide_password=False))
        refusal = pytest.raises(ConfigurationError, match="refuses us")
        with refusal as refused, opened(settings):
            pass
    assert "Correct the username, password" in refused.value.remedy
