"""A node over a real sshd, and what the tests of it have in common."""

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ordermonit.configuration import Node as Settings
from ordermonit.errors import OrdermonitError
from ordermonit.node.rake import Node
from ordermonit.orders.model import Answer, Operation, Request, Verdict
from tests.parts.sshd import Sshd

INSERT, EXISTS = Operation.INSERT_ORDER, Operation.ORDER_EXISTS
FIRST, SECOND = Request(EXISTS, "1"), Request(EXISTS, "2")
TASK = Request(INSERT, "1")
#: The version of Ruby that is to be found, where another one than this machine's is tried.
RUBY = os.environ.get("TESTS_RUBY")
YES, NO, DONE = Answer(Verdict.YES), Answer(Verdict.NO), Answer(Verdict.DONE)
#: Seconds within which a failure must be told that nothing but a deadline could delay.
SOON = 10


@asynccontextmanager
async def opened(settings: Settings, holder: str = "pid 7 on alpha") -> AsyncIterator[Node]:
    node = Node(settings, holder)
    await node.open()
    try:
        yield node
    finally:
        await node.close()


def run(settings: Settings, number: str, **options: Any) -> tuple[Answer, bool]:
    """The answer to one insertion in a session of its own, and whether that was still open."""

    async def session() -> tuple[Answer, bool]:
        async with opened(settings) as node:
            return await node.answer(Request(INSERT, number), **options), node.is_open

    return asyncio.run(session())


def opening_fails(settings: Settings) -> Any:
    """What `open` raises."""

    async def session() -> None:
        node = Node(settings, "test")
        try:
            await node.open()
        finally:
            assert not node.is_open
            await node.close()

    with pytest.raises(OrdermonitError) as caught:
        asyncio.run(session())
    return caught.value


def root_of(settings: Settings) -> Path:
    return Path(settings.rails_root)


READY = (
    '{"ordermonit":1,"ready":true,"ruby":"0","rake":"0","rails_env":null,"lock":"/l","tasks":{},'
    '"forks":true,"cause":true}'
)


def driver(settings: Settings, greeting: str, then: str) -> str:
    """A rake that plays the driver badly: greets, then does as the shell says."""
    script = root_of(settings) / "fake"
    script.write_text(f"#!/bin/sh\nread driver\nread hello\necho '{greeting}'\n{then}\n")
    script.chmod(0o755)
    return str(script)


def at(settings: Settings, own: Sshd) -> Settings:
    return replace(settings, port=own.port, private_key=own.key, known_hosts=own.known_hosts)


@contextmanager
def server(behaviour: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that does the same with every client, until it is gone."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                client, _ = listener.accept()
                with client:
                    behaviour(client)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
    thread.join(SOON)
