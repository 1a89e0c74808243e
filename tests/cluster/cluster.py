"""`make cluster`: what each event costs, measured; the table goes into docs/standby.md."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from threading import Thread

from tests.cluster.hosts import Host
from tests.cluster.pair import RUNNING_CYCLE, Pair, is_active, join, pair, sell_for
from tests.parts.judge import Seen
from tests.parts.processes import wait_until
from tests.system.conftest import Installed
from tests.system.machine import SOURCE, Disk, Disks

#: Seconds that orders are sold for: before the event, and from it on.
_BEFORE, _AFTER = 12, 40

#: Seconds for which a machine is frozen, and a cable is out.
_FROZEN, _CUT = 15, 30

#: Seconds until what was sold has to be in Abacos, at the latest.
_PATIENCE = 120

_BEGIN, _END = "<!-- cluster -->\n", "<!-- /cluster -->\n"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens to the active one; `mend` puts all back into its place."""

    name: str
    happen: Callable[[Pair, Host, Host], None]
    mend: Callable[[Pair, Host, Host], None]


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

    @property
    def line(self) -> str:
        """Its line of the table."""
        over = "-" if self.taken_over is None else f"{self.taken_over:.1f} s"
        cycles = f"{self.gap / RUNNING_CYCLE:.1f}"
        return (
            f"| {self.event} | {over} | {self.gap:.1f} s | {cycles} | {self.sold} | {self.lost} |"
            f" {self.doubled} | {self.refused} |"
        )


def _nothing(pair: Pair, active: Host, other: Host) -> None:
    del pair, active, other


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
    del pair, other
    active.boot()
    join(active)


def _move(pair: Pair, active: Host, other: Host) -> None:
    del pair
    active.run("crm_resource", "--resource=ordermonit", "--move", f"--node={other.name}")


def _clear(pair: Pair, active: Host, other: Host) -> None:
    del pair, other
    active.run("crm_resource", "--resource=ordermonit", "--clear")


EVENTS = (
    Event("none, for comparison", _nothing, _nothing),
    Event("the host dies", lambda _, active, __: active.kill(), _boot),
    Event(f"it is cut off for {_CUT} s", _cut, _nothing),
    Event(f"it is frozen for {_FROZEN} s", _frozen, _nothing),
    Event("it is moved by hand", _move, _clear),
    Event(
        "corosync is stopped",
        lambda _, active, __: _stop(active),
        lambda _, active, __: join(active),
    ),
    Event(
        "corosync is killed",
        lambda _, active, __: _kill(active),
        lambda _, active, __: join(active),
    ),
)


def _stop(host: Host) -> None:
    host.run("systemctl", "stop", "corosync")


def _kill(host: Host) -> None:
    host.run("systemctl", "kill", "--signal=KILL", "corosync")


def _measured(pair: Pair, event: Event) -> Measured:
    active, other = pair.roles()
    judge = pair.inside.abacos.judge
    sold: list[str] = []
    begun = time.time()
    seller = Thread(target=lambda: sold.extend(sell_for(pair, _BEFORE + _AFTER)))
    seller.start()
    time.sleep(_BEFORE)
    at = time.time()
    doer = Thread(target=lambda: event.happen(pair, active, other))
    doer.start()
    taken_over = None
    while seller.is_alive():
        if taken_over is None and is_active(other):
            taken_over = time.time() - at
        time.sleep(0.1)
    seller.join()
    doer.join()
    event.mend(pair, active, other)
    _await_all(sold, lambda number: judge.has(number))
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
        "| event | other timer active after | longest time without an insertion | in cycles |"
        " orders | lost | doubled | refused by the lock |\n|---|---|---|---|---|---|---|---|\n"
    )
    lines = "".join(f"{each.line}\n" for each in measured)
    file.write_text(f"{before}{_BEGIN}{head}{lines}{_END}{after}")


def test_every_event_loses_and_doubles_nothing(
    disks: Disks, furnished: Disk, installed: Installed
) -> None:
    """The gap is one cycle and the time that Pacemaker, and the node's lock, take."""
    measured = []
    with pair(disks, furnished, installed.disk) as found:
        for event in EVENTS:
            measured.append(_measured(found, event))
            print(measured[-1].line, flush=True)
    _write(measured)
    assert not any(each.lost or each.doubled for each in measured)
