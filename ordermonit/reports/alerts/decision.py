"""What is worth a message: a pure function of the memory, how a cycle ended, and the time.

One cycle makes one message at most. A topic that was told is quiet for `quiet_period`; what lasts
is told again after it, and its end once.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from ordermonit.configuration.alerts import Alerts
from ordermonit.errors import Exit
from ordermonit.reports.alerts import text
from ordermonit.reports.alerts.memory import Memory, Message, Trouble, held
from ordermonit.reports.notes import Ended, Note

_EXHAUSTED = "exhausted"
_MISSING = "missing"
_OUTAGE = "outage"


@dataclass(frozen=True, slots=True)
class Sender:
    """In whose name messages are: the program's and the machine's."""

    app_name: str
    host: str


def decide(
    memory: Memory, ended: Ended, alerts: Alerts, sender: Sender, now: datetime
) -> tuple[Memory, Message | None]:
    """The message of this cycle, None for none, and what to remember."""
    told = {topic: at for topic, at in memory.told.items() if _is_quiet(at, alerts, now)}
    orders, waiting = _orders(memory, ended, alerts, told, now)
    trouble = _trouble(memory.trouble, ended, now)
    news: list[text.Part] = []
    if trouble is not None and ended.exit:  # who is paused or was stopped has failed of nothing
        trouble, news = _bad_news(trouble, alerts, sender, told, now)
    bad = [*orders, *news]
    good = _good_news(memory.trouble, trouble, ended, alerts, told, now)
    after = replace(memory, trouble=trouble, told=told, held=waiting)
    parts = [*bad, *good]
    if not parts:
        return after, None
    title = f"{sender.app_name} on {sender.host}: {'; '.join(part.title for part in parts)}"
    body = "\n\n".join(part.text for part in parts)
    return after, Message(title, body, now, is_good=not bad)


def _is_quiet(told: datetime, alerts: Alerts, now: datetime) -> bool:
    """Whether that is so short ago. A time in the future, of a clock that was put back, says
    nothing."""
    return 0 <= (now - told).total_seconds() < alerts.quiet_period


def _orders(
    memory: Memory, ended: Ended, alerts: Alerts, told: dict[str, datetime], now: datetime
) -> tuple[list[text.Part], tuple[Note, ...]]:
    """News of single orders; and those that were given up and wait for the end of the quiet."""
    parts = []
    waiting = held((*memory.held, *ended.notes.exhausted))
    if waiting and _EXHAUSTED not in told:
        parts.append(text.exhausted(waiting))
        told[_EXHAUSTED] = now
        waiting = ()
    missing, limit = ended.notes.missing, alerts.missing_orders
    if limit is not None and len(missing) > limit and _MISSING not in told:
        parts.append(text.missing(missing, limit))
        told[_MISSING] = now
    return parts, waiting


def _trouble(before: Trouble | None, ended: Ended, now: datetime) -> Trouble | None:
    """What is in the way of cycles after this one."""
    if not ended.exit:
        return None if ended.is_done else before
    title = error = f"exit {ended.exit}"
    if ended.problem is not None:
        title, error = ended.problem.title, str(ended.problem)
    if before is not None and before.exit == ended.exit:
        return replace(before, since=min(before.since, now), title=title, error=error)
    since = ended.notes.down_since or now
    return Trouble(ended.exit, since, title, error, told=before is not None and before.told)


def _bad_news(
    trouble: Trouble,
    alerts: Alerts,
    sender: Sender,
    told: dict[str, datetime],
    now: datetime,
) -> tuple[Trouble, list[text.Part]]:
    if str(trouble.exit) in told:
        return trouble, []
    if trouble.exit == Exit.TEMPORARY:
        lasts = (now - trouble.since).total_seconds()
        if alerts.downtime is None or lasts < alerts.downtime:
            return trouble, []
        part = text.down(trouble, now)
    else:
        part = text.refused(trouble, sender.app_name)
    told[str(trouble.exit)] = now
    return replace(trouble, told=True), [part]


def _good_news(
    before: Trouble | None,
    after: Trouble | None,
    ended: Ended,
    alerts: Alerts,
    told: dict[str, datetime],
    now: datetime,
) -> list[text.Part]:
    if after is None and before is not None and before.told:
        return [text.over(before, now)]
    outage = ended.notes.longest_outage
    if (
        after is None
        and alerts.downtime is not None
        and outage >= alerts.downtime
        and _OUTAGE not in told
    ):
        told[_OUTAGE] = now
        return [text.outage_over(outage)]
    return []
