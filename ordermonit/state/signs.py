"""The checkpoint's lines before the orders: HEAD, and what is known of ids as a whole."""

from collections.abc import Iterable, Iterator

from ordermonit.orders.gaps import Gap, Moment
from ordermonit.orders.ignored import Ignored
from ordermonit.orders.model import Identity
from ordermonit.state.columns import (
    moment,
    natural,
    number_column,
    seconds,
    time_column,
    time_or_none,
)
from ordermonit.state.columns import number as parsed_number
from ordermonit.times import iso


class Signs:
    """HEAD, and what is known beside the orders' records.

    `head_order` is by what HEAD's own order is known again, None where that is not known. `looked`
    is when a cycle last looked into the gaps. `ignored` are rows that are no orders yet.

    `rescans` are the ids up to HEAD that a person wants checked again, and that were not yet.

    `suspects` are the ids of orders that kept others waiting, each with how often (rule C9).

    `recovered` is true after `ordermonit recover` or a take-over, until HEAD has passed `doubted`:
    the newest id at the first look since (0: nobody has looked yet). A write that was lost may have
    been the intent to insert one of these orders.
    """

    def __init__(self, head: int, gaps: Iterable[Gap] = ()) -> None:
        self.head = head
        self.head_order: Identity | None = None
        self.gaps = tuple(gaps)
        self.looked: Moment | None = None
        self.ignored = Ignored()
        self.rescans: tuple[tuple[int, int], ...] = ()
        self.suspects: dict[int, int] = {}
        self.recovered = False
        self.doubted = 0

    def recover(self) -> None:
        """What was written after this may be lost."""
        self.recovered, self.doubted = True, 0

    def see(self, newest: int) -> None:
        """The newest id in the Front, at a look."""
        if self.recovered and not self.doubted:
            self.doubted = newest

    def is_doubted(self, id: int) -> bool:
        """Whether the intent to insert this order may have been lost."""
        return self.recovered and (not self.doubted or id <= self.doubted)

    def end_doubt(self) -> bool:
        """End the doubt after a recovery, once all of it has been passed; whether that is so."""
        is_over = self.recovered and 0 < self.doubted <= self.head
        if is_over:
            self.recovered, self.doubted = False, 0
        return is_over

    def signs(self) -> Iterator[str]:
        """The lines that say it."""
        yield _head_line(self.head, self.head_order)
        yield from map(_gap_line, self.gaps)
        if self.gaps and self.looked is not None:
            yield f"^LOOKED {iso(self.looked.wall)} {round(self.looked.boot, 3)}"
        yield from (f"^IGNORED {first} {bits}" for first, bits in self.ignored.lines())
        yield from (f"^RESCAN {first} {last}" for first, last in self.rescans)
        yield from (f"^SUSPECT {id} {tries}" for id, tries in self.suspects.items())
        if self.recovered:
            yield f"^RECOVERED {self.doubted}"

    def read(self, line: str) -> bool:
        """Take the line, if it is one of these, but HEAD's and a gap's. Raises ValueError where it
        is a wrong one."""
        match line.partition(" ")[0]:
            case "^LOOKED":
                self.looked = _parsed_looked(line)
            case "^IGNORED":
                self.ignored.read(*_parsed_ignored(line))
            case "^RESCAN":
                self.rescans += (parsed_range(line),)
            case "^SUSPECT":
                id, tries = _parsed_pair(line, "^SUSPECT id tries")
                self.suspects[id] = tries
            case "^RECOVERED":
                self.recovered = True
                self.doubted = natural(line.removeprefix("^RECOVERED").strip() or "0")
            case _:
                return False
        return True


def _head_line(head: int, order: Identity | None) -> str:
    if order is None:
        return f"^HEAD {head}"
    return f"^HEAD {head} {number_column(order.number)} {time_column(order.created_at)}"


def _gap_line(gap: Gap) -> str:
    return f"^GAP {gap.first} {gap.last} {gap.step} {round(gap.watched, 3)}"


def parsed_head(line: str) -> tuple[int, Identity | None]:
    match line.split(" "):
        case [_, head]:
            return natural(head), None
        case [_, head, number, created]:
            return natural(head), Identity(parsed_number(number), time_or_none(created))
    raise ValueError("expected ^HEAD id number ordered")


def parsed_gap(line: str) -> Gap:
    match line.split(" "):
        case [_, first, last, step, watched]:
            gap = Gap(natural(first), natural(last), natural(step), seconds(watched))
        case [_, first, last, step, wall, boot] if moment(wall) and seconds(boot) >= 0:
            gap = Gap(natural(first), natural(last), natural(step))
        case _:
            raise ValueError("expected ^GAP first last step watched-for-seconds")
    if not 0 < gap.first <= gap.last or gap.step == 1:
        raise ValueError("a gap that can't be")
    return gap


def _parsed_looked(line: str) -> Moment:
    match line.split(" "):
        case [_, wall, boot]:
            return Moment(moment(wall), seconds(boot))
    raise ValueError("expected ^LOOKED at seconds-since-boot")


def _parsed_ignored(line: str) -> tuple[int, str]:
    match line.split(" "):
        case [_, first, bits]:
            return natural(first), bits
    raise ValueError("expected ^IGNORED first bits")


def parsed_range(line: str) -> tuple[int, int]:
    first, last = _parsed_pair(line, "^RESCAN first last")
    if first > last:
        raise ValueError("expected ^RESCAN first last")
    return first, last


def _parsed_pair(line: str, form: str) -> tuple[int, int]:
    match line.split(" "):
        case [_, one, other] if natural(one) > 0 and natural(other) > 0:
            return int(one), int(other)
        case _:
            raise ValueError(f"expected {form}")
