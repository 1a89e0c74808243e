"""Messages on their way to each channel, and what of a failure may be said."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ordermonit.configuration.alerts import Alerts
from ordermonit.reports.alerts import outbox
from ordermonit.reports.alerts.causes import cause, is_for_good
from ordermonit.reports.alerts.memory import Memory, Message
from ordermonit.reports.alerts.outbox import Outcome
from ordermonit.reports.alerts.sender import _without_secrets

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
ALERTS = Alerts(channels=("json://hook/",))


def test_each_channel_gets_each_message_once_and_one_letter_a_cycle() -> None:
    first, second = Message("one", "ONE", NOW), Message("two", "TWO", NOW + timedelta(hours=1))
    memory = outbox.with_message(Memory(), first, ["a", "b"])
    memory, _ = outbox.delivered(memory, {"a": Outcome(), "b": Outcome("no route")}, "ab", NOW)
    memory = outbox.with_message(memory, second, ["a", "b"])
    letters = outbox.letters(memory.unsent, second.at)
    assert letters["a"] == second
    assert letters["b"].title == "two"
    late = "From 2026-03-01T03:00:00Z, not sent until now:\none\nONE"
    assert letters["b"].body == f"TWO\n\n{late}"
    both = {"a": Outcome(), "b": Outcome()}
    assert outbox.delivered(memory, both, "ab", NOW) == (Memory(), [])


def test_who_refuses_for_good_gets_it_no_more_and_the_others_are_told() -> None:
    memory = outbox.with_message(Memory(), Message("monit: one", "ONE", NOW), ["a", "b"])
    memory, _ = outbox.delivered(memory, {"a": Outcome()}, "ab", NOW)
    refused = {"b": Outcome("error=400", is_refused=True)}
    for _ in range(outbox.MOST_REFUSALS - 1):
        memory, dropped = outbox.delivered(memory, refused, "ab", NOW)
        assert not dropped
    for _ in range(20):  # who can't be reached is tried for as long as it takes
        memory, dropped = outbox.delivered(memory, {"b": Outcome("no route")}, "ab", NOW)
        assert not dropped
    memory, dropped = outbox.delivered(memory, refused, "ab", NOW)
    assert dropped == [outbox.Dropped("b", "monit: one", "error=400")]
    letters = outbox.letters(memory.unsent, NOW)
    assert [*letters] == ["a"]
    assert letters["a"].title == "monit: b refuses alerts"
    assert "(monit: one): error=400" in letters["a"].body
    assert memory.refusals == {}


def test_a_letter_fits_every_channel_in_bytes_and_keeps_its_beginning() -> None:
    text = "é" * outbox.LONGEST
    assert outbox.cut("short") == "short"
    assert len(outbox.cut(text).encode()) <= outbox.LONGEST < 4096
    assert outbox.cut(text).endswith("é…")


def test_what_waits_for_a_channel_that_is_gone_is_dropped() -> None:
    memory = outbox.with_message(Memory(), Message("one", "ONE", NOW), ["a"])
    assert outbox.with_message(memory, None, ["b"]) == Memory()


def test_a_channel_s_name_tells_nothing_of_its_url() -> None:
    urls = ("slack://TokenA/TokenB", "mailto://me:geheim@shop")
    mail = replace(ALERTS, channels=urls, smtp={"address": "x"}, subscribers=frozenset({"a@b"}))
    named = ["channel 1 (slack)", "channel 2 (mailto)", "mail to a@b"]
    assert list(outbox.channels(mail)) == named


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


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        ("[Errno -2] Name or service not known", "unknown host"),
        ("(535, b'5.7.8 bad credentials')", "wrong user name or password: 535 5.7.8 bad cred"),
        ("STARTTLS extension not supported by server.", "it has no STARTTLS"),
        (
            "[SSL: X] certificate verify failed: self-signed certificate (_ssl.c:992)",
            "its certificate is not trusted: self-signed certificate",
        ),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "it does not speak TLS there"),
        ("HTTPConnectionPool(): Read timed out. (read timeout=4)", "no answer in time"),
    ],
)
def test_what_libraries_say_is_said_in_words(said: str, meaning: str) -> None:
    for is_ours in (True, False):
        assert (cause(said, is_ours=is_ours) or "").startswith(meaning)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Failed to send Discord notification: Bad request., error=400.", True),
        ("Failed to send JSON notification: error=302.", True),
        ("Failed to send Discord notification: Too many requests, error=429.", False),
        ("Failed to send JSON notification: error=503.", False),
        ("(550, b'no such user')", True),
        ("(451, b'later')", False),
        ("[Errno 111] Connection refused", False),
    ],
)
def test_a_refusal_is_told_from_an_outage(said: str, expected: bool) -> None:
    assert is_for_good(said) is expected
