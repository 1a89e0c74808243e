"""Whether journald keeps what cycles log: all of it, and over a boot."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ordermonit.doctor.findings import Findings, ok, warning
from ordermonit.doctor.known import Known
from ordermonit.health.systemctl import Properties
from ordermonit.health.timer import seconds
from ordermonit.shops import ALONE

_KEPT = Path("/var/log/journal")

#: Seconds that systemd-analyze gets for its answer.
_LIMIT = 15

_INTERVAL = "RateLimitIntervalSec"

#: The greatest LogRateLimitBurst= that there is.
_UNLIMITED = 4294967295

_RESTART = "systemctl restart systemd-journald"


#: So many lines one order has in a cycle, at most, and every cycle beside them.
_LINES = 10


def journal(unit: Properties, known: Known) -> Findings:
    """Where it is kept, and how much of it journald takes."""
    settings = _settings()
    problem = _not_kept(settings.get("Storage", "auto"))
    if problem is None:
        yield ok("the journal is kept over a boot")
    else:
        yield warning(*problem)
    burst, interval = _limit(unit, settings)
    lines = _lines(known)
    if burst and lines > burst:
        yield warning(
            f"journald takes {burst} lines in {interval} of the service and drops the others, and a"
            f" cycle may have {lines}",
            f"Type: systemctl edit {ALONE.service}, and add under [Service]:"
            f" LogRateLimitIntervalSec=1s and LogRateLimitBurst={_UNLIMITED}",
        )


def _settings() -> dict[str, str]:
    """What all files of journald.conf(5) come to; nothing where that can't be told."""
    command = ["systemd-analyze", "cat-config", "systemd/journald.conf"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_LIMIT
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return dict(re.findall(r"^(\w+)=(.*?)\s*$", done.stdout, re.MULTILINE))


def _not_kept(storage: str) -> tuple[str, str] | None:
    """What is wrong with it, and what to do."""
    lost = "the orders' history ends with each boot"
    keep = f"Set Storage=persistent in /etc/systemd/journald.conf, then type: {_RESTART}"
    match storage:
        case "none":
            return "journald keeps nothing (Storage=none): there is no history of any order", keep
        case "volatile":
            return f"the journal is kept in memory alone (Storage=volatile): {lost}", keep
    if not _KEPT.is_dir():
        make = "" if storage == "persistent" else f"mkdir {_KEPT} && "
        return f"the journal is kept in memory alone: {lost}", f"Type: {make}{_RESTART}"
    try:
        machine = Path("/etc/machine-id").read_text("ascii").strip()
    except OSError:
        return None
    if (_KEPT / machine).is_dir():
        return None
    return f"the journal is not written to {_KEPT} yet: {lost}", "Type: journalctl --flush"


def _limit(unit: Properties, settings: Mapping[str, str]) -> tuple[int, str]:
    """The lines, and the time for them, that journald takes of the service; no lines: no limit.

    The unit's own goes first; 0 is there what it would be without a word (systemd 252), and in
    journald.conf it is no limit.
    """
    own, span = unit.get("LogRateLimitBurst", "0"), unit.get("LogRateLimitIntervalUSec", "0")
    if own.isdecimal() and int(own) and seconds(span):
        return int(own), span
    burst, span = settings.get("RateLimitBurst", "10000"), settings.get(_INTERVAL, "30s")
    return (int(burst) if burst.isdecimal() and span not in ("0", "0s") else 0), span


def _lines(known: Known) -> int:
    """How many lines one cycle may log."""
    if known.configuration is None:
        return 0
    records = known.checkpoint.records.values() if known.checkpoint is not None else ()
    due = sum(record.is_due for record in records)
    return _LINES * (known.configuration.service.max_orders_per_request + due + 1)
