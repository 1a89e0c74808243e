"""Delivery in bounded time: a process of its own sends, and is killed at its deadline.

Nothing less holds: a name server, a mail server or a proxy may hang in any call of any library.
"""

import json
import subprocess
import sys
from collections.abc import Mapping

from ordermonit.configuration.alerts import Alerts
from ordermonit.reports.alerts.memory import Message
from ordermonit.reports.alerts.outbox import Outcome, channels
from ordermonit.text import one_line

#: The name under which the ping is answered for.
PING = "ping_url"


def deliver(
    letters: Mapping[str, Message], alerts: Alerts, *, ping: bool = False
) -> dict[str, Outcome]:
    """Send each letter to its channel and, with `ping`, fetch `ping_url`, all at once.

    Returns what became of each, also of PING. Never takes much longer than `send_timeout`, and
    never raises.
    """
    addresses = channels(alerts)
    ping_url = alerts.ping_url if ping else None
    wanted = {
        "letters": [
            {
                "channel": channel,
                **addresses[channel],
                "title": letter.title,
                "body": letter.body,
                "is_good": letter.is_good,
            }
            for channel, letter in letters.items()
        ],
        "smtp": None if alerts.smtp is None else {**alerts.smtp},
        "ping": ping_url,
        "seconds": alerts.send_timeout,
    }
    expected = [*letters, *([PING] if ping_url else [])]
    said, otherwise = _run(json.dumps(wanted).encode(), alerts.send_timeout)
    outcomes = dict.fromkeys(expected, Outcome(otherwise))
    for line in said.splitlines():
        try:
            name, problem, is_refused = json.loads(line)
            known = name in outcomes
        except (ValueError, TypeError):
            continue  # what the deadline cut off, or what a library printed
        if known:
            outcomes[name] = Outcome(
                None if problem is None else one_line(str(problem)), bool(is_refused)
            )
    return outcomes


def _run(stdin: bytes, seconds: float) -> tuple[bytes, str]:
    """What the sender said, and what is to be said of those that it said nothing of."""
    command = [sys.executable, "-I", "-m", "ordermonit.reports.alerts.sender"]
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=seconds)
    except subprocess.TimeoutExpired as late:
        return late.stdout or b"", f"no answer within {seconds:g} s (send_timeout)"
    except OSError as problem:
        return b"", f"no process to send with: {problem.strerror}"
    lines = done.stderr.decode("utf-8", "replace").split("\n")
    last = next((line for line in reversed(lines) if line.strip()), f"exit {done.returncode}")
    return done.stdout, f"the sender ended: {one_line(last, 200)}"
