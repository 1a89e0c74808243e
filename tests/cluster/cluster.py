"""`make cluster`: what each event costs, measured; the table goes into docs/standby.md."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from threading import Thread

from tests.cluster.hosts import Host
from tests.cluster.pair import RUNNING_CYCLE, Pair, join, pair, sell_for
from tests.parts.judge import Seen
from tests.parts.processes import wait_until
from tests.system.conftest import Installed
from tests.system.inside import STARTED
from tests.system.machine import SOURCE, Disk, Disks

#: Seconds that orders are sold for: before the event, and from it on.
_BEFORE, _AFTER = 12, 40

#: Seconds for which a machine is frozen, and a cable is out.
_FROZEN, _CUT = 15, 30

#: Seconds until what was sold has to be in Abacos, at the latest.
_PATIENCE = 120

_BEGIN, _END = "<!-- cluster -->\n", "<!-- /cluster -->\n"


Step = Callable[[Pair, Host, Host], None]


@dataclass(frozen=True, slots=True)
class Measured:
    """What it cost. `taken_over`: seconds until the other timer was active, None where it never
    was; `gap`: the longest time without an insertion, in seconds."""

    event: str
    taken_over: float | None
    gap: float
    sold: int
    lost: int
    doubled: int
    refused: int

    def line(self, usual: float) -> str:
        """Its line of the table. `usual` is the gap of when nothing happens, in seconds."""
        over = "-" if self.taken_over is None else f"{self.taken_over:.1f} s"
        allowed = f"{(self.taken_over or 0) + usual:.1f} s"
        cycles = f"{self.gap / RUNNING_CYCLE:.1f}"
        return (
            f"| {self.event} | {over} | {allowed} | {self.gap:.1f} s | {cycles} | {self.sold} |"
            f" {self.lost} | {self.doubled} | {self.refused} |"
        )


def _nothing(pair: Pair, active: Host, other: Host) -> None:
    del pair, active, other


def _in_mid_cycle(pair: Pair, active: Host, other: Host) -> None:
    """Return when the active one has just inserted an order, and goes on with its payment."""
    del active, other
    judge = pair.inside.abacos.judge
    before = judge.inserted_count()
    wait_until(lambda: judge.inserted_count() > before, "an insertion")


def _between_cycles(pair: Pair, active: Host, other: Host) -> None:
    _in_mid_cycle(pair, active, other)
    state = ("systemctl", "is-active", "ordermonit.service")
    wait_until(lambda: "inactive" in active.run(*state, check=False).stdout, "the cycle's end")


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens to the active one, once `await_moment` has returned; `mend` puts all
    back into its place."""

    name: str
    happen: Step
    mend: Step = _nothing
    await_moment: Step = _nothing


def _lose_power(pair: Pair, active: Host, other: Host) -> None:
    """Nobody closes its connections: the kernel that would do it has lost the cable."""
    del other
    pair.switch.cut(active.name)
    active.kill()


def _frozen(pair: Pair, active: Host, other: Host) -> None:
    del pair, other
    active.freeze()
    time.sleep(_FROZEN)
    active.thaw()


def _cut(pair: Pair, active: Host, other: Host) -> None:
    del other
    pair.switch.cut(active.name)
    time.sleep(_CUT)
    pair.switch.join(active.name)


def _boot(pair: Pair, active: Host, other: Host) -> None:
    del other
    pair.switch.join(active.name)
    active.boot()
    join(active)


def _move(pair: Pair, active: Host, other: Host) -> None:
    del pair
    active.run("crm_resource", "--resource=ordermonit", "--move", f"--node={other.name}")


def _clear(pair: Pair, active: Host, other: Host) -> None:
    del pair, other
    active.run("crm_resource", "--resource=ordermonit", "--clear")


def _stop(pair: Pair, active: Host, other: Host) -> None:
    del pair, other
    active.run("systemctl", "stop", "corosync")


def _kill(pair: Pair, active: Host, other: Host) -> None:
    del pair, other
    active.run("systemctl", "kill", "--signal=KILL", "corosync")


def _join(pair: Pair, active: Host, other: Host) -> None:
    del pair, other
    join(active)


EVENTS = (
    Event("none, for comparison", _nothing),
    Event("the host loses power between two cycles", _lose_power, _boot, _between_cycles),
    Event("the host loses power in mid-cycle", _lose_power, _boot, _in_mid_cycle),
    Event(f"it is cut off for {_CUT} s", _cut),
    Event(f"it is frozen between two cycles for {_FROZEN} s", _frozen, _nothing, _between_cycles),
    Event(f"it is frozen in mid-cycle for {_FROZEN} s", _frozen, _nothing, _in_mid_cycle),
    Event("it is moved by hand", _move, _clear),
    Event("corosync is stopped", _stop, _join),
    Event("corosync is killed", _kill, _join),
)


def _measured(pair: Pair, event: Event) -> Measured:
    active, other = pair.roles()
    judge = pair.inside.abacos.judge
    sold: list[str] = []
    begun = time.time()
    seller = Thread(target=lambda: sold.extend(sell_for(pair, _BEFORE + _AFTER)))
    seller.start()
    time.sleep(_BEFORE)
    event.await_moment(pair, active, other)
    at = time.time()
    event.happen(pair, active, other)
    seller.join()
    _await_all(sold, lambda number: judge.has(number))
    taken_over = _seconds_until_active(other, at)
    event.mend(pair, active, other)
    pair.roles()
    ends = [each.at for each in judge.entries() if each.what is Seen.INSERTED and each.at > begun]
    gaps = [later - earlier for earlier, later in pairwise(ends)]
    return Measured(
        event.name,
        taken_over,
        max(gaps, default=0.0),
        len(sold),
        sum(not judge.has(number) for number in sold),
        sum(
            judge.double_insert_count(number) + max(0, judge.confirmed_count(number) - 1)
            for number in sold
        ),
        pair.refusals(begun),
    )


def _seconds_until_active(host: Host, since: float) -> float | None:
    """From a moment until systemd there says that it has started the timer; None: never."""
    words = ("UNIT=ordermonit.timer", f"MESSAGE_ID={STARTED}", f"--since=@{since:.6f}")
    starts = [int(entry["__REALTIME_TIMESTAMP"]) / 1e6 for entry in host.journal(*words)]
    return min(starts) - since if starts else None


def _await_all(sold: list[str], is_there: Callable[[str], bool]) -> None:
    """Give what is missing its time; who never comes is counted as lost."""
    try:
        wait_until(lambda: all(map(is_there, sold)), "every order to be there", _PATIENCE)
    except TimeoutError as late:
        print(late)


def _write(measured: list[Measured]) -> None:
    file = SOURCE / "docs" / "standby.md"
    before, rest = file.read_text().split(_BEGIN)
    after = rest.split(_END)[1]
    head = (
        "| event | other timer active after | that and one cycle |"
        " longest time without an insertion | in cycles | orders | lost | doubled |"
        " refused by the lock |\n"
        "|---|---|---|---|---|---|---|---|---|\n"
    )
    lines = "".join(f"{each.line(measured[0].gap)}\n" for each in measured)
    file.write_text(f"{before}{_BEGIN}{head}{lines}{_END}{after}")


def test_every_event_loses_and_doubles_nothing(
    disks: Disks, furnished: Disk, installed: Installed
) -> None:
    """The gap is one cycle and the time that Pacemaker, and the node's lock, take."""
    measured = []
    with pair(disks, furnished, installed.disk) as found:
        for event in EVENTS:
            measured.append(_measured(found, event))
            print(measured[-1].line(measured[0].gap), flush=True)
    _write(measured)
    assert not any(each.lost or each.doubled for each in measured)
