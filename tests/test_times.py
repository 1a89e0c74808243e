"""Times as people type and read them."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordermonit.times import counted, iso, moment, span, spoken


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15min", 900), ("2h", 7200), ("3d", 259200), ("1h30min", 5400), ("1w", 604800)],
)
def test_a_span_is_read(text: str, seconds: int) -> None:
    assert span(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "2", "h", "2 h", "-2h", "2m", "2hh", "h2", "999999999w"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"span of time|too long"):
        span(text)


def test_what_is_counted_is_one_or_more() -> None:
    assert [counted(number, "order") for number in (0, 1, 2)] == ["0 orders", "1 order", "2 orders"]


def test_a_time_is_read_with_and_without_its_offset() -> None:
    expected = datetime(2026, 1, 31, 17, tzinfo=UTC)
    assert moment("2026-01-31T18:00+01:00") == expected
    assert moment("2026-01-31T17:00Z") == expected
    assert moment("2026-01-31T17:00").astimezone() == datetime(2026, 1, 31, 17).astimezone()


@given(st.text(max_size=20))
def test_whatever_is_typed_is_read_or_refused(text: str) -> None:
    for read in (span, moment):
        with suppress(ValueError):
            read(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (-5, "0 s"),
        (45, "45 s"),
        (120, "2 min"),
        (11100, "3 h 5 min"),
        (90061, "1 d 1 h"),
    ],
)
def test_a_span_is_spoken_in_two_units(seconds: float, text: str) -> None:
    assert spoken(seconds) == text


def test_iso_is_utc() -> None:
    assert iso(moment("2026-01-31T18:00:05+01:00")) == "2026-01-31T17:00:05Z"
