"""`status --all`: one line for each shop of this host, the worst first."""

import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ordermonit import configuration
from ordermonit.commands.context import Context
from ordermonit.commands.overview import Overview, looked_at
from ordermonit.doctor.findings import worst_exit
from ordermonit.errors import Exit, OrdermonitError, UsageError
from ordermonit.health.health import Health
from ordermonit.health.timer import Timer, ask_all
from ordermonit.shops import Shop, names
from ordermonit.state.directory import State
from ordermonit.text import one_line

#: Shops that are looked at at the same time: each may wait some seconds for its database.
_AT_ONCE = 8

#: Longest text of what is wrong, in characters: a line is a line.
_LONGEST = 160


@dataclass(frozen=True, slots=True)
class Look:
    """What came of looking at one shop: where it stands, or why that can't be told."""

    shop: Shop
    found: Overview | OrdermonitError

    @property
    def health(self) -> Health:
        """The one word. A shop whose checkpoint can't be read can have no cycle either."""
        return self.found.health if isinstance(self.found, Overview) else Health.DOWN

    @property
    def exit(self) -> Exit:
        """0 unless it is down or stopped; then what its last cycle ended with, if that says why."""
        if isinstance(self.found, OrdermonitError):
            return self.found.exit
        if self.health not in (Health.DOWN, Health.STOPPED):
            return Exit.OK
        if self.found.is_verified is None:  # its configuration is not known
            return Exit.CONFIG
        last = self.found.cycles[-1].exit if self.found.cycles else 0
        return Exit(last) if last in {*Exit} - {Exit.OK} else Exit.TEMPORARY

    @property
    def sentence(self) -> str:
        """What is wrong first, in one line."""
        if isinstance(self.found, OrdermonitError):
            return one_line(self.shop.typed(self.found.in_one_line), _LONGEST)
        problems = self.found.problems
        if not problems:
            last = self.found.cycles[-1].result if self.found.cycles else "no cycle yet"
            return one_line(self.shop.typed(last), _LONGEST)
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        return one_line(problems[0].what, _LONGEST) + more

    def as_json(self) -> dict[str, object]:
        """For `status --all --json`."""
        said: dict[str, object] = {"shop": self.shop.name or None, "exit": self.exit}
        if isinstance(self.found, Overview):
            return said | self.found.as_json() | said
        return said | {"health": self.health, "error": self.shop.typed(str(self.found))}


def all_shops(context: Context) -> int:
    """Show them all; the worst one's exit code. Raises UsageError where there are none."""
    if context.shop.name:
        raise UsageError("--shop names one, and --all is for all of them", "Leave one of them out")
    shops = [replace(context.shop, name=name) for name in names(context.config)]
    timers = ask_all([context.shop, *shops])  # first, while we may be root
    if _is_used(timers[0], context):
        shops = [context.shop, *shops]
    else:
        timers = timers[1:]
    if not shops:
        raise UsageError(
            f"there is no shop in {context.config}", "To add one, make its directory: docs/shops.md"
        )
    looks = _looks(context, shops, timers)
    looks.sort(key=lambda each: (-each.health.rank, each.shop.name))
    if context.arguments.json:
        print(json.dumps([each.as_json() for each in looks]))
    else:
        for line in _lines(looks):
            print(line)
    return worst_exit(each.exit for each in looks)


def _is_used(timer: Timer | None, context: Context) -> bool:
    """Whether this host has a cycle without a shop's name too."""
    return os.path.lexists(context.directory / "checkpoint") or (
        timer is not None and timer.is_active
    )


def _looks(context: Context, shops: Sequence[Shop], timers: Sequence[Timer | None]) -> list[Look]:
    """One for each, whatever is wrong with the others."""
    all_states = context.state.directory  # root becomes its owner, who is the shops' too
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return [*threads.map(partial(_look, context.config, all_states), shops, timers)]


def _look(all_configs: Path, all_states: Path, shop: Shop, timer: Timer | None) -> Look:
    state = State(shop.place(all_states))
    environ = dict(os.environ)
    if shop.name:
        environ["HOME"] = str(state.directory.absolute())
    load = partial(configuration.load, shop.place(all_configs), environ)
    try:
        return Look(shop, looked_at(shop, state, load, timer))
    except OrdermonitError as problem:
        return Look(shop, problem)


def _lines(looks: Sequence[Look]) -> Iterator[str]:
    """The lines, in columns: name, health, and what is wrong first."""
    names = [each.shop.name or "-" for each in looks]
    widths = max(map(len, names)), max(len(each.health) for each in looks)
    for name, look in zip(names, looks, strict=True):
        yield f"{name:<{widths[0]}}  {look.health:<{widths[1]}}  {look.sentence}"
