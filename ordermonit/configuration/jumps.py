"""The servers on the way to the node, as `proxy_jump` of integration_server.yml names them."""

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
    """An SSH server that forwards us to the next one. `username` None: the same as on the node."""

    host: str
    port: int = 22
    username: str | None = None


def _jumps(value: object) -> tuple[Jump, ...]:
    found = []
    for word in text(_EXPECTED).accept(value).split(","):
        jump = _JUMP.fullmatch(word.strip())
        port = int(jump["port"] or 22) if jump else 0
        if jump is None or not 1 <= port <= 65535:
            raise misfit(word.strip(), _EXPECTED)
        found.append(Jump(jump["host"].strip("[]"), port, jump["username"]))
    return tuple(found)


#: One server or several, in the order in which they are passed.
JUMPS = Kind(_EXPECTED, _jumps)
