"""What follows a cycle, when all its work is durable: metrics, alerts, and the dead man's ping.

Nothing here may hurt a cycle: it neither raises nor changes the exit code, and its time is bounded.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ordermonit.errors import ConfigurationError, OrdermonitError, Unavailable
from ordermonit.orders.events import Event
from ordermonit.reports import notify
from ordermonit.reports.journal import Log
from ordermonit.reports.notes import Ended
from ordermonit.state.directory import State
from ordermonit.text import one_line

if TYPE_CHECKING:
    from ordermonit.configuration.alerts import Alerts
    from ordermonit.reports.alerts.memory import Message, Store

#: Seconds beyond send_timeout that systemd gives us before it takes us for hanging.
_GRACE = 30


@dataclass(frozen=True, slots=True)
class Metrics:
    """Where the metrics go, and the seconds from one cycle to the next."""

    file: str
    period: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where the cycle was, and in whose name."""

    config: Path
    state: State
    app_name: str
    metrics: Metrics | None = None


def after_cycle(ended: Ended, place: Place, log: Log) -> None:
    """Whatever is to be done. Another process that works on the state directory does it itself."""
    try:
        _lock(place.state)
    except Unavailable:
        return
    if place.metrics is not None:
        metrics = place.metrics
        _safely(lambda: _metrics(metrics, ended, place.state, log), log)
    _safely(lambda: _alerts(ended, place, log), log)


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


def _metrics(metrics: Metrics, ended: Ended, state: State, log: Log) -> None:
    try:
        from ordermonit.reports.metrics import write
    except ImportError:
        missing = "prometheus_client is not installed: pip install 'ordermonit[metrics]'"
        log.tell(Event.METRICS_FAILED, file=metrics.file, error=missing)
        return
    try:
        write(metrics.file, metrics.period, ended, state)
    except OSError as problem:
        error = f"{problem.strerror}; this service has to be allowed to write into its directory"
        log.tell(Event.METRICS_FAILED, file=metrics.file, error=error)


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
    from ordermonit.reports.alerts.memory import Store

    store = Store(place.state.directory)
    if alerts.channels and (ended.has_news or not store.is_empty()):
        _tell(ended, place, alerts, store, log)
    elif ended.is_done:
        _deliver({}, alerts, log, ping=True)


def _tell(ended: Ended, place: Place, alerts: Alerts, store: Store, log: Log) -> None:
    from ordermonit.reports.alerts import outbox
    from ordermonit.reports.alerts.decision import Sender, decide

    now = datetime.now(UTC).replace(microsecond=0)
    before = store.read()
    sender = Sender(place.app_name, socket.gethostname())
    memory, message = decide(before, ended, alerts, sender, now)
    memory = outbox.with_message(memory, message, list(outbox.named(alerts.channels)))
    # First what is to be sent is written, then it is sent: who is killed between sends it twice.
    problem = store.save(memory) if memory != before else None
    if problem is not None:
        log.tell(Event.ALERTS_FORGOTTEN, error=problem)
    if ended.is_stopped:
        return  # somebody waits for our end; the next cycle sends
    letters = outbox.letters(memory.unsent, now)
    taken = _deliver(dict(letters), alerts, log, ping=ended.is_done)
    if taken:
        store.save(outbox.taken(memory, frozenset(taken)))


def _deliver(letters: dict[str, Message], alerts: Alerts, log: Log, *, ping: bool) -> list[str]:
    """The channels that took their letters; what became of each is logged."""
    ping_url = alerts.ping_url if ping else None
    if not letters and ping_url is None:
        return []
    from ordermonit.reports.alerts.delivery import PING, deliver
    from ordermonit.reports.alerts.outbox import named

    notify.extend(alerts.send_timeout + _GRACE)
    answers = deliver(letters, named(alerts.channels), alerts.send_timeout, ping_url)
    for name, problem in answers.items():
        if name == PING:
            if problem is not None:
                log.tell(Event.PING_FAILED, error=problem)
        elif problem is None:
            log.tell(Event.ALERT_SENT, channel=name, sentence=letters[name].title)
        else:
            log.tell(Event.ALERT_FAILED, channel=name, error=problem)
    return [name for name, problem in answers.items() if problem is None and name != PING]
