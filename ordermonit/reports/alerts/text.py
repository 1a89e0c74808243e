"""The words of an alert: what happened, to which orders, and the command to type."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from shlex import quote

from ordermonit.reports.alerts.memory import Trouble
from ordermonit.reports.notes import Note
from ordermonit.text import cut
from ordermonit.times import counted, iso, spoken

#: Longest list of orders in a message, and longest text of one error, in characters.
MOST_ORDERS = 20
LONGEST_ERROR = 300

#: Longest text of a trouble, in characters: several files may have many problems.
LONGEST_TROUBLE = 2_000


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of news: a few words for the title, and its lines."""

    title: str
    text: str


def exhausted(notes: Sequence[Note]) -> Part:
    """Orders that were given up."""
    some = counted(len(notes), "order")
    verb = "was" if len(notes) == 1 else "were"
    few = len(notes) <= MOST_ORDERS
    retry = " ".join(note.number for note in notes) if few else "--exhausted"
    return Part(
        f"{some} given up",
        f"{some} {verb} given up, and will not be tried again by itself:\n{_list(notes)}\n"
        f"Remove the cause, then type: ordermonit retry {retry}",
    )


def missing(notes: Sequence[Note], limit: int) -> Part:
    """Many orders that fell through at once."""
    count = len(notes)
    return Part(
        f"{counted(count, 'order')} fell through",
        f"{counted(count, 'order')} never reached Abacos, found in one cycle (more than {limit}):\n"
        f"{_list(notes)}\n"
        "They are being integrated. Look whether the shop's own queue has stopped (its workers on"
        " the integration node). To see how they do, type: ordermonit orders",
    )


def down(trouble: Trouble, now: datetime) -> Part:
    """A downtime that lasts."""
    seconds = max(0.0, (now - trouble.since).total_seconds())
    return Part(
        f"down for {spoken(seconds)}",
        f"Down since {iso(trouble.since)}: {cut(trouble.error, LONGEST_TROUBLE)}\n"
        "Every cycle tries again. To see what waits, type: ordermonit status",
    )


def outage_over(seconds: float) -> Part:
    """A downtime that began and ended within one cycle."""
    return Part(
        f"was down for {spoken(seconds)}",
        f"The node or Abacos was down for {spoken(seconds)}, and answers again. There is nothing"
        " to do.",
    )


def refused(trouble: Trouble, app_name: str) -> Part:
    """Trouble that waits for a person."""
    return Part(
        trouble.title,
        f"Since {iso(trouble.since)} every cycle fails: {cut(trouble.error, LONGEST_TROUBLE)}\n"
        f"What it means and what to do, at length: journalctl -x -t {quote(app_name)} -n 5",
    )


def over(trouble: Trouble, now: datetime) -> Part:
    """The end of it."""
    seconds = max(0.0, (now - trouble.since).total_seconds())
    return Part(
        "works again",
        f"Cycles are done again since {iso(now)}, after {spoken(seconds)} ({trouble.title}). There"
        " is nothing to do.",
    )


def _list(notes: Sequence[Note]) -> str:
    lines = [
        f"- order {note.number}" + (f": {cut(note.error, LONGEST_ERROR)}" if note.error else "")
        for note in notes[:MOST_ORDERS]
    ]
    if len(notes) > MOST_ORDERS:
        lines.append(f"- and {len(notes) - MOST_ORDERS} more")
    return "\n".join(lines)
