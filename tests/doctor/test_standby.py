"""`check standby`: what the other monitor says of itself, through a real sshd, and what follows."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import pytest

from ordermonit import __version__
from ordermonit.doctor.standby import Itself, Ours, judged
from ordermonit.state.directory import State
from tests.parts.processes import wait_until
from tests.parts.standby import Other
from tests.parts.world import World


def _check(world: World) -> tuple[int, list[dict[str, Any]]]:
    run = world.run("check", "standby", "--json")
    assert run.stderr == ""
    return run.exit_code, [each for each in run.json()["findings"] if each["part"] == "standby"]


def _warning(world: World) -> dict[str, Any]:
    """The only finding that is not well, which is no error of the service."""
    code, findings = _check(world)
    shown = json.dumps(findings, indent=1)
    (bad,) = [each for each in findings if each["severity"] != "ok"]
    assert (code, bad["severity"]) == (0, "warning"), shown
    return bad


def _files(state: State) -> dict[str, tuple[bytes, int]]:
    found = state.directory.iterdir()
    return {each.name: (each.read_bytes(), each.stat().st_mtime_ns) for each in found}


def test_a_good_one_says_how_it_stands_and_nothing_changes(other: Other) -> None:
    other.cycle()
    before, logins = _files(other.state), other.sshd.logins()
    code, (said,) = _check(other.world)
    assert (code, said["severity"]) == (0, "ok")
    head = other.state.read().head
    assert f"answers our key: ordermonit {__version__}, HEAD {head}, written " in said["found"]
    assert _files(other.state) == before
    assert other.sshd.logins() == logins + 1


def test_there_may_be_none(world: World) -> None:
    code, (said,) = _check(world)
    assert (code, said["severity"], said["found"]) == (0, "ok", "service.yml names none")


def _refuse_key(other: Other) -> None:
    other.sshd.key_options = 'from="192.0.2.1"'
    other.sshd.restart()


def _change_host_key(other: Other) -> None:
    other.sshd.change_host_key()
    other.sshd.restart()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda other: other.sshd.stop(), "can't be reached"),
        (_refuse_key, "does not let"),
        (_change_host_key, "host key"),
    ],
)
def test_what_keeps_a_copy_away_is_found_before_it_does(
    other: Other, spoil: Callable[[Other], object], said: str
) -> None:
    spoil(other)
    found = _warning(other.world)
    assert said in found["found"]
    other.cycle()
    (problem,) = [each for each in other.world.status()["problems"] if "standby" in each["what"]]
    assert found["found"] in problem["what"]
    assert found["remedy"] == problem["remedy"]


def test_one_that_hangs_or_says_something_else_is_told(other: Other) -> None:
    other.world.shorten("ordermonit.doctor.standby", _ANSWER=2)
    # As one does that knows no question: what it says of an empty copy.
    other.run_there(f"printf '\\0' | {other.receive}")
    assert "the copy on stdin is damaged: it is empty" in _warning(other.world)["found"]
    assert f"Install ordermonit {__version__} there" in _warning(other.world)["remedy"]
    for command, expected in (
        ("exec sleep 60", "did not say how it stands within 2 s"),
        ("exec head -c 3000000 /dev/zero", "did not say how it stands: a line of more than"),
        ("echo '{\"ordermonit\": 1}'", 'the standby says what we don\'t understand: {"order'),
        ("exec cat", "it ended without a word (status 0)"),
    ):
        other.run_there(command)
        assert expected in _warning(other.world)["found"]


def test_one_without_a_checkpoint_gets_it_by_what_is_said(other: Other) -> None:
    other.cycle()
    for file in other.state.directory.glob("checkpoint*"):
        file.unlink()
    found = _warning(other.world)
    assert "has no checkpoint that can be read" in found["found"]
    note = other.world.state / "standby"
    assert f"rm -f {note}; then" in found["remedy"]
    note.unlink()
    other.world.cycle()
    assert other.has_the_newest()


def test_what_would_stand_in_a_take_overs_way_is_told(other: Other) -> None:
    other.cycle()
    holder = State(other.state.directory)
    holder.lock()
    assert "would take no copy now: another ordermonit works on" in _warning(other.world)["found"]
    holder.unlock() if hasattr(holder, "unlock") else None


@pytest.mark.parametrize("name", ["private_key", "known_hosts"])
def test_a_file_of_ours_that_is_missing(other: Other, name: str) -> None:
    other.world.configure("integration_server", **{name: "/nowhere"})
    code, findings = _check(other.world)
    assert code
    assert findings


IT = Itself(__version__, "monitor-b", 2, False, 7, 60.0, "monitor-a", None, None)
OURS = Ours(True, 7, "/var/lib/ordermonit/standby")


@pytest.mark.parametrize(
    ("it", "ours", "said"),
    [
        (replace(IT, ordermonit="0.9", reads=1), OURS, "no checkpoint of version 2; here it is"),
    ],
)
def test_what_an_answer_means(it: Itself, ours: Ours, said: str) -> None:
    pass
