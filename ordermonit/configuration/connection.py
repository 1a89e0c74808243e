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
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "sqlite3": "sqlite",
    "sqlite": "sqlite",
}

#: Keys that Rails files carry and that mean nothing to a program with one short connection.
IGNORED = frozenset(
    {
        "advisory_locks", "checkout_timeout", "collation", "connect_timeout", "database_tasks",
        "flags", "idle_timeout", "init_command", "insert_returning", "max_connections",
        "migrations_paths", "min_messages", "pool", "prepared_statements", "reaping_frequency",
        "reconnect", "replica", "schema_cache_path", "schema_dump",
        "sslverify", "statement_limit", "strict", "template", "timeout", "use_metadata_table",
        "variables", "wait_timeout", "write_timeout",
    }
)  # fmt: skip

URL_FORM = "mysql://, postgresql:// or sqlite:/// with user:password@host:port/database"
_NAME = r"[^?]+"
_FILE = kinds.text("an absolute path", r"/.+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The keys of a connection: `url`, or the others as Rails has them."""

    url: Annotated[
        str | None,
        Key(
            kinds.secret(f"a database URL: {URL_FORM}"),
            "mysql://, postgresql:// or sqlite:/// URL, instead of all the other keys here",
        ),
    ] = field(default=None, repr=False)
    adapter: Annotated[
        str | None,
        Key(
            kinds.optional(
                kinds.text("mysql2, postgresql or sqlite3", "|".join(DRIVERS)), "there is a url"
            ),
            "mysql2, postgresql or sqlite3",
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
            "the server; null: this machine",
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
            kinds.optional(_FILE, "host and port"),
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
                    "(?i)disabled|preferred|required|verify_ca|verify_identity",
                ),
                "preferred",
            ),
            "mysql2: encryption; more than preferred needs sslca, and verify_identity checks the"
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
            kinds.optional(kinds.text("a mode of libpq, such as verify-full"), "prefer"),
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
