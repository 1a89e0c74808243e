"""`receive`: what the standby does with a checkpoint that the other monitor sends."""

import json
import os
import re
import socket
import sys
import time
from dataclasses import asdict

from ordermonit import __version__
from ordermonit.commands.context import Context
from ordermonit.errors import CheckpointError, ConfigurationError, Exit, StateError, Unavailable
from ordermonit.health.timer import ask
from ordermonit.orders.events import Event
from ordermonit.shops import Shop
from ordermonit.state.checkpoint import VERSION, Checkpoint, decode
from ordermonit.state.directory import BUSY, State
from ordermonit.state.standby import receipt

#: No checkpoint has so many bytes: a million ids that are ignored are 180 KB.
_MOST = 1 << 26

_AGAIN = "Nothing was changed here; the next cycle there sends it again"


def receive(context: Context) -> int:
    """Keep the checkpoint on stdin, whole or not at all, unless this monitor is the active one.

    A take-over begins as after `recover`: what the other one did since, or had in flight, is asked.
    Without a byte on stdin, say how this monitor stands, and change nothing.
    """
    data = sys.stdin.buffer.read(_MOST)
    _refuse_another_shops(context.shop)
    if not data:
        return _tell(context)
    try:
        copy = decode(data, "the copy on stdin")
    except CheckpointError as problem:
        raise CheckpointError(problem.message, _AGAIN) from None
    is_active = _is_active(context.shop)
    state = context.state
    state.create()
    state.lock()
    if is_active:
        raise Unavailable(
            _active(),
            "Nothing was changed here. Only one of the two is to run: stop the timer of the other",
        )
    _refuse_older(copy, state)
    copy.recover()
    state.write(copy)
    sentence = f"the active monitor's checkpoint is {state.checkpoint} now; HEAD is {copy.head}"
    context.log().tell(Event.CHECKPOINT_RECEIVED, sentence=sentence)
    if context.arguments.json:
        print(json.dumps({"checkpoint": str(state.checkpoint), "head": copy.head}))
        return Exit.OK
    print(receipt(data), flush=True)
    return Exit.OK


def _refuse_another_shops(shop: Shop) -> None:
    """Raises ConfigurationError where SSH's forced command is for another shop than was asked for:
    with one key for two shops, the copies of one would replace those of the other."""
    asked = os.environ.get("SSH_ORIGINAL_COMMAND")
    if asked is None:
        return
    found = re.search(r"--shop[ =](\S+)", asked)
    meant = Shop(found[1] if found else "")
    if meant != shop:
        raise ConfigurationError(
            f"the copy is for {_called(meant)} on {socket.gethostname()}, and the forced command of"
            f" the key that sends it is for {_called(shop)}",
            "Nothing was changed here. Each shop's monitor needs a key of its own. In"
            " authorized_keys there, the forced command of this one's needs "
            + (f"--shop {meant.name} before receive" if meant.name else "no --shop"),
        )


def _called(shop: Shop) -> str:
    return f"the shop {shop.name}" if shop.name else "the monitor without a shop"


def _is_active(shop: Shop) -> bool | None:
    """Whether this is the active monitor; None where systemd does not say. First of all: without
    D-Bus it answers root alone, who is root no more once the state directory is looked at."""
    timer = ask(shop)
    return None if timer is None else timer.is_active or timer.is_running


def _active() -> str:
    return f"ordermonit.timer is active on {socket.gethostname()}, which is no standby then"


def _tell(context: Context) -> int:
    """Say how this monitor stands, for `check` of the other one."""
    # A copy, and the idle cycle that sends none, need none of these.
    from ordermonit.doctor.standby import Itself
    from ordermonit.state.holder import held

    is_active = _is_active(context.shop)
    state = context.state
    head = age = refuses = names = wrong = None
    try:
        head = state.read().head
        age = time.time() - state.checkpoint.lstat().st_mtime
    except (CheckpointError, OSError):
        pass  # none, or one that can't be read: a copy replaces it
    except StateError as problem:
        refuses = problem.message
    holder = held(state.lock_file)
    if holder is not None:
        refuses = f"{BUSY} {state.directory} ({holder})"
    if is_active:
        refuses = _active()
    try:
        other = context.configuration().service.standby
        names = None if other is None else other.host
    except ConfigurationError as problem:
        wrong = problem.in_one_line
    told = Itself(
        ordermonit=__version__,
        host=socket.gethostname(),
        reads=VERSION,
        is_active=is_active,
        head=head,
        age=age,
        names=names,
        wrong=wrong,
        refuses=refuses,
    )
    print(json.dumps(asdict(told)), flush=True)
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
