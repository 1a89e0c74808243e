"""After a cycle the standby gets the new checkpoint: a take-over then begins where we are.

It hurts no cycle: what fails is told once, shown by `status`, and tried again by the next cycle.
"""

from __future__ import annotations

from ordermonit.configuration import Configuration
from ordermonit.errors import OrdermonitError
from ordermonit.orders.events import Event
from ordermonit.reports import notify
from ordermonit.reports.journal import Log
from ordermonit.shops import Shop
from ordermonit.state import standby
from ordermonit.state.directory import State

#: Seconds that a copy gets, and where somebody waits for our end: TimeoutStopSec= is 20.
_LONGEST, _LONGEST_AT_STOP = 10.0, 5.0

#: Seconds beyond that before systemd takes us for hanging.
_GRACE = 30


def copy(
    configuration: Configuration, state: State, log: Log, shop: Shop, *, is_stopped: bool
) -> None:
    """Send the checkpoint, if it is another one than the newest that arrived.

    Under the state directory's lock. Raises StateError and OSError where a file of ours does.
    """
    to = configuration.service.standby
    if to is None:
        return
    address = f"{to.username or 'ordermonit'}@{to.host}:{to.port}"
    before, stamp = standby.read(state), standby.stamp(state, address)
    if not stamp or before.stamp == stamp:
        return
    # Only here: who has nothing new pays for no SSH (rule C2).
    from ordermonit.node.standby import COMMAND, send

    longest = _LONGEST_AT_STOP if is_stopped else _LONGEST
    seconds = min(longest, configuration.service.running_cycle / 2)
    notify.extend(seconds + _GRACE)
    try:
        data = state.read().encode()
        command = shop.typed(COMMAND)
        send(configuration.node, to, command, data, standby.receipt(data), seconds)
    except OrdermonitError as problem:
        if not before.problem:
            log.tell(Event.STANDBY_BEHIND, standby=address, error=problem.message)
        standby.write(state, before.failed(problem.message, problem.remedy))
        return
    if before.problem:
        log.tell(Event.STANDBY_CAUGHT_UP, standby=address)
    standby.write(state, standby.arrived(stamp))
