"""The cycle's line to the node: opened at the first question, asked one thing at a time.

The cycle itself is plain sequential code; the event loop of asyncssh lives behind this door and is
imported only when it is opened (rule C2).
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from ordermonit.orders.model import Answer, Operation, Question

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

    def stop(self) -> None:
        """Give the operation in hand its last seconds. Safe in a signal handler."""

        def stop() -> None:
            self._stop.set()
            if self._node is not None:
                self._node.stop()

        self._runner.get_loop().call_soon_threadsafe(stop)

    def begin(self, question: Question) -> None:
        """Send a question now, if the session is open; `answer` then takes its answer."""
        if self._node is not None:
            self._node.begin(question)

    def knows(self, question: Question) -> bool:
        """Whether `answer` has it already, and waits for nothing."""
        return self._node is not None and self._node.knows(question)

    def answer(
        self,
        operation: Operation,
        number: str,
        then: Question | None = None,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> Answer:
        """The node's answer. Opens the session first, if there is none.

        `then` travels behind a task, since it may be wanted next; `meanwhile` is done while the
        node works, if it has to.

        Raises what `Node.open` raises: Unavailable, Refused, ConfigurationError.
        """
        if self._node is not None:
            known = self._node.take(Question(operation, number))
            if known is not None:
                return known
        return self._runner.run(self._answer(operation, number, then, meanwhile))

    async def _answer(
        self,
        operation: Operation,
        number: str,
        then: Question | None,
        meanwhile: Callable[[], None],
    ) -> Answer:
        node = await self._opened()
        if operation not in self._settings.tasks:
            return await node.ask(operation, number, meanwhile)
        await node.settle()  # what ends with that question is not this task's
        node = await self._opened()
        return await node.run(operation, number, then, meanwhile)

    async def _opened(self) -> Node:
        from ordermonit.node.rake import Node

        if self._node is not None and self._node.is_open:
            return self._node
        await self._leave()
        self._node = node = Node(self._settings, f"pid {os.getpid()} on {socket.gethostname()}")
        if self._stop.is_set():
            node.stop()
        await node.open()
        return node

    async def _leave(self) -> None:
        node, self._node = self._node, None
        if node is not None:
            await node.close()

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
