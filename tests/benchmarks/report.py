"""The results as Markdown, ratios first, with the machine that they were measured on."""

import os
import platform
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_BENCHMARKS = """\
# Benchmarks

Written by `make bench`. Figures are medians over {runs} runs in which the rivals took turns; a
ratio is the median of the ratios of runs that stood side by side.
"""


@dataclass(frozen=True, slots=True)
class Table:
    """One table under a heading, with what there is to say about it."""

    heading: str
    text: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def document(tables: list[Table], runs: int) -> str:
    """The whole file of the benchmarks."""
    return paper(_BENCHMARKS.format(runs=runs), tables)


def paper(introduction: str, tables: list[Table]) -> str:
    """A file: its title and introduction, the tables, and the machine that they are from."""
    return "\n".join([introduction, *map(_table, tables), _machine()])


def _table(table: Table) -> str:
    lines = [table.columns, tuple("---" for _ in table.columns), *table.rows]
    body = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return f"## {table.heading}\n\n{table.text}\n\n{body}"


def _machine() -> str:
    cpu = next(
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith(("model name", "Model", "processor"))
        and not line.partition(":")[2].strip().isdigit()
    )
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 1024**2
    kind = subprocess.run(
        ["stat", "-f", "-c", "%T", "/tmp"], check=True, capture_output=True, text=True
    ).stdout.strip()
    load = ", ".join(f"{part:.1f}" for part in os.getloadavg())
    return (
        f"## The machine\n\n{os.cpu_count()} processors ({cpu}), {memory:.0f} GB,"
        f" {platform.system()} {platform.release()}, Python {platform.python_version()},"
        f" {_version('ruby')}; the state directory on {kind}. Load averages at the end: {load}."
        f" {datetime.now(UTC):%Y-%m-%d}.\n"
    )


def _version(program: str) -> str:
    said = subprocess.run([program, "--version"], check=True, capture_output=True, text=True)
    return " ".join(said.stdout.split()[:2])
