"""The node of these tests."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ordermonit.configuration import Node as Settings
from tests.node.place import SOON
from tests.node.remote import CHECKS, TASKS, pids, rails_root
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
        rake="rake",
        tasks=TASKS,
        checks=CHECKS,
        connect_timeout=SOON,
        task_timeout=60,
        lock_file="lock",
    )
    for pid in pids(root) if (root / "pids").exists() else ():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
