"""`status --watch` in a pipe, and the little bars."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ordermonit.commands.overview import Overview
from ordermonit.commands.status import changes
from ordermonit.health.health import Newest
from ordermonit.orders.model import Status
from ordermonit.views.bars import bar

NOW = datetime(2026, 1, 31, tzinfo=UTC)


def test_a_look_that_shows_nothing_new_is_not_printed() -> None:
    first = Overview(NOW, 5, 0, (), None, dict.fromkeys(Status, 0), Newest(5), None, (), ())
    later = replace(first, at=NOW + timedelta(seconds=4))
    moved = replace(later, newest=Newest(6))
    assert list(changes(iter([first, later, moved, moved]))) == [first, moved]


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "·"), (1, "▁"), (50, "▄"), (51, "▅"), (99, "█"), (100, "█")]
)
def test_a_bar_is_as_high_as_its_value_and_seen_unless_it_is_0(value: int, shown: str) -> None:
    assert bar(value, 100) == shown
    assert bar(value, 100, ascii_only=True).isascii()
