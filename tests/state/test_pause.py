"""A pause: what was written is read, odd files are refused, and no clock makes it endless."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordermonit.errors import CheckpointError
from ordermonit.orders.gaps import Moment
from ordermonit.state.pause import Pause, decode

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

_times = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(
    lambda time: time.replace(microsecond=0, tzinfo=UTC)
)
_pauses = st.builds(
    Pause,
    who=st.text(),
    since=st.builds(Moment, _times, st.floats(0, 10**8).map(lambda seconds: round(seconds, 3))),
    until=st.none() | _times,
    because=st.none() | st.text(),
)


@given(_pauses)
def test_what_was_written_is_read(pause: Pause) -> None:
    assert decode(pause.encode(), "paused") == pause


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0\0",
        b"[]",
        b"{}",
        b"null",
        b"[" * 100_000,
        b'{"who": "a", "since": "2026-01-01", "until": null, "because": null,'
        b' "seconds_since_boot": 1}',
        b'{"who": "a", "since": "2026-01-01T12:00:00Z", "until": 5, "because": null,'
        b' "seconds_since_boot": 1}',
        b'{"who": "a", "since": "2026-01-01T12:00:00Z", "until": null, "because": null,'
        b' "seconds_since_boot": ' + b"9" * 400 + b"}",
    ],
)
def test_an_odd_file_is_refused_with_both_ways_out(data: bytes) -> None:
    with pytest.raises(CheckpointError, match="ordermonit resume") as refused:
        decode(data, "/state/paused")
    assert "/state/paused" in refused.value.message
    assert "ordermonit pause" in refused.value.remedy


@pytest.mark.parametrize(
    ("wall", "boot", "is_over"),
    [
        (NOON + HOUR / 2, 1000 + 1800, False),
        (NOON + HOUR, 1000 + 3600, True),
        (NOON - 3650 * 24 * HOUR, 1000 + 1800, False),  # set back by ten years
        (NOON - 3650 * 24 * HOUR, 1000 + 3600, True),
        (NOON - 3650 * 24 * HOUR, 900, False),  # and booted since
        (NOON + 3650 * 24 * HOUR, 1000 + 1, True),  # set forward: a cycle is always safe
    ],
)
def test_a_pause_ends_by_either_clock(wall: datetime, boot: float, is_over: bool) -> None:
    pause = Pause("ann", Moment(NOON, 1000), NOON + HOUR)
    assert pause.is_over(Moment(wall, boot)) is is_over


def test_a_pause_without_an_end_lasts_until_somebody_ends_it() -> None:
    pause = Pause("ann", Moment(NOON, 1000))
    assert not pause.is_over(Moment(NOON + 10_000 * HOUR, 10**8))
    assert "until ordermonit resume" in pause.sentence
