"""One order's history, as the journal has it."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from systemd import journal

from ordermonit.orders.model import ID_PREFIX
from ordermonit.shops import ALONE, SHOP_FIELD, Shop
from ordermonit.state.files import is_there
from ordermonit.text import one_line

#: The newest entries of one order that are read: an order that waits for weeks has few, one that
#: something is wrong with may have one in every cycle.
MOST_ENTRIES = 200

#: Longest field that is shown, in characters: its entry may be anybody's.
_LONGEST_FIELD = 2_000

#: Where journald keeps the system's journal (journald.conf(5), Storage=).
_PLACES = ("/var/log/journal", "/run/log/journal")


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of one order. `duration` in seconds; `event` is empty where it is not ours."""

    at: datetime
    event: str
    message_id: str
    priority: int
    message: str
    operation: str | None = None
    attempt: int | None = None
    duration: float | None = None
    error: str | None = None
    who: str | None = None


@dataclass(frozen=True, slots=True)
class History:
    """The entries, oldest first. `is_cut`: there are older ones. `trouble` says why there may be
    more that could not be read, and what to do."""

    entries: tuple[Entry, ...] = ()
    is_cut: bool = False
    trouble: str | None = None


def read(number: str, shop: Shop = ALONE, most: int = MOST_ENTRIES) -> History:
    """The newest `most` entries of the shop's order with this name, from all boots that are kept.

    Two shops of one host may have an order of the same number.
    """
    try:
        with journal.Reader() as reader:
            reader.add_match(**matched(number))
            if shop.name:
                reader.add_match(**{SHOP_FIELD: shop.name})
            reader.seek_tail()
            newest: list[Entry] = []
            while len(newest) <= most and (fields := reader.get_previous()):
                if shop.name or SHOP_FIELD not in fields:  # which journald can't be asked for
                    newest.append(entry(fields))
    except OSError as problem:
        return History(trouble=f"the journal can't be read: {problem.strerror or problem}")
    kept = tuple(reversed(newest[:most]))
    return History(kept, len(newest) > most, trouble())


def matched(name: str) -> dict[str, str]:
    """The journal's field that an order with this name has, and its value."""
    if name.startswith(ID_PREFIX):
        return {"ORDER_ID": name.removeprefix(ID_PREFIX)}
    return {"ORDER_NUMBER": name}


def trouble() -> str | None:
    """Why this user sees only a part of the journal, if so: it is no error to journald."""
    found = False
    for place in map(Path, _PLACES):
        try:
            files = list(_system_journals(place))
            found = found or bool(files)
            readable = all(os.access(file, os.R_OK) for file in files)
        except OSError:
            readable = False
        if not readable:
            return (
                "this user may not read the system's journal. To see all of it, join the group"
                " systemd-journal (usermod -aG systemd-journal USER), or run this as root"
            )
    return None if found else "there is no journal on this machine (systemd-journald)"


def _system_journals(place: Path) -> Iterator[Path]:
    """Each machine's; `Path.glob` would take a directory that is closed to us for an empty one.
    Raises OSError."""
    if not is_there(place):
        return
    for machine in place.iterdir():
        file = machine / "system.journal"
        if is_there(file):
            yield file


def entry(fields: Mapping[str, Any]) -> Entry:
    """An entry from the journal's fields, as systemd-python has them."""
    at: datetime = fields["__REALTIME_TIMESTAMP"]
    duration = _number(fields, "DURATION_USEC")
    priority = _number(fields, "PRIORITY")
    return Entry(
        at=at.astimezone(UTC),
        event=_text(fields, "ORDERMONIT_EVENT") or "",
        message_id=_message_id(fields),
        priority=6 if priority is None else priority,
        message=_text(fields, "MESSAGE") or "",
        operation=_text(fields, "OPERATION"),
        attempt=_number(fields, "ATTEMPT"),
        duration=None if duration is None else duration / 1_000_000,
        error=_text(fields, "ERROR"),
        who=_text(fields, "REQUESTED_BY"),
    )


def _message_id(fields: Mapping[str, Any]) -> str:
    """As journalctl prints it; systemd-python makes a UUID of it."""
    value = fields.get("MESSAGE_ID")
    return "" if value is None else str(getattr(value, "hex", value))


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    """A field as one line: what is invisible in it gets a mark in its place."""
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return one_line(str(value), _LONGEST_FIELD)


def _number(fields: Mapping[str, Any], name: str) -> int | None:
    value = fields.get(name)
    if isinstance(value, list):
        return None
    try:
        return None if value is None else int(value)
    except (TypeError, ValueError):
        return None
