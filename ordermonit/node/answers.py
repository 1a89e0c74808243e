"""What an answer of the node means, by the configured patterns. Pure."""

import re
from collections.abc import Iterable
from typing import Protocol

from ordermonit.node.wire import Absent, Chain, Done, Failed, RemoteError, Reply, Value
from ordermonit.orders.model import LAST_ERROR_LIMIT, Answer, Operation, Verdict


class Patterns(Protocol):
    """The part of integration_server.yml that says what an error means.

    Each pattern is searched for in "Class: message", for the class of the exception and for each
    of its ancestors: so `^Timeout::Error` finds a Net::ReadTimeout, and `already exist` any class.
    """

    @property
    def already_done(self) -> Iterable[re.Pattern[str]]: ...
    @property
    def not_due(self) -> Iterable[re.Pattern[str]]: ...
    @property
    def down(self) -> Iterable[re.Pattern[str]]: ...
    @property
    def ambiguous(self) -> Iterable[re.Pattern[str]]: ...


#: What the node is only asked: nothing that a check raises is a rejection of the order.
_CHECKS = (Operation.ORDER_EXISTS, Operation.PAYMENT_CONFIRMED)


def classify(operation: Operation, reply: Reply, patterns: Patterns) -> Answer:
    """What the reply to that operation means."""
    match reply:
        case Done():
            return Answer(Verdict.DONE)
        case Value(bool(value)):
            return Answer(Verdict.YES if value else Verdict.NO)
        case Value(value):
            text = one_line(f"the check {operation} gave {value}; it must answer true or false")
            return Answer(Verdict.UNAVAILABLE, text)
        case Absent(reason):
            return Answer(Verdict.UNAVAILABLE, one_line(reason))
        case Failed(chain):
            return _failure(chain, patterns, asked=operation in _CHECKS)


def error_line(error: RemoteError) -> str:
    """The exception as one line for people."""
    return one_line(f"{error.name}: {error.message}")


def one_line(text: str) -> str:
    """Without line breaks and other invisible characters, and no longer than a record keeps."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= LAST_ERROR_LIMIT else line[: LAST_ERROR_LIMIT - 1] + "…"


def _failure(chain: Chain, patterns: Patterns, asked: bool) -> Answer:
    """The first exception that means something decides; the innermost is the most honest one."""
    changed = (
        (Verdict.ALREADY_DONE, patterns.already_done),
        (Verdict.NOT_DUE, patterns.not_due),
    )
    trouble = (
        # In this order: a Net::OpenTimeout is a Timeout::Error too.
        (Verdict.DOWN, patterns.down),
        (Verdict.AMBIGUOUS, patterns.ambiguous),
    )
    # "Already" and "not yet" answer a request for change; a question can't be rejected either.
    meanings = trouble if asked else (*changed, *trouble)
    for error in chain:
        for verdict, expected in meanings:
            if any(_matches(pattern, error) for pattern in expected):
                return Answer(verdict, error_line(error))
    return Answer(Verdict.AMBIGUOUS if asked else Verdict.REJECTED, error_line(chain[0]))


def _matches(pattern: re.Pattern[str], error: RemoteError) -> bool:
    names = (error.name, *error.ancestors)
    return any(pattern.search(f"{name}: {error.message}") for name in names)
