"""One cycle: retry, check, integrate; then one sentence that says what it did."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ordermonit.checkpoint import Checkpoint
from ordermonit.configuration import Configuration
from ordermonit.errors import OrdermonitError, StateError
from ordermonit.events import Event
from ordermonit.front import connected
from ordermonit.gaps import Moment
from ordermonit.journal import Log
from ordermonit.plan import Plan, plan, rules
from ordermonit.progress import Progress
from ordermonit.state import CycleResult, State

if TYPE_CHECKING:
    from ordermonit.session import Session
    from ordermonit.work import Work


def run_cycle(
    configuration: Configuration, state: State, log: Log, progress: Progress
) -> CycleResult:
    """One cycle, under the state directory's lock.

    Raises OrdermonitError for what ends it early; everything done until then is durable, and the
    end is noted for `status` in any case.
    """
    state.lock()
    run = _Run(configuration, state, log, progress)
    try:
        with _stopped_by_signals(run):
            result = run.run()
    except StateError:
        raise
    except OrdermonitError as problem:
        with suppress(StateError):
            state.add_cycle(run.result(problem.message, problem.exit))
        raise
    state.add_cycle(result)
    return result


class _Run:
    """The parts of one cycle, and what it has done so far."""

    def __init__(
        self, configuration: Configuration, state: State, log: Log, progress: Progress
    ) -> None:
        self._configuration = configuration
        self._state = state
        self._log = log
        self._progress = progress
        self._started = datetime.now(UTC)
        self._deadline = time.monotonic() + configuration.service.running_cycle
        self._tally: Counter[Event] = Counter()
        self._checked = 0
        self._stopped = False
        self._work: Work | None = None
        self._session: Session | None = None

    def stop(self) -> None:
        """End after the operation in hand. Safe in a signal handler."""
        self._stopped = True
        if self._work is not None and self._session is not None:
            self._work.stop()
            self._session.stop()

    def run(self) -> CycleResult:
        checkpoint = self._state.read()
        configuration = self._configuration
        with connected(configuration.database) as front:
            planned = plan(
                front, checkpoint, configuration.service, rules(configuration), Moment.now()
            )
        if planned.items and not self._stopped:
            self._do(checkpoint, planned)
        sentence = _sentence(self._tally, self._checked, checkpoint)
        self._log.tell(
            Event.CYCLE_STOPPED if self._stopped else Event.CYCLE_DONE, sentence=sentence
        )
        return self.result(f"stopped on request: {sentence}" if self._stopped else sentence, 0)

    def _do(self, checkpoint: Checkpoint, planned: Plan) -> None:
        # Only here: whoever has nothing to do pays for no event loop and no SSH (rule C2).
        from ordermonit.session import Session
        from ordermonit.work import Work

        session = self._session = Session(self._configuration.node)
        work = self._work = Work(
            self._configuration,
            self._state,
            checkpoint,
            self._log,
            self._progress,
            session,
            self._deadline,
        )
        try:
            if self._stopped:
                return
            work.do(planned)
            if checkpoint.recovered and not self._stopped:
                checkpoint.recovered = False
                self._state.write(checkpoint)
        finally:
            self._tally, self._checked = work.tally, work.checked
            session.close()

    def result(self, sentence: str, exit: int) -> CycleResult:
        """What this cycle did until now."""
        return CycleResult(
            started_at=_iso(self._started),
            finished_at=_iso(datetime.now(UTC)),
            result=sentence,
            exit=exit,
            checked=self._checked,
            inserted=self._tally[Event.ORDER_INSERTED],
            confirmed=self._tally[Event.PAYMENT_CONFIRMED],
            failed=sum(self._tally[event] for event in _FAILURES),
        )


_FAILURES = (
    Event.ORDER_REJECTED,
    Event.ORDER_TIMED_OUT,
    Event.ORDER_UNKNOWN,
    Event.ORDER_EXHAUSTED,
    Event.NUMBER_INVALID,
)


@contextmanager
def _stopped_by_signals(run: _Run) -> Iterator[None]:
    """SIGTERM (systemctl stop, shutdown) and Ctrl-C end the cycle after the operation in hand."""
    signals = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(each, lambda *_: run.stop()) for each in signals]
    try:
        yield
    finally:
        for each, handler in zip(signals, before, strict=True):
            signal.signal(each, handler)


def _sentence(tally: Counter[Event], checked: int, checkpoint: Checkpoint) -> str:
    """What the cycle did, for a person."""
    if not checked:
        return f"nothing to do; HEAD is {checkpoint.head}"
    parts = {
        "already in Abacos": tally[Event.ORDER_FOUND],
        "inserted": tally[Event.ORDER_INSERTED],
        "confirmed": tally[Event.PAYMENT_CONFIRMED],
        "waiting for payment": tally[Event.PAYMENT_WAITING],
        "rejected": tally[Event.ORDER_REJECTED],
        "timed out": tally[Event.ORDER_TIMED_OUT],
        "without an answer": tally[Event.ORDER_UNKNOWN],
        "given up": tally[Event.ORDER_EXHAUSTED],
        "with an invalid number": tally[Event.NUMBER_INVALID],
        "vanished": tally[Event.ORDER_GONE],
    }
    said = ", ".join(f"{count} {what}" for what, count in parts.items() if count)
    orders = "1 order" if checked == 1 else f"{checked} orders"
    return f"{orders} looked at" + (f": {said}" if said else "") + f"; HEAD is {checkpoint.head}"


def _iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
