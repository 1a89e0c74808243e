"""What is worth an alert, when again, and who has had it."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ordermonit.configuration.alerts import Alerts
from ordermonit.errors import CheckpointError, Exit, OrdermonitError, Refused, Unavailable
from ordermonit.orders.events import Event
from ordermonit.reports.alerts import outbox, text
from ordermonit.reports.alerts.decision import Sender, decide
from ordermonit.reports.alerts.memory import (
    MOST_HELD,
    MOST_UNSENT,
    Memory,
    Message,
    Trouble,
    Unsent,
    decode,
    encode,
)
from ordermonit.reports.alerts.sender import _without_secrets
from ordermonit.reports.notes import Ended, Note, Notes

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
ALERTS = Alerts(channels=("json://hook/",), missing_orders=3, downtime=900, quiet_period=3600)
SENDER = Sender("ordermonit", "monitor1")
DOWN = Unavailable("the node or Abacos is down: refused", "Nothing is lost")


def done(**notes: Iterable[str]) -> Ended:
    """A good cycle in which these numbers were given up (`exhausted`) or fell through."""
    kept = Notes()
    kept(Event.CYCLE_DONE, "", {})
    for number in notes.get("exhausted", ()):
        kept(Event.ORDER_EXHAUSTED, "", {"number": number, "error": f"no product {number}"})
    for number in notes.get("missing", ()):
        kept(Event.ORDER_MISSING, "", {"number": number, "attempt": 0})
    return Ended(0, None, NOW, kept)


def failed(problem: OrdermonitError) -> Ended:
    """A cycle that ended with this."""
    return Ended(problem.exit, problem, NOW)


def story(*cycles: tuple[float, Ended], alerts: Alerts = ALERTS) -> list[str | None]:
    """The titles of the messages of cycles at these minutes; None for a cycle without one."""
    memory = Memory()
    titles: list[str | None] = []
    for minute, ended in cycles:
        now = NOW + timedelta(minutes=minute)
        memory, message = decide(memory, ended, alerts, SENDER, now)
        memory = decode(encode(memory))
        prefix = "ordermonit on monitor1: "
        titles.append(None if message is None else message.title.removeprefix(prefix))
    return titles


def only(ended: Ended) -> Message:
    """The message of one cycle, after none."""
    _, message = decide(Memory(), ended, ALERTS, SENDER, NOW)
    assert message is not None
    return message


def test_a_good_cycle_says_nothing_and_leaves_nothing_to_remember() -> None:
    assert decide(Memory(), done(missing=["1", "2", "3"]), ALERTS, SENDER, NOW) == (Memory(), None)


def test_orders_that_were_given_up_are_one_message_with_their_errors_and_the_command() -> None:
    message = only(done(exhausted=["1004", "1007"]))
    assert message.title == "ordermonit on monitor1: 2 orders given up"
    assert "- order 1004: no product 1004\n- order 1007: no product 1007\n" in message.body
    assert message.body.endswith("type: ordermonit retry 1004 1007")
    assert not message.is_good


def test_a_hundred_orders_are_cut_to_a_list_and_one_command() -> None:
    message = only(done(exhausted=[str(number) for number in range(100)]))
    assert message.body.count("\n- order ") == 20
    assert "- and 80 more\n" in message.body
    assert message.body.endswith("type: ordermonit retry --exhausted")


def test_orders_given_up_in_a_quiet_period_come_together_at_its_end() -> None:
    titles = story(
        (0, done(exhausted=["1"])),
        (2, done(exhausted=["2"])),
        (4, done(exhausted=["3", "2"])),
        (58, done()),
        (60, done()),
        (62, done()),
    )
    assert titles == ["1 order given up", None, None, None, "2 orders given up", None]


def test_more_missing_orders_than_the_threshold_are_an_alert() -> None:
    assert story(
        (0, done(missing="123")), (2, done(missing="1234")), (4, done(missing="1234"))
    ) == [
        None,
        "4 orders fell through",
        None,
    ]
    quiet = replace(ALERTS, missing_orders=None)
    assert story((0, done(missing="123456789")), alerts=quiet) == [None]


def test_an_order_that_is_tried_again_is_not_missing_anew() -> None:
    notes = Notes()
    notes(Event.ORDER_MISSING, "", {"number": "1", "attempt": 2})
    assert notes.missing == []


def test_everything_of_a_cycle_is_one_message() -> None:
    message = only(done(exhausted=["9"], missing="1234"))
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
        Trouble(Exit.TEMPORARY, at, "downtime", "down", told=True),
        {"75": at},
        tuple(Note(str(number), "why") for number in range(500)),
        tuple(Unsent(Message(str(number), "body", at), ("a", "b")) for number in range(500)),
    )
    read = decode(encode(memory))
    assert (read.trouble, read.told) == (memory.trouble, memory.told)
    assert read.held == memory.held[-MOST_HELD:]
    assert read.unsent == memory.unsent[-MOST_UNSENT:]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"trouble": 7, "told": {}, "held": [], "unsent": []}',
        b'{"trouble": {"exit": 3, "since": "x"}, "told": {}, "held": [], "unsent": []}',
        b'{"trouble": null, "told": {"75": "2026-01-01T00:00:00"}, "held": [], "unsent": []}',
        b"[" * 100_000,
        b"\xff",
        b'{"trouble": null, "told": {}, "held": [["7", 7]], "unsent": []}',
        b'{"trouble": null, "told": {}, "held": [], "unsent": [{"title": 7, "body": "x",'
        b' "at": "2026-01-01T00:00:00Z", "is_good": true, "channels": ["a"]}]}',
        b'{"trouble": null, "told": {}, "held": [], "unsent": [{"title": "x", "body": null,'
        b' "at": "2026-01-01T00:00:00Z", "is_good": true, "channels": ["a"]}]}',
    ],
)
def test_a_damaged_memory_is_an_empty_one(data: bytes) -> None:
    assert decode(data) == Memory()


def test_each_channel_gets_each_message_once_and_one_letter_a_cycle() -> None:
    first, second = Message("one", "ONE", NOW), Message("two", "TWO", NOW + timedelta(hours=1))
    memory = outbox.with_message(Memory(), first, ["a", "b"])
    memory = outbox.taken(memory, frozenset({"a"}))
    memory = outbox.with_message(memory, second, ["a", "b"])
    letters = outbox.letters(memory.unsent, second.at)
    assert letters["a"] == second
    assert letters["b"].title == "two"
    late = "From 2026-03-01T03:00:00Z, when this could not be sent:\none\nONE"
    assert letters["b"].body == f"TWO\n\n{late}"
    assert outbox.taken(memory, frozenset({"a", "b"})) == Memory()


def test_what_waits_for_a_channel_that_is_gone_is_dropped() -> None:
    memory = outbox.with_message(Memory(), Message("one", "ONE", NOW), ["a"])
    assert outbox.with_message(memory, None, ["b"]) == Memory()


def test_a_channel_s_name_tells_nothing_of_its_url() -> None:
    named = outbox.named(["slack://TokenA/TokenB", "mailto://me:geheim@shop"])
    assert list(named) == ["channel 1 (slack)", "channel 2 (mailto)"]


@pytest.mark.parametrize(
    ("url", "problem", "said"),
    [
        ("slack://TokenA/TokenB/#shop", "TokenA/TokenB on shop: bad", "…/… on …: bad"),
        ("mailto://me:gehe%40im@mail.shop?to=x@y.de", "mail.shop: gehe@im?", "mail.shop: …?"),
        ("https://hc.shop/uuid-1?key=abc", "https://hc.shop/uuid-1?key=abc: 404", "…: 404"),
    ],
)
def test_no_problem_repeats_a_secret_of_the_url(url: str, problem: str, said: str) -> None:
    assert _without_secrets(problem, url) == said


def test_a_command_in_an_alert_can_be_typed_whatever_the_app_is_called() -> None:
    trouble = Trouble(77, NOW, "access is refused", "the host key changed")
    said = text.refused(trouble, "Order Monit Service").text
    assert "journalctl -x -t 'Order Monit Service' -n 5" in said
