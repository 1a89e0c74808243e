"""What is worth an alert, when again, and who has had it."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ordermonit.configuration import Service
from ordermonit.configuration.alerts import Alerts
from ordermonit.errors import (
    CheckpointError,
    Exit,
    OrdermonitError,
    Refused,
    StateError,
    Unavailable,
)
from ordermonit.orders.events import Event
from ordermonit.orders.model import InsertedBy, Order, Reason, Record, Status
from ordermonit.reports.alerts import text
from ordermonit.reports.alerts.decision import Sender, decide
from ordermonit.reports.alerts.memory import (
    MOST_UNSENT,
    Memory,
    Message,
    Trouble,
    Unsent,
    decode,
    encode,
)
from ordermonit.reports.alerts.standing import standing
from ordermonit.reports.notes import Ended, Notes, Sight
from ordermonit.shops import ALONE, Shop
from ordermonit.state.checkpoint import Checkpoint

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
ALERTS = Alerts(channels=("json://hook/",), missing_orders=3, downtime=900, quiet_period=3600)
EARLIER = NOW - timedelta(days=1)
SENDER = Sender("ordermonit", "monitor1")
DOWN = Unavailable("the node or Abacos is down: refused", "Nothing is lost")


def exhausted(*numbers: str, at: datetime = NOW) -> list[Record]:
    """Orders that were given up then."""
    return [
        Record(
            *(int(number), number, Status.EXHAUSTED, Reason.REJECTED, EARLIER, at),
            last_error=f"no product {number}",
        )
        for number in numbers
    ]


def fallen(numbers: str, minute: float = 0) -> list[Record]:
    """Orders that fell through, and were seen first at this minute."""
    at = NOW + timedelta(minutes=minute)
    return [
        Record(int(n), n, Status.SUCCESS, Reason.OK, at, at, inserted_by=InsertedBy.US)
        for n in numbers
    ]


def done(records: Iterable[Record] = (), minute: float = 0) -> Ended:
    """A good cycle that began at this minute and left these records."""
    kept = Notes()
    kept(Event.CYCLE_DONE, "", {})
    kept.checkpoint = Checkpoint(0, records)
    return Ended(0, None, NOW + timedelta(minutes=minute), kept)


def failed(problem: OrdermonitError, records: Iterable[Record] = ()) -> Ended:
    """A cycle that ended with this, and left these records."""
    kept = Notes()
    kept.checkpoint = Checkpoint(0, records)
    return Ended(problem.exit, problem, NOW, kept)


def told(
    memory: Memory, ended: Ended, alerts: Alerts, now: datetime
) -> tuple[Memory, Message | None]:
    """The message of a cycle and the memory after it."""
    return decide(memory, ended, standing(memory, ended, alerts, now), alerts, SENDER, now)


def story(*cycles: tuple[float, Ended], alerts: Alerts = ALERTS) -> list[str | None]:
    """The titles of the messages of cycles at these minutes; None for a cycle without one."""
    memory = Memory()
    titles: list[str | None] = []
    for minute, ended in cycles:
        now = NOW + timedelta(minutes=minute)
        memory, message = told(memory, ended, alerts, now)
        memory = decode(encode(memory))
        prefix = "ordermonit on monitor1: "
        titles.append(None if message is None else message.title.removeprefix(prefix))
    return titles


def only(ended: Ended) -> Message:
    """The message of one cycle, after none."""
    _, message = told(Memory(), ended, ALERTS, NOW)
    assert message is not None
    return message


def test_a_good_cycle_says_nothing_and_leaves_nothing_to_remember() -> None:
    assert told(Memory(), done(), ALERTS, NOW) == (Memory(found_until=NOW), None)
    _, message = told(Memory(), done(fallen("123")), ALERTS, NOW)
    assert message is None


def test_orders_that_were_given_up_are_one_message_with_their_errors_and_the_command() -> None:
    message = only(done(exhausted("1004", "1007")))
    assert message.title == "ordermonit on monitor1: 2 orders given up"
    assert "type: ordermonit retry 1004 1007\n" in message.body
    assert message.body.endswith("- order 1004: no product 1004\n- order 1007: no product 1007")
    assert not message.is_good


def test_a_hundred_orders_are_cut_to_a_list_and_one_command() -> None:
    message = only(done(exhausted(*map(str, range(100)))))
    assert message.body.count("\n- order ") == 20
    assert message.body.endswith("- and 80 more")
    assert "type: ordermonit retry --exhausted\n" in message.body


def test_orders_given_up_in_a_quiet_period_come_together_at_its_end() -> None:
    records = exhausted("1", "2", "3")
    titles = story(
        (0, done(records[:1])),
        (2, done(records[:2])),
        *((minute, done(records)) for minute in (4, 58, 60, 62)),
    )
    assert titles == ["1 order given up", None, None, None, "2 orders given up", None]


def test_an_order_that_is_given_up_again_is_told_again() -> None:
    again = exhausted("1", at=NOW + timedelta(minutes=90))
    cycles = ((0, done(exhausted("1"))), (80, done(exhausted("1"))), (90, done(again)))
    assert story(*cycles) == ["1 order given up", None, "1 order given up"]


def test_what_a_killed_cycle_left_is_told_by_the_next_whatever_becomes_of_that() -> None:
    left = [*exhausted("9"), *fallen("1234", minute=1)]
    next_one = replace(failed(DOWN, left), started_at=NOW + timedelta(minutes=2))
    titles = story((0, done()), (2, next_one))
    assert titles == [None, "1 order given up; 4 orders fell through"]
    lost = failed(StateError("can't be written", "Make room"), left)
    assert story((0, lost)) == ["the state directory can't be written"], "it is not durable"


def test_more_missing_orders_than_the_threshold_are_an_alert() -> None:
    first, second = fallen("123"), fallen("5678", minute=2)
    third = fallen("9", minute=4)
    assert story(
        (1, done(first)),
        (3, done([*first, *second], 2)),
        (5, done([*first, *second, *third], 4)),
    ) == [None, "4 orders fell through", None]
    quiet = replace(ALERTS, missing_orders=None)
    assert story((0, done(fallen("123456789"))), alerts=quiet) == [None]


def test_orders_of_others_and_old_ones_have_not_fallen_through() -> None:
    theirs = [each.with_(inserted_by=InsertedBy.OTHERS) for each in fallen("1234")]
    found = [each.with_(inserted_by=InsertedBy.MAYBE_US) for each in fallen("1234")]
    old = [each.with_(created_at=EARLIER) for each in fallen("1234")]
    for records in (theirs, found, old):
        assert story((1, done(records))) == [None]
    lost = [each.with_(status=Status.FAILED, reason=Reason.UNKNOWN) for each in found]
    assert story((1, done(lost))) == ["4 orders fell through"]


def test_an_order_that_the_node_does_not_take_yet_is_told_once_when_it_is_late() -> None:
    waits = Record(7, "7", Status.FAILED, Reason.NOT_DUE, NOW, NOW, last_error="no payment")
    unpaid = Record(8, "8", Status.PAYMENT_PENDING, Reason.NOT_DUE, EARLIER, EARLIER)
    cycles = [(minute, done([waits, unpaid])) for minute in range(0, 300, 10)]
    titles = story(*cycles)
    assert [(at, title) for at, title in enumerate(titles) if title] == [
        (3, "1 order not inserted yet")
    ]
    later = replace(ALERTS, lag=None)
    assert set(story(*cycles, alerts=later)) == {None}


def test_a_lag_is_told_with_the_value_to_set() -> None:
    ended = done()
    orders = tuple(Order(id, str(id), "authorized", NOW) for id in range(1, 6))
    ended.notes.sight, ended.notes.service = Sight(orders, 585), Service(min_order_age=60)
    assert story((30, ended), (31, ended), (91, ended)) == [
        None,
        "585 orders not looked at for 31 min",
        "585 orders not looked at for 1 h 31 min",
    ]
    at = NOW + timedelta(minutes=31)
    _, message = told(Memory(), ended, ALERTS, at)
    assert message is not None
    assert "Set max_orders_per_request: 30 in service.yml, which catches up in 2 h" in message.body
    down = replace(ended, exit=Exit.TEMPORARY)
    assert standing(Memory(), down, ALERTS, at).lag is None, "the downtime is told"


def test_everything_of_a_cycle_is_one_message() -> None:
    message = only(done([*exhausted("9"), *fallen("1234")]))
    assert message.title.endswith(": 1 order given up; 4 orders fell through")
    assert message.body.count("\n\n") == 1


def test_downtime_is_told_after_its_time_again_after_the_quiet_period_and_its_end_once() -> None:
    cycles = [(minute, failed(DOWN)) for minute in range(0, 80, 5)]
    titles = story(*cycles, (80, done()), (85, done()))
    assert [title for title in titles if title] == [
        "down for 15 min",
        "down for 1 h 15 min",
        "works again",
    ]


def test_a_short_downtime_is_told_neither_at_its_beginning_nor_at_its_end() -> None:
    assert story((0, failed(DOWN)), (10, failed(DOWN)), (14, done())) == [None, None, None]


def test_downtime_begins_when_the_cycle_noticed_it() -> None:
    ended = failed(DOWN)
    ended.notes.down_since = NOW - timedelta(minutes=15)
    assert "down for 15 min" in only(ended).title


def test_a_long_outage_within_one_good_cycle_is_told_at_its_end() -> None:
    ended = done()
    ended.notes(Event.DOWNTIME, "", {})
    ended.notes(Event.DOWNTIME_OVER, "", {"seconds": 1000.0})
    message = only(ended)
    assert "was down for 16 min 40 s" in message.title
    assert message.is_good


@pytest.mark.parametrize("code", [Exit.DATA, Exit.SOFTWARE, Exit.IO, Exit.REFUSED, Exit.CONFIG])
def test_what_waits_for_a_person_is_told_at_once_and_its_end_once(code: Exit) -> None:
    problem = CheckpointError("it is broken", "Type: ordermonit recover")
    problem.exit = code
    titles = story((0, failed(problem)), (2, failed(problem)), (4, done()), (6, done()))
    assert titles[0] is not None
    assert titles[1:] == [None, "works again", None]
    assert "it is broken. Type: ordermonit recover" in only(failed(problem)).body


def test_most_cycles_failing_for_a_day_is_told_and_its_end_once() -> None:
    cycles = [(at * 2, done() if at % 7 == 6 else failed(DOWN)) for at in range(700)]
    titles = story(*cycles, *((1400 + at * 2, done()) for at in range(20)))
    said = [title for title in titles if title]
    assert said[0] == "8 of 9 cycles failed"
    assert set(said[:-1]) == {each for each in said if each.endswith("cycles failed")}
    assert said[-1] == "works again"
    assert 20 < len(said[:-1]) <= 24, "once an hour"


def test_trouble_that_comes_and_goes_is_no_flood() -> None:
    refused = failed(Refused("the host key changed", "Compare it"))
    titles = story(*((minute, (refused, done())[minute % 2]) for minute in range(60)))
    assert [title for title in titles if title] == ["access to the node is refused", "works again"]


def test_another_trouble_is_told_at_once_and_the_end_of_all_once() -> None:
    damaged = failed(CheckpointError("it is broken", "Type: ordermonit recover"))
    refused = failed(Refused("the host key changed", "Compare it"))
    assert story((0, refused), (2, damaged), (4, done())) == [
        "access to the node is refused",
        "the checkpoint is refused",
        "works again",
    ]


def test_the_end_is_told_though_the_last_trouble_was_too_short_to_be_told() -> None:
    refused = failed(Refused("the host key changed", "Compare it"))
    assert story((0, refused), (2, failed(DOWN)), (4, done())) == [
        "access to the node is refused",
        None,
        "works again",
    ]


def test_a_cycle_that_was_stopped_proves_nothing() -> None:
    stopped = Ended(0, None, NOW)
    stopped.notes(Event.CYCLE_STOPPED, "", {})
    refused = failed(Refused("the host key changed", "Compare it"))
    assert story((0, refused), (2, stopped), (4, done()))[1:] == [None, "works again"]


def test_while_it_is_paused_nothing_bad_is_told_of_cycles_that_do_nothing() -> None:
    down = failed(Unavailable("Abacos is down", "Wait"))
    paused = Ended(Exit.OK, None, NOW)
    paused.notes.tally[Event.CYCLE_PAUSED] += 1
    assert story((0, down), (20, down), (100, paused), (200, paused), (300, done())) == [
        *(None, "down for 20 min", None, None, "works again"),
    ]


def test_a_clock_that_was_put_back_by_years_keeps_nobody_quiet() -> None:
    refused = failed(Refused("the host key changed", "Compare it"))
    assert story((0, refused), (-1_000_000, refused)) == ["access to the node is refused"] * 2


def test_a_clock_that_was_put_back_by_years_hides_no_downtime() -> None:
    minutes = (0, -1_000_000, -1_000_000 + 15)
    assert story(*((minute, failed(DOWN)) for minute in minutes))[-1] == "down for 15 min"


def test_the_memory_is_bounded_and_survives_its_file() -> None:
    at = NOW
    memory = Memory(
        Trouble(Exit.TEMPORARY, at, "downtime", "down", told=True, failed=6, good=1, good_since=at),
        {"75": at},
        {17: at},
        at,
        tuple(Unsent(Message(str(number), "body", at), ("a", "b")) for number in range(500)),
        {"a": 3},
    )
    read = decode(encode(memory))
    assert read == replace(memory, unsent=memory.unsent[-MOST_UNSENT:])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"trouble": 7, "told": {}, "unsent": []}',
        b'{"trouble": {"exit": 3, "since": "x"}, "told": {}, "unsent": []}',
        b'{"trouble": null, "told": {"75": "2026-01-01T00:00:00"}, "unsent": []}',
        b"[" * 100_000,
        b"\xff",
        b'{"trouble": null, "told": {}, "orders": {"x": "2026-01-01T00:00:00Z"}, "unsent": []}',
        b'{"trouble": null, "told": {}, "unsent": [{"title": 7, "body": "x",'
        b' "at": "2026-01-01T00:00:00Z", "is_good": true, "channels": ["a"]}]}',
        b'{"trouble": null, "told": {}, "unsent": [{"title": "x", "body": null,'
        b' "at": "2026-01-01T00:00:00Z", "is_good": true, "channels": ["a"]}]}',
    ],
)
def test_a_damaged_memory_is_an_empty_one(data: bytes) -> None:
    assert decode(data) == Memory()


def test_a_command_in_an_alert_can_be_typed_whatever_the_app_is_called() -> None:
    trouble = Trouble(77, NOW, "access is refused", "the host key changed")
    said = text.refused(trouble, "Order Monit Service", ALONE).text
    assert "journalctl -x -t 'Order Monit Service' -n 5" in said
    said = text.refused(trouble, "Order Monit Service", Shop("acme")).text
    assert "journalctl -x -t 'Order Monit Service' ORDERMONIT_SHOP=acme -n 5" in said
