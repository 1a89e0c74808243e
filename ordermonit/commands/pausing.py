"""`pause` and `resume`: a person stops the service for a while, and lets it go on."""

import json
import sys
from datetime import datetime, timedelta

from ordermonit.commands.context import Context
from ordermonit.commands.person import take_turn, told, who
from ordermonit.errors import CheckpointError, Exit, UsageError
from ordermonit.orders.events import Event
from ordermonit.orders.gaps import Moment
from ordermonit.state.directory import State
from ordermonit.state.pause import Pause, decode
from ordermonit.times import iso


def pause(context: Context) -> int:
    """Let every cycle do nothing, until a time or until `resume`."""
    arguments, state, log = context.arguments, context.state, context.log()
    now = Moment.now()
    ordered = Pause(who(), now, _end(arguments.until, arguments.for_, now), told(arguments.because))
    take_turn(state)
    before = _read(state)
    sentence = ordered.sentence
    if before is not None and not before.is_over(now):
        sentence += f", instead of: {before.sentence}"
    state.write_pause(ordered.encode())
    log.tell(Event.PAUSED, sentence=sentence, who=ordered.who, because=ordered.because)
    if arguments.json:
        was = None if before is None else before.as_json()
        print(json.dumps({"paused": ordered.as_json(), "before": was}))
        return Exit.OK
    print(context.shop.typed(f"{sentence}. Until then no order is checked; nothing is forgotten"))
    return Exit.OK


def held(state: State) -> Pause | None:
    """The pause that holds now. Raises CheckpointError where its file does not read, StateError."""
    data = state.read_pause()
    pause = None if data is None else decode(data, str(state.pause_file))
    return None if pause is None or pause.is_over(Moment.now()) else pause


def _read(state: State) -> Pause | None:
    """The pause that there is. A file that does not read is none: these commands are for it too."""
    data = state.read_pause()
    try:
        return None if data is None else decode(data, str(state.pause_file))
    except CheckpointError:
        return None


def _end(until: datetime | None, span: timedelta | None, now: Moment) -> datetime | None:
    try:
        end = until if span is None else now.wall + span
    except OverflowError:
        raise UsageError("--for is too long", "Leave it out to pause until resume") from None
    if end is not None and end <= now.wall:
        raise UsageError(
            f"the pause would end at {iso(end)}, and it is {iso(now.wall)}",
            "Give a time that is still to come",
        )
    return end


def resume(context: Context) -> int:
    """End the pause."""
    arguments, state, log = context.arguments, context.state, context.log()
    take_turn(state)
    if state.read_pause() is None:
        if arguments.json:
            print(json.dumps({"resumed": None}))
        else:
            print("it is not paused; nothing was changed", file=sys.stderr)
        return Exit.OK
    ended = _read(state)
    state.remove_pause()
    what = "its file did not read" if ended is None else f"it was {ended.sentence}"
    sentence = f"resumed by {who()}; {what}"
    log.tell(Event.RESUMED, sentence=sentence, who=who())
    if arguments.json:
        print(json.dumps({"resumed": {} if ended is None else ended.as_json()}))
        return Exit.OK
    print(context.shop.typed(f"{sentence}. The next cycle goes on where the last one ended"))
    return Exit.OK
