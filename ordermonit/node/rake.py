"""One SSH connection, one remote rake, which does one request after the other (rule C3).

Questions about the next orders may stand behind a request that the node works on; a task never
stands behind anything.

Only an explicit, well-formed answer counts (rule C5). After anything else the session is over, and
whoever wants to know more opens a new one.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING

from ordermonit.errors import Unavailable
from ordermonit.node import boot, ssh, wire
from ordermonit.node.answers import classify
from ordermonit.node.channel import TAIL, Channel, Ended, complaint
from ordermonit.orders.model import VALID_NUMBER, Answer, Request, Verdict
from ordermonit.text import one_line

if TYPE_CHECKING:
    from ordermonit.configuration import Node as Settings

#: Seconds after which we give up on an answer that the node's own watchdog should have ended.
GRACE = 5.0

#: Seconds that an operation in hand gets once we are told to stop.
STOP_GRACE = 10.0

#: Seconds without a request after which the remote rake ends: nobody else closes the connection of
#: a host that lost its power.
IDLE_LIMIT = 10.0

#: Seconds that the node waits for its lock: until the rake of a monitor that is gone has ended.
LOCK_WAIT = IDLE_LIMIT + 5.0

#: Seconds that the remote rake has to end in, once we are gone.
REMOTE_GRACE = 10.0

#: Seconds that closing may take.
CLOSE_LIMIT = 2.0

#: With so many questions on their way, no more are sent: several in one packet cost what one does.
ENOUGH = 8

#: What login scripts may print before the driver speaks, in bytes.
NOISE_LIMIT = 1 << 18


@dataclass(frozen=True, slots=True)
class _Sent:
    """One request that went out as line `id`."""

    id: int
    request: Request
    patience: float  # seconds that the node gives it


class Node:
    """A session on the node. `holder` says who we are to another monitor that finds us there."""

    def __init__(self, settings: Settings, holder: str) -> None:
        self._settings = settings
        self._holder = holder
        self._link: ssh.Link | None = None
        self._channel = Channel()
        self._noise = b""
        self._requests = 0
        self._sent: deque[_Sent] = deque()
        self._turn = 0.0  # monotonic: since when the node can be at the first of them
        self._known: dict[Request, Answer] = {}  # of questions that were answered before their turn
        self.ready: wire.Ready | None = None  # what the node said of itself
        self._is_dead = True
        self._is_stopping = False
        self._limit: asyncio.Timeout | None = None  # of what is being waited for
        self._grace = 0.0

    @property
    def is_open(self) -> bool:
        """Whether a request can be sent, as far as is known."""
        return not self._is_dead and self._channel.is_open

    async def open(self) -> None:
        """Connect, boot Rails or find it booted, and wait until it takes requests.

        Raises Refused, ConfigurationError, NodeLocked and Unavailable; then nothing is left open.
        """
        try:
            async with self._at_most(inf, grace=0):
                greeting = await self._begin()
            assert isinstance(greeting, wire.Ready)
            self.ready = greeting
            self._is_dead = False
        except _Stopped:
            raise Unavailable(
                "stopped before the node was ready", "The next cycle goes on"
            ) from None
        finally:
            if self._is_dead:
                await self.close()

    async def end_kept(self) -> bool:
        """Connect, end what stays booted there, and leave; whether there was something.

        Raises as `open` does.
        """
        try:
            greeting = await self._begin(end=True)
        finally:
            await self.close()
        if isinstance(greeting, wire.EndedKept):
            return greeting.was_there
        raise boot.old_driver(self._settings)

    def stop(self) -> None:
        """Give up on a boot at once, and on each operation after STOP_GRACE seconds.

        To be called in the event loop.
        """
        self._is_stopping = True
        if self._limit is not None:
            soon = asyncio.get_running_loop().time() + self._grace
            self._limit.reschedule(min(self._limit.when() or inf, soon))

    def is_next(self, question: Request) -> bool:
        """Whether its answer waits for nothing that was asked before it."""
        return question in self._known or not self._sent or self._sent[0].request == question

    async def answer(self, request: Request, behind: Iterable[Request] = ()) -> Answer:
        """Put a request that `is_next` to the node, and questions behind it, wanted next maybe.

        `behind` is looked at only when few questions are on their way.

        A question that was put behind another one before is answered by that, if no task has run
        since. Never raises for what the network or the node does.
        """
        if request.is_task:
            # What was missing before a task may be there after it; what is there stays there.
            self._known = {q: a for q, a in self._known.items() if a.verdict is Verdict.YES}
        known = self._known.pop(request, None)
        try:
            self._send(() if known else (request,), behind if len(self._sent) <= ENOUGH else ())
        except OSError as error:
            text = f"the request could not be sent: {ssh.reason(error)}"
            return known or self._dead(Verdict.LOST, text)
        return known or await self._next()

    async def drain(self) -> None:
        """Wait for the answers of the questions that were asked, and keep them for their turn.

        Never raises; where there was no answer, the session is over.
        """
        while self._sent:
            question = self._sent[0].request
            answer = await self._next()
            if answer.verdict.is_trouble:
                self._dead(answer.verdict, "")
            else:
                self._known[question] = answer

    async def _next(self) -> Answer:
        answer = await self._answered(self._sent[0])
        if self._sent:
            self._sent.popleft()
        self._turn = time.monotonic()
        return answer

    async def close(self) -> None:
        """End the remote rake and the connection, within CLOSE_LIMIT seconds."""
        was_open, self._is_dead = self.is_open, True
        self._sent.clear()
        self._known.clear()
        link, self._link = self._link, None
        if link is None:
            return
        connection = link.connection
        if was_open:
            connection.close()
        else:  # no word of farewell would arrive, or what floods us would go on
            connection.abort()
        try:
            async with asyncio.timeout(CLOSE_LIMIT):
                await connection.wait_closed()
        except TimeoutError:
            connection.abort()

    async def _begin(self, *, end: bool = False) -> wire.Greeting:
        settings = self._settings
        command = wire.command(settings.rails_root, settings.environment, settings.rake)
        self._link = await ssh.start(settings, command, self._channel)
        begun, limit = time.monotonic(), LOCK_WAIT + settings.task_timeout + GRACE
        try:
            with suppress(OSError):  # it has ended: what it said of that is still to be read
                self._channel.write(wire.driver() + self._hello(end))
            async with asyncio.timeout(limit):
                greeting = await self._greeting()
        except TimeoutError:
            raise boot.failed(settings, f"no answer within {limit:g} s") from None
        except Ended as end:
            # The node's own watchdog ends what takes too long.
            if time.monotonic() >= begun + settings.task_timeout:
                why = f"not within {settings.task_timeout:g} s"
                raise boot.failed(settings, why) from None
            raise boot.ended(settings, self._told(end), self._complaint()) from None
        except wire.Garbage as garbage:
            raise boot.failed(settings, str(garbage)) from None
        problem = boot.problem(settings, greeting)
        if problem is not None:
            raise problem
        return greeting

    def _hello(self, end: bool) -> bytes:
        return wire.hello(
            holder=self._holder,
            tasks=self._settings.tasks,
            checks=self._settings.checks,
            lock=self._settings.lock,
            lock_wait=LOCK_WAIT,
            boot_timeout=self._settings.task_timeout,
            idle_limit=IDLE_LIMIT,
            grace=REMOTE_GRACE,
            keep_booted=self._settings.keep_booted,
            rake=self._settings.rake,
            end=end,
        )

    async def _greeting(self) -> wire.Greeting:
        printed = 0
        while printed < NOISE_LIMIT:
            line = await self._channel.line()
            greeting = wire.greeting(line)
            if greeting is not None:
                return greeting
            printed += len(line) + 1
            self._noise = (self._noise + line + b"\n")[-TAIL:]
        raise wire.Garbage("its login scripts print without end on stdout")

    def _told(self, end: Ended) -> Ended:
        """The same, and who was lost on the way, if that is how it ended."""
        lost = self._link.lost if self._link is not None and end.is_silent else None
        return end if lost is None else Ended(lost)

    def _complaint(self) -> str:
        # A shell that lets nobody in says so on stdout.
        noise = self._noise + self._channel.unread()
        return self._channel.first_and_last_words() or complaint(noise)

    def _send(self, *requests: Iterable[Request]) -> None:
        """Send each, unless that was done. Raises OSError when the channel is closed."""
        lines = b"".join(self._line(request) for some in requests for request in some)
        if lines:
            self._channel.write(lines)

    def _line(self, request: Request) -> bytes:
        if request in self._known or any(sent.request == request for sent in self._sent):
            return b""
        if not self.is_open:
            raise BrokenPipeError("the session with the node was over before the request")
        if not VALID_NUMBER.fullmatch(request.number):  # rule C10: the caller has seen to it
            raise ValueError(f"{request.number!r} is no order's number")
        if not self._sent:
            self._turn = time.monotonic()
        self._requests += 1
        patience = request.patience or self._settings.task_timeout
        self._sent.append(_Sent(self._requests, request, patience))
        operation, number = request.operation, request.number
        return wire.request(self._requests, _verb(request), operation, number, patience)

    async def _answered(self, sent: _Sent) -> Answer:
        patience = sent.patience
        late = f"no answer within {patience:g} s"
        try:
            left = self._turn + patience + GRACE - time.monotonic()
            async with self._at_most(left, grace=STOP_GRACE):
                line = await self._channel.line()
            reply = wire.reply(line, sent.id, _verb(sent.request))
        except TimeoutError:
            return self._dead(Verdict.TIMEOUT, late)
        except _Stopped:
            return self._dead(Verdict.LOST, "stopped before the answer came")
        except Ended as ended:
            end = self._told(ended)
            # The node's own watchdog ends what takes too long.
            if time.monotonic() >= self._turn + patience:
                return self._dead(Verdict.TIMEOUT, f"{late}: {end}")
            words = self._channel.last_words()
            return self._dead(Verdict.LOST, f"{end}: {words}" if words else str(end))
        except wire.Garbage as garbage:
            return self._dead(Verdict.LOST, f"the node's answer can't be understood: {garbage}")
        answer = classify(sent.request, reply, self._settings)
        if isinstance(reply, wire.Failed | wire.Hung | wire.Died) and reply.is_over:
            self._dead(Verdict.LOST, "")
            return replace(answer, is_last=True)
        return answer

    @asynccontextmanager
    async def _at_most(self, seconds: float, grace: float) -> AsyncIterator[None]:
        """Bounds the wait inside it; by `grace` seconds once we are told to stop.

        Raises TimeoutError, or _Stopped after `stop`.
        """
        self._grace = grace
        try:
            async with asyncio.timeout(None) as self._limit:
                if (limit := min(seconds, grace) if self._is_stopping else seconds) < inf:
                    self._limit.reschedule(asyncio.get_running_loop().time() + limit)
                yield
        except TimeoutError:
            if self._is_stopping:
                raise _Stopped from None
            raise
        finally:
            self._limit = None

    def _dead(self, verdict: Verdict, error: str) -> Answer:
        self._is_dead = True
        self._sent.clear()
        return Answer(verdict, one_line(error))


class _Stopped(Exception):
    """We were told to stop, and the operation in hand has had its last seconds."""


def _verb(request: Request) -> str:
    return "run" if request.is_task else "ask"
