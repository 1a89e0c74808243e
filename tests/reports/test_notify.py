"""What systemd is told: the datagrams of sd_notify(3), on a real socket."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ordermonit.configuration import load
from ordermonit.node import rake as node
from ordermonit.reports import notify
from ordermonit.reports.progress import GRACES, patience, to_systemd

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture(params=["/", "@"], ids=["path", "abstract"])
def manager(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[socket.socket]:
    """A socket as systemd has it."""
    name = f"{tmp_path}/notify" if request.param == "/" else f"@ordermonit-test{tmp_path}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name[1:]}" if name[0] == "@" else name)
        listening.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        yield listening


def test_progress_is_told_with_more_time(manager: socket.socket) -> None:
    to_systemd(2.5)(2, 5, "order 1001234: insert_order")
    assert manager.recv(4096) == b"STATUS=order 1001234: insert_order (3/5)"
    assert manager.recv(4096) == b"EXTEND_TIMEOUT_USEC=2500000"


def test_a_status_is_one_line_of_bounded_length(manager: socket.socket) -> None:
    notify.status("one\nMAINPID=1\ttwo " + "\u00e9" * 5000)
    told = manager.recv(8192)
    assert told.startswith("STATUS=one MAINPID=1 two \u00e9".encode())
    assert len(told) < 4096


@pytest.mark.parametrize("address", ["", "/nowhere/notify", "vsock:2:1", "@nobody-listens"])
def test_nobody_who_listens_is_no_problem(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    notify.status("well")
    notify.extend(1)


def test_the_graces_of_one_operation_are_part_of_the_patience() -> None:
    spent = node.CLOSE_LIMIT + node.LOCK_WAIT + node.GRACE + node.GRACE
    assert spent + 10 <= GRACES


def test_a_wait_for_what_is_down_is_no_hang() -> None:
    configuration = load(CONFIG)
    steps = configuration.service.downtime_wait + 3 * configuration.node.task_timeout
    assert patience(configuration) > steps
