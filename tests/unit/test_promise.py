"""The promise, attacked by machine: whatever fails, in the end each order is in Abacos once.

The real work loop, journeys, plan and checkpoint are driven against a world in memory (world.py).
"""

from collections import deque
from pathlib import Path
from typing import Any, cast

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ordermonit.checkpoint import Checkpoint
from ordermonit.configuration import Configuration, Database, Node, Process, Service
from ordermonit.errors import Unavailable
from ordermonit.front import Front
from ordermonit.gaps import Moment
from ordermonit.journal import Log
from ordermonit.model import Operation, Order, Status
from ordermonit.plan import plan, rules
from ordermonit.work import Work
from tests.unit.world import Crash, Disk, Fault, World

_FAULTS = st.lists(st.sampled_from(list(Fault)), max_size=12)
_WRITE_FAULTS = st.lists(
    st.sampled_from([Fault.NONE] * 6 + [Fault.CRASH, Fault.CRASH_AFTER_EFFECT]), max_size=8
)
_MAX_ATTEMPTS = 3


def _configuration(checks: frozenset[Operation]) -> Configuration:
    return Configuration(
        directory=Path(),
        service=Service(max_attempts=_MAX_ATTEMPTS, max_orders_per_request=3, downtime_wait=0.0001),
        process=Process(),
        node=Node(
            host="node",
            username="deploy",
            rails_root="/app",
            checks=dict.fromkeys(checks, "asked(number)"),
        ),
        database=Database(url="sqlite://"),
    )


def _ignore(done: int, total: int, doing: str) -> None:
    del done, total, doing


class Promise(RuleBasedStateMachine):
    """Orders appear in any commit order; operations and writes fail in every way."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.disk = Disk(Checkpoint(0).encode())
        self.uncommitted: list[int] = []
        self.next_id = 1
        self.ours: set[str] = set()

    @initialize(
        checks=st.sampled_from(
            [
                frozenset({Operation.ORDER_EXISTS, Operation.PAYMENT_CONFIRMED}),
                frozenset({Operation.ORDER_EXISTS}),
                frozenset[Operation](),
            ]
        )
    )
    def configure(self, checks: frozenset[Operation]) -> None:
        self.world.checks = checks
        self.configuration = _configuration(checks)

    @rule(step=st.integers(1, 4))
    def begin(self, step: int) -> None:
        self.next_id += step
        self.uncommitted.append(self.next_id)

    @rule(at=st.integers(0, 20), authorized=st.booleans(), by_shop=st.booleans())
    def commit(self, at: int, authorized: bool, by_shop: bool) -> None:
        if self.uncommitted:
            id = self.uncommitted.pop(at % len(self.uncommitted))
            number = f"N{id}"
            state = "authorized" if authorized else "waiting_payment"
            self.world.rows[id] = Order(id, number, state)
            if by_shop:
                self.world.inserted[number] += 1
            else:
                self.ours.add(number)

    @rule(at=st.integers(0, 20))
    def authorize(self, at: int) -> None:
        if self.world.rows:
            self.world.authorize(sorted(self.world.rows)[at % len(self.world.rows)])

    @rule(faults=_FAULTS, write_faults=_WRITE_FAULTS)
    def cycle(self, faults: list[Fault], write_faults: list[Fault]) -> None:
        self.world.faults = deque(faults)
        self.disk.faults = deque(write_faults)
        try:
            self._cycle()
        except (Crash, Unavailable):
            pass
        finally:
            self.world.faults.clear()
            self.disk.faults.clear()

    def _cycle(self) -> bool:
        checkpoint = self.disk.read()
        configuration = self.configuration
        front = cast(Front, self.world)
        planned = plan(front, checkpoint, configuration.service, rules(configuration), Moment.now())
        work = Work(
            configuration, self.disk, checkpoint, Log([]), _ignore, self.world, float("inf")
        )
        work.do(planned)
        return bool(planned.items)

    @invariant()
    def head_never_falls_and_skips_nothing(self) -> None:
        assert self.disk.heads == sorted(self.disk.heads)

    @invariant()
    def nothing_is_doubled(self) -> None:
        assert not [number for number, times in self.world.inserted.items() if times > 1]
        if Operation.ORDER_EXISTS in self.world.checks:
            assert not self.world.inserted_again
        for number, times in self.world.confirmed.items():
            asked = Operation.PAYMENT_CONFIRMED in self.world.checks
            assert times <= 1 + (0 if asked else self.world.lost_confirmations[number])

    @invariant()
    def attempts_are_charged_as_the_rules_say(self) -> None:
        for record in self.disk.read().records.values():
            number = record.number or ""
            assert record.attempts <= self.world.refusals[number] + self.world.hangs[number]
            assert (record.status is Status.EXHAUSTED) == (record.attempts >= _MAX_ATTEMPTS)

    def teardown(self) -> None:
        """All is well again, a person retries what was given up: then nothing may be missing."""
        while self.uncommitted:
            self.commit(0, True, False)
        for id in self.world.rows:
            self.world.authorize(id)
        checkpoint = self.disk.read()
        for record in list(checkpoint.records.values()):
            if record.status is Status.EXHAUSTED:
                checkpoint.put(record.with_(status=Status.FAILED, attempts=0))
        self.disk.write(checkpoint)
        while self._cycle():
            self.nothing_is_doubled()
        for order in self.world.rows.values():
            assert order.number is not None
            assert self.world.inserted[order.number] == 1
            if order.number in self.ours:
                assert self.world.confirmed[order.number] >= 1
        assert self.disk.read().head == max(self.world.rows, default=0)
        self.nothing_is_doubled()


PromiseTest: Any = Promise.TestCase
PromiseTest.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
