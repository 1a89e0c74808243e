"""Who is told what a cycle is doing: systemd, and a bar in the terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Protocol

from ordermonit.reports import notify
from ordermonit.reports.journal import to_stderr

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from ordermonit.configuration import Configuration


#: Seconds that all graces of `node.py` and the writes of a step may take together.
GRACES = 40.0


class Progress(Protocol):
    """Called before each operation: `done` of `total` orders, and what is done now."""

    def __call__(self, done: int, total: int, doing: str) -> None: ...


def patience(configuration: Configuration) -> float:
    """Seconds from one progress to the next after which a cycle hangs.

    The longest step: a wait for what is down, or the answer to a question that was sent ahead, a
    connection, a boot of Rails and one operation.
    """
    node, wait = configuration.node, configuration.service.downtime_wait
    return wait + node.connect_timeout + 3 * node.task_timeout + GRACES


def to_systemd(seconds: float) -> Progress:
    """`systemctl status` shows what is done; the unit's timeout is put off by `seconds` each time.

    So a cycle that makes progress is never killed for being long, and one that hangs is.
    """

    def progress(done: int, total: int, doing: str) -> None:
        notify.status(f"{doing} ({done + 1}/{total})")
        notify.extend(seconds)

    return progress


class Bar:
    """A progress bar on stderr, with log lines above it; only in a terminal that has rich.

    It appears with the first operation: an idle cycle neither shows nor imports anything.
    """

    def __init__(self) -> None:
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None
        self._usable = sys.stderr.isatty()

    def __call__(self, done: int, total: int, doing: str) -> None:
        """Show where the cycle is."""
        if self._bar is None and self._usable:
            self._begin()
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=total, description=doing)

    def _begin(self) -> None:
        try:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
            from rich.progress import Progress as RichProgress
        except ImportError:
            self._usable = False
            return
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
        self._bar = RichProgress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task("", total=None)
        self._bar.start()

    def write(self, line: str) -> None:
        """Print a line, above the bar if it is there."""
        if self._bar is None:
            to_stderr(line)
        else:
            self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def stop(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()


def together(*told: Progress) -> Progress:
    """One progress that tells all of these."""

    def progress(done: int, total: int, doing: str) -> None:
        for each in told:
            each(done, total, doing)

    return progress
