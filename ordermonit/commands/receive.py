"""`receive`: what the standby does with a checkpoint that the other monitor sends."""

import json
import socket
import sys

from ordermonit.commands.context import Context
from ordermonit.errors import CheckpointError, Exit, Unavailable
from ordermonit.health.timer import ask
from ordermonit.orders.events import Event
from ordermonit.state.checkpoint import Checkpoint, decode
from ordermonit.state.directory import State
from ordermonit.state.standby import receipt

#: No checkpoint has so many bytes: a million ids that are ignored are 180 KB.
_MOST = 1 << 26

_AGAIN = "Nothing was changed here; the next cycle there sends it again"


def receive(context: Context) -> int:
    """Keep the checkpoint on stdin, whole or not at all, unless this monitor is the active one.

    A take-over begins as after `recover`: what the other one did since, or had in flight, is asked.
    """
    data = sys.stdin.buffer.read(_MOST)
    try:
        copy = decode(data, "the copy on stdin")
    except CheckpointError as problem:
        raise CheckpointError(problem.message, _AGAIN) from None
    timer = ask(context.shop)  # without D-Bus systemd answers root alone, who is root no more below
    state = context.state
    state.create()
    state.lock()
    if timer is not None and (timer.is_active or timer.is_running):
        raise Unavailable(
            f"ordermonit.timer is active on {socket.gethostname()}, which is no standby then",
            "Nothing was changed here. Only one of the two is to run: stop the timer of the other",
        )
    _refuse_older(copy, state)
    copy.recovered = True
    state.write(copy)
    sentence = f"the active monitor's checkpoint is {state.checkpoint} now; HEAD is {copy.head}"
    context.log().tell(Event.CHECKPOINT_RECEIVED, sentence=sentence)
    if context.arguments.json:
        print(json.dumps({"checkpoint": str(state.checkpoint), "head": copy.head}))
        return Exit.OK
    print(receipt(data), flush=True)
    return Exit.OK


def _refuse_older(copy: Checkpoint, state: State) -> None:
    """Raises CheckpointError where our own one is further: HEAD never falls (rule C6)."""
    try:
        ours = state.read()
    except CheckpointError:
        return  # none, or one that can't be read
    if copy.head < ours.head:
        raise CheckpointError(
            f"the copy is older than {state.checkpoint} on {socket.gethostname()}: its HEAD is"
            f" {copy.head}, and here it is {ours.head}",
            f"Nothing was changed here. If HEAD was moved back on purpose, type there: rm"
            f" {state.checkpoint}",
        )
