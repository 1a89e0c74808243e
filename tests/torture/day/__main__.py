"""`python -m tests.torture.day`: the day, and its table."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.parts.mariadb import MariaDB
from tests.torture.day import SEED, run
from tests.torture.day.sales import SMALL, WHOLE


def _said(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    """Run it; 1 unless the promise was kept."""
    parser = argparse.ArgumentParser(description="24 simulated hours of a shop, with faults")
    parser.add_argument("--small", action="store_true", help="32 minutes instead, as in make test")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--keep", type=Path, help="a new directory for all that is left of it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="om-day-") as temporary, MariaDB() as mariadb:
        directory = options.keep or Path(temporary)
        directory.mkdir(exist_ok=True)
        size = SMALL if options.small else WHOLE
        result = run(directory, mariadb, size=size, seed=options.seed, say=_said)
    for what, how in result.rows:
        _said(f"{what}: {how}")
    for problem in (*result.lost, *result.doubled, *result.problems):
        _said(problem)
    return 0 if result.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
