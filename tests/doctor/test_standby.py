"""`check standby`: what the other monitor says of itself, through a real sshd, and what follows."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from ordermonit import __version__
from ordermonit.doctor.findings import Finding, Severity, ok
from ordermonit.doctor.standby import Itself, Ours, judged
from ordermonit.state.checkpoint import VERSION, Checkpoint
from ordermonit.state.directory import State
from ordermonit.state.holder import held
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
        ("echo '{\"ordermonit\": 1}'", "the standby says what we don't understand: {\"order"),
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


def test_a_cycle_that_ends_meanwhile_is_no_fault(other: Other, tmp_path: Path) -> None:
    other.cycle()
    newer = tmp_path / "newer"
    newer.write_bytes(Checkpoint(1_000).encode())
    ours, theirs = other.world.state / "checkpoint", other.state.checkpoint
    other.run_there(f"cp {newer} {ours}; cp {newer} {theirs}; exec {other.receive}")
    _, (said,) = _check(other.world)
    assert "HEAD 1000, " in said["found"]


def test_what_would_stand_in_a_take_overs_way_is_told(other: Other) -> None:
    other.cycle()
    # It has said that it has the copy, and may not have ended yet.
    wait_until(lambda: held(other.state.lock_file) is None, "the copy's end")
    holder = State(other.state.directory)
    holder.lock()
    assert "would take no copy now: another ordermonit works on" in _warning(other.world)["found"]


def test_a_standby_whose_configuration_is_wrong_could_begin_no_cycle(
    other: Other, tmp_path: Path
) -> None:
    other.cycle()
    config = shutil.copytree(other.world.config, tmp_path / "config")
    other.run_there(other.receive.replace(str(other.world.config), str(config)))
    (config / "service.yml").write_text("standby: monitor-a\nmax_attempts: many\n")
    assert "its configuration is wrong: " in _warning(other.world)["found"]
    (config / "service.yml").write_text("{}\n")
    assert "names no standby" in _warning(other.world)["found"]


def test_a_mistake_of_ours_is_an_error(other: Other) -> None:
    other.world.sshd.key.write_text("no key\n")
    code, (found,) = _check(other.world)
    assert (code, found["severity"]) == (78, "error")
    assert f"{other.world.sshd.key} is no private key" in found["found"]
    other.world.configure("service", standby="no monitor:none")
    code, (found,) = _check(other.world)
    assert (code, found["severity"]) == (78, "not tried")


IT = Itself(__version__, "monitor-b", VERSION, False, 7, 60.0, "monitor-a", None, None)
OURS = Ours(True, 7, "/var/lib/ordermonit/standby")


def _judged(it: Itself, ours: Ours = OURS) -> list[Finding]:
    return list(judged(json.dumps(asdict(it)), ours))


def test_an_answer_without_a_fault_is_one_good_line() -> None:
    said = f"monitor-b answers our key: ordermonit {__version__}, HEAD 7, written 1 min ago"
    assert _judged(IT) == [ok(said)]
    # HEAD there may be a cycle behind, and without D-Bus nobody knows about timers.
    assert len(_judged(replace(IT, head=6, is_active=None))) == 1
    more = json.dumps(asdict(IT) | {"of_a_newer_one": 1})
    assert list(judged(more, OURS)) == [ok(said)]


@pytest.mark.parametrize(
    ("it", "ours", "found", "remedy"),
    [
        (
            replace(IT, ordermonit="0.9.12", reads=VERSION - 1),
            OURS,
            f"has ordermonit 0.9.12, and reads no checkpoint of version {VERSION}; here it is",
            f"Install {__version__} on monitor-b, the older one",
        ),
        (
            replace(IT, ordermonit="99.0.0", reads=99),
            OURS,
            f"monitor-b has ordermonit 99.0.0; here it is {__version__}",
            "Install 99.0.0 on this host, the older one",
        ),
        (
            replace(IT, is_active=True, refuses="ordermonit.timer is active"),
            OURS,
            "ordermonit.timer is active on monitor-b, so",
            "systemctl stop ordermonit.timer",
        ),
        (
            replace(IT, is_active=True),
            replace(OURS, is_active=None),
            "ordermonit.timer is active on monitor-b, so",
            "Only one of the two",
        ),
        (
            IT,
            replace(OURS, is_active=False),
            "ordermonit.timer is active neither here nor on monitor-b",
            "systemctl start ordermonit.timer",
        ),
        (replace(IT, head=8), OURS, "HEAD is 8 on monitor-b, further than ours, 7", "let it be so"),
        (replace(IT, head=None, age=None), OURS, "monitor-b has no checkpoint", "rm -f /var/lib"),
        (replace(IT, names=None), OURS, "monitor-b names no standby", "in its service.yml"),
        (
            replace(IT, names=None, wrong="max_attempts is odd\33[2J"),
            OURS,
            "its configuration is wrong: max_attempts is odd\N{REPLACEMENT CHARACTER}[2J",
            "Type there: ordermonit check configuration",
        ),
        (replace(IT, refuses="it is locked"), OURS, "no copy now: it is locked", "type there"),
    ],
)
def test_each_fault_is_one_warning_with_its_remedy(
    it: Itself, ours: Ours, found: str, remedy: str
) -> None:
    good, bad = _judged(it, ours)
    assert (good.severity, bad.severity) == (Severity.OK, Severity.WARNING)
    assert found in bad.found
    assert remedy in bad.remedy


def test_the_standby_itself_may_ask_and_its_active_one_is_ahead() -> None:
    it = replace(IT, is_active=True, head=9, refuses="ordermonit.timer is active")
    first, second = _judged(it, replace(OURS, is_active=False))
    assert "HEAD 9" in first.found
    assert second == ok("monitor-b is the active one, and this is its standby")


@pytest.mark.parametrize("odd", ["{", "[]", "null", json.dumps(asdict(IT) | {"head": "7"})])
def test_what_is_no_answer_is_no_defect(odd: str) -> None:
    (found,) = judged(odd, OURS)
    assert found.severity is Severity.WARNING
    assert "says what we don't understand" in found.found
