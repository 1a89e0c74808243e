"""The whole examination: each part goes on whatever became of the others, in bounded time."""

import threading
import time
import traceback
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from queue import Empty, SimpleQueue

from ordermonit.configuration import Configuration
from ordermonit.doctor.clock import clock, synchronised
from ordermonit.doctor.files import configuration
from ordermonit.doctor.findings import Finding, Findings, Part, Severity, error, failure, not_tried
from ordermonit.doctor.known import Known
from ordermonit.doctor.service import service
from ordermonit.doctor.standby import standby
from ordermonit.doctor.storage import checkpoint, directory
from ordermonit.doctor.units import Units, credentials, look
from ordermonit.doctor.user import become_service
from ordermonit.errors import Exit, OrdermonitError
from ordermonit.shops import Shop
from ordermonit.state.directory import State
from ordermonit.text import one_line

#: Seconds that one part may take: more than all of its own limits together.
LIMIT = 300.0

#: What others need is looked at in any case, and not shown unless it is asked for.
_NEEDED = (Part.CONFIGURATION, Part.CHECKPOINT)

#: Without the configuration these can't be looked at, so that its errors are shown with them.
_CONFIGURED = frozenset({Part.DATABASE, Part.NODE, Part.SERVICE, Part.STANDBY, Part.CLOCK})


def examine(
    place: Path,
    enter: Callable[[], State],
    config: Path,
    load: Callable[[], Configuration],
    wanted: frozenset[Part],
    shop: Shop,
) -> Iterator[tuple[Part, Finding]]:
    """The findings of the wanted parts, as they are found. `place` is the state directory.

    Root's own rights are given up, for the whole process, where somebody else's are the service's.
    """
    known = Known()
    # First, while we may be root: a machine without D-Bus answers nobody else.
    units, is_synchronised = look(shop), synchronised()
    yield Part.USER, become_service(place, units.user)
    parts: dict[Part, Callable[[], Findings]] = {
        Part.CONFIGURATION: lambda: chain(
            configuration(load, config, known, credentials(units.service)),
            _sharing(known, shop, place) if Part.CONFIGURATION in wanted else (),
        ),
        Part.STATE: lambda: directory(enter()),
        Part.CHECKPOINT: lambda: checkpoint(enter(), known),
        Part.DATABASE: lambda: _database(known),
        Part.NODE: lambda: _node(known),
        Part.SERVICE: lambda: service(units, place, known),
        Part.STANDBY: lambda: _standby(units, enter(), known),
        Part.CLOCK: lambda: clock(is_synchronised, known),
    }
    for part, examined in parts.items():
        if part in wanted or part in _NEEDED:
            is_missed = part is Part.CONFIGURATION and wanted & _CONFIGURED
            for finding in bounded(examined, LIMIT):
                if part in wanted or (is_missed and finding.severity is Severity.ERROR):
                    yield part, finding


_UNCONFIGURED = "the configuration has mistakes: ordermonit check configuration"


def _sharing(known: Known, shop: Shop, place: Path) -> Findings:
    if known.configuration is None:
        return
    # It reads the configuration of each shop: only for whoever asks for it.
    from ordermonit.doctor.sharing import examined

    yield from examined(known.configuration, shop, place)


def _database(known: Known) -> Findings:
    if known.configuration is None:
        yield not_tried(f"the database: {_UNCONFIGURED}")
        return
    # These two load a driver, and SSH: only for whoever asks for them.
    from ordermonit.doctor.database import database

    yield from database(known.configuration.database, known)


def _node(known: Known) -> Findings:
    if known.configuration is None:
        yield not_tried(f"the node: {_UNCONFIGURED}")
        return
    from ordermonit.doctor.node import node

    yield from node(known.configuration.node, known)


def _standby(units: Units, state: State, known: Known) -> Findings:
    if known.configuration is None:
        yield not_tried(f"the standby: {_UNCONFIGURED}")
        return
    yield from standby(known.configuration, units, state)


def bounded(examined: Callable[[], Findings], seconds: float) -> Findings:
    """The findings of a part, in a thread of its own: neither an exception nor a call that never
    returns ends the others."""
    found: SimpleQueue[Finding | None] = SimpleQueue()

    def work() -> None:
        try:
            for finding in examined():
                found.put(finding)
        except OrdermonitError as problem:
            found.put(failure(problem))
        except Exception as problem:
            found.put(_defect(problem))
        found.put(None)

    threading.Thread(target=work, daemon=True).start()
    deadline = time.monotonic() + seconds
    while True:
        try:
            finding = found.get(timeout=max(0.0, deadline - time.monotonic()))
        except Empty:
            yield error(
                f"no end within {seconds:g} s",
                "Type it again; look at what stands above this line, and at this machine's disks"
                " and network",
                Exit.TEMPORARY,
            )
            return
        if finding is None:
            return
        yield finding


def _defect(problem: Exception) -> Finding:
    place = traceback.extract_tb(problem.__traceback__)[-1]
    return error(
        f"a defect of ordermonit: {type(problem).__name__}: {one_line(str(problem))}"
        f" ({Path(place.filename).name}:{place.lineno})",
        "Please report it, with this line",
        Exit.SOFTWARE,
    )
