"""`alert --test`: whether the people who have to know can be reached."""

import json
import socket
import sys
from dataclasses import replace
from datetime import UTC, datetime

from ordermonit.commands.context import Context
from ordermonit.configuration import Language
from ordermonit.configuration.alerts import FILE, Alerts, load_alerts
from ordermonit.errors import ConfigurationError, Exit
from ordermonit.language import _, speaking
from ordermonit.reports.alerts import outbox
from ordermonit.reports.alerts.decision import Sender
from ordermonit.reports.alerts.delivery import deliver
from ordermonit.reports.alerts.memory import Message


def alert(context: Context) -> int:
    """Send a test to every channel. TEMPORARY when one did not take it."""
    context.enter()  # root may read what the service's user, who sends the alerts, may not
    alerts = _alerts(context)
    sender = Sender("ordermonit", socket.gethostname(), context.shop)
    with speaking(_language(context)):
        test, long = _tests(sender)
    answers = _answers(test, tuple(outbox.channels(alerts)), alerts)
    taken = tuple(name for name, problem in answers.items() if problem is None)
    for name, problem in _answers(long, taken, alerts).items():
        answers[name] = problem and f"it takes the short test and not the longest: {problem}"
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


def _language(context: Context) -> Language:
    """Whatever else may be wrong in the configuration, channels can be tried."""
    try:
        return context.configuration().process.language
    except ConfigurationError:
        return Language.EN


def _tests(sender: Sender) -> tuple[Message, Message]:
    """A short one, and one that is as long as an alert can be: some channels refuse that."""
    body = _(
        "Somebody typed `{command}` on {host}. Alerts of ordermonit arrive here. There is nothing"
        " to do.",
        command=sender.shop.typed("ordermonit alert --test"),
        host=sender.host,
    )
    test = Message(
        _("{app} on {host}: a test", app=sender.app, host=sender.host),
        body,
        datetime.now(UTC),
        is_good=True,
    )
    line = _("- order 0000000: this line makes the test as long as an alert can be")
    body = "\n".join((test.body, *[line] * (outbox.LONGEST // len(line) + 1)))
    title = _("{app} on {host}: a test, as long as can be", app=sender.app, host=sender.host)
    return test, replace(test, title=title, body=outbox.cut(body))


def _answers(test: Message, names: tuple[str, ...], alerts: Alerts) -> dict[str, str | None]:
    """Why each of these channels did not take it, None where it did."""
    if not names:
        return {}
    outcomes = deliver(dict.fromkeys(names, test), alerts)
    return {name: outcome.problem for name, outcome in outcomes.items()}


def _alerts(context: Context) -> Alerts:
    alerts = load_alerts(context.config)
    if alerts is None or not alerts.reaches_somebody:
        raise ConfigurationError(
            f"{context.config / FILE}: channels: there is none, so nobody is alerted",
            "Name at least one Apprise URL, or smtp and subscribers, then type the command again",
        )
    return alerts
