"""`check`: the doctor's findings, for people and programs."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from ordermonit.commands.context import Context
from ordermonit.doctor.examination import examine
from ordermonit.doctor.findings import Finding, Part, Severity, exit_code
from ordermonit.errors import UsageError
from ordermonit.shops import Shop

if TYPE_CHECKING:
    from rich.console import Console

_WIDTH = max(map(len, Severity))
_STYLES = {
    Severity.OK: "green",
    Severity.NOT_TRIED: "cyan",
    Severity.WARNING: "bold yellow",
    Severity.ERROR: "bold red",
}


def check(context: Context) -> int:
    """Examine everything, or the parts that were named; the worst error's exit code."""
    wanted = _parts(context.arguments.part)
    show = _nowhere if context.arguments.json else _shower()
    found: list[tuple[Part, Finding]] = []
    examined = examine(
        context.directory,
        context.enter,
        context.config,
        context.configuration,
        wanted,
        context.shop,
    )
    for part, plain in examined:
        finding = _of(context.shop, plain)
        show(part if not found or found[-1][0] is not part else None, finding)
        found.append((part, finding))
    code = exit_code(finding for _, finding in found)
    if context.arguments.json:
        print(json.dumps({"exit": code, "findings": [_as_json(*each) for each in found]}))
    else:
        print(f"\n{_summary(Counter(finding.severity for _, finding in found))}")
    return code


def _of(shop: Shop, finding: Finding) -> Finding:
    """The finding with commands and units as they are typed for this shop."""
    return replace(finding, found=shop.typed(finding.found), remedy=shop.typed(finding.remedy))


def _parts(words: list[str]) -> frozenset[Part]:
    unknown = set(words) - set(Part)
    if unknown:
        raise UsageError(
            f"check has no part {', '.join(sorted(unknown))}", f"Give one of {', '.join(Part)}"
        )
    return frozenset(map(Part, words)) or frozenset(Part)


def _as_json(part: Part, finding: Finding) -> dict[str, object]:
    return {
        "part": part,
        "severity": finding.severity,
        "found": finding.found,
        "remedy": finding.remedy or None,
        "exit": finding.exit,
    }


def _summary(counts: Counter[Severity]) -> str:
    said = [
        f"{counts[severity]} {severity}{'s' if counts[severity] > 1 else ''}"
        for severity in (Severity.ERROR, Severity.WARNING)
        if counts[severity]
    ]
    if counts[Severity.NOT_TRIED]:
        said.append(f"{counts[Severity.NOT_TRIED]} not tried")
    return ", ".join(said) or "all is well"


#: Shows a finding, under its part's heading where it is the part's first.
_Show = Callable[[Part | None, Finding], None]


def _nowhere(_: Part | None, __: Finding) -> None:
    """For `--json`, which is one text at the end."""


def _shower() -> _Show:
    if sys.stdout.isatty():
        try:
            from rich.console import Console
        except ImportError:
            return _plain
        console = Console()
        return lambda heading, finding: _coloured(console, heading, finding)
    return _plain


def _plain(heading: Part | None, finding: Finding) -> None:
    if heading is not None:
        print(heading)
    print(f"  {finding.severity:<{_WIDTH}}  {finding.found}", flush=True)
    if finding.remedy:
        print(f"  {'':<{_WIDTH}}  {finding.remedy}", flush=True)


def _coloured(console: Console, heading: Part | None, finding: Finding) -> None:
    """The same, folded to the terminal's width."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    if heading is not None:
        console.print(Text(heading, style="bold"))
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=_WIDTH, no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(Text(finding.severity, style=_STYLES[finding.severity]), Text(finding.found))
    if finding.remedy:
        grid.add_row("", Text(finding.remedy, style="bold"))
    console.print(Padding(grid, (0, 0, 0, 2)))
