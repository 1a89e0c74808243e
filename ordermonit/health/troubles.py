"""Orders in trouble: which, since when, and what comes next."""

from collections.abc import Iterable, Mapping

from ordermonit.health.health import Health, Problem
from ordermonit.orders.model import Reason, Record, Status, by_id
from ordermonit.orders.rest import Rest
from ordermonit.times import counted, iso

#: So many order numbers are named in one problem.
_NAMED = 3


def record_problems(records: Iterable[Record], rests: Mapping[int, Rest]) -> list[Problem]:
    """What is wrong with orders, the same trouble grouped. Since: an order given up, when that
    was; another one, when it was first seen. `rests` by id, where that is known."""
    groups: dict[tuple[Status, Reason], list[Record]] = {}
    for record in records:
        waits_for_payment = record.status is Status.PAYMENT_PENDING and (
            record.reason is Reason.NOT_DUE
        )
        is_trouble = record.is_open and record.reason in _TROUBLES and not waits_for_payment
        if record.status is Status.EXHAUSTED or is_trouble:
            groups.setdefault((record.status, record.reason), []).append(record)
    found = []
    for (status, reason), group in groups.items():
        given_up = status is Status.EXHAUSTED
        many = counted(len(group), "order")
        names = ", ".join(each.name for each in group[:_NAMED])
        names += ", …" if len(group) > _NAMED else ""
        trouble, remedy = _TROUBLES.get(reason, ("", ""))
        error = next((f": {each.last_error}" for each in reversed(group) if each.last_error), "")
        found.append(
            Problem(
                Health.DEGRADED,
                f"{many} {'given up' if given_up else trouble} ({names}){error}",
                min(each.updated_at if given_up else each.created_at for each in group),
                _retry(group) if given_up else _remedy(group, remedy, rests),
            )
        )
    return sorted(found, key=lambda each: (each.since is None, each.since))


_TROUBLES = {
    Reason.REJECTED: ("rejected", "The next cycle tries again"),
    Reason.TIMEOUT: ("hanging", "The next cycle asks Abacos, and tries again"),
    Reason.DIED: (
        "whose task ended the process that ran it",
        "The next cycle tries again; for what the node said, type: ordermonit show {}",
    ),
    Reason.NOT_THERE: (
        "whose task said done, though Abacos has nothing of it",
        "Every cycle asks Abacos; after verify_within it is an attempt, and sent again",
    ),
    Reason.NOT_DUE: (
        "that the node says can't be inserted yet",
        "Every cycle asks again; for the story, type: ordermonit show {}",
    ),
    Reason.UNKNOWN: (
        "without an answer",
        "The next cycle asks Abacos before it sends anything again",
    ),
    Reason.NUMBER_CHANGED: (
        "in Abacos, or maybe there, under a number that was changed",
        "Correct the number in the Front; or in Abacos, and then type: ordermonit retry {}",
    ),
    Reason.INVALID_NUMBER: (
        "with a number that can't be sent",
        "Correct the number in the Front, and the next cycle takes it; if it needs none, type:"
        " ordermonit dismiss {} --because TEXT",
    ),
}


def _remedy(group: list[Record], remedy: str, rests: Mapping[int, Rest]) -> str:
    """What comes next of orders in the same trouble, and when, if they rest."""
    said = remedy.format(by_id(group[0].id))
    found = [rests[each.id] for each in group if each.id in rests]
    if not found:
        return said
    first = min(found, key=lambda each: each.until)
    when = f"{iso(first.until)} ({first.setting})"
    if first.is_asked:
        return f"Every cycle asks Abacos; what it has not by {when} is an attempt, and sent again"
    if len(found) < len(group):
        return f"{said}; {len(found)} of them not before {when}"
    return f"The next attempt is not before {when}"


def _retry(group: list[Record]) -> str:
    """What to type for orders that were given up."""
    if len(group) == 1:
        return f"Remove the cause, then type: ordermonit retry {group[0].name}"
    return "Remove the cause, then type: ordermonit retry --exhausted"
