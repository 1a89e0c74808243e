"""What systemd says of the timer and the service."""

import re
from dataclasses import dataclass
from pathlib import Path

from ordermonit.health.systemctl import Properties, Silent, show
from ordermonit.shops import ALONE, Shop

#: Seconds that systemd gets for an answer.
_LIMIT = 15

_PROPERTIES = (
    "LoadState",
    "LoadError",
    "FragmentPath",
    "UnitFileState",
    "ActiveState",
    "SubState",
    "NeedDaemonReload",
    "TimersMonotonic",
    "User",
    "ExecStart",
    "ExecMainStatus",
    "ExecMainExitTimestamp",
    "Result",
    "ProtectHome",
    "TemporaryFileSystem",
    "BindPaths",
    "BindReadOnlyPaths",
    "DropInPaths",
    "LogRateLimitIntervalUSec",
    "LogRateLimitBurst",
)

_CREDENTIAL = re.compile(r"^(LoadCredential(?:Encrypted)?=)(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Units:
    """Both units' properties; `problem` says why systemd could not be asked."""

    timer: Properties
    service: Properties
    problem: str | None = None
    shop: Shop = ALONE

    @property
    def user(self) -> str | None:
        """The service's User=, None where there is no service or it is root's."""
        return self.service.get("User") or None


def look(shop: Shop = ALONE) -> Units:
    """Ask systemd. Never raises: a machine without it has no units."""
    try:
        return Units(*show(_PROPERTIES, _LIMIT, shop), shop=shop)
    except Silent as why:
        return Units({}, {}, str(why), shop)


def credentials(unit: Properties) -> list[str]:
    """The lines LoadCredential=, from the unit's files: `systemctl show` can't print them."""
    found: list[str] = []
    for file in (unit.get("FragmentPath", ""), *unit.get("DropInPaths", "").split()):
        try:
            text = Path(file).read_text("utf-8", "replace")
        except OSError:
            continue
        for name, value in _CREDENTIAL.findall(text):
            if value:
                found.append(f"{name}{value}")
            else:  # clears what came before
                found = [line for line in found if not line.startswith(name)]
    return found
