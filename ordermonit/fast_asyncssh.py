"""asyncssh, without the compilers it starts when it is imported.

Its import looks for two libraries that add algorithms which no session needs (liboqs, nettle), and
does so with ldconfig and, where they exist, gcc and ld: a tenth of the whole import, and processes
that a locked-down service may not start. Everything that needs asyncssh takes it from here.
"""

import ctypes.util
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _without_libraries() -> Iterator[None]:
    search = ctypes.util.find_library
    ctypes.util.find_library = lambda name: None
    try:
        yield
    finally:
        ctypes.util.find_library = search


with _without_libraries():
    import asyncssh

__all__ = ["asyncssh"]
