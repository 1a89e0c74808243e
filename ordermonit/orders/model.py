"""The words of the domain: orders as the Front has them, records as the checkpoint has them."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

#: What may reach the node's command line and its Ruby (rule C10).
VALID_NUMBER = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)

#: Longest error text that a record keeps, in characters: a record is one readable line.
LAST_ERROR_LIMIT = 500


class Status(StrEnum):
    """Where an order stands."""

    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    PAYMENT_PENDING = "PAYMENT_PENDING"
    EXHAUSTED = "EXHAUSTED"


class Reason(StrEnum):
    """Why it stands there."""

    OK = "OK"
    NOT_FOUND = "NOT_FOUND"
    REJECTED = "REJECTED"
    TIMEOUT = "TIMEOUT"
    UNKNOWN = "UNKNOWN"
    NOT_DUE = "NOT_DUE"
    INVALID_NUMBER = "INVALID_NUMBER"
    GONE = "GONE"
    CLOSED = "CLOSED"
    DISMISSED = "DISMISSED"  # by a person, whose words are the record's `last_error`


class Operation(StrEnum):
    """What the node is asked: two tasks that change Abacos, two checks that don't."""

    INSERT_ORDER = "insert_order"
    CONFIRM_PAYMENT = "confirm_payment"
    ORDER_EXISTS = "order_exists"
    PAYMENT_CONFIRMED = "payment_confirmed"


class Verdict(StrEnum):
    """What an answer of the node means."""

    YES = "yes"
    NO = "no"
    UNAVAILABLE = "unavailable"  # the check does not exist on this node
    DONE = "done"
    ALREADY_DONE = "already_done"
    NOT_DUE = "not_due"
    REJECTED = "rejected"
    AMBIGUOUS = "ambiguous"  # the service is ill, or chokes on this one order
    DOWN = "down"
    TIMEOUT = "timeout"
    LOST = "lost"  # the connection or the remote rake ended without an answer

    @property
    def is_trouble(self) -> bool:
        """Whether this leaves open what happened, so that nothing may be charged for it yet."""
        return self in (Verdict.AMBIGUOUS, Verdict.DOWN, Verdict.TIMEOUT, Verdict.LOST)


#: As much of a number that may not reach the node is kept, in characters.
ODD_NUMBER_LIMIT = 80


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the node, classified. `error` is one line for people, None when all is well."""

    verdict: Verdict
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A check of one order: it changes nothing, so it may be put ahead of its turn."""

    operation: Operation
    number: str


@dataclass(frozen=True, slots=True)
class Order:
    """One row of the Front. `number` is whatever the column held, as text; None for NULL."""

    id: int
    number: str | None
    state: str | None
    created_at: datetime | None = None

    @property
    def has_valid_number(self) -> bool:
        """Whether the number may be sent to the node (rule C10)."""
        return self.number is not None and VALID_NUMBER.fullmatch(self.number) is not None


def shown(number: str | None) -> str | None:
    """A number as records and logs have it: one short line, whatever stands in the Front.

    What is invisible gets a mark in its place, so that an odd number never becomes a valid one.
    """
    if number is None:
        return None
    some = number[:ODD_NUMBER_LIMIT]
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in some)


#: How the name of an order begins that is called by its id; no valid number has a colon.
ID_PREFIX = "id:"


def by_id(id: int) -> str:
    """The name of an order by its id: not every one has a number that can be typed."""
    return f"{ID_PREFIX}{id}"


@dataclass(frozen=True, slots=True)
class Record:
    """One order in the checkpoint.

    `attempts` counts rejections and proven timeouts. `in_flight` names an operation that was begun
    and has no answer yet. `sent` is true once an insertion of ours has begun: from then on its
    payment is ours to follow (rule P1). Times are aware and in UTC.
    """

    id: int
    number: str | None
    status: Status
    reason: Reason
    created_at: datetime
    updated_at: datetime
    attempts: int = 0
    in_flight: Operation | None = None
    sent: bool = False
    last_error: str | None = None

    @property
    def name(self) -> str:
        """What it is called: its number or, without one, its id as commands take it."""
        return self.number or by_id(self.id)

    @property
    def is_open(self) -> bool:
        """Whether anybody still has something to do for it."""
        return self.status is not Status.SUCCESS

    @property
    def is_due(self) -> bool:
        """Whether a cycle looks at it again by itself."""
        return self.status in (Status.FAILED, Status.PAYMENT_PENDING)

    @property
    def may_be_checked_again(self) -> bool:
        """Whether it is closed, and not by a person's word."""
        return not self.is_open and self.reason is not Reason.DISMISSED

    def with_(self, **changes: object) -> "Record":
        """A copy with other fields."""
        return replace(self, **changes)  # type: ignore[arg-type]
