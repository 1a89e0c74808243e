"""The ground that commands are tortured on: a real world, new orders each time, the verdict."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

from ordermonit.errors import CheckpointError
from ordermonit.orders.model import InsertedBy, Reason, Record, Status
from ordermonit.state.checkpoint import Checkpoint, decode
from ordermonit.state.directory import State
from tests.parts.age import age
from tests.parts.databases import sqlite
from tests.parts.front import FIRST_NUMBER, Front
from tests.parts.judge import Seen
from tests.parts.processes import Server
from tests.parts.world import World
from tests.torture.points import Point, points, was_hit, watching
from tests.torture.zygote import Command, Ended, Zygote

CHECKS = {
    "order_exists": "Abacos::OrderAPI.order_exists?(number)",
    "payment_confirmed": "Abacos::PaymentAPI.confirmed?(number)",
}

_NODE = Path(__file__).parent / "node"

#: Clean cycles after which nothing may be left to do.
CLEAN_CYCLES = 4

#: Seconds.
_TASK_TIMEOUT = 10


class Fate(Enum):
    """How an order has to stand in the end."""

    CONFIRMED = "in Abacos, and confirmed once"
    UNPAID = "in Abacos, and not confirmed"
    NEVER = "not in Abacos"


@dataclass(frozen=True, slots=True)
class Scene:
    """One command in one situation. `prepare` makes the situation on a new ground; `mend` removes
    the causes of trouble before the clean cycles. `rewinds` where HEAD may fall."""

    name: str
    prepare: "Callable[[Ground], None]"
    words: tuple[str, ...] = ("cycle",)
    exit: int = 0
    mend: "Callable[[Ground], None]" = lambda ground: None
    rewinds: bool = False


@dataclass(frozen=True, slots=True)
class Hurt:
    """What one point did: whether the command came to it, how it ended, and what is wrong."""

    scene: str
    point: Point
    hit: bool
    exit_code: int
    problems: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.scene}:{self.point}: {'; '.join(self.problems) or 'well'}"


class Ground:
    """A world, and the orders of one round, each with its fate."""

    def __init__(self, world: World, zygote: Zygote, directory: Path) -> None:
        self.world = world
        self._zygote = zygote
        self._directory = directory
        self._next = FIRST_NUMBER
        self.fates: dict[int, Fate] = {}
        self.state = State(world.state)
        world.configure(
            "integration_server", checks=CHECKS, connect_timeout=3, task_timeout=_TASK_TIMEOUT
        )
        self.usual()
        self.add("authorized", held=True)  # so that the Front has a newest order

    def usual(self) -> None:
        """Cycles that have a little time, and a downtime that is soon over."""
        limits = {"max_attempts": 3, "verify_within": 0}
        self.world.configure("service", running_cycle=4, downtime_wait=0.02, **limits)

    def run(
        self,
        *words: str,
        strace: tuple[str, ...] = (),
        now: float | None = None,
        far: bool = False,
    ) -> Ended:
        """One command of the program, to its end. `far`: its node is behind SSH."""
        command = Command(
            words,
            self.world.environment(),
            str(self.world.home),
            str(self._directory / "output"),
            strace,
            now,
            None if far else str(self._directory / "rake"),
        )
        return self._zygote.run(command)

    def anew(self) -> None:
        """A new checkpoint at the newest order: what was before is no part of this round."""
        shutil.rmtree(self.world.state)
        self.world.state.mkdir()
        self.fates = {}
        for _ in range(2):  # the second makes the first one the predecessor
            self.state.write(Checkpoint(self.world.front.newest_id()))

    def add(
        self,
        state: str,
        fate: Fate = Fate.CONFIRMED,
        *,
        held: bool = False,
        inserted: bool = False,
        id: int | None = None,
    ) -> int:
        """One more order, which the shop itself integrated (`held`), or we (`inserted`), or nobody;
        its number."""
        number, judge = self._next, self.world.abacos.judge
        self._next += 1
        self.world.front.add(number, state, id=id)
        self.fates[number] = fate
        if held:
            judge.hold([number])
            if fate is Fate.CONFIRMED:
                judge.note(Seen.CONFIRMED, str(number))
        if inserted:
            judge.note(Seen.INSERTED, str(number))
        return number

    def record(self, number: int, status: Status, reason: Reason, **columns: Any) -> None:
        """Put a record of ours for this order into the checkpoint."""
        id, now = self.world.front.newest_id(), datetime.now(UTC)
        record = Record(id, str(number), status, reason, now, now, inserted_by=InsertedBy.US).with_(
            **columns
        )
        self.change(lambda checkpoint: checkpoint.put(record))

    def change(self, how: Callable[[Checkpoint], None]) -> None:
        """Change the checkpoint, as an earlier cycle would have."""
        checkpoint = self.checkpoint()
        how(checkpoint)
        self.state.write(checkpoint)

    def checkpoint(self) -> Checkpoint:
        """As it is on disk. Raises CheckpointError where it is damaged or missing."""
        file = self.world.state / "checkpoint"
        return decode(file.read_bytes() if file.exists() else b"", "checkpoint")

    def points(self, scene: Scene) -> list[Point]:
        """Every point of this scene."""
        trace = self._directory / "trace"
        self.begin(scene)
        ended = self.run(*scene.words, strace=watching(trace), far=True)
        assert ended.exit_code == scene.exit, ended.output
        found = points(trace.read_text(), self.world.state)
        scene.mend(self)
        self.clean()
        assert not self.lost_or_doubled()
        return found

    def begin(self, scene: Scene) -> None:
        """A new round, in this scene's situation."""
        self.anew()
        scene.prepare(self)
        self.world.node.know(self.world.front.states())

    def clean(self) -> None:
        """Cycles until nothing is left. Raises AssertionError where they don't get there."""
        self.world.node.know(self.world.front.states())
        for _ in range(CLEAN_CYCLES):
            ended = self.run("cycle")
            assert ended.exit_code == 0, f"a clean cycle: exit {ended.exit_code}: {ended.output}"
            if any(r.status is Status.EXHAUSTED for r in self.checkpoint().records.values()):
                again = self.run("retry", "--exhausted")
                assert again.exit_code == 0, again.output
            elif not self._left():
                return
            self.change(lambda checkpoint: age(checkpoint, _TASK_TIMEOUT))  # what rests, has rested
        raise AssertionError(f"orders are left after {CLEAN_CYCLES} clean cycles: {self._left()}")

    def _left(self) -> list[str]:
        checkpoint = self.checkpoint()
        newest = self.world.front.newest_id()
        unpaid = {str(number) for number, fate in self.fates.items() if fate is Fate.UNPAID}
        left = [
            f"{r.number} {r.status} {r.reason}"
            for r in checkpoint.records.values()
            if r.status is Status.FAILED or (r.is_due and r.number not in unpaid)
        ]
        return left + [f"HEAD {checkpoint.head}"] * (checkpoint.head != newest)

    def hurt(self, scene: Scene, point: Point) -> Hurt:
        """The command that meets the point, then clean cycles; what was lost, doubled or
        unseemly."""
        self.begin(scene)
        head, inserted = self._head(), self._inserted()
        trace = self._directory / "trace"
        strace = point.strace(self.world.state, trace)
        ended = self.run(*scene.words, strace=strace, far=not point.target.files)
        hit = was_hit(point, trace.read_text())
        problems = [*self._ending(scene, point, ended, hit)]
        if not scene.rewinds:
            problems += self._torn(head, inserted)
        try:
            scene.mend(self)
            self.clean()
        except (AssertionError, CheckpointError) as problem:
            problems.append(f"no way back: {problem}")
        problems += self.lost_or_doubled()
        return Hurt(scene.name, point, hit, ended.exit_code, tuple(problems))

    def _head(self) -> int:
        try:
            return self.checkpoint().head
        except CheckpointError:
            return 0

    def _ending(self, scene: Scene, point: Point, ended: Ended, hit: bool) -> Iterator[str]:
        expected = point.exits(scene.exit) if hit else frozenset({scene.exit})
        if ended.exit_code not in expected:
            yield f"exit {ended.exit_code}, expected {set(expected)}: {ended.output}"
        if "Traceback" in ended.output or "a defect of ordermonit" in ended.output:
            yield f"a traceback: {ended.output}"

    def _inserted(self) -> set[int]:
        judge = self.world.abacos.judge
        return {number for number in self.fates if judge.inserted_count(number)}

    def _torn(self, head_before: int, inserted_before: set[int]) -> Iterator[str]:
        """The checkpoint is whole, HEAD has not fallen, and no task was run without its intent."""
        try:
            checkpoint = self.checkpoint()
        except CheckpointError as problem:
            yield f"torn: {problem}"
            return
        if checkpoint.head < head_before:
            yield f"HEAD fell from {head_before} to {checkpoint.head}"
        sent = {
            r.number for r in checkpoint.records.values() if r.inserted_by is not InsertedBy.OTHERS
        }
        for number in self._inserted() - inserted_before:
            if str(number) not in sent:
                yield f"order {number} was inserted without a durable intent"

    def lost_or_doubled(self) -> list[str]:
        """The judge's verdict on every order of this round, and on doubling ever."""
        judge, found = self.world.abacos.judge, []
        for number, fate in self.fates.items():
            if judge.has(number) != (fate is not Fate.NEVER):
                found.append(f"lost: order {number} has to be {fate.value}")
            if judge.inserted_count(number) > 1 or judge.double_insert_count(number):
                found.append(f"doubled: order {number} was inserted twice")
            confirmed = judge.confirmed_count(number)
            if not confirmed and fate is Fate.CONFIRMED:
                found.append(f"lost: order {number} is not confirmed")
            if confirmed > (fate is Fate.CONFIRMED):
                found.append(f"doubled: order {number} was confirmed {confirmed} times")
        if judge.double_insert_count() and not found:
            found.append("doubled: an order of an earlier round")
        return found


@contextmanager
def ground(directory: Path) -> Iterator[Ground]:
    """A new ground in this directory."""
    inner = directory / "world"
    inner.mkdir(parents=True)
    front = Front(sqlite(directory / "front.sqlite3"))
    with World(inner, front) as world, _rake(directory) as rake, Zygote() as zygote:
        world.configure("integration_server", rake=rake)
        yield Ground(world, zygote, directory)


@contextmanager
def _rake(directory: Path) -> Iterator[str]:
    """The words for `rake` in the configuration: a rake that is there at once."""
    socket, server = directory / "rake", Server(directory / "rake.log")
    command = ["setpriv", "--pdeathsig", "KILL", "ruby", str(_NODE / "server.rb"), str(socket)]
    server.launch(command, socket.exists)
    try:
        yield f"ruby --disable-gems {_NODE / 'rake.rb'} {socket}"
    finally:
        server.kill()
