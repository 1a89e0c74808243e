"""The connection's keys in database.yml: a URL, or Rails' own form."""

from dataclasses import dataclass, field
from typing import Annotated

from ordermonit.configuration import kinds
from ordermonit.configuration.keys import Key

#: What adapters and URLs are called, and the driver that each stands for.
DRIVERS = {
    "mysql2": "mysql+pymysql",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "trilogy": "mysql+pymysql",
    "jdbcmysql": "mysql+pymysql",
    "jdbcmariadb": "mysql+pymysql",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "postgis": "postgresql+psycopg",
    "jdbcpostgresql": "postgresql+psycopg",
    "sqlite3": "sqlite",
    "sqlite": "sqlite",
    "jdbcsqlite3": "sqlite",
}

#: Adapters to whom `localhost` is the server's socket; to the others it is an address.
OVER_SOCKET = frozenset({"mysql2", "mysql", "mariadb"})

_SERVER = frozenset(
    {"host", "port", "socket", "username", "password", "database", "sslcert", "sslkey"}
)

#: The keys that count for a driver. The others of the connection are not even looked at.
USED = {
    "mysql+pymysql": _SERVER | {"url", "adapter", "encoding", "ssl_mode", "sslca"},
    "postgresql+psycopg": _SERVER
    | {"url", "adapter", "sslmode", "sslrootcert", "schema_search_path"},
    "sqlite": frozenset({"url", "adapter", "database"}),
}

#: What drivers call our keys too, without their - and _.
_ALIASES = {
    "user": "username", "pass": "password", "passwd": "password", "hostname": "host",
    "dbname": "database", "db": "database", "sock": "socket", "unixsocket": "socket",
    "charset": "encoding", "sslca": "sslca", "sslcert": "sslcert", "sslkey": "sslkey",
}  # fmt: skip


def meant(name: object) -> object:
    """The key that a name in the file stands for; the name itself where it is none of them."""
    if not isinstance(name, str):
        return name
    return _ALIASES.get(name.replace("-", "").replace("_", "").lower(), name)


URL_FORM = "mysql://, postgresql:// or sqlite:/// with user:password@host:port/database"
_NAME = r"[^?]+"
_FILE = kinds.text("a file's path")


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The keys of a connection: `url`, or the others as Rails has them."""

    url: Annotated[
        str | None,
        Key(
            kinds.secret(f"a database URL: {URL_FORM}"),
            "mysql://, postgresql:// or sqlite:/// URL; it goes before the other keys here",
        ),
    ] = field(default=None, repr=False)
    adapter: Annotated[
        str | None,
        Key(
            kinds.optional(
                kinds.text(
                    "mysql2, trilogy, postgresql, postgis, sqlite3 or a jdbc one of these",
                    "|".join(DRIVERS),
                ),
                "there is a url",
            ),
            "mysql2, trilogy, postgresql, postgis, sqlite3, or jdbcmysql and its like",
        ),
    ] = None
    database: Annotated[
        str | None,
        Key(
            kinds.optional(kinds.text("a database's name", _NAME), "there is a url"),
            "the database; for sqlite3 its file, relative to this directory",
        ),
    ] = None
    username: Annotated[
        str | None,
        Key(kinds.optional(kinds.text("a user's name"), "the driver's default"), "the user"),
    ] = None
    password: Annotated[
        str | None,
        Key(
            kinds.secret("text; put it in quotes"),
            "the password; the systemd credential database_password goes before it",
        ),
    ] = field(default=None, repr=False)
    host: Annotated[
        str | None,
        Key(
            kinds.optional(kinds.text("a host name or an address", r"[^\s@?]+"), "this machine"),
            "the server; null: this machine (with mysql2 its socket, and so does localhost)",
        ),
    ] = None
    port: Annotated[
        int | None,
        Key(
            kinds.optional(kinds.whole(1, 65535), "the server's usual port"),
            "the port; null: the server's usual one",
        ),
    ] = None
    socket: Annotated[
        str | None,
        Key(
            kinds.optional(kinds.text("an absolute path", r"/.+"), "host and port"),
            "the server's socket, instead of host and port",
        ),
    ] = None
    encoding: Annotated[
        str | None,
        Key(
            kinds.optional(kinds.text("a character set"), "the server's usual one"),
            "the character set of a mysql2 connection",
        ),
    ] = "utf8mb4"
    ssl_mode: Annotated[
        str | None,
        Key(
            kinds.optional(
                kinds.text(
                    "disabled, preferred, required, verify_ca or verify_identity",
                    "(?i)(ssl_mode_)?(disabled|preferred|required|verify_ca|verify_identity)",
                ),
                "preferred",
            ),
            "mysql2: encryption; verify_ca and verify_identity need sslca, the latter checks the"
            " name too",
        ),
    ] = None
    sslca: Annotated[
        str | None,
        Key(
            kinds.optional(_FILE, "no check"),
            "mysql2: the authorities that the server's certificate is checked against",
        ),
    ] = None
    sslmode: Annotated[
        str | None,
        Key(
            kinds.optional(
                kinds.text(
                    "disable, allow, prefer, require, verify-ca or verify-full",
                    "disable|allow|prefer|require|verify-ca|verify-full",
                ),
                "prefer",
            ),
            "postgresql: what must be encrypted and checked",
        ),
    ] = None
    sslrootcert: Annotated[
        str | None,
        Key(
            kinds.optional(_FILE, "libpq's default"),
            "postgresql: the authorities that the server's certificate is checked against",
        ),
    ] = None
    schema_search_path: Annotated[
        str | None,
        Key(
            kinds.optional(kinds.text("schemas' names, with commas"), "the account's own"),
            "postgresql: the schemas in which the table is looked for",
        ),
    ] = None
    sslcert: Annotated[
        str | None,
        Key(kinds.optional(_FILE, "none"), "our own certificate"),
    ] = None
    sslkey: Annotated[
        str | None,
        Key(
            kinds.optional(_FILE, "none"),
            "the key of our certificate",
        ),
    ] = None
