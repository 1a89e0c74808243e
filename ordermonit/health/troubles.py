"""Orders in trouble: which, since when, and what comes next."""

from collections.abc import Iterable, Mapping

from ordermonit.health.health import Health, Problem
from ordermonit.language import _, ngettext
from ordermonit.orders.model import Reason, Record, Status, by_id
from ordermonit.orders.rest import Rest
from ordermonit.text import later
from ordermonit.times import iso

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
        names = ", ".join(each.name for each in group[:_NAMED])
        names += ", …" if len(group) > _NAMED else ""
        error = next((f": {each.last_error}" for each in reversed(group) if each.last_error), "")
        orders = _given_up(len(group)) if given_up else _troubled(reason, len(group))
        found.append(
            Problem(
                Health.DEGRADED,
                f"{orders} ({names}){error}",
                min(each.updated_at if given_up else each.created_at for each in group),
                _retry(group) if given_up else _remedy(reason, group, rests),
            )
        )
    return sorted(found, key=lambda each: (each.since is None, each.since))


#: What comes of each trouble, or what to do.
_TROUBLES = {
    Reason.REJECTED: later("The next cycle tries again"),
    Reason.TIMEOUT: later("The next cycle asks Abacos, and tries again"),
    Reason.DIED: later(
        "The next cycle tries again; for what the node said, type: ordermonit show {id}"
    ),
    Reason.NOT_THERE: later(
        "Every cycle asks Abacos; after verify_within it is an attempt, and sent again"
    ),
    Reason.NOT_DUE: later("Every cycle asks again; for the story, type: ordermonit show {id}"),
    Reason.UNKNOWN: later("The next cycle asks Abacos before it sends anything again"),
    Reason.NUMBER_CHANGED: later(
        "Correct the number in the Front; or in Abacos, and then type: ordermonit retry {id}"
    ),
    Reason.INVALID_NUMBER: later(
        "Correct the number in the Front, and the next cycle takes it; if it needs none, type:"
        " ordermonit dismiss {id} --because TEXT"
    ),
}


def _given_up(number: int) -> str:
    return ngettext("{number} order given up", "{number} orders given up", number)


def _troubled(reason: Reason, number: int) -> str:
    """So many orders, and what their trouble is."""
    return {
        Reason.REJECTED: lambda: ngettext(
            "{number} order rejected", "{number} orders rejected", number
        ),
        Reason.TIMEOUT: lambda: ngettext(
            "{number} order hanging", "{number} orders hanging", number
        ),
        Reason.DIED: lambda: ngettext(
            "{number} order whose task ended the process that ran it",
            "{number} orders whose task ended the process that ran it",
            number,
        ),
        Reason.NOT_THERE: lambda: ngettext(
            "{number} order whose task said done, though Abacos has nothing of it",
            "{number} orders whose task said done, though Abacos has nothing of it",
            number,
        ),
        Reason.NOT_DUE: lambda: ngettext(
            "{number} order that the node says can't be inserted yet",
            "{number} orders that the node says can't be inserted yet",
            number,
        ),
        Reason.UNKNOWN: lambda: ngettext(
            "{number} order without an answer", "{number} orders without an answer", number
        ),
        Reason.NUMBER_CHANGED: lambda: ngettext(
            "{number} order in Abacos, or maybe there, under a number that was changed",
            "{number} orders in Abacos, or maybe there, under a number that was changed",
            number,
        ),
        Reason.INVALID_NUMBER: lambda: ngettext(
            "{number} order with a number that can't be sent",
            "{number} orders with a number that can't be sent",
            number,
        ),
    }[reason]()


def _remedy(reason: Reason, group: list[Record], rests: Mapping[int, Rest]) -> str:
    """What comes next of orders in the same trouble, and when, if they rest."""
    said = _(_TROUBLES[reason], id=by_id(group[0].id))
    found = [rests[each.id] for each in group if each.id in rests]
    if not found:
        return said
    first = min(found, key=lambda each: each.until)
    time, setting = iso(first.until), first.setting
    if first.is_asked:
        return _(
            "Every cycle asks Abacos; what it has not by {time} ({setting}) is an attempt, and sent"
            " again",
            time=time,
            setting=setting,
        )
    if len(found) < len(group):
        return _(
            "{remedy}; {count} of them not before {time} ({setting})",
            remedy=said,
            count=len(found),
            time=time,
            setting=setting,
        )
    return _("The next attempt is not before {time} ({setting})", time=time, setting=setting)


def _retry(group: list[Record]) -> str:
    """What to type for orders that were given up."""
    which = group[0].name if len(group) == 1 else "--exhausted"
    return _("Remove the cause, then type: {command}", command=f"ordermonit retry {which}")
