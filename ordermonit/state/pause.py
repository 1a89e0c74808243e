"""A pause that a person ordered: the file `paused` in the state directory.

It ends when either clock says so: the wall's, at `until`, or the machine's own, after the span that
was asked for. So a wall clock that is set back by years makes no pause of years. One that is set
forward ends a pause too early, which is safe: a cycle may run at any time.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from ordermonit.errors import CheckpointError
from ordermonit.orders.gaps import Moment
from ordermonit.times import iso


@dataclass(frozen=True, slots=True)
class Pause:
    """Who paused it, when, until when (None: until `resume`), and why. `until` is aware."""

    who: str
    since: Moment
    until: datetime | None = None
    because: str | None = None

    def is_over(self, now: Moment) -> bool:
        """Whether cycles run again by themselves."""
        if self.until is None:
            return False
        asked = (self.until - self.since.wall) / timedelta(seconds=1)
        return now.wall >= self.until or now.elapsed(self.since) >= asked

    @property
    def sentence(self) -> str:
        """By whom, until when and why, for a person."""
        until = "ordermonit resume" if self.until is None else iso(self.until)
        why = "" if self.because is None else f" ({self.because})"
        return f"paused by {self.who} since {iso(self.since.wall)} until {until}{why}"

    def as_json(self) -> dict[str, object]:
        """For programs, and for the file."""
        return {
            "who": self.who,
            "since": iso(self.since.wall),
            "until": None if self.until is None else iso(self.until),
            "because": self.because,
        }

    def encode(self) -> bytes:
        """The file's content."""
        content = self.as_json() | {"seconds_since_boot": round(self.since.boot, 3)}
        return f"{json.dumps(content)}\n".encode()


def decode(data: bytes, name: str) -> Pause:
    """The pause that this file says. `name` is the file's, for messages.

    Raises CheckpointError for anything else: whoever asked for a pause meant it, and a cycle that
    fails loudly calls a person who can say what it should be.
    """
    try:
        content = json.loads(data)
        until, because = content["until"], content["because"]
        return Pause(
            str(content["who"]),
            Moment(_time(content["since"]), float(content["seconds_since_boot"])),
            None if until is None else _time(until),
            None if because is None else str(because),
        )
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        raise CheckpointError(
            f"{name} does not read as a pause, so no cycle runs",
            "To end the pause, type: ordermonit resume; to go on with it: ordermonit pause",
        ) from None


def _time(text: str) -> datetime:
    """Aware, as `iso` writes it; ValueError without a zone."""
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError
    return time
