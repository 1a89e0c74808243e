"""The promise, attacked by machine: whatever fails, in the end each order is in Abacos once.

The real work loop, journeys, plan and checkpoint are driven against a world in memory (world.py).
"""

from collections import deque
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ordermonit.errors import Unavailable
from ordermonit.orders.model import Operation, Order, Status
from ordermonit.orders.ranges import merged
from ordermonit.state.checkpoint import Checkpoint
from tests.cycle.world import Crash, Disk, Fault, World, configuration, cycle

_FAULTS = st.lists(st.sampled_from(list(Fault)), max_size=12)
_WRITE_FAULTS = st.lists(
    st.sampled_from([Fault.NONE] * 6 + [Fault.CRASH, Fault.CRASH_AFTER_EFFECT]), max_size=8
)
_MAX_ATTEMPTS = 3


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
        self.configuration = configuration(checks, max_attempts=_MAX_ATTEMPTS, verify_within=0)

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

    @rule(at=st.integers(0, 20), before=st.integers(0, 20), behind=st.integers(0, 20))
    def abacos_forgets_and_a_person_rescans(self, at: int, before: int, behind: int) -> None:
        """As after a restore of Abacos: what was done with is not there any more."""
        self.world.queue_works()
        checkpoint = self.disk.read()
        records = checkpoint.records
        closed = [
            id
            for id in sorted(self.world.rows)
            if id <= checkpoint.head and (id not in records or not records[id].is_open)
        ]
        if closed:
            id = closed[at % len(closed)]
            asked = (max(1, id - before), min(id + behind, checkpoint.head))
            for number in (f"N{id}" for id in closed if asked[0] <= id <= asked[1]):
                self.world.inserted[number] = self.world.confirmed[number] = 0
                self.ours.add(number)
            checkpoint.rescans = merged([*checkpoint.rescans, asked])
            self.disk.write(checkpoint)

    @rule(faults=_FAULTS, write_faults=_WRITE_FAULTS)
    def cycle(self, faults: list[Fault], write_faults: list[Fault]) -> None:
        self.world.queue_works()
        self.world.faults = deque(faults)
        self.disk.faults = deque(write_faults)
        try:
            self._cycle()
        except Crash:
            self._note_lost_confirmation()
        except Unavailable:
            pass
        finally:
            self.world.faults.clear()
            self.disk.faults.clear()

    def _note_lost_confirmation(self) -> None:
        """Killed between the answer and its write: the honest limit where nobody can be asked."""
        for record in self.disk.read().records.values():
            if record.in_flight is Operation.CONFIRM_PAYMENT:
                self.world.lost_confirmations[record.number or ""] += 1

    def _cycle(self) -> bool:
        return cycle(self.configuration, self.world, self.disk)

    @invariant()
    def head_never_falls_and_skips_nothing(self) -> None:
        assert self.disk.heads == sorted(self.disk.heads)

    @invariant()
    def what_is_missing_is_still_to_come(self) -> None:
        checkpoint = self.disk.read()
        for id, order in self.world.rows.items():
            number = order.number or ""
            is_queued = (Operation.INSERT_ORDER, number) in self.world.late_effects
            if id <= checkpoint.head and not self.world.inserted[number] and not is_queued:
                record = checkpoint.records.get(id)
                assert (
                    (record is not None and record.is_open)
                    or any(first <= id <= last for first, last in checkpoint.rescans)
                    or any(gap.holds(id) for gap in checkpoint.gaps)
                )

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
            assert record.attempts <= self.world.faulty[number]
            assert (record.status is Status.EXHAUSTED) == (record.attempts >= _MAX_ATTEMPTS)

    def _retry_exhausted(self) -> None:
        checkpoint = self.disk.read()
        for record in list(checkpoint.records.values()):
            if record.status is Status.EXHAUSTED:
                checkpoint.put(record.with_(status=Status.FAILED, attempts=0))
        self.disk.write(checkpoint)

    def teardown(self) -> None:
        """All is well again, a person retries what was given up: then nothing may be missing."""
        while self.uncommitted:
            self.commit(0, True, False)
        for id in self.world.rows:
            self.world.authorize(id)
        self.world.queue_works()
        for _ in range(2):  # what a lie was found out for at its last attempt is given up only now
            self._retry_exhausted()
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
PromiseTest.settings = settings(max_examples=200, stateful_step_count=20, deadline=None)
