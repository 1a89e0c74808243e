"""Why PostgreSQL let nobody in, in whatever language it says so.

An error that ends a connection before it is one has no SQLSTATE in the driver, only words, and
those are in the language of the server (lc_messages). The server sends its code beside them, and
libpq (18 and newer) shows that in a trace of what goes over the wire: so the way in is tried once
more, with a trace. PgBouncer passes on a server's words without their code.
"""

import os
import re
import select
import time
from dataclasses import dataclass

import sqlalchemy as sa
from psycopg import Error, conninfo, pq
from psycopg.pq.abc import PGconn

#: A severity goes before the words, in that language too, with two blanks behind it. What libpq
#: itself has to say (nobody listens, no such host) has none.
_SERVER_S = re.compile(r" failed: [^\W\d][^:]{0,40}:  ")

#: The fields in the order in which PostgreSQL sends them. PgBouncer sends no routine.
_TRACED = re.compile(
    r'^B\t\d+\tErrorResponse\t S "[^"]*"(?: V "[A-Z]+")? C "(?P<state>\w{5})"'
    r'(?:.*? R "(?P<routine>\w+)" \\x00$)?',
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Code:
    """SQLSTATE, and the function in the server's source that refused."""

    state: str
    routine: str | None


def is_said_by_server(text: str) -> bool:
    """Whether the server's own words are in the driver's error, which may be in any language."""
    return _SERVER_S.search(text) is not None


def code(url: sa.URL, seconds: float) -> Code | None:
    """The code of what the server answers now, within so many seconds; None if it can't be had."""
    _, parameters = url.get_dialect()().create_connect_args(url)
    memory = os.memfd_create("trace")  # it has the password's proof in it: no file
    try:
        connection = pq.PGconn.connect_start(conninfo.make_conninfo(**parameters).encode())
        try:
            connection.trace(memory)
            connection.set_trace_flags(pq.Trace.SUPPRESS_TIMESTAMPS)
            _try(connection, time.monotonic() + seconds)
        finally:
            connection.untrace()
            connection.finish()
        os.lseek(memory, 0, os.SEEK_SET)
        trace = os.read(memory, 1 << 16).decode("utf-8", "replace")
    except (Error, OSError):
        return None
    finally:
        os.close(memory)
    said = list(_TRACED.finditer(trace))  # TLS and plain, or one host after the other
    return Code(said[-1]["state"], said[-1]["routine"]) if said else None


def _try(connection: PGconn, deadline: float) -> None:
    """Until the server lets us in or doesn't, or the deadline."""
    while True:
        match connection.connect_poll():
            case pq.PollingStatus.READING:
                wanted = select.POLLIN
            case pq.PollingStatus.WRITING:
                wanted = select.POLLOUT
            case _:
                return
        poll = select.poll()
        poll.register(connection.socket, wanted)
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            return
