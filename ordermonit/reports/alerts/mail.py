"""Mail to the subscribers, by the server of `smtp`: one connection, one mail to each.

It is not sent by Apprise, which takes `o'neil@` for `neil@`, no password beyond ASCII, and no own
authority, and keeps the reason to itself.
"""

import base64
import smtplib
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from os import uname
from typing import Any

from ordermonit.reports.alerts.causes import cause, is_for_good
from ordermonit.reports.alerts.outbox import Outcome

Letter = Mapping[str, Any]


def send(
    smtp: Mapping[str, Any],
    letters: Iterable[Letter],
    seconds: float,
    answer: Callable[[Letter, Outcome], None],
) -> None:
    """Send each letter to the address in its `to`, and answer for it. `seconds` for each wait."""
    left = [*letters]
    try:
        with _session(smtp, seconds) as server:
            while left:
                answer(left[0], _sent(server, smtp, left[0]))
                left.pop(0)
    except Exception as problem:
        outcome = _outcome(problem, smtp)
        for letter in left:
            answer(letter, outcome)


@contextmanager
def _session(smtp: Mapping[str, Any], seconds: float) -> Iterator[smtplib.SMTP]:
    where = (smtp["address"], smtp["port"], uname().nodename)
    if smtp["security"] == "tls":
        tls = smtplib.SMTP_SSL(*where, timeout=seconds, context=_context(smtp))
        with tls as server:
            _log_in(server, smtp)
            yield server
        return
    with smtplib.SMTP(*where, timeout=seconds) as server:
        if smtp["security"] == "starttls":
            server.starttls(context=_context(smtp))
        _log_in(server, smtp)
        yield server


def _context(smtp: Mapping[str, Any]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=smtp.get("ca_file"))
    if not smtp["openssl_verify_mode"]:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _log_in(server: smtplib.SMTP, smtp: Mapping[str, Any]) -> None:
    user, password = smtp.get("user_name"), smtp.get("password") or ""
    if user is None:
        return
    if (user + password).isascii():
        server.login(user, password)
        return
    # smtplib knows ASCII alone; servers take UTF-8 (RFC 4616).
    server.ehlo_or_helo_if_needed()
    offered = server.esmtp_features.get("auth", "").upper().split()
    if "PLAIN" in offered:
        code, said = server.docmd("AUTH", "PLAIN " + _base64(f"\0{user}\0{password}"))
    elif "LOGIN" in offered:
        code, said = server.docmd("AUTH", "LOGIN " + _base64(user))
        if code == 334:
            code, said = server.docmd(_base64(password))
    else:
        raise smtplib.SMTPNotSupportedError("SMTP AUTH extension not supported by server.")
    if code != 235:
        raise smtplib.SMTPAuthenticationError(code, said)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _sent(server: smtplib.SMTP, smtp: Mapping[str, Any], letter: Letter) -> Outcome:
    try:
        sender, to = _address(smtp["sender"]), _address(letter["to"])
        mail = EmailMessage()
        mail["From"], mail["To"] = sender, to
        mail["Subject"] = " ".join(letter["title"].split())
        mail["Date"] = formatdate()
        mail["Message-ID"] = make_msgid(domain=sender.domain)
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(letter["body"])
        server.send_message(mail, sender.addr_spec, [to.addr_spec])
    except smtplib.SMTPServerDisconnected:
        raise
    except (smtplib.SMTPException, ValueError) as problem:
        return _outcome(problem, smtp)
    return Outcome()


def _address(text: str) -> Address:
    """The address, its domain as the network has it. Raises ValueError for none."""
    name, _, domain = text.rpartition("@")
    if not domain.isascii():
        domain = domain.encode("idna").decode()
    return Address(username=name, domain=domain)


def _outcome(problem: Exception, smtp: Mapping[str, Any]) -> Outcome:
    """Why, and whether it is refused; the password is taken out of what the server said."""
    match problem:
        case smtplib.SMTPRecipientsRefused():
            said = f"it refuses the address: {next(iter(problem.recipients.values()))}"
        case smtplib.SMTPSenderRefused():
            said = f"it refuses smtp.sender: {(problem.smtp_code, problem.smtp_error)}"
        case smtplib.SMTPResponseException():
            said = f"it refuses: {(problem.smtp_code, problem.smtp_error)}"
        case _:
            said = f"{problem}" or type(problem).__name__
    where = f"{smtp['address']}:{smtp['port']}"
    why = cause(said, is_ours=True) or said
    if smtp.get("password"):
        why = why.replace(smtp["password"], "…")
    is_refused = is_for_good(said) or isinstance(
        problem, ValueError | smtplib.SMTPNotSupportedError
    )
    return Outcome(f"{where}: {why}", is_refused)
