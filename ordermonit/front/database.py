"""The Front's database, read only: keyset pagination on the orders' primary key.

No transaction is held: each SELECT stands for itself, and the connection is closed before the node
is asked anything.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.pool import NullPool

from ordermonit.configuration import Database
from ordermonit.errors import ConfigurationError, OrdermonitError, Unavailable
from ordermonit.front.watchdog import Watchdog
from ordermonit.orders.gaps import Gap
from ordermonit.orders.ignored import BLOCK, Count
from ordermonit.orders.model import Order

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
#: What drivers answer when the other side is not whom we were told to trust.
_TLS = ("certificate", "ssl is required", "does not support ssl")


class Front:
    """An open connection to the Front. Get it from `connected`."""

    def __init__(self, connection: sa.Connection, database: Database) -> None:
        self._connection = connection
        self._id: sa.ColumnClause[int] = sa.column(database.id, sa.BigInteger)
        self._state: sa.ColumnClause[Any] = sa.column(database.state)
        self._created_at: sa.ColumnClause[Any] = sa.column(database.created_at)
        self._ignored_states = sorted(database.ignored_states)
        schema, _, name = database.table.rpartition(".")
        self._table = sa.table(
            name,
            self._id,
            sa.column(database.number),
            self._state,
            self._created_at,
            schema=schema or None,
        )
        self._select = sa.select(*self._table.c).order_by(self._id)

    def from_head(self, head: int, limit: int) -> list[Order]:
        """HEAD's own order, if it is there, and up to `limit` newer ones, by id."""
        return self._read(self.keyset(head, limit))

    def keyset(self, head: int, limit: int) -> sa.Select[Any]:
        """The statement of `from_head`: the one read that every cycle does."""
        return self._select.where(self._id >= _literal(head)).limit(limit + 1)

    def between(self, first: int, last: int, limit: int) -> list[Order]:
        """Up to `limit` orders with these ids, by id."""
        inside = self._id.between(_literal(first), _literal(last))
        return self._read(self._select.where(inside).limit(limit))

    def count(self, first: int, last: int) -> int:
        """How many orders have these ids."""
        inside = self._id.between(_literal(first), _literal(last))
        select = sa.select(sa.func.count()).select_from(self._table).where(inside)
        return int(self._connection.scalar(select) or 0)

    def first_since(self, time: datetime) -> int | None:
        """The least id of the orders created since this time, which is aware; None without one."""
        naive = sa.literal(time.astimezone(UTC).replace(tzinfo=None), sa.DateTime())
        since = self._created_at >= naive
        found = self._connection.scalar(
            sa.select(self._id).select_from(self._table).where(since).order_by(self._id).limit(1)
        )
        return None if found is None else int(found)

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

    def ignored(self, first: int, last: int) -> list[int]:
        """The ids from `first` to `last` whose rows are in an ignored state, ascending."""
        found: list[int] = []
        while self._ignored_states:
            inside = self._id.between(_literal(first), _literal(last))
            page = list(map(int, self._connection.scalars(self._ids_ignored(inside))))
            found += page
            if len(page) < _IDS_A_STATEMENT:
                break
            first = page[-1] + 1
        return found

    def _ids_ignored(self, inside: sa.ColumnElement[bool]) -> sa.Select[Any]:
        select = sa.select(self._id).select_from(self._table).where(inside & self._is_ignored)
        return select.order_by(self._id).limit(_IDS_A_STATEMENT)

    @property
    def _is_ignored(self) -> sa.ColumnElement[bool]:
        return self._state.in_(self._ignored_states)

    def count_ignored(self, blocks: Sequence[int]) -> dict[int, Count]:
        """Of each of these blocks, which begin with these ids: how many rows are in an ignored
        state, and the sum of their ids' places in the block."""
        if not blocks or not self._ignored_states:
            return {}
        place = self._id % _literal(BLOCK)
        inside = [
            self._id.between(_literal(first), _literal(last)) for first, last in _joined(blocks)
        ]
        first_id = (self._id - place).label("first_id")
        counts = self._connection.execute(
            sa.select(first_id, sa.func.count(), sa.func.sum(place))
            .select_from(self._table)
            .where(sa.or_(*inside) & self._is_ignored)
            .group_by(first_id)
        )
        return {int(first): (int(many), int(places)) for first, many, places in counts}

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


def _joined(blocks: Sequence[int]) -> list[tuple[int, int]]:
    """The ids of ascending blocks, as few ranges as there can be."""
    found: list[tuple[int, int]] = []
    for first in blocks:
        is_next = bool(found) and found[-1][1] + 1 == first
        begin = found.pop()[0] if is_next else first
        found.append((begin, first + BLOCK - 1))
    return found


@contextmanager
def connected(database: Database, timeout: float | None = None) -> Iterator[Front]:
    """An open Front. Raises what `opened` raises."""
    with opened(database, timeout) as connection:
        yield Front(connection, database)


@contextmanager
def opened(database: Database, timeout: float | None = None) -> Iterator[sa.Connection]:
    """A connection to the Front's database.

    `timeout` in seconds, to connect and for a statement; `read_timeout` where it is None.

    Raises Unavailable when it is down, ConfigurationError when it is the wrong one or refuses us;
    statements that fail inside count too.
    """
    url = database.engine_url()
    seconds = database.read_timeout if timeout is None else timeout
    try:
        engine = sa.create_engine(
            url,
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args=_connect_args(url, seconds),
            hide_parameters=True,
        )
    except (ImportError, exc.ArgumentError) as problem:
        raise ConfigurationError(
            f"database.yml: no driver for {url.drivername}: {problem}",
            "Install it: pip install 'ordermonit[mysql]' or 'ordermonit[postgresql]'",
        ) from None
    if url.get_driver_name() == "pymysql":
        from ordermonit.front.fast_pymysql import connect

        event.listen(engine, "do_connect", connect)
    try:
        with _watched(engine, seconds), engine.connect() as connection:
            yield connection
    except exc.DBAPIError as problem:
        raise _explained(problem, url, database) from problem


def _connect_args(url: sa.URL, seconds: float) -> dict[str, object]:
    whole = math.ceil(seconds)
    arguments: dict[str, dict[str, object]] = {
        "mysql": {"connect_timeout": whole, "read_timeout": seconds, "write_timeout": seconds},
        "postgresql": {
            "connect_timeout": whole,
            "options": f"-c statement_timeout={whole}s",
        },
        "sqlite": {"timeout": seconds},
    }
    return arguments.get(url.get_backend_name(), {})


@contextmanager
def _watched(engine: sa.Engine, seconds: float) -> Iterator[None]:
    """Shut the connection of a PostgreSQL server that hangs.

    libpq waits for an answer without a deadline, and a statement_timeout is the server's own: while
    its kernel acknowledges what we send, nobody would ever give up.
    """
    if engine.url.get_backend_name() != "postgresql":
        yield
        return
    watchdog = Watchdog(seconds + 1)  # the server's own timeout says more: it goes first
    # The driver asks for a few things before our first statement.
    event.listen(engine, "connect", lambda raw, _: watchdog.watch(raw.fileno()), insert=True)
    event.listen(engine, "before_cursor_execute", lambda *_: watchdog.again())
    try:
        yield
    finally:
        watchdog.end()


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
    if any(word in text.lower() for word in _TLS):
        is_mysql = url.get_backend_name() == "mysql"
        keys = "ssl_mode and sslca" if is_mysql else "sslmode and sslrootcert"
        return ConfigurationError(
            f"database.yml: there is no trusted connection to {where}: {text}",
            f"Correct {keys} there, or the certificate of the server",
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
