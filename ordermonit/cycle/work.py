"""Doing what was planned: one order at a time, each step durable, and nobody blamed for downtime.

Nobody waits for the sick (rules C1, C9). Whoever gets no answer is set aside at once, and whoever
kept others waiting in an earlier cycle comes last, when all others have had their turn and the
Front was looked at again.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from ordermonit.configuration import Configuration
from ordermonit.cycle.asking import Asking, Line
from ordermonit.cycle.ledger import Ledger, Store
from ordermonit.cycle.plan import Item, Plan, Why, rules
from ordermonit.errors import (
    ConfigurationError,
    NodeLocked,
    OrdermonitError,
    SessionEnded,
    Unavailable,
)
from ordermonit.orders.events import Event
from ordermonit.orders.evidence import MAYBE_ITS_OWN, is_own_fault, outage
from ordermonit.orders.gaps import Moment
from ordermonit.orders.journey import Ask, Run, Save, Scene, Trouble, charged, journey
from ordermonit.orders.model import (
    TASKS,
    Answer,
    InsertedBy,
    Operation,
    Order,
    Reason,
    Record,
    Request,
    Status,
    Verdict,
)
from ordermonit.reports.journal import Log
from ordermonit.reports.progress import Progress
from ordermonit.state.checkpoint import Checkpoint

#: Reads the orders with these ids that are still in the Front.
Rows = Callable[[Iterable[int]], Mapping[int, Order]]

_SAVED = Answer(Verdict.DONE)

#: Seconds for which a row that was read is believed.
_FRESH = 5.0

#: While orders hang, another one's task gets this part of `task_timeout` at its first try.
_HURRY = 0.1


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
        self._task_timeout = configuration.node.task_timeout
        self._rules = rules(configuration)
        self._line = line
        self._ledger = Ledger(state, checkpoint, log, configuration.service.max_attempts)
        self._asking = Asking(configuration, line, self._ledger, log)
        self._checkpoint = checkpoint
        self._log = log
        self._progress = progress
        self._deadline = deadline
        self.checked = 0
        self.stopped = False
        self._total = 0
        self._tried: set[int] = set()
        self._again: set[int] = set()  # whose session ended in the middle, once
        self._rests = False  # the order's next request, on an answer
        self._rows: Rows = lambda ids: {}
        self._read_at = 0.0  # monotonic
        self._patience: float | None = None  # of a suspect's task; None: what others get
        self._refusal = outage(checkpoint.records)
        self._is_probing = False
        self._is_broken = False
        self._down_since: float | None = None
        self._told: str | None = None

    @property
    def tally(self) -> Counter[Event]:
        """What became of the orders, by event."""
        return self._ledger.tally

    @property
    def answers(self) -> Counter[tuple[str, ...]]:
        """What the node was asked and what came of it, as (operation, verdict)."""
        return self._asking.answers

    def stop(self) -> None:
        """End after the operation in hand. Safe in a signal handler."""
        self.stopped = self._asking.stopped = True

    def do(self, plan: Plan, look: Callable[[], Plan], rows: Rows) -> None:
        """All of the plan, or as much of it as downtime or a stop allows. `look` plans again, and
        `rows` reads orders once more.

        Raises Unavailable after downtime that outlasted the cycle (no attempt is charged), Refused,
        ConfigurationError and StateError.
        """
        self._rows = rows
        self._begin(plan)
        if plan.probe is not None:
            self._is_probing = True
            self._drive((plan.probe,))
            self._is_probing = False
        self._drive(plan.items)
        self._try_suspects(plan, look)
        self._ledger.end(is_whole=not self.stopped)
        if self._refusal is not None and not self.stopped:
            raise self._refused()

    def _refused(self) -> OrdermonitError:
        """What ends a cycle in which nothing could be inserted."""
        if self._is_broken:
            return ConfigurationError(
                f"the node's deployment is broken, so its tasks can't run: {self._refusal}",
                "Deploy the application on the node again, or run its migrations. Nothing is lost"
                " and no attempt was charged; the next cycle tries one order",
            )
        left = sum(record.is_due for record in self._checkpoint.records.values())
        return _waits(f"Abacos refuses every order: {self._refusal}", left)

    def _try_suspects(self, plan: Plan, look: Callable[[], Plan]) -> None:
        """Who kept others waiting, one at a time; before the next one the others come again.

        All of them together get `running_cycle` seconds. Who would get less than half of a turn
        waits for the next cycle: running out of that would be no fault of its own.
        """
        end = time.monotonic() + self._service.running_cycle
        turn = min(self._service.running_cycle, self._task_timeout)
        while (item := self._untried(plan.suspects)) is not None and not self.stopped:
            left = end - time.monotonic()
            if left < turn / 2:
                return
            self._patience = min(left, self._task_timeout)
            self._drive((item,))
            self._patience = None
            self._ledger.settle()
            if self.stopped:
                return
            plan = look()
            self._begin(plan)
            self._drive(item for item in plan.items if item.record.id not in self._tried)

    def _begin(self, plan: Plan) -> None:
        self._ledger.begin(plan, self._service.late_commit_window)
        self._read_at = time.monotonic()

    def _read_again(self, waiting: deque[Item]) -> None:
        """What waited for others may be another order by now: a canceled one, for instance."""
        if time.monotonic() - self._read_at > _FRESH:
            rows = self._rows(item.record.id for item in waiting)
            again = [replace(item, order=rows.get(item.record.id)) for item in waiting]
            waiting.clear()
            waiting.extend(again)
            self._read_at = time.monotonic()

    def _untried(self, items: Iterable[Item]) -> Item | None:
        return next((item for item in items if item.record.id not in self._tried), None)

    def _drive(self, items: Iterable[Item]) -> None:
        """Each of these, until it has a verdict, or others have and it has none."""
        waiting = self._asking.waiting = deque(items)
        self._total += len(waiting)
        silent: list[tuple[Item, Trouble]] = []
        while (waiting or silent) and not self.stopped:
            if not waiting:
                waiting.extend(item for item, _ in silent)
                self._wait_out(silent)
                silent.clear()
                continue
            self._read_again(waiting)
            item = waiting.popleft()
            self._tried.add(item.record.id)
            try:
                trouble = self._take(item)
            except Unavailable as problem:  # the node itself: no order's fault
                if isinstance(problem, NodeLocked) and not self._asking.was_open:
                    raise
                waiting.appendleft(item)
                if isinstance(problem, SessionEnded) and item.record.id not in self._again:
                    self._again.add(item.record.id)
                else:
                    self._wait_out(silent, problem.message)
                continue
            if trouble is None:
                self._end(item)
                self._set_aside(silent)
            elif trouble.answer.verdict in (Verdict.REJECTED, Verdict.BROKEN):
                self._refusal = trouble.answer.error
                self._is_broken = trouble.answer.verdict is Verdict.BROKEN
                self._ledger.note_suspect(item.record.id)
                self.checked += 1
            elif self.stopped or not self._is_its_own_fault(item, trouble, waiting):
                self._note_unknown(item, trouble, _UNKNOWN)
                self._asking.evidence = False
                silent.append((item, trouble))
                # One may be its own fault: the next one's answer tells. Two are downtime.
                if len(silent) > 1 and waiting:
                    self._wait_out(silent)

    def _end(self, item: Item) -> None:
        """An order has its verdict; what it tells of later cycles is noted."""
        self.checked += 1
        record = self._checkpoint.records.get(item.record.id)
        slow = record is not None and record.reason in (Reason.TIMEOUT, Reason.DIED)
        if slow and record is not None and record.status is Status.FAILED:
            self._ledger.note_suspect(item.record.id)
        else:
            self._ledger.forget_suspect(item.record.id)
        if self._refusal is not None and outage(self._checkpoint.records) is None:
            took = record is not None and record.inserted_by is InsertedBy.US
            if took or not self._is_broken:  # Abacos takes orders again
                self._refusal, self._is_broken = None, False

    def _take(self, item: Item) -> Trouble | None:
        """Drive one journey as far as it goes."""
        record = self._ledger.record(item)
        took: dict[Operation, float] = {}
        self._rests = False
        steps = journey(record, item.order, self._rules, self._scene(item))
        try:
            step = next(steps)
            while True:
                if isinstance(step, Save):
                    self._ledger.save(item, step, took)
                    step = steps.send(_SAVED)
                else:
                    step = steps.send(self._put(item, step, took))
        except StopIteration as end:
            trouble: Trouble | None = end.value
        if trouble is not None:
            self._note_unknown(item, trouble)
        return trouble

    def _scene(self, item: Item) -> Scene:
        return Scene(
            Moment.now().wall,
            self._checkpoint.records,
            is_again=item.why is Why.RESCAN,
            is_held=self._refusal is not None and not self._is_probing,
            is_hurried=self._is_hurried(),
        )

    def _is_hurried(self) -> bool:
        """Whether somebody hangs, so that the others' first try is a short one."""
        if self._patience is not None:
            return False
        records = self._checkpoint.records
        found = (records.get(id) for id in self._checkpoint.suspects)
        return any(record is not None and record.reason is Reason.TIMEOUT for record in found)

    def _put(self, item: Item, step: Ask | Run, took: dict[Operation, float]) -> Answer:
        """Put one operation to the node for this order, and remember what it proves."""
        number = item.order.number if item.order is not None else None
        if isinstance(step, Ask):
            number = step.number or number
        operation = step.operation
        if number is None or (isinstance(step, Ask) and not self._asking.can_ask(operation)):
            return Answer(Verdict.UNAVAILABLE)
        begun = time.monotonic()
        self._progress(self.checked, self._total, f"order {number}: {operation}")
        answer = self._asking.put(self._request(operation, number, follows=self._rests))
        took[operation] = time.monotonic() - begun
        self._rests = not (answer.verdict.is_trouble or answer.is_last)
        if not answer.verdict.is_trouble and answer.verdict is not Verdict.UNAVAILABLE:
            self._end_downtime()
        return answer

    def _request(self, operation: Operation, number: str, *, follows: bool) -> Request:
        if operation not in TASKS:
            return Request(operation, number, follows=follows)
        hurry = self._task_timeout * _HURRY if self._is_hurried() else None
        return Request(operation, number, self._patience or hurry, follows)

    def _note_unknown(self, item: Item, trouble: Trouble, events: tuple[Event, ...] = ()) -> None:
        """Say in the record that an operation was begun and nobody knows its end (rule C5). It is
        told only when a second question has not found that out either."""
        if self._was_begun(item, trouble) and trouble.answer.verdict is not Verdict.REJECTED:
            step = _unknown(self._ledger.record(item), trouble)
            self._ledger.save(item, replace(step, events=events), {})

    def _was_begun(self, item: Item, trouble: Trouble) -> bool:
        record = self._checkpoint.records.get(item.record.id)
        return record is not None and record.in_flight is trouble.operation

    def _is_its_own_fault(self, item: Item, trouble: Trouble, waiting: deque[Item]) -> bool:
        """Rule C9: a second question decides whether the order or Abacos is ill.

        Charges the order, or puts it back where the question shows that its insertion took effect.
        """
        if trouble.answer.verdict not in MAYBE_ITS_OWN:
            return False
        self._progress(self.checked, self._total, f"order {item.record.name}: a second question")
        records = self._checkpoint.records.values()
        try:
            verdict = self._asking.second_question(item, trouble, records)
        except Unavailable:  # the node itself is gone now, so nobody is at fault
            return False
        if verdict is Verdict.YES and trouble.operation is Operation.INSERT_ORDER:
            waiting.appendleft(item)
            return True
        return verdict is not None and self._charge(item, trouble)

    def _charge(self, item: Item, trouble: Trouble) -> bool:
        """One attempt for an order that alone got no answer; whether that may be charged."""
        answer, record = trouble.answer, self._ledger.record(item).ended(trouble.operation)
        is_hurried = answer.verdict is Verdict.TIMEOUT and self._is_hurried()
        if is_hurried or not is_own_fault(record.id, answer.error, self._checkpoint.records):
            return False
        reason = answer.verdict.reason
        self._ledger.save(item, charged(record, trouble.operation, reason, answer, self._rules), {})
        self._end(item)
        return True

    def _set_aside(self, silent: list[tuple[Item, Trouble]]) -> None:
        """Another order got its verdict from Abacos: what got none is no downtime."""
        if not self._asking.evidence:
            return
        for item, trouble in silent:
            if trouble.answer.verdict not in MAYBE_ITS_OWN or not self._charge(item, trouble):
                step = _unknown(self._ledger.record(item), trouble, is_final=True)
                events = () if self._was_begun(item, trouble) else _UNKNOWN  # told already
                self._ledger.save(item, replace(step, events=events), {})
                self._ledger.note_suspect(item.record.id)
                self.checked += 1
        silent.clear()

    def _wait_out(self, silent: list[tuple[Item, Trouble]], error: str | None = None) -> None:
        """Rule C8: wait before anything is tried again, while the cycle has time.

        Raises Unavailable when it has none; then the next cycle begins with others than the
        `silent` ones. `error` is the node's own; without it, it is the newest trouble's.
        """
        if self.stopped:
            return
        who = "" if error is not None else _who(silent[-1][1].answer)
        error = error or silent[-1][1].answer.error or "no answer"
        now = time.monotonic()
        if self._down_since is None:
            self._down_since = now
        if now + self._service.downtime_wait > self._deadline:
            for item, _ in silent:
                self._ledger.note_suspect(item.record.id)
            self._ledger.settle()
            raise _waits(f"{who}{error}", self._total - self.checked)
        self._ledger.settle()
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


_UNKNOWN = (Event.ORDER_UNKNOWN,)


def _unknown(record: Record, trouble: Trouble, *, is_final: bool = False) -> Save:
    # Of what is set aside while Abacos may still be at it, the record says so.
    record = record.ended(trouble.operation) if is_final else record
    hangs = record.may_be_worked_on and trouble.answer.verdict is Verdict.TIMEOUT
    reason = Reason.TIMEOUT if hangs else Reason.UNKNOWN
    unknown = record.with_(reason=reason, last_error=trouble.answer.error)
    return Save(unknown, final=is_final, operation=trouble.operation)


def _waits(what: str, left: int) -> Unavailable:
    return Unavailable(
        f"{what}; {'1 order waits' if left == 1 else f'{left} orders wait'}",
        "Nothing is lost and no attempt was charged; the next cycle goes on",
    )


def _who(answer: Answer) -> str:
    """Who is down, as far as the answer tells: whoever is called should be the right one."""
    if answer.verdict is Verdict.DOWN:  # the node itself says so
        return "the node answers, but Abacos or what else its tasks need is down: "
    return "the node or Abacos is down: "
