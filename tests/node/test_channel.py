"""What is kept of the remote rake's output, and how its end is told."""

import asyncio
from typing import Any

import pytest

from ordermonit.node import channel
from ordermonit.node.channel import TAIL, Channel, Ended, complaint
from ordermonit.node.wire import LINE_LIMIT, Garbage

STDERR = 1


def opened() -> Channel:
    made = Channel()
    transport: Any = object()
    made.connection_made(transport)
    return made


def lines(made: Channel, count: int) -> list[bytes]:
    async def read() -> list[bytes]:
        return [await made.line() for _ in range(count)]

    return asyncio.run(read())


def test_lines_come_whole_however_they_were_cut() -> None:
    made = opened()
    for piece in (b"on", b"e\ntwo\nth", b"ree", b"\n"):
        made.data_received(piece, None)
    assert lines(made, 3) == [b"one", b"two", b"three"]


def test_a_line_before_the_end_still_counts() -> None:
    made = opened()
    made.data_received(b"one\nhalf", None)
    made.eof_received()
    made.exit_status_received(0)
    made.connection_lost(None)
    assert lines(made, 1) == [b"one"]
    with pytest.raises(Ended, match="ended with status 0") as end:
        lines(made, 1)
    assert end.value.status == 0


def test_the_end_is_told_by_its_cause() -> None:
    made = opened()
    made.exit_signal_received("KILL", False, "", "")
    made.connection_lost(None)
    with pytest.raises(Ended, match="ended by SIGKILL"):
        lines(made, 1)
    made = opened()
    made.connection_lost(OSError("Connection reset"))
    with pytest.raises(Ended, match="lost: Connection reset"):
        lines(made, 1)
    made = opened()
    made.connection_lost(None)
    with pytest.raises(Ended, match="the connection was closed"):
        lines(made, 1)
    assert not made.is_open


def test_a_child_that_keeps_the_channel_open_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(channel, "LEFTOVERS", 0.05)
    made = opened()
    made.exit_status_received(1)
    assert not made.is_open
    with pytest.raises(Ended, match="status 1"):
        lines(made, 1)


def test_an_endless_line_is_garbage_and_is_not_kept() -> None:
    made = opened()
    for _ in range(100):
        made.data_received(b"x" * 100_000, None)
    assert len(made._stdout) <= LINE_LIMIT
    with pytest.raises(Garbage, match="more than"):
        lines(made, 1)


def test_only_the_end_of_stderr_is_kept() -> None:
    made = opened()
    for number in range(10_000):
        made.data_received(b"line %d\n" % number, STDERR)
    assert len(made._stderr) <= TAIL
    assert made.last_words() == "line 9997 / line 9998 / line 9999"


def test_the_first_line_on_stderr_is_kept_too() -> None:
    made = opened()
    made.data_received(b"Could not find rack-2.2.9 in locally installed gems\n", STDERR)
    for number in range(10_000):
        made.data_received(
            b"\tfrom /usr/lib/bundler.rb:%d:in `run'\nline %d\n" % (2 * (number,)), STDERR
        )
    first = "Could not find rack-2.2.9 in locally installed gems"
    assert made.first_and_last_words() == f"{first} / … / line 9997 / line 9998 / line 9999"
    assert made.last_words() == "line 9997 / line 9998 / line 9999"


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (b"", ""),
        (b"a\n", "a"),
        (b"a\nb\nc\n", "a / b / c"),
        (b"a\nb\nc\nd\n", "a / b / c / d"),
        (b"\n a\nb\nc\nd\ne\n", "a / … / c / d / e"),
        (
            b"/a.rb:1:in `b': no gem x (Bundler::GemNotFound)\n\tfrom /c.rb:2:in `d'\n",
            "no gem x (Bundler::GemNotFound)",
        ),
        (b"/a.rb:1:in 'B#b': no x (C)\nDid you mean?  Ordermonit\n", "no x (C)"),
        (b"x\nrake aborted!\nLoadError: no\n/a.rb:1\n", "LoadError: no"),
    ],
)
def test_the_first_line_and_the_last_ones(output: bytes, said: str) -> None:
    made = opened()
    made.data_received(output, STDERR)
    assert made.first_and_last_words() == said


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (b"", ""),
        (b"\n \n", ""),
        (b"a\nb\n\nc\nd\n", "b / c / d"),
        (b"n\xe3o\n", "n\N{REPLACEMENT CHARACTER}o"),
        (b"x\nrake aborted!\nLoadError: no\n/a.rb:1\n/b.rb:2\n\n(See --trace)\n", "LoadError: no"),
        (b"rake aborted!", "rake aborted!"),
        (b"y" * 2 * TAIL, "y" * 2 * TAIL),
        (b"cut\n" + b"whole\n" * TAIL, "whole / whole / whole"),
    ],
)
def test_rakes_own_word_or_the_last_lines(output: bytes, said: str) -> None:
    assert complaint(output) == said
