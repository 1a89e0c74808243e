"""What the torture found, as tables."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.benchmarks.report import Table, paper
from tests.torture.day.verdict import Result
from tests.torture.ground import Hurt

_INTRODUCTION = """\
# Torture

Written by `make torture`. A command is killed at each of its state-changing system calls, then has
each of them (and each read of a state file) fail; after each, clean cycles run, and a stand-in for
Abacos that counts every call says what was lost or doubled. Then odd files and odd answers are
read by the thousand, and a shop's day is played with all its faults. {verdict}
"""

#: Exit codes, as people name them.
_NAMES = {-9: "killed"}


@dataclass(slots=True)
class Points:
    """One scene's points."""

    hurts: list[Hurt] = field(default_factory=list)

    def row(self, name: str) -> tuple[str, ...]:
        """The table's row."""
        problems = [problem for hurt in self.hurts for problem in hurt.problems]
        lost = sum(problem.startswith("lost") for problem in problems)
        doubled = sum(problem.startswith("doubled") for problem in problems)
        kills = sum(hurt.point.kills for hurt in self.hurts)
        counts = (
            kills,
            len(self.hurts) - kills,
            sum(not hurt.hit for hurt in self.hurts),
            lost,
            doubled,
            len(problems) - lost - doubled,
        )
        return (name, *map(str, counts), said(Counter(hurt.exit_code for hurt in self.hurts)))


@dataclass(slots=True)
class Cases:
    """The cases of one kind."""

    cases: int = 0
    exits: Counter[int] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def row(self, name: str) -> tuple[str, ...]:
        """The table's row."""
        return (name, str(self.cases), str(len(self.problems)), said(self.exits))


def said(exits: Counter[int]) -> str:
    """Which exits there were, and how often."""
    return ", ".join(f"{_NAMES.get(code, code)}: {exits[code]}" for code in sorted(exits))


def is_wrong(hurt: Hurt) -> bool:
    """Whether this point shows a defect, of the program or of its torture. How often something is
    sent to the node varies a little, so there a point may be missed."""
    return bool(hurt.problems) or (not hurt.hit and bool(hurt.point.target.files))


def document(points: dict[str, Points], cases: dict[str, Cases], day: Result | None) -> str:
    """The whole file; the day may have been left out."""
    hurts = [hurt for some in points.values() for hurt in some.hurts]
    wrong = sum(map(is_wrong, hurts)) + sum(len(some.problems) for some in cases.values())
    tables = [_points(points), _cases(cases)]
    if day is not None:
        wrong += len(day.lost) + len(day.doubled) + len(day.problems)
        tables.append(_day(day))
    verdict = f"{wrong} things went wrong." if wrong else "Nothing was lost or doubled."
    return paper(_INTRODUCTION.format(verdict=verdict), tables)


def _day(day: Result) -> Table:
    problems = (*day.lost, *day.doubled, *day.problems)
    text = (
        "MariaDB, sshd, rake with the driver and a process for each cycle are real; the hours are"
        " simulated, on the wall's clock and the boot clock alike. `payment_confirmed` is"
        " configured. A wait of 1 cycle is that of an order which the very next one brought; with"
        " `min_order_age` at 60 s the shop's own queue goes first, and an order whose number comes"
        " late can't be brought before that. Orders hang from 12:20 on, each insertion for ever,"
        " until somebody heals them; for an hour Abacos answers questions and refuses to"
        " insert or confirm anything; many orders commit late in one transaction; HEAD's order is"
        " deleted and another one gets its id; and a release is put in the place of another while"
        " a cycle is at work and a second monitor begins. The same day is lived beside it without"
        " all that, and the waits of the good orders are compared, one by one: in cycles that came"
        " to their end, since a crash hits another order each time. What a cycle waits for, it"
        " waits for in real time, scaled 1:60."
    )
    return Table(
        "24 hours of a shop",
        "\n\n".join((text, *(f"WRONG: {problem}" for problem in problems))),
        ("what", "how much"),
        day.rows,
    )


def _points(points: dict[str, Points]) -> Table:
    whole = Points([hurt for some in points.values() for hurt in some.hurts])
    return Table(
        "Points of a command",
        "`odd` is an exit that no document names, a traceback, a torn checkpoint, an insertion"
        " without a durable intent, or no way back. `missed` are calls to the node beyond the last"
        " one of that run: their number varies by a few.",
        ("scene", "killed", "errors injected", "missed", "lost", "doubled", "odd", "exits seen"),
        (*(some.row(name) for name, some in points.items()), whole.row("**all**")),
    )


def _cases(cases: dict[str, Cases]) -> Table:
    whole = Cases(
        sum(some.cases for some in cases.values()),
        _sum(some.exits for some in cases.values()),
        [problem for some in cases.values() for problem in some.problems],
    )
    return Table(
        "Cases fuzzed",
        "`wrong` is an exit that no document names, a traceback, a HEAD other than the file's, a"
        " file written that was refused, or a verdict that no answer said.",
        ("kind", "cases", "wrong", "exits seen"),
        (*(some.row(name) for name, some in cases.items()), whole.row("**all**")),
    )


def _sum(exits: Iterable[Counter[int]]) -> Counter[int]:
    total: Counter[int] = Counter()
    for some in exits:
        total += some
    return total
