"""The database's address: the connection's keys as the one URL that the Front is opened with.

It is SQLAlchemy's, with what we make of TLS and sockets ourselves as options behind the `?`:
`ssl_mode`, `ssl_ca`, `ssl_cert`, `ssl_key`, `protocol` (MySQL) and `search_path` (PostgreSQL).
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from ordermonit.configuration.connection import (
    DRIVERS,
    OVER_SOCKET,
    URL_FORM,
    Connection,
    meant,
)
from ordermonit.configuration.problems import Place, shown_name

#: MySQL's character sets that its driver knows, and that a shop's text may be in.
_CHARSETS = ("utf8mb4", "utf8mb3", "utf8", "latin1", "latin2", "latin5", "ascii", "binary")

_URL = re.compile(
    r"(?:jdbc:)?(?P<scheme>[a-z0-9]+)(?:\+(?P<driver>[a-z0-9_]+))?://"
    r"(?:(?P<user>[^:/@?]*)(?::(?P<password>[^@]*))?@)?"
    r"(?P<host>\[[^/?\]]+\]|[^:/?@\[\]]*)(?::(?P<port>[0-9]{1,5}))?"
    r"(?:/(?P<database>[^?]*))?(?:\?(?P<query>.*))?"
)

#: Options of URLs that mean nothing to a program with one short connection, without - and _.
_IDLE_OPTIONS = frozenset(
    {
        "advisorylocks", "allowpublickeyretrieval", "applicationname", "autoreconnect",
        "checkouttimeout", "collation", "connectionlimit", "connecttimeout", "databasetasks",
        "flags", "idletimeout", "initcommand", "insertreturning", "maxconnections",
        "maxlifetime", "migrationspaths", "minmessages", "pgbouncer", "pool", "pooltimeout",
        "preparedstatements", "readtimeout", "reapingfrequency", "reconnect", "replica",
        "schemacachepath", "schemadump", "servertimezone", "sockettimeout", "sslverify",
        "statementcachesize", "statementlimit", "strict", "timeout", "usemetadatatable",
        "useunicode", "variables", "waittimeout", "writetimeout", "zerodatetimebehavior",
    }
)  # fmt: skip

#: What clients of hosted servers and of Java call MySQL's ssl_mode: its name there without - and _,
#: its value, and what that means.
_SSL_MODES = {
    ("usessl", "true"): "preferred",
    ("usessl", "false"): "disabled",
    ("requiressl", "true"): "required",
    ("requiressl", "false"): "preferred",
    ("ssl", "true"): "required",
    ("ssl", "false"): "disabled",
    ("verifyservercertificate", "true"): "verify_ca",
    ("verifyservercertificate", "false"): "required",
    ("sslaccept", "strict"): "verify_identity",
    ("sslaccept", "acceptinvalidcerts"): "required",
}
#: Options that are keys of ours, with every driver.
_PLAIN_OPTIONS = frozenset(
    {"host", "username", "password", "database", "socket", "sslcert", "sslkey"}
)
_WORDS_OF_SSL = frozenset(name for name, _ in _SSL_MODES)

#: libpq's list, as far as SQLAlchemy hands it over.
_SEVERAL_HOSTS = "several hosts of PostgreSQL are a,b with one port"


def parts_of(url: str, place: Place) -> tuple[dict[str, object], dict[str, str]]:
    """What a URL says, by our keys; and options behind its `?` that are for the driver alone.

    Nothing, with the problem said, for what is no URL of a database.
    """
    found = _URL.fullmatch(url)
    driver = DRIVERS.get(found["scheme"]) if found else None
    if found is None or driver is None:
        several = f"; {_SEVERAL_HOSTS}" if re.search("//[^/]*,", url) else ""
        place.say(f"found what is no such URL (not shown), expected {URL_FORM}{several}")
        return {}, {}
    if found["driver"] not in (None, driver.partition("+")[2], "pysqlite"):
        place.say(
            f"found the driver {found['driver']}, expected {found['scheme']}:// alone: ours is"
            f" {driver.partition('+')[2] or 'sqlite3'}"
        )
    if driver == "sqlite":
        if found["host"]:
            place.say("found a URL with a host (not shown), expected sqlite:///file")
        query = (option.partition("=") for option in _options(found["query"]))
        file = {"adapter": "sqlite3", "database": found["database"] or None}
        return file, {name: value for name, _, value in query}
    parts: dict[str, object] = {
        "adapter": f"jdbc{found['scheme']}" if url.startswith("jdbc:") else found["scheme"]
    }
    for name, value in (("username", found["user"]), ("password", found["password"])):
        if value:
            parts[name] = unquote(value)
    if found["host"]:
        parts["host"] = unquote(found["host"].strip("[]"))
    if found["port"]:
        parts["port"] = int(found["port"])
    if found["database"]:
        parts["database"] = unquote(found["database"])
    options: dict[str, str] = {}
    for option in _options(found["query"]):
        name, _, value = map(unquote_plus, option.partition("="))
        if name == "host" and "host" in parts:
            place.say(f"found more than one host, expected one; {_SEVERAL_HOSTS}")
        _add(name, value, driver, parts, options, place)
    return parts, options


def _options(query: str | None) -> list[str]:
    return [option for option in (query or "").split("&") if option]


def _add(
    name: str,
    value: str,
    driver: str,
    parts: dict[str, object],
    options: dict[str, str],
    place: Place,
) -> None:
    """One option behind the `?`."""
    is_mysql = driver.startswith("mysql")
    plain = name.replace("-", "").replace("_", "").lower()
    key = meant(name)
    if plain == "sslmode":
        parts["ssl_mode" if is_mysql else "sslmode"] = (
            value.replace("-", "_") if is_mysql else value.lower()
        )
    elif plain in _WORDS_OF_SSL:
        mode = _SSL_MODES.get((plain, value.replace("_", "").lower()))
        if mode is None:
            place.say(f"found {shown_name(value)} for {name} after the ?, expected true or false")
        elif is_mysql:
            parts.setdefault("ssl_mode", mode)
        else:
            parts.setdefault("sslmode", {"disabled": "disable"}.get(mode, "require"))
    elif plain in ("encoding", "charset", "characterencoding"):
        if is_mysql:
            parts["encoding"] = {"utf-8": "utf8mb4"}.get(value.lower(), value)
    elif plain in ("schema", "currentschema", "schemasearchpath"):
        parts["schema_search_path"] = value
    elif key == "port":
        parts["port"] = int(value) if value.isdecimal() else value
    elif key in _PLAIN_OPTIONS or key == ("sslca" if is_mysql else "sslrootcert"):
        parts[str(key)] = value
    elif plain in _IDLE_OPTIONS:
        pass
    elif is_mysql:
        place.say(
            f"found the option {shown_name(name)} after the ?, which means nothing here;"
            " expected the URL without it"
        )
    else:
        options[name] = value


def url_of(
    connection: Connection, options: Mapping[str, str], directory: Path, place: Place
) -> str | None:
    """The URL; None, with the problem said, where the keys don't make one.

    `options` are the driver's own. `directory` is where relative paths begin.
    """
    if connection.adapter is None:
        place.at("url").say(f"missing; expected {URL_FORM}, or adapter and database as Rails")
        return None
    if connection.database is None:
        place.at("database").say("missing; expected a database's name")
        return None
    driver = DRIVERS[connection.adapter]
    if driver == "sqlite":
        return _sqlite(connection.database, options, directory)
    if connection.password is not None and connection.username is None:
        place.at("username").say("missing; expected the user whose password there is")
        return None
    if driver.startswith("mysql"):
        _check_mysql(connection, place)
        query = dict(_mysql_query(connection, directory))
    else:
        query = dict(_postgresql_query(connection, directory))
    return _rendered(connection, driver, {**options, **query})


def _rendered(connection: Connection, driver: str, query: dict[str, str]) -> str:
    user = ""
    if connection.username is not None:
        secret = f":{quote(connection.password, safe='')}" if connection.password else ""
        user = f"{quote(connection.username, safe='')}{secret}@"
    host = connection.host or ""
    if "unix_socket" in query or "host" in query:
        host = ""
    elif ":" in host:
        host = f"[{host.strip('[]')}]"
    port = f":{connection.port}" if connection.port and host else ""
    options = "&".join(f"{name}={quote_plus(value)}" for name, value in query.items())
    return f"{driver}://{user}{host}{port}/{connection.database}{'?' if options else ''}{options}"


def _sqlite(file: str, options: Mapping[str, str], directory: Path) -> str:
    if not file.startswith("file:"):
        return f"sqlite:///{directory.absolute() / file}"
    query = "&".join(f"{name}={value}" for name, value in options.items())
    return f"sqlite:///{file}{'?' if query else ''}{query}"


def _ssl_mode(connection: Connection) -> str | None:
    mode = connection.ssl_mode
    return None if mode is None else mode.lower().removeprefix("ssl_mode_")


def _check_mysql(connection: Connection, place: Place) -> None:
    if connection.encoding is not None and connection.encoding.lower() not in _CHARSETS:
        place.at("encoding").say(
            f"found {connection.encoding!r}, expected one of {', '.join(_CHARSETS)}"
        )
    mode = _ssl_mode(connection)
    if mode in ("verify_ca", "verify_identity") and connection.sslca is None:
        place.at("sslca").say(
            f"missing; expected the authorities' file, since ssl_mode is {mode} and the server's"
            " certificate is checked against it (Debian keeps the public ones in"
            " /etc/ssl/certs/ca-certificates.crt)"
        )


def _mysql_query(connection: Connection, directory: Path) -> Iterator[tuple[str, str]]:
    if connection.encoding is not None:
        yield "charset", connection.encoding.lower()
    if connection.socket is not None:
        yield "unix_socket", connection.socket
    elif connection.adapter not in OVER_SOCKET and connection.host in (None, "localhost"):
        yield "protocol", "tcp"
    mode = _ssl_mode(connection)
    if mode is not None:
        yield "ssl_mode", mode
    if mode == "disabled":
        return
    for name, file in (
        ("ssl_ca", connection.sslca),
        ("ssl_cert", connection.sslcert),
        ("ssl_key", connection.sslkey),
    ):
        if file is not None:
            yield name, str(directory.absolute() / file)


def _postgresql_query(connection: Connection, directory: Path) -> Iterator[tuple[str, str]]:
    # libpq takes a directory of sockets where it takes a host.
    sockets = connection.socket or connection.host
    if sockets is not None and sockets.startswith("/"):
        yield "host", sockets
        if connection.port is not None:
            yield "port", str(connection.port)
    if connection.sslmode is not None:
        yield "sslmode", connection.sslmode
    for name in ("sslrootcert", "sslcert", "sslkey"):
        file = getattr(connection, name)
        if file is not None:  # `system` is a word of libpq's
            yield name, file if file == "system" else str(directory.absolute() / file)
    if connection.schema_search_path is not None:
        yield "search_path", connection.schema_search_path
