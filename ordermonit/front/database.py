"""The Front's database, read only: keyset pagination on the orders' primary key.

Each SELECT stands for itself and sees what is committed by then. The connection is closed before
the node is asked anything.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from ordermonit.configuration import Database
from ordermonit.front.connection import opened
from ordermonit.orders.gaps import Gap
from ordermonit.orders.ignored import BLOCK, Count
from ordermonit.orders.model import Order

#: Ids and gaps in one statement: below every server's limit on its length.
_IDS_A_STATEMENT = 20_000
_GAPS_A_STATEMENT = 200


class Front:
    """An open connection to the Front. Get it from `connected`."""

    def __init__(self, connection: sa.Connection, database: Database) -> None:
        self._connection = connection
        self._database = database
        self._id: sa.ColumnClause[int] = sa.column(database.id, sa.BigInteger)
        self._state: sa.ColumnClause[Any] = sa.column(database.state)
        self._created_at: sa.ColumnClause[Any] = sa.column(database.created_at)
        self._ignored_states = sorted(database.ignored_states)
        is_called_by_id = database.number == database.id
        number = self._id if is_called_by_id else sa.column(database.number)
        columns = (self._id, number, self._state, self._created_at)
        schema, _, name = database.table.rpartition(".")
        self._table = sa.table(name, *dict.fromkeys(columns), schema=schema or None)
        self._select = sa.select(*columns).order_by(self._id)

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
        return None if found is None else self._whole(found)

    def newest(self) -> int | None:
        """The greatest id, None without orders."""
        found = self._connection.scalar(sa.select(sa.func.max(self._id)).select_from(self._table))
        return None if found is None else self._whole(found)

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
        return sorted(map(self._whole, self._connection.scalars(newest_first)))

    def _read(self, select: sa.Select[Any]) -> list[Order]:
        return [
            Order(self._whole(id), _text(number), _text(state), _utc(created))
            for id, number, state, created in self._connection.execute(select)
        ]

    def _whole(self, id: Any) -> int:
        """A key as a number. Raises ConfigurationError for one that does not grow."""
        if not isinstance(id, float) and _is_whole(id):
            return int(id)
        from ordermonit.front.refusals import no_whole_numbers

        raise no_whole_numbers(self._database, self._connection.dialect.name)


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


def _literal(number: int) -> sa.ColumnElement[int]:
    """A number as text of the statement: thousands of them are no thousands of parameters."""
    return sa.literal_column(str(int(number)), sa.BigInteger)


def _is_whole(value: object) -> bool:
    match value:
        case float():
            return value.is_integer()
        case Decimal():
            return value.is_finite() and value == value.to_integral_value()
    return isinstance(value, int)


def _text(value: object) -> str | None:
    """A number or a state as text, without the blanks with which char(20) ends, and without the
    decimals that a DECIMAL or DOUBLE column adds to a whole number."""
    if value is None:
        return None
    if isinstance(value, float | Decimal) and _is_whole(value):
        value = int(value)
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text.rstrip(" ")


def _utc(value: object) -> datetime | None:
    """The Front's times are UTC without a zone; SQLite's are text. Odd ones count as unknown."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:  # at either end of what there is
        return None
