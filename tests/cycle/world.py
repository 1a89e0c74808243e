"""A shop, a node and an Abacos in memory, with every fault that can be thought of between them."""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, cast

from ordermonit.configuration import Configuration, Database, Node, Process, Service
from ordermonit.cycle.plan import plan, rules
from ordermonit.cycle.work import Work
from ordermonit.errors import Unavailable
from ordermonit.front.database import Front
from ordermonit.orders.events import Event
from ordermonit.orders.gaps import Gap, Moment
from ordermonit.orders.model import Answer, Operation, Order, Question, Verdict
from ordermonit.reports.journal import Log
from ordermonit.state.checkpoint import Checkpoint, decode


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
    CRASH = "crash"
    CRASH_AFTER_EFFECT = "crash after effect"


_VERDICTS = {
    Fault.REJECTED: Verdict.REJECTED,
    Fault.DOWN: Verdict.DOWN,
    Fault.AMBIGUOUS: Verdict.AMBIGUOUS,
    Fault.TIMEOUT: Verdict.TIMEOUT,
    Fault.TIMEOUT_AFTER_EFFECT: Verdict.TIMEOUT,
    Fault.LOST: Verdict.LOST,
    Fault.LOST_AFTER_EFFECT: Verdict.LOST,
}
_WITH_EFFECT = {
    Fault.NONE,
    Fault.TIMEOUT_AFTER_EFFECT,
    Fault.LOST_AFTER_EFFECT,
    Fault.CRASH_AFTER_EFFECT,
}


def _is_task(operation: Operation) -> bool:
    return operation in (Operation.INSERT_ORDER, Operation.CONFIRM_PAYMENT)


@dataclass
class World:
    """The Front's visible rows, and Abacos as the judge: how often it took what."""

    rows: dict[int, Order] = field(default_factory=dict)
    inserted: Counter[str] = field(default_factory=Counter)
    inserted_again: Counter[str] = field(default_factory=Counter)
    confirmed: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    hangs: Counter[str] = field(default_factory=Counter)
    lost_confirmations: Counter[str] = field(default_factory=Counter)
    faults: deque[Fault] = field(default_factory=deque)
    poisoned: dict[str, Fault] = field(default_factory=dict)
    asked: list[tuple[Operation, str]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    witness: Callable[[], None] = lambda: None  # sees each operation begin
    asked_ahead: list[str] = field(default_factory=list)
    ahead: Question | None = None
    ahead_answer: Answer | None = None
    checks: frozenset[Operation] = frozenset({Operation.ORDER_EXISTS, Operation.PAYMENT_CONFIRMED})

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

    def authorize(self, id: int) -> None:
        self.rows[id] = replace(self.rows[id], state="authorized")

    # The line to the node, as `work` uses it.

    def next_fault(self) -> Fault:
        return self.faults.popleft() if self.faults else Fault.NONE

    def begin(self, question: Question) -> None:
        assert question.operation in (Operation.ORDER_EXISTS, Operation.PAYMENT_CONFIRMED)
        if self.ahead is None or (self.ahead_answer and self.ahead != question):
            self.ahead, self.ahead_answer = question, None
            self.asked_ahead.append(question.number)

    def knows(self, question: Question) -> bool:
        return self.ahead == question and self.ahead_answer is not None

    def answer(
        self,
        operation: Operation,
        number: str,
        then: Question | None,
        meanwhile: Callable[[], None],
    ) -> Answer:
        if self.faults and self.faults[0] is Fault.UNREACHABLE:
            self.faults.popleft()
            raise Unavailable("the node can't be reached", "wait")
        if self.ahead is not None:
            question, known = self.ahead, self.ahead_answer
            if not (known and question == Question(operation, number)):
                meanwhile()
            self.ahead = self.ahead_answer = None
            if question == Question(operation, number):
                return known or self._answer(operation, number)
            known = known or self._answer(question.operation, question.number)
            if _is_task(operation) and not known.verdict.is_trouble:
                self.ahead, self.ahead_answer = question, known
        if _is_task(operation) and then is not None:
            self.begin(then)
        meanwhile()
        answer = self._answer(operation, number)
        if answer.verdict in (Verdict.TIMEOUT, Verdict.LOST):  # the session is over
            self.leave()
        return answer

    def _answer(self, operation: Operation, number: str) -> Answer:
        self.asked.append((operation, number))
        self.witness()
        if number in self.poisoned and not self.faults:
            self.faults.append(self.poisoned[number])
        fault = self.next_fault()
        if fault is Fault.CRASH:
            raise Crash
        answer = Answer(_VERDICTS.get(fault, Verdict.DONE), fault)
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
        is_task = _is_task(operation)
        if fault is Fault.CRASH_AFTER_EFFECT:
            self._lose(operation, number)
            raise Crash
        if fault is Fault.NONE or (fault is Fault.REJECTED and not is_task):
            return found
        if fault is Fault.REJECTED or fault is Fault.AMBIGUOUS:
            self.refusals[number] += 1
        if answer.verdict is Verdict.TIMEOUT:
            self.hangs[number] += 1
        if answer.verdict in (Verdict.TIMEOUT, Verdict.LOST, Verdict.DOWN, Verdict.AMBIGUOUS):
            self._lose(operation, number)
        return answer

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

    def leave(self) -> None:
        self.ahead = self.ahead_answer = None

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


ALL_CHECKS = frozenset({Operation.ORDER_EXISTS, Operation.PAYMENT_CONFIRMED})


def configuration(checks: frozenset[Operation] = ALL_CHECKS, **service: Any) -> Configuration:
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
        ),
        database=Database(url="sqlite://"),
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
        del message, details
        if events is not None:
            events.append(event)

    def progress(done: int, total: int, doing: str) -> None:
        del done, total
        world.told.append(doing)

    world.leave()  # a cycle opens a session of its own
    checkpoint = disk.read()
    service = configuration.service
    front = cast(Front, world)
    planned = plan(front, checkpoint, service, rules(configuration), Moment.now())
    Work(configuration, disk, checkpoint, Log([sink]), progress, world, deadline).do(planned)
    return bool(planned.items or planned.page)
