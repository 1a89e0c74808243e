"""What needs no server, on the Pythons of other Debian releases, and on one of this machine."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.platforms.debian import fresh, passes
from tests.platforms.roots import ROOT

#: Each minor version that a release has as its own.
_RELEASES = {"3.13": "trixie", "3.14": "sid"}

#: No release of Debian has this one: it is run where this machine has it (pyenv's do).
_ELSEWHERE = "python3.12"

_WINGS = ("arguments", "configuration", "health", "orders", "state")
_UNITS = tuple(f"tests/{wing}" for wing in _WINGS)
_PYTEST = ("-m", "pytest", "-n0", *_UNITS)


def failed() -> list[str]:
    """The versions on which a test failed, and the one that is not there to be tried."""
    bad = [version for version, release in _RELEASES.items() if not _passes(version, release)]
    return bad if _elsewhere_passes() else [*bad, _ELSEWHERE]


def _passes(version: str, release: str) -> bool:
    print(f"\nPython {version}, of {release}", flush=True)
    with fresh(release, ()) as root:
        is_it = f"import sys; sys.exit('%d.%d' % sys.version_info[:2] != '{version}')"
        return (
            passes(root, "make", "venv")
            and passes(root, ".venv/bin/python", "-c", is_it)
            and passes(root, ".venv/bin/python", *_PYTEST)
        )


def _elsewhere_passes() -> bool:
    print(f"\n{_ELSEWHERE}, of this machine", flush=True)
    if shutil.which(_ELSEWHERE) is None:
        print(f"there is no {_ELSEWHERE} in PATH, and no release of Debian has it", flush=True)
        return False
    with tempfile.TemporaryDirectory(prefix="om-python-") as directory:
        clone = Path(directory) / "clone"
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        made = ["make", "-C", str(clone), f"PYTHON={_ELSEWHERE}", "venv"]
        tests = [f"{clone}/.venv/bin/python", *_PYTEST]
        return (
            subprocess.run(made, check=False).returncode == 0
            and subprocess.run(tests, cwd=clone, check=False).returncode == 0
        )
