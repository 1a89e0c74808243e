"""A shop in memory (world.py), for the rules of a cycle."""

import time
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any

from ordermonit.orders.events import Event
from ordermonit.orders.model import Operation, Order, Record
from ordermonit.state.checkpoint import Checkpoint
from tests.cycle.world import Disk, Fault, World, configuration, cycle

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
EXISTS_ONLY = frozenset({Operation.ORDER_EXISTS})


class Shop:
    """A world, its checkpoint, and one configuration."""

    def __init__(self, checks: frozenset[Operation] = EXISTS_ONLY, **service: Any) -> None:
        self.world = World(checks=checks)
        self.disk = Disk(Checkpoint(0).encode())
        self.configuration = configuration(checks, **service)
        self.world.ignored_states = self.configuration.database.ignored_states
        self.events: list[Event] = []

    def order(
        self,
        id: int,
        state: str = "authorized",
        number: str | None = "",
        created_at: datetime | None = None,
    ) -> str:
        """A row of the Front; its number is N and its id, unless one is given."""
        name = f"N{id}" if number == "" else number
        self.world.rows[id] = Order(id, name, state, created_at)
        return name or ""

    def cycle(self, *faults: Fault, seconds: float = 10) -> bool:
        """One cycle with these faults, one an operation, and this time for downtime."""
        deadline = time.monotonic() + seconds
        self.world.faults = deque(faults)
        self.world.asked.clear()
        self.events.clear()
        return cycle(self.configuration, self.world, self.disk, self.events, deadline)

    def delete(self, *ids: int) -> None:
        """Rows that vanish."""
        for id in ids:
            del self.world.rows[id]

    def age(self, seconds: float) -> None:
        """Let so much time pass since anything happened to the records."""
        self.disk.age(seconds)

    def record(self, id: int) -> Record:
        """The checkpoint's record."""
        return self.disk.read().records[id]

    @property
    def head(self) -> int:
        """HEAD, as it is on disk."""
        return self.disk.read().head

    def runs(self, operation: Operation) -> list[str]:
        """The numbers that this operation was put to the node for in the last cycle."""
        return [number for what, number in self.world.asked if what is operation]


def sold(how_many: int, shop: Shop | None = None) -> Shop:
    """A shop whose orders 1 to so many are in Abacos, and passed."""
    shop = shop or Shop(max_orders_per_request=50)
    for id in range(1, how_many + 1):
        shop.world.inserted[shop.order(id, created_at=NOON + timedelta(minutes=id))] = 1
    while shop.cycle():
        pass
    assert shop.head == how_many
    return shop
