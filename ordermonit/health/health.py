"""Is it well? One word, and what is wrong now and since when."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ordermonit.errors import Exit
from ordermonit.health.timer import Timer
from ordermonit.language import _, ngettext
from ordermonit.orders.gaps import Gap, holds_head
from ordermonit.orders.lag import Lag
from ordermonit.state.directory import CycleResult
from ordermonit.state.holder import Holder, is_too_long
from ordermonit.state.pause import Pause
from ordermonit.state.standby import Copied
from ordermonit.text import later
from ordermonit.times import moment, spoken

#: By so many of the newest cycles it is judged whether most of them fail.
_NEWEST = 10

_JOURNAL = later("For the whole line and what to do, type: journalctl -x -u ordermonit -p err -n 5")
#: Commands that are longer than a line of the screen could not be pasted from it.
_LONG = later("For what to do, as commands to paste, type: ordermonit check node")
_START = later("Type: systemctl enable --now ordermonit.timer")


class Health(StrEnum):
    """The one word, from the best to the worst."""

    WELL = "well"  # cycles run, and nothing needs a person
    DEGRADED = "degraded"  # cycles run; some orders, or the set-up, want a look
    DOWN = "down"  # cycles end badly: the database, the node, Abacos, or what they need
    PAUSED = "paused"  # a person wants no cycle to do anything
    STOPPED = "stopped"  # no cycle runs, and none is going to by itself

    @property
    def rank(self) -> int:
        """0 for the best."""
        return list(Health).index(self)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: since when, where that is known, and what to do."""

    health: Health
    what: str
    since: datetime | None
    remedy: str


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest order's id in the Front (0 without orders), or why it can't be told. `is_down`
    says that the database does not answer, rather than that this user may not ask it."""

    id: int | None
    error: str | None = None
    is_down: bool = False


def worst(problems: Iterable[Problem]) -> Health:
    """The one word for all of them."""
    return max((each.health for each in problems), key=lambda each: each.rank, default=Health.WELL)


def cycle_problems(
    cycles: Sequence[CycleResult],
    timer: Timer | None,
    period: float | None,
    now: datetime,
    other: str | None = None,
) -> list[Problem]:
    """What is wrong with the cycles themselves. `period` in seconds, None where it is unknown.

    `other` is the other monitor where there are two: then something else starts the timer, and it
    is active on one of them only.
    """
    found = _stopped(cycles, timer, period, now, other)
    failed = _failed_in_a_row(cycles)
    if failed:
        last = failed[-1]
        what = _failed(len(failed), last.exit, last.result)
        remedy = _(_LONG) if last.exit == Exit.REFUSED else last.remedy or _(_JOURNAL)
        found.append(Problem(Health.DOWN, what, _moment(failed[0].started_at), remedy))
    elif unsteady := _mostly_failed(cycles):
        found.append(unsteady)
    elif timer is not None and _ended_badly_unseen(timer, cycles):
        found.append(Problem(Health.DOWN, _ending(timer), timer.ended_at, _(_JOURNAL)))
    if timer is not None and timer.is_active and not timer.is_enabled and other is None:
        found.append(
            Problem(
                Health.DEGRADED,
                _("ordermonit.timer runs but is not enabled: it does not come back after a boot"),
                None,
                _("Type: systemctl enable ordermonit.timer"),
            )
        )
    return found


def _stopped(
    cycles: Sequence[CycleResult],
    timer: Timer | None,
    period: float | None,
    now: datetime,
    other: str | None,
) -> list[Problem]:
    if timer is not None and timer.is_running:
        return []
    last = _moment(cycles[-1].finished_at) if cycles else None
    if timer is not None and timer.is_installed and not timer.is_active:
        return [_inactive(last, other)]
    if not cycles:
        if timer is not None and timer.is_active:
            return []
        return [Problem(Health.STOPPED, _("no cycle has run yet"), None, _(_START))]
    if last is None or period is None:
        return []
    if not is_too_long(last, period, now):
        return []
    what = _("no cycle has ended for {span}", span=spoken((now - last).total_seconds()))
    remedy = _("Type: systemctl status ordermonit.timer ordermonit.service")
    return [Problem(Health.STOPPED, what, last, remedy)]


def _inactive(last: datetime | None, other: str | None) -> Problem:
    if other is None:
        what, remedy = _("ordermonit.timer is not active: no cycle is going to run"), _(_START)
    else:
        what = _(
            "ordermonit.timer is not active: no cycle is going to run on this one of two monitors"
        )
        remedy = _(
            "It is the standby while the other runs: on {other}, type: ordermonit status",
            other=other,
        )
    return Problem(Health.STOPPED, what, last, remedy)


def _failed_in_a_row(cycles: Sequence[CycleResult]) -> list[CycleResult]:
    """The newest cycles that failed, up to the last good one, oldest first."""
    failed: list[CycleResult] = []
    for each in reversed(cycles):
        if not each.exit:
            break
        failed.insert(0, each)
    return failed


def _mostly_failed(cycles: Sequence[CycleResult]) -> Problem | None:
    """Whether the last good cycle is the exception among the newest."""
    newest = cycles[-_NEWEST:]
    failed = [each for each in newest if each.exit]
    if 2 * len(failed) <= len(newest):
        return None
    last = failed[-1]
    what = _(
        "{failed} of the last {every} cycles failed, the last with exit {exit}: {error}",
        failed=len(failed),
        every=len(newest),
        exit=last.exit,
        error=last.result,
    )
    since = _moment(failed[0].started_at)
    return Problem(Health.DEGRADED, what, since, last.remedy or _(_JOURNAL))


def _ended_badly_unseen(timer: Timer, cycles: Sequence[CycleResult]) -> bool:
    """Whether a run failed before, or without, being able to note it in the state directory."""
    if timer.is_running or timer.result in ("", "success"):
        return False
    last = _moment(cycles[-1].finished_at) if cycles else None
    return last is None or timer.ended_at is None or timer.ended_at > last


def lock_problems(holder: Holder | None, period: float | None, now: datetime) -> list[Problem]:
    """Whether somebody has the lock of the state directory who may never give it back."""
    if holder is None:
        return []
    if holder.is_suspended:
        what = _("no cycle can run: {who} has the lock, and is suspended", who=holder.name)
        return [Problem(Health.STOPPED, what, holder.since, holder.remedy)]
    if period is None or not is_too_long(holder.since, period, now):
        return []
    what = _(
        "no other cycle can run: {who} has the lock for longer than cycles take", who=holder.name
    )
    return [Problem(Health.DEGRADED, what, holder.since, holder.remedy)]


_MEANINGS = {
    Exit.USAGE: later("the command line in its unit is wrong"),
    Exit.DATA: later("the checkpoint is damaged, missing, or ahead of the database"),
    Exit.SOFTWARE: later("a defect of ordermonit"),
    Exit.IO: later("the state directory can't be written"),
    Exit.TEMPORARY: later("the database, the node or Abacos is down, or another cycle ran"),
    Exit.REFUSED: later("the node's host key, or our key, is refused"),
    Exit.CONFIG: later("the configuration is wrong"),
}


def _ending(timer: Timer) -> str:
    if timer.result != "exit-code":
        return _("the last cycle was ended by systemd ({result})", result=timer.result)
    said = meaning(timer.exit)
    if not said:
        return _("the last cycle failed (exit {exit})", exit=timer.exit)
    return _failed(1, timer.exit, said)


def _failed(number: int, exit: int | None, error: str) -> str:
    return ngettext(
        "the last cycle failed (exit {exit}): {error}",
        "the last {number} cycles failed (exit {exit}): {error}",
        number,
        exit=exit,
        error=error,
    )


def meaning(exit: int | None) -> str:
    """What an exit code of a cycle says; empty where it is none of ours."""
    said = {int(code): text for code, text in _MEANINGS.items()}.get(exit) if exit else None
    return _(said) if said else ""


def standby_problems(copied: Copied) -> list[Problem]:
    """Whether the standby lacks the newest checkpoint."""
    if not copied.problem:
        return []
    if copied.at:
        what = _(
            "the standby lacks the newest checkpoint (it has that of {time}): {error}",
            time=copied.at,
            error=copied.problem,
        )
    else:
        what = _(
            "the standby lacks the newest checkpoint (it never got one): {error}",
            error=copied.problem,
        )
    return [Problem(Health.DEGRADED, what, _moment(copied.since), copied.remedy)]


def pause_problem(pause: Pause) -> Problem:
    """A pause that a person ordered, and that is not over."""
    remedy = _("To go on now, type: ordermonit resume")
    return Problem(Health.PAUSED, pause.sentence, pause.since.wall, remedy)


def front_problems(newest: Newest, head: int, gaps: tuple[Gap, ...] = ()) -> list[Problem]:
    """What is wrong with the Front's database, as it answers now."""
    if newest.is_down and newest.error is not None:
        remedy = _("Nothing is lost; the next cycle goes on when it answers")
        return [Problem(Health.DOWN, newest.error, None, remedy)]
    if newest.id is not None and newest.id < head and holds_head(gaps, head):
        what = _(
            "HEAD is {head}, but the newest order in the Front is {newest}",
            head=head,
            newest=newest.id,
        )
        remedy = _(
            "The missing ids are looked into until HEAD is reached again. Find out who deleted the"
            " orders; or, if the database is a copy, whether it is behind"
        )
        return [Problem(Health.DEGRADED, what, None, remedy)]
    if newest.id is not None and newest.id < head:
        what = _(
            "HEAD is {head}, but the newest order in the Front is {newest}: the database was"
            " restored, or it is the wrong one",
            head=head,
            newest=newest.id,
        )
        remedy = _("Correct database.yml; or, if the database was restored, type: ordermonit head")
        return [Problem(Health.DOWN, what, None, remedy)]
    return []


def lag_problems(lag: Lag, limit: int, period: float, now: datetime) -> list[Problem]:
    """Whether HEAD falls behind the shop. `limit` and `period` are those of service.yml."""
    if not lag.is_behind(limit):
        return []
    since = None if lag.seconds is None else now - timedelta(seconds=lag.seconds)
    what = ngettext(
        "{number} order beyond HEAD waits for a first look, more than cycles take on",
        "{number} orders beyond HEAD wait for a first look, more than cycles take on",
        lag.orders,
    )
    return [Problem(Health.DEGRADED, what, since, lag.remedy(limit, period))]


def _moment(text: str) -> datetime | None:
    try:
        return moment(text)
    except (TypeError, ValueError):
        return None
