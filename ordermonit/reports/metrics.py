"""The Prometheus textfile: what a cycle leaves for node_exporter.

A counter outlives its process in that file alone: each cycle reads what stands there and adds its
own. Where it can't be read they begin at 0 again, which Prometheus takes for a restart.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client import Metric, write_to_textfile
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families

from ordermonit.errors import OrdermonitError, StateLocked
from ordermonit.orders.model import Status
from ordermonit.reports.lag import lag
from ordermonit.reports.notes import Ended, Sight
from ordermonit.shops import Shop
from ordermonit.state.checkpoint import Checkpoint
from ordermonit.state.directory import State

_SUCCESS = "ordermonit_last_success_timestamp_seconds"
_OPERATIONS = "ordermonit_operations"
_CYCLES = "ordermonit_cycles"
_SESSIONS = "ordermonit_sessions"
_SECONDS = "ordermonit_session_begin_seconds"


@dataclass(frozen=True, slots=True)
class Kept:
    """What goes on from one cycle to the next. `last_success` is in seconds of Unix time."""

    operations: Mapping[tuple[str, ...], float] = field(default_factory=dict)
    cycles: Mapping[tuple[str, ...], float] = field(default_factory=dict)
    last_success: float | None = None
    sessions: Mapping[tuple[str, ...], float] = field(default_factory=dict)
    seconds: Mapping[tuple[str, ...], float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose metrics they are: the labels `app` and, where a host has several shops, `shop`."""

    app_name: str
    shop: Shop

    @property
    def labels(self) -> dict[str, str]:
        """What each of them has."""
        return {"app": self.app_name} | ({"shop": self.shop.name} if self.shop.name else {})


def write(file: str, whose: Whose, period: float, ended: Ended, state: State) -> None:
    """Replace the textfile in one step, readable by everybody. `period`: seconds between cycles.

    Raises OSError where it can't be written.
    """
    checkpoint = None
    with suppress(OrdermonitError):  # the exit code tells of it
        checkpoint = state.read()
    now = datetime.now(UTC)
    before = os.umask(0o022)  # node_exporter is somebody else; the unit's mask is 0077
    try:
        families = _families(_kept(Path(file)), period, ended, checkpoint, now)
        write_to_textfile(file, _Collected([_labelled(each, whose) for each in families]))
    finally:
        os.umask(before)


class _Collected:
    """What prometheus_client writes."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families


def _labelled(family: Metric, whose: Whose) -> Metric:
    labelled = Metric(family.name, family.documentation, family.type)
    for sample in family.samples:
        labelled.add_sample(sample.name, {**whose.labels, **sample.labels}, sample.value)
    return labelled


def _kept(file: Path) -> Kept:
    try:
        return kept(file.read_text("utf-8"))
    except (OSError, ValueError):
        return Kept()


def kept(text: str) -> Kept:
    """What the cycles before this one left in a textfile. Raises ValueError where it is none."""
    operations: dict[tuple[str, ...], float] = {}
    cycles: dict[tuple[str, ...], float] = {}
    sessions: dict[tuple[str, ...], float] = {}
    seconds: dict[tuple[str, ...], float] = {}
    last_success = None
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = sample.labels
            if not 0 <= sample.value < math.inf:
                continue
            if sample.name == f"{_OPERATIONS}_total" and {"operation", "result"} <= labels.keys():
                operations[labels["operation"], labels["result"]] = sample.value
            elif sample.name == f"{_CYCLES}_total" and "exit" in labels:
                cycles[(labels["exit"],)] = sample.value
            elif sample.name == f"{_SESSIONS}_total" and "begin" in labels:
                sessions[(labels["begin"],)] = sample.value
            elif sample.name == f"{_SECONDS}_total" and "begin" in labels:
                seconds[(labels["begin"],)] = sample.value
            elif sample.name == _SUCCESS:
                last_success = sample.value
    return Kept(operations, cycles, last_success, sessions, seconds)


def _families(
    kept: Kept, period: float, ended: Ended, checkpoint: Checkpoint | None, now: datetime
) -> Iterator[Metric]:
    ends = now.timestamp()
    if isinstance(ended.problem, StateLocked):
        yield _gauge(
            "ordermonit_lock_held_since_timestamp_seconds",
            "Since when another process keeps cycles out, Unix time; only while it does.",
            ended.problem.since.timestamp(),
        )
    success = ends if ended.is_done else kept.last_success
    yield _gauge("ordermonit_up", "Whether the last cycle ended well.", not ended.exit)
    yield _gauge(
        "ordermonit_paused", "Whether the last cycle did nothing on request.", ended.is_paused
    )
    yield _gauge(
        "ordermonit_last_cycle_exit_code", "The exit code of the last cycle.", int(ended.exit)
    )
    yield _gauge(
        "ordermonit_last_cycle_timestamp_seconds", "When the last cycle ended, Unix time.", ends
    )
    if success is not None:
        yield _gauge(_SUCCESS, "When a cycle last came to its end, Unix time.", success)
    yield _gauge(
        "ordermonit_last_cycle_duration_seconds",
        "How long the last cycle took.",
        max(0.0, (now - ended.started_at).total_seconds()),
    )
    yield _gauge(
        "ordermonit_cycle_period_seconds", "running_cycle: from one cycle to the next.", period
    )
    yield _counter(
        _CYCLES,
        "Cycles by their exit code.",
        ("exit",),
        _sum(kept.cycles, {(str(int(ended.exit)),): 1}),
    )
    yield _counter(
        _OPERATIONS,
        "Questions and tasks that were put to the node, by what came of them.",
        ("operation", "result"),
        _sum(kept.operations, ended.notes.answers),
    )
    began = {(how,): ended.notes.began(how) for how in ("boot", "warm")}
    yield _counter(
        _SESSIONS,
        "Sessions with the node: Rails booted for it, or was kept booted and warm.",
        ("begin",),
        _sum(kept.sessions, {how: count for how, (count, _) in began.items()}),
    )
    yield _counter(
        _SECONDS,
        "How long it took until sessions were ready, all together.",
        ("begin",),
        _sum(kept.seconds, {how: seconds for how, (_, seconds) in began.items()}),
    )
    if checkpoint is not None:
        yield from _standing(checkpoint, ended.notes.sight, now)


def _standing(checkpoint: Checkpoint, sight: Sight | None, now: datetime) -> Iterator[Metric]:
    head = checkpoint.head
    yield _gauge("ordermonit_head", "The id up to which all orders were looked at.", head)
    orders = GaugeMetricFamily(
        "ordermonit_orders",
        "Records of the checkpoint by status; of SUCCESS it keeps the newest alone.",
        labels=("status",),
    )
    counts = Counter(record.status for record in checkpoint.records.values())
    for status in Status:
        orders.add_metric((status.value,), counts[status])
    yield orders
    if sight is None:
        return
    behind = lag(sight, checkpoint, now)
    yield _gauge(
        "ordermonit_lag_orders",
        "Orders beyond HEAD that nobody has looked at, at most.",
        behind.orders,
    )
    if behind.seconds is not None:
        yield _gauge(
            "ordermonit_lag_seconds",
            "Age of the oldest order beyond HEAD, at most; 0 without one.",
            behind.seconds,
        )


def _gauge(name: str, documentation: str, value: float) -> Metric:
    return GaugeMetricFamily(name, documentation, value=value)


def _counter(
    name: str,
    documentation: str,
    labels: tuple[str, ...],
    values: Mapping[tuple[str, ...], float],
) -> Metric:
    family = CounterMetricFamily(name, documentation, labels=labels)
    for key, value in sorted(values.items()):
        family.add_metric(key, value)
    return family


def _sum(
    before: Mapping[tuple[str, ...], float], more: Mapping[tuple[str, ...], float]
) -> dict[tuple[str, ...], float]:
    return {key: before.get(key, 0) + more.get(key, 0) for key in {*before, *more}}
