"""What ails single orders, and Abacos's writing, in a day: when, and how much of it."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.torture.day.sales import PERIOD, Sale, Size

if TYPE_CHECKING:
    from tests.torture.day.monitor import Monitor
    from tests.torture.day.shop import Shop

#: Of the orders of the bulk, so many fall through.
_BULK_FALLING = 0.2


@dataclass(frozen=True, slots=True)
class Patients:
    """The orders that something ails: those that hang, those of the bulk, and the one that gets
    the id of another."""

    hanging: tuple[Sale, ...]
    bulk: tuple[Sale, ...]
    reusing: Sale

    @property
    def numbers(self) -> frozenset[int]:
        """Of all of them."""
        return frozenset(sale.number for sale in (*self.hanging, *self.bulk, self.reusing))


def patients(size: Size, first: int, seed: int) -> Patients:
    """Drawn from the seed, and numbered on from `first`; the others' day is the same without."""
    chance, ills = random.Random(seed), size.ills
    numbers = iter(range(first, first + ills.hanging + ills.bulk + 1))
    sold = (ills.hangs.start * PERIOD, (ills.hangs.start + ills.sold) * PERIOD)
    return Patients(
        tuple(_sale(next(numbers), chance.uniform(*sold), None) for _ in range(ills.hanging)),
        tuple(_bulk(numbers, size, chance)),
        _sale(next(numbers), ills.reuse * PERIOD, None),
    )


def _bulk(numbers: Iterator[int], size: Size, chance: random.Random) -> Iterator[Sale]:
    begun, committed = size.ills.uncommitted.start * PERIOD, size.ills.uncommitted.stop * PERIOD
    for _ in range(size.ills.bulk):
        falls = chance.random() < _BULK_FALLING
        yield _sale(next(numbers), begun, None if falls else committed)


def _sale(number: int, begun: float, queued: float | None) -> Sale:
    return Sale(number, begun, begun, begun, queued, paid=begun, canceled=None)


class Course:
    """What happens to the patients, tick by tick, before the cycle."""

    def __init__(self, size: Size, patients: Patients, shop: "Shop", monitor: "Monitor") -> None:
        self._ills = size.ills
        self._patients = patients
        self._shop = shop
        self._monitor = monitor
        self._is_reused = False

    def at(self, tick: int, head: int) -> None:
        """`head` is the id that the last cycle ended at."""
        ills, monitor = self._ills, self._monitor
        if tick == ills.uncommitted.start:
            self._shop.begin_bulk(self._patients.bulk)
        if tick == ills.uncommitted.stop:
            self._shop.commit_bulk()
        if tick == ills.hangs.start:
            monitor.ail(hanging=[sale.number for sale in self._patients.hanging])
        if tick == ills.hangs.stop:
            monitor.ail()
            monitor.run("retry", "--exhausted")  # as the person does whom an alert has called
        if tick == ills.refuses.start:
            self._shop.abacos_is_up = False
            monitor.ail(refuses=True)
        if tick == ills.refuses.stop:
            self._shop.abacos_is_up = True
            monitor.ail()
        if tick >= ills.reuse and not self._is_reused:
            self._is_reused = self._shop.reuse(head, self._patients.reusing)

    @property
    def is_over(self) -> bool:
        """Whether all of it has happened, as far as it depends on the cycles."""
        return self._is_reused
