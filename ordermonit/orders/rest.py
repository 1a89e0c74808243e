"""What rests for a while, until when, and which setting says so: a pure function of a record."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ordermonit.orders.journey import Rules, Save, Scene, journey
from ordermonit.orders.model import Order, Reason, Record, Status


class Setting(StrEnum):
    """The key of the YAML files that an order rests by."""

    RETRY_WAIT = "retry_wait"
    MIN_ORDER_AGE = "min_order_age"
    TASK_TIMEOUT = "task_timeout"
    VERIFY_WITHIN = "verify_within"


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing is sent for an order before `until`, which is aware."""

    until: datetime
    setting: Setting

    @property
    def is_asked(self) -> bool:
        """Whether every cycle asks about it meanwhile: Abacos may show any time that it is done."""
        return self.setting is Setting.VERIFY_WITHIN


def rest(record: Record, rules: Rules, now: datetime) -> Rest | None:
    """How long an open record rests after its last change; None when its time has come.

    A change in the future, of a clock that was put back, holds nobody up.
    """
    if not record.is_due:
        return None
    found = [
        Rest(since + timedelta(seconds=seconds), setting)
        for setting, since, seconds in _spans(record, rules)
        if since <= now
    ]
    last = max(found, key=lambda each: each.until, default=None)
    return last if last is not None and now < last.until else None


def has_work(record: Record, order: Order | None, rules: Rules, scene: Scene) -> bool:
    """Whether a cycle would do anything at all for this record.

    A payment that is still not authorized, or a number that is still invalid, costs nothing (C2).
    """
    step = next(journey(record, order, rules, scene))
    return not (isinstance(step, Save) and step.final and step.record == record)


def rests(records: Iterable[Record], rules: Rules, now: datetime) -> dict[int, Rest]:
    """Those that rest now, by id."""
    found = ((record.id, rest(record, rules, now)) for record in records)
    return {id: each for id, each in found if each is not None}


def _spans(record: Record, rules: Rules) -> Iterable[tuple[Setting, datetime, float]]:
    """Between attempts it is `retry_wait`; before the first one, of an order that waits for the
    shop's own queue, `min_order_age`. What was ended in the middle is not sent again before
    `task_timeout` has passed, since Abacos may still be at it; what a task said was done, not
    before `verify_within`."""
    since = record.updated_at
    ended = (record.awaited and record.awaited.since) or since
    if record.is_unverified:
        yield Setting.VERIFY_WITHIN, ended, rules.verify_within
        return
    if record.may_be_worked_on:
        yield Setting.TASK_TIMEOUT, ended, rules.task_timeout
    if record.reason is Reason.NOT_FOUND and not record.attempts and not record.is_begun:
        yield Setting.MIN_ORDER_AGE, since, rules.min_order_age
    if record.status is Status.FAILED and record.attempts:
        wait = rules.retry_wait[min(record.attempts, len(rules.retry_wait)) - 1]
        yield Setting.RETRY_WAIT, since, wait
