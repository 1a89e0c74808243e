"""What a database's answer means: it is down, or something has to be corrected, and how.

Where a right is missing, the remedy is the line that the database's administrator types.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

import sqlalchemy as sa
from sqlalchemy import exc

from ordermonit.configuration import Database
from ordermonit.errors import ConfigurationError, OrdermonitError, Unavailable
from ordermonit.front import sqlite
from ordermonit.front.mysql import socket_of

_ACCOUNT = re.compile(r"'([^']*)'@'([^']*)'")
_ROLE = re.compile(r'(?:role|user|for user|user=) ?"([^"]*)"')
_CLIENT = re.compile(r'for host "[^"]*", user "([^"]*)", database "([^"]*)"')

_ITS_HOST = " (with the account's host for %, as mysql.user has it)"
_CREDENTIALS = "Correct the username, password or database there"
_ADMINISTRATOR = "The database's administrator types: "


@dataclass(frozen=True)
class _Said:
    """What the server said, and of what."""

    text: str
    url: sa.URL
    database: Database
    account_found: str | None = None

    @property
    def table(self) -> str:
        return self.database.table

    @property
    def account(self) -> str:
        """MySQL's name of us: an account has the host of those who may be it."""
        if self.account_found is not None:
            user, _, host = self.account_found.rpartition("@")
            return f"'{user}'@'{host}'"
        found = _ACCOUNT.search(self.text)
        return found[0] if found else f"'{self.url.username}'@'%'"

    @property
    def guess(self) -> str:
        """What is to be added where only the administrator knows the account's host."""
        known = self.account_found is not None or _ACCOUNT.search(self.text)
        return "" if known else _ITS_HOST

    @property
    def qualified(self) -> str:
        """MySQL's name of the table."""
        return self.table if "." in self.table else f"{self.url.database}.{self.table}"

    @property
    def refusal(self) -> str:
        """What is behind the driver's own words, which name the server."""
        return self.text.rpartition(" failed: ")[2]

    @property
    def role(self) -> str:
        """PostgreSQL's name of us."""
        found = _ROLE.search(self.text)
        return found[1] if found else str(self.url.username)


_Remedy = Callable[[_Said], str]

#: By MySQL's error codes, which are the same in every language of the server.
_MYSQL: dict[int, _Remedy] = {
    1044: lambda said: f"{_ADMINISTRATOR}GRANT SELECT ON {said.qualified} TO {said.account}",
    1045: lambda said: _denied(said),
    1049: lambda _: _CREDENTIALS,
    1129: lambda _: f"{_ADMINISTRATOR}FLUSH HOSTS",
    1130: lambda said: (
        f"{_ADMINISTRATOR}CREATE USER '{said.url.username}'@'HOST' IDENTIFIED BY 'PASSWORD', and"
        f" GRANT SELECT ON {said.qualified} TO '{said.url.username}'@'HOST', with this machine as"
        " HOST"
    ),
    1142: lambda said: f"{_ADMINISTRATOR}GRANT SELECT ON {said.qualified} TO {said.account}",
    1143: lambda said: f"{_ADMINISTRATOR}GRANT SELECT ON {said.qualified} TO {said.account}",
    1251: lambda said: _another_login(said),
    1698: lambda _: _CREDENTIALS,
    1820: lambda said: _new_password(said),
    1862: lambda said: _new_password(said),
    2059: lambda said: _another_login(said),
    2061: lambda said: _another_login(said),
    3118: lambda said: _unlocked(said),
    3159: lambda _: _ENCRYPT,
    4151: lambda said: _unlocked(said),
}
_ENCRYPT = "Take `ssl_mode: disabled` out there: the server demands encryption"


def _denied(said: _Said) -> str:
    remedy = (
        f"{_CREDENTIALS}; or, if the server has no such account, its administrator types: CREATE"
        f" USER {said.account} IDENTIFIED BY 'PASSWORD'; GRANT SELECT ON {said.qualified} TO"
        f" {said.account}"
    )
    if said.url.query.get("ssl_mode") != "disabled":
        return remedy
    return f"{remedy}; or take `ssl_mode: disabled` out: the account may demand encryption"


def _unlocked(said: _Said) -> str:
    # MySQL names the account by our address.
    user = f"'{said.url.username}'@'%'"
    return f"{_ADMINISTRATOR}ALTER USER {user} ACCOUNT UNLOCK{_ITS_HOST}"


def _new_password(said: _Said) -> str:
    return (
        f"Its password has expired. {_ADMINISTRATOR}ALTER USER {said.account} PASSWORD EXPIRE"
        f" NEVER{said.guess}; or gives it a new password, which belongs there"
    )


def _another_login(said: _Said) -> str:
    return (
        "Only an account with a password can be logged in to."
        f" {_ADMINISTRATOR}ALTER USER {said.account} IDENTIFIED BY 'PASSWORD'{said.guess}"
    )


#: By what libpq and PgBouncer say while there is no connection yet, and PostgreSQL in English.
_POSTGRESQL: tuple[tuple[str, _Remedy], ...] = (
    ("no pg_hba.conf entry", lambda said: _hba(said)),
    ("pg_hba.conf rejects", lambda said: _hba(said)),
    (
        "is not permitted to log in",
        lambda said: f'{_ADMINISTRATOR}ALTER ROLE "{said.role}" LOGIN',
    ),
    (
        "permission denied for database",
        lambda said: _no_connect(said),
    ),
    ("password authentication failed", lambda said: _wrong_password(said)),
    (
        "unsupported startup parameter",
        lambda _: (
            "This is PgBouncer. Take `options` out of the url there (schema_search_path does the"
            " same for a search_path), or its administrator sets ignore_startup_parameters"
        ),
    ),
    (
        "statement pooling",
        lambda said: (
            "This is PgBouncer. Its administrator gives us a pool in its [databases]:"
            f" {said.url.database}_ordermonit = dbname={said.url.database} pool_mode=transaction,"
            " which is the database here then"
        ),
    ),
    ("invalid connection option", lambda _: "Take that option out of the url there"),
    ("authentication failed", lambda _: _CREDENTIALS),
    ("no password supplied", lambda _: _CREDENTIALS),
    ("no such user", lambda _: _CREDENTIALS),
    ("no such database", lambda _: _CREDENTIALS),
    ("does not exist", lambda _: _CREDENTIALS),
)

#: By PostgreSQL's SQLSTATE and the function that refused, in every language of the server.
_POSTGRESQL_CODES: dict[tuple[str, str | None], _Remedy] = {
    ("28000", "ClientAuthentication"): lambda said: _hba(said),
    ("28000", "InitializeSessionUserId"): lambda said: (
        f"Correct the username there; or, if there is such a role, the administrator types:"
        f' ALTER ROLE "{said.role}" LOGIN'
    ),
    ("28000", "auth_failed"): lambda _: _CREDENTIALS,
    ("28P01", "auth_failed"): lambda said: _wrong_password(said),
    ("3D000", "InitPostgres"): lambda _: _CREDENTIALS,
    ("42501", "CheckMyDatabase"): lambda said: _no_connect(said),
}


def _no_connect(said: _Said) -> str:
    database, user = said.url.database, said.url.username
    return f'{_ADMINISTRATOR}GRANT CONNECT ON DATABASE "{database}" TO "{user}"'


def _wrong_password(said: _Said) -> str:
    return (
        f"{_CREDENTIALS}; a password that has expired fails so too: the administrator types:"
        f" ALTER ROLE \"{said.role}\" VALID UNTIL 'infinity'"
    )


def _hba(said: _Said) -> str:
    client = _CLIENT.search(said.text)
    host = next(filter(_is_address, re.findall(r"[0-9a-f.:]+", said.refusal)), "ADDRESS")
    user, database = client.groups() if client else (said.role, said.url.database)
    width = "128" if ":" in host else "32"
    # Which TLS the server speaks of can be read in English alone; `host` is with it or without.
    kind = "hostssl" if "SSL encryption" in said.text or "SSL on" in said.text else "host"
    switched_off = said.url.query.get("sslmode") == "disable"
    first = "Take `sslmode: disable` out there, if the server demands encryption. Else t"
    return (
        f"{first if switched_off else 'T'}"
        "he database's administrator adds to pg_hba.conf, where the first line that fits counts:"
        f" {kind} {database} {user} {host}/{width} scram-sha-256, and types:"
        " SELECT pg_reload_conf()"
    )


#: By PostgreSQL's SQLSTATE, which a statement that failed has; a class of them is PgBouncer's too.
_NO_RIGHT, _NO_OPERATOR, _CONNECTION = "42501", "42883", "08"

#: What drivers answer when the other side is not whom we were told to trust.
_TLS = ("certificate", "ssl is required", "does not support ssl", "[ssl")


def address_of(url: sa.URL) -> str:
    """The database's name in messages: without a password, and without what is behind the `?`."""
    name = url.difference_update_query(list(url.query)).render_as_string(hide_password=True)
    over = url.query.get("unix_socket") or url.query.get("host")
    if url.get_backend_name() == "mysql":
        over = over or socket_of(url)
    return f"{name} over {over}" if over else name


def no_such_login(problem: Exception, url: sa.URL, database: Database) -> ConfigurationError:
    """MySQL's driver does not know the way in which this account proves who it is."""
    said = _Said(str(problem), url, database)
    why = problem if isinstance(problem, RuntimeError) else "the driver does not know its way of it"
    return ConfigurationError(
        f"database.yml: username: {url.username} can't be logged in to: {why}",
        _another_login(said),
    )


def explained(
    problem: exc.DBAPIError,
    url: sa.URL,
    database: Database,
    connection: sa.Connection | None = None,
) -> OrdermonitError:
    """What a driver's error means for us; `connection` is what a statement failed on."""
    text = " ".join(str(problem.orig).split())
    said = _Said(text, url, database, _account(problem, connection))
    where = address_of(url)
    named = {"mysql": _mysql, "postgresql": _postgresql}.get(url.get_backend_name())
    remedy = named(problem, said) if named else None
    if named is None and (found := sqlite.explained(said.text, url)):
        return found
    state = getattr(problem.orig, "sqlstate", None)
    if state is None and any(word in said.text.lower() for word in _TLS):
        return _untrusted(where, said)
    if remedy is not None:
        return ConfigurationError(f"database.yml: {where} refuses us: {said.text}", remedy)
    if state == _NO_OPERATOR:
        return no_whole_numbers(database, url.get_backend_name())
    wrong_schema = isinstance(problem, exc.ProgrammingError) or "no such " in said.text
    if wrong_schema or "Unknown column" in said.text:
        return ConfigurationError(
            f"database.yml: {where} does not have what `orders` names"
            f" (table {database.table}): {said.text}",
            "Correct the table and column names under `orders`",
        )
    return Unavailable(
        f"the Front's database {where} is down: {said.text}",
        "Nothing is lost; the next cycle goes on. Look at the database server",
    )


def _mysql(problem: exc.DBAPIError, said: _Said) -> str | None:
    arguments = getattr(problem.orig, "args", ())
    remedy = _MYSQL.get(arguments[0]) if arguments else None
    return None if remedy is None else remedy(said)


def _account(problem: exc.DBAPIError, connection: sa.Connection | None) -> str | None:
    """The account that lacks a right: MySQL's message has our address, and not its host."""
    code = next(iter(getattr(problem.orig, "args", ())), None)
    if connection is None or code not in (1142, 1143):
        return None
    try:
        return str(connection.exec_driver_sql("SELECT CURRENT_USER()").scalar())
    except exc.DBAPIError:
        return None


def _postgresql(problem: exc.DBAPIError, said: _Said) -> str | None:
    state = getattr(problem.orig, "sqlstate", None)
    if state == _NO_RIGHT:
        schema, _, table = said.table.rpartition(".")
        usage = f'GRANT USAGE ON SCHEMA {schema or "public"} TO "{said.url.username}", and '
        # What we may not use stands in the sentence, whatever its language.
        diagnosis = getattr(problem.orig, "diag", None)
        words = re.findall(r"\w+", getattr(diagnosis, "message_primary", None) or "")
        is_table = table in words and "schema" not in words
        return (
            f"{_ADMINISTRATOR}{'' if is_table else usage}"
            f'GRANT SELECT ON {said.table} TO "{said.url.username}"'
        )
    if state is not None and not state.startswith(_CONNECTION):
        return None
    found = next((remedy(said) for text, remedy in _POSTGRESQL if text in said.text), None)
    return _by_code(problem, said) if found is None and state is None else found


def _by_code(problem: exc.DBAPIError, said: _Said) -> str | None:
    from ordermonit.front import startup

    if not startup.is_said_by_server(str(problem.orig)):
        return None
    code = startup.code(said.url, said.database.read_timeout)
    remedy = _POSTGRESQL_CODES.get((code.state, code.routine)) if code else None
    return None if remedy is None else remedy(said)


def _is_address(text: str) -> bool:
    try:
        return bool(ip_address(text))
    except ValueError:
        return False


def _untrusted(where: str, said: _Said) -> ConfigurationError:
    is_mysql = said.url.get_backend_name() == "mysql"
    keys = "ssl_mode and sslca" if is_mysql else "sslmode and sslrootcert"
    return ConfigurationError(
        f"database.yml: there is no trusted connection to {where}: {said.text}",
        f"Correct {keys} there, or the certificate of the server{_OLD if is_mysql else ''}",
    )


#: MySQL 5 has TLS that is no longer spoken.
_OLD = "; `ssl_mode: disabled` does without, where the server is too old for today's TLS"

_SEQUENCES: Mapping[str, str] = {
    "mysql": "ADD COLUMN sequence BIGINT UNSIGNED NOT NULL AUTO_INCREMENT UNIQUE",
    "postgresql": "ADD COLUMN sequence BIGSERIAL UNIQUE",
}


def no_whole_numbers(database: Database, backend: str) -> ConfigurationError:
    """The key is a text or a UUID, which says nothing of what came first."""
    add = _SEQUENCES.get(backend)
    added = f" (there is none? The shop's administrator types: ALTER TABLE {database.table} {add})"
    return ConfigurationError(
        f"database.yml: the column {database.id} of {database.table} has no whole numbers, and a"
        " cycle reads by a whole number that grows with each order",
        "Correct id under `orders`: name a column there that has an index and such numbers"
        f"{added if add else ''}",
    )
