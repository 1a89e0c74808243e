"""The driver's tests on the Rubies of other Debian releases. Root; `make platforms`.

debootstrap makes each release, from the mirror that apt uses here, and build/platforms keeps it.
The tests are those of tests/node; but the `rake` that they find runs in that release's root.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_ROOTS = _ROOT / "build" / "platforms"

#: Ruby 2.7 with ActiveRecord 6.0, and 3.3 with 7.2.
RELEASES = ("bullseye", "trixie")

_PACKAGES = ("ruby", "rake", "ruby-activerecord", "ruby-sqlite3")

#: In a mount namespace of its own, so that nothing is left mounted whatever ends it.
_INSIDE = """
for directory in /proc /dev "$1"; do
    mkdir -p "$0$directory"
    mount --rbind "$directory" "$0$directory"
done
shift
exec "$@"
"""


def main() -> int:
    """The number of releases on which a test failed."""
    _ROOTS.mkdir(parents=True, exist_ok=True)
    failed = [release for release in RELEASES if not _passes(release)]
    print(f"platforms: failed on {', '.join(failed)}" if failed else "platforms: all passed")
    return len(failed)


def _passes(release: str) -> bool:
    root = _made(release)
    ruby = ["ruby", "-e", 'require "rake"; puts "Ruby #{RUBY_VERSION}, rake #{Rake::VERSION}"']
    said = subprocess.run(["chroot", root, *ruby], check=True, capture_output=True, text=True)
    print(f"\n{release}: {said.stdout}", flush=True)
    tests = [str(test) for test in sorted((_ROOT / "tests/node").glob("test_driver*.py"))]
    pytest = [sys.executable, "-m", "pytest", "-n0", *tests]
    inside = ["unshare", "--mount", "sh", "-euc", _INSIDE, str(root), tempfile.gettempdir()]
    environment = {**os.environ, "PATH": f"{_wrapper(root)}:{os.environ['PATH']}"}
    return (
        subprocess.run([*inside, *pytest], cwd=_ROOT, env=environment, check=False).returncode == 0
    )


def _made(release: str) -> Path:
    """The root of that release. Half a one is never kept."""
    root = _ROOTS / release
    if not root.exists():
        new = _ROOTS / f"{release}.new"
        shutil.rmtree(new, ignore_errors=True)
        options = ["--variant=minbase", f"--include={','.join(_PACKAGES)}"]
        subprocess.run(["debootstrap", *options, release, new, _mirror()], check=True)
        new.rename(root)
    return root


def _mirror() -> str:
    """Where apt gets Debian itself from, on this machine."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)"]
    wanted = ["Created-By: Packages", "Origin: Debian", "Label: Debian", "Component: main"]
    found = subprocess.run([*command, *wanted], check=True, capture_output=True, text=True)
    if not found.stdout:
        raise SystemExit("apt knows no mirror of Debian on this machine (see sources.list(5))")
    return found.stdout.split()[0]


def _wrapper(root: Path) -> Path:
    """A directory with a `rake` that runs in that root, where it was called."""
    directory = root.with_name(f"{root.name}.bin")
    directory.mkdir(exist_ok=True)
    rake = directory / "rake"
    there = 'cd "$0" && exec rake "$@"'
    chroot = f"{shutil.which('chroot')} {shlex.quote(str(root))}"
    rake.write_text(f'#!/bin/sh\nexec {chroot} sh -c {shlex.quote(there)} "$PWD" "$@"\n')
    rake.chmod(0o755)
    return directory


if __name__ == "__main__":
    sys.exit(main())
