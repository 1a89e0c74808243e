"""The process that sends: letters on stdin, one line of JSON for each that is done on stdout.

It is its own program so that it can be killed whatever hangs in it (`delivery.py`), and so that
Apprise is imported by nobody else.
"""

import json
import logging
import re
import signal
import sys
import threading
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

#: Shortest part of a URL that is taken for a secret, in characters.
_SHORTEST_SECRET = 3

#: URLs whose host is a host; elsewhere a token stands in its place.
_WITH_HOST = ("mailto", "mailtos", "http", "https", "json", "jsons", "xml", "xmls", "form", "forms")
_LONGEST_PROBLEM = 300

_print_lock = threading.Lock()


def main() -> None:
    """Send everything at once, each channel in a thread."""
    wanted = json.loads(sys.stdin.buffer.read())
    # Should nobody be there to kill us, we end all the same.
    signal.setitimer(signal.ITIMER_REAL, wanted["seconds"] + 5)
    works = [threading.Thread(target=_send, args=(letter,)) for letter in wanted["letters"]]
    if wanted["ping"]:
        works.append(threading.Thread(target=_ping, args=(wanted["ping"], wanted["seconds"])))
    for work in works:
        work.start()
    for work in works:
        work.join()


def _answer(name: str, problem: str | None, url: str) -> None:
    if problem is not None:
        problem = _without_secrets(" ".join(problem.split()), url)[:_LONGEST_PROBLEM]
    with _print_lock:
        print(json.dumps([name, problem]), flush=True)


def _without_secrets(text: str, url: str) -> str:
    """The text without any part of the URL: tokens may stand anywhere in it."""
    address = urlsplit(url)
    parts = {url, *re.split(r"[/:@,+#]+", f"{address.netloc}/{address.path}/{address.fragment}")}
    parts |= {value for _, values in parse_qs(address.query).items() for value in values}
    parts |= {unquote(part) for part in parts}
    if address.scheme.lower() in _WITH_HOST:
        parts -= {address.hostname or ""}
    for part in sorted(parts, key=len, reverse=True):
        if len(part) >= _SHORTEST_SECRET:
            text = text.replace(part, "…")
    return text


def _send(letter: dict[str, Any]) -> None:
    url = letter["url"]
    try:
        problem = _sent(letter)
    except Exception as unforeseen:
        problem = f"{type(unforeseen).__name__}: {unforeseen}"
    _answer(letter["channel"], problem, url)


def _sent(letter: dict[str, Any]) -> str | None:
    try:
        from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType
    except ImportError:
        return "Apprise is not installed: pip install 'ordermonit[alerts]'"
    logging.getLogger("apprise").addHandler(logging.NullHandler())
    apprise = Apprise(asset=AppriseAsset(app_id="ordermonit", app_desc="ordermonit"))
    if not apprise.add(letter["url"]):
        return "Apprise does not take its URL; see https://github.com/caronc/apprise"
    result = apprise.notify(
        title=letter["title"],
        body=letter["body"],
        notify_type=NotifyType.SUCCESS if letter["is_good"] else NotifyType.FAILURE,
        body_format=NotifyFormat.TEXT,
    )
    if result:
        return None
    said = [entry.message for entry in result.logs() if entry.level in ("WARNING", "ERROR")]
    return said[-1] if said else "it did not take the message"


def _ping(url: str, seconds: float) -> None:
    from ordermonit.reports.alerts.delivery import PING

    try:
        problem = _fetched(url, seconds)
    except Exception as unforeseen:
        problem = f"{type(unforeseen).__name__}: {unforeseen}"
    _answer(PING, problem, url)


def _fetched(url: str, seconds: float) -> str | None:
    from urllib.request import Request, urlopen

    request = Request(url, headers={"User-Agent": "ordermonit"})
    with urlopen(request, timeout=seconds) as answer:
        return None if answer.status < 400 else f"it answers {answer.status}"


if __name__ == "__main__":
    main()
