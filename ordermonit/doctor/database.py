"""The Front's database: it answers, has the orders, is read by the key, and is only read."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

import sqlalchemy as sa

from ordermonit.configuration import Database
from ordermonit.cycle.behind import compare
from ordermonit.doctor.findings import Finding, Findings, error, failure, not_tried, ok, warning
from ordermonit.doctor.known import Known
from ordermonit.doctor.servers import changing_rights, key_problem, number_problem, plan_problem
from ordermonit.errors import CheckpointError, ConfigurationError, OrdermonitError
from ordermonit.front.connection import opened
from ordermonit.front.database import Front
from ordermonit.front.refusals import address_of, no_whole_numbers
from ordermonit.orders.lag import MOST, waiting
from ordermonit.orders.model import Order

#: So many of the newest orders are looked at for their states.
_NEWEST = 50

#: The server's clock, in seconds since 1970.
_EPOCH = {
    "mysql": "SELECT UNIX_TIMESTAMP(NOW(6))",
    "postgresql": "SELECT extract(epoch FROM clock_timestamp())",
    "sqlite": "SELECT (julianday('now') - 2440587.5) * 86400",
}

#: Each column of the table and its type.
_TYPES = {
    "mysql": "SELECT column_name, column_type FROM information_schema.columns"
    " WHERE table_schema = :schema AND table_name = :table",
    "postgresql": "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
    " WHERE attrelid = to_regclass(:name) AND attnum > 0 AND NOT attisdropped",
    "sqlite": "SELECT name, type FROM pragma_table_info(:table)",
}

#: How a plan is asked for. MySQL 9 draws a tree unless told otherwise.
_EXPLAIN = {
    "mysql": "EXPLAIN FORMAT=TRADITIONAL",
    "postgresql": "EXPLAIN",
    "sqlite": "EXPLAIN QUERY PLAN",
}
for _each in (_EPOCH, _TYPES, _EXPLAIN):
    _each["mariadb"] = _each["mysql"]


@dataclass(frozen=True)
class _Look:
    """An open connection, and what there is to compare."""

    connection: sa.Connection
    settings: Database
    known: Known

    @cached_property
    def front(self) -> Front:
        return Front(self.connection, self.settings)

    @property
    def dialect(self) -> str:
        return self.connection.dialect.name

    @property
    def head(self) -> int:
        return self.known.checkpoint.head if self.known.checkpoint else 0

    def columns(self) -> Findings:
        """The table and its columns."""
        settings = self.settings
        names = (settings.id, settings.number, settings.state, settings.created_at)
        self.front.from_head(0, 1)
        types = self._types()
        if settings.id in types and key_problem(types[settings.id]):
            raise no_whole_numbers(settings, self.dialect)
        yield ok(f"the table {settings.table} has {', '.join(dict.fromkeys(names))}")
        problem = number_problem(types.get(settings.number, ""))
        if problem is not None:
            yield warning(
                f"the column {settings.number} of {settings.table} {problem}: the node is asked for"
                " the whole numbers in it, and others never reach it",
                "Name a column of whole numbers or of text as number under `orders` in"
                " database.yml, if there is one",
            )

    def _types(self) -> dict[str, str]:
        """Each column's type, as the server writes it; none where it doesn't say."""
        settings = self.settings
        schema, _, table = settings.table.rpartition(".")
        values = {"table": table, "name": settings.quoted_table}
        values["schema"] = schema or settings.engine_url().database or ""
        statement = _TYPES.get(self.dialect)
        rows = self.connection.execute(sa.text(statement), values) if statement else ()
        return {str(name): str(type).lower() for name, type in rows}

    def index(self) -> Findings:
        """The keyset read goes by the key, whatever the table's size."""
        settings = self.settings
        try:
            problem = plan_problem(self.dialect, self._plan())
        except ValueError as unknown:
            yield not_tried(f"whether an index is used: {unknown}")
            return
        if problem is None:
            yield ok(f"a cycle's read goes by the index on {settings.id}")
        else:
            yield error(
                f"a cycle's read {problem}: no index leads by {settings.id}",
                "Correct id under `orders` in database.yml: it is the primary key, which every"
                " cycle reads by",
                ConfigurationError.exit,
            )

    def _plan(self) -> list[dict[str, object]]:
        statement = self.front.keyset(self.head, 5).compile(
            self.connection, compile_kwargs={"literal_binds": True}
        )
        if self.dialect == "postgresql":
            # For a small table the planner prefers to read it whole, and is right.
            self.connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        rows = self.connection.exec_driver_sql(f"{_EXPLAIN[self.dialect]} {statement}").mappings()
        return [dict(row) for row in rows]

    def newest(self) -> Findings:
        """The newest order and its like's states, and HEAD."""
        newest = self.front.newest()
        if newest is not None:
            orders = self.front.by_id(self.front.ids_before(newest, _NEWEST))
            self.known.newest = orders.get(newest)
            yield self._states(orders.values())
        if self.known.checkpoint is None:
            yield ok(f"the newest order's id is {newest or 0}")
            yield not_tried("whether HEAD fits it: there is no good checkpoint")
            return
        try:
            compare(self.front, self.known.checkpoint)
        except CheckpointError as problem:
            yield failure(problem)
            return
        ahead = (newest or 0) - self.head
        if ahead >= 0:
            yield ok(f"the newest order's id is {newest or 0}, {ahead} ahead of HEAD")
            yield from self._lag()
        else:
            yield warning(
                f"the newest order's id is {newest or 0}, {-ahead} behind HEAD; orders that were"
                " passed are there",
                "Find out who deleted the orders after it; or, if the database is a copy, whether"
                " it is behind. The missing ids are looked into until HEAD is reached again",
            )

    def _states(self, orders: Iterable[Order]) -> Finding:
        """Which states stand in neither list: a payment in one of them waits, for ever if it has
        to."""
        settings = self.settings
        listed = settings.authorized_states | settings.closed_states | settings.ignored_states
        others = Counter(str(order.state) for order in orders if order.state not in listed)
        said = ", ".join(f"{state} ({count})" for state, count in others.most_common())
        many = f"of the newest {_NEWEST} orders"
        if not said:
            return ok(f"every state {many} stands in authorized_states or closed_states")
        return ok(
            f"{many}, in states of neither authorized_states nor closed_states, where a payment"
            f" waits: {said}"
        )

    def _lag(self) -> Findings:
        """Whether cycles take on as many orders as the shop sells."""
        known = self.known
        if known.configuration is None or known.checkpoint is None:
            return
        service, records = known.configuration.service, known.checkpoint.records
        limit, now = service.max_orders_per_request, datetime.now(UTC)
        beyond = self.front.from_head(self.head, MOST)
        lag = waiting(beyond, self.head, records, service.min_order_age, now)
        if lag.is_behind(limit):
            yield warning(
                f"{lag.orders} orders beyond HEAD wait for a first look, more than cycles take on",
                lag.remedy(limit, service.running_cycle),
            )

    def rights(self) -> Findings:
        """SELECT is all that is needed."""
        match self.dialect:
            case "mysql" | "mariadb":
                yield self._rights_found(self._mysql_rights())
            case "postgresql":
                yield self._rights_found(self._postgresql_rights())

    def _mysql_rights(self) -> list[str]:
        grants = self.connection.exec_driver_sql("SHOW GRANTS").scalars()
        schema, _, table = self.settings.table.rpartition(".")
        return changing_rights(grants, schema or self.settings.engine_url().database or "", table)

    def _postgresql_rights(self) -> list[str]:
        quoted = self.settings.quoted_table
        wanted = sa.text(
            "SELECT p FROM unnest(ARRAY['INSERT','UPDATE']) p"
            " WHERE has_any_column_privilege(:name, p)"
            " UNION ALL SELECT p FROM unnest(ARRAY['DELETE','TRUNCATE']) p"
            " WHERE has_table_privilege(:name, p)"
        )
        return sorted(map(str, self.connection.scalars(wanted, {"name": quoted})))

    def _rights_found(self, rights: list[str]) -> Finding:
        table, user = self.settings.table, self.settings.engine_url().username
        if not rights:
            return ok(f"{user} may read {table} and not change it")
        return warning(
            f"{user} may change {table} ({', '.join(rights)}); reading is all that is needed",
            f"Make a user with this right alone (GRANT SELECT ON {table} TO ordermonit), and name"
            " it in database.yml",
        )

    def clock(self) -> Findings:
        """Notes how far our clock is ahead of the server's; `clock.py` judges it."""
        statement = _EPOCH.get(self.dialect)
        if statement is not None:
            before = time.time()
            theirs = float(self.connection.exec_driver_sql(statement).scalar_one())
            self.known.clock_ahead = (before + time.time()) / 2 - theirs
        yield from ()


#: One after the other; what a server refuses ends the connection.
_STEPS: tuple[tuple[str, Callable[[_Look], Findings]], ...] = (
    ("the table and its columns", _Look.columns),
    ("its clock", _Look.clock),
    ("the newest order's id", _Look.newest),
    ("the index", _Look.index),
    ("our rights", _Look.rights),
)


def database(settings: Database, known: Known) -> Findings:
    """Everything about the Front, in one connection."""
    left = deque(_STEPS)
    connects = False
    try:
        with opened(settings) as connection:
            connects = True
            yield ok(f"{address_of(settings.engine_url())} answers")
            look = _Look(connection, settings, known)
            while left:
                yield from left[0][1](look)
                left.popleft()
    except OrdermonitError as problem:
        yield failure(problem)
        if connects:
            left.popleft()
        if left:
            yield not_tried(", ".join(name for name, _ in left))
