"""alerts.yml: who is told of trouble, and how soon again. The file is optional."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from ordermonit.configuration import kinds
from ordermonit.configuration.credentials import ALERT_CHANNELS, SMTP_PASSWORD, read_secret
from ordermonit.configuration.document import read_document
from ordermonit.configuration.keys import Key, keys_of, read
from ordermonit.configuration.problems import Place, Problems

FILE = "alerts.yml"

#: Keys of Rails' `smtp_settings` that say what Apprise finds out by itself.
_IGNORED = frozenset({"authentication", "domain", "enable_starttls", "openssl_verify_mode"})

_MAIL = r"[^\s@,<>]+@[^\s@,<>]+"
_SMTP = MappingProxyType(
    {
        "address": kinds.text("the mail server's name or address", r"[^\s/@?#]+"),
        "port": kinds.whole(1, 65535),
        "user_name": kinds.optional(kinds.text("a user's name"), "no login"),
        "password": kinds.secret("text; put it in quotes"),
        "enable_starttls_auto": kinds.SWITCH,
        "sender": kinds.optional(kinds.text("a mail address", _MAIL), "ordermonit@ this machine"),
    }
)
_SMTP_DEFAULTS: Mapping[str, Any] = {"port": 587, "enable_starttls_auto": True}
_SMTP_KIND = kinds.named(f"a mapping with {', '.join(_SMTP)}", _SMTP, _SMTP_DEFAULTS)


def _smtp(value: object) -> Mapping[str, Any]:
    if isinstance(value, dict):
        value = {name: given for name, given in value.items() if name not in _IGNORED}
    settings: Mapping[str, Any] = _SMTP_KIND.accept(value)
    return settings


@dataclass(frozen=True, slots=True)
class Alerts:
    """The settings. Once read, `channels` has every channel: those of the file, those of the
    credential, and the mail to the subscribers. Times are in seconds."""

    channels: Annotated[
        tuple[str, ...],
        Key(
            kinds.urls("a list of Apprise URLs"),
            "Apprise URLs; the systemd credential alert_channels, one a line, adds to them",
        ),
    ] = field(default=(), repr=False)
    smtp: Annotated[
        Mapping[str, Any] | None,
        Key(
            kinds.optional(kinds.Kind(_SMTP_KIND.expected, _smtp), "no mail"),
            "the mail server: address, port, user_name, password, enable_starttls_auto, sender",
        ),
    ] = field(default=None, repr=False)
    subscribers: Annotated[
        frozenset[str],
        Key(
            kinds.words("a list of mail addresses", at_least_one=False),
            "the mail addresses that alerts go to by smtp",
        ),
    ] = frozenset()
    missing_orders: Annotated[
        int | None,
        Key(
            kinds.optional(kinds.whole(0, kinds.MOST), "never"),
            "an alert where more orders than this fell through in one cycle; null: none",
        ),
    ] = 3
    downtime: Annotated[
        float | None,
        Key(
            kinds.optional(kinds.seconds(), "never"),
            "seconds of downtime before it is an alert; null: none",
        ),
    ] = 900
    quiet_period: Annotated[
        float,
        Key(
            kinds.seconds(above_zero=False),
            "seconds without another alert of the same kind",
        ),
    ] = 3600
    send_timeout: Annotated[
        float,
        Key(kinds.seconds(), "seconds in which all channels have to take an alert"),
    ] = 20
    ping_url: Annotated[
        str | None,
        Key(
            kinds.optional(kinds.secret_url("an http:// or https:// URL"), "none"),
            "a URL that is fetched after each good cycle: a dead man's switch",
        ),
    ] = field(default=None, repr=False)


def load_alerts(directory: Path, environ: Mapping[str, str] = os.environ) -> Alerts | None:
    """The settings of a configuration directory; None where it has no alerts.yml.

    Raises ConfigurationError with every problem of the file, one a line.
    """
    file = directory / FILE
    try:
        os.lstat(file)
    except FileNotFoundError:
        return None
    except OSError:
        pass  # the directory is closed to us, which reading the file says
    problems = Problems()
    place = Place(problems, str(file))
    values = read_document(file, place) or {}
    found = read(keys_of(Alerts), (), values, place, hide=True)
    if ("smtp" in found) == ("smtp" in values):
        _check_mail(found, place)
    password = read_secret(SMTP_PASSWORD, environ, problems, "a password")
    more = read_secret(ALERT_CHANNELS, environ, problems, "Apprise URLs, one a line")
    urls = _lines(more, Place(problems, f"credential {ALERT_CHANNELS}"))
    _check_ping(found, place)
    if problems.lines:
        raise problems.error()
    alerts = Alerts(**found)
    mail = [_mail_url(alerts, password)] if alerts.smtp and alerts.subscribers else []
    return replace(alerts, channels=(*alerts.channels, *urls, *mail))


def _check_mail(found: dict[str, Any], place: Place) -> None:
    for address in found.get("subscribers", ()):
        if re.fullmatch(_MAIL, address) is None:
            place.at("subscribers").say(f"found {address!r}, expected a list of mail addresses")
    if found.get("subscribers") and not found.get("smtp"):
        place.at("smtp").say("missing; expected the mail server that subscribers are reached by")
    if found.get("smtp") and "address" not in found["smtp"]:
        place.at("smtp").say("missing; expected the mail server's name or address", ".address")
    if found.get("smtp") and not found.get("subscribers"):
        place.at("subscribers").say("missing; expected whom the mail server is to send to")


def _check_ping(found: dict[str, Any], place: Place) -> None:
    url = found.get("ping_url")
    if url is not None and not url.lower().startswith(("http://", "https://")):
        place.at("ping_url").say("found another URL (not shown), expected http:// or https://")


def _lines(text: str | None, place: Place) -> tuple[str, ...]:
    """The URLs of the credential; empty lines and comments are left out."""
    lines = [line.strip() for line in (text or "").splitlines()]
    return tuple(
        read(
            {"channels": keys_of(Alerts)["channels"]},
            (),
            {"channels": [line for line in lines if line and not line.startswith("#")]},
            place,
        ).get("channels", ())
    )


def _mail_url(alerts: Alerts, password: str | None) -> str:
    """The former service's mail as an Apprise URL. STARTTLS is demanded, not tried: a password
    never goes over the line in the clear unless the file says so."""
    assert alerts.smtp is not None
    smtp = alerts.smtp
    secure = smtp["enable_starttls_auto"] or smtp["port"] == 465
    mode = "insecure" if not secure else "ssl" if smtp["port"] == 465 else "starttls"
    login, user, secret = "", smtp.get("user_name"), password or smtp.get("password")
    if user is not None:
        login = quote(user, safe="") + (f":{quote(secret, safe='')}" if secret else "") + "@"
    options = {
        "smtp": smtp["address"],
        "from": smtp.get("sender") or f"ordermonit@{os.uname().nodename}",
        "to": ",".join(sorted(alerts.subscribers)),
        "mode": mode,
        "format": "text",
    }
    scheme = "mailtos" if secure else "mailto"
    return f"{scheme}://{login}{smtp['address']}:{smtp['port']}?{urlencode(options)}"
