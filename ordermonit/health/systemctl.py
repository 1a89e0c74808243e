"""What `systemctl show` says of units, for all that ask."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

TIMER, SERVICE = "ordermonit.timer", "ordermonit.service"

#: One unit's properties; several values of one are one line each.
Properties = Mapping[str, str]


class Silent(Exception):
    """systemd can't be asked. Its text says why."""


def show(properties: Sequence[str], seconds: float) -> tuple[Properties, Properties]:
    """These properties of the timer and of the service; systemd gets so many seconds.

    Raises Silent where there is no systemd, or where it does not answer us.
    """
    if not Path("/run/systemd/system").is_dir():  # sd_booted(3)
        raise Silent("this machine does not run systemd")
    command = ["systemctl", "show", "--no-pager", "--timestamp=us+utc"]
    command += [f"--property={','.join(['Id', *properties])}", TIMER, SERVICE]
    try:
        said = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise Silent(f"systemctl gives no answer: {problem}") from None
    units = parsed(said.stdout)
    if said.returncode or not {TIMER, SERVICE} <= units.keys():
        raise Silent(f"systemctl can't be asked: {' '.join(said.stderr.split())}")
    return units[TIMER], units[SERVICE]


def parsed(text: str) -> dict[str, Properties]:
    """The units by their names, from what `systemctl show` printed."""
    found: dict[str, Properties] = {}
    for block in text.split("\n\n"):
        unit: dict[str, str] = {}
        for line in block.strip().splitlines():
            name, _, value = line.partition("=")
            unit[name] = f"{unit[name]}\n{value}" if name in unit else value
        found[unit.get("Id", "")] = unit
    return found
