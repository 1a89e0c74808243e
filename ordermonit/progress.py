"""Who is told what a cycle is doing: systemd, and a bar in the terminal."""

import sys
from collections.abc import Callable
from typing import Protocol

from ordermonit import notify


class Progress(Protocol):
    """Called before each operation: `done` of `total` orders, and what is done now."""

    def __call__(self, done: int, total: int, doing: str) -> None: ...


def to_systemd(seconds: float) -> Progress:
    """`systemctl status` shows what is done; the unit's timeout is put off by `seconds` each time.

    So a cycle that makes progress is never killed for being long, and one that hangs is.
    """

    def progress(done: int, total: int, doing: str) -> None:
        notify.status(f"{doing} ({done + 1}/{total})")
        notify.extend(seconds)

    return progress


class Bar:
    """A progress bar on stderr that log lines print above; only with rich and in a terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as RichProgress

        self._console = Console(stderr=True)
        self._bar = RichProgress(
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.description}"),
            console=self._console,
            transient=True,
        )
        self._task = self._bar.add_task("", total=None)

    def __call__(self, done: int, total: int, doing: str) -> None:
        """Show it; the bar appears with the first operation, not in an idle cycle."""
        self._bar.start()
        self._bar.update(self._task, completed=done, total=total, description=doing)

    def write(self, line: str) -> None:
        """Print a line above the bar."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def stop(self) -> None:
        """Take the bar away."""
        self._bar.stop()


_active: Bar | None = None


def together(*some: Progress | None) -> Progress:
    """One progress that tells all of these."""
    told: list[Callable[[int, int, str], None]] = [each for each in some if each is not None]

    def progress(done: int, total: int, doing: str) -> None:
        for each in told:
            each(done, total, doing)

    return progress
