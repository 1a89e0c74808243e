"""Times, spans of time and counts, as people type and read them."""

import re
from datetime import UTC, datetime, timedelta

_UNITS = {
    "s": timedelta(seconds=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_SPAN = re.compile(r"([0-9]{1,9})(s|min|h|d|w)", re.ASCII)


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC, to the second, as every `--json` and the checkpoint have it."""
    # Not %Y, which writes a year before 1000 with fewer than its four digits.
    return f"{moment.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat()}Z"


def span(text: str) -> timedelta:
    """A span such as 90s, 15min, 2h, 3d or 1h30min. Raises ValueError."""
    parts = _SPAN.findall(text)
    if not parts or "".join(map("".join, parts)) != text:
        raise ValueError(f"{text!r} is no span of time, such as 15min, 2h or 3d")
    try:
        return sum((int(number) * _UNITS[unit] for number, unit in parts), timedelta())
    except OverflowError:
        raise ValueError(f"{text!r} is too long") from None


def moment(text: str) -> datetime:
    """A time in ISO 8601, aware; without an offset it is this machine's local time.

    Raises ValueError.
    """
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no time, such as 2026-01-31T18:00 or 2026-01-31") from None


def ago(text: str) -> datetime:
    """A time, or a span before now such as 2h; aware. Raises ValueError."""
    try:
        return datetime.now(UTC) - span(text)
    except OverflowError:
        raise ValueError(f"{text!r} is too long ago") from None
    except ValueError:
        pass
    try:
        return moment(text)
    except ValueError as problem:
        raise ValueError(f"{problem}, and no span of time before now, such as 2h") from None


def counted(number: int, what: str) -> str:
    """So many of something: 1 order, 2 orders."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def spoken(seconds: float) -> str:
    """A span for people, in its two largest units: 45 s, 2 min, 3 h 5 min, 2 d 4 h."""
    whole = max(0, round(seconds))
    parts: list[tuple[int, str]] = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, whole = divmod(whole, size)
        if count or parts:
            parts.append((count, unit))
    shown = [f"{count} {unit}" for count, unit in parts[:2] if count]
    return " ".join(shown) or "0 s"
