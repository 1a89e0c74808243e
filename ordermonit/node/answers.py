"""What an answer of the node means, by the configured patterns. Pure."""

import re
from collections.abc import Iterable
from typing import Protocol

from ordermonit.configuration.patterns import ALREADY_DONE, NOT_DUE
from ordermonit.node.wire import Absent, Chain, Died, Done, Failed, Hung, RemoteError, Reply, Value
from ordermonit.orders.model import Answer, Request, Verdict
from ordermonit.text import one_line


class Patterns(Protocol):
    """The part of integration_server.yml that says what an error means.

    Each pattern is searched for in "Class: message", for the class of the exception and for each
    of its ancestors: so `^Timeout::Error` finds a Net::ReadTimeout, and `already exist` any class.

    `already_done` and `not_due` speak of the order: of our own patterns a message has to have its
    number, since a customer may "already exist" too, and a key may not be "authorized". One that
    was configured for this node counts as it is.
    """

    @property
    def already_done(self) -> Iterable[re.Pattern[str]]: ...
    @property
    def not_due(self) -> Iterable[re.Pattern[str]]: ...
    @property
    def broken(self) -> Iterable[re.Pattern[str]]: ...
    @property
    def down(self) -> Iterable[re.Pattern[str]]: ...
    @property
    def ambiguous(self) -> Iterable[re.Pattern[str]]: ...


def classify(request: Request, reply: Reply, patterns: Patterns) -> Answer:
    """What the reply to that request means."""
    match reply:
        case Done():
            return Answer(Verdict.DONE)
        case Value(bool(value)):
            return Answer(Verdict.YES if value else Verdict.NO)
        case Value(value):
            text = one_line(
                f"the check {request.operation} gave {value}; it must answer true or false"
            )
            return Answer(Verdict.UNAVAILABLE, text)
        case Absent(reason):
            return Answer(Verdict.UNAVAILABLE, one_line(reason))
        case Hung():
            return Answer(Verdict.TIMEOUT, "no answer within task_timeout: the node killed it")
        case Died(how):
            return Answer(Verdict.DIED, one_line(f"its process died: {how}"))
        case Failed(chain):
            return _failure(request, chain, patterns)


def error_line(error: RemoteError) -> str:
    """The exception as one line for people."""
    return one_line(f"{error.name}: {error.message}")


def _failure(request: Request, chain: Chain, patterns: Patterns) -> Answer:
    """The first exception that means something decides; the innermost is the most honest one."""
    meanings = (
        (Verdict.ALREADY_DONE, patterns.already_done),
        (Verdict.NOT_DUE, patterns.not_due),
        (Verdict.BROKEN, patterns.broken),
        # In this order: a Net::OpenTimeout is a Timeout::Error too.
        (Verdict.DOWN, patterns.down),
        (Verdict.AMBIGUOUS, patterns.ambiguous),
    )
    # "Already" and "not yet" answer a request for change; a question can't be rejected either.
    for error in chain:
        for verdict, expected in meanings if request.is_task else meanings[3:]:
            if any(_fits(pattern, error, request.number) for pattern in expected):
                return Answer(verdict, error_line(error))
    otherwise = Verdict.REJECTED if request.is_task else Verdict.AMBIGUOUS
    return Answer(otherwise, error_line(chain[0]))


#: Our own patterns that speak of an order.
_OF_AN_ORDER = frozenset({*ALREADY_DONE, *NOT_DUE})


def _fits(pattern: re.Pattern[str], error: RemoteError, number: str) -> bool:
    names = (error.name, *error.ancestors)
    found = any(pattern.search(f"{name}: {error.message}") for name in names)
    return found and (pattern.pattern not in _OF_AN_ORDER or _names(number, error.message))


def _names(number: str, text: str) -> bool:
    return re.search(rf"(?<![A-Za-z0-9]){re.escape(number)}(?![A-Za-z0-9])", text) is not None
