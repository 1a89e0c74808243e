"""asyncssh, without the compilers it starts when it is imported, and without its warnings.

Everything that needs asyncssh takes it from here.
"""

import ctypes.util
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _without_libraries() -> Iterator[None]:
    # asyncssh adds sntrup761 and umac to its algorithms where it finds liboqs and nettle, at its
    # import and unasked. The search runs ldconfig and, where they exist, gcc and ld: a tenth of the
    # import, and processes that a locked-down service may not start. No server needs those two.
    search = ctypes.util.find_library
    ctypes.util.find_library = lambda name: None
    try:
        yield
    finally:
        ctypes.util.find_library = search


with _without_libraries():
    import asyncssh

# That an old server's algorithms leave cryptography one day tells nobody what to do tonight.
warnings.filterwarnings("ignore", module=r"asyncssh\.")

__all__ = ["asyncssh"]
