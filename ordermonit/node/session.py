"""The cycle's line to the node: opened at the first question, asked one thing at a time.

The cycle itself is plain sequential code; the event loop of asyncssh lives behind this door and is
imported only when it is opened (rule C2).
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from ordermonit.errors import SessionEnded
from ordermonit.orders.model import Answer, Request

if TYPE_CHECKING:
    from ordermonit.configuration import Node as Settings
    from ordermonit.node.rake import Node


class Session:
    """At most one connection and one remote rake at any time (rule C3)."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._runner = asyncio.Runner()
        self._stop = asyncio.Event()
        self._node: Node | None = None
        #: How each session began, "boot" or "warm", and the seconds until the node was ready.
        self.begun: list[tuple[str, float]] = []

    def stop(self) -> None:
        """Give the operation in hand its last seconds. Safe in a signal handler."""

        def stop() -> None:
            self._stop.set()
            if self._node is not None:
                self._node.stop()

        with suppress(RuntimeError):  # the loop is closed: the work is done already
            self._runner.get_loop().call_soon_threadsafe(stop)

    def answer(
        self,
        request: Request,
        behind: Iterable[Request] = (),
        late: Callable[[], None] | None = None,
    ) -> Answer:
        """The node's answer. Opens the session first, if there is none.

        `behind` are questions that travel behind it, since they may be wanted next. `late` is done
        when it takes longer than a second.

        Raises what `Node.open` raises: Unavailable, Refused, ConfigurationError; and SessionEnded
        when it follows from answers of a session that is over.
        """
        return self._runner.run(self._answer(request, behind, late))

    async def _answer(
        self, request: Request, behind: Iterable[Request], late: Callable[[], None] | None
    ) -> Answer:
        answer = asyncio.ensure_future(self._asked(request, behind))
        if late is not None:
            await asyncio.wait((answer,), timeout=1)
            if not answer.done():
                late()
        return await answer

    async def _asked(self, request: Request, behind: Iterable[Request]) -> Answer:
        node = await self._opened(request)
        if request.is_task or not node.is_next(request):
            await node.drain()  # what ends with a question before it is not this one's
            node = await self._opened(request)
        return await node.answer(request, behind)

    async def _opened(self, request: Request) -> Node:
        from ordermonit.node.rake import Node

        if self._node is not None and self._node.is_open:
            return self._node
        if request.follows:
            raise SessionEnded(
                "the session on the node ended in the middle of an order",
                "Nothing is lost: the order is looked at again",
            )
        await self._leave()
        self._node = node = Node(self._settings, f"pid {os.getpid()} on {socket.gethostname()}")
        if self._stop.is_set():
            node.stop()
        started = time.monotonic()
        await node.open()
        is_warm = node.ready is not None and node.ready.kept is not None
        self.begun.append(("warm" if is_warm else "boot", time.monotonic() - started))
        return node

    async def _leave(self) -> None:
        node, self._node = self._node, None
        if node is not None:
            await node.close()

    @property
    def rails_env(self) -> str | None:
        """RAILS_ENV as the newest session's node sees it; None where nothing says it."""
        ready = None if self._node is None else self._node.ready
        return None if ready is None else ready.rails_env

    def leave(self) -> None:
        """End the remote rake and the connection; the next question opens new ones."""
        self._runner.run(self._leave())

    def pause(self, seconds: float) -> None:
        """Wait, or less if the cycle is to stop."""

        async def wait() -> None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), seconds)

        self._runner.run(wait())

    def close(self) -> None:
        """Leave, and end the event loop."""
        self.leave()
        # Closing waits for what the loop's threads do, which may be a name server's silence.
        self._runner.get_loop().set_default_executor(ThreadPoolExecutor())
        self._runner.close()
