"""Somebody else at work: what a user sees who is neither root nor the service's."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

_CLONE = Path(__file__).parents[2]
_NOBODY = "65534"

#: The clone may lie in a directory that is closed to others, such as root's home: they get a way to
#: it of their own, in a namespace that ends with them.
_THERE = """
mount --bind "$1" "$0"
clone=$0
shift
cd /
exec setpriv --reuid {user} --regid {user} --clear-groups -- env PYTHONPATH="$clone" "$@"
"""


def run(
    command: list[str], environment: Mapping[str, str] | None = None, seconds: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run Python of this clone (`command` begins with sys.executable) as nobody. Root only."""
    with tempfile.TemporaryDirectory(prefix="om-clone-", dir="/tmp") as clone:
        os.chmod(clone, 0o755)
        words = [word.replace(str(_CLONE), clone) for word in command]
        there = ["unshare", "--mount", "sh", "-euc", _THERE.format(user=_NOBODY), clone]
        return subprocess.run(
            [*there, str(_CLONE), *words],
            env={"PATH": os.environ["PATH"], **(environment or {})},
            capture_output=True,
            text=True,
            timeout=seconds,
        )


def python(program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The same for a program's text."""
    return run([sys.executable, "-c", program, *arguments], environment)
