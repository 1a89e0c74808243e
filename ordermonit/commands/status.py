"""`status`: one screen that says where everything stands, once or for as long as somebody looks."""

import errno
import json
import os
import select
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ordermonit.commands.context import Context
from ordermonit.commands.drawing import drawing
from ordermonit.commands.overview import Overview, overview
from ordermonit.errors import Exit

#: Seconds from one look at the state directory to the next, and at all the rest.
_GLANCE, _LOOK = 0.4, 4.0


def status(context: Context) -> int:
    """Is it well, and where everything stands."""
    if context.arguments.all:
        from ordermonit.commands.all_shops import all_shops

        return all_shops(context)
    if context.arguments.watch:
        with _ended_by_whoever_looks():
            _watch(context)
        return Exit.OK
    if context.arguments.json:
        print(json.dumps(overview(context).as_json()))
        return Exit.OK
    with drawing():
        from ordermonit.commands.screen import Screen
        from ordermonit.commands.status_screen import draw
    screen = Screen()
    screen.show(draw(overview(context), screen))
    return Exit.OK


@contextmanager
def _ended_by_whoever_looks() -> Iterator[None]:
    """Ctrl-C is no failure, and neither is a terminal that was closed."""
    try:
        yield
    except KeyboardInterrupt:
        return
    except OSError as problem:
        if problem.errno != errno.EIO:
            raise
        raise BrokenPipeError from None


def _watch(context: Context) -> None:
    """Follow it live: on a terminal one screen, in a pipe one more block, or line of JSON, at
    each change."""
    if context.arguments.json:
        for now in changes(_looks(context)):
            print(json.dumps(now.as_json()), flush=True)
        return
    with drawing():
        from rich.live import Live

        from ordermonit.commands.screen import Screen
        from ordermonit.commands.status_screen import draw
    screen = Screen()
    if not screen.is_terminal or screen.is_dumb_terminal:  # which can't begin again at its top
        for now in changes(_looks(context)):
            screen.show(draw(now, screen))
            screen.out()
        return
    with Live(console=screen, screen=True, auto_refresh=False) as live:
        for now in _looks(context):
            live.update(draw(now, screen), refresh=True)


def changes(looks: Iterator[Overview]) -> Iterator[Overview]:
    """Those that say something else than the one before."""
    before: dict[str, object] = {}
    for now in looks:
        shown = now.as_json() | {"at": None}
        if shown != before:
            before = shown
            yield now


def _looks(context: Context) -> Iterator[Overview]:
    """A look at once, after each change of the state directory, and every few seconds; until
    nobody reads any more."""
    while True:
        seen, begun = _mark(context.directory), time.monotonic()
        yield overview(context)
        while seen == _mark(context.directory) and time.monotonic() - begun < _LOOK:
            if _reader_has_gone(_GLANCE):
                return


def _mark(directory: Path) -> tuple[int, ...]:
    """Changes whenever a file in the state directory is replaced: each write ends in a rename."""
    try:
        found = os.stat(directory)
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns


def _reader_has_gone(seconds: float) -> bool:
    """Wait for so long, or until the pipe or terminal of our output is closed at its other end."""
    waiting = select.poll()
    waiting.register(sys.stdout.fileno(), 0)
    ended = select.POLLERR | select.POLLHUP
    return any(events & ended for _, events in waiting.poll(seconds * 1000))
