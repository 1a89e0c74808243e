"""Ids of rows that are no orders yet: a set of bits, that tells by a count where it has changed."""

from hypothesis import given
from hypothesis import strategies as st

from ordermonit.orders.ignored import ALWAYS, BLOCK, Ignored, block_of

_ids = st.sets(st.integers(0, 3 * BLOCK) | st.integers(10**12, 10**12 + BLOCK), max_size=40)


@given(_ids, _ids, st.integers(0, 4 * BLOCK))
def test_it_is_a_set(some: set[int], others: set[int], last: int) -> None:
    ignored = Ignored(some)
    for id in others:
        ignored.discard(id)
    left = some - others
    assert len(ignored) == len(left)
    assert bool(ignored) is bool(left)
    assert {id for id in some | others if id in ignored} == left
    assert {id for first in map(block_of, some) for id in ignored.ids(first)} == left
    assert {id for id in some if id in ignored.until(last)} == {id for id in left if id <= last}
    for first in map(block_of, some):
        places = [id - first for id in left if block_of(id) == first]
        assert ignored.count(first) == (len(places), sum(places))


@given(_ids)
def test_what_was_written_is_read(some: set[int]) -> None:
    lines = [*Ignored(some).lines()]
    again = Ignored()
    for first, text in lines:
        again.read(first, text)
    assert [*again.lines()] == lines
    assert len(again) == len(some)


def test_the_newest_are_looked_at_always_and_each_older_one_sometimes() -> None:
    ignored = Ignored(range(0, 100 * BLOCK, BLOCK))
    newest = [*range((100 - ALWAYS) * BLOCK, 100 * BLOCK, BLOCK)]
    assert ignored.due(lambda: 0.999) == newest
    assert ignored.due(lambda: 0.0) == [*range(0, 100 * BLOCK, BLOCK)]
    assert ignored.due(lambda: 0.1) == [*range((100 - 10 * ALWAYS + 1) * BLOCK, 100 * BLOCK, BLOCK)]


def test_a_million_are_a_few_lines() -> None:
    lines = [*Ignored(id for id in range(1_000_000) if id % 10).lines()]
    assert len(lines) == 245
    assert sum(len(text) for _, text in lines) < 170_000
