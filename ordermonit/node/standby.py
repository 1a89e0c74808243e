"""A checkpoint's way to the standby: one command there, which reads it, checks it and keeps it.

The connection is the node's own code, with the same key and known hosts. Only the standby's own
word for this very checkpoint counts (rule C5).
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from ordermonit.errors import Unavailable
from ordermonit.node import ssh
from ordermonit.node.channel import Channel, Ended
from ordermonit.node.hops import Hop
from ordermonit.text import one_line

if TYPE_CHECKING:
    from ordermonit.configuration import Jump
    from ordermonit.configuration import Node as Settings

#: Without a forced command this is what runs there.
COMMAND = "ordermonit receive"


def send(settings: Settings, standby: Jump, data: bytes, answer: str, seconds: float) -> None:
    """Have the standby keep this checkpoint, in so many seconds at most; then it says `answer`.

    `settings` are the node's: its key and its known hosts. Raises Unavailable, Refused and
    ConfigurationError.
    """
    username = standby.username or "ordermonit"
    hop = Hop(username, standby.host.lower(), standby.port, "standby")
    # Half of the time for the connection: who is let in and hears nothing is to be told so.
    reached = replace(settings, connect_timeout=seconds / 2, task_timeout=seconds)
    runner = asyncio.Runner()
    try:
        runner.run(_send(reached, hop, (data, answer.encode()), seconds))
    finally:
        # As in session.py: closing would wait for a name server.
        runner.get_loop().set_default_executor(ThreadPoolExecutor())
        runner.close()


async def _send(settings: Settings, hop: Hop, words: tuple[bytes, bytes], seconds: float) -> None:
    data, answer = words
    channel = Channel()
    link = None
    try:
        async with asyncio.timeout(seconds):
            link = await ssh.start(settings, COMMAND, channel, (hop,))
            channel.write(data)
            channel.end()
            await _kept(channel, answer, hop)
    except (TimeoutError, OSError) as late:
        how = f"took no copy within {seconds:g} s" if isinstance(late, TimeoutError) else str(late)
        raise Unavailable(f"{hop} {how}", f"Look at the load and the disk of {hop.host}") from None
    finally:
        if link is not None:
            link.connection.abort()
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await link.connection.wait_closed()


async def _kept(channel: Channel, answer: bytes, hop: Hop) -> None:
    """Return once the standby has said that it has it. Raises Unavailable."""
    try:
        while await channel.line() != answer:
            pass  # a login script's
    except Ended as end:
        said = channel.last_words().removeprefix("ordermonit: ")
        if not said:
            said = f"it ended without a word (status {end.status})"
        raise Unavailable(
            f"{hop} did not keep the copy: {one_line(said)}",
            f"To see how it stands, type on {hop.host}: ordermonit status",
        ) from None
