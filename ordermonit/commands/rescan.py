"""`rescan`: what HEAD has passed is checked again. HEAD stays where it is."""

import json
import sys

from ordermonit.commands.context import Context
from ordermonit.commands.person import take_turn, told, who, why
from ordermonit.errors import Exit, UsageError
from ordermonit.front.database import Front, connected
from ordermonit.orders.events import Event
from ordermonit.orders.ranges import merged
from ordermonit.times import counted, spoken


def rescan(context: Context) -> int:
    """Ask for it; the cycles do it, a page each."""
    arguments, state, log = context.arguments, context.state, context.log()
    because = told(arguments.because)
    configuration = context.configuration()
    take_turn(state)
    checkpoint = state.read()
    with connected(configuration.database) as front:
        first, last = _range(context, front, checkpoint.head)
        count = front.count(first, last)
    if count:
        checkpoint.rescans = merged([*checkpoint.rescans, (first, last)])
        state.write(checkpoint)
    by, service = who(), configuration.service
    cycles = -(-count // service.max_orders_per_request)
    ids = f"the id {first}" if first == last else f"the ids {first} to {last}"
    asked = f"{ids} ({counted(count, 'order')})"
    span = spoken(cycles * service.running_cycle)
    if count:
        sentence = f"{by} asked for {asked} to be checked again{why(because)}"
        log.tell(Event.RESCAN_REQUESTED, sentence=sentence, who=by, because=because)
    if arguments.json:
        said = {"by": by, "from": first, "to": last, "orders": count, "cycles": cycles}
        print(json.dumps(said | {"rescans": checkpoint.rescans}))
    elif count:
        print(
            f"{asked}: checked again, up to {service.max_orders_per_request} in each cycle:"
            f" {counted(cycles, 'cycle')}, about {span}. HEAD stays at {checkpoint.head}"
        )
    else:
        print("there is no order in that range; nothing was changed", file=sys.stderr)
    return Exit.OK


def _range(context: Context, front: Front, head: int) -> tuple[int, int]:
    """The first and the last id. Raises UsageError."""
    since, last = context.arguments.since, context.arguments.to
    first: int | None = context.arguments.from_
    if (first is None) == (since is None) or (last is not None and since is not None):
        raise UsageError(
            "rescan takes --from ID and --to ID, or --since TIME",
            "For example: ordermonit rescan --since 2h",
        )
    if first is None:
        found = front.first_since(since)
        first = head + 1 if found is None else found
        if first > head:
            raise UsageError(
                "no order behind HEAD is as new as that; nothing was changed",
                "Newer ones are checked by the next cycles anyway. created_at in the Front is UTC",
            )
    if first > head:
        raise UsageError(
            f"--from {first} is ahead of HEAD, which is {head}; nothing was changed",
            "The next cycles check what is ahead of it anyway",
        )
    if last is not None and last < first:
        raise UsageError(f"--to {last} is before --from {first}", "Give the smaller id first")
    if last is not None and last > head and not context.arguments.json:
        print(f"--to {last} is ahead of HEAD: up to {head}, then; the cycles check the rest anyway")
    return max(first, 1), head if last is None else min(last, head)
