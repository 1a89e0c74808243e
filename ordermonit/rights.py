"""Whose rights this process has: root leaves its own where a directory is somebody else's.

Who owns a directory can put a link in the place of any file there. Root that followed it would
read, write or give away a file of its own.
"""

import os
import pwd
from pathlib import Path

from ordermonit.errors import StateError


def name_of(uid: int) -> str:
    """The user's name, or the number of one who has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def owner(path: Path) -> int:
    """Who decides what is at this path: the owner of what is there, or of the link that is; where
    nothing is, of the directory in which it would be."""
    for each in (path, *path.absolute().parents):
        try:
            return each.lstat().st_uid or each.stat().st_uid
        except OSError:
            continue
    return 0


def leave_root(directory: Path) -> None:
    """Root becomes the directory's owner, for the whole process. Raises StateError."""
    uid = owner(directory)
    if os.geteuid() != 0 or uid == 0:
        return
    try:
        become(uid)
    except OSError as problem:
        name = name_of(uid)
        raise StateError(
            f"root can't take on the rights of {name}, to whom {directory} belongs:"
            f" {problem.strerror}",
            f"Type the command as that user: sudo -u {name} ordermonit …",
        ) from None


def become(uid: int) -> None:
    """Take on all of a user's rights, with no way back. Raises OSError."""
    environment = {"SUDO_USER": os.environ.get("SUDO_USER") or os.environ.get("USER") or "root"}
    try:
        account = pwd.getpwuid(uid)
    except KeyError:
        os.setgroups([])
        os.setresgid(uid, uid, uid)  # no group is known, and root's is not to stay
    else:
        os.initgroups(account.pw_name, account.pw_gid)
        os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
        name = account.pw_name
        environment |= {"HOME": account.pw_dir, "USER": name, "LOGNAME": name}
    os.setresuid(uid, uid, uid)
    os.environ.update(environment)  # as sudo does: who typed it stands in the journal


def as_owner(file: Path) -> str:
    """What stands before a command that root is told to type about this file: it has the rights of
    whoever can put a link in the file's place."""
    uid = owner(file.parent)
    return f"runuser -u {name_of(uid)} -- " if uid else ""
