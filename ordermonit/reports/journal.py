"""Where events go: journald by its native protocol, the terminal, and a file."""

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from systemd import journal

from ordermonit.orders.events import Event, Priority
from ordermonit.orders.model import ID_PREFIX
from ordermonit.shops import ALONE, SHOP_FIELD, Shop
from ordermonit.state.files import open_own

#: The journal's field of each detail that an event may carry.
_FIELDS = {
    "id": "ORDER_ID",
    "number": "ORDER_NUMBER",
    "ordered_at": "ORDER_CREATED_AT",
    "status": "ORDER_STATUS",
    "reason": "ORDER_REASON",
    "attempt": "ATTEMPT",
    "operation": "OPERATION",
    "duration_usec": "DURATION_USEC",
    "error": "ERROR",
    "who": "REQUESTED_BY",
    "because": "BECAUSE",
}


class Sink(Protocol):
    """One place that events go to."""

    def __call__(self, event: Event, message: str, details: dict[str, object]) -> None: ...


class Log:
    """Tells every event to every sink. A sink that fails costs its line, never a cycle."""

    def __init__(self, sinks: list[Sink], shop: Shop = ALONE) -> None:
        self._sinks = sinks
        self._shop = shop

    def tell(self, event: Event, **details: object) -> None:
        """Log an event. `details` fill its sentence and become the journal's fields."""
        named = details
        if "number" in details and not details["number"]:
            named = details | {"number": f"{ID_PREFIX}{details.get('id')}"}
        message = self._shop.typed(event.sentence.format_map(named))
        for sink in self._sinks:
            # journald restarts, a terminal is closed, a field is none: the others have theirs.
            with suppress(Exception):
                sink(event, message, details)


def to_journal(app_name: str, shop: Shop = ALONE) -> Sink:
    """Entries in journald, under SYSLOG_IDENTIFIER `app_name`; those of one of several shops have
    its name in ORDERMONIT_SHOP."""
    whose = {SHOP_FIELD: shop.name} if shop.name else {}

    def sink(event: Event, message: str, details: dict[str, object]) -> None:
        fields = {
            _FIELDS[name]: _utf8(str(value))
            for name, value in details.items()
            if name in _FIELDS and value is not None
        }
        journal.send(
            _utf8(message),
            MESSAGE_ID=event.message_id,
            PRIORITY=str(int(event.priority)),
            SYSLOG_IDENTIFIER=app_name,
            ORDERMONIT_EVENT=event.name,
            **whose,
            **fields,
        )

    return sink


def _utf8(text: str) -> str:
    """What the journal takes: a path or a name of the command line may be no UTF-8 at all."""
    return text.encode("utf-8", "replace").decode()


def to_terminal(write: Callable[[str], None] | None = None) -> Sink:
    """Lines on stderr; `write` takes one line instead, where a progress bar owns the screen."""

    def sink(event: Event, message: str, details: dict[str, object]) -> None:
        del details
        (write or to_stderr)(_line(event, message))

    return sink


def to_file(path: Path) -> Sink:
    """Lines appended to a file. A file that can't be written costs a line, never a cycle."""
    broken = False
    handle: int | None = None

    def sink(event: Event, message: str, details: dict[str, object]) -> None:
        del details
        nonlocal broken, handle
        if broken:
            return
        try:
            if handle is None:  # for the rest of this short life
                handle = open_own(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
            os.write(handle, f"{_line(event, message)}\n".encode("utf-8", "replace"))
        except OSError as problem:
            broken = True
            to_stderr(
                f"{path} can't be written: {problem.strerror}. Correct log_output or its place"
            )

    return sink


def stderr_is_journal() -> bool:
    """Whether stderr ends in the journal already (systemd.exec(5), $JOURNAL_STREAM)."""
    stream = os.environ.get("JOURNAL_STREAM", "")
    try:
        where = os.fstat(2)
    except OSError:
        return False
    return stream == f"{where.st_dev}:{where.st_ino}"


def to_stderr(line: str) -> None:
    """Print a line on stderr. Once that can't be written, nothing goes there any more: what is
    left in its buffer would change the exit code at the end."""
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        os.dup2(nowhere, sys.stderr.fileno())
        os.close(nowhere)


_MARKS = {
    Priority.CRIT: "CRITICAL ",
    Priority.ERR: "ERROR ",
    Priority.WARNING: "WARNING ",
    Priority.NOTICE: "",
    Priority.INFO: "",
}


def _line(event: Event, message: str) -> str:
    return f"{time.strftime('%H:%M:%S')} {_MARKS[event.priority]}{message}"
