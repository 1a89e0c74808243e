"""A checkpoint's way to the standby: one command there, which reads it, checks it and keeps it.

The connection is the node's own code, with the same key and known hosts. Only the standby's own
word for this very checkpoint counts (rule C5). Without a checkpoint it says how it stands.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ordermonit.errors import Unavailable
from ordermonit.node import ssh
from ordermonit.node.channel import Channel, Ended
from ordermonit.node.hops import Hop
from ordermonit.node.wire import Garbage
from ordermonit.text import one_line

if TYPE_CHECKING:
    from ordermonit.configuration import Jump
    from ordermonit.configuration import Node as Settings

#: What is asked for there, as it is typed where there is one shop. A forced command runs instead,
#: and sees whose copy it is to be.
COMMAND = "ordermonit receive"

#: How the line begins in which a standby says how it stands.
GREETING = '{"ordermonit": '


@dataclass(frozen=True, slots=True)
class _Talk:
    """What is run and sent there, how the line begins that is the answer, and what there is to say
    when none comes."""

    command: str
    data: bytes
    answer: bytes
    failed: str


def send(
    settings: Settings, standby: Jump, command: str, data: bytes, answer: str, seconds: float
) -> None:
    """Have the standby keep this checkpoint, in so many seconds at most; then it says `answer`.

    `settings` are the node's: its key and its known hosts. Raises Unavailable, Refused and
    ConfigurationError.
    """
    talk = _Talk(command, data, answer.encode(), "did not keep the copy")
    _run(settings, standby, talk, seconds)


def ask(settings: Settings, standby: Jump, command: str, seconds: float) -> str:
    """What the standby says of itself where it gets no checkpoint. Raises as `send` does."""
    talk = _Talk(command, b"", GREETING.encode(), "did not say how it stands")
    return _run(settings, standby, talk, seconds).decode("utf-8", "replace")


def _run(settings: Settings, standby: Jump, talk: _Talk, seconds: float) -> bytes:
    username = standby.username or "ordermonit"
    hop = Hop(username, standby.host.lower(), standby.port, "standby")
    # Half of the time for the connection: who is let in and hears nothing is to be told so.
    reached = replace(settings, connect_timeout=seconds / 2, task_timeout=seconds)
    runner = asyncio.Runner()
    try:
        return runner.run(_have(reached, hop, talk, seconds))
    finally:
        # As in session.py: closing would wait for a name server.
        runner.get_loop().set_default_executor(ThreadPoolExecutor())
        runner.close()


async def _have(settings: Settings, hop: Hop, talk: _Talk, seconds: float) -> bytes:
    channel = Channel()
    link = None
    try:
        async with asyncio.timeout(seconds):
            link = await ssh.start(settings, talk.command, channel, (hop,))
            channel.write(talk.data)
            channel.end()
            return await _answer(channel, talk, hop)
    except (TimeoutError, OSError, Garbage) as odd:
        is_late = isinstance(odd, TimeoutError)
        how = f"{talk.failed} within {seconds:g} s" if is_late else f"{talk.failed}: {odd}"
        raise Unavailable(f"{hop} {how}", f"Look at the load and the disk of {hop.host}") from None
    finally:
        if link is not None:
            link.connection.abort()
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await link.connection.wait_closed()


async def _answer(channel: Channel, talk: _Talk, hop: Hop) -> bytes:
    """The standby's own word. Raises Unavailable."""
    try:
        while not (line := await channel.line()).startswith(talk.answer):
            pass  # a login script's
        return line
    except Ended as end:
        said = channel.last_words().removeprefix("ordermonit: ")
        if not said:
            said = f"it ended without a word (status {end.status})"
        raise Unavailable(
            f"{hop} {talk.failed}: {one_line(said)}",
            f"To see how it stands, type on {hop.host}: ordermonit status",
        ) from None
