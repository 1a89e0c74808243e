"""`python -m ordermonit` and the `ordermonit` command."""

import gc
import os
import sys
from typing import NoReturn

from ordermonit.errors import Exit

#: Objects that may come before the collector looks for cycles. A start makes 10,000s that all stay,
#: and Python's own 700 makes it look at them again and again.
_BEFORE_A_COLLECTION = 50_000


def main() -> NoReturn:
    """Run the command, and end this process."""
    gc.set_threshold(_BEFORE_A_COLLECTION)
    _open_streams()
    try:
        from ordermonit.cli import main as run

        code = run()
    except KeyboardInterrupt:  # while Python still reads the program, or at its very end
        code = 130
    _end(code)


def _open_streams() -> None:
    """What was closed before us (`>&-`) leads nowhere: else the next file of ours would get its
    number, and what a library writes there."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the least number that is free: this one
    sys.stdin = sys.stdin or os.fdopen(0)
    sys.stdout = sys.stdout or os.fdopen(1, "w")
    sys.stderr = sys.stderr or os.fdopen(2, "w")


def _end(code: int) -> NoReturn:
    """End with what was printed, without taking the interpreter down piece by piece.

    That takes longer than the whole of an idle cycle's own work, and nothing waits for it: what has
    to last is synced, and the kernel gives back locks, sockets and memory.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        pass  # its reader has gone
    except OSError as problem:
        print(f"ordermonit: the output can't be written: {problem.strerror}", file=sys.stderr)
        code = code or Exit.IO
    os._exit(code)


if __name__ == "__main__":
    main()
