"""What is worth a message: a pure function of the memory, how a cycle ended, and the time, in the
language that is spoken.

One cycle makes one message at most. A topic that was told is quiet for `quiet_period`; what lasts
is told again after it, and its end once. An order is told once.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ordermonit.configuration.alerts import Alerts
from ordermonit.errors import Exit
from ordermonit.language import _
from ordermonit.reports.alerts import text
from ordermonit.reports.alerts.memory import Memory, Message, Trouble
from ordermonit.reports.alerts.standing import Standing, still, told
from ordermonit.reports.notes import Ended
from ordermonit.shops import ALONE, Shop

_EXHAUSTED = "exhausted"
_WAITING = "waiting"
_MISSING = "missing"
_LAG = "lag"
_OUTAGE = "outage"


@dataclass(frozen=True, slots=True)
class Sender:
    """In whose name messages are: the program's, the machine's, and the shop's."""

    app_name: str
    host: str
    shop: Shop = ALONE

    @property
    def app(self) -> str:
        """The program's name and the shop's, as each title has them."""
        return f"{self.app_name} ({self.shop.name})" if self.shop.name else self.app_name


def decide(
    memory: Memory, ended: Ended, found: Standing, alerts: Alerts, sender: Sender, now: datetime
) -> tuple[Memory, Message | None]:
    """The message of this cycle, None for none, and what to remember. `found` is what stands in
    the checkpoint and the memory does not know."""
    quiet = {topic: at for topic, at in memory.told.items() if _is_quiet(at, alerts, now)}
    memory = replace(memory, told=quiet, orders=dict(still(memory, ended)))
    after, bad = _orders(memory, ended, found, alerts, now)
    topics = dict(after.told)
    trouble = _trouble(memory.trouble, ended, alerts, now)
    more: list[text.Part] = []
    if trouble is not None and ended.exit:  # who is paused or was stopped has failed of nothing
        trouble, more = _bad_news(trouble, alerts, sender, topics, now)
    bad += more
    good = _good_news(memory.trouble, trouble, ended, alerts, topics, now)
    after = replace(after, trouble=trouble, told=topics)
    parts = [*bad, *good]
    if not parts:
        return after, None
    news = "; ".join(part.title for part in parts)
    title = _("{app} on {host}: {news}", app=sender.app, host=sender.host, news=news)
    body = sender.shop.typed("\n\n".join(part.text for part in parts))
    return after, Message(title, body, now, is_good=not bad)


def _is_quiet(told: datetime, alerts: Alerts, now: datetime) -> bool:
    """Whether that is so short ago. A time in the future, of a clock that was put back, says
    nothing."""
    return 0 <= (now - told).total_seconds() < alerts.quiet_period


def _orders(
    memory: Memory, ended: Ended, found: Standing, alerts: Alerts, now: datetime
) -> tuple[Memory, list[text.Part]]:
    """News of orders. Those that are single wait for the end of the quiet, in the checkpoint."""
    topics, orders = dict(memory.told), dict(memory.orders)
    parts: dict[str, text.Part] = {}
    if found.given_up and _EXHAUSTED not in topics:
        parts[_EXHAUSTED] = text.exhausted(found.given_up)
        orders.update(told(*found.given_up))
    if found.waiting and _WAITING not in topics:
        parts[_WAITING] = text.waiting(found.waiting, alerts.lag or 0)
        orders.update(told(*found.waiting))
    limit = alerts.missing_orders
    if limit is not None and len(found.fallen) > limit and _MISSING not in topics:
        parts[_MISSING] = text.missing(found.fallen, limit)
    service = ended.notes.service
    if found.lag is not None and service is not None and _LAG not in topics:
        parts[_LAG] = text.behind(found.lag, service)
    topics.update(dict.fromkeys(parts, now))
    until = now if found.fallen else memory.found_until or now
    return replace(memory, told=topics, orders=orders, found_until=until), [*parts.values()]


def _trouble(before: Trouble | None, ended: Ended, alerts: Alerts, now: datetime) -> Trouble | None:
    """What is in the way of cycles after this one."""
    if not ended.exit:
        if before is None or not ended.is_done:
            return before
        good = replace(before, good=before.good + 1, good_since=before.good_since or now)
        return None if _is_over(good, alerts, now) else good
    title = error = f"exit {ended.exit}"
    if ended.problem is not None:
        title, error = ended.problem.title, str(ended.problem)
    if before is not None and before.exit == ended.exit:
        return replace(
            before,
            since=min(before.since, now),
            title=title,
            error=error,
            failed=before.failed + 1,
            good_since=None,
        )
    since = ended.notes.down_since or now
    return Trouble(ended.exit, since, title, error, told=before is not None and before.told)


def _is_over(trouble: Trouble, alerts: Alerts, now: datetime) -> bool:
    """Whether the good cycle that was just done ends it: not while most cycles fail.

    What was told of as lasting without a break ends with its first break; else there have to be as
    many good cycles as failed ones, or no other for as long as makes a downtime.
    """
    assert trouble.good_since is not None
    if trouble.good >= trouble.failed or (trouble.told and trouble.good == 1):
        return True
    return now - trouble.good_since >= timedelta(seconds=alerts.downtime or 0)


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
        part = text.refused(trouble, sender.app_name, sender.shop)
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
        not ended.exit
        and (after is None or not after.told)
        and alerts.downtime is not None
        and outage >= alerts.downtime
        and _OUTAGE not in told
    ):
        told[_OUTAGE] = now
        return [text.outage_over(outage)]
    return []
