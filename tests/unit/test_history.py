"""The journal's fields, as journald hands them out, and as nobody should have written them."""

from datetime import UTC, datetime
from uuid import UUID

from ordermonit.events import Event
from ordermonit.history import entry

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
