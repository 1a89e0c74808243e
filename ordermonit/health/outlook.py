"""What happens next to an order, as a person reads it; it says what `journey.py` does."""

from collections.abc import Container
from dataclasses import dataclass, replace
from datetime import datetime

from ordermonit.orders.journey import Rules
from ordermonit.orders.model import InsertedBy, Operation, Reason, Record, Status, by_id
from ordermonit.orders.rest import Rest, rest
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
    if resting is None:
        return "the next cycle"
    return f"the first cycle after {iso(resting.until)} ({resting.setting})"


def _shown(record: Record, resting: Rest) -> Outlook:
    """A task said done, and Abacos has its time to show it."""
    what = f"it has nothing of it by {iso(resting.until)} ({resting.setting})"
    if record.status is Status.PAYMENT_PENDING:
        return Outlook(
            "the confirmation said done, and every cycle asks Abacos whether the payment is"
            f" confirmed; if {what}, that is an attempt",
            by_cycle=True,
        )
    return Outlook(
        f"its task said done, and every cycle asks Abacos whether it is there; if {what}, that is"
        " an attempt, and it is sent again",
        by_cycle=True,
    )


def _outlook(record: Record, rules: Rules, checks: Container[Operation], who: str) -> Outlook:
    match record.status:
        case Status.SUCCESS if record.reason is Reason.DISMISSED:
            return Outlook(
                f"nothing: it was dismissed ({record.last_error}). To open it again, type:"
                f" ordermonit retry {record.name}"
            )
        case Status.SUCCESS:
            return Outlook(f"nothing: {_RESOLVED[record.reason]}")
        case Status.EXHAUSTED if record.attempts < rules.max_attempts:
            return Outlook(
                f"{who} tries it again: max_attempts is {rules.max_attempts} now", by_cycle=True
            )
        case Status.EXHAUSTED:
            return Outlook(
                f"nothing by itself: it was given up after {record.attempts} attempts. Remove the"
                f" cause, then type: ordermonit retry {record.name}"
            )
        case Status.PAYMENT_PENDING:
            return _payment(record, rules, checks, who)
    return _insertion(record, rules, checks, who)


_RESOLVED = dict.fromkeys(Reason, "it is resolved") | {
    Reason.OK: "it is in Abacos",
    Reason.CLOSED: "the Front closed it before its payment came",
    Reason.GONE: "it vanished from the Front",
}

#: What happened to an order that is tried again.
_BEFORE = {
    Reason.NOT_FOUND: "",
    Reason.REJECTED: "it was refused; ",
    Reason.TIMEOUT: "its task hung; ",
    Reason.DIED: "its task ended the process that ran it; ",
    Reason.NOT_THERE: "its task said done, though Abacos had nothing of it; ",
    Reason.UNKNOWN: "whether its task took effect is not known; ",
}


def _insertion(record: Record, rules: Rules, checks: Container[Operation], who: str) -> Outlook:
    if record.reason is Reason.NUMBER_CHANGED:
        return Outlook(
            f"nothing by itself: {record.last_error}, and Abacos has it, or may have it, as"
            f" {record.name}. Correct that in the Front; or in Abacos, and then type: ordermonit"
            f" retry {record.name}"
        )
    if record.reason is Reason.INVALID_NUMBER:
        return Outlook(
            "waits until its number is corrected in the Front (1 to 64 of A-Z a-z 0-9 . _ -);"
            f" every cycle looks. If it needs none, type: ordermonit dismiss {by_id(record.id)}"
            " --because TEXT"
        )
    if record.attempts >= rules.max_attempts:
        return Outlook(f"{who} gives it up: max_attempts is {rules.max_attempts}", by_cycle=True)
    before = _BEFORE.get(record.reason, "")
    attempt = f"attempt {record.attempts + 1} of {rules.max_attempts}"
    if Operation.ORDER_EXISTS not in checks:
        return Outlook(
            f"{before}{who} inserts it ({attempt}); where it is in Abacos already, the task says"
            " so",
            by_cycle=True,
        )
    if record.reason is Reason.NOT_DUE:
        return Outlook(
            "every cycle asks Abacos, and inserts it as soon as the node takes it", by_cycle=True
        )
    return Outlook(
        f"{before}{who} asks Abacos whether it is there, and inserts it if it is not ({attempt})"
        + ("; then its payment is followed" if record.inserted_by is not InsertedBy.OTHERS else ""),
        by_cycle=True,
    )


def _payment(record: Record, rules: Rules, checks: Container[Operation], who: str) -> Outlook:
    if record.reason is Reason.NOT_DUE:
        states = ", ".join(sorted(rules.authorized_states))
        return Outlook(
            "waits until its payment is authorized; every cycle looks whether its state in the"
            f" Front is one of: {states}"
        )
    if Operation.PAYMENT_CONFIRMED in checks:
        return Outlook(
            f"{who} asks Abacos whether its payment is confirmed, and confirms it if it is not",
            by_cycle=True,
        )
    again = record.in_flight is Operation.CONFIRM_PAYMENT
    return Outlook(
        f"{who} confirms its payment"
        + (" again: the last answer was lost, and no payment_confirmed is configured" * again),
        by_cycle=True,
    )


def without_record(event: str) -> Outlook:
    """What becomes of an order that has no record any more; `event` is its last in the journal."""
    if event in _ENDS:
        return Outlook("nothing: it is resolved, and its record has made room for newer ones")
    return Outlook("nothing by itself: this checkpoint has no record of it")


_ENDS = frozenset({"ORDER_FOUND", "PAYMENT_CONFIRMED", "ORDER_CLOSED", "ORDER_GONE"})
