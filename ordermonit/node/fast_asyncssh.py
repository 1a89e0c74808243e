"""asyncssh, without the compilers it starts when it is imported, and without X.509.

Its import looks for two libraries that add algorithms which no session needs (liboqs, nettle), and
does so with ldconfig and, where they exist, gcc and ld: a tenth of the whole import, and processes
that a locked-down service may not start. A fifth goes into certificates of another kind than
OpenSSH's, which asyncssh has where it can (it needs pyOpenSSL for them). Everything that needs
asyncssh takes it from here.
"""

import ctypes.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_X509 = "asyncssh.crypto.x509"


@contextmanager
def _without_libraries() -> Iterator[None]:
    search = ctypes.util.find_library
    ctypes.util.find_library = lambda name: None
    sys.modules[_X509] = None  # type: ignore[assignment]  # "not there", as import reads it
    try:
        yield
    finally:
        ctypes.util.find_library = search
        del sys.modules[_X509]


with _without_libraries():
    import asyncssh

__all__ = ["asyncssh"]
