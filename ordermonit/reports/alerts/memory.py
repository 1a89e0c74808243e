"""What the alerts remember from one cycle to the next, in the small file `alerts`.

Nothing rests on it: whoever loses it gets a message twice.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ordermonit.errors import Exit
from ordermonit.state.files import read_own, replace
from ordermonit.times import iso

#: So many messages that were not sent are kept. What is older goes first.
MOST_UNSENT = 10


@dataclass(frozen=True, slots=True)
class Trouble:
    """What keeps cycles from being done: their exit code, and it in few and in many words. `told`:
    there was an alert.

    `failed` cycles ended so since then, `good` ones were done in between; the newest of those
    follow one another since `good_since`, None where the last cycle failed.
    """

    exit: int
    since: datetime
    title: str
    error: str
    told: bool = False
    failed: int = 1
    good: int = 0
    good_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `is_good` is news that something is over."""

    title: str
    body: str
    at: datetime
    is_good: bool = False


@dataclass(frozen=True, slots=True)
class Unsent:
    """A message, and the channels that have not taken it yet."""

    message: Message
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Memory:
    """`told` is when each topic was last worth an alert; `orders` are those of the checkpoint that
    were told, by id, each with the time by which its record is known again. `found_until` is up to
    when orders that fell through were looked at. `refusals`: how often in a row a channel has
    refused its letter.
    """

    trouble: Trouble | None = None
    told: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))
    orders: Mapping[int, datetime] = field(default_factory=lambda: MappingProxyType({}))
    found_until: datetime | None = None
    unsent: tuple[Unsent, ...] = ()
    refusals: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def is_at_work(self) -> bool:
        """Whether there is something to do for it, though nothing new has happened."""
        return self.trouble is not None or bool(self.unsent)


def encode(memory: Memory) -> bytes:
    """As JSON, cut to its bounds."""
    trouble = memory.trouble
    value = {
        "version": 2,
        "trouble": None
        if trouble is None
        else {
            "exit": trouble.exit,
            "since": iso(trouble.since),
            "title": trouble.title,
            "error": trouble.error,
            "told": trouble.told,
            "failed": trouble.failed,
            "good": trouble.good,
            "good_since": None if trouble.good_since is None else iso(trouble.good_since),
        },
        "told": {topic: iso(at) for topic, at in memory.told.items()},
        "orders": {str(id): iso(at) for id, at in memory.orders.items()},
        "found_until": None if memory.found_until is None else iso(memory.found_until),
        "refusals": {**memory.refusals},
        "unsent": [
            {
                "title": each.message.title,
                "body": each.message.body,
                "at": iso(each.message.at),
                "is_good": each.message.is_good,
                "channels": each.channels,
            }
            for each in memory.unsent[-MOST_UNSENT:]
        ],
    }
    return json.dumps(value, indent=1).encode() + b"\n"


def decode(data: bytes) -> Memory:
    """The memory; an empty one where the data is none."""
    try:
        value: Any = json.loads(data)
        trouble = value["trouble"]
        return Memory(
            None if trouble is None else _trouble(trouble),
            {str(topic): _moment(at) for topic, at in value["told"].items()},
            {int(id): _moment(at) for id, at in value["orders"].items()},
            _moment_or_none(value["found_until"]),
            tuple(map(_unsent, value["unsent"])),
            {str(channel): int(count) for channel, count in value["refusals"].items()},
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return Memory()


def _unsent(value: dict[str, Any]) -> Unsent:
    title, body, at = _text(value["title"]), _text(value["body"]), _moment(value["at"])
    channels = tuple(map(_text, value["channels"]))
    return Unsent(Message(title, body, at, bool(value["is_good"])), channels)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _trouble(value: dict[str, Any]) -> Trouble:
    since = _moment(value["since"])
    title, error = str(value["title"]), str(value["error"])
    return Trouble(
        Exit(value["exit"]),
        since,
        title,
        error,
        bool(value["told"]),
        int(value["failed"]),
        int(value["good"]),
        _moment_or_none(value["good_since"]),
    )


def _moment_or_none(text: str | None) -> datetime | None:
    return None if text is None else _moment(text)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no zone")
    return moment


class Store:
    """Where the memory is: in the first of these directories that takes it.

    The second is for the alert about the first: a full or broken disk. systemd keeps the runtime
    directory between cycles (RuntimeDirectoryPreserve=).
    """

    def __init__(self, state: Path, environ: Mapping[str, str] = os.environ) -> None:
        runtime = environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
        self._files = [state / "alerts", *([Path(runtime) / "alerts"] if runtime else [])]

    def read(self) -> Memory:
        """What was saved last; an empty memory where nothing can be read."""
        found = [file for file in self._files if _written_at(file)]
        for file in sorted(found, key=_written_at, reverse=True):
            try:
                return decode(read_own(file))
            except OSError:
                continue
        return Memory()

    def save(self, memory: Memory) -> str | None:
        """Replace it. Returns None, or why no directory took it."""
        data, problem = encode(memory), None
        for file in self._files:
            try:
                replace(file, data, durable=False)
            except OSError as refused:
                problem = problem or f"{file} can't be written: {refused.strerror}"
            else:
                return None
        return problem


def _written_at(file: Path) -> int:
    try:
        return file.lstat().st_mtime_ns
    except OSError:
        return 0
