"""`make bench`: run it all, and write docs/benchmarks.md."""

import argparse
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.benchmarks import growth, integration, month, present, report, shops, warm
from tests.benchmarks.place import Place
from tests.benchmarks.report import Table

#: Rivals for the processor are no part of what is measured, so whoever may goes before them. (Not
#: by niceness, which sched(7) compares within one session only.)
_PRIORITY = os.sched_param(1)

_SECTIONS: dict[str, Callable[[Place, int], list[Table]]] = {
    "idle": growth.idle,
    "open": growth.open_records,
    "noise": growth.noise,
    "integration": integration.integration,
    "parts": integration.parts,
    "present": present.present,
    "warm": warm.warm,
    "growth": growth.front,
    "report": month.views,
    "shops": shops.shops,
}


def main() -> None:
    """Every section, or those that are named; the file is written after each."""
    parser = argparse.ArgumentParser(description="Measure ordermonit beside its rivals")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(_SECTIONS))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path("docs/benchmarks.md"))
    options = parser.parse_args()
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, _PRIORITY)
    tables: list[Table] = []
    with Place() as place:
        for name in options.sections or _SECTIONS:
            print(f"{name}:", file=sys.stderr)
            tables += _SECTIONS[name](place, options.runs)
            options.output.write_text(report.document(tables, options.runs))
    print(options.output.read_text())


if __name__ == "__main__":
    main()
