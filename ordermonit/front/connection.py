"""A connection to the Front's database, and what it means when there is none."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.pool import NullPool

from ordermonit.configuration import Database
from ordermonit.errors import ConfigurationError
from ordermonit.front.watchdog import Watchdog


@contextmanager
def opened(database: Database, timeout: float | None = None) -> Iterator[sa.Connection]:
    """A connection to the Front's database, that only reads.

    `timeout` in seconds, to connect and for a statement; `read_timeout` where it is None.

    Raises Unavailable when it is down, ConfigurationError when it is the wrong one or refuses us;
    statements that fail inside count too.
    """
    url = database.engine_url()
    seconds = database.read_timeout if timeout is None else timeout
    with ExitStack() as stack:
        connection = None
        try:
            connection = stack.enter_context(_connected(url, seconds, database, stack))
            yield connection
        except exc.DBAPIError as problem:
            # Only what failed pays for this import.
            from ordermonit.front.refusals import explained

            raise explained(problem, url, database, connection) from problem


def _connected(url: sa.URL, seconds: float, database: Database, stack: ExitStack) -> sa.Connection:
    match url.get_backend_name():
        case "mysql":
            return _mysql(url, seconds, database)
        case "postgresql":
            return _postgresql(url, seconds, stack)
        case _:
            return _sqlite(url, seconds)


def _engine(url: sa.URL, arguments: dict[str, object], **options: Any) -> sa.Engine:
    try:
        return sa.create_engine(
            url,
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args=arguments,
            hide_parameters=True,
            **options,
        )
    except (ImportError, exc.ArgumentError) as problem:
        raise no_driver(url, problem) from None


def no_driver(url: sa.URL, problem: Exception) -> ConfigurationError:
    """The driver is not installed."""
    return ConfigurationError(
        f"database.yml: no driver for {url.drivername}: {problem}",
        "Install it: pip install 'ordermonit[mysql]' or 'ordermonit[postgresql]'",
    )


def _mysql(url: sa.URL, seconds: float, database: Database) -> sa.Connection:
    from ordermonit.front import mysql

    engine = _engine(*mysql.called_with(url, seconds))
    try:
        with mysql.without_authorities():
            return engine.connect()
    except exc.SQLAlchemyError:
        raise
    except Exception as problem:  # what the driver makes of a login that it doesn't know: anything
        from ordermonit.front.refusals import no_such_login

        raise no_such_login(problem, url, database) from None


def _sqlite(url: sa.URL, seconds: float) -> sa.Connection:
    from ordermonit.front import sqlite

    engine = _engine(*sqlite.called_with(url, seconds))
    event.listen(engine, "connect", lambda raw, _: sqlite.read_every_text(raw))
    return engine.connect()


def _postgresql(url: sa.URL, seconds: float, stack: ExitStack) -> sa.Connection:
    """Shuts the connection of a server that hangs: libpq waits for an answer without a deadline,
    and a statement_timeout is the server's own. While its kernel acknowledges what we send, nobody
    would ever give up."""
    try:
        from ordermonit.front import postgresql
    except ImportError as problem:
        raise no_driver(url, problem) from None

    # hstore is nothing of ours, and costs a question.
    engine = _engine(*postgresql.called_with(url, seconds), use_native_hstore=False)
    watchdog = Watchdog(seconds + 1)  # the server's own timeout says more: it goes first
    stack.callback(watchdog.end)

    def connect(raw: Any, _: object) -> None:
        # The driver asks for a few things before our first statement.
        watchdog.watch(raw.fileno())
        postgresql.read_every_time(raw)

    event.listen(engine, "connect", connect, insert=True)
    event.listen(engine, "before_cursor_execute", lambda *_: watchdog.again())
    connection = engine.connect()
    try:
        postgresql.begin(connection, url, seconds)
    except BaseException:
        connection.close()
        raise
    return connection
