"""Everything that `show` tells of one order, gathered."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ordermonit.commands.context import Context
from ordermonit.commands.orders import as_json, called
from ordermonit.commands.pausing import held
from ordermonit.cycle.plan import rules
from ordermonit.errors import ConfigurationError, OrdermonitError, UsageError
from ordermonit.health.history import Entry, History, read
from ordermonit.health.outlook import Outlook, outlook, without_record
from ordermonit.health.timer import Timer, ask
from ordermonit.orders.model import Record
from ordermonit.times import iso


@dataclass(frozen=True, slots=True)
class Story:
    """What is known of one order. Its record is gone when enough newer ones were resolved."""

    at: datetime
    number: str
    record: Record | None
    history: History
    outlook: Outlook
    timer: Timer | None

    @property
    def first_seen(self) -> datetime | None:
        """As far as is known."""
        times = [each.at for each in self.history.entries[:1] if not self.history.is_cut]
        times += [self.record.created_at] if self.record is not None else []
        return min(times, default=None)

    @property
    def next_at(self) -> datetime | None:
        """When a cycle does what the outlook says at the earliest, as far as that is known."""
        if not self.outlook.by_cycle:
            return None
        times = [None if self.timer is None else self.timer.next_at, self.outlook.not_before]
        return max((each for each in times if each is not None), default=None)

    def as_json(self) -> dict[str, object]:
        """For `show --json`."""
        return {
            "number": self.number,
            "first_seen": _iso(self.first_seen),
            "record": None if self.record is None else as_json(self.record),
            "journal": [_entry(each) for each in self.history.entries],
            "journal_cut": self.history.is_cut,
            "journal_error": self.history.trouble,
            "next": {
                "what": self.outlook.what,
                "by_cycle": self.outlook.by_cycle,
                "at": _iso(self.next_at),
                "not_before": _iso(self.outlook.not_before),
            },
        }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else iso(moment)


def _entry(entry: Entry) -> dict[str, object]:
    return {
        "at": iso(entry.at),
        "event": entry.event,
        "message_id": entry.message_id,
        "message": entry.message,
        "operation": entry.operation,
        "attempt": entry.attempt,
        "duration": entry.duration,
        "error": entry.error,
        "who": entry.who,
    }


def story(context: Context) -> Story:
    """All that is known now. Raises UsageError where nothing is, CheckpointError and StateError."""
    number: str = context.arguments.number
    # First, while we may be root: not everybody may read the journal and ask systemd.
    history, timer = read(number, context.shop), ask(context.shop)
    checkpoint = context.state.read()
    found = called(checkpoint.records.values(), [number])
    if not found and not history.entries:
        unread = "" if history.trouble is None else f" ({history.trouble})"
        raise UsageError(
            f"order {number} has no record in the checkpoint and no entry in the journal{unread}",
            f"Compare the number. HEAD is {checkpoint.head}: an order with a greater id was not"
            " looked at yet, the next cycle does; of an older one the journal is gone",
        )
    record = max(found, key=lambda each: each.id, default=None)
    comes = _outlook(context, record, history)
    comes = replace(comes, what=context.shop.typed(comes.what))
    return Story(datetime.now(UTC), number, record, history, comes, timer)


def _outlook(context: Context, record: Record | None, history: History) -> Outlook:
    found = _by_itself(context, record, history)
    try:
        pause = held(context.state)
    except OrdermonitError as problem:
        return Outlook(f"{found.what}. But {problem}") if found.by_cycle else found
    if pause is None or not found.by_cycle:
        return found
    return Outlook(f"{found.what}. But it is {pause.sentence}")


def _by_itself(context: Context, record: Record | None, history: History) -> Outlook:
    if record is None:
        return without_record(history.entries[-1].event)
    try:
        configuration = context.configuration()
    except ConfigurationError as problem:
        return Outlook(f"not known: {problem.in_one_line}")
    return outlook(record, rules(configuration), configuration.node.checks, datetime.now(UTC))
