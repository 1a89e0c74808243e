"""The clock: kept right, as the database's is, and as the Front's times mean it."""

import os
import subprocess
from datetime import UTC, datetime, timedelta

from ordermonit.doctor.findings import Finding, Findings, not_tried, ok, warning
from ordermonit.doctor.known import Known
from ordermonit.times import iso, spoken

#: How far two clocks may be apart, in seconds: min_order_age is of minutes.
MOST_APART = 10.0

#: How far in the future an order may have been made, for the same reason.
MOST_AHEAD = timedelta(minutes=5)

#: Seconds that systemd gets for an answer.
_LIMIT = 15


def synchronised() -> str | None:
    """systemd's NTPSynchronized, yes or no; None where it can't be asked."""
    command = ["timedatectl", "show", "--property=NTPSynchronized", "--value"]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_LIMIT,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    answer = done.stdout.strip()
    return answer if answer in ("yes", "no") else None


def clock(is_synchronised: str | None, known: Known) -> Findings:
    """Everything about this machine's clock."""
    match is_synchronised:
        case "yes":
            yield ok("the clock is synchronised")
        case "no":
            yield warning(
                "the clock is not synchronised: times in the journal and min_order_age may be off",
                "Type: timedatectl set-ntp true (or see to chrony or ntpd)",
            )
        case _:
            yield not_tried("whether the clock is synchronised: timedatectl gives no answer")
    if known.clock_ahead is None:
        yield not_tried("the database's clock: no database has told it")
    else:
        yield apart(known.clock_ahead)
    if known.newest and known.newest.created_at:
        now = datetime.now(UTC) - timedelta(seconds=known.clock_ahead or 0)
        yield from _times_are_utc(known.newest.created_at, now)


def apart(ahead: float) -> Finding:
    """What it means that our clock is ahead of the database's by so many seconds."""
    said = f"{spoken(abs(ahead))} {'ahead of' if ahead > 0 else 'behind'}"
    if abs(ahead) > MOST_APART:
        return warning(
            f"our clock is {said} the database's: min_order_age is off by as much",
            "Synchronise both machines' clocks: timedatectl",
        )
    return ok("our clock and the database's agree")


def _times_are_utc(created: datetime, now: datetime) -> Findings:
    if created - now > MOST_AHEAD:
        yield warning(
            f"the newest order was made at {iso(created)}, in the future: the Front's times are"
            " not UTC, or its clock is wrong",
            "Leave min_order_age at 0, or new orders wait as much longer; Rails writes UTC with"
            " config.active_record.default_timezone = :utc",
        )
