"""The SSH servers on the way to the node, the node last: where each is, and what it is called."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ordermonit.configuration import Node as Settings

DEFAULT_PORT = 22


@dataclass(frozen=True, slots=True)
class Hop:
    """One of them. `before` are those that are passed first; `key` is where it is configured.

    Names of hosts are lower case, as OpenSSH has them: so known_hosts and certificates name them.
    """

    username: str
    host: str
    port: int
    key: str
    before: tuple[Hop, ...] = ()

    @property
    def login(self) -> str:
        """As it is configured: user@host:port."""
        return f"{self.username}@{self.address}"

    @property
    def address(self) -> str:
        """host:port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def known_as(self) -> str:
        """The name that known_hosts has it under."""
        return self.host if self.port == DEFAULT_PORT else f"[{self.host}]:{self.port}"

    @property
    def place(self) -> str:
        """Which of the servers it is, behind its name in a sentence; nothing if it is the only."""
        if self.key == "proxy_jump":
            return " (proxy_jump)"
        return f" (behind {self.before[-1].login})" if self.before else ""

    def __str__(self) -> str:
        return f"{self.login}{self.place}"

    @property
    def setting(self) -> str:
        """Where its name is configured."""
        file = "integration_server.yml"
        return (
            "standby in service.yml"
            if self.key == "standby"
            else f"{self.key} or username in {file}"
        )

    @property
    def role(self) -> str:
        """What it is to us."""
        return {"proxy_jump": "bastion", "standby": "standby"}.get(self.key, "node")

    @property
    def jumps(self) -> str:
        """Those before it, as ssh's -J takes them, quoted for a shell."""
        return shlex.quote(",".join(hop.login for hop in self.before))


def hops(settings: Settings) -> tuple[Hop, ...]:
    """The way to the node."""
    way: tuple[Hop, ...] = ()
    for jump in settings.proxy_jump or ():
        username = jump.username or settings.username
        way += (Hop(username, jump.host.lower(), jump.port, "proxy_jump", way),)
    node = Hop(settings.username, settings.host.lower(), settings.port, "host", way)
    return (*way, node)
