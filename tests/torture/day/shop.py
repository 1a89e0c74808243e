"""The shop's own day: it sells, and its queue brings orders and payments to Abacos."""

import heapq
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum

import sqlalchemy as sa

from tests.parts.front import Front
from tests.parts.judge import Judge, Seen
from tests.torture.day.sales import Sale

#: Orders that the queue brings to Abacos in one cycle's time once an outage is over.
_BACKLOG_A_CYCLE = 40


class _Does(IntEnum):
    """What happens to a sale, in this order where it is one moment."""

    BEGINS = 0
    ENDS = 1
    GETS_NUMBER = 2
    IS_PAID = 3
    IS_CANCELED = 4
    IS_QUEUED = 5


@dataclass(slots=True)
class Row:
    """A sale's row in the Front, as it is now. `transaction`: it is not committed yet."""

    sale: Sale
    id: int
    number: int | None
    state: str
    transaction: sa.Connection | None = field(default=None, repr=False)

    @property
    def is_missing(self) -> bool:
        """Whether it can be seen, has its number, and fell through."""
        return self.transaction is None and self.number is not None and self.sale.queued is None


class Shop:
    """`rows` by number: those that are in the Front, or will be when they commit.

    The queue looks before it acts, so what the monitor brought first counts as `overtaken`.
    """

    def __init__(
        self, front: Front, judge: Judge, sales: Sequence[Sale], midnight: datetime, end: float
    ) -> None:
        self.rows: dict[int, Row] = {}
        self.rolled_back = 0
        self.overtaken = 0
        self.late = 0
        self.deleted: set[int] = set()
        self.abacos_is_up = True
        self._front = front
        self._judge = judge
        self._midnight = midnight
        self._connection: sa.Connection | None = None
        self._bulk: list[Row] = []
        self._waiting: deque[Sale] = deque()
        self._sales = {sale.number: sale for sale in sales}
        self._due = [moment for sale in sales for moment in _moments(sale, end)]
        heapq.heapify(self._due)

    def states(self) -> dict[str, str]:
        """What the node's database says of each order."""
        return {str(row.number): row.state for row in self.visible() if row.number is not None}

    def visible(self) -> list[Row]:
        """The rows that anybody can see."""
        return [row for row in self.rows.values() if row.transaction is None]

    def advance(self, now: float) -> None:
        """Everything that is due until this second of the day."""
        backlog = len(self._waiting)
        while self._due and self._due[0][0] <= now:
            _, does, number = heapq.heappop(self._due)
            self._do(does, self._sales[number])
        if self.abacos_is_up:
            fresh = len(self._waiting) - backlog
            for _ in range(fresh + min(backlog, _BACKLOG_A_CYCLE)):
                self._bring(self._waiting.popleft())

    @property
    def is_done(self) -> bool:
        """Whether nothing will change any more."""
        return not self._due and not self._waiting

    def database_is_gone(self) -> None:
        """Its server was killed: open transactions are rolled back."""
        if self._connection is not None:
            _abandon(self._connection)
            self._connection = None
        for number, row in list(self.rows.items()):
            if row.transaction is not None:
                _abandon(row.transaction)
                del self.rows[number]
                self.rolled_back += 1

    def close(self) -> None:
        """End its connections."""
        for row in self.rows.values():
            if row.transaction is not None:
                row.transaction.close()
        if self._connection is not None:
            self._connection.close()

    def _do(self, does: _Does, sale: Sale) -> None:
        if does is _Does.BEGINS:
            self._begin(sale)
            return
        row = self.rows.get(sale.number)
        if row is None:  # rolled back
            return
        match does:
            case _Does.ENDS:
                self._end(row)
            case _Does.GETS_NUMBER:
                self._change(row, number=sale.number)
            case _Does.IS_PAID:
                self._change(row, state="authorized")
                if sale.queued is not None and self._judge.has(sale.number):
                    self._confirm(row)
            case _Does.IS_CANCELED:
                self._change(row, state="canceled")
            case _Does.IS_QUEUED:
                self._waiting.append(sale)

    def begin_bulk(self, sales: Sequence[Sale]) -> None:
        """Many orders take their ids in one transaction."""
        transaction = self._front.engine.connect()
        self._bulk = [self._insert(sale, transaction) for sale in sales]

    def commit_bulk(self) -> None:
        """All of them appear at once, and the queue brings those that do not fall through."""
        for row in self._bulk:
            if row.transaction is not None:
                row.transaction.commit()
                row.transaction.close()
                row.transaction = None
            if row.sale.queued is not None:
                self._bring(row.sale)

    def reuse(self, id: int, sale: Sale) -> bool:
        """The order with this id is deleted, and another one gets the id, as from an InnoDB before
        8.0 that was restarted. Whether there was one that is done with."""
        row = next((row for row in self.visible() if row.id == id), None)
        if row is None or row.number is None or not self._judge.has(row.number):
            return False
        orders = self._front.orders
        self._autocommit().execute(sa.delete(orders).where(orders.c.id == id))
        self.deleted.add(row.sale.number)
        del self.rows[row.sale.number]
        self._insert(sale, None, id=id)
        return True

    def _begin(self, sale: Sale) -> None:
        is_open = sale.visible != sale.begun
        self._insert(sale, self._front.engine.connect() if is_open else None)

    def _insert(self, sale: Sale, transaction: sa.Connection | None, **key: int) -> Row:
        row = Row(
            sale,
            0,
            sale.number if sale.numbered == (sale.visible or sale.begun) else None,
            "authorized" if sale.paid == sale.numbered else "waiting_payment",
            transaction,
        )
        created = (self._midnight + timedelta(seconds=sale.begun)).replace(tzinfo=None)
        values = {
            "number": row.number,
            "state": row.state,
            "created_at": created,
            "updated_at": created,
            **key,
        }
        insert = sa.insert(self._front.orders).values(values)
        found = (transaction or self._autocommit()).execute(insert).inserted_primary_key
        assert found is not None
        row.id = int(found[0])
        self.rows[sale.number] = row
        return row

    def _end(self, row: Row) -> None:
        if row.transaction is None:
            return
        if row.sale.visible is None:
            row.transaction.rollback()
            del self.rows[row.sale.number]
            self.rolled_back += 1
        else:
            row.transaction.commit()
            self.late += 1
        row.transaction.close()
        row.transaction = None

    def _change(self, row: Row, **values: int | str) -> None:
        """By its primary key: anything else would wait for the open transactions."""
        orders = self._front.orders
        self._autocommit().execute(sa.update(orders).where(orders.c.id == row.id).values(**values))
        for name, value in values.items():
            setattr(row, name, value)

    def _autocommit(self) -> sa.Connection:
        if self._connection is None:
            connection = self._front.engine.connect()
            self._connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        return self._connection

    def _bring(self, sale: Sale) -> None:
        """The queue's turn for this order."""
        row = self.rows.get(sale.number)
        if row is None:
            return
        if self._judge.has(sale.number):
            self.overtaken += 1
        else:
            self._judge.hold([sale.number])
        if row.state == "authorized":
            self._confirm(row)

    def _confirm(self, row: Row) -> None:
        """The shop's own confirmation, where Abacos has none yet. It is tried once: a payment that
        comes in an outage falls through, too."""
        if self.abacos_is_up and not self._judge.confirmed_count(row.sale.number):
            self._judge.note(Seen.CONFIRMED, str(row.sale.number))


def _abandon(connection: sa.Connection) -> None:
    connection.invalidate()
    connection.close()


def _moments(sale: Sale, end: float) -> Iterator[tuple[float, _Does, int]]:
    """What will happen to it. Payments and cancellations after the day's end don't."""
    appears = sale.begun + 1 if sale.visible is None else sale.visible
    moments = [(sale.begun, _Does.BEGINS)]
    if appears > sale.begun:
        moments.append((appears, _Does.ENDS))
    if sale.numbered > appears:
        moments.append((sale.numbered, _Does.GETS_NUMBER))
    if sale.paid is not None and sale.numbered < sale.paid < end:
        moments.append((sale.paid, _Does.IS_PAID))
    if sale.canceled is not None and sale.canceled < end:
        moments.append((sale.canceled, _Does.IS_CANCELED))
    if sale.queued is not None:
        moments.append((sale.queued, _Does.IS_QUEUED))
    for at, does in moments:
        yield at, does, sale.number
