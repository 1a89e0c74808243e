"""What each command does. Each returns its exit code; what goes wrong is raised."""

import json
import os
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from ordermonit.checkpoint import Checkpoint, readable
from ordermonit.configuration import Configuration
from ordermonit.errors import CheckpointError, Exit, UsageError
from ordermonit.events import Event
from ordermonit.gaps import Moment
from ordermonit.journal import Log
from ordermonit.model import Record, Status
from ordermonit.progress import Bar
from ordermonit.state import State

#: How many of the newest ids `init` searches for holes that a late commit may still fill.
_HOLES_SEARCHED = 1000


@dataclass(frozen=True, slots=True)
class Context:
    """What a command may need. The configuration is read, and the log opened, on first use."""

    arguments: Namespace
    state: State
    configuration: Callable[[], Configuration]
    log: Callable[[], Log]
    bar: Bar


def cycle(context: Context) -> int:
    """Run one cycle."""
    from ordermonit import notify, progress
    from ordermonit.cycle import run_cycle

    configuration, log = context.configuration(), context.log()
    patience = progress.patience(configuration)
    told = progress.together(progress.to_systemd(patience), context.bar)
    try:
        result = run_cycle(configuration, context.state, log, told)
    finally:
        context.bar.stop()
    notify.status(result.result)
    return Exit.OK


def init(context: Context) -> int:
    """Create the checkpoint."""
    from ordermonit.front import connected

    configuration, state = context.configuration(), context.state
    state.create()
    state.lock()
    state.refuse_existing()
    window = configuration.service.late_commit_window
    wanted: int | None = context.arguments.head
    checkpoint = Checkpoint(0)
    if not context.arguments.from_start:
        with connected(configuration.database) as front:
            newest = front.newest() or 0
            if wanted is not None and wanted > newest:
                raise UsageError(
                    f"--head {wanted} is ahead of the newest order in the Front, {newest}",
                    f"Give an id of at most {newest}, or --latest",
                )
            head = newest if wanted is None else wanted
            before = front.ids_before(head, _HOLES_SEARCHED)
        # Orders that are being committed right now, behind HEAD, are not to be missed either.
        checkpoint = Checkpoint(before[0] if before else head)
        checkpoint.passed([*before, head], Moment.now(), window)
    _created(context, checkpoint, "created")
    return Exit.OK


def import_(context: Context) -> int:
    """Take over the former service's checkpoint."""
    from ordermonit.legacy import parse

    path: Path = context.arguments.file
    try:
        text = path.read_bytes().decode("utf-8", "replace")
    except OSError as problem:
        raise UsageError(
            f"{path} can't be read: {problem.strerror}", "Give the former service's checkpoint"
        ) from None
    found = parse(text, str(path))
    state = context.state
    state.create()
    state.lock()
    state.refuse_existing()
    checkpoint = Checkpoint(found.head, found.records)
    unresolved = sum(record.is_open for record in found.records)
    for note in found.notes:
        print(note)
    _created(context, checkpoint, f"imported from {path} with {unresolved} unresolved orders")
    return Exit.OK


def _created(context: Context, checkpoint: Checkpoint, how: str) -> None:
    context.state.write(checkpoint)
    sentence = f"checkpoint {context.state.checkpoint} {how}; HEAD is {checkpoint.head}"
    context.log().tell(Event.CHECKPOINT_CREATED, sentence=sentence)
    print(f"{sentence}. The next cycle checks the orders after it")


def recover(context: Context) -> int:
    """Restore the checkpoint's predecessor, showing the difference."""
    state = context.state
    state.lock()
    try:
        state.read()
    except CheckpointError as problem:
        print(problem.message)
    else:
        raise UsageError(f"{state.checkpoint} is good", "There is nothing to recover")
    good = state.read_previous()
    damaged = set(readable(state.damaged_bytes()))
    restored = set(readable(good.encode()))
    for mark, lines in (("-", damaged - restored), ("+", restored - damaged)):
        for line in sorted(lines):
            print(f"{mark} {line}")
    good.recovered = True
    kept = state.set_aside()
    state.write(good)
    sentence = f"checkpoint {state.checkpoint} restored from {state.previous}; HEAD is {good.head}"
    context.log().tell(Event.CHECKPOINT_RECOVERED, sentence=sentence)
    print(f"{sentence}. Lines with - stood in the damaged file only" + kept)
    print("The next cycle checks again what the lost write may have been about; that is safe")
    return Exit.OK


def status(context: Context) -> int:
    """HEAD, the counts by status, the last cycle."""
    checkpoint = context.state.read()
    count = Counter(record.status for record in checkpoint.records.values())
    counts = {str(status): count[status] for status in Status}
    cycles = context.state.read_cycles()
    last = cycles[-1] if cycles else None
    if context.arguments.json:
        shown = {
            "head": checkpoint.head,
            "counts": counts,
            "gaps": len(checkpoint.gaps),
            "last_cycle": None if last is None else asdict(last),
        }
        print(json.dumps(shown))
        return Exit.OK
    print(f"HEAD             {checkpoint.head}")
    for name, number in counts.items():
        print(f"{name:<16} {number}")
    print(
        f"last cycle       {'none yet' if last is None else _last_cycle(last.exit, asdict(last))}"
    )
    return Exit.OK


def _last_cycle(exit: int, last: Mapping[str, object]) -> str:
    failed = f" (exit {exit})" if exit else ""
    return f"{last['finished_at']}{failed}: {last['result']}"


def orders(context: Context) -> int:
    """The checkpoint's records."""
    wanted = context.arguments.status
    records = sorted(context.state.read().records.values(), key=lambda record: record.id)
    records = [record for record in records if wanted is None or record.status is wanted]
    if context.arguments.json:
        print(json.dumps([_as_json(record) for record in records]))
        return Exit.OK
    rows = [("ID", "NUMBER", "STATUS", "REASON", "ATTEMPTS", "UPDATED", "LAST ERROR")]
    rows += [
        (
            str(record.id),
            record.number or "?",
            record.status,
            record.reason,
            str(record.attempts),
            _iso(record.updated_at),
            record.last_error or "",
        )
        for record in records
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        print("  ".join([*cells, row[6]]).rstrip())
    return Exit.OK


def _as_json(record: Record) -> dict[str, object]:
    return {
        "id": record.id,
        "number": record.number,
        "status": record.status,
        "reason": record.reason,
        "attempts": record.attempts,
        "last_error": record.last_error,
        "created_at": _iso(record.created_at),
        "updated_at": _iso(record.updated_at),
        "in_flight": record.in_flight,
    }


def _iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def retry(context: Context) -> int:
    """Put orders back into the next cycle, with fresh attempts."""
    state, log = context.state, context.log()
    state.lock()
    checkpoint = state.read()
    numbers: list[str] = context.arguments.number
    if bool(numbers) == context.arguments.exhausted:
        raise UsageError(
            "retry takes order numbers or --exhausted", "For example: ordermonit retry 1001234"
        )
    chosen = [
        record
        for record in checkpoint.records.values()
        if record.is_open
        and (record.number in numbers or (not numbers and record.status is Status.EXHAUSTED))
    ]
    missing = set(numbers) - {record.number for record in chosen}
    if missing:
        raise UsageError(
            f"no open record has the number {', '.join(sorted(missing))}; nothing was changed",
            "To see them, type: ordermonit orders",
        )
    who = os.environ.get("SUDO_USER") or os.environ.get("USER") or f"uid {os.getuid()}"
    now = Moment.now().wall
    for record in chosen:
        reset = record.status is Status.EXHAUSTED
        after = record.with_(
            attempts=0, updated_at=now, status=Status.FAILED if reset else record.status
        )
        checkpoint.put(after)
    if chosen:
        state.write(checkpoint)
    for record in chosen:
        log.tell(Event.ORDER_RETRIED, id=record.id, number=record.number, who=who)
        print(f"order {record.number}: back in the next cycle with fresh attempts")
    if not chosen:
        print("no order is EXHAUSTED; nothing was changed", file=sys.stderr)
    return Exit.OK
