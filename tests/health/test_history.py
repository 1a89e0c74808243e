"""The journal's fields, as journald hands them out, and as nobody should have written them."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import pytest

from ordermonit.health.history import entry
from ordermonit.orders.events import Event
from tests.parts import outsider

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_an_event_of_ours_has_all_its_parts() -> None:
    found = entry(
        {
            "__REALTIME_TIMESTAMP": AT,
            "MESSAGE": "order 7: inserted into Abacos",
            "MESSAGE_ID": UUID(Event.ORDER_INSERTED.message_id),
            "PRIORITY": 5,
            "ORDERMONIT_EVENT": "ORDER_INSERTED",
            "OPERATION": "insert_order",
            "ATTEMPT": "2",
            "DURATION_USEC": "1500000",
        }
    )
    assert found.at == AT
    assert found.message_id == Event.ORDER_INSERTED.message_id
    assert (found.event, found.operation, found.attempt) == ("ORDER_INSERTED", "insert_order", 2)
    assert found.duration == 1.5
    assert found.who is None


def test_what_others_wrote_with_this_field_is_one_line_that_can_do_nothing() -> None:
    found = entry(
        {
            "__REALTIME_TIMESTAMP": AT,
            "MESSAGE": b"\x1b[2Jgone\xff\nnext",
            "ATTEMPT": "many",
            "DURATION_USEC": ["1", "2"],
        }
    )
    assert found.message == "\N{REPLACEMENT CHARACTER}[2Jgone\N{REPLACEMENT CHARACTER} next"
    assert (found.event, found.message_id, found.priority) == ("", "", 6)
    assert found.attempt is None
    assert found.duration is None


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that everybody can reach, as pytest's own is not."""
    with TemporaryDirectory(prefix="ordermonit-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_journal_that_is_closed_to_this_user_is_not_taken_for_none(place: Path) -> None:
    machine = place / "0123"
    machine.mkdir(mode=0o755)
    (machine / "system.journal").touch(mode=0o644)
    program = (
        "import sys; from ordermonit.health import history; history._PLACES = sys.argv[1:];"
        "print(history.trouble())"
    )

    def trouble() -> str:
        run = outsider.python(program, str(place))
        assert run.returncode == 0, run.stderr
        return run.stdout

    assert trouble() == "None\n"
    for closed in (machine, place):
        closed.chmod(0o700)
        assert "may not read the system's journal" in trouble()
