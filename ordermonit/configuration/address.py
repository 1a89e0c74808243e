"""The database's address: the connection's keys as the one URL that SQLAlchemy takes."""

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from urllib.parse import quote, quote_plus

from ordermonit.configuration.connection import DRIVERS, IGNORED, URL_FORM, Connection
from ordermonit.configuration.problems import Place

#: MySQL's character sets that its driver knows, and that a shop's text may be in.
_CHARSETS = ("utf8mb4", "utf8mb3", "utf8", "latin1", "latin2", "latin5", "ascii", "binary")

_URL = re.compile(
    r"(?P<scheme>[a-z0-9]+)(?P<driver>\+[a-z0-9_]+)?://"
    r"(?:(?P<user>[^:/@?]*)(?::(?P<password>[^@]*))?@)?"
    r"(?P<host>\[[^/?\]]+\]|[^:/?@\[\]]*)(?::(?P<port>[0-9]{1,5}))?"
    r"(?:/(?P<database>[^?]*))?(?:\?(?P<query>.*))?"
)


def url_of(
    connection: Connection, directory: Path, password: str | None, place: Place
) -> str | None:
    """SQLAlchemy's URL; None, with the problem said, where the keys don't make one.

    `directory` is where relative paths begin. `password` replaces the connection's own.
    """
    if connection.url is not None:
        return _from_url(connection, directory, password, place)
    if connection.adapter is None:
        place.at("url").say(f"missing; expected {URL_FORM}, or adapter and database as Rails")
        return None
    if connection.database is None:
        place.at("database").say("missing; expected a database's name")
        return None
    driver = DRIVERS[connection.adapter]
    if driver == "sqlite":
        return _sqlite(connection.database, directory)
    password = password or connection.password
    if password is not None and connection.username is None:
        place.at("username").say("missing; expected the user whose password there is")
        return None
    if driver.startswith("mysql"):
        _check_mysql(connection, place)
        query = dict(_mysql_query(connection))
    else:
        query = dict(_postgresql_query(connection))
    return _rendered(connection, driver, password, query)


def _rendered(
    connection: Connection, driver: str, password: str | None, query: dict[str, str]
) -> str:
    user = ""
    if connection.username is not None:
        secret = f":{quote(password, safe='')}" if password is not None else ""
        user = f"{quote(connection.username, safe='')}{secret}@"
    host = connection.host or ""
    if "unix_socket" in query or "host" in query:
        host = ""
    elif ":" in host:
        host = f"[{host.strip('[]')}]"
    port = f":{connection.port}" if connection.port and host else ""
    options = "&".join(f"{name}={quote_plus(value)}" for name, value in query.items())
    return f"{driver}://{user}{host}{port}/{connection.database}{'?' if options else ''}{options}"


def _sqlite(file: str, directory: Path) -> str:
    return f"sqlite:///{file if file.startswith('file:') else directory.absolute() / file}"


def _check_mysql(connection: Connection, place: Place) -> None:
    if connection.encoding is not None and connection.encoding.lower() not in _CHARSETS:
        place.at("encoding").say(
            f"found {connection.encoding!r}, expected one of {', '.join(_CHARSETS)}"
        )
    mode = (connection.ssl_mode or "preferred").lower()
    if mode not in ("disabled", "preferred") and connection.sslca is None:
        place.at("sslca").say(
            f"missing; expected the authorities' file, since ssl_mode is {mode} and the server's"
            " certificate is checked against it"
        )


def _mysql_query(connection: Connection) -> Iterator[tuple[str, str]]:
    if connection.encoding is not None:
        yield "charset", connection.encoding.lower()
    if connection.socket is not None:
        yield "unix_socket", connection.socket
    mode = (connection.ssl_mode or "").lower()
    if mode == "disabled":
        yield "ssl_disabled", "true"
        return
    for name, value in (
        ("ssl_ca", connection.sslca),
        ("ssl_cert", connection.sslcert),
        ("ssl_key", connection.sslkey),
    ):
        if value is not None:
            yield name, value
    # As mysql2 does: the name in the certificate is checked only where that is asked for.
    if connection.sslca is not None and mode != "verify_identity":
        yield "ssl_check_hostname", "false"


def _postgresql_query(connection: Connection) -> Iterator[tuple[str, str]]:
    # libpq takes a directory of sockets where it takes a host.
    directory = connection.socket or connection.host
    if directory is not None and directory.startswith("/"):
        yield "host", directory
        if connection.port is not None:
            yield "port", str(connection.port)
    for name in ("sslmode", "sslrootcert", "sslcert", "sslkey"):
        value = getattr(connection, name)
        if value is not None:
            yield name, value


def _from_url(
    connection: Connection, directory: Path, password: str | None, place: Place
) -> str | None:
    beside = [
        name
        for name in (one.name for one in fields(connection))
        if name not in ("url", "encoding") and getattr(connection, name) is not None
    ]
    if beside:
        place.at("url").say(f"found beside {', '.join(beside)}; expected either it or those")
    parts = _URL.fullmatch(connection.url or "")
    if parts is None or parts["scheme"] not in DRIVERS:
        place.at("url").say(f"found what is no such URL (not shown), expected {URL_FORM}")
        return None
    driver = DRIVERS[parts["scheme"]]
    if parts["driver"]:
        driver = driver.partition("+")[0] + parts["driver"]
    if not parts["database"]:
        place.at("url").say("found a URL without a database (not shown), expected /database in it")
        return None
    query = _kept(parts["query"] or "", place)
    if driver.startswith("sqlite"):
        if parts["host"]:
            place.at("url").say("found a URL with a host (not shown), expected sqlite:///file")
            return None
        return _sqlite(parts["database"], directory) + query
    secret = parts["password"] if password is None else quote(password, safe="")
    if secret is not None and not parts["user"]:
        place.at("url").say("found a URL without a user (not shown), expected user@ before host")
        return None
    user = "" if not parts["user"] else parts["user"] + (f":{secret}" if secret else "") + "@"
    port = f":{parts['port']}" if parts["port"] else ""
    return f"{driver}://{user}{parts['host']}{port}/{parts['database']}{query}"


def _kept(query: str, place: Place) -> str:
    """The query with what means something to the driver."""
    kept = []
    for option in filter(None, query.split("&")):
        name, _, value = option.partition("=")
        if name in ("password", "passwd", "user", "username"):
            place.at("url").say(f"found {name} after the ? (not shown), expected it before the @")
        elif name == "encoding":
            kept.append(f"charset={value}")
        elif name not in IGNORED:
            kept.append(option)
    return f"?{'&'.join(kept)}" if kept else ""
