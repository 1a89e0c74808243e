"""What systemd is told while a cycle runs: sd_notify(3), without a library.

Every function does nothing where nobody listens ($NOTIFY_SOCKET is not set), and none raises: a
cycle must not fail because its status line was lost. systemd-python's `systemd.daemon` would do
the same, but costs an import on the idle path that one datagram doesn't need.
"""

import os

from ordermonit.text import one_line

#: Longest status text, in characters. systemd drops datagrams over 4096 bytes, UTF-8 takes up to 4.
STATUS_LIMIT = 500

#: How long a datagram may wait for a busy manager, in seconds, before it is given up.
SEND_TIMEOUT = 1.0


def status(text: str) -> None:
    """Shows `text` as one line in `systemctl status`, until the next one replaces it."""
    _send("STATUS=" + one_line(text, STATUS_LIMIT))


def extend(seconds: float) -> None:
    """Asks for `seconds` more from now on before the start (or the stop) counts as hung.

    It never shortens TimeoutStartSec= or TimeoutStopSec=; whoever goes on making progress has to
    call it again in that time.
    """
    _send(f"EXTEND_TIMEOUT_USEC={max(1, round(seconds * 1_000_000))}")


def _send(message: str) -> None:
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address[:1] not in ("/", "@"):
        return
    import socket  # only where there is somebody to tell

    if address[0] == "@":  # the abstract namespace
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.settimeout(SEND_TIMEOUT)
            channel.sendto(message.encode("utf-8", "replace"), address)
    except OSError:
        return
