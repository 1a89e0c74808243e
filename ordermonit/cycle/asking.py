"""Putting things to the node for one order after the other, and what its answers prove.

Questions change nothing, so those that are wanted next travel ahead of their turn: of a task what
it did, and what the next orders' journeys begin with.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Protocol

from ordermonit.configuration import Configuration
from ordermonit.cycle.ledger import Ledger
from ordermonit.cycle.plan import Item, rules
from ordermonit.errors import SessionEnded
from ordermonit.orders.events import Event
from ordermonit.orders.journey import Ask, Scene, Trouble, journey
from ordermonit.orders.model import (
    VALID_NUMBER,
    Answer,
    Operation,
    Record,
    Request,
    Status,
    Verdict,
)
from ordermonit.reports.journal import Log

#: So many of the next orders' questions travel ahead of their turn, where few have to be inserted;
#: half of them at first, when nobody knows that yet.
_AHEAD = 16

#: The check that shows what a task did (rule C4).
_SHOWN_BY = {
    Operation.INSERT_ORDER: Operation.ORDER_EXISTS,
    Operation.CONFIRM_PAYMENT: Operation.PAYMENT_CONFIRMED,
}


class Line(Protocol):
    """The line to the node that the work needs; `session.Session` is the real one."""

    def answer(
        self,
        request: Request,
        behind: Iterable[Request] = (),
        late: Callable[[], None] | None = None,
    ) -> Answer:
        """The node's answer; `behind` are questions that travel behind it, since they may be
        wanted next. `late` is done when it takes longer than a second.

        Raises Unavailable, Refused, ConfigurationError; SessionEnded when it follows from answers
        of a session that is over.
        """
        ...

    @property
    def rails_env(self) -> str | None:
        """RAILS_ENV as the node sees it, once there was a session; None where nothing says it."""
        ...

    def leave(self) -> None:
        """End the session; the next question opens a new one."""
        ...

    def pause(self, seconds: float) -> None:
        """Wait, or less when stopped."""
        ...


class Asking:
    """One cycle's questions and tasks. `waiting` are the orders whose turn comes next.

    `was_open`: there was a session. `evidence`: Abacos has answered since that was last set back.
    """

    def __init__(self, configuration: Configuration, line: Line, ledger: Ledger, log: Log) -> None:
        self._checks = set(configuration.node.checks)
        self._rules = rules(configuration)
        self._rails_env = configuration.node.environment.get("RAILS_ENV")
        self._line = line
        self._ledger = ledger
        self._log = log
        self._answered: str | None = None  # the newest number that Abacos answered for
        self._believes = False
        self._ahead = _AHEAD // 2
        self._tasked: str | None = None  # the number of the newest task
        self.waiting: deque[Item] = deque()
        self.answers: Counter[tuple[str, ...]] = Counter()
        self.was_open = False
        self.evidence = False
        self.stopped = False

    def can_ask(self, operation: Operation) -> bool:
        """Whether this check is configured, and usable as far as is known."""
        return operation in self._checks

    def put(self, request: Request) -> Answer:
        """The node's answer, and what it proves is remembered. Raises what the line does."""
        try:
            answer = self._line.answer(request, self._behind(request), self._ledger.settle)
        except SessionEnded:
            self._ahead = 0  # perhaps of a question that travelled ahead
            raise
        operation = request.operation
        if not self.was_open:
            self.was_open = True
            self._compare_environments()
        self.answers[operation.value, answer.verdict.value] += 1
        if answer.verdict is Verdict.UNAVAILABLE:
            self._checks.discard(operation)
            self._log.tell(Event.CHECK_UNAVAILABLE, operation=operation, error=answer.error)
        elif not answer.verdict.is_trouble:
            self.evidence = True
            if not request.is_task:  # what a task says may be the node's own word
                self._answered = request.number
        self._look_ahead(request, answer.verdict)
        if answer.verdict is Verdict.DONE and operation is Operation.INSERT_ORDER:
            self._say_what_is_believed()
        return answer

    def _behind(self, request: Request) -> Iterator[Request]:
        if request.is_task and self.can_ask(shown_by := _SHOWN_BY[request.operation]):
            yield Request(shown_by, request.number)
        if not self.stopped:
            for item in islice(self.waiting, 1 if request.is_task else self._ahead):
                yield from self._first_question(item)

    def _look_ahead(self, request: Request, verdict: Verdict) -> None:
        # What is missing before a task may be there after it, so that is asked again: where orders
        # have to be inserted, it was asked in vain.
        if request.is_task:
            self._ahead, self._tasked = 0, request.number
        elif verdict is Verdict.YES and request.number != self._tasked:
            self._ahead = min(2 * self._ahead or 1, _AHEAD)

    def _first_question(self, item: Item) -> Iterator[Request]:
        record, order = self._ledger.record(item), item.order
        first = next(journey(record, order, self._rules, Scene(record.updated_at)))
        if isinstance(first, Ask) and self.can_ask(first.operation):
            assert order is not None
            assert order.number is not None
            yield Request(first.operation, first.number or order.number)

    def _compare_environments(self) -> None:
        """Once a cycle: a container may not see the environment that the command was given."""
        found = self._line.rails_env
        if found is not None and self._rails_env not in (None, found):
            self._log.tell(Event.ENVIRONMENT_DIFFERS, found=found, wanted=self._rails_env)

    def _say_what_is_believed(self) -> None:
        """Once a cycle: nobody can verify what the task said."""
        check = Operation.ORDER_EXISTS
        if not self._believes and not self.can_ask(check):
            self._believes = True
            self._log.tell(Event.INSERTIONS_BELIEVED, operation=Operation.INSERT_ORDER, check=check)

    def second_question(
        self, item: Item, trouble: Trouble, records: Iterable[Record]
    ) -> Verdict | None:
        """What Abacos answers about this order or, failing that, about another; None: nothing.

        So it is told whether the order or Abacos is ill (rule C9).
        """
        assert item.order is not None
        own = item.order.number
        known = (number for number in self._known_numbers(records) if number != own)
        numbers = [] if trouble.operation is Operation.ORDER_EXISTS else [own]
        numbers += [number for number, _ in zip(known, range(1), strict=False)]
        if not self.can_ask(Operation.ORDER_EXISTS) or not numbers:
            return self._earlier_evidence()
        for number in numbers:
            assert number is not None
            answer = self.put(Request(Operation.ORDER_EXISTS, number))
            if answer.verdict is Verdict.UNAVAILABLE:
                return self._earlier_evidence()
            if not answer.verdict.is_trouble:
                return answer.verdict if number == own else Verdict.DONE
        return None

    def _known_numbers(self, records: Iterable[Record]) -> Iterable[str]:
        """Numbers that Abacos can be asked about, the likeliest to be answered first."""
        if self._answered is not None:
            yield self._answered
        for record in reversed([*records]):
            number = record.number
            if record.status is Status.SUCCESS and number and VALID_NUMBER.fullmatch(number):
                yield number

    def _earlier_evidence(self) -> Verdict | None:
        """Without a check, an answer for another order in this cycle; it serves once."""
        evidence, self.evidence = self.evidence, False
        return Verdict.DONE if evidence else None
