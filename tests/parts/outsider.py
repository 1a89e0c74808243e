"""Somebody else at work: what a user sees who is neither root nor the service's."""

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

#: What Python needs to run this clone.
_NEEDED = {Path(__file__).parents[2], Path(sys.base_prefix)}

#: The directories that are closed to others ($1, such as root's home) are seen with nothing in them
#: but what is needed there ($2), in a namespace that ends with the command.
_OPENED = """
user=$0 closed=$1 needed=$2 held=$3
shift 3
number=0
for place in $needed; do
    number=$((number + 1))
    mkdir "$held/$number"
    mount --bind "$place" "$held/$number"
done
for place in $closed; do mount -t tmpfs -o mode=755 tmpfs "$place"; done
number=0
for place in $needed; do
    number=$((number + 1))
    mkdir -p "$place"
    mount --bind "$held/$number" "$place"
done
cd /
exec setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups -- "$@"
"""


@contextmanager
def opened(user: str) -> Iterator[list[str]]:
    """A command's beginning: it runs as `user` in the directory /, where nothing that Python
    and this clone need is closed to others. Root only; `user` may be root, who becomes another."""
    needed = {place: closed for place in _NEEDED if (closed := _closed(place))}
    places = [" ".join(map(str, each)) for each in (set(needed.values()), needed)]
    with tempfile.TemporaryDirectory(prefix="om-held-", dir="/tmp") as held:
        yield ["unshare", "--mount", "sh", "-euc", _OPENED, user, *places, held]


def run(
    command: list[str],
    environment: Mapping[str, str] | None = None,
    *,
    user: str = "nobody",
    seconds: float = 60,
) -> subprocess.CompletedProcess[str]:
    """Run a command of this clone as somebody else. Root only."""
    with opened(user) as begins:
        return subprocess.run(
            [*begins, *command],
            env={"PATH": os.environ["PATH"], **(environment or {})},
            capture_output=True,
            text=True,
            timeout=seconds,
        )


def python(
    program: str, *arguments: str, user: str = "nobody", **environment: str
) -> subprocess.CompletedProcess[str]:
    """The same for a program's text, in the clone's Python."""
    return run([sys.executable, "-c", program, *arguments], environment, user=user)


def _closed(place: Path) -> Path | None:
    """The uppermost directory on the way to it that others can't pass through."""
    way = [*reversed(place.parents), place]
    return next((each for each in way if not each.stat().st_mode & stat.S_IXOTH), None)
