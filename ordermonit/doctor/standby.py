"""The standby: whether it takes our copies, and whether a take-over by it would work."""

import json
import re
from dataclasses import dataclass
from typing import Any, get_type_hints

from ordermonit import __version__
from ordermonit.configuration import Configuration
from ordermonit.doctor.findings import Findings, ok, warning
from ordermonit.doctor.units import Units
from ordermonit.errors import CheckpointError, ConfigurationError, OrdermonitError, StateError
from ordermonit.shops import ALONE
from ordermonit.state.checkpoint import VERSION
from ordermonit.state.directory import State
from ordermonit.text import one_line
from ordermonit.times import spoken

#: Seconds that a person waits at most for its word; one more for the connection's end.
_ANSWER = 9.0

#: What an older one says of nothing on stdin: it takes that for a copy.
_OLD = "the copy on stdin is damaged: it is empty"

_UPGRADE = f"Install ordermonit {__version__} there: docs/install.md"


@dataclass(frozen=True, slots=True)
class Itself:
    """What a standby says of itself: `ordermonit` is its version, `reads` that of the newest form
    of a checkpoint which it reads.

    `is_active`: its timer is, or a cycle runs; None where systemd does not say. `head` and `age`
    (seconds) are its checkpoint's, and None without one. `names` is the host of its own `standby`,
    `wrong` what its configuration has of mistakes, and `refuses` why it would take no copy now.
    """

    ordermonit: str
    host: str
    reads: int
    is_active: bool | None
    head: int | None
    age: float | None
    names: str | None
    wrong: str | None
    refuses: str | None


@dataclass(frozen=True, slots=True)
class Ours:
    """What there is to compare it with: whether our timer is active, None where systemd does not
    say, our HEAD, None without a checkpoint, and where it is noted which copy has arrived."""

    is_active: bool | None
    head: int | None
    note: str


def standby(configuration: Configuration, units: Units, state: State) -> Findings:
    """Everything about the other monitor, in one connection, as a copy has it."""
    other = configuration.service.standby
    if other is None:
        yield ok("service.yml names none")
        return
    from ordermonit.node.standby import COMMAND, ask  # SSH: only for whoever has one

    try:
        said = ask(configuration.node, other, units.shop.typed(COMMAND), _ANSWER)
    except ConfigurationError:
        raise
    except OrdermonitError as problem:
        is_old = _OLD in problem.message
        yield warning(problem.message, _UPGRADE if is_old else problem.remedy)
        return
    # Only now: a copy of what we had before may have arrived meanwhile.
    try:
        head = state.read().head
    except (CheckpointError, StateError):
        head = None
    is_active = None if units.problem else units.timer.get("ActiveState") == "active"
    yield from judged(said, Ours(is_active, head, str(state.directory / "standby")))


def judged(said: str, ours: Ours) -> Findings:
    """What the standby's answer means for us."""
    it = _parsed(said)
    if it is None:
        yield warning(f"the standby says what we don't understand: {one_line(said)}", _UPGRADE)
        return
    has = "no checkpoint" if it.head is None else f"HEAD {it.head}"
    age = "" if it.age is None else f", written {spoken(it.age)} ago"
    yield ok(f"{it.host} answers our key: ordermonit {it.ordermonit}, {has}{age}")
    yield from _installed(it)
    if it.is_active and ours.is_active is False:
        yield ok(f"{it.host} is the active one, and this is its standby")
        return
    if it.is_active:
        yield warning(
            f"{ALONE.timer} is active on {it.host}, so it takes no copy",
            f"Only one of the two is to run. Type on the other: systemctl stop {ALONE.timer}",
        )
    elif it.refuses is not None:
        yield warning(
            f"{it.host} would take no copy now: {it.refuses}",
            "To see how it stands, type there: ordermonit status",
        )
    if ours.is_active is False and it.is_active is False:
        yield warning(
            f"{ALONE.timer} is active neither here nor on {it.host}: no cycle begins",
            f"On one of the two, type: systemctl start {ALONE.timer}",
        )
    yield from _begins(it, ours)


def _installed(it: Itself) -> Findings:
    if it.ordermonit != __version__:
        is_older = _numbers(it.ordermonit) < _numbers(__version__)
        older = it.host if is_older else "this host"
        unread = f", and reads no checkpoint of version {VERSION}" if it.reads < VERSION else ""
        newest = __version__ if is_older else it.ordermonit
        yield warning(
            f"{it.host} has ordermonit {it.ordermonit}{unread}; here it is {__version__}",
            f"Install {newest} on {older}, the older one: docs/install.md",
        )
    if it.wrong is not None:
        yield warning(
            f"{it.host} can begin no cycle, since its configuration is wrong: {it.wrong}",
            "Type there: ordermonit check configuration",
        )
    elif it.names is None:
        yield warning(
            f"{it.host} names no standby: after a take-over nothing comes back to us",
            "Name this host there: standby in its service.yml",
        )


def _begins(it: Itself, ours: Ours) -> Findings:
    """Where a take-over would begin."""
    if it.head is None:
        yield warning(
            f"{it.host} has no checkpoint that can be read: a take-over could not begin",
            f"Type here: rm -f {ours.note}; then the next cycle sends it",
        )
    elif ours.head is not None and it.head > ours.head:
        yield warning(
            f"HEAD is {it.head} on {it.host}, further than ours, {ours.head}: it takes no copy",
            "If that one was active since, let it be so again; if our HEAD was moved back on"
            " purpose, move its checkpoint away there",
        )


def _parsed(said: str) -> Itself | None:
    """None for what has another form. More than we know is no fault: it may be a newer one."""
    kinds = get_type_hints(Itself)
    try:
        values = json.loads(said)
        found: dict[str, Any] = {name: values[name] for name in kinds}
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    for name, kind in kinds.items():
        if not isinstance(found[name], kind):
            return None
        if isinstance(found[name], str):
            found[name] = one_line(found[name])
    return Itself(**found)


def _numbers(version: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"[0-9]{1,9}", version)]
