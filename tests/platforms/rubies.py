"""The driver's tests on the Rubies of other Debian releases.

The tests are those of tests/node; but the `rake` that they find runs in that release's root.
"""

import shlex
import shutil
from pathlib import Path

from tests.platforms.roots import ROOT, made, passes, said, wrapped

#: Ruby 2.7 with ActiveRecord 6.0, and 3.3 with 7.2.
_RELEASES = ("bullseye", "trixie")

_PACKAGES = ("ruby", "rake", "ruby-activerecord", "ruby-sqlite3")


def failed() -> list[str]:
    """The releases on which a test failed."""
    return [release for release in _RELEASES if not _passes(release)]


def _passes(release: str) -> bool:
    root = made(release, _PACKAGES)
    versions = 'require "rake"; puts "Ruby #{RUBY_VERSION}, rake #{Rake::VERSION}"'
    print(f"\n{release}: {said(root, 'ruby', '-e', versions)}", flush=True)
    tests = [str(test) for test in sorted((ROOT / "tests/node").glob("test_driver*.py"))]
    return passes(root, wrapped(root, {"rake": _rake(root)}), tests)


def _rake(root: Path) -> str:
    """`rake` in that root, where it was called."""
    there = shlex.quote('cd "$0" && exec rake "$@"')
    return f'{shutil.which("chroot")} {shlex.quote(str(root))} sh -c {there} "$PWD" "$@"'
