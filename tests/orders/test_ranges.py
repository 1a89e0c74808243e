"""Ranges of ids that are checked again: merging them never loses an id."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ordermonit.orders.ranges import MOST_RANGES, Range, after, merged, until

_ranges = st.lists(
    st.tuples(st.integers(1, 500), st.integers(0, 20)).map(lambda pair: (pair[0], sum(pair))),
    max_size=20,
)


def _ids(ranges: tuple[Range, ...] | list[Range]) -> set[int]:
    return {id for first, last in ranges for id in range(first, last + 1)}


@given(_ranges)
def test_merged_ranges_have_the_same_ids_in_order_and_apart(ranges: list[Range]) -> None:
    found = merged(ranges)
    assert _ids(found) == _ids(ranges)
    assert all(left[1] + 1 < right[0] for left, right in pairwise(found))


def test_too_many_ranges_become_wider_ones() -> None:
    apart = [(10 * at, 10 * at + 5) for at in range(1, MOST_RANGES + 1)]
    found = merged([*apart, (3, 4)])
    assert len(found) == MOST_RANGES
    assert _ids(found) == _ids([*apart, (3, 4)]) | set(range(16, 20))


@given(_ranges, st.integers(0, 600))
def test_ranges_are_cut_at_an_id(ranges: list[Range], at: int) -> None:
    assert _ids(after(merged(ranges), at)) == {id for id in _ids(ranges) if id > at}
    assert _ids(until(merged(ranges), at)) == {id for id in _ids(ranges) if id <= at}
