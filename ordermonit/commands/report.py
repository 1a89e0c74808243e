"""`report`: what journal and checkpoint know of a span of time, for whoever has no terminal too."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ordermonit.commands.context import Context
from ordermonit.commands.drawing import drawing
from ordermonit.cycle.plan import rules
from ordermonit.errors import ConfigurationError, Exit, StateError, UsageError
from ordermonit.health import history, past
from ordermonit.language import speaking
from ordermonit.state.files import open_own, put
from ordermonit.views.digest import Digest
from ordermonit.views.report import Report, Source, still_open


def report(context: Context) -> int:
    """Say it on the terminal, as JSON, or in a file for a browser."""
    if context.arguments.json:
        print(json.dumps(_report(context).as_json()))
        return Exit.OK
    file: Path | None = context.arguments.html
    with speaking(context.configuration().process.language):
        if file is not None:
            _write(file, context)
        else:
            _show(context)
    return Exit.OK


def _show(context: Context) -> None:
    with drawing():
        from ordermonit.commands.report_screen import draw
        from ordermonit.commands.screen import Screen
    screen = Screen()
    screen.show(draw(_report(context), screen))


def _report(context: Context) -> Report:
    """Raises OrdermonitError."""
    configuration, shop = context.configuration(), context.shop
    app_name = configuration.process.app_name
    now = datetime.now(UTC)
    until: datetime = min(context.arguments.until or now, now)
    span: timedelta = context.arguments.since
    try:
        since = until - span
    except OverflowError:
        raise UsageError(
            "--since goes back beyond the first year", "Give a shorter span, such as 31d"
        ) from None
    # First, while we may be root: not everybody may read the journal.
    known_from, trouble = past.known_from(app_name, shop=shop), history.trouble()
    digest = Digest()
    digest.take(past.told(app_name, since, until, shop=shop))
    digest.end()
    checkpoint = context.state.read()
    source = Source(app_name, now, since, until, known_from, trouble, shop)
    records = checkpoint.records.values()
    found = still_open(records, rules(configuration), configuration.node.checks, now)
    typed = (replace(each, next=shop.typed(each.next)) for each in found)
    return Report(source, digest, tuple(typed))


def _write(file: Path, context: Context) -> None:
    with _plotting():
        from ordermonit.views.report_html import html
    # Opened first: with the look at the checkpoint root becomes somebody who may not write there.
    try:
        handle = open_own(file, os.O_WRONLY | os.O_CREAT, 0o644)
    except OSError as problem:
        raise _unwritable(file, problem) from None
    try:
        put(handle, (html(_report(context)),))
    except OSError as problem:
        raise _unwritable(file, problem) from None
    finally:
        os.close(handle)
    print(f"{file} written")


def _unwritable(file: Path, problem: OSError) -> StateError:
    return StateError(
        f"{file} can't be written: {problem.strerror}", "Name another place with --html"
    )


@contextmanager
def _plotting() -> Iterator[None]:
    """Import what needs pygal in here. Raises ConfigurationError where pygal is not installed."""
    try:
        yield
    except ModuleNotFoundError as problem:
        if (problem.name or "").partition(".")[0] != "pygal":
            raise
        raise ConfigurationError(
            "pygal, which draws the report's plots, is not installed",
            "Install it: pip install 'ordermonit[report]'; or leave out --html",
        ) from None
