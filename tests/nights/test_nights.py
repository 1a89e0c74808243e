"""Each of the five nights is played, and goes as docs/nights.md says."""

from collections.abc import Callable

import pytest

from tests.nights.document import comparable, play, section, sections
from tests.nights.night import Night
from tests.nights.stories import STORIES


@pytest.mark.parametrize(
    ("number", "begins", "story"),
    [(number, *each) for number, each in enumerate(STORIES, 1)],
    ids=[story.__name__ for _, story in STORIES],
)
def test_the_night_goes_as_the_document_says(
    number: int, begins: str, story: Callable[[Night], None]
) -> None:
    played = section(number, story, play(begins, story))
    assert comparable(played) == comparable(sections()[number - 1]), "run `make nights`"
