"""The promise, attacked by machine: whatever fails, in the end each order is in Abacos once.

The real work loop, journeys, plan and checkpoint are driven against a world in memory (world.py).
"""

from collections import deque
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ordermonit.errors import Unavailable
from ordermonit.orders.model import Operation, Order, Reason, Status
from ordermonit.orders.ranges import merged
from ordermonit.state.checkpoint import Checkpoint
from tests.cycle.world import Crash, Disk, Fault, World, configuration, cycle

_FAULTS = st.lists(st.sampled_from(list(Fault)), max_size=12)
_WRITE_FAULTS = st.lists(
    st.sampled_from([Fault.NONE] * 6 + [Fault.CRASH, Fault.CRASH_AFTER_EFFECT]), max_size=8
)
_MAX_ATTEMPTS = 3
_VERIFY_WITHIN = 600
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


class Promise(RuleBasedStateMachine):
    """Orders appear in any commit order, vanish, and leave their ids and numbers to others;
    operations and writes fail in every way."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(ignored_states=frozenset({"cart"}))
        self.disk = Disk(Checkpoint(0).encode())
        self.uncommitted: list[int] = []
        self.next_id = 1
        self.ours: set[str] = set()
        self.born = 0  # each order has a time of its own
        self.numbers: dict[datetime, list[str]] = {}  # all that an order ever had
        self.hidden: dict[int, Order] = {}
        self.unseen: set[int] = set()  # ids that were given again, or are back
        self.anchor: int | None = None  # one order that is always there
        self.is_queue_slow = False  # it may bring later what a task said was done

    @initialize(
        checks=st.sampled_from(
            [
                frozenset({Operation.ORDER_EXISTS, Operation.PAYMENT_CONFIRMED}),
                frozenset({Operation.ORDER_EXISTS}),
                frozenset[Operation](),
            ]
        ),
        verify_within=st.sampled_from([0, _VERIFY_WITHIN]),
    )
    def configure(self, checks: frozenset[Operation], verify_within: int) -> None:
        self.world.checks = checks
        self.is_queue_slow = verify_within > 0
        self.configuration = configuration(
            checks,
            max_attempts=_MAX_ATTEMPTS,
            verify_within=verify_within,
            ignored_states=self.world.ignored_states,
        )

    @rule(step=st.integers(1, 4))
    def begin(self, step: int) -> None:
        self.next_id += step
        self.uncommitted.append(self.next_id)

    @rule(at=st.integers(0, 20), authorized=st.booleans(), by_shop=st.booleans())
    def commit(self, at: int, authorized: bool, by_shop: bool) -> None:
        if self.uncommitted:
            id = self.uncommitted.pop(at % len(self.uncommitted))
            self._sell(id, "authorized" if authorized else "waiting_payment", by_shop)

    def _sell(self, id: int, state: str, by_shop: bool) -> None:
        self.born += 1
        number, born = f"N{id}-{self.born}", _BEGIN + timedelta(seconds=self.born)
        self.world.rows[id] = Order(id, number, state, born)
        self.numbers[born] = [number]
        if by_shop:
            self.world.inserted[number] += 1
        else:
            self.ours.add(number)

    @rule()
    def commit_a_bulk(self) -> None:
        while self.uncommitted:
            self.commit(0, True, False)

    @rule(at=st.integers(0, 20))
    def commit_a_cart(self, at: int) -> None:
        if self.uncommitted:
            self._sell(self.uncommitted.pop(at % len(self.uncommitted)), "cart", False)

    @rule(days=st.integers(1, 99))
    def pause(self, days: int) -> None:
        self.world.later += days * 86400

    def _others(self) -> list[int]:
        """Rows that may vanish: one that was passed stays, or it would be another database."""
        if self.anchor is None:
            known = self.disk.read().records.keys() & self.world.rows.keys()
            self.anchor = min(known, default=None)
        return [id for id in sorted(self.world.rows) if id > (self.anchor or id)]

    @rule(many=st.integers(1, 3), again=st.integers(0, 3))
    def delete_the_newest_and_give_their_ids_again(self, many: int, again: int) -> None:
        """As a restart of InnoDB does before 8.0."""
        self.unhide()
        for id in self._others()[-many:]:
            del self.world.rows[id]
        if not self.uncommitted and self.world.rows:
            self.next_id = max(self.world.rows)
            for _ in range(again):
                self.next_id += 1
                self.unseen.add(self.next_id)
                self._sell(self.next_id, "authorized", False)
        self.unseen |= set(range(max(self.world.rows, default=0), self.disk.read().head + 1))

    @rule(many=st.integers(1, 3))
    def hide_the_newest(self, many: int) -> None:
        """As a copy that is behind."""
        for id in self._others()[-many:]:
            self.hidden[id] = self.world.rows.pop(id)

    @rule(at=st.integers(0, 20))
    def hide(self, at: int) -> None:
        if others := self._others():
            id = others[at % len(others)]
            if self.world.rows[id].state != "cart":
                self.hidden[id] = self.world.rows.pop(id)

    @rule()
    def unhide(self) -> None:
        self.unseen |= self.hidden.keys()
        self.world.rows |= self.hidden
        self.hidden.clear()

    @rule(at=st.integers(0, 20))
    def correct_a_number(self, at: int) -> None:
        records = self.disk.read().records
        rows = [self.world.rows[id] for id in sorted(self.world.rows) if id in records]
        rows = [row for row in rows if records[row.id].is_open and row.number in self.ours]
        if rows:
            row = rows[at % len(rows)]
            assert row.created_at is not None
            assert row.number is not None
            names = self.numbers[row.created_at]
            names.append(f"{names[0]}.{len(names)}")
            self.ours.add(names[-1])
            self.world.rows[row.id] = replace(row, number=names[-1])

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
            for row in (self.world.rows[id] for id in closed if asked[0] <= id <= asked[1]):
                assert row.created_at is not None
                for number in self.numbers[row.created_at]:
                    self.world.inserted[number] = self.world.confirmed[number] = 0
                    self.ours.add(number)
            checkpoint.rescans = merged([*checkpoint.rescans, asked])
            self.disk.write(checkpoint)

    @rule(faults=_FAULTS, write_faults=_WRITE_FAULTS)
    def cycle(self, faults: list[Fault], write_faults: list[Fault]) -> None:
        if not self.is_queue_slow:
            self.world.queue_works()
        self.world.faults = deque(faults)
        self.disk.faults = deque(write_faults)
        try:
            self._cycle()
        except Crash:
            self.world.queue_works()  # what it said of that is in no record
            self._note_lost_confirmation()
        except Unavailable:
            pass
        finally:
            self.world.faults.clear()
            self.disk.faults.clear()

    @rule()
    def the_queue_works(self) -> None:
        self.world.queue_works()

    @rule()
    def verify_within_passes(self) -> None:
        """The queue is quicker than that."""
        self.world.queue_works()
        self.disk.age(_VERIFY_WITHIN)

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
            if id in self.unseen or self._times_inserted(order):
                continue
            if id <= checkpoint.head and not self.world.inserted[number] and not is_queued:
                record = checkpoint.records.get(id)
                assert (
                    (record is not None and record.is_open)
                    or any(first <= id <= last for first, last in checkpoint.rescans)
                    or any(gap.holds(id) for gap in checkpoint.gaps)
                    or id in checkpoint.ignored
                )

    def _times_inserted(self, order: Order) -> int:
        assert order.created_at is not None
        return sum(self.world.inserted[number] for number in self.numbers[order.created_at])

    @invariant()
    def each_is_there_under_one_number_only(self) -> None:
        for numbers in self.numbers.values():
            assert sum(self.world.inserted[number] for number in numbers) <= 1

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
            names = [some for some in self.numbers.values() if record.number in some]
            assert record.attempts <= sum(self.world.faulty[n] for some in names for n in some)
            assert (record.status is Status.EXHAUSTED) == (record.attempts >= _MAX_ATTEMPTS)

    def _retry_exhausted(self) -> None:
        checkpoint = self.disk.read()
        for record in list(checkpoint.records.values()):
            if record.status is Status.EXHAUSTED:
                checkpoint.put(record.with_(status=Status.FAILED, attempts=0))
        self.disk.write(checkpoint)

    def _correct_numbers(self) -> None:
        """What Abacos has, or may have, under an old number, gets that back."""
        for record in self.disk.read().records.values():
            row = self.world.rows.get(record.id)
            if record.reason is Reason.NUMBER_CHANGED and row is not None:
                assert row.created_at is not None
                numbers = self.numbers[row.created_at]
                there = [number for number in numbers if self.world.inserted[number]]
                self.world.rows[row.id] = replace(row, number=(there or numbers)[0])

    def teardown(self) -> None:
        """All is well again, a person retries what was given up: then nothing may be missing."""
        self.unhide()
        self.commit_a_bulk()
        self._sell(self.next_id + 1, "authorized", False)
        for id in self.world.rows:
            self.world.authorize(id)
        self.world.queue_works()
        for _ in range(2):  # what a lie was found out for at its last attempt is given up only now
            self._retry_exhausted()
            self._correct_numbers()
            self.disk.age(_VERIFY_WITHIN)
            while self._cycle():
                self.nothing_is_doubled()
        for order in self.world.rows.values():
            assert order.number is not None
            assert self._times_inserted(order) == 1
            if self.world.inserted[order.number] and order.number in self.ours:
                assert self.world.confirmed[order.number] >= 1
        assert self.disk.read().head >= max(self.world.rows, default=0)
        self.nothing_is_doubled()


PromiseTest: Any = Promise.TestCase
PromiseTest.settings = settings(max_examples=200, stateful_step_count=20, deadline=None)
