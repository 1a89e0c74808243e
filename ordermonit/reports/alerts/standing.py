"""What stands in the checkpoint and was not told: a killed cycle's news is the next one's.

Pure, and cheap: every cycle with an alerts.yml looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ordermonit.orders.model import InsertedBy, Reason, Record, Status

if TYPE_CHECKING:
    from ordermonit.configuration.alerts import Alerts
    from ordermonit.orders.lag import Lag
    from ordermonit.reports.alerts.memory import Memory
    from ordermonit.reports.notes import Ended


@dataclass(frozen=True, slots=True)
class Standing:
    """Orders that were given up, that the node does not take yet, and that fell through, since
    those were looked at; and how far HEAD is behind, where that is too far."""

    given_up: tuple[Record, ...] = ()
    waiting: tuple[Record, ...] = ()
    fallen: tuple[Record, ...] = ()
    lag: Lag | None = None

    @property
    def is_news(self) -> bool:
        """Whether there is any of it."""
        return bool(self.given_up or self.waiting or self.fallen or self.lag)


def standing(memory: Memory, ended: Ended, alerts: Alerts, now: datetime) -> Standing:
    """All of it that the memory does not know."""
    checkpoint = ended.checkpoint
    if checkpoint is None:
        return Standing()
    records = checkpoint.records.values()
    # Times on disk are whole seconds.
    since = memory.found_until or ended.started_at - timedelta(seconds=1)
    untold = [each for each in records if memory.orders.get(each.id) != _known_by(each)]
    return Standing(
        tuple(each for each in untold if each.status is Status.EXHAUSTED),
        tuple(each for each in untold if _waits(each) and _is_late(each, alerts, now)),
        tuple(
            each
            for each in records
            if each.created_at > since and _fell_through(each) and alerts.missing_orders is not None
        ),
        _too_far(ended, alerts, now),
    )


def still(memory: Memory, ended: Ended) -> Iterator[tuple[int, datetime]]:
    """The told orders that stand there still: the others need not be remembered."""
    for id, at in memory.orders.items():
        record = ended.checkpoint.records.get(id) if ended.checkpoint is not None else None
        if ended.checkpoint is None or (record is not None and _known_by(record) == at):
            yield id, at


def _known_by(record: Record) -> datetime | None:
    """The time that tells this news of an order from an earlier one of it; None for no news."""
    if record.status is Status.EXHAUSTED:
        return record.updated_at.replace(microsecond=0)
    return record.created_at.replace(microsecond=0) if _waits(record) else None


def told(*records: Record) -> Iterator[tuple[int, datetime]]:
    """How the memory knows these again."""
    for record in records:
        at = _known_by(record)
        if at is not None:
            yield record.id, at


def _waits(record: Record) -> bool:
    return record.status is Status.FAILED and record.reason is Reason.NOT_DUE


def _is_late(record: Record, alerts: Alerts, now: datetime) -> bool:
    return alerts.lag is not None and (now - record.created_at).total_seconds() >= alerts.lag


def _fell_through(record: Record) -> bool:
    """Whether Abacos had it not, as far as a record tells: it was put there by us, or it is not
    there though we tried."""
    if record.inserted_by is InsertedBy.MAYBE_US:
        return record.status in (Status.FAILED, Status.EXHAUSTED)
    return record.inserted_by is InsertedBy.US


def _too_far(ended: Ended, alerts: Alerts, now: datetime) -> Lag | None:
    notes = ended.notes
    if ended.exit or notes.sight is None or notes.service is None or alerts.lag is None:
        return None
    assert ended.checkpoint is not None
    if notes.sight.newest <= ended.checkpoint.head:
        return None
    from ordermonit.reports.lag import lag  # only where HEAD is behind

    found = lag(notes.sight, ended.checkpoint, now)
    longest = alerts.lag + notes.service.min_order_age
    return found if found.seconds is not None and found.seconds >= longest else None
