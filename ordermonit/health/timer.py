"""What systemd says of a shop's timer and of the service's last run."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ordermonit.health.systemctl import Properties, Silent, show_all
from ordermonit.shops import ALONE, Shop

#: Seconds until a systemd that does not answer counts as none.
_PATIENCE = 5

_PROPERTIES = (
    *("LoadState", "ActiveState", "UnitFileState"),
    *("NextElapseUSecRealtime", "NextElapseUSecMonotonic"),
    *("StatusText", "Result", "ExecMainStatus", "ExecMainExitTimestamp"),
)

#: systemd's units of time (systemd.time(7)), in seconds.
_UNITS = {
    "y": 31557600,
    "month": 2629800,
    "w": 604800,
    "d": 86400,
    "h": 3600,
    "min": 60,
    "s": 1,
    "ms": 0.001,
    "us": 0.000001,
}
_SPAN = re.compile(r"([0-9.]+)(y|month|w|d|h|min|ms|us|s)\b", re.ASCII)


@dataclass(frozen=True, slots=True)
class Timer:
    """The timer, and its service's last run. `result` and `exit` are systemd's; `doing` is what
    a running cycle says of itself."""

    is_installed: bool
    is_active: bool
    is_enabled: bool
    next_at: datetime | None
    is_running: bool
    doing: str
    result: str
    exit: int
    ended_at: datetime | None


def ask(shop: Shop = ALONE) -> Timer | None:
    """Ask systemd; None where there is none, or where it does not answer us."""
    (timer,) = ask_all((shop,))
    return timer


def ask_all(shops: Sequence[Shop]) -> list[Timer | None]:
    """The same of several shops, with one question."""
    try:
        units = show_all(_PROPERTIES, _PATIENCE, shops)
    except Silent:
        return [None for _ in shops]
    now, monotonic = datetime.now(UTC), time.monotonic()
    return [read(timer, service, now, monotonic) for timer, service in units]


def read(timer: Properties, service: Properties, now: datetime, monotonic: float) -> Timer:
    """What their properties say; `monotonic` are the seconds of that clock at `now`."""
    active = timer.get("ActiveState") == "active"
    status = service.get("ExecMainStatus", "")
    return Timer(
        is_installed=timer.get("LoadState") == "loaded",
        is_active=active,
        is_enabled=timer.get("UnitFileState", "").startswith("enabled"),
        next_at=_next(timer, now, monotonic) if active else None,
        is_running=service.get("ActiveState") in ("activating", "active"),
        doing=service.get("StatusText", ""),
        result=service.get("Result", ""),
        exit=int(status) if status.isascii() and status.isdigit() else 0,
        ended_at=_stamp(service.get("ExecMainExitTimestamp", "")),
    )


def _next(timer: Properties, now: datetime, monotonic: float) -> datetime | None:
    """The sooner of the calendar's and the monotonic clock's next elapse."""
    found = [_stamp(timer.get("NextElapseUSecRealtime", ""))]
    since_boot = seconds(timer.get("NextElapseUSecMonotonic", ""))
    if since_boot is not None:
        found.append(now + timedelta(seconds=max(0, since_boot - monotonic)))
    return min((each for each in found if each is not None), default=None)


def seconds(span: str) -> float | None:
    """A span as systemd prints it (5d 3h 46min 6.236s); None for infinity and anything else."""
    parts = _SPAN.findall(span)
    if not parts or " ".join(map("".join, parts)) != span.strip():
        return None
    try:
        return float(sum(float(number) * _UNITS[unit] for number, unit in parts))
    except ValueError:
        return None


def _stamp(text: str) -> datetime | None:
    """A time as systemd prints it: Tue 2026-11-24 03:43:23.123456 UTC."""
    for form in ("%Y-%m-%d %H:%M:%S.%f UTC", "%Y-%m-%d %H:%M:%S UTC"):
        try:
            return datetime.strptime(text.partition(" ")[2], form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None
