"""The world at a simulated time of day, and the ways in which a cycle is hurt."""

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from tests.parts.abacos import Mood
from tests.parts.front import Front
from tests.parts.judge import Seen
from tests.parts.processes import wait_until
from tests.parts.soap import Call
from tests.parts.world import PATIENCE, Run, World

#: Real seconds that Rails stays booted on the node, in the stretches of the day that keep it.
KEEP_BOOTED = 5

#: Real seconds of a cycle's `running_cycle` and `downtime_wait`: a sixtieth of the defaults.
RUNNING_CYCLE, DOWNTIME_WAIT = 2, 0.5

#: Real seconds: twice the part of the default, so that the tenth which a first try gets while
#: others hang is enough on a machine that has other work.
TASK_TIMEOUT = 10


@dataclass(frozen=True, slots=True)
class Hold:
    """Where an operation is held: Abacos behaves so at this call, and notes this."""

    mood: Mood
    call: Call
    seen: Seen


#: A question is under way: everything that the cycle wanted of the database has been read.
ASKED = Hold(Mood.SLOW, Call.EXISTS, Seen.ASKED)
_INSERTING = Hold(Mood.HANG, Call.INSERT, Seen.INSERT_CALL)
_INSERTED = Hold(Mood.STALL, Call.INSERT, Seen.INSERTED)
_CONFIRMED = Hold(Mood.STALL, Call.CONFIRM, Seen.CONFIRMED)


#: What Abacos says to every insertion and confirmation in its bad hour.
_REFUSAL = "banco de dados somente leitura"


class Crash(Enum):
    """Ways to die of SIGKILL."""

    ANYWHERE = auto()
    INSERTION_BEGUN = auto()
    INSERTION_DONE = auto()
    CONFIRMATION_DONE = auto()
    RAKE_INSERTION_BEGUN = auto()
    RAKE_INSERTION_DONE = auto()

    @property
    def hold(self) -> Hold | None:
        """The operation in whose middle it is; None: at any moment of the cycle."""
        return _HOLDS.get(self)

    @property
    def is_rakes(self) -> bool:
        """Whether the remote rake is killed, and the cycle goes on."""
        return self in (Crash.RAKE_INSERTION_BEGUN, Crash.RAKE_INSERTION_DONE)


_HOLDS = {
    Crash.INSERTION_BEGUN: _INSERTING,
    Crash.INSERTION_DONE: _INSERTED,
    Crash.CONFIRMATION_DONE: _CONFIRMED,
    Crash.RAKE_INSERTION_BEGUN: _INSERTING,
    Crash.RAKE_INSERTION_DONE: _INSERTED,
}


@dataclass(frozen=True, slots=True)
class Hurt:
    """How a cycle ended (None: it was killed), and whether it came to the crash at all."""

    ended: Run | None
    was_hurt: bool


class Monitor(World):
    """A world whose program lives `ahead` seconds after the real time, on the wall's clock
    (libfaketime) and on the boot clock (a time namespace of the kernel)."""

    def __init__(self, directory: Path, front: Front) -> None:
        super().__init__(directory, front)
        self.ahead = 0
        self.states: dict[str, str] = {}
        self.log = directory / "cycles.log"
        self.longest = 0.0
        self._hanging: tuple[int, ...] = ()
        self._refuses = False
        self._current = directory / "current"
        self._current.symlink_to(self.node.rails_root)
        self._took = 1.0
        # Who holds the lock for TASK_TIMEOUT is waited for in vain.
        self.shorten("ordermonit.node.rake", LOCK_WAIT=TASK_TIMEOUT / 2)
        (library,) = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
        self._library = library
        self.configure("process", log_output=False)
        self.configure(
            "service",
            running_cycle=RUNNING_CYCLE,
            downtime_wait=DOWNTIME_WAIT,
            late_commit_window=3600,
            min_order_age=60,
            max_orders_per_request=100,
            follow_payments="all",
        )
        self.configure(
            "integration_server",
            checks={
                "order_exists": "Abacos::OrderAPI.order_exists?(number)",
                "payment_confirmed": "Abacos::PaymentAPI.confirmed?(number)",
            },
            rails_root=str(self._current),
            connect_timeout=30,
            task_timeout=TASK_TIMEOUT,
        )

    def inform_node(self) -> None:
        """What the simulated shop knows: the database itself may be down."""
        self.node.know(self.states)

    def command_line(self, *command: str) -> list[str]:
        """With the boot clock ahead."""
        clock = ["unshare", "-T", f"--boottime={self.ahead}", f"--monotonic={self.ahead}"]
        return [*clock, *super().command_line(*command)]

    def environment(self) -> dict[str, str]:
        """With the wall's clock ahead."""
        faked = {"LD_PRELOAD": str(self._library), "FAKETIME": f"+{self.ahead}"}
        return super().environment() | faked | {"DONT_FAKE_MONOTONIC": "1"}

    def keep_booted(self, keep: bool) -> None:
        """Whether Rails stays booted after the sessions from now on."""
        seconds = KEEP_BOOTED if keep else 0
        if self.files["integration_server"].get("keep_booted") != seconds:
            self.configure("integration_server", keep_booted=seconds)

    def is_left(self) -> bool:
        """Whether anything of ours is on the node: a process, or a socket."""
        return bool(self.sshd.running()) or (self.sshd.directory / ".ordermonit").exists()

    def once(self) -> Run:
        """One cycle to its end, however it ends."""
        begun = time.monotonic()
        run = self._ended(self.start("cycle"))
        self._took = time.monotonic() - begun
        self.longest = max(self.longest, self._took)
        return run

    def killed(self, crash: Crash, chance: random.Random) -> Hurt:
        """One cycle with this crash, if it comes so far."""
        if crash.hold is None:
            process = self.start("cycle")
            with suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0, self._took))
        else:
            process = self.held(crash.hold)
        came = process.poll() is None
        if came and crash.is_rakes:
            for pid in self.sshd.rakes():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        elif came:
            process.kill()
        ended = self.let_go(process)
        return Hurt(None if ended.exit_code == -signal.SIGKILL else ended, came)

    def held(self, hold: Hold) -> subprocess.Popen[str]:
        """A cycle in the middle of that operation, or at its end without one; then `let_go`."""
        judge = self.abacos.judge
        before = judge.count(hold.seen)
        self.abacos.behave(hold.mood, calls=[hold.call], times=1, seconds=PATIENCE)
        process = self.start("cycle")
        wait_until(
            lambda: process.poll() is not None or judge.count(hold.seen) > before,
            f"a cycle to end, or {hold.seen}",
            PATIENCE,
        )
        return process

    def let_go(self, process: subprocess.Popen[str]) -> Run:
        """Abacos works again as before; the cycle's end."""
        self.recover()
        return self._ended(process)

    def ail(self, *, hanging: Sequence[int] = (), refuses: bool = False) -> None:
        """From now on Abacos never answers the insertion of these orders, or refuses to change
        anything at all."""
        self._hanging, self._refuses = tuple(hanging), refuses
        self.recover()

    def recover(self) -> None:
        """Abacos works again, but for what ails it."""
        self.abacos.work()
        if self._hanging:
            self.abacos.behave(Mood.HANG, self._hanging, calls=[Call.INSERT])
        if self._refuses:
            self.abacos.behave(Mood.REJECT, message=_REFUSAL)

    def deploy(self) -> None:
        """Another release takes the place of the one that works."""
        release = self.node.rails_root.with_name("release2")
        shutil.copytree(self.node.rails_root, release)
        new = self._current.with_name("current.new")
        new.symlink_to(release)
        new.replace(self._current)
        self.node.rails_root = release

    def second(self, head: int) -> Run:
        """A cycle of another monitor, with a state directory of its own that begins there."""
        place = ("--state", str(self.state.with_name("beside")))
        begun = self.run(*place, "init", "--head", str(head))
        assert begun.exit_code == 0, begun.stderr
        return self.run(*place, "cycle")

    def _ended(self, process: subprocess.Popen[str]) -> Run:
        stdout, stderr = process.communicate(timeout=PATIENCE)
        self._processes.remove(process)
        for left in (f"faketime_shm_{process.pid}", f"sem.faketime_sem_{process.pid}"):
            (Path("/dev/shm") / left).unlink(missing_ok=True)  # of a killed one
        with self.log.open("a") as log:
            log.write(f"== {self.ahead} s, exit {process.returncode}\n{stdout}{stderr}")
        return Run(process.returncode, stdout, stderr)
