"""Roots of other Debian releases, and running the tests where their programs are found first.

debootstrap makes each root, from the mirror that apt uses here, and build/platforms keeps it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
_ROOTS = ROOT / "build" / "platforms"

#: In a mount namespace of its own, so that nothing is left mounted whatever ends it.
_INSIDE = """
for directory in /proc /dev "$1"; do
    mkdir -p "$0$directory"
    mount --rbind "$directory" "$0$directory"
done
shift
exec "$@"
"""


def made(release: str, packages: Sequence[str], name: str | None = None) -> Path:
    """The root of that release with these packages. Half a one is never kept."""
    root = _ROOTS / (name or release)
    if not root.exists():
        _ROOTS.mkdir(parents=True, exist_ok=True)
        new = root.with_name(f"{root.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        options = ["--variant=minbase", f"--include={','.join(packages)}"]
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


def said(root: Path, *command: str) -> str:
    """What a program of that root prints."""
    run = subprocess.run(["chroot", root, *command], check=True, capture_output=True, text=True)
    return run.stdout.strip()


def wrapped(root: Path, scripts: Mapping[str, str]) -> Path:
    """A directory with these shell commands as programs."""
    directory = root.with_name(f"{root.name}.bin")
    directory.mkdir(exist_ok=True)
    for name, script in scripts.items():
        program = directory / name
        program.write_text(f"#!/bin/sh\nexec {script}\n")
        program.chmod(0o755)
    return directory


def passes(root: Path, programs: Path, tests: Sequence[str], **environment: str) -> bool:
    """Whether the tests pass while `programs` is what is searched first."""
    pytest = [sys.executable, "-m", "pytest", "-n0", *tests]
    inside = ["unshare", "--mount", "sh", "-euc", _INSIDE, str(root), tempfile.gettempdir()]
    searched = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", **environment}
    return subprocess.run([*inside, *pytest], cwd=ROOT, env=searched, check=False).returncode == 0
