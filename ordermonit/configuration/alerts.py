"""alerts.yml: who is told of trouble, and how soon again. The file is optional."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from ordermonit.configuration import kinds
from ordermonit.configuration.credentials import ALERT_CHANNELS, SMTP_PASSWORD, read_secret
from ordermonit.configuration.document import read_document
from ordermonit.configuration.keys import Key, keys_of, read
from ordermonit.configuration.problems import Place, Problems, misfit

FILE = "alerts.yml"

#: Keys of Rails' `smtp_settings` that say what is found out anyway, or is ruled by `send_timeout`.
_IGNORED = frozenset({"authentication", "domain", "open_timeout", "read_timeout"})

_MAIL = r"[^\s@,<>]+@[^\s@,<>]+"


def _verify(value: object) -> bool:
    """Rails' word or OpenSSL's number for it."""
    word = value.lower().removeprefix(":") if isinstance(value, str) else value
    if isinstance(word, bool) or word not in ("peer", "none", 0, 1):
        raise misfit(value, _VERIFY.expected)
    return word in ("peer", 1)


_VERIFY = kinds.Kind("peer or none", _verify)
_SMTP = MappingProxyType(
    {
        "address": kinds.text("the mail server's name or address", r"[^\s/@?#]+"),
        "port": kinds.whole(1, 65535),
        "user_name": kinds.optional(kinds.text("a user's name"), "no login"),
        "password": kinds.secret("text; put it in quotes"),
        "enable_starttls_auto": kinds.SWITCH,
        "enable_starttls": kinds.SWITCH,
        "openssl_verify_mode": _VERIFY,
        "ca_file": kinds.optional(kinds.text("a file of certificates"), "the system's"),
        "sender": kinds.optional(kinds.text("a mail address", _MAIL), "ordermonit@ this machine"),
    }
)
_SMTP_DEFAULTS: Mapping[str, Any] = {
    "port": 587,
    "enable_starttls_auto": True,
    "enable_starttls": False,
    "openssl_verify_mode": True,
}
_SMTP_KIND = kinds.named(f"a mapping with {', '.join(_SMTP)}", _SMTP, _SMTP_DEFAULTS)


def _smtp(value: object) -> Mapping[str, Any]:
    if isinstance(value, dict):
        value = {name: given for name, given in value.items() if name not in _IGNORED}
    settings: Mapping[str, Any] = _SMTP_KIND.accept(value)
    return settings


@dataclass(frozen=True, slots=True)
class Alerts:
    """The settings. Once read, `channels` has those of the credential too, and `smtp` its password
    and its `security`: tls, starttls or none. Times are in seconds."""

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
            "the mail server: address, port, user_name, password, sender, and how it is trusted",
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
    lag: Annotated[
        float | None,
        Key(
            kinds.optional(kinds.seconds(), "never"),
            "seconds that an order may wait to be looked at, or to be taken; null: for ever",
        ),
    ] = 1800
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

    @property
    def reaches_somebody(self) -> bool:
        """Whether there is a channel or a subscriber."""
        return bool(self.channels or (self.smtp and self.subscribers))


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
    if found.get("smtp"):
        found["smtp"] = _resolved(found["smtp"], directory, password, place.at("smtp"))
    if problems.lines:
        raise problems.error()
    alerts = Alerts(**found)
    return replace(alerts, channels=(*alerts.channels, *urls))


def _resolved(
    smtp: Mapping[str, Any], directory: Path, password: str | None, place: Place
) -> Mapping[str, Any]:
    """The mail server's settings as they are used. STARTTLS is demanded, not tried: a password
    never goes over the line in the clear unless the file says so."""
    is_secure = smtp["enable_starttls_auto"] or smtp["enable_starttls"]
    security = "tls" if smtp["port"] == 465 else "starttls" if is_secure else "none"
    found = {"sender": f"ordermonit@{os.uname().nodename}", **smtp, "security": security}
    if password is not None:
        found["password"] = password
    if "ca_file" in smtp:
        file = directory / smtp["ca_file"]
        found["ca_file"] = str(file)
        if not os.access(file, os.R_OK):
            place.at("ca_file").say(f"{file} can't be read; expected a file of certificates")
    return MappingProxyType(found)


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
