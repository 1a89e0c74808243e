"""`head`: the high-water mark. Shows it, or moves it because a person says so."""

import json
from dataclasses import dataclass

from ordermonit.commands.beginning import gaps_behind, order_of
from ordermonit.commands.context import Context
from ordermonit.commands.person import agrees, asked_why, take_turn, told, who, why
from ordermonit.configuration import Configuration
from ordermonit.errors import Exit, Unavailable, UsageError
from ordermonit.front.database import Front, connected
from ordermonit.orders.events import Event
from ordermonit.orders.gaps import Gap, cut, holds_head
from ordermonit.orders.model import Identity, Order, Record, shown
from ordermonit.orders.ranges import until
from ordermonit.state.checkpoint import Checkpoint
from ordermonit.times import counted

#: How many of the orders between the old and the new HEAD are shown.
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class _Move:
    """From one HEAD to another: what is between them, and what the checkpoint will have."""

    old: int
    new: int
    count: int
    first: tuple[Order, ...]
    gaps: tuple[Gap, ...]
    order: Identity | None
    ignored: tuple[int, ...]
    vanished: tuple[Record, ...]

    @property
    def is_forward(self) -> bool:
        return self.new > self.old

    @property
    def text(self) -> str:
        """What it would do, for the person who decides."""
        named = ", ".join(f"{shown(order.number) or '?'} (id {order.id})" for order in self.first)
        more = ", …" if self.count > len(self.first) else ""
        between = f"{counted(self.count, 'order')} between" + (f": {named}{more}" if named else "")
        if self.is_forward:
            text = f"{between}. They will not be checked, except those with an open record"
        else:
            text = f"{between}. They will be checked again, except those with an open record"
        if self.vanished:
            numbers = ", ".join(record.name for record in self.vanished)
            text += f". Records of orders that are not in the Front any more go: {numbers}"
        return f"HEAD from {self.old} to {self.new}, {text}"


def head(context: Context) -> int:
    """Show HEAD, or move it."""
    arguments = context.arguments
    if arguments.set is None:
        if arguments.because or arguments.yes:
            raise UsageError("--because and --yes belong to --set", "Type: ordermonit head --help")
        return _show(context)
    because, configuration, log = told(arguments.because), context.configuration(), context.log()
    move = _planned(configuration, context.state.read(), arguments.set)
    if move.old == move.new:
        raise UsageError(f"HEAD is {move.old} already", "There is nothing to change")
    warning = context.shop.typed(_payments(configuration)) if not move.is_forward else ""
    question = f"{move.text}.{warning} Move HEAD?"
    if not arguments.json and arguments.yes:
        print(f"{move.text}.{warning}")
    if not agrees(question, arguments.yes):
        return Exit.OK
    because = asked_why(because, arguments.yes)
    take_turn(context.state)
    checkpoint = context.state.read()
    if checkpoint.head != move.old:
        raise Unavailable(
            f"HEAD has moved from {move.old} to {checkpoint.head} in the meantime; nothing was"
            " changed",
            "Look at it again: ordermonit head",
        )
    move = _planned(configuration, checkpoint, arguments.set)
    context.state.write(_moved(checkpoint, move))
    by = who()
    sentence = f"{by} moved {move.text}{why(because)}"
    log.tell(Event.HEAD_SET, sentence=sentence, who=by, because=because)
    for record in move.vanished:
        log.tell(Event.ORDER_GONE, id=record.id, number=record.number)
    if arguments.json:
        said = {"by": by, "because": because, "from": move.old, "to": move.new}
        gone = [record.number for record in move.vanished]
        print(json.dumps(said | {"orders": move.count, "vanished": gone}))
    else:
        print(f"HEAD is {move.new} now; it was {move.old}")
    return Exit.OK


def _show(context: Context) -> int:
    checkpoint = context.state.read()
    with connected(context.configuration().database) as front:
        newest = front.newest() or 0
        ahead = front.count(checkpoint.head + 1, newest)
        common = _last_common(front, checkpoint) if newest < checkpoint.head else None
    if context.arguments.json:
        said = {"head": checkpoint.head, "newest": newest, "orders_ahead": ahead}
        said |= {} if common is None else {"last_common": common}
        print(json.dumps(said | {"gaps": len(checkpoint.gaps), "rescans": checkpoint.rescans}))
        return Exit.OK
    if newest < checkpoint.head:
        print(context.shop.typed(_behind(checkpoint, newest, common)))
    else:
        print(
            f"HEAD is {checkpoint.head}; the newest order is {newest}:"
            f" {counted(ahead, 'order')} ahead"
        )
    if checkpoint.gaps:
        print(f"{counted(len(checkpoint.gaps), 'gap')} behind HEAD to look into for late orders")
    for first, last in checkpoint.rescans:
        print(f"the ids {first} to {last} are being checked again")
    return Exit.OK


def _last_common(front: Front, checkpoint: Checkpoint) -> int | None:
    """The newest order that is the same in a restored database as in our records; None where they
    share none. What comes after it may be another order under a known id."""
    records = {record.id: record for record in checkpoint.records.values() if record.number}
    orders = front.by_id(records)
    return max((id for id in orders if _is_of(records[id], orders[id])), default=None)


def _behind(checkpoint: Checkpoint, newest: int, common: int | None) -> str:
    """What to do about a database that is behind HEAD."""
    text = f"HEAD is {checkpoint.head}, but the newest order in the Front is {newest}.\n"
    if holds_head(checkpoint.gaps, checkpoint.head):
        text += "The cycles go on, and look into the missing ids until HEAD is reached again.\n"
    if common is None:
        return text + (
            "No order of ours is in it, so it may be another database: look at database.yml. If it"
            " is the right one, type: ordermonit head --set ID, with the id of the last order that"
            f" was surely there before, at most {newest}"
        )
    return text + (
        f"The last order that is in both has the id {common}; what came after it may be new orders"
        " under known ids.\n"
        f"If the database was restored, type: ordermonit head --set {common}"
    )


def _planned(configuration: Configuration, checkpoint: Checkpoint, new: int) -> _Move:
    """What the move would do. Raises UsageError when HEAD would be ahead of the database."""
    old, window = checkpoint.head, configuration.service.late_commit_window
    with connected(configuration.database) as front:
        newest = front.newest() or 0
        if new > newest:
            raise UsageError(
                f"--set {new} is ahead of the newest order in the Front, {newest}; nothing was"
                " changed",
                f"Give an id of at most {newest}",
            )
        low, high = min(old, new) + 1, max(old, new)
        gaps = (
            gaps_behind(front, new, window, old, checkpoint.gaps)
            if new > old
            else cut(checkpoint.gaps, new)
        )
        return _Move(
            old,
            new,
            front.count(low, high),
            tuple(front.between(low, high, _SHOWN)),
            gaps,
            order_of(front, new),
            tuple(front.ignored(low, high)) if new > old else (),
            _vanished(front, checkpoint, new),
        )


def _vanished(front: Front, checkpoint: Checkpoint, head: int) -> tuple[Record, ...]:
    """Records ahead of the new HEAD whose order is not in the Front any more.

    A restored database gives their ids to other orders, which such a record would hide.
    """
    ahead = [record for record in checkpoint.records.values() if record.id > head]
    kept = [record for record in ahead if not record.may_be_checked_again]
    orders = front.by_id(record.id for record in kept) if kept else {}
    return tuple(record for record in kept if not _is_of(record, orders.get(record.id)))


def _is_of(record: Record, order: Order | None) -> bool:
    return order is not None and record.number in (None, shown(order.number))


def _moved(checkpoint: Checkpoint, move: _Move) -> Checkpoint:
    """The checkpoint after it. What was closed ahead of the new HEAD is checked again."""
    gone = {record.id for record in move.vanished}
    kept = [
        record
        for record in checkpoint.records.values()
        if record.id not in gone and not (record.id > move.new and record.may_be_checked_again)
    ]
    after = Checkpoint(move.new, kept, move.gaps)
    after.head_order, after.looked = move.order, checkpoint.looked
    after.ignored = checkpoint.ignored.until(move.new)
    for id in move.ignored:
        after.ignored.add(id)
    after.rescans = until(checkpoint.rescans, move.new)
    after.recovered, after.doubted = checkpoint.recovered, checkpoint.doubted
    return after


def _payments(configuration: Configuration) -> str:
    """A warning where orders that are checked again have their payments confirmed again."""
    asked = "payment_confirmed" in configuration.node.checks
    if configuration.service.follow_payments != "all" or asked:
        return ""
    return (
        " With follow_payments: all and no payment_confirmed check their payments are confirmed"
        " once more; ordermonit rescan does not do that."
    )
