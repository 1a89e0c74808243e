"""The ground that cycles are tortured on: a real world, fresh orders each time, and the verdict."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ordermonit.checkpoint import Checkpoint, decode
from ordermonit.model import Status
from tests.parts.databases import sqlite
from tests.parts.front import FIRST_NUMBER, Front
from tests.parts.judge import Seen
from tests.parts.world import World
from tests.torture.points import TARGETS, Point, points, was_hit, watching
from tests.torture.zygote import Command, Ended, Zygote

CHECKS = {
    "order_exists": "Abacos::OrderAPI.order_exists?(number)",
    "payment_confirmed": "Abacos::PaymentAPI.confirmed?(number)",
}

#: Clean cycles after which nothing may be left to do.
CLEAN_CYCLES = 3


@dataclass(frozen=True, slots=True)
class Hurt:
    """What one point did: whether the cycle came to it, how it ended, and what is wrong."""

    point: Point
    hit: bool
    exit_code: int
    problems: tuple[str, ...]


class Ground:
    """A world, a state directory with a checkpoint, and every kind of order in each cycle: due, to
    be inserted and confirmed, there already, to be inserted and paid for later."""

    def __init__(self, world: World, zygote: Zygote, directory: Path) -> None:
        self.world = world
        self._zygote = zygote
        self._directory = directory
        self._next = FIRST_NUMBER
        self._unpaid: int | None = None
        world.configure("integration_server", checks=CHECKS, connect_timeout=3, task_timeout=10)
        world.configure("service", running_cycle=4, downtime_wait=0.1)

    def run(self, *words: str, strace: tuple[str, ...] = (), now: float | None = None) -> Ended:
        """One command of the program, to its end."""
        command = Command(
            ("--config", str(self.world.config), "--state", str(self.world.state), *words),
            self.world.environment(),
            str(self.world.home),
            str(self._directory / "output"),
            strace,
            now,
        )
        return self._zygote.run(command)

    def begin(self) -> None:
        """A checkpoint, and one cycle's worth of history."""
        ended = self.run("init", "--from-start")
        assert ended.exit_code == 0, ended.output
        self.fresh_orders()
        self.clean()
        assert not self.lost_or_doubled()

    def fresh_orders(self) -> None:
        """The order that was unpaid becomes payable, and three new ones appear."""
        front, missing = self.world.front, self._next
        if self._unpaid is not None:
            front.set_state("authorized", [self._unpaid])
        front.add(missing, "authorized")
        front.add(missing + 1, "authorized")
        front.add(missing + 2, "waiting_payment")
        judge = self.world.abacos.judge
        judge.hold([missing + 1])
        judge.note(Seen.CONFIRMED, str(missing + 1))  # by the shop itself
        self._unpaid = missing + 2
        self._next += 3
        self.world.node.know(front.states())

    @property
    def newest_missing(self) -> int:
        """The authorized order among the newest ones that Abacos lacks."""
        return self._next - 3

    def checkpoint(self) -> Checkpoint:
        """As it is on disk. Raises CheckpointError where it is damaged."""
        return decode((self.world.state / "checkpoint").read_bytes(), "checkpoint")

    def traces(self) -> dict[str, str]:
        """A clean cycle's trace for each target."""
        found = {}
        for target in TARGETS:
            self.fresh_orders()
            trace = self._directory / "trace"
            ended = self.run("cycle", strace=watching(target, self.world.state, trace))
            assert ended.exit_code == 0, ended.output
            found[target.name] = trace.read_text()
        return found

    def points(self) -> list[Point]:
        """Every point of a cycle."""
        return points(self.traces())

    def clean(self) -> str:
        """Cycles until nothing is left; the last one's output."""
        for _ in range(CLEAN_CYCLES):
            ended = self.run("cycle")
            assert ended.exit_code == 0, ended.output
            if not self._left():
                return ended.output
        raise AssertionError(f"orders are left after {CLEAN_CYCLES} clean cycles: {self._left()}")

    def _left(self) -> list[str]:
        checkpoint = self.checkpoint()
        newest = self.world.front.newest_id()
        left = [
            f"{r.number} {r.status} {r.reason}"
            for r in checkpoint.records.values()
            if r.status is Status.FAILED or (r.is_due and r.number != str(self._unpaid))
        ]
        return left + [f"HEAD {checkpoint.head}"] * (checkpoint.head != newest)

    def hurt(self, point: Point) -> Hurt:
        """One cycle that meets the point, then clean ones; what was lost, doubled or unseemly."""
        before = self.checkpoint().head
        self.fresh_orders()
        trace = self._directory / "trace"
        ended = self.run("cycle", strace=point.strace(self.world.state, trace))
        hit = was_hit(point, trace.read_text())
        problems = [*self._ending(point, ended, hit), *self._torn(before)]
        try:
            self.clean()
        except AssertionError as problem:
            problems.append(str(problem))
        problems += self.lost_or_doubled()
        return Hurt(point, hit, ended.exit_code, tuple(problems))

    def _ending(self, point: Point, ended: Ended, hit: bool) -> Iterator[str]:
        expected = point.target.exits if hit else frozenset({0})
        if hit and point.kills:
            expected = frozenset({-9})
        if ended.exit_code not in expected:
            yield f"exit {ended.exit_code}, expected {set(expected)}: {ended.output}"
        if "Traceback" in ended.output or "a defect of ordermonit" in ended.output:
            yield f"a traceback: {ended.output}"

    def _torn(self, head_before: int) -> Iterator[str]:
        """The checkpoint is whole, HEAD has not fallen, and no task was run without its intent."""
        checkpoint = self.checkpoint()
        if checkpoint.head < head_before:
            yield f"HEAD fell from {head_before} to {checkpoint.head}"
        sent = {r.number for r in checkpoint.records.values() if r.sent}
        judge = self.world.abacos.judge
        for number in (self.newest_missing, self.newest_missing + 2):
            if judge.inserted_count(number) and str(number) not in sent:
                yield f"order {number} was inserted without a durable intent"

    def lost_or_doubled(self) -> list[str]:
        """The judge's verdict on every order so far."""
        judge, found = self.world.abacos.judge, []
        confirmable = set(range(FIRST_NUMBER, self._next)) - {self._unpaid}
        for number in range(FIRST_NUMBER, self._next):
            if not judge.has(number):
                found.append(f"lost: order {number} is not in Abacos")
            if number in confirmable and not judge.confirmed_count(number):
                found.append(f"lost: order {number} is not confirmed")
            if judge.inserted_count(number) > 1 or judge.double_insert_count(number):
                found.append(f"doubled: order {number} was inserted twice")
            if judge.confirmed_count(number) > (number in confirmable):
                found.append(f"doubled: order {number} was confirmed too often")
        return found


@contextmanager
def ground(directory: Path) -> Iterator[Ground]:
    """A new ground in this directory, with its first orders integrated."""
    inner = directory / "world"
    inner.mkdir(parents=True)
    front = Front(sqlite(directory / "front.sqlite3"))
    with World(inner, front) as world, Zygote() as zygote:
        made = Ground(world, zygote, directory)
        made.begin()
        yield made
