"""Where events go: a sink that fails takes nothing from the others."""

import pytest

from ordermonit.orders.events import Event
from ordermonit.reports.journal import Log


@pytest.mark.parametrize("problem", [OSError("gone"), ValueError("closed"), RuntimeError("?")])
def test_a_sink_that_fails_in_any_way_loses_no_event_of_the_others(problem: Exception) -> None:
    told: list[str] = []

    def broken(event: Event, message: str, details: dict[str, object]) -> None:
        raise problem

    def good(event: Event, message: str, details: dict[str, object]) -> None:
        told.append(message)

    log = Log([broken, good, broken, good])
    log.tell(Event.CYCLE_DONE, sentence="one")
    log.tell(Event.CYCLE_DONE, sentence="two")
    assert told == ["one", "one", "two", "two"]
