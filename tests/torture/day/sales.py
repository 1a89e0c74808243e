"""What a shop sells in a day, drawn from a seed: when each order begins, appears, is paid."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from tests.parts.front import FIRST_NUMBER

#: Seconds from one cycle to the next, as in `running_cycle`'s default.
PERIOD = 120

#: How busy each hour of 24 is.
_HOURS = (4, 2, 1, 1, 1, 2, 4, 7, 10, 13, 16, 16, 14, 14, 15, 14, 13, 13, 14, 16, 18, 16, 12, 8)

#: Seconds that the shop's queue takes at most to bring an order to Abacos.
QUEUE_LAG = 45


@dataclass(frozen=True, slots=True)
class Sale:
    """One order; times are seconds of the day.

    `begun`: its transaction takes an id. `visible`: it commits; None: it rolls back, and its id is
    a gap for ever. `numbered`: its number is there (NULL before). `queued`: the shop's own queue
    brings it to Abacos; None: it falls through. `paid`, `canceled`: its state changes.
    """

    number: int
    begun: float
    visible: float | None
    numbered: float
    queued: float | None
    paid: float | None
    canceled: float | None


@dataclass(frozen=True, slots=True)
class Ills:
    """What ails orders in a day. Moments and spans are in cycles.

    `hanging` orders fall through in the first `sold` cycles of `hangs`; while that lasts, Abacos
    never answers their insertion. In `refuses` it answers questions, and takes nothing. A `bulk` of
    orders takes its ids when `uncommitted` begins, and commits at its end. At `reuse` HEAD's order
    is deleted, and another one gets its id. At `deploy` a release is put in the place of another.
    """

    hanging: int
    hangs: range
    sold: int
    refuses: range
    bulk: int
    uncommitted: range
    reuse: int
    deploy: int


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything. Moments and spans are in cycles; `falling` is the share of orders
    that the shop's queue loses."""

    orders: int
    falling: float
    cycles: int
    outage: range
    restart: int
    failover: int
    unattended: int
    crashes: int
    ills: Ills

    @property
    def seconds(self) -> float:
        """The day's length."""
        return float(self.cycles * PERIOD)

    @property
    def latest_commit(self) -> float:
        """The longest that a transaction stays open: below `late_commit_window`."""
        return min(3000.0, self.seconds / 4)

    @property
    def latest_payment(self) -> float:
        """The longest that a payment takes."""
        return self.seconds / 8

    @property
    def look_back(self) -> float:
        """Age of an order that can't change any more: where a new monitor begins."""
        return 2 * self.latest_commit + self.latest_payment


#: 24 hours: down from 10:00 to 12:00, the database restarts at 14:00, the monitor dies at 18:30.
#: Orders hang from 12:20 to 15:00; every insertion is refused from 15:30 to 16:30.
WHOLE = Size(
    orders=10_000,
    falling=0.02,
    cycles=720,
    outage=range(300, 360),
    restart=420,
    failover=555,
    unattended=10,
    crashes=10,
    ills=Ills(
        hanging=50,
        hangs=range(370, 450),
        sold=30,
        refuses=range(465, 495),
        bulk=500,
        uncommitted=range(90, 112),
        reuse=150,
        deploy=240,
    ),
)

#: The same in 48 minutes, with more that falls through, so that each fault meets some of it.
SMALL = Size(
    orders=240,
    falling=0.2,
    cycles=24,
    outage=range(5, 8),
    restart=14,
    failover=20,
    unattended=1,
    crashes=3,
    ills=Ills(
        hanging=2,
        hangs=range(9, 12),
        sold=2,
        refuses=range(16, 18),
        bulk=12,
        uncommitted=range(2, 4),
        reuse=4,
        deploy=8,
    ),
)


def sales(size: Size, seed: int) -> list[Sale]:
    """The day's orders, in the order in which they begin."""
    chance = random.Random(seed)
    times = sorted(_moments(size, chance))
    return [_sale(FIRST_NUMBER + at, begun, size, chance) for at, begun in enumerate(times)]


def _moments(size: Size, chance: random.Random) -> Iterator[float]:
    hour = size.seconds / 24
    for busy in chance.choices(range(24), weights=_HOURS, k=size.orders):
        yield (busy + chance.random()) * hour


def _sale(number: int, begun: float, size: Size, chance: random.Random) -> Sale:
    """1 % roll back, 3 % commit late (half of them by more than a cycle), 1 % get their number
    late, `falling` fall through; 60 % are paid at once, most of the others later."""
    visible: float | None = begun
    fate = chance.random()
    if fate < 0.01:
        visible = None
    elif fate < 0.025:
        visible = begun + chance.uniform(1, PERIOD)
    elif fate < 0.04:
        visible = begun + chance.uniform(PERIOD, size.latest_commit)
    appears = begun if visible is None else visible
    late_number = chance.random() < 0.01
    numbered = appears + (chance.uniform(30, size.latest_commit) if late_number else 0)
    falls = chance.random() < size.falling
    queued = None if falls else numbered + chance.uniform(0, QUEUE_LAG)
    fate, later = chance.random(), numbered + chance.uniform(60, size.latest_payment)
    return Sale(
        number,
        begun,
        visible,
        numbered,
        queued,
        paid=numbered if fate < 0.6 else later if fate < 0.92 else None,
        canceled=later if fate >= 0.96 else None,
    )
