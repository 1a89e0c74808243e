"""Time that passes for what stands in a checkpoint."""

from dataclasses import replace
from datetime import timedelta

from ordermonit.state.checkpoint import Checkpoint


def age(checkpoint: Checkpoint, seconds: float) -> None:
    """Let so much time pass since anything happened to the records."""
    past = timedelta(seconds=seconds)
    for record in [*checkpoint.records.values()]:
        awaited = record.awaited
        if awaited is not None and awaited.since is not None:
            awaited = replace(awaited, since=awaited.since - past, boot=None)
        checkpoint.put(record.with_(updated_at=record.updated_at - past, awaited=awaited))
