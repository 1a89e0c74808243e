"""`alert --test`: whether the people who have to know can be reached."""

import json
import socket
import sys
from datetime import UTC, datetime

from ordermonit.commands.context import Context
from ordermonit.configuration.alerts import FILE, Alerts, load_alerts
from ordermonit.errors import ConfigurationError, Exit
from ordermonit.reports.alerts import outbox
from ordermonit.reports.alerts.delivery import deliver
from ordermonit.reports.alerts.memory import Message


def alert(context: Context) -> int:
    """Send a test to every channel. TEMPORARY when one did not take it."""
    alerts = _alerts(context)
    channels = outbox.named(alerts.channels)
    host = socket.gethostname()
    test = Message(
        f"ordermonit on {host}: a test",
        f"Somebody typed `ordermonit alert --test` on {host}. Alerts of ordermonit arrive here."
        " There is nothing to do.",
        datetime.now(UTC),
        is_good=True,
    )
    answers = deliver(dict.fromkeys(channels, test), channels, alerts.send_timeout)
    if context.arguments.json:
        found = [
            {"channel": name, "ok": problem is None, "error": problem}
            for name, problem in answers.items()
        ]
        print(json.dumps(found))
    else:
        for name, problem in answers.items():
            print(f"{name}: {'took the test' if problem is None else f'FAILED: {problem}'}")
    if not any(answers.values()):
        return Exit.OK
    if not context.arguments.json:
        print(
            f"Correct what FAILED in {context.config / FILE}, or look at the network on the way to"
            " it, then type the command again",
            file=sys.stderr,
        )
    return Exit.TEMPORARY


def _alerts(context: Context) -> Alerts:
    alerts = load_alerts(context.config)
    if alerts is None or not alerts.channels:
        raise ConfigurationError(
            f"{context.config / FILE}: channels: there is none, so nobody is alerted",
            "Name at least one Apprise URL, or smtp and subscribers, then type the command again",
        )
    return alerts
