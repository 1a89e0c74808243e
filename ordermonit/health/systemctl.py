"""What `systemctl show` says of units, for all that ask."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from ordermonit.shops import ALONE, Shop

#: One unit's properties; several values of one are one line each.
Properties = Mapping[str, str]


class Silent(Exception):
    """systemd can't be asked. Its text says why."""


def show(
    properties: Sequence[str], seconds: float, shop: Shop = ALONE
) -> tuple[Properties, Properties]:
    """These properties of the shop's timer and service; systemd gets so many seconds.

    Raises Silent where there is no systemd, or where it does not answer us.
    """
    (units,) = show_all(properties, seconds, (shop,))
    return units


def show_all(
    properties: Sequence[str], seconds: float, shops: Sequence[Shop]
) -> list[tuple[Properties, Properties]]:
    """The same of several shops, with one question. Raises Silent."""
    if not Path("/run/systemd/system").is_dir():  # sd_booted(3)
        raise Silent("this machine does not run systemd")
    names = [unit for shop in shops for unit in (shop.timer, shop.service)]
    command = ["systemctl", "show", "--no-pager", "--timestamp=us+utc"]
    command += [f"--property={','.join(['Id', *properties])}", *names]
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
    if said.returncode or not units.keys() >= {*names}:
        raise Silent(f"systemctl can't be asked: {' '.join(said.stderr.split())}")
    return [(units[shop.timer], units[shop.service]) for shop in shops]


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
