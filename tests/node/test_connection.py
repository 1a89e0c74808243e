"""The way to the node over a real sshd: what every failure of it is called."""

import asyncio
import socket
import subprocess
import sys
import threading
import time
from asyncio.trsock import TransportSocket
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ordermonit.configuration import Node as Settings
from ordermonit.errors import Unavailable
from ordermonit.node.rake import Node
from ordermonit.node.session import Session
from ordermonit.orders.model import Request
from tests.node.place import (
    INSERT,
    SOON,
    at,
    opening_fails,
    run,
    server,
)
from tests.parts.processes import free_port, wait_until
from tests.parts.sshd import Sshd

# The way there


def test_nobody_listens(settings: Settings) -> None:
    problem = opening_fails(replace(settings, port=free_port()))
    assert type(problem) is Unavailable
    assert "Connect call failed" in problem.message or "refused" in problem.message


def test_no_such_host(settings: Settings) -> None:
    problem = opening_fails(replace(settings, host="no-such-host.invalid"))
    assert type(problem) is Unavailable
    assert "no-such-host.invalid" in problem.message


def test_a_name_server_that_says_nothing_is_not_waited_for(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: ended.wait())
    session = Session(replace(settings, host="node.shop.example", connect_timeout=0.5))
    try:
        with pytest.raises(Unavailable, match=r"node\.shop\.example"):
            session.answer(Request(INSERT, "1"))
        session.close()
        assert not ended.is_set()
    finally:
        ended.set()


def _silence(client: socket.socket) -> None:
    client.recv(1)


def _banner(client: socket.socket) -> None:
    while True:
        client.sendall(b"Welcome to the machine\r\n")
        time.sleep(0.01)


def _flood(client: socket.socket) -> None:
    while True:
        client.sendall(b"x" * 65536)


def _slam(client: socket.socket) -> None:
    client.close()


@pytest.mark.parametrize("behaviour", [_silence, _banner, _flood, _slam])
def test_what_is_no_ssh_server_is_down_in_time(
    settings: Settings, behaviour: Callable[[socket.socket], None]
) -> None:
    with server(behaviour) as port:
        started = time.monotonic()
        problem = opening_fails(replace(settings, port=port, connect_timeout=1))
        assert time.monotonic() - started < 3
    assert type(problem) is Unavailable
    assert f"127.0.0.1:{port}" in problem.message


def test_a_stopped_sshd_is_down_in_time(settings: Settings) -> None:
    with Sshd() as own:
        own.pause()
        problem = opening_fails(replace(at(settings, own), connect_timeout=1))
        own.resume()
    assert type(problem) is Unavailable
    assert "did not let us in within 1 s" in problem.message


def test_a_connection_that_gets_no_session_is_not_left_open(settings: Settings) -> None:
    with Sshd({"MaxSessions": "0"}) as own:
        node = Node(at(settings, own), "test")

        async def session() -> None:
            with pytest.raises(Unavailable, match="can't be reached"):
                await node.open()
            await asyncio.to_thread(wait_until, lambda: not own.sessions(), "its end", SOON)

        asyncio.run(session())


# The library


def test_asyncssh_starts_no_process_when_it_is_imported() -> None:
    program = """
import os, sys
sys.addaudithook(lambda event, _: event in ("subprocess.Popen", "os.posix_spawn", "os.fork",
    "os.exec", "os.system") and os._exit(3))
import ordermonit.node.rake
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_sshd_does_not_wait_for_a_late_acknowledgement(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: list[tuple[object, ...]] = []
    set_option = TransportSocket.setsockopt

    def recorded(socket: TransportSocket, *option: Any) -> None:
        options.append(option)
        set_option(socket, *option)

    monkeypatch.setattr(TransportSocket, "setsockopt", recorded)
    run(settings, "1")
    assert (socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1) in options
