"""Everything that `status` shows, gathered; nothing of it may make the screen fail."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from ordermonit.commands import pausing
from ordermonit.commands.context import Context
from ordermonit.configuration import Configuration
from ordermonit.configuration.alerts import load_alerts
from ordermonit.cycle.plan import rules
from ordermonit.doctor.findings import Severity
from ordermonit.doctor.storage import room
from ordermonit.errors import ConfigurationError, OrdermonitError, Unavailable
from ordermonit.front.database import connected
from ordermonit.health.health import (
    Health,
    Newest,
    Problem,
    cycle_problems,
    front_problems,
    lag_problems,
    lock_problems,
    pause_problem,
    standby_problems,
    worst,
)
from ordermonit.health.timer import Timer, ask
from ordermonit.health.troubles import record_problems
from ordermonit.orders.lag import MOST, Lag, waiting
from ordermonit.orders.model import Operation, Status
from ordermonit.orders.rest import Rest, rests
from ordermonit.shops import ALONE, Shop
from ordermonit.state import standby
from ordermonit.state.checkpoint import Checkpoint
from ordermonit.state.directory import CycleResult, State
from ordermonit.state.holder import held
from ordermonit.state.pause import Pause
from ordermonit.times import iso

#: Seconds that the Front's database gets: a person waits for the screen.
_DATABASE_PATIENCE = 3


@dataclass(frozen=True, slots=True)
class Overview:
    """Where everything stands. `timer` is None without systemd; `is_verified`: whether there is a
    check that insertions are verified by (rule C4), None where the configuration is not known.
    `resting` are the orders whose next attempt is not before a time, the first one first."""

    at: datetime
    head: int
    gaps: int
    rescans: tuple[tuple[int, int], ...]
    pause: Pause | None
    counts: dict[Status, int]
    newest: Newest
    timer: Timer | None
    cycles: tuple[CycleResult, ...]
    problems: tuple[Problem, ...]
    is_verified: bool | None = None
    resting: tuple[Rest, ...] = ()
    shop: Shop = ALONE

    @property
    def health(self) -> Health:
        """The one word."""
        return worst(self.problems)

    @property
    def behind(self) -> int | None:
        """How many ids the newest order is ahead of HEAD."""
        return None if self.newest.id is None else self.newest.id - self.head

    def as_json(self) -> dict[str, object]:
        """For `status --json`."""
        timer = self.timer
        cycles = [asdict(each) for each in self.cycles]
        return {
            **({"shop": self.shop.name} if self.shop.name else {}),
            "health": self.health,
            "at": iso(self.at),
            "head": self.head,
            "newest": self.newest.id,
            "behind": self.behind,
            "front_error": self.newest.error,
            "counts": {str(status): count for status, count in self.counts.items()},
            "insertions_verified": self.is_verified,
            "resting": {
                "orders": len(self.resting),
                "next_attempt": _iso(self.resting[0].until) if self.resting else None,
            },
            "gaps": self.gaps,
            "rescans": [list(each) for each in self.rescans],
            "paused": None if self.pause is None else self.pause.as_json(),
            "problems": [
                {
                    "health": each.health,
                    "what": each.what,
                    "since": _iso(each.since),
                    "remedy": each.remedy,
                }
                for each in self.problems
            ],
            "last_cycle": cycles[-1] if cycles else None,
            "cycles": cycles,
            "timer": None
            if timer is None
            else {
                "installed": timer.is_installed,
                "active": timer.is_active,
                "enabled": timer.is_enabled,
                "next_at": _iso(timer.next_at),
                "running": timer.is_running,
                "doing": timer.doing if timer.is_running else None,
            },
        }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else iso(moment)


def overview(context: Context) -> Overview:
    """Look at everything now. Raises CheckpointError and StateError, for the checkpoint alone."""
    timer = ask(context.shop)  # without D-Bus systemd answers root alone
    return looked_at(context.shop, context.state, context.configuration, timer)


def looked_at(
    shop: Shop, state: State, load: Callable[[], Configuration], timer: Timer | None
) -> Overview:
    """The same of any shop, with what systemd says of it. Raises CheckpointError, StateError."""
    checkpoint = state.read()
    configuration, newest, misconfigured = _configuration(load, state)
    lag = None
    if configuration is not None:
        newest, lag = _newest(configuration, checkpoint)
    cycles = tuple(state.read_cycles())
    now = datetime.now(UTC)
    period = None if configuration is None else configuration.service.running_cycle
    pause, pause_problems = _pause(state)
    other = None if configuration is None else configuration.service.standby
    there = None if other is None else other.host
    in_cycles = [
        *cycle_problems(cycles, timer, period, now, there),
        *lock_problems(held(state.lock_file), period, now),
    ]
    now_seen = [
        *misconfigured,
        *front_problems(newest, checkpoint.head, checkpoint.gaps),
        *_room(state),
        *_alerts(configuration, state),
        *(standby_problems(standby.read(state)) if other is not None else ()),
    ]
    if configuration is not None and lag is not None:
        limit = configuration.service.max_orders_per_request
        now_seen += lag_problems(lag, limit, configuration.service.running_cycle, now)
    resting = {}
    if configuration is not None:
        resting = rests(checkpoint.records.values(), rules(configuration), now)
    problems = (
        *pause_problems,
        *in_cycles,
        # What the last cycle failed of is said once.
        *(each for each in now_seen if not any(each.what in told.what for told in in_cycles)),
        *record_problems(checkpoint.records.values(), resting),
    )
    return Overview(
        at=now,
        head=checkpoint.head,
        gaps=len(checkpoint.gaps),
        rescans=checkpoint.rescans,
        pause=pause,
        counts=_counts(checkpoint),
        newest=newest,
        timer=timer,
        cycles=cycles,
        problems=tuple(_of(shop, sorted(problems, key=lambda each: -each.health.rank))),
        is_verified=None
        if configuration is None
        else Operation.ORDER_EXISTS in configuration.node.checks,
        resting=tuple(sorted(resting.values(), key=lambda each: each.until)),
        shop=shop,
    )


def _of(shop: Shop, problems: Iterable[Problem]) -> Iterator[Problem]:
    """The problems with commands and units as they are typed for this shop."""
    for each in problems:
        yield replace(each, what=shop.typed(each.what), remedy=shop.typed(each.remedy))


def _pause(state: State) -> tuple[Pause | None, list[Problem]]:
    """The pause that holds now, and what there is to say about it."""
    try:
        pause = pausing.held(state)
    except OrdermonitError as problem:
        return None, [Problem(Health.DOWN, problem.message, None, problem.remedy)]
    return pause, [] if pause is None else [pause_problem(pause)]


def _room(state: State) -> list[Problem]:
    """A disk that is full, or all but."""
    try:
        found = room(os.statvfs(state.directory), state.directory)
    except OSError:
        return []
    if found.severity is not Severity.ERROR:
        return []
    return [Problem(Health.DEGRADED, found.found, None, found.remedy)]


def _alerts(configuration: Configuration | None, state: State) -> list[Problem]:
    """An alerts.yml that can't be used: it costs no cycle, so no cycle fails of it."""
    try:
        if configuration is not None:
            load_alerts(configuration.directory)
    except ConfigurationError as problem:
        if _sees_what_cycles_see(state):
            what = f"no alert is sent: {'; '.join(problem.lines)}"
            return [Problem(Health.DEGRADED, what, None, problem.remedy)]
    return []


def _counts(checkpoint: Checkpoint) -> dict[Status, int]:
    count = Counter(record.status for record in checkpoint.records.values())
    return {status: count[status] for status in Status}


def _configuration(
    load: Callable[[], Configuration], state: State
) -> tuple[Configuration | None, Newest, list[Problem]]:
    """The configuration; or why the newest order can't be asked for, and what is wrong then."""
    try:
        return load(), Newest(None), []
    except ConfigurationError as problem:
        if not _sees_what_cycles_see(state):
            return None, Newest(None, problem.in_one_line), []
        what = f"the configuration is wrong: {'; '.join(problem.lines)}"
        wrong = Problem(Health.DOWN, what, None, problem.remedy)
        return None, Newest(None, "the configuration is wrong, see below"), [wrong]


def _sees_what_cycles_see(state: State) -> bool:
    """Whether this is root or the service's user: a file that others may not read is no mistake."""
    try:
        return os.geteuid() in (0, state.directory.stat().st_uid)
    except OSError:
        return False


def _newest(configuration: Configuration, checkpoint: Checkpoint) -> tuple[Newest, Lag | None]:
    head, min_age = checkpoint.head, configuration.service.min_order_age
    try:
        with connected(configuration.database, _DATABASE_PATIENCE) as front:
            newest = front.newest() or 0
            found = front.from_head(head, MOST) if newest > head else []
    except OrdermonitError as problem:
        return Newest(None, problem.message, is_down=isinstance(problem, Unavailable)), None
    now = datetime.now(UTC)
    return Newest(newest), waiting(found, head, checkpoint.records, min_age, now)
