"""Root works in a directory of somebody else, who can put links there: nothing of root's is led."""

import json
import os
import pwd
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml

from ordermonit.orders.gaps import Moment
from ordermonit.state.pause import Pause
from tests.parts import outsider
from tests.parts.place import Place
from tests.parts.processes import free_port

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")

DATA = Path(__file__).parents[1] / "data"

#: Runs commands, each in a process of its own that has everything imported already.
_COMMANDS = """\
import json, os, sys
import ordermonit.commands.beginning, ordermonit.commands.changes, ordermonit.commands.check
import ordermonit.commands.cycle, ordermonit.commands.head, ordermonit.commands.pausing
import ordermonit.commands.rescan, ordermonit.commands.show, ordermonit.commands.status
from ordermonit.cli import main
for line in sys.stdin:
    words, output = json.loads(line)
    if not (child := os.fork()):
        for number in (1, 2):
            os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
        code = main(words)
        sys.stdout.flush()
        os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

FILES = (
    *("lock", "checkpoint", "checkpoint.new", "checkpoint.previous", "checkpoint.spare"),
    *("checkpoint.damaged", "paused", "paused.new", "cycles", "cycles.new", "alerts", "alerts.new"),
    "ordermonit.output",
)
CHANGED = ("lock", "checkpoint", "checkpoint.new")


@dataclass(frozen=True, slots=True)
class Typed:
    """A command, and the links for which it ends with 74. It needs a `damaged` checkpoint, or
    `none`. Two in a row: a name goes from file to file."""

    words: str
    refused: tuple[str, ...]
    checkpoint: str = "good"
    times: int = 1
    config: str = "config"


TYPED = (
    Typed("pause", ("lock", "paused", "paused.new")),
    Typed("resume", ("lock", "paused")),
    Typed("retry --exhausted", CHANGED),
    Typed("dismiss 1001002 --because fraud", CHANGED),
    Typed("rescan --from 1 --to 2", (*CHANGED, *FILES[3:5]), times=2),
    Typed("head --set 3 --yes", CHANGED),
    Typed("init --latest", ("lock", "checkpoint.new"), "none"),
    Typed("import {}/former", ("lock", "checkpoint.new"), "none"),
    Typed("recover", (*CHANGED, "checkpoint.previous"), "damaged"),
    Typed("cycle", ("lock", "paused", "cycles.new")),
    Typed("cycle", ("lock", "paused", "checkpoint"), config="down"),
    Typed("cycle --dry-run", ("checkpoint", "paused")),
    Typed("status", ("checkpoint",)),
    Typed("orders", ("checkpoint",)),
    Typed("show 1001002", ("checkpoint",)),
    Typed("head", ("checkpoint",)),
    Typed("check state", FILES),
)


class Shared:
    """A state directory of another user's in a place that they can enter, and root at work."""

    def __init__(self, directory: Path, root: "subprocess.Popen[str]") -> None:
        directory.chmod(0o755)
        self.directory, self._root = directory, root
        self.mine = directory / "mine"
        self.state = directory / "state"
        self.owner = pwd.getpwnam("nobody").pw_uid
        config = directory / "config"
        config.mkdir()
        self.place = Place(config)
        shutil.copytree(config / "state", directory / "good")
        (config / "process.yml").write_text("log_output: true\n")
        shutil.copytree(config, directory / "down")
        (directory / "down/alerts.yml").write_text("channels: ['json://127.0.0.1:1/']\n")
        database = {"adapter": "mysql", "host": "127.0.0.1", "port": free_port(), "database": "a"}
        (directory / "down/database.yml").write_text(yaml.safe_dump(database | {"username": "a"}))
        shutil.copy(DATA / "checkpoint-6-columns", directory / "former")
        (directory / "former").chmod(0o600)

    def begin(self, typed: Typed) -> None:
        """As the service leaves it: paused where the database is up, with such a checkpoint."""
        shutil.rmtree(self.state, ignore_errors=True)
        shutil.copytree(self.directory / "good", self.state)
        if typed.config != "down":
            now = Moment(datetime.now(UTC), 0.0)
            (self.state / "paused").write_bytes(Pause("oncall", now).encode())
            (self.state / "paused").chmod(0o600)
        file = self.state / "checkpoint"
        if typed.checkpoint == "damaged":
            shutil.copy(file, self.state / "checkpoint.previous")
            file.write_bytes(file.read_bytes()[:-9])
        elif typed.checkpoint == "none":
            file.unlink()
        self.give()

    def give(self) -> None:
        """The directory and all in it is theirs."""
        self.state.chmod(0o700)
        for file in (self.state, *self.state.iterdir()):
            os.chown(file, self.owner, self.owner, follow_symlinks=False)

    def link(self, name: str) -> None:
        """Their link to a file of root's in the place of one of ours."""
        self.mine.unlink(missing_ok=True)
        self.mine.write_text("root's\n")
        self.mine.chmod(0o600)
        (self.state / name).unlink(missing_ok=True)
        (self.state / name).symlink_to(self.mine)
        self.give()

    @property
    def is_led(self) -> bool:
        """Whether the file of root's has changed."""
        found = self.mine.stat()
        now = (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, self.mine.read_text())
        return now != (0o600, 0, 0, "root's\n")

    def type(self, words: str, config: str = "config") -> tuple[int, str]:
        """Root types a command: its exit code, and what it printed."""
        output = self.directory / "output"
        output.unlink(missing_ok=True)
        places = ["--config", str(self.directory / config), "--state", str(self.state)]
        command = [*places, *words.format(self.directory).split()]
        assert self._root.stdin is not None
        assert self._root.stdout is not None
        print(json.dumps([command, str(output)]), file=self._root.stdin, flush=True)
        return int(self._root.stdout.readline()), output.read_text()


@pytest.fixture(scope="module")
def shared() -> Iterator[Shared]:
    """All cases share one process and one place."""
    with (
        TemporaryDirectory() as directory,
        outsider.opened("root") as begins,
        subprocess.Popen(
            [*begins, sys.executable, "-c", _COMMANDS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"PATH": os.environ["PATH"], "HOME": "/root", "USER": "oncall"},
        ) as root,
    ):
        yield Shared(Path(directory), root)
        root.communicate()


@pytest.mark.parametrize("typed", TYPED, ids=lambda typed: f"{typed.words} {typed.config}")
def test_a_link_in_the_place_of_a_file_is_an_error_and_is_not_followed(
    shared: Shared, typed: Typed
) -> None:
    wrong = {}
    for name in FILES:
        shared.begin(typed)
        shared.link(name)
        for _ in range(typed.times):
            code, said = shared.type(typed.words, typed.config)
        refused = code == 74 and "symbolic link" in said and f"type: rm {shared.state}" in said
        if shared.is_led or str(shared.mine) in said or refused != (name in typed.refused):
            wrong[name] = (shared.is_led, code, said)
    assert not wrong


@pytest.mark.parametrize("owner", [pwd.getpwnam("nobody").pw_uid, 4242])
def test_what_root_leaves_there_is_its_owners_and_who_typed_it_is_told(
    shared: Shared, monkeypatch: pytest.MonkeyPatch, owner: int
) -> None:
    monkeypatch.setattr(shared, "owner", owner)
    for typed in TYPED:
        shared.begin(typed)
        code, said = shared.type(typed.words, typed.config)
        assert code == (75 if typed.config == "down" else 0), said
        found = {file.name: file.lstat() for file in shared.state.iterdir()}
        assert {each.st_uid for each in found.values()} == {owner}, (typed, found)
        assert not [name for name, each in found.items() if each.st_mode & 0o007]
        if typed.words == "pause":
            assert "paused by oncall " in said
        if typed.config == "down":
            assert "alerts" in found


def test_root_is_told_what_the_services_user_may_not_read_and_how_to_open_it(
    shared: Shared,
) -> None:
    for closed in (shared.directory / "down/alerts.yml", shared.directory / "down"):
        shared.begin(Typed("alert --test", (), config="down"))
        closed.chmod(0o700)
        code, said = shared.type("alert --test", "down")
        assert (code, "alerts.yml: can't be read: Permission denied" in said) == (78, True), said
        remedy = re.search(r"If the service's user is nobody, first type as root: ([^;]+);", said)
        assert remedy is not None, said
        subprocess.run(remedy[1], shell=True, check=True)
        code, said = shared.type("alert --test", "down")
        assert (code, "channel 1 (json): FAILED: " in said) == (75, True), said
