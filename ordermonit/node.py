"""One SSH connection, one remote rake, one request at a time (rule C3).

Only an explicit, well-formed answer counts (rule C5). After anything else the session is over, and
whoever wants to know more opens a new one.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ordermonit import ssh, wire
from ordermonit.answers import classify, error_line, one_line
from ordermonit.channel import TAIL, Channel, Ended, complaint
from ordermonit.errors import ConfigurationError, NodeLocked, OrdermonitError, Unavailable
from ordermonit.model import VALID_NUMBER, Answer, Operation, Verdict

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


class Node:
    """A session on the node. `holder` says who we are to another monitor that finds us there."""

    def __init__(self, settings: Settings, holder: str) -> None:
        self._settings = settings
        self._holder = holder
        self._connection: SSHClientConnection | None = None
        self._channel = Channel()
        self._noise = b""
        self._requests = 0
        self._is_dead = True

    @property
    def is_open(self) -> bool:
        """Whether a request can be sent, as far as is known."""
        return not self._is_dead and self._channel.is_open

    async def open(self, stop: asyncio.Event | None = None) -> None:
        """Connect, boot Rails, and wait until it takes requests; at once give up on `stop`.

        Raises Refused, ConfigurationError, NodeLocked and Unavailable; then nothing is left open.
        """
        opening = asyncio.ensure_future(self._open())
        stopping = asyncio.ensure_future(stop.wait() if stop else asyncio.Future[bool]())
        try:
            await asyncio.wait((opening, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not opening.done():
                raise Unavailable("stopped before the node was ready", "The next cycle goes on")
            opening.result()
            self._is_dead = False
        finally:
            await _cancelled(opening, stopping)
            if self._is_dead:
                await self.close()

    async def ask(
        self, operation: Operation, number: str, stop: asyncio.Event | None = None
    ) -> Answer:
        """Put a check to the node. Never raises for what the network or the node does."""
        return await self._request("ask", operation, number, stop)

    async def run(
        self, operation: Operation, number: str, stop: asyncio.Event | None = None
    ) -> Answer:
        """Run a task on the node. Never raises for what the network or the node does."""
        return await self._request("run", operation, number, stop)

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
        self, verb: str, operation: Operation, number: str, stop: asyncio.Event | None
    ) -> Answer:
        if not VALID_NUMBER.fullmatch(number):  # rule C10: the caller has seen to it
            raise ValueError(f"{number!r} is no order's number")
        if not self.is_open:
            return self._dead(Verdict.LOST, "the session with the node was over before the request")
        self._requests += 1
        timeout = self._settings.task_timeout
        started = asyncio.get_running_loop().time()
        try:
            self._channel.write(wire.request(self._requests, verb, operation, number, timeout))
            line = await self._line(timeout + GRACE, stop)
            reply = wire.reply(line, self._requests, verb)
        except TimeoutError:
            return self._dead(Verdict.TIMEOUT, f"no answer within {timeout:g} s")
        except _Stopped:
            return self._dead(Verdict.LOST, "stopped before the answer came")
        except Ended as end:
            # The node's own watchdog ends what takes too long.
            if asyncio.get_running_loop().time() - started >= timeout:
                return self._dead(Verdict.TIMEOUT, f"no answer within {timeout:g} s: {end}")
            words = self._channel.last_words()
            return self._dead(Verdict.LOST, f"{end}: {words}" if words else str(end))
        except wire.Garbage as garbage:
            return self._dead(Verdict.LOST, f"the node's answer can't be understood: {garbage}")
        except OSError as error:
            return self._dead(Verdict.LOST, f"the request could not be sent: {ssh.reason(error)}")
        return classify(operation, reply, self._settings)

    async def _line(self, limit: float, stop: asyncio.Event | None) -> bytes:
        """The next line within `limit` seconds, or within STOP_GRACE once `stop` is set.

        Raises TimeoutError, _Stopped, and what Channel.line raises.
        """
        async with asyncio.timeout(limit):
            if stop is None:
                return await self._channel.line()
            line = asyncio.ensure_future(self._channel.line())
            stopping = asyncio.ensure_future(stop.wait())
            try:
                await asyncio.wait((line, stopping), return_when=asyncio.FIRST_COMPLETED)
                if not line.done():
                    await asyncio.wait((line,), timeout=STOP_GRACE)
                if not line.done():
                    raise _Stopped
                return line.result()
            finally:
                await _cancelled(line, stopping)

    def _dead(self, verdict: Verdict, error: str) -> Answer:
        self._is_dead = True
        return Answer(verdict, one_line(error))


class _Stopped(Exception):
    """We were told to stop, and the operation in hand has had its last seconds."""


async def _cancelled(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def _misconfigured(message: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(message, f"{remedy} in integration_server.yml")
