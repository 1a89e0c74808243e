"""`make platforms`: what other Debian releases bring, under the tests. Root."""

import argparse
import sys
from collections.abc import Callable

from tests.platforms import databases, pythons, rubies, suite

_PARTS: dict[str, Callable[[], list[str]]] = {
    "rubies": rubies.failed,
    "databases": databases.failed,
    "pythons": pythons.failed,
    "suite": suite.failed,
}


def main() -> int:
    """Every part, or those that are named; how many releases or servers failed a test."""
    parser = argparse.ArgumentParser(description="Run the tests on what other releases bring")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(_PARTS))
    failed = [each for part in parser.parse_args().parts or _PARTS for each in _PARTS[part]()]
    print(f"platforms: failed on {', '.join(failed)}" if failed else "platforms: all passed")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
