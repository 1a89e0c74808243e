"""What systemd says of the timer and the service."""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TIMER, SERVICE = "ordermonit.timer", "ordermonit.service"

#: Seconds that systemd gets for an answer.
_LIMIT = 15

_PROPERTIES = (
    "Id",
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
    "BindPaths",
    "BindReadOnlyPaths",
    "DropInPaths",
)

_CREDENTIAL = re.compile(r"^(LoadCredential(?:Encrypted)?=)(.*)$", re.MULTILINE)

Properties = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Units:
    """Both units' properties; `problem` says why systemd could not be asked."""

    timer: Properties
    service: Properties
    problem: str | None = None

    @property
    def user(self) -> str | None:
        """The service's User=, None where there is no service or it is root's."""
        return self.service.get("User") or None


def look() -> Units:
    """Ask systemd. Never raises: a machine without it has no units."""
    if not Path("/run/systemd/system").is_dir():
        return _nothing("this machine does not run systemd")
    wanted = f"--property={','.join(_PROPERTIES)}"
    try:
        done = subprocess.run(
            ["systemctl", "show", wanted, TIMER, SERVICE],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LIMIT,
            env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        return _nothing(f"systemctl gives no answer: {problem}")
    blocks = {each.get("Id"): each for each in map(parsed, done.stdout.split("\n\n"))}
    if not {TIMER, SERVICE} <= blocks.keys():
        return _nothing(f"systemctl can't be asked: {' '.join(done.stderr.split())}")
    return Units(blocks[TIMER], blocks[SERVICE])


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


def _nothing(problem: str) -> Units:
    return Units({}, {}, problem)


def parsed(block: str) -> dict[str, str]:
    """One unit's lines of `systemctl show`; several values of one property are one line each."""
    found: dict[str, str] = {}
    for line in block.strip().splitlines():
        name, _, value = line.partition("=")
        found[name] = f"{found[name]}\n{value}" if name in found else value
    return found
