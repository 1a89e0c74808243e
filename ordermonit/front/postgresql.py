"""PostgreSQL: nothing that we set outlives us, and a time that is odd is no failure."""

from math import ceil
from typing import Any

import sqlalchemy as sa
from psycopg import Error
from psycopg.types.datetime import DateLoader, TimestampLoader, TimestamptzLoader


def called_with(url: sa.URL, seconds: float) -> tuple[sa.URL, dict[str, object]]:
    """The URL and the arguments beside it that the driver is called with.

    PgBouncer refuses parameters of a session that it does not know, and hands a session's
    statements to connections that others use too: so none of either.
    """
    arguments: dict[str, object] = {"connect_timeout": ceil(seconds), "prepare_threshold": None}
    return url.difference_update_query(["search_path"]), arguments


def begin(connection: sa.Connection, url: sa.URL, seconds: float) -> None:
    """Begin the one transaction of this connection, which only reads and is rolled back.

    READ COMMITTED: each SELECT sees what is committed by then. The server gives up a statement
    after `seconds`, so that it does not go on with what nobody waits for.
    """
    statements = [
        "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY",
        f"SET LOCAL statement_timeout = {ceil(seconds * 1000)}",
    ]
    if "search_path" in url.query:
        path = str(url.query["search_path"]).replace("'", "''").replace("%", "%%")
        statements.append(f"SELECT set_config('search_path', '{path}', true)")
    connection.exec_driver_sql("; ".join(statements)).close()


def read_every_time(raw: Any) -> None:
    """Let a time that Python has none for (infinity, BC) be unknown on this connection."""
    for name, loader in _LOADERS.items():
        raw.adapters.register_loader(name, loader)


class _Lenient:
    def load(self, data: Any) -> Any:
        below: Any = super()
        try:
            return below.load(data)
        except (Error, NotImplementedError):
            return None


class _Date(_Lenient, DateLoader):
    pass


class _Timestamp(_Lenient, TimestampLoader):
    pass


class _Timestamptz(_Lenient, TimestamptzLoader):
    pass


_LOADERS = {"date": _Date, "timestamp": _Timestamp, "timestamptz": _Timestamptz}
