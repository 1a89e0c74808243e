"""The node of these tests."""

import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ordermonit.configuration import Node as Settings
from ordermonit.node import wire
from tests.node.home import Home
from tests.node.place import SOON
from tests.node.remote import CHECKS, TASKS, pids, rails_root
from tests.parts.processes import private_directory
from tests.parts.sshd import Sshd


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small rails_root of its own."""
    return rails_root(tmp_path / "app")


@pytest.fixture(scope="module")
def sshd() -> Iterator[Sshd]:
    with Sshd() as server:
        yield server


@pytest.fixture
def settings(sshd: Sshd, tmp_path: Path) -> Iterator[Settings]:
    root = rails_root(tmp_path / "app")
    yield Settings(
        host="127.0.0.1",
        port=sshd.port,
        username=sshd.username,
        rails_root=str(root),
        private_key=sshd.key,
        known_hosts=sshd.known_hosts,
        rake=shutil.which("rake") or "rake",
        tasks=TASKS,
        checks=CHECKS,
        connect_timeout=SOON,
        task_timeout=60,
        lock_file="lock",
    )
    for pid in pids(root) if (root / "pids").exists() else ():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def home() -> Iterator[Home]:
    """A home in which a booted process may stay."""
    home = Home(private_directory("home"))
    yield home
    home.kill()
    shutil.rmtree(home.directory)


@pytest.fixture
def constants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets constants of warm.rb."""

    def set_constants(**values: int) -> None:
        files = []
        for file in wire._DRIVER:
            text = file.read_text()
            for name, value in values.items():
                text = re.sub(
                    rf"^  {name} += .*?(?= *#|$)", f"  {name} = {value}", text, flags=re.M
                )
            files.append(tmp_path / file.name)
            files[-1].write_text(text)
        monkeypatch.setattr(wire, "_DRIVER", tuple(files))

    return set_constants
