"""The words of an alert: what happened, the command to type, and to which orders.

In this order, since some channels cut what is long: a list is what can be cut.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from shlex import quote

from ordermonit.configuration import Service
from ordermonit.orders.lag import Lag
from ordermonit.orders.model import Reason, Record
from ordermonit.reports.alerts.memory import Trouble
from ordermonit.text import cut
from ordermonit.times import counted, iso, spoken

#: Longest list of orders in a message, and longest text of one error, in characters.
MOST_ORDERS = 20
LONGEST_ERROR = 300

#: Longest text of a trouble, in characters: several files may have many problems.
LONGEST_TROUBLE = 2_000

#: What stands for the last error of an order that has none.
_REASONS = {
    Reason.TIMEOUT: "it hangs",
    Reason.DIED: "its task ended the process that ran it",
    Reason.NOT_THERE: "its task said done, and Abacos has nothing of it",
    Reason.UNKNOWN: "no answer",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of news: a few words for the title, and its lines."""

    title: str
    text: str


def exhausted(records: Sequence[Record]) -> Part:
    """Orders that were given up."""
    some = counted(len(records), "order")
    verb = "was" if len(records) == 1 else "were"
    few = len(records) <= MOST_ORDERS
    retry = " ".join(record.name for record in records) if few else "--exhausted"
    return Part(
        f"{some} given up",
        f"{some} {verb} given up, and will not be tried again by itself.\n"
        f"Remove the cause, then type: ordermonit retry {retry}\n{_list(records)}",
    )


def waiting(records: Sequence[Record], seconds: float) -> Part:
    """Orders that the node does not take yet."""
    some = counted(len(records), "order")
    verb = "waits" if len(records) == 1 else "wait"
    return Part(
        f"{some} not inserted yet",
        f"{some} {verb} for more than {spoken(seconds)}, since the node says each time that it"
        " can't be inserted yet. Every cycle asks again; this is told once.\n"
        "Look for the reason in the Front; for the story, type: ordermonit show"
        f" {records[0].name}\n{_list(records)}",
    )


def missing(records: Sequence[Record], limit: int) -> Part:
    """Many orders that fell through at once."""
    some = counted(len(records), "order")
    return Part(
        f"{some} fell through",
        f"{some} never reached Abacos, found at once (more than {limit}). They are being"
        " integrated.\n"
        "Look whether the shop's own queue has stopped (its workers on the integration node). To"
        f" see how they do, type: ordermonit orders\n{_list(records)}",
    )


def behind(lag: Lag, service: Service) -> Part:
    """HEAD does not follow the shop."""
    some = counted(lag.orders, "order")
    limit = service.max_orders_per_request
    if lag.orders > limit:
        remedy = lag.remedy(limit, service.running_cycle)
    else:
        remedy = "HEAD does not pass them; to see why, type: ordermonit status"
    return Part(
        f"{some} not looked at for {spoken(lag.seconds or 0)}",
        f"{some} beyond HEAD {'waits' if lag.orders == 1 else 'wait'} for a first look, the oldest"
        f" for {spoken(lag.seconds or 0)}.\n{remedy}",
    )


def down(trouble: Trouble, now: datetime) -> Part:
    """A downtime that lasts, or that most cycles meet."""
    seconds = max(0.0, (now - trouble.since).total_seconds())
    every = trouble.failed + trouble.good
    return Part(
        f"{trouble.failed} of {every} cycles failed"
        if trouble.good
        else f"down for {spoken(seconds)}",
        f"{_since(trouble)}: {cut(trouble.error, LONGEST_TROUBLE)}\n"
        "Every cycle tries again. To see what waits, type: ordermonit status",
    )


def _since(trouble: Trouble) -> str:
    if not trouble.good:
        return f"Down since {iso(trouble.since)}"
    every = trouble.failed + trouble.good
    return f"{trouble.failed} of {every} cycles have failed since {iso(trouble.since)}, the last"


def outage_over(seconds: float) -> Part:
    """A downtime that began and ended within one cycle."""
    return Part(
        f"was down for {spoken(seconds)}",
        f"The node or Abacos was down for {spoken(seconds)}, and answers again. There is nothing"
        " to do.",
    )


def refused(trouble: Trouble, app_name: str) -> Part:
    """Trouble that waits for a person."""
    every = "most cycles fail" if trouble.good else "every cycle fails"
    return Part(
        trouble.title,
        f"Since {iso(trouble.since)} {every}: {cut(trouble.error, LONGEST_TROUBLE)}\n"
        f"What it means and what to do, at length: journalctl -x -t {quote(app_name)} -n 5",
    )


def over(trouble: Trouble, now: datetime) -> Part:
    """The end of it."""
    seconds = max(0.0, (now - trouble.since).total_seconds())
    return Part(
        "works again",
        f"Cycles are done again since {iso(trouble.good_since or now)}, after {spoken(seconds)}"
        f" ({trouble.title}). There is nothing to do.",
    )


def _list(records: Sequence[Record]) -> str:
    lines = []
    for record in records[:MOST_ORDERS]:
        why = record.last_error or _REASONS.get(record.reason)
        lines.append(f"- order {record.name}" + (f": {cut(why, LONGEST_ERROR)}" if why else ""))
    if len(records) > MOST_ORDERS:
        lines.append(f"- and {len(records) - MOST_ORDERS} more")
    return "\n".join(lines)
