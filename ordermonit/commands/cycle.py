"""`cycle`: what the timer starts."""

import json
from dataclasses import asdict

from ordermonit.commands.context import Context
from ordermonit.cycle.cycle import run_cycle
from ordermonit.errors import Exit
from ordermonit.reports import notify, progress


def cycle(context: Context) -> int:
    """Run one cycle."""
    # First: root's cycle is to have the home, and so the keys, that the service's has.
    state, configuration, log = context.state, context.configuration(), context.log()
    patience = progress.patience(configuration)
    told = progress.together(progress.to_systemd(patience), context.bar)
    try:
        result = run_cycle(configuration, state, log, told, context.notes)
    finally:
        context.bar.stop()
    notify.status(result.result)
    if context.arguments.json:
        print(json.dumps(asdict(result)))
    return Exit.OK
