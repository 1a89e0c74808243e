"""What one part of the examination finds out that a later one needs."""

from dataclasses import dataclass

from ordermonit.configuration import Configuration
from ordermonit.orders.model import Order, Reason, Record, Status
from ordermonit.state.checkpoint import Checkpoint


@dataclass(slots=True)
class Known:
    """Filled as the parts go on; None is what is not known.

    `clock_ahead` is how far our clock is ahead of the database's, in seconds.
    """

    configuration: Configuration | None = None
    checkpoint: Checkpoint | None = None
    newest: Order | None = None
    clock_ahead: float | None = None

    def resolved(self) -> Record | None:
        """The newest record of an order that is in Abacos, by what the node answered."""
        records = self.checkpoint.records.values() if self.checkpoint else ()
        done = [
            record
            for record in records
            if (record.status, record.reason) == (Status.SUCCESS, Reason.OK)
        ]
        return max(done, key=lambda record: record.id, default=None)
