"""`python -m tests.torture.day`: the day with the sick and without, and its table."""

import argparse
import sys
from pathlib import Path

from tests.torture.day import SEED, both
from tests.torture.day.sales import SMALL, WHOLE


def main() -> int:
    """Run it; 1 unless the promise was kept."""
    parser = argparse.ArgumentParser(description="24 simulated hours of a shop, with faults")
    parser.add_argument("--small", action="store_true", help="48 minutes instead, as in make test")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--keep", type=Path, help="a new directory for all that is left of it")
    options = parser.parse_args()
    if options.keep is not None:
        options.keep.mkdir()
    result = both(SMALL if options.small else WHOLE, options.seed, options.keep)
    for what, how in result.rows:
        print(f"{what}: {how}")
    for problem in (*result.lost, *result.doubled, *result.problems):
        print(problem)
    return 0 if result.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
