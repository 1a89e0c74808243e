"""What the judge says of a day, and how long each missing order waited."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from tests.parts.judge import Judge
from tests.torture.day.shop import Row

#: States of a payment that is to be confirmed.
_PAYABLE = "authorized"


@dataclass(frozen=True, slots=True)
class Wait:
    """One missing order: the first cycle that could see it, and the one that inserted it."""

    number: int
    first: int
    last: int

    @property
    def cycles(self) -> int:
        """How many cycles it took; 1: the next one."""
        return self.last - self.first + 1

    def inside(self, cycles: Collection[int]) -> int:
        """How many of them were these."""
        return sum(cycle in cycles for cycle in range(self.first, self.last + 1))


@dataclass(frozen=True, slots=True)
class Waits:
    """Of some orders, in cycles."""

    orders: int
    median: float
    longest: int

    def __str__(self) -> str:
        if not self.orders:
            return "none"
        return f"{self.orders} orders: median {self.median:g}, max {self.longest} cycles"


def waits(some: Sequence[Wait]) -> Waits:
    """Their median and maximum."""
    return _spans([wait.cycles for wait in some])


def _spans(cycles: Collection[int]) -> Waits:
    return Waits(len(cycles), median(cycles) if cycles else 0, max(cycles, default=0))


def lost(rows: Sequence[Row], judge: Judge) -> list[str]:
    """What can be seen in the Front, and is not in Abacos as it should be."""
    found = []
    for row in rows:
        if not judge.has(row.sale.number):
            found.append(f"order {row.sale.number} is not in Abacos")
        elif row.state == _PAYABLE and not judge.confirmed_count(row.sale.number):
            found.append(f"the payment of order {row.sale.number} is not confirmed")
    return found


def doubled(rows: Sequence[Row], deleted: Collection[int], judge: Judge) -> list[str]:
    """What came to Abacos more than once, or that ought not to have come at all. The numbers of
    `deleted` orders were there once."""
    found = []
    for row in rows:
        number = row.sale.number
        if judge.inserted_count(number) > 1 or judge.double_insert_count(number):
            found.append(f"order {number} was inserted twice")
        if judge.confirmed_count(number) > (row.state == _PAYABLE):
            found.append(f"the payment of order {number} was confirmed too often")
    known = {str(number) for number in (*(row.sale.number for row in rows), *deleted)}
    found += [f"order {number} is not in the Front" for number in judge.holds() - known]
    return found


@dataclass(frozen=True, slots=True)
class Result:
    """A whole day. `rows` is the table: what, and how much. `waited`: how many cycles that came to
    their end each good order saw until it was inserted, by its number."""

    seed: int
    rows: tuple[tuple[str, str], ...]
    waited: Mapping[int, int]
    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Nothing lost, nothing doubled, nothing else wrong."""
        return not (self.lost or self.doubled or self.problems)


#: So many cycles longer a good order may wait because of the sick ones.
_LONGER = 1


def beside(ill: Result, well: Result) -> Result:
    """The day of the sick orders, with what it did to the good ones: their wait, beside the same
    day without anything that ails an order."""
    longer = {
        number: cycles - well.waited[number]
        for number, cycles in ill.waited.items()
        if number in well.waited
    }
    some = [number for number, more in longer.items() if more > 0]
    rows = {
        "wait of the good orders, in cycles that came to their end": _spans(ill.waited.values()),
        "the same on the same day without the sick": _spans(well.waited.values()),
        "good orders that waited longer than without": f"{len(some)} of {len(longer)}",
        "the most that one waited longer": f"{max(longer.values(), default=0)} cycles",
    }
    return replace(
        ill,
        rows=(*ill.rows, *((what, str(how)) for what, how in rows.items())),
        lost=(*ill.lost, *well.lost),
        doubled=(*ill.doubled, *well.doubled),
        problems=(
            *ill.problems,
            *(f"without the sick: {problem}" for problem in well.problems),
            *(
                f"order {number} waited {longer[number]} cycles longer than without the sick"
                for number in some
                if longer[number] > _LONGER
            ),
        ),
    )
