"""SQLite: a file that is only read, never made, and whose text may be anything."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import sqlalchemy as sa

from ordermonit.errors import ConfigurationError

#: Where SQLite's file says that it has a write-ahead log, and what it says then.
_WAL_AT, _WAL = 18, b"\x02\x02"


def called_with(url: sa.URL, seconds: float) -> tuple[sa.URL, dict[str, object]]:
    """The URL and the arguments beside it that the driver is called with."""
    file = url.database or ""
    if not file.startswith("file:"):
        file = f"file:{quote(file)}"
    options = {"mode": "ro"} | dict(url.query) | {"uri": "true"}
    if options["mode"] == "rwc":
        options["mode"] = "rw"
    return url.set(database=file, query=options), {"timeout": seconds}


def read_every_text(raw: Any) -> None:
    """Let bytes that are no UTF-8 be odd text on this connection, rather than its end."""
    raw.text_factory = lambda data: data.decode("utf-8", "replace")


def explained(text: str, url: sa.URL) -> ConfigurationError | None:
    """What is wrong with the file, by what SQLite said; None where nothing is."""
    file = Path(unquote((url.database or "").removeprefix("file:").partition("?")[0]))
    if "file is not a database" in text:
        return ConfigurationError(
            f"database.yml: {file} is no SQLite file", "Correct database there"
        )
    if not any(each in text for each in ("unable to open", "readonly", "read-only")):
        return None
    try:
        with file.open("rb") as opened:
            opened.seek(_WAL_AT)
            has_log = opened.read(2) == _WAL
    except FileNotFoundError:
        return ConfigurationError(
            f"database.yml: there is no file {file}",
            "Correct database there; an SQLite file is never made here",
        )
    except OSError as problem:
        return ConfigurationError(
            f"database.yml: {file} can't be read: {problem.strerror}",
            f"Let this user read it; its administrator types: setfacl -m u:{_user()}:r {file}, and"
            f" for the directories above it: setfacl -m u:{_user()}:x DIRECTORY",
        )
    if not has_log:
        return None
    # No right to write there: a log that this user had made, the shop could not write.
    return ConfigurationError(
        f"database.yml: {file} has a write-ahead log (WAL) and nobody has it open, so who reads it"
        f" makes {file.name}-shm beside it, which this user may not",
        "While the shop has the file open, reading is enough. Where it often has not, run the"
        " service as the file's owner (systemctl edit ordermonit.service, and under [Service]"
        f" User={_owner(file)}), or do without the log:"
        f" sqlite3 {file} 'PRAGMA journal_mode=DELETE'",
    )


def _owner(file: Path) -> str:
    try:
        return file.owner()
    except (KeyError, OSError):
        return "OWNER"


def _user() -> str:
    """Whoever we are, as the password file calls it."""
    from pwd import getpwuid

    try:
        return getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
