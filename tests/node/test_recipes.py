"""The recipes of the README for Rubies of every kind: each tried in the shape that it has."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ordermonit.configuration import Node as Settings
from ordermonit.errors import ConfigurationError
from ordermonit.orders.model import Verdict
from tests.node.place import at, opening_fails, root_of, run
from tests.parts.sshd import Sshd

#: What `docker exec` does with its options, without a container: the command begins in an
#: environment and a directory that are not those of whoever types it.
CONTAINER = """#!/bin/sh
[ "$1 $2" = "exec -i" ] || exit 64
shift 2
while [ "$1" = -e ]; do
  kept="$kept $2"
  shift 2
done
shift
cd "$ROOT" && exec env -i PATH="$INNER" ROOT="$ROOT" $kept "$@"
"""


def script(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)
    return file


@pytest.fixture
def place(settings: Settings) -> Iterator[tuple[Settings, Path]]:
    """A node with a Ruby in a place of its own, that notes what it sees."""
    with Sshd() as own:
        root, rake = root_of(settings), shutil.which("rake")
        text = f'#!/bin/sh\necho "$RAILS_ENV $LANG $PWD" >>{root}/seen\nexec {rake} "$@"\n'
        script(own.directory / ".manager/shims/own-rake", text)
        yield replace(at(settings, own), rake="own-rake"), own.directory


def seen(settings: Settings) -> str:
    """What rake saw in a session that was good: RAILS_ENV, LANG and its directory."""
    assert run(settings, "1")[0].verdict is Verdict.DONE
    return (root_of(settings) / "seen").read_text().splitlines()[-1]


def test_a_ruby_of_a_version_manager_is_found(place: tuple[Settings, Path]) -> None:
    settings, home = place
    expected = f"production C.UTF-8 {root_of(settings)}"
    problem = opening_fails(settings)
    assert type(problem) is ConfigurationError
    assert "PATH in environment" in problem.remedy
    shims = home / ".manager/shims"
    path = f"{shims}:/usr/local/bin:/usr/bin:/bin"
    with_path = {**settings.environment, "PATH": path}
    assert seen(replace(settings, environment=with_path)) == expected
    assert seen(replace(settings, rake=f"{shims}/own-rake")) == expected
    (home / ".bash_profile").write_text(f"echo Welcome\nexport PATH={path}\n")
    login = """bash -lc 'exec own-rake "$@"' --"""
    assert seen(replace(settings, rake=login)) == expected


def test_what_a_container_s_rake_sees_is_what_exec_is_told(place: tuple[Settings, Path]) -> None:
    settings, home = place
    root = root_of(settings)
    docker = script(home / "docker", CONTAINER)
    inner = f"{home}/.manager/shims:/usr/bin:/bin"
    ours = {**settings.environment, "ROOT": str(root), "INNER": inner}
    (home / "app").mkdir()
    outside = replace(settings, rails_root=str(home / "app"), environment=ours)

    def inside(options: str) -> str:
        rake = f"{docker} exec -i {options}app own-rake"
        assert run(replace(outside, rake=rake), "1")[0].verdict is Verdict.DONE
        return (root / "seen").read_text().splitlines()[-1]

    assert inside("") == f"  {root}"
    told = "-e RAILS_ENV=production -e LANG=C.UTF-8 "
    assert inside(told) == f"production C.UTF-8 {root}"
