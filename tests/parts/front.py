"""The Front: the shop's `orders` table, and the shop's own dealings with it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from tests.parts.databases import Database, Kind

#: An order's number is of a sequence of its own: never its id.
FIRST_NUMBER = 1_001_001


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


class Front:
    """An `orders` table as Rails makes it: times in UTC without a zone, numbers that may be NULL.

    `text_numbers` makes the number a varchar. Every statement commits by itself, except in
    `late_order`.
    """

    def __init__(self, database: Database, *, text_numbers: bool = False) -> None:
        self.database = database
        # No pool: a server that is killed in a test leaves no dead connection behind.
        self.engine = sa.create_engine(database.url, poolclass=NullPool)
        id_type = sa.BigInteger().with_variant(sa.Integer, "sqlite")
        self.orders = sa.Table(
            "orders",
            sa.MetaData(),
            sa.Column("id", id_type, primary_key=True, autoincrement=True),
            sa.Column("number", sa.String(64) if text_numbers else sa.BigInteger),
            sa.Column("state", sa.String(255)),
            sa.Column("created_at", sa.DateTime),
            sa.Column("updated_at", sa.DateTime),
            mysql_engine="InnoDB",
            sqlite_autoincrement=True,
        )
        self.orders.metadata.create_all(self.engine)

    @property
    def kind(self) -> Kind:
        """Of the database."""
        return self.database.kind

    def settings(self) -> dict[str, object]:
        """The content of database.yml for it."""
        return self.database.settings()

    def add(
        self,
        number: int | str | None,
        state: str | None = "waiting_payment",
        *,
        id: int | None = None,
        created_at: datetime | None = None,
    ) -> int:
        """One more order; its id. `created_at` is UTC, with or without a zone."""
        row = self._row(number, state, created_at)
        if id is not None:
            row["id"] = id
        with self.engine.begin() as connection:
            return self._insert(connection, row)

    def add_many(self, how_many: int, state: str = "waiting_payment") -> list[int]:
        """So many orders in one statement, numbered on from the greatest number; the numbers."""
        with self.engine.begin() as connection:
            newest = connection.scalar(sa.select(sa.func.max(self.orders.c.number)))
            first = FIRST_NUMBER if newest is None else int(newest) + 1
            numbers = list(range(first, first + how_many))
            connection.execute(
                sa.insert(self.orders), [self._row(number, state, None) for number in numbers]
            )
        return numbers

    @contextmanager
    def late_order(self, number: int | str | None, state: str = "authorized") -> Iterator[int]:
        """An order that has its id on entry and becomes visible on exit (not on SQLite)."""
        with self.engine.begin() as connection:
            yield self._insert(connection, self._row(number, state, None))

    def set_state(self, state: str, numbers: Sequence[int | str]) -> None:
        """The shop changes the state of these orders."""
        change = sa.update(self.orders).where(self.orders.c.number.in_(numbers))
        with self.engine.begin() as connection:
            connection.execute(change.values(state=state, updated_at=_now()))

    def set_number(self, number: int | str, new: int | str) -> None:
        """Somebody corrects an order's number."""
        change = sa.update(self.orders).where(self.orders.c.number == number)
        with self.engine.begin() as connection:
            connection.execute(change.values(number=new, updated_at=_now()))

    def delete(self, *ids: int) -> None:
        """Orders that vanish."""
        with self.engine.begin() as connection:
            connection.execute(sa.delete(self.orders).where(self.orders.c.id.in_(ids)))

    def states(self) -> dict[str, str]:
        """Every order's state by number (as text); orders without a number are left out."""
        select = sa.select(self.orders.c.number, self.orders.c.state)
        with self.engine.connect() as connection:
            rows = connection.execute(select.where(self.orders.c.number.is_not(None)))
            return {str(number): state for number, state in rows}

    def newest_id(self) -> int:
        """The greatest id, 0 without orders."""
        with self.engine.connect() as connection:
            return int(connection.scalar(sa.select(sa.func.max(self.orders.c.id))) or 0)

    @staticmethod
    def _row(
        number: int | str | None, state: str | None, created_at: datetime | None
    ) -> dict[str, object]:
        created = _now() if created_at is None else created_at
        if created.tzinfo is not None:
            created = created.astimezone(UTC).replace(tzinfo=None)
        return {"number": number, "state": state, "created_at": created, "updated_at": created}

    def _insert(self, connection: sa.Connection, row: dict[str, object]) -> int:
        key = connection.execute(sa.insert(self.orders), row).inserted_primary_key
        assert key is not None
        return int(key[0])
