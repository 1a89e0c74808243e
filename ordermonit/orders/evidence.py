"""Whose fault is it that an order was refused: its own, or Abacos's? Pure.

An attempt may be charged only for what is the order's own fault (rule C7). When Abacos answers
questions and refuses every insertion, that is an outage as any other (rule C8): it is charged to
nobody, and nobody is given up for it.
"""

import re
from collections.abc import Collection, Mapping
from datetime import datetime

from ordermonit.orders.model import InsertedBy, Reason, Record, Status, Verdict

#: So many orders refused with the same error may be Abacos's fault; fewer are their own.
MANY = 3

#: What one order's task may do by itself, while Abacos is well.
MAYBE_ITS_OWN = (Verdict.TIMEOUT, Verdict.AMBIGUOUS, Verdict.DIED)

#: Why an order stands where it does when its insertion was refused, whatever did that.
_REFUSED = (Reason.REJECTED, Reason.TIMEOUT, Reason.DIED, Reason.NOT_THERE)


def likeness(error: str | None) -> str:
    """What is the same in the errors of several orders: all but the numbers."""
    return re.sub(r"[0-9]+", "#", error or "")


def is_own_fault(id: int, error: str | None, records: Mapping[int, Record]) -> bool:
    """Whether this order's refusal may be charged to it.

    It may when fewer than `MANY` orders are refused with that error, or when Abacos takes orders:
    it took one of ours since the first of these refusals, or the shop's own queue brought it a
    newer order than they are.
    """
    alike = [
        record
        for record in records.values()
        if record.id != id and is_refused(record) and likeness(record.last_error) == likeness(error)
    ]
    return len(alike) + 1 < MANY or _takes_orders(id, alike, records.values())


def is_broken_for_it_alone(id: int, records: Mapping[int, Record]) -> bool:
    """Whether the node's deployment, broken for this order before, has served another since."""
    before = records.get(id)
    return (
        before is not None
        and is_refused(before)
        and any(
            _is_there(record) and _is_ours(record) and _took(record, before.updated_at)
            for record in records.values()
        )
    )


def outage(records: Mapping[int, Record]) -> str | None:
    """The error with which Abacos refuses every order; None while it takes some."""
    refused = [record for record in records.values() if record.is_due and is_refused(record)]
    for record in refused if len(refused) >= MANY else ():
        if not is_own_fault(record.id, record.last_error, records):
            return record.last_error
    return None


def is_refused(record: Record) -> bool:
    """Whether its insertion or confirmation was refused the last time."""
    is_payment = record.status is Status.PAYMENT_PENDING and not record.is_unverified
    return record.reason in _REFUSED and (
        record.status in (Status.FAILED, Status.EXHAUSTED) or is_payment
    )


def _takes_orders(id: int, alike: Collection[Record], records: Collection[Record]) -> bool:
    since = min(record.updated_at for record in alike)
    return any(
        _is_there(record)
        and (_is_newer(record, id, alike, since) or (_is_ours(record) and _took(record, since)))
        for record in records
    )


def _is_newer(record: Record, id: int, alike: Collection[Record], since: datetime) -> bool:
    """Whether the shop's own queue brought it while the others were refused.

    A refused payment is of an old order, so it has to be an order that was made since. Else it was
    placed after all of them, and seen in Abacos since they were first seen: a late commit is old.
    """
    if any(map(_is_payments, alike)):
        return record.ordered_at is not None and record.ordered_at > since
    newest = max(id, *(each.id for each in alike))
    return record.id > newest and record.updated_at >= min(each.created_at for each in alike)


def _is_payments(refused: Record) -> bool:
    """Whether what was refused is its confirmation: a refused insertion leaves a maybe."""
    return refused.inserted_by is not InsertedBy.MAYBE_US


def _took(record: Record, since: datetime) -> bool:
    """Whether Abacos took its insertion or confirmation since then. A payment that is only tried,
    or refused, changes its record too."""
    is_tried = record.in_flight is not None or is_refused(record)
    return record.created_at > since or (record.updated_at >= since and not is_tried)


def _is_ours(record: Record) -> bool:
    return record.inserted_by is not InsertedBy.OTHERS


def _is_there(record: Record) -> bool:
    return record.status is Status.PAYMENT_PENDING or (
        record.status is Status.SUCCESS and record.reason is Reason.OK
    )
