"""ordermonit(1) and ordermonit(5): without fault, complete, and with nothing that is not there."""

import os
import re
import subprocess
from argparse import Action
from dataclasses import MISSING
from pathlib import Path

import pytest
import yaml

from ordermonit.arguments import parser
from ordermonit.errors import Exit
from ordermonit.orders.model import Reason, Status
from ordermonit.state.directory import State
from tests.configuration.settings import Row, rows
from tests.grammar import commands
from tests.manual.conftest import ROOT

TOP = parser()
COMMANDS = commands(TOP)
PAGES = ("man/man1/ordermonit.1", "man/man5/ordermonit.5")

#: Every key of the files; `orders` is there by its parts.
KEYS = [row for row in rows() if row.name != "orders"]

#: Options of other programs that the pages show.
FOREIGN = {"--now"}


def read(page: Path) -> str:
    """The page as a terminal shows it, without bold and without its own line breaks."""
    shown = subprocess.run(
        ["mandoc", "-T", "utf8", "-O", "width=1000", page],
        capture_output=True,
        text=True,
        check=True,
    )
    return re.sub(".\b", "", shown.stdout)


@pytest.fixture(scope="session")
def program(share: Path) -> str:
    """ordermonit(1)."""
    return read(share / PAGES[0])


@pytest.fixture(scope="session")
def files(share: Path) -> str:
    """ordermonit(5)."""
    return read(share / PAGES[1])


def section(text: str, title: str) -> str:
    """From that title to the next one of its rank, which begins as far to the left or further."""
    start = re.search(rf"^( *){re.escape(title)}(?=\n|  )", text, re.M)
    assert start is not None, f"{title} is not in it"
    end = re.compile(rf"^ {{0,{len(start[1])}}}\S", re.M).search(text, start.end())
    return text[start.end() : end.start() if end else None]


@pytest.mark.parametrize("page", PAGES)
def test_mandoc_and_man_have_no_complaint(share: Path, page: str) -> None:
    file = str(share / page)
    environ = {**os.environ, "LC_ALL": "C.UTF-8", "MANPAGER": "cat"}
    for command in (["mandoc", "-T", "lint", "-W", "warning"], ["man", "--warnings", "-l"]):
        run = subprocess.run([*command, file], capture_output=True, text=True, env=environ)
        complaints = run.stderr if command[0] == "man" else run.stdout + run.stderr
        assert (run.returncode, complaints) == (0, ""), command


@pytest.mark.parametrize("page", PAGES)
def test_mandoc_likes_its_style_too(share: Path, page: str) -> None:
    command = ["mandoc", "-T", "lint", "-W", "style", str(share / page)]
    said = subprocess.run(command, capture_output=True, text=True)
    # Which other manuals are on this machine, and in its index, is not the page's matter.
    others = ("referenced manual not found", "outdated mandoc.db")
    lines = (said.stdout + said.stderr).splitlines()
    assert [line for line in lines if not any(each in line for each in others)] == []


def tags(action: Action) -> list[str]:
    """How an argument's entry can begin."""
    return list(action.option_strings[-1:]) or [str(action.metavar)]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_section_with_every_argument(program: str, name: str) -> None:
    text = section(program, name)
    description = (COMMANDS[name].description or "").replace("`", "")
    assert description
    assert description in " ".join(text.split())
    assert COMMANDS[name].format_help().splitlines()[-1].removeprefix("example: ") in text
    for action in COMMANDS[name]._actions:
        for tag in tags(action):
            if tag != "--help":
                assert re.search(rf"^ +{re.escape(tag)}( |$)", text, re.M), tag
        for choice in action.choices or ():
            assert re.search(rf"\b{choice}\b", text), choice


def test_the_options_of_the_top_are_there(program: str) -> None:
    text = section(program, "OPTIONS")
    for action in TOP._actions:
        for tag in action.option_strings:
            assert tag == "-h" or tag in text


def test_every_exit_code_is_there_and_no_other(program: str) -> None:
    found = re.findall(r"^ +(\d+) +\S", section(program, "EXIT STATUS"), re.M)
    assert [int(code) for code in found] == list(Exit)


def test_every_status_and_reason_is_there_and_no_other(program: str) -> None:
    text = section(program, "STATUSES")
    found = re.findall(r"^ +([A-Z_]+) ([A-Z_, ]+|as before)$", text, re.M)
    assert {status for status, _ in found} == set(Status)
    reasons = {each for _, reason in found for each in reason.split(", ")}
    assert reasons - {"as before"} == set(Reason)


def test_every_file_of_the_state_directory_is_there(program: str) -> None:
    text = section(program, "FILES")
    state = State(Path("/state"))
    places = [value for value in vars(state).values() if isinstance(value, Path)]
    names = {place.name for place in places if place.parent == state.directory}
    assert len(names) > 3
    for name in names | {"checkpoint.damaged"}:
        assert re.search(rf"^ +(\S+, )*{re.escape(name)}[, \n]", text, re.M), name


@pytest.mark.parametrize("row", KEYS, ids=lambda row: f"{row.file} {row.name}")
def test_every_key_is_there_with_its_line_its_type_and_its_default(files: str, row: Row) -> None:
    text = section(section(files, row.file), row.name.replace(".", ": "))
    said = " ".join(text.split())
    assert row.key.doc.replace("`", "")[1:] in said
    assert f"Type: {row.key.kind.expected}".replace("`", "") in said
    assert ("Required." in said) == (row.default is MISSING)
    if isinstance(row.default, bool | int | float):
        assert said.endswith(f"Default: {str(row.default).lower()}")
    elif row.default is None:
        assert said.endswith("Default: null")
    elif isinstance(row.default, str):
        assert said.endswith(f"Default: {row.default}")
    elif row.default is not MISSING:
        # A list or a mapping is shown as YAML.
        assert row.key.kind.accept(yaml.safe_load(text.split("Default:")[1])) == row.default


def test_every_sample_has_its_section(files: str) -> None:
    samples = sorted(sample.name for sample in (ROOT / "config").glob("*.yml"))
    assert re.findall(r"^   (\w+\.yml)$", files, re.M) == samples


@pytest.mark.parametrize("page", PAGES)
def test_nothing_stands_there_that_is_not_in_the_program(share: Path, page: str) -> None:
    text = read(share / page)
    lines = [line for line in text.splitlines() if re.match(r" +ordermonit [a-z]", line)]
    assert all(line.split()[1] in COMMANDS for line in lines)
    everything = [action for each in (TOP, *COMMANDS.values()) for action in each._actions]
    options = {option for action in everything for option in action.option_strings}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text)) <= options | FOREIGN


def test_the_pages_tell_the_prefix_of_the_installation(share: Path) -> None:
    # install.sh puts the prefix in the place of /usr/local.
    assert "/usr/local/share/doc/ordermonit" in (share / PAGES[0]).read_text()
