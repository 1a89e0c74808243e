"""Ids behind HEAD that are checked again, because a person asked for it: ranges, in order.

A range is its first and its last id.
"""

from collections.abc import Iterable
from itertools import pairwise

Range = tuple[int, int]

#: Ranges that are kept apart. With more of them the nearest two become one, and what lies between
#: is checked again as well, which is safe.
MOST_RANGES = 50


def merged(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """The same ids, in order, as few ranges as there can be and at most `MOST_RANGES`."""
    found: list[Range] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    while len(found) > MOST_RANGES:
        holes = [right[0] - left[1] for left, right in pairwise(found)]
        at = holes.index(min(holes))
        found[at : at + 2] = [(found[at][0], found[at + 1][1])]
    return tuple(found)


def after(ranges: Iterable[Range], id: int) -> tuple[Range, ...]:
    """What is left of them behind this id."""
    return tuple((max(first, id + 1), last) for first, last in ranges if last > id)


def until(ranges: Iterable[Range], id: int) -> tuple[Range, ...]:
    """What is left of them up to this id."""
    return tuple((first, min(last, id)) for first, last in ranges if first <= id)
