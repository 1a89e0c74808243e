"""The Front's database, read only: keyset pagination on the orders' primary key.

No transaction is held: each SELECT stands for itself, and the connection is closed before the node
is asked anything.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.pool import NullPool

from ordermonit.configuration import Database
from ordermonit.errors import ConfigurationError, OrdermonitError, Unavailable
from ordermonit.gaps import Gap
from ordermonit.model import Order

#: Seconds until a database that does not answer counts as down.
TIMEOUT = 15

#: Ids and gaps in one statement: below every server's limit on its length.
_IDS_A_STATEMENT = 20_000
_GAPS_A_STATEMENT = 200

#: What servers answer when the configuration, not the server, is wrong.
_REFUSALS = (
    "access denied",
    "unknown database",
    "authentication failed",
    "no password supplied",
    "does not exist",
    "unable to open database file",
)


class Front:
    """An open connection to the Front. Get it from `connected`."""

    def __init__(self, connection: sa.Connection, database: Database) -> None:
        self._connection = connection
        self._id: sa.ColumnClause[int] = sa.column(database.id, sa.BigInteger)
        schema, _, name = database.table.rpartition(".")
        self._table = sa.table(
            name,
            self._id,
            sa.column(database.number),
            sa.column(database.state),
            sa.column(database.created_at),
            schema=schema or None,
        )
        self._select = sa.select(*self._table.c).order_by(self._id)

    def from_head(self, head: int, limit: int) -> list[Order]:
        """HEAD's own order, if it is there, and up to `limit` newer ones, by id."""
        return self._read(self._select.where(self._id >= _literal(head)).limit(limit + 1))

    def newest(self) -> int | None:
        """The greatest id, None without orders."""
        found = self._connection.scalar(sa.select(sa.func.max(self._id)).select_from(self._table))
        return None if found is None else int(found)

    def by_id(self, ids: Iterable[int]) -> dict[int, Order]:
        """The orders with these ids that are still there."""
        wanted = sorted(ids)
        found: dict[int, Order] = {}
        for at in range(0, len(wanted), _IDS_A_STATEMENT):
            some = [_literal(id) for id in wanted[at : at + _IDS_A_STATEMENT]]
            found.update((order.id, order) for order in self._read(self._among(some)))
        return found

    def _among(self, ids: list[sa.ColumnElement[int]]) -> sa.Select[Any]:
        return self._select.where(self._id.in_(ids))

    def in_gaps(self, gaps: tuple[Gap, ...], limit: int) -> list[Order]:
        """Up to `limit` orders that became visible in the gaps, by id."""
        found: list[Order] = []
        for at in range(0, len(gaps), _GAPS_A_STATEMENT):
            some = [self._inside(gap) for gap in gaps[at : at + _GAPS_A_STATEMENT]]
            found += self._read(self._select.where(sa.or_(*some)).limit(limit - len(found)))
            if len(found) >= limit:
                break
        return found

    def _inside(self, gap: Gap) -> sa.ColumnElement[bool]:
        between = self._id.between(_literal(gap.first), _literal(gap.last))
        if not gap.step:
            return between
        return between & ((self._id - _literal(gap.first - 1)) % _literal(gap.step) != _literal(0))

    def ids_before(self, id: int, limit: int) -> list[int]:
        """The greatest `limit` ids up to `id`, ascending."""
        newest_first = (
            sa.select(self._id)
            .select_from(self._table)
            .where(self._id <= _literal(id))
            .order_by(self._id.desc())
            .limit(limit)
        )
        return sorted(int(found) for found in self._connection.scalars(newest_first))

    def _read(self, select: sa.Select[Any]) -> list[Order]:
        return [
            Order(int(id), _text(number), _text(state), _utc(created))
            for id, number, state, created in self._connection.execute(select)
        ]


@contextmanager
def connected(database: Database) -> Iterator[Front]:
    """An open Front. Raises Unavailable when it is down, ConfigurationError when it is the wrong
    one or refuses us."""
    url = database.engine_url()
    try:
        engine = sa.create_engine(
            url,
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args=_connect_args(url),
            hide_parameters=True,
        )
    except (ImportError, exc.ArgumentError) as problem:
        raise ConfigurationError(
            f"database.yml: no driver for {url.drivername}: {problem}",
            "Install it: pip install 'ordermonit[mysql]' or 'ordermonit[postgresql]'",
        ) from None
    try:
        with engine.connect() as connection:
            yield Front(connection, database)
    except exc.DBAPIError as problem:
        raise _explained(problem, url, database) from problem


def _connect_args(url: sa.URL) -> dict[str, object]:
    arguments: dict[str, Callable[[], dict[str, object]]] = {
        "mysql": lambda: {
            "connect_timeout": TIMEOUT,
            "read_timeout": TIMEOUT,
            "write_timeout": TIMEOUT,
        },
        "postgresql": lambda: {
            "connect_timeout": TIMEOUT,
            "options": f"-c statement_timeout={TIMEOUT}s",
            "tcp_user_timeout": TIMEOUT * 1000,
        },
        "sqlite": lambda: {"timeout": TIMEOUT},
    }
    return arguments.get(url.get_backend_name(), dict)()


def _explained(problem: exc.DBAPIError, url: sa.URL, database: Database) -> OrdermonitError:
    text = " ".join(str(problem.orig).split())
    where = url.render_as_string(hide_password=True)
    wrong_schema = isinstance(problem, exc.ProgrammingError) or "no such " in text
    if wrong_schema or "Unknown column" in text:
        return ConfigurationError(
            f"database.yml: {where} does not have what `orders` names"
            f" (table {database.table}): {text}",
            "Correct the table and column names under `orders`",
        )
    if any(refusal in text.lower() for refusal in _REFUSALS):
        return ConfigurationError(
            f"database.yml: {where} refuses us: {text}",
            "Correct the username, password or database there",
        )
    return Unavailable(
        f"the Front's database {where} is down: {text}",
        "Nothing is lost; the next cycle goes on. Look at the database server",
    )


def _literal(number: int) -> sa.ColumnElement[int]:
    """A number as text of the statement: thousands of them are no thousands of parameters."""
    return sa.literal_column(str(int(number)), sa.BigInteger)


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


def _utc(value: object) -> datetime | None:
    """The Front's times are UTC without a zone; SQLite's are text. Odd ones count as unknown."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
