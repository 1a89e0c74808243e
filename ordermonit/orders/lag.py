"""How far HEAD is behind the shop, and the setting that catches up. Pure."""

import math
from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import datetime

from ordermonit.language import _
from ordermonit.orders.model import Order

#: HEAD falls behind when there is more beyond it than so many cycles take.
_CYCLES = 3

#: Whoever falls behind is to have caught up in this time, in seconds.
_CATCH_UP = 7200

_HOUR = 3600

#: So many orders beyond HEAD are counted by whoever only looks; more are no other news.
MOST = 5000


@dataclass(frozen=True, slots=True)
class Lag:
    """The orders beyond HEAD (at most), and the age of the oldest in seconds (at most): None where
    the Front has no time for it."""

    orders: int
    seconds: float | None

    def is_behind(self, limit: int) -> bool:
        """Whether that is more than the next few cycles take on, at `limit` new orders each."""
        return self.orders > _CYCLES * limit

    def remedy(self, limit: int, period: float) -> str:
        """The value to set, and what comes of it. `period`: seconds from one cycle to the next.

        All of these orders came since the oldest did, so that is how many come in an hour.
        """
        cycles = _HOUR / period
        coming = self.orders * _HOUR / max(_HOUR, self.seconds or 0)
        wanted = (self.orders * _HOUR / _CATCH_UP + coming) / cycles
        value = max(10 * math.ceil(wanted / 10), limit + 1)
        minutes = max(math.ceil(60 * self.orders / (value * cycles - coming)), round(period / 60))
        caught_up = f"{minutes} min" if minutes < 100 else f"{math.ceil(minutes / 60)} h"
        return _(
            "Set max_orders_per_request: {value} in service.yml, which catches up in {span}; now it"
            " is {limit}",
            value=value,
            span=caught_up,
            limit=limit,
        )


def waiting(
    orders: Iterable[Order], head: int, known: Container[int], min_age: float, now: datetime
) -> Lag:
    """The lag of these orders, by id: those beyond HEAD that no cycle has looked at, though they
    are older than `min_age` seconds."""
    ages = [
        None if order.created_at is None else (now - order.created_at).total_seconds()
        for order in orders
        if order.id > head and order.id not in known
    ]
    ripe = [age for age in ages if age is None or not 0 <= age < min_age]
    if not ripe:
        return Lag(0, 0.0)
    return Lag(len(ripe), None if ripe[0] is None else max(0.0, ripe[0]))
