"""What comes back from the remote rake: whole lines of stdout, and both ends of stderr.

Everything is taken in as it comes, whoever waits for it, so that a task which prints 100 MB neither
blocks nor fills our memory.
"""

import asyncio
import re

from ordermonit.node.fast_asyncssh import asyncssh
from ordermonit.node.wire import LINE_LIMIT, Garbage

#: How much of the last output is kept, in bytes; and of the first.
TAIL = 4096
HEAD = 1024

#: Seconds that output may still come after rake has ended. A child that keeps its descriptors open
#: would hold the channel for as long as it lives.
LEFTOVERS = 1.0


class Ended(Exception):
    """No more lines will come. Its text says how rake or the connection ended.

    `is_silent`: the node said nothing of the end.
    """

    def __init__(self, how: str, status: int | None = None, *, is_silent: bool = False) -> None:
        super().__init__(how)
        self.status = status
        self.is_silent = is_silent


class Channel(asyncssh.SSHClientSession[bytes]):
    """The client's end of one remote command."""

    def __init__(self) -> None:
        self._transport: asyncssh.SSHClientChannel[bytes] | None = None
        self._changed = asyncio.Event()
        self._stdout = bytearray()
        self._searched = 0
        self._overflow = False
        self._stderr = b""
        self._first = b""
        self._eof = False
        self._status: int | None = None
        self._signal: str | None = None
        self._lost: Exception | None = None

    @property
    def is_open(self) -> bool:
        """Whether the remote rake was alive at the last word of it."""
        return self._transport is not None and not self._is_ending

    async def line(self) -> bytes:
        """The next line of stdout. Raises Ended, or Garbage for a line beyond LINE_LIMIT."""
        while True:
            end = self._stdout.find(b"\n", self._searched)
            if end >= 0:
                line = bytes(self._stdout[:end])
                del self._stdout[: end + 1]
                self._searched = 0
                return line
            self._searched = len(self._stdout)
            if self._overflow:
                raise Garbage(f"a line of more than {LINE_LIMIT} bytes")
            await self._next_change()

    def write(self, line: bytes) -> None:
        """Send one line. Raises OSError when the channel is closed."""
        if self._transport is None:
            raise BrokenPipeError("the channel is closed")
        self._transport.write(line)

    def end(self) -> None:
        """Say that nothing more is written."""
        if self._transport is not None:
            self._transport.write_eof()

    def last_words(self) -> str:
        """The last lines on stderr, in one line."""
        return complaint(self._stderr)

    def first_and_last_words(self) -> str:
        """The same after the first line on stderr, which may be the one that tells most."""
        return complaint(self._stderr, self._first)

    def unread(self) -> bytes:
        """What has come on stdout and is no whole line yet."""
        return bytes(self._stdout)

    @property
    def _is_ending(self) -> bool:
        return self._eof or self._status is not None or self._signal is not None

    async def _next_change(self) -> None:
        if self._transport is None:
            raise self._ended()
        self._changed.clear()
        try:
            async with asyncio.timeout(LEFTOVERS if self._is_ending else None):
                await self._changed.wait()
        except TimeoutError:
            if self._is_ending:
                raise self._ended() from None
            raise

    def _ended(self) -> Ended:
        if self._signal is not None:
            how = f"the remote rake was ended by SIG{self._signal}"
        elif self._status is not None:
            how = f"the remote rake ended with status {self._status}"
        elif self._lost is not None:
            how = f"the connection was lost: {self._lost}"
        else:
            how = "the connection was closed"
        is_silent = self._signal is None and self._status is None
        return Ended(how, self._status, is_silent=is_silent)

    # What asyncssh calls.

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self._transport = chan

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if datatype == asyncssh.EXTENDED_DATA_STDERR:
            self._first += data[: HEAD - len(self._first)]
            self._stderr = (self._stderr + data)[-TAIL:]
            return
        if len(self._stdout) + len(data) > LINE_LIMIT:
            self._overflow = True
        else:
            self._stdout += data
        self._changed.set()

    def eof_received(self) -> bool:
        self._eof = True
        self._changed.set()
        return True  # the exit status comes after it

    def exit_status_received(self, status: int) -> None:
        self._status = status
        self._changed.set()

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        self._signal = signal
        self._changed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._lost = exc
        self._changed.set()


#: Where Ruby was, and what it adds for people at a console.
_ASIDE = re.compile(r"(from )?\S+:\d+(:in .*)?|Did you mean\?.*")

#: What goes before the message in the line of an exception that nobody rescued.
_WHERE = re.compile(r"\S+:\d+:in [`'][^']*': ")


def complaint(output: bytes, beginning: bytes = b"") -> str:
    """What some output complains of, in one line: rake's own word, or its last lines.

    `output` is the end of it. With its `beginning`, the first line is said too.
    """
    lines = _lines(output)
    if len(output) >= TAIL and b"\n" in output:
        lines = lines[1:]  # it has lost its beginning
    if "rake aborted!" in lines[:-1]:
        return lines[len(lines) - lines[::-1].index("rake aborted!")]
    first = _lines(beginning)[:1]
    if first and first != lines[:1]:
        lines = [*first, *lines]
    kept = lines[-3:]
    if first and len(lines) > 3:
        kept = [*first, "…", *kept] if len(lines) > 4 else lines
    return " / ".join(kept)


def _lines(output: bytes) -> list[str]:
    """The lines that say something."""
    lines = output.decode("utf-8", "replace").splitlines()
    said = [_WHERE.sub("", line.strip()) for line in lines]
    return [line for line in said if line and not _ASIDE.fullmatch(line)]
