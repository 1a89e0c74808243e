"""One SSH connection, one remote rake, which does one request after the other (rule C3).

A question about the next order may stand behind a request that the node works on; a task never
stands behind anything.

Only an explicit, well-formed answer counts (rule C5). After anything else the session is over, and
whoever wants to know more opens a new one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING

from ordermonit.errors import ConfigurationError, NodeLocked, OrdermonitError, Unavailable
from ordermonit.node import ssh, wire
from ordermonit.node.answers import classify, error_line, one_line
from ordermonit.node.channel import TAIL, Channel, Ended, complaint
from ordermonit.orders.model import VALID_NUMBER, Answer, Operation, Question, Verdict

if TYPE_CHECKING:
    from asyncssh import SSHClientConnection

    from ordermonit.configuration import Node as Settings

#: Seconds after which we give up on an answer that the node's own watchdog should have ended.
GRACE = 5.0

#: Seconds that an operation in hand gets once we are told to stop.
STOP_GRACE = 10.0

#: Seconds that the node waits for its lock: a rake of ours that was given up may be dying.
LOCK_WAIT = 5.0

#: Seconds without a request after which the remote rake ends.
IDLE_LIMIT = 60.0

#: Seconds that the remote rake has to end in, once we are gone.
REMOTE_GRACE = 10.0

#: Seconds that closing may take.
CLOSE_LIMIT = 2.0

#: What login scripts may print before the driver speaks, in bytes.
NOISE_LIMIT = 1 << 18


@dataclass(frozen=True, slots=True)
class _Request:
    """One line that was sent. `at` is monotonic, in seconds."""

    id: int
    verb: str
    operation: Operation
    number: str
    at: float

    def age_left(self, limit: float) -> float:
        """Seconds until it is `limit` seconds old."""
        return self.at + limit - time.monotonic()


@dataclass(frozen=True, slots=True)
class _Ahead:
    """A question that was sent before its turn; its answer once that was taken from the line."""

    question: Question
    request: _Request
    answer: Answer | None = None


class Node:
    """A session on the node. `holder` says who we are to another monitor that finds us there."""

    def __init__(self, settings: Settings, holder: str) -> None:
        self._settings = settings
        self._holder = holder
        self._connection: SSHClientConnection | None = None
        self._channel = Channel()
        self._noise = b""
        self._requests = 0
        self._ahead: _Ahead | None = None
        self._is_dead = True
        self._is_stopping = False
        self._limit: asyncio.Timeout | None = None  # of what is being waited for
        self._grace = 0.0

    @property
    def is_open(self) -> bool:
        """Whether a request can be sent, as far as is known."""
        return not self._is_dead and self._channel.is_open

    async def open(self) -> None:
        """Connect, boot Rails, and wait until it takes requests.

        Raises Refused, ConfigurationError, NodeLocked and Unavailable; then nothing is left open.
        """
        try:
            async with self._at_most(inf, grace=0):
                await self._open()
            self._is_dead = False
        except _Stopped:
            raise Unavailable(
                "stopped before the node was ready", "The next cycle goes on"
            ) from None
        finally:
            if self._is_dead:
                await self.close()

    def stop(self) -> None:
        """Give up on a boot at once, and on each operation after STOP_GRACE seconds.

        To be called in the event loop.
        """
        self._is_stopping = True
        if self._limit is not None:
            soon = asyncio.get_running_loop().time() + self._grace
            self._limit.reschedule(min(self._limit.when() or inf, soon))

    def begin(self, question: Question) -> None:
        """Send a question ahead of its turn; `ask` takes its answer. Waits for nothing and never
        raises.

        It changes nothing on the node, so it may travel while we do something else. One at a time.
        """
        ahead = self._ahead
        if not self.is_open or (ahead and (ahead.answer is None or ahead.question == question)):
            return
        with suppress(OSError):
            request = self._send("ask", question.operation, question.number)
            self._ahead = _Ahead(question, request)

    def take(self, question: Question) -> Answer | None:
        """The answer of a question that was sent ahead, if it is here; then it is gone."""
        ahead = self._ahead
        if ahead is None or ahead.question != question or ahead.answer is None:
            return None
        self._ahead = None
        return ahead.answer

    def knows(self, question: Question) -> bool:
        """Whether `take` has the answer."""
        ahead = self._ahead
        return ahead is not None and ahead.question == question and ahead.answer is not None

    async def settle(self) -> None:
        """Wait for the answer of the question that was sent ahead, and keep it if it is one.

        Never raises; where there was no answer, the session may be over.
        """
        if self._ahead is None or self._ahead.answer is not None:
            return
        answer = await self._answer(self._ahead.request)
        self._ahead = None if answer.verdict.is_trouble else replace(self._ahead, answer=answer)

    async def ask(
        self, operation: Operation, number: str, meanwhile: Callable[[], None] = lambda: None
    ) -> Answer:
        """Put a check to the node, and do `meanwhile` once it is on its way.

        Never raises for what the network or the node does.
        """
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            meanwhile()
            answer = ahead.answer or await self._answer(ahead.request)
            if ahead.question == Question(operation, number):
                return answer
        return await self._request("ask", operation, number, None, meanwhile)

    async def run(
        self,
        operation: Operation,
        number: str,
        then: Question | None = None,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> Answer:
        """Run a task on the node, and send a question behind it that may be wanted next.

        `meanwhile` is done once they are on their way: so it costs the node no wait.

        Never raises for what the network or the node does.
        """
        await self.settle()
        return await self._request("run", operation, number, then, meanwhile)

    async def close(self) -> None:
        """End the remote rake and the connection, within CLOSE_LIMIT seconds."""
        was_open, self._is_dead = self.is_open, True
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if was_open:
            connection.close()
        else:  # no word of farewell would arrive, or what floods us would go on
            connection.abort()
        try:
            async with asyncio.timeout(CLOSE_LIMIT):
                await connection.wait_closed()
        except TimeoutError:
            connection.abort()

    async def _open(self) -> None:
        settings = self._settings
        command = wire.command(settings.rails_root, settings.environment, settings.rake)
        self._connection = await ssh.start(settings, command, self._channel)
        limit = LOCK_WAIT + settings.task_timeout + GRACE
        try:
            self._channel.write(self._hello())
            async with asyncio.timeout(limit):
                greeting = await self._greeting()
        except TimeoutError:
            raise self._not_booted(f"no answer within {limit:g} s") from None
        except Ended as end:
            raise self._ended_early(end) from None
        except (OSError, wire.Garbage) as error:
            raise self._not_booted(ssh.reason(error)) from None
        problem = self._problem(greeting)
        if problem is not None:
            raise problem

    def _hello(self) -> bytes:
        return wire.hello(
            holder=self._holder,
            tasks=self._settings.tasks,
            checks=self._settings.checks,
            lock=self._settings.lock_file,
            lock_wait=LOCK_WAIT,
            boot_timeout=self._settings.task_timeout,
            idle_limit=IDLE_LIMIT,
            grace=REMOTE_GRACE,
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

    def _problem(self, greeting: wire.Greeting) -> OrdermonitError | None:
        """Why the node can't take requests, or None if it can."""
        node = f"on {self._settings.host}"
        match greeting:
            case wire.Ready():
                return None
            case wire.Locked(holder):
                who = one_line(holder) or "somebody who did not sign"
                return NodeLocked(
                    f"another monitor works {node}: {who}",
                    f"It holds {self._settings.lock_file} there; the next cycle tries again",
                )
            case wire.NoBoot(chain):
                return self._not_booted(error_line(chain[0]))
            case wire.NoTask(name):
                return _misconfigured(
                    f"rake {node} has no task {name}",
                    f"See `{self._settings.rake} -AT` in {self._settings.rails_root} there, and "
                    "correct tasks",
                )
            case wire.BadCheck(name, chain):
                return _misconfigured(
                    f"the check {name} is no Ruby: {error_line(chain[0])}",
                    f"Correct checks: {name}",
                )
            case wire.NoLock(path, chain):
                return _misconfigured(
                    f"the lock {path} can't be made {node}: {error_line(chain[0])}",
                    f"Let {self._settings.username} write there, or set lock_file",
                )

    def _ended_early(self, end: Ended) -> OrdermonitError:
        """The stream ended before the driver said anything: a shell or rake has failed."""
        # A shell that lets nobody in says so on stdout.
        printed = self._channel.last_words() or complaint(self._noise + self._channel.unread())
        words = one_line(printed)
        settings = self._settings
        if end.status == wire.NO_RAILS_ROOT:
            return _misconfigured(
                f"{settings.username} can't enter {settings.rails_root} on {settings.host}: there "
                "is no such directory, or no right to it",
                "Correct rails_root",
            )
        if end.status == wire.NODE_MISCONFIGURED:
            return ConfigurationError(
                f"the forced command on {settings.host} can't run: {words}",
                "Correct its configuration on the node",
            )
        if end.status in (126, 127):  # the shell's and env's "can't be run" and "not found"
            return _misconfigured(
                f"`{settings.rake}` can't be run on {settings.host}: {words}",
                "Give its full path in rake, or PATH in environment: a command over SSH is no "
                "login",
            )
        return self._not_booted(f"{end}: {words}" if words else str(end))

    def _not_booted(self, why: str) -> Unavailable:
        return Unavailable(
            f"Rails does not boot on {self._settings.host} in {self._settings.rails_root}: "
            f"{one_line(why)}",
            "See what `rake environment` says there; the next cycle tries again",
        )

    async def _request(
        self,
        verb: str,
        operation: Operation,
        number: str,
        then: Question | None,
        meanwhile: Callable[[], None],
    ) -> Answer:
        if not self.is_open:
            return self._dead(Verdict.LOST, "the session with the node was over before the request")
        try:
            request = self._send(verb, operation, number)
        except OSError as error:
            return self._dead(Verdict.LOST, f"the request could not be sent: {ssh.reason(error)}")
        if then is not None:
            self.begin(then)
        meanwhile()
        answer = await self._answer(request)
        if self._ahead is not None and self._ahead.answer is None:  # its turn begins now
            request = replace(self._ahead.request, at=time.monotonic())
            self._ahead = replace(self._ahead, request=request)
        return answer

    def _send(self, verb: str, operation: Operation, number: str) -> _Request:
        if not VALID_NUMBER.fullmatch(number):  # rule C10: the caller has seen to it
            raise ValueError(f"{number!r} is no order's number")
        self._requests += 1
        timeout = self._settings.task_timeout
        self._channel.write(wire.request(self._requests, verb, operation, number, timeout))
        return _Request(self._requests, verb, operation, number, time.monotonic())

    async def _answer(self, request: _Request) -> Answer:
        timeout = self._settings.task_timeout
        try:
            async with self._at_most(request.age_left(timeout + GRACE), grace=STOP_GRACE):
                line = await self._channel.line()
            reply = wire.reply(line, request.id, request.verb)
        except TimeoutError:
            return self._dead(Verdict.TIMEOUT, f"no answer within {timeout:g} s")
        except _Stopped:
            return self._dead(Verdict.LOST, "stopped before the answer came")
        except Ended as end:
            # The node's own watchdog ends what takes too long.
            if request.age_left(timeout) <= 0:
                return self._dead(Verdict.TIMEOUT, f"no answer within {timeout:g} s: {end}")
            words = self._channel.last_words()
            return self._dead(Verdict.LOST, f"{end}: {words}" if words else str(end))
        except wire.Garbage as garbage:
            return self._dead(Verdict.LOST, f"the node's answer can't be understood: {garbage}")
        return classify(request.operation, reply, self._settings)

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
        return Answer(verdict, one_line(error))


class _Stopped(Exception):
    """We were told to stop, and the operation in hand has had its last seconds."""


def _misconfigured(message: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(message, f"{remedy} in integration_server.yml")
