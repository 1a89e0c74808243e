"""`init`, `import` and `recover`: how a checkpoint comes to be."""

import json
from collections.abc import Iterable
from pathlib import Path

from ordermonit.commands.context import Context
from ordermonit.configuration import Configuration
from ordermonit.errors import CheckpointError, Exit, UsageError
from ordermonit.front.database import Front, connected
from ordermonit.orders.events import Event
from ordermonit.orders.gaps import Gap, noted
from ordermonit.orders.ignored import Ignored
from ordermonit.orders.model import Identity, Record
from ordermonit.state.checkpoint import Checkpoint, readable
from ordermonit.state.legacy import parse
from ordermonit.times import counted

#: How many of the newest ids `init` searches for holes that a late commit may still fill.
_HOLES_SEARCHED = 1000

#: So many lines of each kind are shown of a difference: a file may be damaged from end to end.
_SHOWN = 20


def init(context: Context) -> int:
    """Create the checkpoint."""
    configuration, state = context.configuration(), context.state
    state.create()
    state.lock()
    state.refuse_existing()
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
            checkpoint = _begun(front, configuration, head)
    _created(context, checkpoint, "created")
    return Exit.OK


def _begun(
    front: Front, configuration: Configuration, head: int, records: Iterable[Record] = ()
) -> Checkpoint:
    """A checkpoint with this HEAD: orders behind it that commit late, or that are none yet, are not
    to be missed."""
    window = configuration.service.late_commit_window
    checkpoint = Checkpoint(head, records, gaps_behind(front, head, window))
    checkpoint.head_order = order_of(front, head)
    checkpoint.ignored = Ignored(front.ignored(0, head))
    return checkpoint


def order_of(front: Front, id: int) -> Identity | None:
    """By what the order with this id is known again; None without one."""
    order = front.by_id([id]).get(id)
    return None if order is None else order.identity


def gaps_behind(
    front: Front, head: int, window: float, after: int = 0, gaps: tuple[Gap, ...] = ()
) -> tuple[Gap, ...]:
    """`gaps`, and the holes between the id `after` and a HEAD that a person sets.

    Orders that are being committed right now, behind HEAD, are not to be missed either. Only the
    newest holes may belong to such.
    """
    before = front.ids_before(head, _HOLES_SEARCHED)
    start = max(after, before[0] if before else head)
    known = [id for id in (*before, head) if id > start]
    return noted(gaps, start, known, window)


def import_(context: Context) -> int:
    """Take over the former service's checkpoint."""
    path: Path = context.arguments.file
    try:
        text = path.read_bytes().decode("utf-8", "replace")
    except OSError as problem:
        raise UsageError(
            f"{path} can't be read: {problem.strerror}", "Give the former service's checkpoint"
        ) from None
    found = parse(text, str(path))
    configuration, state = context.configuration(), context.state
    state.create()
    state.lock()
    state.refuse_existing()
    with connected(configuration.database) as front:
        checkpoint = _begun(front, configuration, found.head, found.records)
    unresolved = sum(record.is_open for record in found.records)
    orders = counted(unresolved, "unresolved order")
    _created(context, checkpoint, f"imported from {path} with {orders}", found.notes)
    return Exit.OK


def _created(
    context: Context, checkpoint: Checkpoint, how: str, notes: tuple[str, ...] = ()
) -> None:
    context.state.write(checkpoint)
    sentence = f"checkpoint {context.state.checkpoint} {how}; HEAD is {checkpoint.head}"
    context.log().tell(Event.CHECKPOINT_CREATED, sentence=sentence)
    if context.arguments.json:
        print(json.dumps(_as_json(context, checkpoint) | {"notes": notes}))
        return
    for note in notes:
        print(note)
    print(f"{sentence}. The next cycle checks the orders after it")


def _as_json(context: Context, checkpoint: Checkpoint) -> dict[str, object]:
    unresolved = sum(record.is_open for record in checkpoint.records.values())
    return {
        "checkpoint": str(context.state.checkpoint),
        "head": checkpoint.head,
        "unresolved": unresolved,
    }


def recover(context: Context) -> int:
    """Restore the checkpoint's predecessor, showing the difference."""
    state, log = context.state, context.log()
    state.lock()
    try:
        state.read()
    except CheckpointError as problem:
        damage = problem.message
    else:
        raise UsageError(f"{state.checkpoint} is good", "There is nothing to recover")
    good = state.read_previous()
    damaged = set(readable(state.damaged_bytes()))
    restored = set(readable(good.encode()))
    lost, back = sorted(damaged - restored), sorted(restored - damaged)
    good.recover()
    kept = state.set_aside()
    state.write(good)
    sentence = f"checkpoint {state.checkpoint} restored from {state.previous}; HEAD is {good.head}"
    log.tell(Event.CHECKPOINT_RECOVERED, sentence=sentence)
    if context.arguments.json:
        said = {"damage": damage, "in_damaged_only": lost, "in_restored_only": back}
        print(json.dumps(_as_json(context, good) | said))
        return Exit.OK
    print(damage)
    for mark, lines in (("-", lost), ("+", back)):
        for line in lines[:_SHOWN]:
            print(f"{mark} {line}")
        if len(lines) > _SHOWN:
            print(f"{mark} and {len(lines) - _SHOWN} more")
    print(f"{sentence}. Lines with - stood in the damaged file only" + kept)
    print("The next cycle checks again what the lost write may have been about; that is safe")
    return Exit.OK
