"""What every command may need."""

from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ordermonit.configuration import Configuration
from ordermonit.reports.journal import Log
from ordermonit.reports.notes import Notes
from ordermonit.reports.progress import Bar
from ordermonit.shops import Shop
from ordermonit.state.directory import State


@dataclass(frozen=True, slots=True)
class Context:
    """What a command may need. The configuration is read, and the log opened, on first use.

    `shop` is whose they are; `directory` is the state directory's place; `enter` is for `state`.
    """

    arguments: Namespace
    shop: Shop
    config: Path
    directory: Path
    enter: Callable[[], State]
    configuration: Callable[[], Configuration]
    log: Callable[[], Log]
    bar: Bar
    notes: Notes

    @property
    def state(self) -> State:
        """The state directory. What only root may see is to be looked at before: with the first
        touch of it root becomes its owner. Raises StateError where that is refused."""
        return self.enter()
