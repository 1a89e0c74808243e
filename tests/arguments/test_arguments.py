"""The command line's grammar and its help."""

from argparse import ArgumentParser
from importlib import import_module

import pytest

from ordermonit.arguments import parser
from ordermonit.errors import Exit, UsageError
from ordermonit.orders.model import Status
from tests.grammar import commands

SCREEN = (24, 80)
TOP = parser()
COMMANDS = commands(TOP)


@pytest.mark.parametrize("each", [TOP, *COMMANDS.values()], ids=["top", *COMMANDS])
def test_every_help_fits_a_screen_and_shows_an_example(
    each: ArgumentParser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(SCREEN[1]))
    lines = each.format_help().splitlines()
    assert len(lines) <= SCREEN[0]
    assert max(len(line) for line in lines) <= SCREEN[1]
    assert [line for line in lines if line.startswith("example: ")] == lines[-1:]
    assert all(action.help for action in each._actions if action.option_strings)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_json(name: str) -> None:
    assert any("--json" in action.option_strings for action in COMMANDS[name]._actions)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_top_help_has_a_line_for_every_command(name: str) -> None:
    rows = [line.split(maxsplit=1) for line in TOP.format_help().splitlines()[3:]]
    listed = rows[: rows.index([])]
    assert [len(row) for row in listed if row[0] == name] == [2]


@pytest.mark.parametrize("code", Exit)
def test_the_top_help_has_every_exit_code(code: Exit) -> None:
    text = TOP.format_help()
    assert f" {int(code)} " in text[text.index("exit codes:") :]


def test_the_top_help_has_every_option_of_its_own() -> None:
    text = TOP.format_help()
    for option in ("--shop SHOP", "--config DIR", "--state DIR", "--version", "--help"):
        assert option in text


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_the_function_that_carries_it_out(name: str) -> None:
    run = COMMANDS[name].get_default("run")
    assert callable(getattr(import_module(f"ordermonit.commands.{run.module}"), run.function))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_is_right(name: str) -> None:
    example = COMMANDS[name].format_help().splitlines()[-1].removeprefix("example: ")
    program, *words = example.split()
    assert program == "ordermonit"
    assert words[0] == name
    TOP.parse_args(words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["orders", "--status", "bad"], "'bad' is none of SUCCESS, FAILED, PAYMENT_PENDING, EXH"),
        (["retry", "--reason", "bored"], "'bored' is none of OK, NOT_FOUND, REJECTED"),
        (["head", "--set", "1e3"], "'1e3' is no id: a whole number"),
        (["rescan", "--from", "9" * 39], "is no id: a whole number of at most 38 digits"),
    ],
)
def test_a_wrong_word_is_answered_with_what_is_right(words: list[str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        TOP.parse_args(words)
    assert said in str(caught.value)


@pytest.mark.parametrize("word", ["EXHAUSTED", "exhausted"])
def test_a_status_is_taken_in_upper_and_lower_case(word: str) -> None:
    assert TOP.parse_args(["orders", "--status", word]).status == [Status.EXHAUSTED]


def test_a_wrong_word_is_one_line_with_where_to_look() -> None:
    with pytest.raises(UsageError) as raised:
        TOP.parse_args(["orders", "--status", "GONE"])
    expected = f"wrong command line: argument --status: 'GONE' is none of {', '.join(Status)}"
    assert str(raised.value) == f"{expected}. Type: ordermonit orders --help"
