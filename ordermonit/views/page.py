"""The status page: how everything stood when a cycle ended, as one file for any web server.

It is for whoever passes by, so none of others' words are on it, in which there may be anything: no
error's text, no number that is none, no address. Each cycle writes it, so it imports no library.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree.ElementTree import Element

from ordermonit.errors import OrdermonitError
from ordermonit.health.health import (
    Health,
    Problem,
    cycle_problems,
    lag_problems,
    meaning,
    pause_problem,
    worst,
)
from ordermonit.health.troubles import record_problems
from ordermonit.language import _
from ordermonit.orders.model import Reason, Record, Status
from ordermonit.reports.lag import lag
from ordermonit.reports.notes import Ended
from ordermonit.shops import Shop
from ordermonit.state import files
from ordermonit.state.checkpoint import KEPT_RESOLVED, Checkpoint
from ordermonit.state.directory import CycleResult, State
from ordermonit.state.pause import Pause, decode
from ordermonit.times import moment as parsed
from ordermonit.views import words
from ordermonit.views.markup import Inside, filled, moment, number, page, table, tag

#: So many of the newest cycles are shown.
_CYCLES = 12

#: So many periods after it was written the page is stale, and so long after that.
_PERIODS, _GRACE = 3, timedelta(minutes=1)

#: Seconds from one look of a browser to the next: no cycle is worth more, and none is missed long.
_LEAST_LOOK, _MOST_LOOK = 5, 60


def write(file: str, app_name: str, shop: Shop, period: float, ended: Ended, state: State) -> None:
    """Replace the page in one step, readable by everybody. `period`: seconds between cycles.

    Raises OSError where it can't be written.
    """
    try:
        checkpoint = state.read() if ended.checkpoint is None else ended.checkpoint
    except OrdermonitError:
        checkpoint = None
    cycles = [_without_words(each) for each in state.read_cycles()]
    now = datetime.now(UTC)
    pause = _pause(state)
    problems = _problems(ended, checkpoint, cycles, pause, period, now)
    text = page(
        _(words.STATUS_PAGE, app_name=app_name),
        *_head(app_name, problems, period, now),
        *_wrong(problems),
        *_orders(ended, checkpoint),
        *_last(cycles),
        refresh=round(min(_MOST_LOOK, max(_LEAST_LOOK, period))),
    )
    typed = shop.typed(text.decode()).encode()
    files.replace(Path(file), typed, durable=False, mode=0o644)


def _without_words(cycle: CycleResult) -> CycleResult:
    """A cycle whose result has nobody else's words: what an exit code means says enough."""
    if not cycle.exit:
        return cycle
    return replace(cycle, result=meaning(cycle.exit), remedy="")


def _pause(state: State) -> Pause | None:
    try:
        data = state.read_pause()
        return None if data is None else decode(data, str(state.pause_file))
    except OrdermonitError:
        return None


def _problems(
    ended: Ended,
    checkpoint: Checkpoint | None,
    cycles: list[CycleResult],
    pause: Pause | None,
    period: float,
    now: datetime,
) -> list[Problem]:
    found = [] if pause is None else [_quiet(pause_problem(pause))]
    found += cycle_problems(cycles, None, period, now)
    if checkpoint is None:
        return found
    sight, service = ended.notes.sight, ended.notes.service
    if sight is not None and service is not None:
        behind = lag(sight, checkpoint, now)
        found += lag_problems(behind, service.max_orders_per_request, period, now)
    found += record_problems(map(_nameless, checkpoint.records.values()), {})
    return sorted(found, key=lambda each: -each.health.rank)


def _quiet(problem: Problem) -> Problem:
    """A pause without the words of whoever ordered it."""
    return replace(problem, what=_(words.IS_PAUSED))


def _nameless(record: Record) -> Record:
    """The record without the error's words, and without a number that is none."""
    number = None if record.reason is Reason.INVALID_NUMBER else record.number
    return record.with_(last_error=None, number=number)


def _head(
    app_name: str, problems: Iterable[Problem], period: float, now: datetime
) -> list[Element]:
    health = worst(problems)
    stale = now + timedelta(seconds=_PERIODS * period) + _GRACE
    written = filled(_(words.WRITTEN), at=moment(now))
    renewed = filled(_(words.RENEWED), stale=moment(stale))
    warning = tag("p", _(words.STALE), class_="stale", role="alert", hidden="")
    warning.set("data-stale", stale.isoformat())
    return [
        tag("h1", _(words.STATUS_PAGE, app_name=app_name)),
        warning,
        tag("p", tag("strong", _(words.HEALTHS[health]), class_=f"health {health.value}")),
        tag("p", *written, " ", *renewed, class_="soft"),
    ]


def _wrong(problems: list[Problem]) -> list[Element]:
    if worst(problems) is Health.WELL:
        return [tag("p", _(words.WELL))]
    columns = [_(words.HEALTH), _(words.WHAT), _(words.SINCE), _(words.WHAT_NEXT)]
    rows: list[list[Inside]] = [
        [
            tag("td", tag("strong", _(words.HEALTHS[each.health]), class_=each.health.value)),
            tag("td", each.what, class_="error"),
            "" if each.since is None else moment(each.since),
            each.remedy,
        ]
        for each in problems
    ]
    return [tag("h2", _(words.PROBLEMS)), table(_(words.PROBLEMS), columns, rows)]


def _orders(ended: Ended, checkpoint: Checkpoint | None) -> list[Element]:
    heading = tag("h2", _(words.STANDING))
    if checkpoint is None:
        return [heading, tag("p", _(words.NO_CHECKPOINT))]
    counts = dict.fromkeys(Status, 0)
    for record in checkpoint.records.values():
        counts[record.status] += 1
    facts = [(_(words.HEAD), checkpoint.head), *((str(each), counts[each]) for each in Status)]
    sums = tag(
        "dl",
        *(tag("div", tag("dt", name), tag("dd", f"{count}")) for name, count in facts),
        class_="facts",
    )
    kept = _(words.KEPT, count=KEPT_RESOLVED)
    return [heading, sums, tag("p", f"{_distance(ended, checkpoint)} {kept}", class_="soft")]


def _distance(ended: Ended, checkpoint: Checkpoint) -> str:
    sight = ended.notes.sight
    if sight is None:
        return _(words.HEAD_ALONE)
    ahead = sight.newest - checkpoint.head
    return _(words.HEAD_IS_BEHIND, count=ahead) if ahead > 0 else _(words.HEAD_IS_NEWEST)


def _last(cycles: list[CycleResult]) -> list[Element]:
    columns = [
        _(words.ENDED),
        _(words.CHECKED),
        _(words.INSERTED),
        _(words.FAILED),
        _(words.HOW),
    ]
    rows: list[list[Inside]] = [
        [
            _time(each.finished_at),
            number(each.checked),
            number(each.inserted),
            number(each.failed),
            _(words.BAD_END, exit=each.exit, meaning=each.result)
            if each.exit
            else _(words.GOOD_END),
        ]
        for each in reversed(cycles[-_CYCLES:])
    ]
    return [tag("h2", _(words.LAST_CYCLES)), table(_(words.LAST_CYCLES), columns, rows)]


def _time(text: str) -> Inside:
    """A cycle's time; a file that somebody wrote by hand may have none."""
    try:
        return moment(parsed(text))
    except (TypeError, ValueError):
        return ""
