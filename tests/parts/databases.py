"""What the three kinds of database have in common: where one is, and what database.yml says."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import sqlalchemy as sa

#: The account of the shop, which the private servers know. The password is odd on purpose.
USERNAME = "shop"
PASSWORD = "s3cr3t @:/%#"

#: An account that may only read, with the same password (MariaDB).
READER = "reader"


class Kind(StrEnum):
    """The kinds of Front."""

    SQLITE = "sqlite"
    MARIADB = "mariadb"
    POSTGRES = "postgres"


_ADAPTERS = {Kind.SQLITE: "sqlite3", Kind.MARIADB: "mysql2", Kind.POSTGRES: "postgresql"}
_DRIVERS = {
    Kind.SQLITE: "sqlite",
    Kind.MARIADB: "mysql+pymysql",
    Kind.POSTGRES: "postgresql+psycopg",
}


@dataclass(frozen=True, slots=True)
class Database:
    """One database. Of SQLite, `name` is the file, and there is no port."""

    kind: Kind
    name: str
    port: int | None = None
    socket: Path | None = None

    @property
    def url(self) -> sa.URL:
        """For SQLAlchemy, over TCP."""
        if self.kind is Kind.SQLITE:
            return sa.URL.create(_DRIVERS[self.kind], database=self.name)
        return sa.URL.create(
            _DRIVERS[self.kind], USERNAME, PASSWORD, "127.0.0.1", self.port, self.name
        )

    def settings(self, *, over_socket: bool = False) -> dict[str, object]:
        """The content of database.yml, in the Rails form, over TCP or the Unix socket."""
        found: dict[str, object] = {"adapter": _ADAPTERS[self.kind], "database": self.name}
        if self.kind is Kind.SQLITE:
            return found
        found |= {"username": USERNAME, "password": PASSWORD}
        if not over_socket:
            return found | {"host": "127.0.0.1", "port": self.port}
        if self.kind is Kind.POSTGRES:  # libpq takes the socket's directory for a host
            return found | {"host": str(self.socket), "port": self.port}
        return found | {"socket": str(self.socket)}


def sqlite(file: Path) -> Database:
    """An SQLite database in this file, which is made at the first use."""
    return Database(Kind.SQLITE, str(file))
