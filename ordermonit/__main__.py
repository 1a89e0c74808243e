"""`python -m ordermonit` and the `ordermonit` command."""

import sys

from ordermonit.cli import main

if __name__ == "__main__":
    sys.exit(main())
