"""The terminal, as `status`, `orders` and `show` draw on it. Imports rich: see `drawing`."""

from datetime import datetime

from rich.console import Console, ConsoleRenderable, Group
from rich.panel import Panel
from rich.text import Text

from ordermonit.orders.model import Status
from ordermonit.times import iso, spoken

#: No screen is wider, in columns: nobody reads longer lines.
_WIDEST = 110

#: Columns of a frame: its sides, and what is free beside them.
_FRAME = 6

#: In a pipe or a file.
_PLAIN_WIDTH = 100

STYLES = {
    Status.SUCCESS: "green",
    Status.FAILED: "yellow",
    Status.PAYMENT_PENDING: "cyan",
    Status.EXHAUSTED: "bold red",
}


class Screen(Console):
    """A console that leaves it to the program to end when its reader has gone."""

    def __init__(self) -> None:
        super().__init__(highlight=False, markup=False, emoji=False)
        if not self.is_terminal:
            self.width = _PLAIN_WIDTH

    @property
    def room(self) -> int:
        """Columns that there are inside the frame."""
        return min(self.width, _WIDEST) - _FRAME if self.is_terminal else self.width

    def on_broken_pipe(self) -> None:
        """Called while a BrokenPipeError is handled: it goes on to the program's entry."""
        raise BrokenPipeError

    def show(self, what: ConsoleRenderable) -> None:
        """Print it; where a program reads it, without blanks at the lines' ends."""
        if self.is_terminal:
            self.print(what)
            return
        with self.capture() as captured:
            self.print(what)
        self.out("\n".join(line.rstrip() for line in captured.get().splitlines()))

    def framed(self, title: str, style: str, *parts: ConsoleRenderable) -> ConsoleRenderable:
        """The parts one below the other; on a terminal in a frame of that colour."""
        if not self.is_terminal:
            return Group(*parts)
        width = min(self.width, _WIDEST)
        return Panel(Group(*parts), title=title, border_style=style, padding=(1, 2), width=width)


def heading(text: str) -> Text:
    """A heading, with a free line above it."""
    return Text(f"\n{text}", style="bold")


def ago(moment: datetime, now: datetime) -> str:
    """How long ago that was, and when."""
    return f"{spoken((now - moment).total_seconds())} ago ({iso(moment)})"
