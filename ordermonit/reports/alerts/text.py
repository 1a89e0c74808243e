"""The words of an alert: what happened, the command to type, and to which orders.

In this order, since some channels cut what is long: a list is what can be cut. Errors are quoted as
the journal has them, in English.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from shlex import quote

from ordermonit.configuration import Service
from ordermonit.language import _, ngettext
from ordermonit.orders.lag import Lag
from ordermonit.orders.model import Reason, Record
from ordermonit.reports.alerts.memory import Trouble
from ordermonit.shops import SHOP_FIELD, Shop
from ordermonit.text import cut, later
from ordermonit.times import iso, spoken

#: Longest list of orders in a message, and longest text of one error, in characters.
MOST_ORDERS = 20
LONGEST_ERROR = 300

#: Longest text of a trouble, in characters: several files may have many problems.
LONGEST_TROUBLE = 2_000

#: What stands for the last error of an order that has none.
_REASONS = {
    Reason.TIMEOUT: later("it hangs"),
    Reason.DIED: later("its task ended the process that ran it"),
    Reason.NOT_THERE: later("its task said done, and Abacos has nothing of it"),
    Reason.UNKNOWN: later("no answer"),
}


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of news: a few words for the title, and its lines."""

    title: str
    text: str


def exhausted(records: Sequence[Record]) -> Part:
    """Orders that were given up."""
    number = len(records)
    names = " ".join(record.name for record in records)
    retry = f"ordermonit retry {names if number <= MOST_ORDERS else '--exhausted'}"
    return Part(
        ngettext("{number} order given up", "{number} orders given up", number),
        _lines(
            ngettext(
                "{number} order was given up, and will not be tried again by itself.",
                "{number} orders were given up, and will not be tried again by themselves.",
                number,
            ),
            _("Remove the cause, then type: {command}", command=retry),
            *_list(records),
        ),
    )


def waiting(records: Sequence[Record], seconds: float) -> Part:
    """Orders that the node does not take yet."""
    number = len(records)
    return Part(
        ngettext("{number} order not inserted yet", "{number} orders not inserted yet", number),
        _lines(
            ngettext(
                "{number} order waits for more than {span}, since the node says each time that it"
                " can't be inserted yet. Every cycle asks again; this is told once.",
                "{number} orders wait for more than {span}, since the node says each time that they"
                " can't be inserted yet. Every cycle asks again; this is told once.",
                number,
                span=spoken(seconds),
            ),
            _(
                "Look for the reason in the Front; for the story, type: {command}",
                command=f"ordermonit show {records[0].name}",
            ),
            *_list(records),
        ),
    )


def missing(records: Sequence[Record], limit: int) -> Part:
    """Many orders that fell through at once."""
    number = len(records)
    return Part(
        ngettext("{number} order fell through", "{number} orders fell through", number),
        _lines(
            ngettext(
                "{number} order never reached Abacos, found at once (more than {limit}). It is"
                " being integrated.",
                "{number} orders never reached Abacos, found at once (more than {limit}). They are"
                " being integrated.",
                number,
                limit=limit,
            ),
            _(
                "Look whether the shop's own queue has stopped (its workers on the integration"
                " node). To see how they do, type: ordermonit orders"
            ),
            *_list(records),
        ),
    )


def behind(lag: Lag, service: Service) -> Part:
    """HEAD does not follow the shop."""
    span, limit = spoken(lag.seconds or 0), service.max_orders_per_request
    if lag.orders > limit:
        remedy = lag.remedy(limit, service.running_cycle)
    else:
        remedy = _("HEAD does not pass them; to see why, type: ordermonit status")
    return Part(
        ngettext(
            "{number} order not looked at for {span}",
            "{number} orders not looked at for {span}",
            lag.orders,
            span=span,
        ),
        _lines(
            ngettext(
                "{number} order beyond HEAD waits for a first look, for {span}.",
                "{number} orders beyond HEAD wait for a first look, the oldest for {span}.",
                lag.orders,
                span=span,
            ),
            remedy,
        ),
    )


def down(trouble: Trouble, now: datetime) -> Part:
    """A downtime that lasts, or that most cycles meet."""
    since, error = iso(trouble.since), cut(trouble.error, LONGEST_TROUBLE)
    failed, every = trouble.failed, trouble.failed + trouble.good
    if trouble.good:
        title = _("{failed} of {every} cycles failed", failed=failed, every=every)
        said = _(
            "{failed} of {every} cycles have failed since {since}, the last: {error}",
            failed=failed,
            every=every,
            since=since,
            error=error,
        )
    else:
        title = _("down for {span}", span=_lasted(trouble, now))
        said = _("Down since {since}: {error}", since=since, error=error)
    again = _("Every cycle tries again. To see what waits, type: ordermonit status")
    return Part(title, _lines(said, again))


def _lasted(trouble: Trouble, now: datetime) -> str:
    return spoken(max(0.0, (now - trouble.since).total_seconds()))


def outage_over(seconds: float) -> Part:
    """A downtime that began and ended within one cycle."""
    span = spoken(seconds)
    return Part(
        _("was down for {span}", span=span),
        _(
            "The node or Abacos was down for {span}, and answers again. There is nothing to do.",
            span=span,
        ),
    )


def refused(trouble: Trouble, app_name: str, shop: Shop) -> Part:
    """Trouble that waits for a person."""
    since, error = iso(trouble.since), cut(trouble.error, LONGEST_TROUBLE)
    whose = f" {SHOP_FIELD}={shop.name}" if shop.name else ""
    return Part(
        _(trouble.title),
        _lines(
            _("Since {since} most cycles fail: {error}", since=since, error=error)
            if trouble.good
            else _("Since {since} every cycle fails: {error}", since=since, error=error),
            _(
                "What it means and what to do, at length: {command}",
                command=f"journalctl -x -t {quote(app_name)}{whose} -n 5",
            ),
        ),
    )


def over(trouble: Trouble, now: datetime) -> Part:
    """The end of it."""
    return Part(
        _("works again"),
        _(
            "Cycles are done again since {since}, after {span} ({trouble}). There is nothing to"
            " do.",
            since=iso(trouble.good_since or now),
            span=_lasted(trouble, now),
            trouble=_(trouble.title),
        ),
    )


def _lines(*lines: str) -> str:
    return "\n".join(lines)


def _list(records: Sequence[Record]) -> Iterator[str]:
    for record in records[:MOST_ORDERS]:
        reason = _REASONS.get(record.reason)
        why = record.last_error or (_(reason) if reason else None)
        name = _("order {name}", name=record.name)
        yield f"- {name}: {cut(why, LONGEST_ERROR)}" if why else f"- {name}"
    more = len(records) - MOST_ORDERS
    if more > 0:
        yield ngettext("- and {number} more", "- and {number} more", more)
