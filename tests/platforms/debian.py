"""A Debian of its own, from nothing, with this clone in its root's home."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.platforms.roots import ROOT, made

_CLONE = "/root/ordermonit"

#: Where this machine says whom it trusts: what is downloaded there comes the same way as here.
_TRUST = Path("/usr/local/share/ca-certificates")

#: Makes the root the only one, so that machines can be booted in it: systemd-nspawn works in no
#: chroot. Its processes end with it, and so do its mounts.
_ENTER = """
mount --bind "$0" "$0"
mount --rbind /dev "$0/dev"
mount --rbind /sys "$0/sys"
mount -t proc proc "$0/proc"
mount -t tmpfs tmpfs "$0/run"
mkdir -p "$0/old"
cd "$0"
pivot_root . old
umount --lazy /old
rmdir /old
cd "$1"
shift
exec "$@"
"""

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@contextmanager
def fresh(release: str, packages: Sequence[str]) -> Iterator[Path]:
    """The root of a release as debootstrap leaves it, with these packages and the commit that is
    checked out here; it is gone at the end."""
    least = ("ca-certificates", "git", "make", *packages)
    base = made(release, least, "-".join((release, "fresh", *packages)))
    with tempfile.TemporaryDirectory(prefix=f"{release}-", dir=base.parent) as directory:
        root = Path(directory) / "root"
        subprocess.run(["cp", "-a", "--reflink=auto", str(base), str(root)], check=True)
        for file in ("resolv.conf", "hosts"):
            shutil.copy(Path("/etc", file), root / "etc")
        for certificate in _TRUST.glob("*.crt"):
            shutil.copy(certificate, root / _TRUST.relative_to("/"))
        subprocess.run(["chroot", root, "update-ca-certificates"], check=True, capture_output=True)
        clone = ["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), f"{root}{_CLONE}"]
        subprocess.run(clone, check=True)
        yield root


def passes(root: Path, *command: str) -> bool:
    """Whether a command ends well in the clone of that root; root runs it."""
    apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-euc", _ENTER]
    kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    environment = {**kept, "PATH": _PATH, "HOME": "/root", "LANG": "C.UTF-8", "CI": "1"}
    run = subprocess.run([*apart, str(root), _CLONE, *command], env=environment, check=False)
    return run.returncode == 0
