"""A shop, a node and an Abacos in memory, with every fault that can be thought of between them."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, cast

from ordermonit.configuration import Configuration, Database, Node, Process, Service
from ordermonit.cycle.ledger import Ledger
from ordermonit.cycle.plan import Plan, plan, rules
from ordermonit.cycle.work import Work
from ordermonit.errors import SessionEnded, Unavailable
from ordermonit.front.database import Front
from ordermonit.node.rake import ENOUGH
from ordermonit.orders.events import Event
from ordermonit.orders.gaps import Gap, Moment
from ordermonit.orders.ignored import BLOCK, Count
from ordermonit.orders.model import TASKS, Answer, Operation, Order, Request, Verdict
from ordermonit.reports.journal import Log
from ordermonit.state.checkpoint import Checkpoint, decode
from tests.parts.age import age


class Crash(BaseException):
    """The program is killed here."""


class Fault(StrEnum):
    """What may happen to one operation, or to one write."""

    NONE = "none"
    REJECTED = "rejected"
    DOWN = "down"
    AMBIGUOUS = "ambiguous"
    TIMEOUT = "timeout"
    TIMEOUT_AFTER_EFFECT = "timeout after effect"
    UNREACHABLE = "unreachable"
    LOST = "lost"
    LOST_AFTER_EFFECT = "lost after effect"
    DIED = "died"
    DIED_AFTER_EFFECT = "died after effect"
    REJECTED_AFTER_EFFECT = "rejected after effect"
    REJECTED_AT_LAST = "rejected, and the node ends the session with it"
    LIED = "lied"  # said done, and did nothing
    QUEUED = "queued"  # said done, and takes effect later
    ELSE_EXISTS = "something else exists"  # said "already exist", and it is not there
    TAKEN_OVER = "the session ends after the answer, and another monitor does what is left"
    TIMEOUT_TAKEN_OVER = "the same without an answer in time"
    CRASH = "crash"
    CRASH_AFTER_EFFECT = "crash after effect"


_VERDICTS = {
    Fault.REJECTED: Verdict.REJECTED,
    Fault.REJECTED_AT_LAST: Verdict.REJECTED,
    Fault.DOWN: Verdict.DOWN,
    Fault.AMBIGUOUS: Verdict.AMBIGUOUS,
    Fault.TIMEOUT: Verdict.TIMEOUT,
    Fault.TIMEOUT_AFTER_EFFECT: Verdict.TIMEOUT,
    Fault.TIMEOUT_TAKEN_OVER: Verdict.TIMEOUT,
    Fault.DIED: Verdict.DIED,
    Fault.DIED_AFTER_EFFECT: Verdict.DIED,
    Fault.REJECTED_AFTER_EFFECT: Verdict.REJECTED,
    Fault.LIED: Verdict.DONE,
    Fault.QUEUED: Verdict.DONE,
    Fault.ELSE_EXISTS: Verdict.ALREADY_DONE,
    Fault.LOST: Verdict.LOST,
    Fault.UNREACHABLE: Verdict.LOST,  # where the session was open already
    Fault.LOST_AFTER_EFFECT: Verdict.LOST,
}
_WITH_EFFECT = {
    Fault.NONE,
    Fault.TIMEOUT_AFTER_EFFECT,
    Fault.LOST_AFTER_EFFECT,
    Fault.CRASH_AFTER_EFFECT,
    Fault.DIED_AFTER_EFFECT,
    Fault.REJECTED_AFTER_EFFECT,
    Fault.TAKEN_OVER,
    Fault.TIMEOUT_TAKEN_OVER,
}

#: What a task may say; a question that meets one of these is answered truly.
_OF_TASKS = {
    Fault.REJECTED,
    Fault.REJECTED_AT_LAST,
    Fault.REJECTED_AFTER_EFFECT,
    Fault.LIED,
    Fault.QUEUED,
    Fault.ELSE_EXISTS,
}


@dataclass
class World:
    """The Front's visible rows, and Abacos as the judge: how often it took what."""

    rows: dict[int, Order] = field(default_factory=dict)
    inserted: Counter[str] = field(default_factory=Counter)
    inserted_again: Counter[str] = field(default_factory=Counter)
    confirmed: Counter[str] = field(default_factory=Counter)
    faulty: Counter[str] = field(default_factory=Counter)
    lost_confirmations: Counter[str] = field(default_factory=Counter)
    faults: deque[Fault] = field(default_factory=deque)
    poisoned: dict[str, Fault] = field(default_factory=dict)
    sick_tasks: dict[str, Fault] = field(default_factory=dict)  # poisoned, but for questions
    asked: list[tuple[Operation, str]] = field(default_factory=list)
    patience: dict[str, float | None] = field(default_factory=dict)  # of each order's newest task
    told: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    witness: Callable[[], None] = lambda: None  # sees each operation begin
    asked_ahead: list[str] = field(default_factory=list)
    waiting: list[Request] = field(default_factory=list)
    known: dict[Request, Answer] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)  # what a number's fault says
    is_open: bool = False  # the session
    is_late: bool = False  # every answer takes longer than a second
    late_effects: list[tuple[Operation, str]] = field(default_factory=list)
    checks: frozenset[Operation] = frozenset({Operation.ORDER_EXISTS, Operation.PAYMENT_CONFIRMED})
    ignored_states: frozenset[str] = frozenset()
    unusable: frozenset[Operation] = frozenset()  # checks that are configured, and fail
    later: float = 0.0  # seconds that passed while nobody worked

    # The Front, as `plan` reads it.

    def from_head(self, head: int, limit: int) -> list[Order]:
        return [self.rows[id] for id in sorted(self.rows) if id >= head][: limit + 1]

    def between(self, first: int, last: int, limit: int) -> list[Order]:
        return [self.rows[id] for id in sorted(self.rows) if first <= id <= last][:limit]

    def newest(self) -> int | None:
        return max(self.rows, default=None)

    def by_id(self, ids: Iterable[int]) -> dict[int, Order]:
        return {id: self.rows[id] for id in ids if id in self.rows}

    def in_gaps(self, gaps: tuple[Gap, ...], limit: int) -> list[Order]:
        inside = [id for id in sorted(self.rows) if any(gap.holds(id) for gap in gaps)]
        return [self.rows[id] for id in inside][:limit]

    def count_ignored(self, blocks: Sequence[int]) -> dict[int, Count]:
        ids = {first: self.ignored(first, first + BLOCK - 1) for first in blocks}
        places = {first: [id % BLOCK for id in some] for first, some in ids.items()}
        return {first: (len(some), sum(some)) for first, some in places.items() if some}

    def ignored(self, first: int, last: int) -> list[int]:
        rows = (self.rows[id] for id in sorted(self.rows) if first <= id <= last)
        return [row.id for row in rows if row.state in self.ignored_states]

    def authorize(self, id: int) -> None:
        self.rows[id] = replace(self.rows[id], state="authorized")

    # The line to the node, as `work` uses it.

    def next_fault(self) -> Fault:
        return self.faults.popleft() if self.faults else Fault.NONE

    def answer(
        self,
        request: Request,
        behind: Iterable[Request] = (),
        late: Callable[[], None] | None = None,
    ) -> Answer:
        ahead = [*behind] if len(self.waiting) <= ENOUGH else []
        assert not any(each.is_task for each in ahead)
        if self.faults and self.faults[0] is Fault.UNREACHABLE:
            self.faults.popleft()
            raise Unavailable("the node can't be reached", "wait")
        if late is not None and self.is_late:
            late()
        self._open(request)
        if request.is_task or not (request in self.known or self.waiting[:1] in ([], [request])):
            self._drain()
            self._open(request)
        if request.is_task:
            self.patience[request.number] = request.patience
            self.known = {q: a for q, a in self.known.items() if a.verdict is Verdict.YES}
        known = self.known.pop(request, None)
        is_ahead = known is not None or request in self.waiting
        for each in (*(() if is_ahead else (request,)), *ahead):
            if each not in self.known and each not in self.waiting:
                self.waiting.append(each)
                if each is not request:
                    self.asked_ahead.append(each.number)
        if known is not None:
            return known
        assert self.waiting.pop(0) == request
        assert Order(0, request.number, None).has_valid_number, "as node/rake.py has it"
        answer = self._answer(request.operation, request.number)
        if answer.verdict is Verdict.LOST or answer.is_last:  # the session is over
            self.leave()
        return answer

    def _open(self, request: Request) -> None:
        if request.follows and not self.is_open:
            raise SessionEnded("the session ended", "again")
        self.is_open = True

    def _drain(self) -> None:
        """Nothing stands before a task."""
        while self.waiting:
            question = self.waiting.pop(0)
            answer = self._answer(question.operation, question.number)
            if answer.verdict.is_trouble:
                self.leave()
            elif self.is_open:
                self.known[question] = answer

    def _answer(self, operation: Operation, number: str) -> Answer:
        self.asked.append((operation, number))
        self.witness()
        if number in self.poisoned and not self.faults:
            self.faults.append(self.poisoned[number])
        if number in self.sick_tasks and operation in TASKS:
            self.faults.appendleft(self.sick_tasks[number])
        if operation in self.unusable:
            return Answer(Verdict.UNAVAILABLE, "NameError")
        fault = self.next_fault()
        if fault in (Fault.LIED, Fault.ELSE_EXISTS) and not self._is_shown(operation):
            fault = Fault.NONE  # a lie that nobody could find
        if fault is Fault.CRASH:
            raise Crash
        verdict, is_last = _VERDICTS.get(fault, Verdict.DONE), fault is Fault.REJECTED_AT_LAST
        answer = Answer(verdict, self.errors.get(number, fault), is_last)
        effect = fault in _WITH_EFFECT
        match operation:
            case Operation.ORDER_EXISTS:
                found = Answer(Verdict.YES if self.inserted[number] else Verdict.NO)
            case Operation.PAYMENT_CONFIRMED:
                found = Answer(Verdict.YES if self.confirmed[number] else Verdict.NO)
            case Operation.INSERT_ORDER:
                found = self._insert(number, effect)
            case Operation.CONFIRM_PAYMENT:
                found = self._confirm(number, effect)
        if fault is Fault.CRASH_AFTER_EFFECT:
            self._lose(operation, number)
            raise Crash
        if fault in (Fault.TAKEN_OVER, Fault.TIMEOUT_TAKEN_OVER):
            self._take_over(number)
        if (
            fault is Fault.TAKEN_OVER
            or fault is Fault.NONE
            or (fault in _OF_TASKS and operation not in TASKS)
        ):
            return found
        if fault is Fault.QUEUED and found.verdict is Verdict.DONE:
            self.late_effects.append((operation, number))
        self.faulty[number] += 1
        self._lose(operation, number)
        return answer

    def _take_over(self, number: str) -> None:
        self.leave()
        self.inserted[number] = 1
        if not self.confirmed[number]:
            self._confirm(number, True)
            self._lose(Operation.CONFIRM_PAYMENT, number)

    def _is_shown(self, task: Operation) -> bool:
        confirms = task is Operation.CONFIRM_PAYMENT
        shown_by = Operation.PAYMENT_CONFIRMED if confirms else Operation.ORDER_EXISTS
        return shown_by in self.checks

    def queue_works(self) -> None:
        """What was only put into the node's queue takes effect."""
        for operation, number in self.late_effects:
            if operation is Operation.INSERT_ORDER:
                self._insert(number, True)
            else:
                self.confirmed[number] += 1
        self.late_effects.clear()

    def _lose(self, operation: Operation, number: str) -> None:
        if operation is Operation.CONFIRM_PAYMENT:
            self.lost_confirmations[number] += 1

    def _insert(self, number: str, effect: bool) -> Answer:
        if self.inserted[number]:
            self.inserted_again[number] += 1
            return Answer(Verdict.ALREADY_DONE)
        self.inserted[number] += effect
        return Answer(Verdict.DONE)

    def _confirm(self, number: str, effect: bool) -> Answer:
        authorized = any(r.number == number and r.state == "authorized" for r in self.rows.values())
        if not authorized:
            return Answer(Verdict.NOT_DUE)
        self.confirmed[number] += effect
        return Answer(Verdict.DONE)

    rails_env = None

    def leave(self) -> None:
        self.is_open = False
        self.waiting.clear()
        self.known.clear()

    def pause(self, seconds: float) -> None:
        pass


@dataclass
class Disk:
    """What survives a crash. A write may be the last thing that happens, or may not happen."""

    data: bytes
    faults: deque[Fault] = field(default_factory=deque)
    heads: list[int] = field(default_factory=list)

    def write(self, checkpoint: Checkpoint) -> int:
        fault = self.faults.popleft() if self.faults else Fault.NONE
        if fault is Fault.CRASH:
            raise Crash
        self.data = checkpoint.encode()
        self.heads.append(checkpoint.head)
        if fault is Fault.CRASH_AFTER_EFFECT:
            raise Crash
        return len(self.data)

    def read(self) -> Checkpoint:
        return decode(self.data, "checkpoint")

    def age(self, seconds: float) -> None:
        """Let so much time pass since anything happened to the records."""
        checkpoint = self.read()
        age(checkpoint, seconds)
        self.data = checkpoint.encode()


ALL_CHECKS = frozenset({Operation.ORDER_EXISTS, Operation.PAYMENT_CONFIRMED})


def configuration(
    checks: frozenset[Operation] = ALL_CHECKS,
    *,
    task_timeout: float = 0.0001,
    ignored_states: frozenset[str] = frozenset(),
    **service: Any,
) -> Configuration:
    """A configuration for the world in memory."""
    settings = {"max_orders_per_request": 3, "downtime_wait": 0.0001, **service}
    return Configuration(
        directory=Path(),
        service=Service(**settings),
        process=Process(),
        node=Node(
            host="node",
            username="deploy",
            rails_root="/app",
            checks=dict.fromkeys(checks, "asked(number)"),
            task_timeout=task_timeout,
        ),
        database=Database(url="sqlite://", ignored_states=ignored_states),
    )


def cycle(
    configuration: Configuration,
    world: World,
    disk: Disk,
    events: list[Event] | None = None,
    deadline: float = float("inf"),
) -> bool:
    """One cycle of the real plan and the real work in this world; whether there was work."""

    def sink(event: Event, message: str, details: dict[str, object]) -> None:
        world.log.append(message)
        del details
        if events is not None:
            events.append(event)

    def progress(done: int, total: int, doing: str) -> None:
        del done, total
        world.told.append(doing)

    world.leave()  # a cycle opens a session of its own
    checkpoint = disk.read()
    service = configuration.service
    front = cast(Front, world)

    def look() -> Plan:
        now = Moment.now()
        now = Moment(now.wall + timedelta(seconds=world.later), now.boot + world.later)
        return plan(front, checkpoint, service, rules(configuration), now)

    log, planned = Log([sink]), look()
    if not planned.is_idle:
        work = Work(configuration, disk, checkpoint, log, progress, world, deadline)
        work.do(planned, look, world.by_id)
    elif planned.is_news:
        ledger = Ledger(disk, checkpoint, log, service.max_attempts)
        ledger.begin(planned, service.late_commit_window)
        ledger.settle()
    return not planned.is_idle
