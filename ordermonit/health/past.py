"""What the journal was told in a span of time, entry by entry and in little memory.

journalctl is asked, not systemd-python's reader: that one makes an object of each field of each
entry, of which there are 30, and takes three times as long for a month.
"""

import subprocess
from collections.abc import Container, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil, floor
from pathlib import Path
from typing import IO

from systemd import journal

from ordermonit.errors import Unavailable
from ordermonit.shops import ALONE, SHOP_FIELD, Shop
from ordermonit.text import one_line

#: All that is read of an entry beside its time.
_FIELDS = (
    *("ORDERMONIT_EVENT", "ORDER_ID", "ORDER_REASON", "ORDER_CREATED_AT", "ERROR"),
    SHOP_FIELD,
)


@dataclass(frozen=True, slots=True)
class Told:
    """One event. `at` and `ordered_at` (the Front's time of the order) are seconds of Unix time."""

    at: float
    event: str
    id: int | None = None
    reason: str = ""
    ordered_at: float | None = None
    error: str = ""


def told(
    app_name: str,
    since: datetime,
    until: datetime,
    directory: Path | None = None,
    shop: Shop = ALONE,
) -> Iterator[Told]:
    """What the shop's service of this name told, the oldest first.

    Several shops of one host may have the same `app_name`. `directory`: where the journal's files
    are; None for this machine's. Raises Unavailable.
    """
    command = [
        *("journalctl", "--quiet", "--no-pager", "--all", "--output=export"),
        *(f"--since=@{max(0, floor(since.timestamp()))}", f"--until=@{ceil(until.timestamp())}"),
        f"--output-fields={','.join(_FIELDS)}",
        *([] if directory is None else [f"--directory={directory}"]),
        f"SYSLOG_IDENTIFIER={app_name}",
        *([f"{SHOP_FIELD}={shop.name}"] if shop.name else []),
    ]
    try:
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            own = (each for each in entries(process.stdout) if _is_own(each, shop))
            yield from filter(None, map(_told, own))
            said = process.stderr.read().decode("utf-8", "replace")
    except OSError as problem:
        raise _unreadable(problem.strerror or str(problem)) from None
    # 1 also says that there is no entry; then it says nothing else.
    if process.returncode and said:
        raise _unreadable(one_line(said))


def _unreadable(why: str) -> Unavailable:
    return Unavailable(
        f"the journal can't be read: {why}", "For what is wrong with it, type: journalctl --verify"
    )


def _is_own(fields: Container[bytes], shop: Shop) -> bool:
    """Whether it is this shop's; journald can't be asked for entries without a field."""
    return bool(shop.name) or SHOP_FIELD.encode() not in fields


def known_from(app_name: str, directory: Path | None = None, shop: Shop = ALONE) -> datetime | None:
    """The time of the shop's oldest entry that is kept; None without one."""
    try:
        with journal.Reader(path=None if directory is None else str(directory)) as reader:
            reader.add_match(SYSLOG_IDENTIFIER=app_name)
            if shop.name:
                reader.add_match(**{SHOP_FIELD: shop.name})
            reader.seek_head()
            for each in reader:
                if shop.name or SHOP_FIELD not in each:
                    at: datetime = each["__REALTIME_TIMESTAMP"]
                    return at.astimezone(UTC)
    except OSError:
        pass
    return None


def entries(stream: IO[bytes]) -> Iterator[dict[bytes, bytes]]:
    """The entries of journald's export format (systemd.dev/JOURNAL_EXPORT_FORMATS)."""
    fields: dict[bytes, bytes] = {}
    for line in stream:
        name, is_text, value = line.partition(b"=")
        if is_text:
            fields[name] = value[:-1]
        elif line == b"\n":
            yield fields
            fields = {}
        else:  # no text: its length, then it as it is
            size = int.from_bytes(stream.read(8), "little")
            fields[name[:-1]] = stream.read(size + 1)[:-1]
    if fields:
        yield fields


def _told(fields: dict[bytes, bytes]) -> Told | None:
    """One of ours; anybody may write entries, so nothing in them is believed to have its form."""
    event = fields.get(b"ORDERMONIT_EVENT")
    if event is None:
        return None
    try:
        return Told(
            int(fields[b"__REALTIME_TIMESTAMP"]) / 1e6,
            event.decode(),
            int(fields[b"ORDER_ID"]) if b"ORDER_ID" in fields else None,
            fields.get(b"ORDER_REASON", b"").decode(),
            _unix(fields.get(b"ORDER_CREATED_AT")),
            one_line(fields[b"ERROR"].decode("utf-8", "replace")) if b"ERROR" in fields else "",
        )
    except ValueError:
        return None


def _unix(text: bytes | None) -> float | None:
    return None if text is None else datetime.fromisoformat(text.decode()).timestamp()
