"""The course of a day: tick by tick, with each fault at its time."""

import random
import re
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

import sqlalchemy as sa

from tests.parts.abacos import Mood
from tests.parts.judge import Seen
from tests.parts.mariadb import MariaDB
from tests.parts.processes import wait_until
from tests.parts.world import Run
from tests.torture.day.ills import Course, patients
from tests.torture.day.monitor import ASKED, KEEP_BOOTED, Crash, Monitor
from tests.torture.day.sales import PERIOD, Sale, Size, sales
from tests.torture.day.shop import Shop
from tests.torture.day.verdict import Result, Wait, doubled, lost, waits

#: Cycles after the day within which nothing may be left.
_CATCH_UP = 60

#: In so many parts of a day Rails stays booted on the node and does not, in turns.
_STRETCHES = 8

#: The crashes of a day, in their order; a small one takes the first three.
_CRASHES = (
    Crash.INSERTION_DONE,
    Crash.RAKE_INSERTION_DONE,
    Crash.ANYWHERE,
    Crash.CONFIRMATION_DONE,
    Crash.ANYWHERE,
    Crash.INSERTION_BEGUN,
    Crash.RAKE_INSERTION_BEGUN,
    Crash.ANYWHERE,
    Crash.INSERTION_DONE,
    Crash.ANYWHERE,
)


class Day:
    """`whole` runs it, once."""

    def __init__(
        self,
        monitor: Monitor,
        mariadb: MariaDB,
        size: Size,
        seed: int,
        say: Callable[[str], None],
        *,
        is_ill: bool,
    ) -> None:
        self._monitor = monitor
        self._mariadb = mariadb
        self._judge = monitor.abacos.judge
        self._size = size
        self._seed = seed
        self._say = say
        self._chance = random.Random(seed)
        self._midnight = datetime.now(UTC)
        self._started = time.monotonic()
        good = sales(size, seed)
        self._patients = patients(size, good[-1].number + 1, seed)
        hanging = self._patients.hanging if is_ill else ()
        self._shop = Shop(
            monitor.front, self._judge, [*good, *hanging], self._midnight, size.seconds
        )
        ills = Course(size, self._patients, self._shop, monitor)
        self._ills = ills if is_ill else None
        self._tick = 0
        self._database_is_up = True
        self._attended = True
        self._faults = deque(sorted(self._planned(), key=lambda fault: fault[0]))
        self._crashes = 0
        self._head = 0
        self._first: dict[int, int] = {}
        self._last: dict[int, int] = {}
        self._idle: set[int] = set()
        self._hurt: set[int] = set()
        self._unattended: set[int] = set()
        self._problems: list[str] = []

    def whole(self) -> Result:
        """The day, and what has to be caught up afterwards."""
        self._command("init", "--from-start")
        try:
            while self._tick < self._size.cycles:
                self._next()
                if self._tick % max(1, self._size.cycles // 24) == 0:
                    self._tell()
            while "nothing to do" not in self._next() or not self._shop.is_done:
                if self._tick > self._size.cycles + _CATCH_UP:
                    self._problems.append(f"orders are left {_CATCH_UP} cycles after the day")
                    break
            self._tell()
            self._leave()
            return self._result()
        finally:
            self._shop.close()

    def _planned(self) -> Iterator[tuple[int, Callable[[], bool]]]:
        """Each fault with the first tick at which it may happen. It says whether it did; else it is
        tried again at the next."""
        size = self._size
        taken = {*size.outage, *range(size.restart, size.restart + 2)}
        taken |= set(range(size.failover, size.failover + size.unattended + 1))
        taken |= {*size.ills.refuses, size.ills.deploy}
        free = [tick for tick in range(2, size.cycles - 1) if tick not in taken]
        share = len(free) / size.crashes
        for at, crash in enumerate(_CRASHES[: size.crashes]):
            tick = free[int((at + self._chance.uniform(0, 0.5)) * share)]
            yield tick, partial(self._crash, crash)
        yield size.restart, self._restart
        yield size.failover, self._die
        yield size.failover + size.unattended, self._take_over
        if self._ills is not None:
            yield size.ills.deploy, self._deploy

    def _next(self) -> str:
        """The shop's next two minutes; then a cycle, or what happens to it. What it printed."""
        self._tick += 1
        stretch = self._tick * _STRETCHES // self._size.cycles
        self._monitor.keep_booted(stretch % 2 == 0 or self._tick > self._size.cycles)
        now = self._tick * PERIOD
        self._monitor.ahead = round(now - (time.monotonic() - self._started))
        if not self._database_is_up:
            run = self._monitor.once()
            self._expect(run, 75)
            self._mariadb.start()
            self._database_is_up = True
            self._hurt.add(self._tick)
            return run.stderr
        self._shop.advance(now)
        if self._ills is not None:
            self._ills.at(self._tick, self._head)
        self._monitor.states = self._shop.states()
        for row in self._shop.visible():
            if row.is_missing:
                self._first.setdefault(row.sale.number, self._tick)
        self._outage()
        refuses = self._ills is not None and self._tick in self._size.ills.refuses
        is_down = self._tick in self._size.outage
        printed = ""
        if not is_down and not refuses and self._faults and self._faults[0][0] <= self._tick:
            if self._faults[0][1]():
                self._faults.popleft()
        elif self._attended:
            run = self._monitor.once()
            # Before three orders are refused, that is their own fault.
            self._expect(run, *((75,) if is_down else (0, 75) if refuses else (0,)))
            printed = run.stderr
        if is_down or refuses:
            self._idle.add(self._tick)
        elif not self._attended:
            self._unattended.add(self._tick)
        for number in self._judge.numbers(Seen.INSERTED):
            self._last.setdefault(int(number), self._tick)
        return printed

    def _outage(self) -> None:
        """Abacos refuses, then says nothing but errors; then the node's sshd is down."""
        outage, monitor = self._size.outage, self._monitor
        step = len(outage) // 3
        if self._tick == outage.start:
            self._shop.abacos_is_up = False
            monitor.abacos.down()
        if self._tick == outage.start + step:
            monitor.abacos.up()
            monitor.abacos.behave(Mood.ERROR)
        if self._tick == outage.start + 2 * step:
            monitor.sshd.stop()
            monitor.abacos.work()
            self._shop.abacos_is_up = True
        if self._tick == outage.stop:
            monitor.sshd.start()

    def _crash(self, crash: Crash) -> bool:
        run = self._monitor.killed(crash, self._chance)
        came = run.was_hurt
        if run.ended is not None:
            self._expect(run.ended, 0, *([75] if came else []))
        if came:
            self._crashes += 1
            self._hurt.add(self._tick)
        self._node_is_free()
        return came

    def _restart(self) -> bool:
        """The server is killed while a cycle is at work; the next cycle finds it down."""
        process = self._monitor.held(ASKED)
        came = process.poll() is None
        if came:
            self._mariadb.kill()
            self._shop.database_is_gone()
            self._database_is_up = False
            self._hurt.add(self._tick)
        # What was read before it was held is read again, which the database may not answer.
        self._expect(self._monitor.let_go(process), 0, 75)
        return came

    def _die(self) -> bool:
        """The first monitor is killed in the middle of an order, and its disk is gone."""
        run = self._monitor.killed(Crash.INSERTION_DONE, self._chance)
        if not run.was_hurt:
            return False
        self._hurt.add(self._tick)
        self._node_is_free()
        shutil.rmtree(self._monitor.state)
        self._attended = False
        return True

    def _take_over(self) -> bool:
        """Another one begins where no order can change any more, as docs/standby.md says."""
        age = timedelta(seconds=self._tick * PERIOD - self._size.look_back)
        orders = self._monitor.front.orders
        oldest = sa.select(sa.func.max(orders.c.id)).where(
            orders.c.created_at < (self._midnight + age).replace(tzinfo=None)
        )
        with self._monitor.front.engine.connect() as connection:
            head = connection.scalar(oldest)
        self._monitor.state = self._monitor.state.with_name("second")
        self._head = 0
        self._command("init", *(["--from-start"] if head is None else ["--head", str(head)]))
        self._attended = True
        self._hurt.add(self._tick)
        return True

    def _deploy(self) -> bool:
        """Another release is put in place while a cycle is at work, and a second monitor begins."""
        process = self._monitor.held(ASKED)
        came = process.poll() is None
        if came:
            self._monitor.deploy()
            second = self._monitor.second(self._head - 1)
            self._expect(second, 75)
            if "another monitor works on" not in second.stderr:
                self._problems.append(f"a second monitor over a deploy: {second.stderr}")
        self._expect(self._monitor.let_go(process), 0)
        return came

    def _node_is_free(self) -> None:
        """In the two minutes until the next cycle, the node ends what nobody listens to."""
        wait_until(lambda: not self._monitor.sshd.busy(), "the node to end a lost session")

    def _leave(self) -> None:
        """A last session, which leaves a booted Rails behind; it ends by itself."""
        self._monitor.keep_booted(True)
        self._monitor.run("check", "node")
        if not self._monitor.is_left():
            self._problems.append("no Rails stayed booted after the last session")
        try:
            wait_until(lambda: not self._monitor.is_left(), "nothing", KEEP_BOOTED + 5)
        except TimeoutError:
            self._problems.append(f"left on the node: {self._monitor.sshd.running()}")

    def _command(self, *words: str) -> None:
        run = self._monitor.run(*words)
        assert run.exit_code == 0, run.stderr

    def _expect(self, run: Run, *codes: int) -> None:
        if run.exit_code not in codes or "Traceback" in run.stderr:
            self._problems.append(f"tick {self._tick}, exit {run.exit_code}: {run.stderr}")
        for head in map(int, re.findall(r"HEAD is (\d+)$", run.stderr, re.MULTILINE)):
            if head < self._head:
                self._problems.append(f"tick {self._tick}: HEAD fell from {self._head} to {head}")
            self._head = head

    def _tell(self) -> None:
        hours, minutes = divmod(self._tick * PERIOD // 60, 60)
        seconds = time.monotonic() - self._started
        self._say(
            f"{hours:02}:{minutes:02}  {len(self._shop.rows)} orders,"
            f" {self._judge.inserted_count()} inserted by us, {self._crashes} crashes;"
            f" {seconds:.0f} s of real time"
        )

    def _result(self) -> Result:
        rows, judge, shop = self._shop.visible(), self._judge, self._shop
        self._problems += self._left()
        patients = self._patients
        some = [
            Wait(number, first, self._last[number])
            for number, first in self._first.items()
            if number in self._last
        ]
        good = [wait for wait in some if wait.number not in patients.numbers]
        outage = [wait for wait in good if wait.inside(self._idle)]
        failover = [wait for wait in good if wait.inside(self._unattended)]
        well = [wait for wait in good if wait not in outage and wait not in failover]
        longest = max(good, key=lambda wait: wait.cycles)
        lost_ones, doubled_ones = lost(rows, judge), doubled(rows, shop.deleted, judge)
        table = {
            "seed": self._seed,
            "cycles of 120 s": f"{self._tick}, in {time.monotonic() - self._started:.0f} s",
            "the longest cycle": f"{self._monitor.longest:.1f} s",
            "orders in the Front": len(rows),
            "committed late; rolled back": f"{shop.late}; {shop.rolled_back}",
            "fell through": len(self._first),
            "inserted by us": judge.inserted_count(),
            "brought by us before the shop's own queue was": shop.overtaken,
            "crashes": self._crashes,
            "sessions with the node; boots of Rails": f"{self._monitor.sshd.logins()};"
            f" {len(self._monitor.node.boots())}",
            "cycles that found the node or Abacos down, or every insertion refused": len(
                self._idle
            ),
            "cycles without a monitor": len(self._unattended),
            "lost": len(lost_ones),
            "doubled": len(doubled_ones),
            "wait of those that hung": waits(_of(some, patients.hanging)),
            "wait of those that were committed late, many at once": waits(_of(some, patients.bulk)),
            "wait of the one with another's id": waits(_of(some, [patients.reusing])),
            "wait of the other missing orders": waits(good),
            "of these, while all was well": waits(well),
            "through the outages": waits(outage),
            "through the failover": waits(failover),
            "the longest wait": f"{longest.cycles} cycles, {longest.inside(self._idle)} of them"
            f" outages, {longest.inside(self._unattended)} without a monitor",
        }
        bad = self._idle | self._unattended | self._hurt
        return Result(
            self._seed,
            tuple((what, str(how)) for what, how in table.items()),
            {wait.number: wait.cycles - wait.inside(bad) for wait in good},
            tuple(lost_ones),
            tuple(doubled_ones),
            tuple(self._problems),
        )

    def _left(self) -> Iterator[str]:
        """What did not happen, and what is charged to an order that was never sick, or left."""
        for fault in self._faults:
            yield f"the fault of tick {fault[0]} never happened"
        refuses, ills = self._size.ills.refuses, self._ills
        sick = set(self._patients.numbers)
        if ills is not None:
            if not ills.is_over:
                yield "no id was given to another order"
            # The first two that are refused are: that may be their own fault.
            sick |= {
                number
                for number, first in self._first.items()
                if first < refuses.stop and self._last.get(number, 0) >= refuses.start
            }
        for record in self._monitor.orders():
            is_charged = record["attempts"] and int(record["number"]) not in sick
            if is_charged or record["status"] in ("FAILED", "EXHAUSTED"):
                yield f"charged or left: {record}"


def _of(some: Iterable[Wait], sales: Iterable[Sale]) -> list[Wait]:
    numbers = {sale.number for sale in sales}
    return [wait for wait in some if wait.number in numbers]
