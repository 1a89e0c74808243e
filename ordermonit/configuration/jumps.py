"""SSH servers as `proxy_jump` of integration_server.yml and `standby` of service.yml name them."""

import re
from dataclasses import dataclass

from ordermonit.configuration.kinds import Kind, text
from ordermonit.configuration.problems import misfit

_EXPECTED = "servers such as user@bastion:22, with commas between them"

_JUMP = re.compile(
    r"((?P<username>[^\s:/@\[\]-][^\s:/@\[\]]*)@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+(%\w+)?\]|[^\s:/@\[\]-][^\s:/@\[\]]*)"
    r"(:(?P<port>[0-9]{1,5}))?"
)


@dataclass(frozen=True, slots=True)
class Jump:
    """An SSH server. `username` None: for a bastion the node's, for a standby `ordermonit`."""

    host: str
    port: int = 22
    username: str | None = None


def _jumps(value: object) -> tuple[Jump, ...]:
    words = text(_EXPECTED).accept(value).split(",")
    return tuple(_jump(word.strip(), _EXPECTED) for word in words)


def _jump(word: str, expected: str) -> Jump:
    jump = _JUMP.fullmatch(word)
    port = int(jump["port"] or 22) if jump else 0
    if jump is None or not 1 <= port <= 65535:
        raise misfit(word, expected)
    return Jump(jump["host"].strip("[]"), port, jump["username"])


#: One server or several, in the order in which they are passed.
JUMPS = Kind(_EXPECTED, _jumps)

_MONITOR = "a monitor such as ordermonit@other:22"

#: One monitor, the other one.
STANDBY = Kind(_MONITOR, lambda value: _jump(text(_MONITOR).accept(value).strip(), _MONITOR))
