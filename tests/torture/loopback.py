"""A line to the node without SSH: the same driver in the same rake, over a pair of sockets.

A login takes longer than all the rest of a cycle. Where a point is no call to the node, it makes no
difference: while the program is at a file, no task runs; at most a question is on its way.
"""

import asyncio
import os
import shlex
import socket
from collections.abc import Mapping
from typing import Any, Self, cast

from ordermonit.configuration import Node as Settings
from ordermonit.node import ssh
from ordermonit.node.channel import Channel


def through(server: str) -> None:
    """From now on this process reaches its node through server.rb at this socket."""

    async def start(settings: Settings, command: str, session: Channel) -> _Connection:
        words = shlex.split(command)
        rake = words[words.index("-E") : words.index("||")]
        environment = os.environ | settings.environment
        end = _begun(server, rake, environment, settings.rails_root)
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: _Connection(session), sock=end
        )
        return connection

    ssh.start = start  # type: ignore[assignment]


def _begun(
    server: str, words: list[str], environment: Mapping[str, str], directory: str
) -> socket.socket:
    """Our end of a new session's streams."""
    ours, theirs = socket.socketpair()
    with theirs, open(os.devnull, "wb") as nowhere, socket.socket(socket.AF_UNIX) as door:
        door.connect(server)
        for stream in (theirs, theirs, nowhere):
            socket.send_fds(door, [b"."], [stream.fileno()])
        pairs = [f"{name}={value}" for name, value in environment.items()]
        parts = ("\0".join(part) for part in (words, pairs, [directory]))
        door.sendall("\1".join(parts).encode() + b"\2")
    return ours


class _Connection(asyncio.Protocol):
    """What `rake.py` needs of a link and its connection, and asyncssh's channel to `Channel`."""

    lost = None

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._closed = asyncio.Event()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The session has begun."""
        self._transport = cast(asyncio.Transport, transport)
        self._channel.connection_made(cast(Any, transport))

    def data_received(self, data: bytes) -> None:
        """Its stdout."""
        self._channel.data_received(data, None)

    def connection_lost(self, problem: Exception | None) -> None:
        """It has ended."""
        self._channel.connection_lost(problem)
        self._closed.set()

    @property
    def connection(self) -> Self:
        """It is both."""
        return self

    def close(self) -> None:
        """No more requests: rake ends in order."""
        assert self._transport is not None
        if not self._transport.is_closing():
            self._transport.write_eof()

    def abort(self) -> None:
        """The end at once."""
        assert self._transport is not None
        self._transport.abort()

    async def wait_closed(self) -> None:
        """Until rake has ended."""
        await self._closed.wait()
