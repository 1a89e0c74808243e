"""Closed streams, names that are no UTF-8, and a configuration that has gone."""

import os
import subprocess
import sys

import pytest

from tests.parts import outsider
from tests.parts.place import Place

#: A word of the command line, or a name in the environment, that is no UTF-8.
ODD = "caf\udce9"


def shell(place: Place, redirection: str, *words: str) -> subprocess.CompletedProcess[bytes]:
    """A command with redirections as a shell does them."""
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", *place.command(*words)],
        capture_output=True,
        timeout=60,
        env=place.environment(),
    )


@pytest.mark.parametrize("words", [["status"], ["orders"], ["show", "1001002"], ["head"]])
@pytest.mark.parametrize("redirection", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_defect(place: Place, redirection: str, words: list[str]) -> None:
    run = shell(place, redirection, *words)
    assert (run.returncode, run.stderr) == (0, b"")


def test_with_streams_closed_no_file_of_ours_takes_their_numbers(place: Place) -> None:
    run = shell(place, "<&- >&- 2>&-", "pause")
    assert run.returncode == 0
    assert place.state.lock_file.read_text().startswith("pid ")
    assert shell(place, "2>&-", "orders", "4711").stdout == b""


@pytest.mark.parametrize("which", ["--state", "--config"])
def test_a_directory_that_is_no_utf_8_is_one_line(place: Place, which: str) -> None:
    command = place.command(which, str(place.directory / ODD), "cycle")
    run = subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=place.environment()
    )
    assert run.returncode in (65, 78)
    assert "Traceback" not in run.stderr
    assert "caf" in run.stderr


def test_an_interrupt_before_the_first_line_is_no_traceback(place: Place) -> None:
    program = """
import os, signal, sys
def interrupted(event, arguments):
    if event == "import" and arguments[0] == "ordermonit.cli":
        os.kill(os.getpid(), signal.SIGINT)
sys.addaudithook(interrupted)
from ordermonit.__main__ import main
main()
"""
    run = subprocess.run(
        ["env", "--default-signal=INT", sys.executable, "-c", program],
        capture_output=True,
        timeout=60,
        env=place.environment(),
    )
    assert (run.returncode, run.stdout, run.stderr) == (130, b"", b"")


def test_who_changed_it_is_told_whatever_their_name_is(place: Place) -> None:
    run = place.run("pause", USER=ODD)
    assert (run.exit_code, run.stderr) == (0, "")
    assert "paused by caf\N{REPLACEMENT CHARACTER} " in run.stdout


def test_what_needs_no_configuration_does_not_fail_for_it(place: Place) -> None:
    """In a night in which it is broken, a person pauses the service, or recovers it."""
    (place.directory / "process.yml").write_text("ontop: perhaps\n")
    assert place.run("cycle").exit_code == 78
    place.good("pause")
    place.good("resume")
    good = place.state.checkpoint.read_bytes()
    place.state.previous.write_bytes(good)
    place.state.checkpoint.write_bytes(good[:-9])
    place.good("recover")
    assert place.state.read().recovered


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
@pytest.mark.parametrize("words", [["cycle", "--dry-run"], ["alert", "--test"]])
def test_who_may_not_read_the_configuration_is_told_who_may(place: Place, words: list[str]) -> None:
    place.directory.chmod(0o750)
    run = outsider.run(place.command(*words), place.environment())
    assert run.returncode == 78
    assert "can't be read: Permission denied" in run.stderr
    assert "type the command as root or as the service's user" in run.stderr


def test_a_log_file_takes_what_is_no_utf_8(place: Place) -> None:
    (place.directory / "process.yml").write_text("log_output: true\n")
    command = place.command("--state", str(place.directory / ODD), "cycle")
    os.mkdir(os.fsencode(place.directory / ODD))
    assert subprocess.run(command, env=place.environment(), capture_output=True).returncode == 65
    (log,) = place.directory.glob("*/ordermonit.output")
    assert b"caf" in log.read_bytes()
