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

from ordermonit.reports.alerts.causes import cause, is_for_good
from ordermonit.reports.alerts.outbox import Outcome

#: Shortest part of a URL that is taken for a secret, in characters.
_SHORTEST_SECRET = 3

#: URLs whose host is a host; elsewhere a token stands in its place.
_WITH_HOST = ("mailto", "mailtos", "http", "https", "json", "jsons", "xml", "xmls", "form", "forms")
_LONGEST_PROBLEM = 300

#: How lines of Apprise's log begin that say why something failed.
_REASON = "Socket Exception: "

_print_lock = threading.Lock()


def main() -> None:
    """Send everything at once, each channel in a thread, and all mail in one."""
    wanted = json.loads(sys.stdin.buffer.read())
    # Should nobody be there to kill us, we end all the same.
    signal.setitimer(signal.ITIMER_REAL, wanted["seconds"] + 5)
    letters, smtp, seconds = wanted["letters"], wanted["smtp"], wanted["seconds"]
    works = [threading.Thread(target=_send, args=(each,)) for each in letters if "url" in each]
    mails = [each for each in letters if "to" in each]
    if mails:
        works.append(threading.Thread(target=_mail, args=(smtp, mails, seconds)))
    if wanted["ping"]:
        works.append(threading.Thread(target=_ping, args=(wanted["ping"], seconds)))
    for work in works:
        work.start()
    for work in works:
        work.join()


def _answer(name: str, outcome: Outcome, url: str = "") -> None:
    problem = outcome.problem
    if problem is not None:
        problem = _without_secrets(" ".join(problem.split()), url)[:_LONGEST_PROBLEM]
    with _print_lock:
        print(json.dumps([name, problem, outcome.is_refused]), flush=True)


def _mail(smtp: dict[str, Any], letters: list[dict[str, Any]], seconds: float) -> None:
    from ordermonit.reports.alerts.mail import send

    send(smtp, letters, seconds, lambda letter, outcome: _answer(letter["channel"], outcome))


def _without_secrets(text: str, url: str) -> str:
    """The text without any part of the URL: tokens may stand anywhere in it."""
    if not url:
        return text
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
        outcome = _sent(letter)
    except Exception as unforeseen:
        outcome = Outcome(_explained("it failed", f"{type(unforeseen).__name__}: {unforeseen}"))
    _answer(letter["channel"], outcome, url)


def _sent(letter: dict[str, Any]) -> Outcome:
    try:
        from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType, OverflowMode
    except ImportError:
        return Outcome("Apprise is not installed: pip install 'ordermonit[alerts]'")
    logging.getLogger("apprise").setLevel(logging.DEBUG)  # where it has the reasons
    # A POST that is redirected arrives nowhere: it becomes a GET.
    asset = AppriseAsset(app_id="ordermonit", app_desc="ordermonit", http_redirects=False)
    service = Apprise.instantiate(letter["url"], asset=asset)
    if service is None:
        wrong = "Apprise does not take its URL; see https://github.com/caronc/apprise"
        return Outcome(wrong, is_refused=True)
    if "overflow" not in parse_qs(urlsplit(letter["url"]).query):
        service.overflow_mode = OverflowMode.TRUNCATE  # what is too long is refused for ever
    result = Apprise(services=service, asset=asset).notify(
        title=letter["title"],
        body=letter["body"],
        notify_type=NotifyType.SUCCESS if letter["is_good"] else NotifyType.FAILURE,
        body_format=NotifyFormat.TEXT,
        log_level=logging.DEBUG,
    )
    if result:
        return Outcome()
    log = [entry.message for entry in result.logs() if entry.level in ("WARNING", "ERROR")]
    # Beside the reasons that log has whole messages, which are not for ours.
    reasons = [entry.message for entry in result.logs() if entry.message.startswith(_REASON)]
    said = log[-1] if log else "it did not take the message"
    is_refused = any(map(is_for_good, (*log, *reasons)))
    return Outcome(
        _explained(said, reasons[-1].removeprefix(_REASON) if reasons else ""), is_refused
    )


def _explained(said: str, reason: str) -> str:
    why = cause(reason, is_ours=False) or reason
    return f"{said.rstrip('.')}: {why}" if why else said.rstrip(".")


def _ping(url: str, seconds: float) -> None:
    from ordermonit.reports.alerts.delivery import PING

    try:
        problem = _fetched(url, seconds)
    except Exception as unforeseen:
        reason = f"{type(unforeseen).__name__}: {unforeseen}"
        problem = cause(reason, is_ours=False) or reason
    _answer(PING, Outcome(problem), url)


def _fetched(url: str, seconds: float) -> str | None:
    from urllib.error import HTTPError
    from urllib.request import HTTPRedirectHandler, Request, build_opener

    class Here(HTTPRedirectHandler):
        """Whoever is sent elsewhere has not arrived: a login page answers 200 as well."""

        def redirect_request(self, *_: Any) -> None:
            return None

    request = Request(url, headers={"User-Agent": "ordermonit"})
    try:
        with build_opener(Here).open(request, timeout=seconds):
            return None
    except HTTPError as answer:
        elsewhere = " (redirected: name the address that it leads to)" if answer.code < 400 else ""
        return f"it answers {answer.code}{elsewhere}"


if __name__ == "__main__":
    main()
