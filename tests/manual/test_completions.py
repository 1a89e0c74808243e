"""The completions, tried in the shells themselves, found where `make install` puts them."""

import os
import pty
import shutil
import subprocess
import sys
from argparse import Action
from collections.abc import Callable
from pathlib import Path

import pytest

from ordermonit.arguments import parser
from tests.grammar import commands

COMMANDS = commands(parser())
CHOICES = [
    (name, action)
    for name, command in COMMANDS.items()
    for action in command._actions
    if action.option_strings and action.choices
]

#: The function that bash completes with, loaded by bash-completion when the first Tab is typed.
BASH = """
source /usr/share/bash-completion/bash_completion
_completion_loader ordermonit
[ $? = 124 ] || exit 1
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
$(complete -p ordermonit | sed 's/.* -F //; s/ .*//') 2>&1
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """What stands for /etc/ordermonit: one shop, and a file."""
    (tmp_path / "etc/acme").mkdir(parents=True)
    (tmp_path / "etc/acmon.yml").touch()
    return tmp_path / "etc"


@pytest.fixture
def with_shops(share: Path, etc: Path, tmp_path: Path) -> Path:
    """The completions, for these shops."""
    copied = shutil.copytree(share, tmp_path / "share")
    for file in copied.rglob("*ordermonit*"):
        if file.is_file():
            file.write_text(file.read_text().replace("/etc/ordermonit", str(etc)))
    return copied


@pytest.fixture
def environ(with_shops: Path, tmp_path: Path) -> dict[str, str]:
    """A user without any configuration; the shells look for completions in `share` too."""
    return {
        # fish completes only what can be run.
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "TERM": "xterm",
        "LC_ALL": "C.UTF-8",
        "XDG_DATA_DIRS": f"{with_shops}:/usr/share",
        "FPATH_FIRST": str(with_shops / "zsh/site-functions"),
    }


def by_bash(line: list[str], environ: dict[str, str]) -> set[str]:
    """What bash offers for the last word."""
    command = ["bash", "--norc", "--noprofile", "-c", BASH, "bash", "ordermonit", *line]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def by_fish(line: list[str], environ: dict[str, str]) -> set[str]:
    """What fish offers for the last word."""
    command = ["fish", "--private", "-c", f"complete -C '{' '.join(['ordermonit', *line])}'"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    return {offered.split("\t")[0] for offered in done.stdout.splitlines()}


@pytest.mark.parametrize("offered", [by_bash, by_fish])
def test_every_command_and_every_choice_is_offered(
    offered: Callable[[list[str], dict[str, str]], set[str]], environ: dict[str, str]
) -> None:
    assert offered([""], environ) == set(COMMANDS)
    assert offered(["--shop", ""], environ) == {"acme"}
    assert CHOICES
    for name, action in CHOICES:
        words = [name, action.option_strings[-1], ""]
        assert offered(words, environ) == choices(action), words


def choices(action: Action) -> set[str]:
    """The words that it takes."""
    return {str(each) for each in action.choices or ()}


#: What is typed, and what the shell then runs.
TYPED = {
    "sta\t": "status",
    "orders --st\tEX\t": "orders --status EXHAUSTED",
    "init --from\t": "init --from-start",
    "retry --ex\t": "retry --exhausted",
    "--conf\tsett\t status": "--config settings/ status",
    "--shop acm\t status": "--shop acme status",
    "import old-c\t": "import old-checkpoint",
}

#: How each shell is made to show what it would run.
BEGIN = {
    "bash": ["source /usr/share/bash-completion/bash_completion"],
    "zsh": ["fpath=($FPATH_FIRST $fpath)", "autoload -U compinit", "compinit -u -D"],
}
OPTIONS = {"bash": ["--norc", "--noprofile", "-i"], "zsh": ["-f", "-i"]}


@pytest.mark.parametrize("shell", BEGIN)
def test_what_is_typed_is_completed(shell: str, environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "settings").mkdir()
    for file in ("sett.txt", "old-checkpoint"):
        (tmp_path / file).touch()
    runs = tmp_path / "runs"
    lines = [*BEGIN[shell], f'ordermonit() {{ echo "$*" >>{runs}; }}', f"cd {tmp_path}"]
    lines += [f"ordermonit {typed}" for typed in TYPED]
    at_the_keyboard(shell, "".join(f"{line}\n" for line in [*lines, "exit"]), environ)
    # zsh takes the slash away again where a blank follows it.
    done = [line.replace("settings/", "settings") for line in runs.read_text().splitlines()]
    assert done == [each.replace("settings/", "settings") for each in TYPED.values()]


def at_the_keyboard(shell: str, keys: str, environ: dict[str, str]) -> None:
    """Type that in an interactive shell, to its end."""
    program = shutil.which(shell)
    assert program is not None
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(program, [shell, *OPTIONS[shell]], environ)
    try:
        os.write(terminal, keys.encode())
        # What it shows has to be read, or it would wait; at its end the terminal is gone.
        while os.read(terminal, 10_000):
            pass
    except OSError:
        pass
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)
