"""Gaps: every hole that HEAD passes is looked into, in bounded memory, on a clock nobody sets."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ordermonit.orders.gaps import (
    STEP_SHARE,
    Gap,
    Moment,
    cut,
    filled,
    fresh,
    holds_head,
    is_missing,
    looked_into,
    missing,
    noted,
)

NOW = Moment(datetime(2026, 1, 1, tzinfo=UTC), 1000.0)
WINDOW = 3600.0


def _later(seconds: float, wall: timedelta | None = None) -> Moment:
    shift = timedelta(seconds=seconds) if wall is None else wall
    return Moment(NOW.wall + shift, NOW.boot + seconds)


def _held(gaps: tuple[Gap, ...], upto: int) -> set[int]:
    return {id for id in range(upto + 1) if any(gap.holds(id) for gap in gaps)}


@given(
    st.sets(st.integers(1, 300)),
    st.lists(st.tuples(st.integers(1, 300), st.sampled_from([2, 3, 10])), max_size=60),
)
def test_a_gap_holds_exactly_the_ids_that_were_passed_unseen(
    known: set[int], late: list[tuple[int, int]]
) -> None:
    gaps, head = noted((), 0, sorted(known), WINDOW), max(known, default=0)
    expected = set(range(1, head)) - known
    assert _held(gaps, 900) == expected
    for id, step in late:  # while some appear, HEAD moves on
        gaps = noted(filled(gaps, id), head, [head + step], WINDOW)
        expected = (expected - {id}) | set(range(head + 1, head + step))
        head += step
        assert _held(gaps, 900) == expected


def test_ids_that_step_by_ten_are_one_gap() -> None:
    assert len(noted((), 0, range(10, 10_001, 10), WINDOW)) == 1


def test_a_hole_of_a_million_is_one_gap() -> None:
    assert noted((), 5, [1_000_005], WINDOW) == (Gap(6, 1_000_004),)


def test_in_a_shop_that_never_rests_each_hole_has_its_window_and_not_much_more() -> None:
    gaps: tuple[Gap, ...] = ()
    for minute in range(180):
        gaps = fresh(looked_into(gaps, 60), 10 * minute, WINDOW)
        gaps = noted(gaps, 10 * minute, [10 * minute + 10], WINDOW)
        assert len(gaps) <= 10
        held = {id // 10 for id in _held(gaps, 1800)}
        assert held >= set(range(max(0, minute - 59), minute + 1))
        assert min(held) >= minute - 60 - 60 / STEP_SHARE


def test_what_is_left_of_a_hole_has_its_window_too() -> None:
    gaps = looked_into(noted((), 0, [10], WINDOW), WINDOW / STEP_SHARE)
    gaps = filled(noted(gaps, 10, [20], WINDOW), 15)
    gaps = noted(gaps, 20, [30], WINDOW)
    left = fresh(looked_into(gaps, WINDOW - WINDOW / STEP_SHARE), 30, WINDOW)
    assert _held(left, 30) >= set(range(11, 20)) - {15}


def test_a_gap_is_forgotten_after_it_was_looked_into_for_the_window() -> None:
    gaps = looked_into(noted((), 0, [5], WINDOW), WINDOW - 1)
    assert fresh(gaps, 5, WINDOW) == gaps
    assert fresh(looked_into(gaps, 1), 5, WINDOW) == ()


def test_what_is_missing_up_to_head_is_looked_into_for_as_long_as_it_is() -> None:
    gaps = missing((Gap(2, 3), Gap(6, 8)), 7, 9)
    assert gaps == (Gap(2, 3), Gap(6, 6), Gap(7, 9))
    assert is_missing(gaps, 8, 9)
    assert not is_missing(gaps, 6, 9)
    old = looked_into(gaps, WINDOW)
    assert fresh(old, 9, WINDOW) == (replace(Gap(7, 9), watched=WINDOW),)
    assert holds_head(old, 9)
    assert not holds_head(filled(old, 9), 9)


def test_a_clock_set_forward_by_years_is_no_time() -> None:
    assert _later(60, wall=timedelta(days=3650)).surely_since(NOW) == 60


def test_a_clock_set_backward_by_years_has_no_say() -> None:
    assert _later(60, wall=timedelta(days=-3650)).surely_since(NOW) == 60


def test_after_a_reboot_the_new_uptime_counts() -> None:
    assert Moment(NOW.wall + timedelta(hours=2), 30.0).surely_since(NOW) == 30.0


def test_on_a_machine_that_runs_for_longer_the_wall_clock_counts() -> None:
    """The state directory has moved there."""
    assert Moment(NOW.wall + timedelta(minutes=1), 10_000_000.0).surely_since(NOW) == 60.0


def test_no_window_no_gaps() -> None:
    assert noted((), 0, [5, 9], 0) == ()


@given(st.integers(1, 40), st.integers(0, 40), st.sampled_from([0, 2, 3, 10]), st.integers(0, 90))
def test_gaps_that_are_cut_hold_the_same_ids_up_to_there(
    first: int, holes: int, step: int, last: int
) -> None:
    size = holes * step + step - 1 if step else holes + 1
    gap = Gap(first, first + size - 1, step, 7)
    ids = range(1, 600)
    held = {id for id in ids if any(part.holds(id) for part in cut((gap,), last))}
    assert held == {id for id in ids if gap.holds(id) and id <= last}
