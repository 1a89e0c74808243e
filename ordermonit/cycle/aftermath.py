"""What follows a cycle, when all its work is durable: the standby's copy, metrics, alerts, and the
dead man's ping.

Nothing here may hurt a cycle: it neither raises nor changes the exit code, and its time is bounded.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ordermonit.errors import ConfigurationError, OrdermonitError, StateLocked, Unavailable
from ordermonit.orders.events import Event
from ordermonit.reports import notify
from ordermonit.reports.journal import Log
from ordermonit.reports.notes import Ended
from ordermonit.shops import ALONE, Shop
from ordermonit.state.directory import State
from ordermonit.text import one_line

if TYPE_CHECKING:
    from ordermonit.configuration import Configuration
    from ordermonit.configuration.alerts import Alerts
    from ordermonit.reports.alerts.memory import Memory, Message, Store
    from ordermonit.reports.alerts.outbox import Outcome
    from ordermonit.reports.alerts.standing import Standing

#: Seconds beyond send_timeout that systemd gives us before it takes us for hanging.
_GRACE = 30


@dataclass(frozen=True, slots=True)
class Files:
    """What each cycle writes for others, where it is wanted, and the seconds between cycles."""

    metrics: str | None
    page: str | None
    period: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where the cycle was, in whose name, and in which language people are told."""

    config: Path
    state: State
    app_name: str
    language: str
    files: Files | None = None
    shop: Shop = ALONE
    configuration: Configuration | None = None  # where it names a standby


def after_cycle(ended: Ended, place: Place, log: Log) -> None:
    """Whatever is to be done. Another process that works on the state directory does it itself;
    unless it has done so for too long, and may never come to its end."""
    try:
        _lock(place.state)
    except Unavailable:
        if not _is_kept_out(ended):
            return
    if place.configuration is not None and place.state.is_locked:
        from ordermonit.cycle.standby import copy

        configuration, stopped = place.configuration, ended.is_stopped
        _safely(lambda: copy(configuration, place.state, log, place.shop, is_stopped=stopped), log)
    if place.files is not None:
        metrics, page, period = place.files.metrics, place.files.page, place.files.period
        if metrics is not None:
            _safely(lambda: _metrics(metrics, period, ended, place, log), log)
        if page is not None:
            _safely(lambda: _page(page, period, ended, place, log), log)
    _safely(lambda: _alerts(ended, place, log), log)


def _is_kept_out(ended: Ended) -> bool:
    """Whether the lock was held for longer than cycles take: that is told as a downtime."""
    problem, service = ended.problem, ended.notes.service
    if not isinstance(problem, StateLocked) or service is None:
        return False
    from ordermonit.state.holder import is_too_long

    ended.notes.down_since = problem.since
    return is_too_long(problem.since, service.running_cycle, datetime.now(UTC))


def _lock(state: State) -> None:
    """Have the lock, where it can be had at all."""
    if state.is_locked:
        return
    try:
        state.lock()
    except Unavailable:
        raise
    except OrdermonitError:
        return  # the directory is missing or broken, and that is what there is to tell


def _safely(act: Callable[[], None], log: Log) -> None:
    try:
        act()
    except Exception as problem:
        log.tell(Event.AFTERMATH_FAILED, error=one_line(f"{type(problem).__name__}: {problem}"))


def _metrics(file: str, period: float, ended: Ended, place: Place, log: Log) -> None:
    try:
        from ordermonit.reports.metrics import Whose, write
    except ImportError:
        missing = "prometheus_client is not installed: pip install 'ordermonit[metrics]'"
        log.tell(Event.METRICS_FAILED, file=file, error=missing)
        return
    try:
        whose = Whose(place.app_name, place.shop)
        write(file, whose, period, ended, place.state)
    except OSError as problem:
        log.tell(Event.METRICS_FAILED, file=file, error=_refused(problem))


def _page(file: str, period: float, ended: Ended, place: Place, log: Log) -> None:
    from ordermonit.language import speaking
    from ordermonit.views.page import write

    try:
        with speaking(place.language):
            write(file, place.app_name, place.shop, period, ended, place.state)
    except OSError as problem:
        log.tell(Event.PAGE_FAILED, file=file, error=_refused(problem))


def _refused(problem: OSError) -> str:
    return f"{problem.strerror}; this service has to be allowed to write into its directory"


def _alerts(ended: Ended, place: Place, log: Log) -> None:
    # A directory without alerts.yml costs one look at it (rule C2).
    if not os.path.lexists(place.config / "alerts.yml"):
        return
    from ordermonit.configuration.alerts import load_alerts

    try:
        alerts = load_alerts(place.config)
    except ConfigurationError as problem:
        log.tell(Event.ALERTS_WRONG, error=str(problem))
        return
    if alerts is None:
        return
    if not alerts.reaches_somebody:
        if ended.is_done:
            _deliver({}, alerts, log, ping=True)
        return
    from ordermonit.reports.alerts.memory import Store
    from ordermonit.reports.alerts.standing import standing

    store, now = Store(place.state.directory), datetime.now(UTC).replace(microsecond=0)
    memory = store.read()
    found = standing(memory, ended, alerts, now)
    if ended.is_news or found.is_news or memory.is_at_work:
        from ordermonit.language import speaking

        with speaking(place.language):
            _tell(_News(memory, ended, found, now), place, alerts, store, log)
        return
    if memory.found_until is None:  # from now on, whatever is killed
        store.save(replace(memory, found_until=now))
    if ended.is_done:
        _deliver({}, alerts, log, ping=True)


@dataclass(frozen=True, slots=True)
class _News:
    """What there may be to tell, and what was told before."""

    memory: Memory
    ended: Ended
    found: Standing
    now: datetime


def _tell(news: _News, place: Place, alerts: Alerts, store: Store, log: Log) -> None:
    from ordermonit.reports.alerts import outbox
    from ordermonit.reports.alerts.decision import Sender, decide

    before, ended, now = news.memory, news.ended, news.now
    sender = Sender(place.app_name, socket.gethostname(), place.shop)
    memory, message = decide(before, ended, news.found, alerts, sender, now)
    names = tuple(outbox.channels(alerts))
    memory = outbox.with_message(memory, message, names)
    # First what is to be sent is written, then it is sent: who is killed between sends it twice.
    problem = store.save(memory) if memory != before else None
    if problem is not None:
        log.tell(Event.ALERTS_FORGOTTEN, error=problem)
    if ended.is_stopped:
        return  # somebody waits for our end; the next cycle sends
    letters = outbox.letters(memory.unsent, now)
    outcomes = _deliver(dict(letters), alerts, log, ping=ended.is_done)
    after, dropped = outbox.delivered(memory, outcomes, names, now)
    for each in dropped:
        log.tell(Event.ALERT_DROPPED, channel=each.channel, sentence=each.title, error=each.problem)
    if after != memory:
        store.save(after)


def _deliver(
    letters: dict[str, Message], alerts: Alerts, log: Log, *, ping: bool
) -> dict[str, Outcome]:
    """What became of each letter; it is logged."""
    if not letters and not (ping and alerts.ping_url):
        return {}
    from ordermonit.reports.alerts.delivery import PING, deliver

    notify.extend(alerts.send_timeout + _GRACE)
    outcomes = deliver(letters, alerts, ping=ping)
    arrived = outcomes.pop(PING, None)
    if arrived is not None and arrived.problem is not None:
        log.tell(Event.PING_FAILED, error=arrived.problem)
    for name, outcome in outcomes.items():
        if outcome.problem is None:
            log.tell(Event.ALERT_SENT, channel=name, sentence=letters[name].title)
        else:
            log.tell(Event.ALERT_FAILED, channel=name, error=outcome.problem)
    return outcomes
