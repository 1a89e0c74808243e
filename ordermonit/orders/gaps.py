"""Ids that HEAD passed while nothing was there, and for how long they are looked into.

Auto-increment ids become visible out of order: a transaction that took id 100 may commit after 101
did, and a plain `id > HEAD` would lose 100 for ever. So each hole that HEAD passes is a gap. So are
the ids of orders that were passed and are not there any more: they may be given to others.

Shops whose ids step by 2 or 10 leave a hole before every order. Equal holes that follow each other
are kept as one gap with a `step`, so memory does not grow with the number of orders.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

#: A gap with a step takes in further holes for this part of the window only, and is kept for so
#: much longer: its last hole has its whole window, and in a shop that never rests the first one is
#: not looked into for ever.
STEP_SHARE = 8


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, on two clocks: the wall's (aware, UTC) and seconds since the machine booted."""

    wall: datetime
    boot: float

    @classmethod
    def now(cls) -> "Moment":
        """This moment; the boot clock in whole milliseconds, as it is written: one that was rounded
        up would be ahead of the next moment, as after a boot."""
        milliseconds = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
        return cls(datetime.now(UTC), milliseconds / 1000)

    def elapsed(self, since: "Moment") -> float:
        """A lower bound of the seconds since then, by the boot clock, which can't be set.

        When it went backwards, it has been booted since, and all of this uptime has passed.
        """
        return self.boot - since.boot if self.boot >= since.boot else self.boot

    def surely_since(self, since: "Moment") -> float:
        """A lower bound in seconds of the true time since then.

        The wall clock is asked beside the boot clock, since a state directory may have moved to
        another machine; a wall clock that went backwards has no say.
        """
        by_boot = self.elapsed(since)
        by_wall = (self.wall - since.wall) / timedelta(seconds=1)
        return by_boot if by_wall < 0 else min(by_boot, by_wall)


@dataclass(frozen=True, slots=True)
class Gap:
    """The ids `first` to `last`, except those known already when the gap has a `step`.

    With a step, `first - 1` was an order, and so is every step-th id after it. `watched` are the
    seconds for which cycles have looked into it; time in which none looked does not count.
    """

    first: int
    last: int
    step: int = 0
    watched: float = 0.0

    def holds(self, id: int) -> bool:
        """Whether an order with this id would be a late one."""
        return self.first <= id <= self.last and (
            not self.step or (id - self.first + 1) % self.step != 0
        )


def noted(gaps: tuple[Gap, ...], head: int, known: Iterable[int], window: float) -> tuple[Gap, ...]:
    """The gaps after HEAD moved from `head` over the ascending ids in `known`.

    `window` is `late_commit_window` in seconds; 0 switches gaps off.
    """
    found = list(gaps)
    for id in known:
        if id > head + 1 and window > 0:
            hole = Gap(head + 1, id - 1)
            joined = _joined(found[-1], hole, window) if found else None
            if joined is None:
                found.append(hole)
            else:
                found[-1] = joined
        head = max(head, id)
    return tuple(found)


def _joined(gap: Gap, hole: Gap, window: float) -> Gap | None:
    """Both as one gap with a step, if they are equal neighbours seen at about the same time."""
    step = hole.last - hole.first + 2
    if hole.first != gap.last + 2 or gap.watched > window / STEP_SHARE:
        return None
    size = gap.last - gap.first + 2
    # What is left of a hole keeps its step, but is no whole hole that another could follow.
    if (gap.step == step and size % step == 0) or (not gap.step and size == step):
        return replace(gap, last=hole.last, step=step)
    return None


def filled(gaps: tuple[Gap, ...], id: int) -> tuple[Gap, ...]:
    """The gaps without this id: its order has appeared and has a record or a final answer."""
    return tuple(part for gap in gaps for part in _without(gap, id))


def _without(gap: Gap, id: int) -> Iterator[Gap]:
    if not gap.holds(id):
        yield gap
        return
    if not gap.step:
        if gap.first < id:
            yield replace(gap, last=id - 1)
        if id < gap.last:
            yield replace(gap, first=id + 1)
        return
    # The step's known ids must stay known: cut out the one hole that the id lies in.
    start = gap.first + (id - gap.first) // gap.step * gap.step
    end = min(start + gap.step - 2, gap.last)  # or the end of what is left of one
    if gap.first < start:
        yield replace(gap, last=start - 2)
    for part in _without(Gap(start, end, watched=gap.watched), id):
        yield replace(part, step=gap.step)
    if end < gap.last:
        yield replace(gap, first=end + 2)


def opened(gaps: tuple[Gap, ...], ids: Iterable[int]) -> tuple[Gap, ...]:
    """The gaps with these ascending ids as well, which were passed and are not there any more."""
    found: list[Gap] = []
    for id in ids:
        if found and found[-1].last == id - 1:
            found[-1] = replace(found[-1], last=id)
        else:
            found.append(Gap(id, id))
    return (*gaps, *found)


def cut(gaps: tuple[Gap, ...], last: int) -> tuple[Gap, ...]:
    """The gaps up to this id."""
    found: list[Gap] = []
    for gap in gaps:
        if gap.last <= last:
            found.append(gap)
        elif gap.first <= last and not gap.step:
            found.append(replace(gap, last=last))
        elif gap.first <= last:
            # The hole that is cut stands for itself.
            start = gap.first + (last - gap.first) // gap.step * gap.step
            if gap.first < start:
                found.append(replace(gap, last=start - 2))
            end = min(last, start + gap.step - 2)
            found.append(replace(gap, first=start, last=end))
    return tuple(found)


def missing(gaps: tuple[Gap, ...], first: int, head: int) -> tuple[Gap, ...]:
    """The gaps when nothing of what was passed from `first` to HEAD is there any more."""
    return (*cut(gaps, first - 1), Gap(first, head))


def is_missing(gaps: Iterable[Gap], first: int, head: int) -> bool:
    """Whether all of these ids are looked into as missing ones already."""
    return any(gap.first <= first and gap.last >= head and not gap.step for gap in gaps)


def holds_head(gaps: Iterable[Gap], head: int) -> bool:
    """Whether HEAD is known to be ahead of what is there."""
    return any(gap.last >= head for gap in gaps)


def looked_into(gaps: tuple[Gap, ...], seconds: float) -> tuple[Gap, ...]:
    """The gaps after cycles have looked into them for so long."""
    return tuple(replace(gap, watched=gap.watched + seconds) for gap in gaps)


def fresh(gaps: tuple[Gap, ...], head: int, window: float) -> tuple[Gap, ...]:
    """The gaps that are still looked into.

    One that holds HEAD is, for as long as HEAD is ahead of what is there.
    """
    return tuple(gap for gap in gaps if gap.watched < _kept(gap, window) or gap.last >= head)


def _kept(gap: Gap, window: float) -> float:
    """Seconds for which a gap is looked into, counted from when its first hole was seen."""
    return window + window / STEP_SHARE if gap.step else window
