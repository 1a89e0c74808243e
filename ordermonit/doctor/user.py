"""Whose rights the examination has: the answers have to be those that the service gets."""

import os
import pwd
from pathlib import Path

from ordermonit.doctor.findings import Finding, not_tried, ok, warning
from ordermonit.rights import become, name_of, owner


def become_service(directory: Path, unit_user: str | None) -> Finding:
    """Root takes on the rights of whoever owns the state directory, for the whole process.

    `unit_user` is the service's User=, for where there is no directory yet.
    """
    mine = os.geteuid()
    uid = _owner(directory, unit_user)
    if uid is None:
        return not_tried(f"{name_of(mine)} asks; whose service it is can't be seen at {directory}")
    name = name_of(uid)
    if uid == mine:
        return ok(f"{name}, to whom {directory} belongs")
    type_this = f"Type: sudo -u {name} ordermonit check"
    if mine != 0:
        return warning(
            f"{name_of(mine)} asks, but the service is {name}: what follows is what"
            f" {name_of(mine)} may see",
            type_this,
        )
    try:
        become(uid)
    except OSError as problem:
        return warning(f"root can't take on the rights of {name}: {problem.strerror}", type_this)
    return ok(f"{name}, to whom {directory} belongs: root's own rights are given up for this")


def _owner(directory: Path, unit_user: str | None) -> int | None:
    if os.path.lexists(directory):
        return owner(directory)
    try:
        return pwd.getpwnam(unit_user).pw_uid if unit_user else None
    except KeyError:
        return None
