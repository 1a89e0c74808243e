"""The words of the domain: orders as the Front has them, records as the checkpoint has them."""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from ordermonit.orders.gaps import Moment
from ordermonit.text import visible

#: What may reach the node's command line and its Ruby (rule C10).
VALID_NUMBER = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


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
    DIED = "DIED"  # its task ended the process that ran it
    NOT_THERE = "NOT_THERE"  # its task said done, and Abacos has nothing of it
    UNKNOWN = "UNKNOWN"
    NOT_DUE = "NOT_DUE"
    INVALID_NUMBER = "INVALID_NUMBER"
    NUMBER_CHANGED = "NUMBER_CHANGED"  # after Abacos had it, or may have had it, under the old one
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
    BROKEN = "broken"  # the node's code is not what the task needs: nobody's order is at fault
    AMBIGUOUS = "ambiguous"  # the service is ill, or chokes on this one order
    DOWN = "down"
    TIMEOUT = "timeout"
    DIED = "died"  # the task's own process ended without an answer; the remote rake lives
    LOST = "lost"  # the connection or the remote rake ended without an answer

    @property
    def is_trouble(self) -> bool:
        """Whether this leaves open what happened, so that nothing may be charged for it yet."""
        return self in (Verdict.AMBIGUOUS, Verdict.TIMEOUT, Verdict.DIED) or self.is_outage

    @property
    def is_outage(self) -> bool:
        """Whether nobody can be asked just now, not even about this."""
        return self in (Verdict.DOWN, Verdict.LOST)

    @property
    def reason(self) -> Reason:
        """Why an order stands where it does that got this for its task, by its own fault."""
        own = {Verdict.TIMEOUT: Reason.TIMEOUT, Verdict.DIED: Reason.DIED}
        return own.get(self, Reason.REJECTED)


#: As much of a number that may not reach the node is kept, in characters.
ODD_NUMBER_LIMIT = 80


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the node, classified. `error` is one line for people, None when all is well.
    `is_last`: the node ended its session with it, and whatever comes next needs a new one."""

    verdict: Verdict
    error: str | None = None
    is_last: bool = False


#: The operations that change Abacos; the others only ask.
TASKS = (Operation.INSERT_ORDER, Operation.CONFIRM_PAYMENT)


@dataclass(frozen=True, slots=True)
class Request:
    """One thing that is put to the node. `patience` in seconds; None for `task_timeout`. `follows`:
    it rests on answers, which are worth nothing once the session that gave them is over (C3)."""

    operation: Operation
    number: str
    patience: float | None = None
    follows: bool = field(default=False, compare=False)

    @property
    def is_task(self) -> bool:
        """Whether it changes anything. A question may be put ahead of its turn; a task never."""
        return self.operation in TASKS


#: A wall clock that went by so much more than the boot clock has jumped.
_JUMP = timedelta(seconds=2)


class Late(StrEnum):
    """Why a task's effect may still come, though nobody waits for its answer any more."""

    SAID_DONE = "said-done"  # and Abacos shows nothing of it: a queue may have it
    ENDED = "ended"  # in the middle of its work, which Abacos may still be at


@dataclass(frozen=True, slots=True)
class Awaited:
    """An effect that may still come. `since` is when its task ended, aware; None where that is now,
    until it is written. `boot` is the same in seconds since the machine's boot; None: not noted."""

    late: Late
    since: datetime | None = None
    boot: float | None = None

    def counted(self, now: Moment) -> "Awaited":
        """The same, with no more time passed since than is sure: a wall clock may have jumped."""
        if self.since is None or self.boot is None:
            return self
        passed = timedelta(seconds=now.surely_since(Moment(self.since, self.boot)))
        if abs(now.wall - self.since - passed) < _JUMP:
            return self
        return replace(self, since=now.wall - passed, boot=now.boot - passed.total_seconds())


class InsertedBy(StrEnum):
    """Who put an order into Abacos, and so, whose its payment is to follow (rule P1)."""

    OTHERS = "-"  # the shop's own queue, or nobody yet
    MAYBE_US = "maybe"  # an insertion of ours was begun, or may have been
    US = "us"  # Abacos had it not, and has it since our task ran


@dataclass(frozen=True, slots=True)
class Identity:
    """By what an order is known again under its id: its number, as records have it, and the Front's
    time of it, to the second. None is not known."""

    number: str | None
    created_at: datetime | None

    def is_another(self, row: "Identity") -> bool:
        """Whether the row is surely of another order.

        A number may be corrected, and a time is not; so where both times are known, they decide.
        """
        if self.created_at is not None and row.created_at is not None:
            return self.created_at != row.created_at
        return None not in (self.number, row.number) and self.number != row.number


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

    @property
    def identity(self) -> Identity:
        """By what it is known again."""
        created = self.created_at
        created = None if created is None else created.replace(microsecond=0)
        return Identity(shown(self.number), created)


def shown(number: str | None) -> str | None:
    """A number as records and logs have it: one short line, whatever stands in the Front.

    What is invisible gets a mark in its place, so that an odd number never becomes a valid one.
    """
    if number is None:
        return None
    return visible(number[:ODD_NUMBER_LIMIT])


#: How the name of an order begins that is called by its id; no valid number has a colon.
ID_PREFIX = "id:"


def by_id(id: int) -> str:
    """The name of an order by its id: not every one has a number that can be typed."""
    return f"{ID_PREFIX}{id}"


@dataclass(frozen=True, slots=True)
class Record:
    """One order in the checkpoint.

    `attempts` counts refusals that are this order's own fault. `in_flight` names a task that was
    begun and whose effect is not known yet; `awaited` says so of one that has ended. Only Abacos'
    word for this order ends them, or a person's. `ordered_at` is the Front's time of the order,
    None where that is not known; the others are ours. Times are aware and in UTC.
    """

    id: int
    number: str | None
    status: Status
    reason: Reason
    created_at: datetime
    updated_at: datetime
    attempts: int = 0
    in_flight: Operation | None = None
    inserted_by: InsertedBy = InsertedBy.OTHERS
    last_error: str | None = None
    ordered_at: datetime | None = None
    awaited: Awaited | None = None

    def __post_init__(self) -> None:
        if self.awaited is not None and self.in_flight is None:
            raise ValueError("an effect is awaited of no task")

    @property
    def identity(self) -> Identity:
        """By what its order is known again."""
        return Identity(self.number, self.ordered_at)

    @property
    def is_begun(self) -> bool:
        """Whether Abacos may have it under its number because of us, or is known to have it."""
        return (
            self.in_flight is not None
            or self.inserted_by is not InsertedBy.OTHERS
            or self.status is Status.PAYMENT_PENDING
        )

    @property
    def name(self) -> str:
        """What it is called: its number or, without one, its id as commands take it."""
        return self.number or by_id(self.id)

    @property
    def is_unverified(self) -> bool:
        """Whether a task said done, and Abacos has shown nothing of it yet."""
        return self.awaited is not None and self.awaited.late is Late.SAID_DONE

    @property
    def may_be_worked_on(self) -> bool:
        """Whether its task was ended in the middle, so that Abacos may still be at it."""
        return self.awaited is not None and self.awaited.late is Late.ENDED

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

    def ended(self, task: Operation) -> "Record":
        """The same; if this task is in flight, it was ended in the middle of its work."""
        return self.with_(awaited=Awaited(Late.ENDED)) if self.in_flight is task else self

    def counted(self, now: Moment) -> "Record":
        """The same, with no more time passed since its task ended than is sure."""
        if self.awaited is None or (awaited := self.awaited.counted(now)) is self.awaited:
            return self
        return self.with_(awaited=awaited)

    def with_(self, **changes: object) -> "Record":
        """A copy with other fields. With another word on what is in flight, nothing is awaited."""
        if "in_flight" in changes:
            changes.setdefault("awaited", None)
        return replace(self, **changes)  # type: ignore[arg-type]
