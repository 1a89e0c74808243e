"""The Front's and the doctor's tests on the newest database servers that Debian has.

The tests are the usual ones; but the servers that they start run in that release's root.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.platforms.roots import made, passes, said, wrapped

#: PAM's part is a program with another user's rights, which a namespace does not give.
_TESTS = ("tests/front", "tests/doctor", "-k", "not paged")


@dataclass(frozen=True, slots=True)
class _Servers:
    """One root. `programs` are where they lie in it, with * for a version."""

    name: str
    packages: tuple[str, ...]
    programs: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


_NEWEST = (
    _Servers(
        "servers",
        ("mariadb-server", "postgresql", "pgbouncer"),
        (
            "usr/sbin/mariadbd",
            "usr/bin/mariadb-install-db",
            "usr/lib/postgresql/*/bin/initdb",
            "usr/lib/postgresql/*/bin/postgres",
            "usr/sbin/pgbouncer",
        ),
    ),
    # Debian has both, but not beside each other.
    _Servers("mysql", ("mysql-server-core",), ("usr/sbin/mysqld",), {"TESTS_MYSQLD": "mysqld"}),
)


def failed() -> list[str]:
    """The roots on whose servers a test failed."""
    return [servers.name for servers in _NEWEST if not _passes(servers)]


def _passes(servers: _Servers) -> bool:
    root = made("sid", servers.packages, servers.name)
    found = [program for pattern in servers.programs for program in sorted(root.glob(pattern))]
    for program in found:
        if program.name not in ("mariadb-install-db", "initdb"):
            version = said(root, f"/{program.relative_to(root)}", "--version").splitlines()[0]
            print(version, flush=True)
    scripts = {program.name: _in(root, program) for program in found}
    return passes(root, wrapped(root, scripts), _TESTS, **servers.environment)


def _in(root: Path, program: Path) -> str:
    """That program in its root, for users that may not chroot: the servers' own."""
    enter = f"unshare --user --map-current-user --root={shlex.quote(str(root))} --wd=/"
    return f'{enter} /{program.relative_to(root)} "$@"'
