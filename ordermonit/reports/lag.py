"""How far HEAD is behind what a cycle saw."""

from datetime import datetime

from ordermonit.orders.lag import Lag, waiting
from ordermonit.reports.notes import Sight
from ordermonit.state.checkpoint import Checkpoint


def lag(sight: Sight, checkpoint: Checkpoint, now: datetime) -> Lag:
    """How far HEAD, as it is now, is behind what a cycle saw when it began."""
    head, records = checkpoint.head, checkpoint.records
    found = waiting(sight.orders, head, records, 0, now)
    last = max((order.id for order in sight.orders), default=head)
    unseen = max(0, sight.newest - max(last, head))
    if found.orders or not unseen:
        return Lag(found.orders + unseen, found.seconds)
    # What was not read came after what was.
    newest = waiting(sight.orders[-1:], 0, (), 0, now)
    return Lag(unseen, newest.seconds if sight.orders else None)
