"""Listeners on the node's end of the cable that are no proper SSH servers."""

import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tests.network.wire import NODE


@contextmanager
def listener(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """Each connection gets a thread that talks to it; yields the port."""
    server = socket.create_server((NODE, 0))
    talks: list[tuple[socket.socket, threading.Thread]] = []

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                thread = threading.Thread(target=_quietly, args=(talk, connection), daemon=True)
                talks.append((connection, thread))
                thread.start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield int(server.getsockname()[1])
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        for connection, thread in talks:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)  # wakes its thread, as a close would not
            thread.join(10)
            connection.close()


def _quietly(talk: Callable[[socket.socket], None], connection: socket.socket) -> None:
    with suppress(OSError):
        talk(connection)


def repeats(text: bytes) -> Callable[[socket.socket], None]:
    """Says this for ever."""

    def talk(connection: socket.socket) -> None:
        while True:
            connection.sendall(text)
            time.sleep(0.001)

    return talk


class Proxy:
    """Passes everything on to a port of loopback: late by `delay` seconds, or until it is cut."""

    def __init__(self, port: int, delay: float = 0) -> None:
        self._port, self._delay = port, delay
        self._left: int | None = None

    def cut_after(self, size: int) -> None:
        """Let so many bytes more come from the server; then reset both connections."""
        self._left = size

    def __call__(self, client: socket.socket) -> None:
        """Serve one connection."""
        with (
            socket.create_connection(("127.0.0.1", self._port)) as server,
            selectors.DefaultSelector() as selector,
        ):
            selector.register(client, selectors.EVENT_READ, server)
            selector.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _ in selector.select():
                    assert isinstance(key.fileobj, socket.socket)
                    if not self._pass_on(key.fileobj, key.data, key.fileobj is server):
                        for each in (client, server):
                            each.close()
                        return

    def _pass_on(self, source: socket.socket, sink: socket.socket, is_answer: bool) -> bool:
        data = source.recv(65536)
        time.sleep(self._delay)
        if is_answer and self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
            sink.sendall(data)
            if self._left == 0:
                self._left = None
                for each in (source, sink):  # linger 0: a RST
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
        else:
            sink.sendall(data)
        return bool(data)
