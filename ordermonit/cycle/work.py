"""Doing what was planned: one order at a time, each step durable, and nobody blamed for downtime.

The rules of evidence (C8, C9): no verdict for one order may be that order's fault, the node's or
Abacos's. An attempt is charged only once Abacos has answered for something else; until then it is
downtime, and one order that never gets a verdict is set aside so that the others go on.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Protocol

from ordermonit.configuration import Configuration
from ordermonit.cycle.ledger import Ledger, Store
from ordermonit.cycle.plan import Item, Plan, Why, rules
from ordermonit.errors import NodeLocked, Unavailable
from ordermonit.orders.events import Event
from ordermonit.orders.journey import Ask, Run, Save, Trouble, charged, journey
from ordermonit.orders.model import Answer, Operation, Question, Reason, Record, Status, Verdict
from ordermonit.reports.journal import Log
from ordermonit.reports.progress import Progress
from ordermonit.state.checkpoint import Checkpoint

_SAVED = Answer(Verdict.DONE)


class Line(Protocol):
    """The line to the node that the work needs; `session.Session` is the real one."""

    def answer(
        self,
        operation: Operation,
        number: str,
        then: Question | None,
        meanwhile: Callable[[], None],
    ) -> Answer:
        """The node's answer; `then` travels behind a task, `meanwhile` is done while it works.

        Raises Unavailable, Refused, ConfigurationError.
        """
        ...

    def begin(self, question: Question) -> None:
        """Send a question if the session is open; `answer` then takes its answer."""
        ...

    def knows(self, question: Question) -> bool:
        """Whether `answer` has it already, and waits for nothing."""
        ...

    def leave(self) -> None:
        """End the session; the next question opens a new one."""
        ...

    def pause(self, seconds: float) -> None:
        """Wait, or less when stopped."""
        ...


class Work:
    """One cycle's work on the node. `deadline` is monotonic, in seconds."""

    def __init__(
        self,
        configuration: Configuration,
        state: Store,
        checkpoint: Checkpoint,
        log: Log,
        progress: Progress,
        line: Line,
        deadline: float,
    ) -> None:
        self._service = configuration.service
        self._checks = configuration.node.checks
        self._rules = rules(configuration)
        self._line = line
        self._ledger = Ledger(state, checkpoint, log, configuration.service.max_attempts)
        self._checkpoint = checkpoint
        self._log = log
        self._progress = progress
        self._deadline = deadline
        self.answers: Counter[tuple[str, ...]] = Counter()
        self.checked = 0
        self.stopped = False
        self._total = 0
        self._waiting: deque[Item] = deque()
        self._unusable: set[Operation] = set()
        self._was_open = False
        self._last: dict[str, object] = {}  # the newest operation, for the journal
        self._answered: str | None = None  # the newest number that Abacos answered for
        self._evidence = False  # Abacos has answered since somebody was charged on evidence
        self._down_since: float | None = None
        self._told: str | None = None

    @property
    def tally(self) -> Counter[Event]:
        """What became of the orders, by event."""
        return self._ledger.tally

    def stop(self) -> None:
        """End after the operation in hand. Safe in a signal handler."""
        self.stopped = True

    def do(self, plan: Plan) -> None:
        """All of the plan, or as much of it as downtime or a stop allows.

        Raises Unavailable after downtime that outlasted the cycle (no attempt is charged), Refused,
        ConfigurationError and StateError.
        """
        self._ledger.begin(plan, self._service.late_commit_window)
        self._do(plan)
        self._ledger.end()

    def _do(self, plan: Plan) -> None:
        self._total = len(plan.items)
        waiting = self._waiting = deque(plan.items)
        aside: list[tuple[Item, Trouble]] = []
        strikes: Counter[int] = Counter()
        while (waiting or aside) and not self.stopped:
            if not waiting:
                waiting.extend(item for item, _ in aside)
                answer = aside[-1][1].answer
                aside.clear()
                strikes.clear()
                self._wait_out(answer.error, _who(answer))
                continue
            item = waiting.popleft()
            try:
                trouble = self._take(item)
            except Unavailable as problem:  # the node itself: no order's fault
                if isinstance(problem, NodeLocked) and not self._was_open:
                    raise
                waiting.appendleft(item)
                self._wait_out(problem.message, "")
                continue
            if trouble is None:
                self.checked += 1
                self._settle(aside)
                continue
            if self.stopped or self._is_its_own_fault(item, trouble, waiting):
                continue
            strikes[item.record.id] += 1
            if strikes[item.record.id] > 1 and any(not strikes[i.record.id] for i in waiting):
                aside.append((item, trouble))
            else:
                waiting.extendleft(each for each, _ in [(item, trouble), *reversed(aside)])
                if aside:
                    aside.clear()
                    strikes.clear()
                self._wait_out(trouble.answer.error, _who(trouble.answer))

    def _take(self, item: Item) -> Trouble | None:
        """Drive one journey as far as it goes."""
        id = item.record.id
        self._last = {}
        record = self._ledger.record(item)
        if item.why is Why.LATE and id not in self._checkpoint.records:
            self._ledger.tell(Event.ORDER_LATE, record, item, {})
        rules = replace(self._rules, again=True) if item.why is Why.RESCAN else self._rules
        steps = journey(record, item.order, rules)
        try:
            step = next(steps)
            while True:
                if isinstance(step, Save):
                    self._save(item, step)
                    step = steps.send(_SAVED)
                else:
                    task = isinstance(step, Run)
                    step = steps.send(self._put(item, step.operation, is_task=task))
        except StopIteration as end:
            trouble: Trouble | None = end.value
        if trouble is not None:
            self._note_unknown(item, trouble)
        return trouble

    def _put(self, item: Item, operation: Operation, is_task: bool) -> Answer:
        """Put one operation to the node for this order, and remember what it proves."""
        number = item.order.number if item.order is not None else None
        if number is None or (not is_task and operation not in self._checks):
            return Answer(Verdict.UNAVAILABLE)
        return self._ask(operation, number)

    def _ask(self, operation: Operation, number: str) -> Answer:
        if operation in self._unusable:
            return Answer(Verdict.UNAVAILABLE)
        if not self._line.knows(Question(operation, number)):
            self._ledger.settle()  # nothing is waited for with a verdict in memory alone
        self._progress(self.checked, self._total, f"order {number}: {operation}")
        begun = time.monotonic()
        tell = self._ledger.tell_durable  # while the node works, which needs no wait for it
        try:
            answer = self._line.answer(operation, number, self._next_question(), tell)
        finally:
            tell()
        self._was_open = True
        self.answers[operation.value, answer.verdict.value] += 1
        if answer.verdict is Verdict.UNAVAILABLE:
            self._unusable.add(operation)
            self._log.tell(Event.CHECK_UNAVAILABLE, operation=operation, error=answer.error)
        elif not answer.verdict.is_trouble:
            self._answered = number
            self._evidence = True
            self._end_downtime()
        elapsed = time.monotonic() - begun
        self._last = {"operation": operation, "duration_usec": round(elapsed * 1_000_000)}
        return answer

    def _save(self, item: Item, step: Save, **details: object) -> None:
        """Make the record durable before anything is sent that changes something (rule C6).

        The next order's question changes nothing, so it travels meanwhile.
        """
        question = self._next_question() if step.final else None
        if question is not None:
            self._line.begin(question)
        may_wait = question is not None  # for no longer than until that is asked
        self._ledger.save(item, step, {**self._last, **details}, may_wait=may_wait)
        if step.final:
            self._ledger.tell_durable()

    def _next_question(self) -> Question | None:
        """What the next order's journey begins with, if that is a question to the node."""
        if not self._waiting or self.stopped:
            return None
        item = self._waiting[0]
        first = next(journey(self._ledger.record(item), item.order, self._rules))
        if not isinstance(first, Ask) or not self._can_ask(first.operation):
            return None
        assert item.order is not None
        assert item.order.number is not None
        return Question(first.operation, item.order.number)

    def _can_ask(self, operation: Operation) -> bool:
        return operation in self._checks and operation not in self._unusable

    def _note_unknown(self, item: Item, trouble: Trouble) -> None:
        """Say in the record that an operation was begun and nobody knows its end (rule C5)."""
        record = self._checkpoint.records.get(item.record.id)
        if record is not None and record.in_flight is trouble.operation:
            self._save(item, Save(_unknown(record, trouble), (Event.ORDER_UNKNOWN,)))
            self._ledger.tell_durable()

    def _is_its_own_fault(self, item: Item, trouble: Trouble, waiting: deque[Item]) -> bool:
        """Rule C9: a second question decides whether the order or Abacos is ill.

        Charges the order, or puts it back where the question shows that its insertion took effect.
        """
        if trouble.answer.verdict not in (Verdict.TIMEOUT, Verdict.AMBIGUOUS):
            return False
        verdict = self._second_question(item, trouble)
        if verdict is Verdict.YES and trouble.operation is Operation.INSERT_ORDER:
            waiting.appendleft(item)
            return True
        if verdict is None:
            return False
        self._charge(item, trouble)
        return True

    def _second_question(self, item: Item, trouble: Trouble) -> Verdict | None:
        """What Abacos answers about this order or, failing that, about another; None: nothing."""
        assert item.order is not None
        assert item.order.number is not None
        numbers = [] if trouble.operation is Operation.ORDER_EXISTS else [item.order.number]
        numbers += [known for known in self._known_numbers() if known != item.order.number][:1]
        if Operation.ORDER_EXISTS not in self._checks or not numbers:
            return self._earlier_evidence()
        for number in numbers:
            answer = self._ask(Operation.ORDER_EXISTS, number)
            if answer.verdict is Verdict.UNAVAILABLE:
                return self._earlier_evidence()
            if not answer.verdict.is_trouble:
                return answer.verdict if number == item.order.number else Verdict.DONE
        return None

    def _known_numbers(self) -> Iterable[str]:
        """Numbers that Abacos can be asked about, the likeliest to be answered first."""
        if self._answered is not None:
            yield self._answered
        for record in reversed(self._checkpoint.records.values()):
            if record.status is Status.SUCCESS and record.number is not None:
                yield record.number

    def _earlier_evidence(self) -> Verdict | None:
        """Without a check, an answer for another order in this cycle; it serves once."""
        evidence, self._evidence = self._evidence, False
        return Verdict.DONE if evidence else None

    def _charge(self, item: Item, trouble: Trouble) -> None:
        record = self._ledger.record(item)
        hung = trouble.answer.verdict is Verdict.TIMEOUT
        reason = Reason.TIMEOUT if hung else Reason.REJECTED
        step = charged(record, reason, trouble.answer, self._rules)
        self._save(item, step, operation=trouble.operation)
        self.checked += 1

    def _settle(self, aside: list[tuple[Item, Trouble]]) -> None:
        """Another order got its verdict: what was set aside is no downtime."""
        if not self._evidence:
            return
        for item, trouble in aside:
            if trouble.answer.verdict in (Verdict.TIMEOUT, Verdict.AMBIGUOUS):
                self._charge(item, trouble)
            else:
                record = self._ledger.record(item)
                unknown = _unknown(record, trouble)
                self._save(item, Save(unknown, (Event.ORDER_UNKNOWN,), final=True))
                self.checked += 1
        aside.clear()

    def _wait_out(self, error: str | None, who: str) -> None:
        """Rule C8: wait before the same order is tried again, while the cycle has time.

        Raises Unavailable when it has none; `who` begins its sentence.
        """
        if self.stopped:
            return
        error = error or "no answer"
        now = time.monotonic()
        if self._down_since is None:
            self._down_since = now
        if now + self._service.downtime_wait > self._deadline:
            left = self._total - self.checked
            raise Unavailable(
                f"{who}{error}; {'1 order waits' if left == 1 else f'{left} orders wait'}",
                "Nothing is lost and no attempt was charged; the next cycle goes on",
            )
        if error != self._told:  # once, not at every try
            self._told = error
            self._log.tell(Event.DOWNTIME, error=error, seconds=self._service.downtime_wait)
        self._progress(self.checked, self._total, f"down, waiting: {error}")
        self._line.leave()
        self._line.pause(self._service.downtime_wait)

    def _end_downtime(self) -> None:
        if self._down_since is not None:
            seconds = time.monotonic() - self._down_since
            self._down_since = self._told = None
            self._log.tell(Event.DOWNTIME_OVER, seconds=seconds)


def _unknown(record: Record, trouble: Trouble) -> Record:
    return record.with_(reason=Reason.UNKNOWN, last_error=trouble.answer.error)


def _who(answer: Answer) -> str:
    """Who is down, as far as the answer tells: whoever is called should be the right one."""
    if answer.verdict is Verdict.DOWN:  # the node itself says so
        return "the node answers, but Abacos or what else its tasks need is down: "
    return "the node or Abacos is down: "
