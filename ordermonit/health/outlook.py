"""What happens next to an order, as a person reads it; it says what `journey.py` does."""

from collections.abc import Container
from dataclasses import dataclass

from ordermonit.orders.journey import Rules
from ordermonit.orders.model import InsertedBy, Operation, Reason, Record, Status, by_id


@dataclass(frozen=True, slots=True)
class Outlook:
    """One sentence; `by_cycle` says that the next cycle does it, without anybody's help."""

    what: str
    by_cycle: bool = False


def outlook(record: Record, rules: Rules, checks: Container[Operation]) -> Outlook:
    """What becomes of this record. `checks` are the configured ones."""
    match record.status:
        case Status.SUCCESS if record.reason is Reason.DISMISSED:
            return Outlook(
                f"nothing: it was dismissed ({record.last_error}). To open it again, type:"
                f" ordermonit retry {record.name}"
            )
        case Status.SUCCESS:
            return Outlook(f"nothing: {_RESOLVED[record.reason]}")
        case Status.EXHAUSTED:
            return Outlook(
                f"nothing by itself: it was given up after {record.attempts} attempts. Remove the"
                f" cause, then type: ordermonit retry {record.name}"
            )
        case Status.PAYMENT_PENDING:
            return _payment(record, rules, checks)
    return _insertion(record, rules, checks)


_RESOLVED = dict.fromkeys(Reason, "it is resolved") | {
    Reason.OK: "it is in Abacos",
    Reason.CLOSED: "the Front closed it before its payment came",
    Reason.GONE: "it vanished from the Front",
}


def _insertion(record: Record, rules: Rules, checks: Container[Operation]) -> Outlook:
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
        return Outlook(
            f"the next cycle gives it up: max_attempts is {rules.max_attempts}", by_cycle=True
        )
    attempt = f"attempt {record.attempts + 1} of {rules.max_attempts}"
    if Operation.ORDER_EXISTS not in checks:
        return Outlook(
            f"the next cycle inserts it ({attempt}); where it is in Abacos already, the task says"
            " so",
            by_cycle=True,
        )
    if record.reason is Reason.NOT_DUE:
        return Outlook(
            "every cycle asks Abacos, and inserts it as soon as the node takes it", by_cycle=True
        )
    return Outlook(
        f"the next cycle asks Abacos whether it is there, and inserts it if it is not ({attempt})"
        + ("; then its payment is followed" if record.inserted_by is not InsertedBy.OTHERS else ""),
        by_cycle=True,
    )


def _payment(record: Record, rules: Rules, checks: Container[Operation]) -> Outlook:
    if record.reason is Reason.NOT_DUE:
        states = ", ".join(sorted(rules.authorized_states))
        return Outlook(
            "waits until its payment is authorized; every cycle looks whether its state in the"
            f" Front is one of: {states}"
        )
    if Operation.PAYMENT_CONFIRMED in checks:
        return Outlook(
            "the next cycle asks Abacos whether its payment is confirmed, and confirms it if it is"
            " not",
            by_cycle=True,
        )
    again = record.in_flight is Operation.CONFIRM_PAYMENT
    return Outlook(
        "the next cycle confirms its payment"
        + (" again: the last answer was lost, and no payment_confirmed is configured" * again),
        by_cycle=True,
    )


def without_record(event: str) -> Outlook:
    """What becomes of an order that has no record any more; `event` is its last in the journal."""
    if event in _ENDS:
        return Outlook("nothing: it is resolved, and its record has made room for newer ones")
    return Outlook("nothing by itself: this checkpoint has no record of it")


_ENDS = frozenset({"ORDER_FOUND", "PAYMENT_CONFIRMED", "ORDER_CLOSED", "ORDER_GONE"})
