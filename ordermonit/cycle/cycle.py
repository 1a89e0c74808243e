"""One cycle: retry, check, integrate; then one sentence that says what it did."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ordermonit.configuration import Configuration
from ordermonit.cycle.ledger import Ledger
from ordermonit.cycle.plan import Plan, plan, rules
from ordermonit.errors import OrdermonitError, StateError
from ordermonit.front.database import connected
from ordermonit.orders.events import Event
from ordermonit.orders.gaps import Moment
from ordermonit.orders.model import Order
from ordermonit.reports.journal import Log
from ordermonit.reports.notes import Notes, Sight
from ordermonit.reports.progress import Progress
from ordermonit.state.checkpoint import Checkpoint
from ordermonit.state.directory import CycleResult, State
from ordermonit.times import iso

if TYPE_CHECKING:
    from ordermonit.cycle.work import Work
    from ordermonit.node.session import Session


def run_cycle(
    configuration: Configuration, state: State, log: Log, progress: Progress, notes: Notes
) -> CycleResult:
    """One cycle, under the state directory's lock.

    Raises OrdermonitError for what ends it early; everything done until then is durable, and the
    end is noted for `status` in any case. What it saw and did goes into `notes` on the way.
    """
    notes.service = configuration.service
    state.lock()
    run = _Run(configuration, state, log, progress, notes)
    try:
        with _stopped_by_signals(run):
            result = run.run()
    except StateError as problem:
        state.squeeze_cycle(run.result(problem.message, problem.exit, problem.remedy))
        raise
    except OrdermonitError as problem:
        with suppress(StateError):
            state.add_cycle(run.result(problem.message, problem.exit, problem.remedy))
        raise
    try:
        state.add_cycle(result)
    except StateError as problem:
        state.squeeze_cycle(run.result(problem.message, problem.exit, problem.remedy))
        raise
    return result


class _Run:
    """The parts of one cycle, and what it has done so far."""

    def __init__(
        self,
        configuration: Configuration,
        state: State,
        log: Log,
        progress: Progress,
        notes: Notes,
    ) -> None:
        self._configuration = configuration
        self._state = state
        self._log = log
        self._progress = progress
        self._notes = notes
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
        pause = self._state.read_pause()
        if pause is not None and (paused := self._paused(pause)):
            self._log.tell(Event.CYCLE_PAUSED, sentence=paused)
            return self.result(paused, 0)
        checkpoint = self._notes.checkpoint = self._state.read()
        planned = self._look(checkpoint)
        if self._stopped:
            pass
        elif not planned.is_idle:
            self._do(checkpoint, planned)
        elif planned.is_news:
            self._note(checkpoint, planned)
        sentence = _sentence(self._tally, self._checked, checkpoint)
        self._log.tell(
            Event.CYCLE_STOPPED if self._stopped else Event.CYCLE_DONE, sentence=sentence
        )
        return self.result(f"stopped on request: {sentence}" if self._stopped else sentence, 0)

    def _look(self, checkpoint: Checkpoint) -> Plan:
        """What there is to do now, with a connection of its own: none waits for the node."""
        configuration = self._configuration
        with connected(configuration.database) as front:
            planned = plan(
                front, checkpoint, configuration.service, rules(configuration), Moment.now()
            )
        self._notes.sight = Sight(planned.beyond, planned.newest)
        return planned

    def _rows(self, ids: Iterable[int]) -> dict[int, Order]:
        """The orders with these ids as the Front has them now."""
        with connected(self._configuration.database) as front:
            return front.by_id(ids)

    def _paused(self, data: bytes) -> str | None:
        """What keeps this cycle from doing anything; a pause that is over is taken away."""
        from ordermonit.state.pause import decode  # only where somebody paused it

        pause = decode(data, str(self._state.pause_file))
        if not pause.is_over(Moment.now()):
            return f"{pause.sentence}; nothing was done. To go on, type: ordermonit resume"
        self._state.remove_pause()
        self._log.tell(Event.RESUMED, sentence=f"resumed by itself; it was {pause.sentence}")
        return None

    def _do(self, checkpoint: Checkpoint, planned: Plan) -> None:
        # Only here: whoever has nothing to do pays for no event loop and no SSH (rule C2).
        from ordermonit.cycle.work import Work
        from ordermonit.node.session import Session

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
            work.do(planned, lambda: self._look(checkpoint), self._rows)
        finally:
            self._tally, self._checked = work.tally, work.checked
            self._notes.answers.update(work.answers)
            self._notes.sessions += session.begun
            session.close()

    def _note(self, checkpoint: Checkpoint, planned: Plan) -> None:
        """What was seen, where the node is not needed. Raises StateError."""
        service = self._configuration.service
        ledger = Ledger(self._state, checkpoint, self._log, service.max_attempts)
        ledger.begin(planned, service.late_commit_window)
        ledger.settle()

    def result(self, sentence: str, exit: int, remedy: str = "") -> CycleResult:
        """What this cycle did until now."""
        boots, boot_seconds = self._notes.began("boot")
        warm_sessions, warm_seconds = self._notes.began("warm")
        return CycleResult(
            started_at=iso(self._started),
            finished_at=iso(datetime.now(UTC)),
            result=sentence,
            exit=exit,
            checked=self._checked,
            inserted=self._tally[Event.ORDER_INSERTED],
            confirmed=self._tally[Event.PAYMENT_CONFIRMED],
            failed=sum(self._tally[event] for event in _FAILURES),
            remedy=remedy,
            boots=boots,
            boot_seconds=round(boot_seconds, 3),
            warm_sessions=warm_sessions,
            warm_seconds=round(warm_seconds, 3),
        )


_FAILURES = (
    Event.ORDER_REJECTED,
    Event.ORDER_TIMED_OUT,
    Event.ORDER_DIED,
    Event.ORDER_NOT_THERE,
    Event.ORDER_REFUSED,
    Event.ORDER_UNKNOWN,
    Event.ORDER_EXHAUSTED,
    Event.NUMBER_INVALID,
)


@contextmanager
def _stopped_by_signals(run: _Run) -> Iterator[None]:
    """SIGTERM (systemctl stop, shutdown), Ctrl-C and the end of a terminal end the cycle after the
    operation in hand."""
    signals = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
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
        "refused as every other": tally[Event.ORDER_REFUSED],
        "timed out": tally[Event.ORDER_TIMED_OUT],
        "died": tally[Event.ORDER_DIED],
        "set aside": tally[Event.ORDER_SET_ASIDE],
        "without an answer": tally[Event.ORDER_UNKNOWN],
        "not there yet": tally[Event.INSERTION_UNVERIFIED] + tally[Event.CONFIRMATION_UNVERIFIED],
        "not there": tally[Event.ORDER_NOT_THERE],
        "given up": tally[Event.ORDER_EXHAUSTED],
        "with an invalid number": tally[Event.NUMBER_INVALID],
        "vanished": tally[Event.ORDER_GONE],
    }
    said = ", ".join(f"{count} {what}" for what, count in parts.items() if count)
    orders = "1 order" if checked == 1 else f"{checked} orders"
    return f"{orders} looked at" + (f": {said}" if said else "") + f"; HEAD is {checkpoint.head}"
