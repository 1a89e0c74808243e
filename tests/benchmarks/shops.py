"""Many idle shops on one host: what they cost together, and how late one gets."""

import os
import statistics
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from tests.benchmarks.place import Place
from tests.benchmarks.report import Table
from tests.system.inside import CONFIG, RAILS_ROOT, STARTING, STATE, Inside, furnish
from tests.system.machine import SOURCE, Disks, Machine

#: So many shops, and the seconds from one cycle of a shop to its next.
_SHOPS, _PERIOD = 100, 120

#: Seconds between two looks at what runs.
_GLANCE = 0.25

#: "Finished …" of systemd (sd-messages.h).
_FINISHED = "39f53479d3a045ac8e11786248231fbf"


def shops(_: Place, __: int) -> list[Table]:
    """One run, in a machine of its own: it takes two periods, and so many cycles that there is no
    need of another."""
    subprocess.run(["make", "--silent", "-C", str(SOURCE), "build/ready"], check=True)
    with Disks() as disks:
        disk = disks.new("shops")
        disk.forget_host()
        with Machine(disk) as machine:
            machine.run("make", "-C", str(SOURCE), "install", seconds=300)
            _allow_closed_user_namespaces(machine)
            furnish(machine)
            _make(Inside(machine))
            return [_table(_measured(machine))]


def _allow_closed_user_namespaces(machine: Machine) -> None:
    private = ("systemd-run", "--quiet", "--wait", "--property=PrivateUsers=yes", "true")
    if machine.run(*private, check=False).returncode:
        file = "/etc/systemd/system/ordermonit@.service.d/private-users.conf"
        machine.write(file, "[Service]\nPrivateUsers=no\n")


def _make(inside: Inside) -> None:
    """The shops, each with a Front that it has seen all of."""
    inside.front.add_many(1000)
    files: dict[str, dict[str, object]] = {
        "service": {"running_cycle": _PERIOD},
        "process": {},
        "integration_server": {
            "host": "127.0.0.1",
            "username": "deploy",
            "rails_root": RAILS_ROOT,
            "rake": "rake",
        },
        "database": inside.front.settings(),
    }
    machine = inside.machine
    for name, settings in files.items():
        machine.write(f"{CONFIG}/{name}.yml", yaml.safe_dump(settings))
    machine.run("ordermonit", "init", "--latest")
    script = f"""
        for shop in {" ".join(_names())}; do
            install -d -m 750 -g ordermonit {CONFIG}/$shop
            install -m 640 -g ordermonit {CONFIG}/*.yml {CONFIG}/$shop
            install -d -m 700 -o ordermonit -g ordermonit {STATE}/$shop
            install -m 600 -o ordermonit -g ordermonit {STATE}/checkpoint {STATE}/$shop
        done"""
    machine.run("sh", "-ec", script)


def _names() -> list[str]:
    return [f"shop{number:03}" for number in range(_SHOPS)]


@dataclass(slots=True)
class _Measured:
    """`cpu` is a share of one processor; `together` counts cycles that ran at one time, `memory`
    is what they took then in MB; `late` and `took` are seconds, of each start and cycle."""

    cpu: float = 0
    system: float = 0
    together: int = 0
    memory: float = 0
    late: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    reload: float = 0


def _measured(machine: Machine) -> _Measured:
    found = _Measured()
    begun = time.monotonic()
    machine.run("systemctl", "daemon-reload")
    found.reload = time.monotonic() - begun
    timers = [f"ordermonit@{name}.timer" for name in _names()]
    before, begun = _seconds(machine), time.monotonic()
    machine.run("systemctl", "start", *timers)
    while time.monotonic() < begun + 2 * _PERIOD:
        pids = list(_cycles())
        found.together = max(found.together, len(pids))
        found.memory = max(found.memory, sum(map(_megabytes, pids)))
        time.sleep(_GLANCE)
    spent = time.monotonic() - begun
    after = _seconds(machine)
    machine.run("systemctl", "stop", *timers)
    found.cpu = (after["cycles"] - before["cycles"]) / spent
    found.system = (sum(after.values()) - sum(before.values())) / spent - found.cpu
    starts, ends = _times(machine, STARTING), _times(machine, _FINISHED)
    if len(starts) != _SHOPS or len(ends) != _SHOPS:
        raise RuntimeError(f"{len(starts)} of {_SHOPS} shops began a cycle, {len(ends)} ended one")
    for name, times in starts.items():
        found.late += [after - before - _PERIOD for before, after in pairwise(times)]
        found.took += [end - start for start, end in zip(times, ends[name], strict=False)]
    return found


def _seconds(machine: Machine) -> dict[str, float]:
    """Processor time so far: of all that systemd started and that has ended (the cycles), of
    systemd, of journald, and of the database."""
    ticks = os.sysconf("SC_CLK_TCK")
    found = {}
    for name, pid in (("systemd", "1"), *_servers(machine)):
        fields = machine.run("cat", f"/proc/{pid}/stat").stdout.rpartition(")")[2].split()
        found[name] = sum(map(int, fields[11:13])) / ticks
        if pid == "1":
            found["cycles"] = sum(map(int, fields[13:15])) / ticks
    return found


def _servers(machine: Machine) -> Iterator[tuple[str, str]]:
    for unit in ("systemd-journald.service", "mariadb.service"):
        yield unit, machine.show(unit, "MainPID")["MainPID"]


def _cycles() -> Iterator[Path]:
    """The processes of all cycles that run now."""
    for each in Path("/proc").iterdir():
        if each.name.isdecimal():
            with suppress(OSError):
                if b"\0--shop\0shop" in (each / "cmdline").read_bytes():
                    yield each


def _megabytes(process: Path) -> float:
    """Its share of memory; 0 when it has ended."""
    with suppress(OSError, IndexError, ValueError):
        text = (process / "smaps_rollup").read_text()
        return int(text.partition("\nPss:")[2].split()[0]) / 1024
    return 0


def _times(machine: Machine, message: str) -> dict[str, list[float]]:
    """When systemd said this of each shop's service, in seconds."""
    found: dict[str, list[float]] = defaultdict(list)
    entries: list[dict[str, Any]] = machine.journal(f"MESSAGE_ID={message}")
    for entry in entries:
        name = str(entry.get("UNIT", "")).removeprefix("ordermonit@").removesuffix(".service")
        if name in _names():
            found[name].append(int(entry["__MONOTONIC_TIMESTAMP"]) / 1e6)
    return found


def _table(found: _Measured) -> Table:
    processors = os.cpu_count() or 1
    rows = (
        ("CPU of the cycles", f"{found.cpu / processors:.1%} of {processors} processors"),
        (
            "CPU of systemd, journald and the database",
            f"{found.system / processors:.1%} of {processors} processors",
        ),
        ("cycles at one time, at most", f"{found.together}"),
        ("memory of the cycles, at most", f"{found.memory:.0f} MB"),
        ("a cycle from its start to its end", f"{statistics.median(found.took):.2f} s"),
        ("the same, the longest", f"{max(found.took):.2f} s"),
        ("a start after its time", f"{statistics.median(found.late):.3f} s"),
        ("the same, the longest delay", f"{max(found.late):.3f} s"),
        ("`systemctl daemon-reload` with all of them", f"{found.reload:.2f} s"),
    )
    return Table(
        f"{_SHOPS} idle shops on one host",
        f"`ordermonit@SHOP.timer` of each, {_PERIOD} s, in a booted machine with one MariaDB; over"
        f" {2 * _PERIOD} s from the start of all timers at once, {len(found.took)} cycles in one"
        " run. Memory is each process's proportional share.",
        ("figure", "measured"),
        rows,
    )
