"""A deadline for a connection whose library has none: when it passes, the socket is shut."""

import os
import socket
import threading
from contextlib import suppress


class Watchdog:
    """Gives the other end of one connection `seconds` for each answer, counted from `again`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._socket: socket.socket | None = None
        self._timer: threading.Timer | None = None

    def watch(self, descriptor: int) -> None:
        """Begin, with the connection of this descriptor. It stays its owner's to close."""
        self.end()
        # A copy: the number may stand for something else by the time that the deadline passes.
        self._socket = socket.socket(fileno=os.dup(descriptor))
        self.again()

    def again(self) -> None:
        """All of the time from now on."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(self._seconds, self._shut)
        self._timer.daemon = True
        self._timer.start()

    def _shut(self) -> None:
        """Whoever waits for an answer is told of the end of the stream."""
        if self._socket is not None:
            with suppress(OSError):  # it has ended by itself
                self._socket.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """No deadline any more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._socket is not None:
            self._socket.close()
