"""What happens next to an order, as a person reads it; it says what `journey.py` does."""

from collections.abc import Container
from dataclasses import dataclass, replace
from datetime import datetime

from ordermonit.language import _
from ordermonit.orders.journey import Rules
from ordermonit.orders.model import (
    VALID_NUMBER,
    InsertedBy,
    Operation,
    Reason,
    Record,
    Status,
    by_id,
)
from ordermonit.orders.rest import Rest, rest
from ordermonit.text import later
from ordermonit.times import iso


@dataclass(frozen=True, slots=True)
class Outlook:
    """One sentence; `by_cycle` says that a cycle does it, without anybody's help: the next one, or
    where the order rests, the first one after `not_before`."""

    what: str
    by_cycle: bool = False
    not_before: datetime | None = None


def outlook(record: Record, rules: Rules, checks: Container[Operation], now: datetime) -> Outlook:
    """What becomes of this record. `checks` are the configured ones."""
    resting = rest(record, rules, now)
    if resting is not None and resting.is_asked:
        return _shown(record, resting)
    found = _outlook(record, rules, checks, _who(resting))
    if resting is None or not found.by_cycle:
        return found
    return replace(found, not_before=resting.until)


def _who(resting: Rest | None) -> str:
    """The cycle that does it, as the subject of a sentence, which it begins."""
    if resting is None:
        return _("the next cycle")
    time, setting = iso(resting.until), resting.setting
    return _("the first cycle after {time} ({setting})", time=time, setting=setting)


def _shown(record: Record, resting: Rest) -> Outlook:
    """A task said done, and Abacos has its time to show it."""
    time, setting = iso(resting.until), resting.setting
    if record.status is Status.PAYMENT_PENDING:
        what = _(
            "the confirmation said done, and every cycle asks Abacos whether the payment is"
            " confirmed; if it has nothing of it by {time} ({setting}), that is an attempt",
            time=time,
            setting=setting,
        )
    else:
        what = _(
            "its task said done, and every cycle asks Abacos whether it is there; if it has nothing"
            " of it by {time} ({setting}), that is an attempt, and it is sent again",
            time=time,
            setting=setting,
        )
    return Outlook(what, by_cycle=True)


def as_typed(record: Record) -> str:
    """What a command calls it by: its number where every shell and command takes that as it is."""
    number = record.number or ""
    is_plain = VALID_NUMBER.fullmatch(number) is not None and not number.startswith("-")
    return number if is_plain else by_id(record.id)


def _outlook(record: Record, rules: Rules, checks: Container[Operation], who: str) -> Outlook:
    name = record.name
    match record.status:
        case Status.SUCCESS if record.reason is Reason.DISMISSED:
            return Outlook(
                _(
                    "nothing: it was dismissed ({because}). To open it again, type: ordermonit"
                    " retry {name}",
                    because=record.last_error,
                    name=as_typed(record),
                )
            )
        case Status.SUCCESS:
            return Outlook(_(_RESOLVED[record.reason]))
        case Status.EXHAUSTED if record.attempts < rules.max_attempts:
            most = rules.max_attempts
            what = _("{cycle} tries it again: max_attempts is {most} now", cycle=who, most=most)
            return Outlook(what, by_cycle=True)
        case Status.EXHAUSTED:
            return Outlook(
                _(
                    "nothing by itself: it was given up after {attempts} attempts. Remove the"
                    " cause, then type: ordermonit retry {name}",
                    attempts=record.attempts,
                    name=name,
                )
            )
        case Status.PAYMENT_PENDING:
            return _payment(record, rules, checks, who)
    return _insertion(record, rules, checks, who)


_RESOLVED = dict.fromkeys(Reason, later("nothing: it is resolved")) | {
    Reason.OK: later("nothing: it is in Abacos"),
    Reason.CLOSED: later("nothing: the Front closed it before its payment came"),
    Reason.GONE: later("nothing: it vanished from the Front"),
}

#: What happened to an order that is tried again.
_BEFORE = {
    Reason.REJECTED: later("it was refused; {next}"),
    Reason.TIMEOUT: later("its task hung; {next}"),
    Reason.DIED: later("its task ended the process that ran it; {next}"),
    Reason.NOT_THERE: later("its task said done, though Abacos had nothing of it; {next}"),
    Reason.UNKNOWN: later("whether its task took effect is not known; {next}"),
}


def _insertion(record: Record, rules: Rules, checks: Container[Operation], who: str) -> Outlook:
    if record.reason is Reason.NUMBER_CHANGED:
        return Outlook(
            _(
                "nothing by itself: {error}, and Abacos has it, or may have it, as {name}. Correct"
                " that in the Front; or in Abacos, and then type: ordermonit retry {name}",
                error=record.last_error,
                name=record.name,
            )
        )
    if record.reason is Reason.INVALID_NUMBER:
        return Outlook(
            _(
                "waits until its number is corrected in the Front (1 to 64 of A-Z a-z 0-9 . _ -);"
                " every cycle looks. If it needs none, type: ordermonit dismiss {id} --because"
                " TEXT",
                id=by_id(record.id),
            )
        )
    return Outlook(_attempt(record, rules.max_attempts, checks, who), by_cycle=True)


def _attempt(record: Record, most: int, checks: Container[Operation], who: str) -> str:
    attempt = record.attempts + 1
    if attempt > most:
        return _("{cycle} gives it up: max_attempts is {most}", cycle=who, most=most)
    if Operation.ORDER_EXISTS not in checks:
        what = later(
            "{cycle} inserts it (attempt {attempt} of {most}); where it is in Abacos already, the"
            " task says so"
        )
    elif record.reason is Reason.NOT_DUE:
        return _("every cycle asks Abacos, and inserts it as soon as the node takes it")
    elif record.inserted_by is InsertedBy.OTHERS:
        what = later(
            "{cycle} asks Abacos whether it is there, and inserts it if it is not (attempt"
            " {attempt} of {most})"
        )
    else:
        what = later(
            "{cycle} asks Abacos whether it is there, and inserts it if it is not (attempt"
            " {attempt} of {most}); then its payment is followed"
        )
    comes = _(what, cycle=who, attempt=attempt, most=most)
    before = _BEFORE.get(record.reason)
    return comes if before is None else _(before, next=comes)


def _payment(record: Record, rules: Rules, checks: Container[Operation], who: str) -> Outlook:
    if record.reason is Reason.NOT_DUE:
        return Outlook(
            _(
                "waits until its payment is authorized; every cycle looks whether its state in the"
                " Front is one of: {states}",
                states=", ".join(sorted(rules.authorized_states)),
            )
        )
    if Operation.PAYMENT_CONFIRMED in checks:
        what = later(
            "{cycle} asks Abacos whether its payment is confirmed, and confirms it if it is not"
        )
    elif record.in_flight is Operation.CONFIRM_PAYMENT:
        what = later(
            "{cycle} confirms its payment again: the last answer was lost, and no payment_confirmed"
            " is configured"
        )
    else:
        what = later("{cycle} confirms its payment")
    return Outlook(_(what, cycle=who), by_cycle=True)


def without_record(event: str) -> Outlook:
    """What becomes of an order that has no record any more; `event` is its last in the journal."""
    if event in _ENDS:
        what = _("nothing: it is resolved, and its record has made room for newer ones")
        return Outlook(what)
    return Outlook(_("nothing by itself: this checkpoint has no record of it"))


_ENDS = frozenset({"ORDER_FOUND", "PAYMENT_CONFIRMED", "ORDER_CLOSED", "ORDER_GONE"})
