"""Delivery in bounded time: a process of its own sends, and is killed at its deadline.

Nothing less holds: a name server, a mail server or a proxy may hang in any call of any library.
"""

import json
import subprocess
import sys
from collections.abc import Mapping

from ordermonit.reports.alerts.memory import Message
from ordermonit.text import one_line

#: The name under which the ping is answered for.
PING = "ping_url"


def deliver(
    letters: Mapping[str, Message],
    urls: Mapping[str, str],
    seconds: float,
    ping_url: str | None = None,
) -> dict[str, str | None]:
    """Send each letter to its channel, and fetch `ping_url`, all at once.

    Returns, for each channel and for PING, None where it was taken and else why not. Never takes
    much longer than `seconds`, and never raises.
    """
    wanted = {
        "letters": [
            {
                "channel": channel,
                "url": urls[channel],
                "title": letter.title,
                "body": letter.body,
                "is_good": letter.is_good,
            }
            for channel, letter in letters.items()
        ],
        "ping": ping_url,
        "seconds": seconds,
    }
    expected = [*letters, *([PING] if ping_url else [])]
    said, otherwise = _run(json.dumps(wanted).encode(), seconds)
    answers: dict[str, str | None] = dict.fromkeys(expected, otherwise)
    for line in said.splitlines():
        try:
            name, problem = json.loads(line)
            known = name in answers
        except (ValueError, TypeError):
            continue  # what the deadline cut off, or what a library printed
        if known:
            answers[name] = None if problem is None else one_line(str(problem))
    return answers


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
