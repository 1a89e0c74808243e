"""Everything, from nothing, on the other Debian that is supported: the suite, and the package.

The clone is in root's home there, where another user can't enter, as people do clone.
"""

from tests.platforms.debian import fresh, passes

_RELEASES = ("trixie",)


def failed() -> list[str]:
    """The releases on which a test failed, or lintian had something to say about the package."""
    return [release for release in _RELEASES if not _passes(release)]


def _passes(release: str) -> bool:
    print(f"\n{release}: make test, make deb", flush=True)
    with fresh(release, ()) as root:
        package = ("env", "DEBEMAIL=packages@example.org", "make", "deb")
        return passes(root, "make", "test") and passes(root, *package)
