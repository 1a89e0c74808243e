"""Why a channel could not be reached, in words that say what to correct.

Libraries say it in theirs, each in another way, and Apprise says most of it only in its log.
"""

import re

#: What libraries say, what it means, and what to do about it under `smtp` of alerts.yml.
_CAUSES = (
    (
        r"name or service not known|name resolution|no address associated|nodename nor servname",
        "unknown host",
        "correct smtp.address",
    ),
    (
        r"connection refused",
        "nobody listens there (connection refused)",
        "correct smtp.address or smtp.port",
    ),
    (
        r"certificate(?:.*verify failed: (?P<words>[^(]+?) \()?",
        "its certificate is not trusted",
        "name its authority's certificate in smtp.ca_file, or correct smtp.address to the name"
        " in the certificate",
    ),
    (
        r"wrong.version.number|record.layer.failure|eof occurred",
        "it does not speak TLS there from the beginning",
        "use the port for STARTTLS, 587 mostly",
    ),
    (
        r"starttls extension not supported",
        "it has no STARTTLS, so nothing was sent in the clear",
        "correct smtp.port; or, where the way to it is safe, set smtp.enable_starttls_auto: false",
    ),
    (
        r"smtp auth extension not supported|no suitable authentication",
        "it takes no login there",
        "correct smtp.port, or take smtp.user_name away",
    ),
    (
        r"smtputf8",
        "it takes no address with letters beyond ASCII",
        "name another address in subscribers or smtp.sender",
    ),
    (r"\(53[0458], ", "wrong user name or password", "correct smtp.user_name and smtp.password"),
    (
        r"codec can't encode",
        "Apprise sends no user name and no password with letters beyond ASCII",
        "",
    ),
    (r"timed out|no answer", "no answer in time", "look at smtp.address and smtp.port"),
    (r"connection unexpectedly closed", "it has closed the connection", "look into its log"),
)

_REPLY = re.compile(r"\((\d{3}), b?(['\"])(.*?)\2[,)]")


def cause(said: str, *, is_ours: bool) -> str | None:
    """What this means, with the server's own reply and, with `is_ours`, the key to correct; None
    for what nobody knows."""
    reply = _REPLY.search(said)
    for pattern, meaning, remedy in _CAUSES:
        found = re.search(pattern, said, re.IGNORECASE)
        if found is not None:
            more = found.groupdict().get("words") or (f"{reply[1]} {reply[3]}" if reply else "")
            words = f": {more}" if more else ""
            return f"{meaning}{words}" + (f"; {remedy}" if is_ours and remedy else "")
    return None


#: An answer that the same message will get again: redirected, or wrong, but not "later".
_FOR_GOOD = re.compile(r"error=(3\d\d|4(?!08|25|29)\d\d)\b|\(5\d\d, |was refused: 5\d\d")


def is_for_good(said: str) -> bool:
    """Whether the other side has answered, and said no."""
    return _FOR_GOOD.search(said) is not None
