"""`retry` and `dismiss`: what a person decides about single orders.

Every change takes the lock and is in the journal, with who.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime

from ordermonit.commands.context import Context
from ordermonit.commands.orders import called, not_among
from ordermonit.commands.person import agrees, take_turn, told, who, why
from ordermonit.cycle.plan import rules
from ordermonit.errors import ConfigurationError, Exit, Unavailable, UsageError
from ordermonit.health.outlook import as_typed
from ordermonit.orders.events import Event
from ordermonit.orders.gaps import Moment
from ordermonit.orders.model import Reason, Record, Status
from ordermonit.orders.rest import Rest, rests
from ordermonit.state.checkpoint import Checkpoint
from ordermonit.text import one_line
from ordermonit.times import iso


def retry(context: Context) -> int:
    """Put orders back into the next cycle, with fresh attempts; dismissed ones too."""
    arguments, state, log = context.arguments, context.state, context.log()
    numbers: list[str] = arguments.number
    reason: Reason | None = arguments.reason
    if bool(numbers) + arguments.exhausted + (reason is not None) != 1:
        raise UsageError(
            "retry takes order numbers, --exhausted or --reason",
            "For example: ordermonit retry 1001234",
        )
    because = told(arguments.because)
    take_turn(state)
    checkpoint = state.read()
    records = [record for record in checkpoint.records.values() if _can_be_retried(record)]
    if numbers:
        chosen = _by_number(records, numbers, "open or dismissed record")
    elif reason is not None:
        chosen = [record for record in records if record.reason is reason]
    else:
        chosen = [record for record in records if record.status is Status.EXHAUSTED]
    by, now = who(), Moment.now().wall
    after = [_fresh(record).with_(updated_at=now) for record in chosen]
    _write(context, checkpoint, after)
    for record in after:
        log.tell(
            Event.ORDER_RETRIED,
            id=record.id,
            number=record.name,
            who=by,
            because=because,
            why=why(because),
        )
    if arguments.json:
        _print_json(by, chosen, after, because=because)
        return Exit.OK
    waits = _waits(context, after, now)
    for record in after:
        print(f"order {record.name}: {_when(waits.get(record.id))}")
    if not after:
        which = "is EXHAUSTED" if reason is None else f"stands there because of {reason}"
        print(f"no order {which}; nothing was changed", file=sys.stderr)
    return Exit.OK


def _waits(context: Context, records: list[Record], now: datetime) -> Mapping[int, Rest]:
    """Which of them rest even so: Abacos may still be at work on what hung."""
    try:
        return rests(records, rules(context.configuration()), now)
    except ConfigurationError:  # the next cycle says so
        return {}


def _when(resting: Rest | None) -> str:
    if resting is None:
        return "back in the next cycle with fresh attempts"
    return f"has fresh attempts; sent again not before {iso(resting.until)} ({resting.setting})"


def _can_be_retried(record: Record) -> bool:
    return record.is_open or record.reason is Reason.DISMISSED


def _fresh(record: Record) -> Record:
    if record.reason is Reason.NUMBER_CHANGED:  # what the Front says now, counts
        record = record.with_(number=None, reason=Reason.UNKNOWN, last_error=None)
    if record.reason is Reason.DISMISSED:
        # Whatever it was before: Abacos is asked first, and the payment is whose it was.
        record = record.with_(status=Status.FAILED, reason=Reason.UNKNOWN, last_error=None)
    status = Status.FAILED if record.status is Status.EXHAUSTED else record.status
    return record.with_(attempts=0, status=status)


def dismiss(context: Context) -> int:
    """Close orders for good, because a person says so. Nothing is undone in Abacos."""
    arguments, state, log = context.arguments, context.state, context.log()
    because = told(arguments.because)
    seen = _open_records(state.read(), arguments.number)
    begun = [record for record in seen if record.in_flight is not None]
    if begun and not agrees(_warning(begun), arguments.yes):
        return Exit.OK
    take_turn(state)
    checkpoint = state.read()
    chosen = _open_records(checkpoint, arguments.number)
    if [record for record in chosen if record.in_flight is not None] != begun:
        raise Unavailable(
            "a cycle has worked on these orders in the meantime; nothing was changed",
            "To see where they stand, type: ordermonit orders. Then type it again",
        )
    by, now = who(), Moment.now().wall
    after = [_dismissed(record, f"{by}: {because}").with_(updated_at=now) for record in chosen]
    _write(context, checkpoint, after)
    for record in after:
        log.tell(
            Event.ORDER_DISMISSED,
            id=record.id,
            number=record.name,
            who=by,
            because=because,
            status=record.status,
            reason=record.reason,
        )
    if arguments.json:
        _print_json(by, chosen, after, because=because)
        return Exit.OK
    for record in after:
        print(f"order {record.name}: dismissed; no cycle and no rescan looks at it any more")
    print(
        "Nothing is undone in Abacos or in the Front: what was inserted or confirmed there stays."
        + context.shop.typed(f" To open one again, type: ordermonit retry {as_typed(after[0])}")
    )
    return Exit.OK


def _open_records(checkpoint: Checkpoint, numbers: list[str]) -> list[Record]:
    records = [record for record in checkpoint.records.values() if record.is_open]
    return _by_number(records, numbers, "open record")


def _warning(begun: list[Record]) -> str:
    named = ", ".join(f"{record.name} ({record.in_flight})" for record in begun)
    return (
        f"An operation was begun for order {named} and its effect is not known: it may have taken"
        " effect in Abacos, and nobody would look. Dismiss it all the same?"
    )


def _dismissed(record: Record, text: str) -> Record:
    return record.with_(
        status=Status.SUCCESS,
        reason=Reason.DISMISSED,
        in_flight=None,
        last_error=one_line(text),
    )


def _by_number(records: list[Record], numbers: list[str], what: str) -> list[Record]:
    """The records with these numbers. Raises UsageError when a number has none."""
    chosen = called(records, numbers)
    missing = not_among(chosen, numbers)
    if missing:
        raise UsageError(
            f"no {what} has the number {', '.join(missing)}; nothing was changed",
            "To see them, type: ordermonit orders",
        )
    return chosen


def _write(context: Context, checkpoint: Checkpoint, records: Iterable[Record]) -> None:
    """Make these records durable, if there are any."""
    changed = False
    for record in records:
        checkpoint.put(record)
        changed = True
    if changed:
        context.state.write(checkpoint)


def _print_json(by: str, before: list[Record], after: list[Record], **more: str | None) -> None:
    orders = [
        {
            "id": new.id,
            "number": new.number,
            "status": new.status,
            "reason": new.reason,
            "was": {"status": old.status, "reason": old.reason, "attempts": old.attempts},
        }
        for old, new in zip(before, after, strict=True)
    ]
    print(json.dumps({"by": by, **more, "orders": orders}))
