"""The node's tests on the Rubies of other Debian releases: the driver, what it leaves booted
(`keep_booted`), the forced command, and sessions over SSH.

The tests are those of tests/node; but the `rake` that they find runs in that release's root.
"""

import shlex
import shutil
from pathlib import Path

from tests.platforms.roots import made, passes, said, wrapped

#: Ruby 2.7 with ActiveRecord 6.0, and 3.3 with 7.2.
_RELEASES = ("bullseye", "trixie")

_PACKAGES = ("ruby", "rake", "ruby-activerecord", "ruby-sqlite3")


def failed() -> list[str]:
    """The releases on which a test failed."""
    return [release for release in _RELEASES if not _passes(release)]


def _passes(release: str) -> bool:
    root = made(release, _PACKAGES)
    versions = 'require "rake"; puts RUBY_VERSION, Rake::VERSION'
    ruby, rake = said(root, "ruby", "-e", versions).split()
    print(f"\n{release}: Ruby {ruby}, rake {rake}", flush=True)
    programs = wrapped(root, {"rake": _rake(root)})
    return passes(root, programs, ["tests/node"], TESTS_RUBY=ruby, CI="1")


def _rake(root: Path) -> str:
    """`rake` in that root, where it was called."""
    there = shlex.quote('cd "$0" && exec rake "$@"')
    return f'{shutil.which("chroot")} {shlex.quote(str(root))} sh -c {there} "$PWD" "$@"'
