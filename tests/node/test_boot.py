"""A session that does not begin, over a real sshd: what every reason is called."""

import asyncio
import re
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from ordermonit.configuration import Node as Settings
from ordermonit.errors import ConfigurationError, NodeLocked, Unavailable
from ordermonit.node import rake as node_module
from ordermonit.node import ssh
from ordermonit.node.channel import Channel
from ordermonit.node.rake import Node
from tests.node.place import (
    EXISTS,
    INSERT,
    opened,
    opening_fails,
    root_of,
)


def test_the_other_holder_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_module, "LOCK_WAIT", 0.2)

    async def both() -> None:
        async with opened(settings, "pid 7 on alpha"):
            with pytest.raises(NodeLocked, match="pid 7 on alpha, since"):
                await Node(settings, "pid 8 on beta").open()

    asyncio.run(both())


@pytest.mark.parametrize(
    ("changes", "message", "remedy"),
    [
        ({"rails_root": "/nonexistent"}, "can't enter /nonexistent", "rails_root"),
        ({"rake": "/nonexistent/rake"}, "can't be run on .*No such file", "full path"),
        ({"tasks": {INSERT: "absent"}}, "no task absent", "tasks"),
        ({"checks": {EXISTS: "number =="}}, "order_exists is no Ruby: SyntaxError", "checks"),
        ({"lock_file": "Rakefile/x"}, "/Rakefile/x can't be made", "lock_file"),
    ],
)
def test_a_wrong_configuration_is_told_as_such(
    settings: Settings, changes: dict[str, Any], message: str, remedy: str
) -> None:
    problem = opening_fails(replace(settings, **changes))
    assert type(problem) is ConfigurationError
    assert re.search(message, problem.message)
    assert remedy in problem.remedy


def test_a_rails_that_does_not_boot_is_down(settings: Settings) -> None:
    problem = opening_fails(replace(settings, environment={"BOOT": "fails"}))
    assert type(problem) is Unavailable
    assert "Abacos::HTTPError: no database" in problem.message
    (root_of(settings) / "Rakefile").write_text("require 'no/such/gem'")
    problem = opening_fails(settings)
    assert type(problem) is Unavailable
    assert "LoadError: cannot load such file -- no/such/gem" in problem.message


@pytest.mark.parametrize(
    ("rakefile", "why"),
    [
        ("abort 'no licence'", "the remote rake ended with status 1: no licence"),
        ("STDERR.puts 'no licence'; exit 3", "the remote rake ended with status 3: no licence"),
        ("exit", "the remote rake ended with status 0"),
        ("require 'no/such/gem'", "ended with status 1: LoadError: cannot load such file -- no/"),
        ("Ordermonits", "ended with status 1: NameError: uninitialized constant Ordermonits"),
        ("task(:environment) { Ordermonits }", ": NameError: uninitialized constant Ordermonits"),
        ("task(:environment) { abort 'no licence' }", ": SystemExit: no licence"),
    ],
)
def test_the_end_of_a_boot_is_told_as_it_was(settings: Settings, rakefile: str, why: str) -> None:
    (root_of(settings) / "Rakefile").write_text(rakefile)
    problem = opening_fails(settings)
    assert type(problem) is Unavailable
    assert why in problem.message
    assert "Did you mean" not in problem.message


def test_a_command_that_has_ended_before_our_first_line_is_told_as_ever(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = ssh.start

    async def slowly(settings: Settings, command: str, session: Channel) -> Any:
        connection = await start(settings, command, session)
        with suppress(OSError):
            while True:
                session.write(b"")
                await asyncio.sleep(0.01)
        return connection

    monkeypatch.setattr(ssh, "start", slowly)
    problem = opening_fails(replace(settings, rake="/nonexistent/rake"))
    assert type(problem) is ConfigurationError
    assert "can't be run" in problem.message


def test_a_boot_that_hangs_is_down(settings: Settings) -> None:
    problem = opening_fails(replace(settings, environment={"BOOT": "hangs"}, task_timeout=1))
    assert type(problem) is Unavailable
    assert problem.message.endswith(": not within 1 s")


def test_a_rake_that_never_says_a_word_is_down(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it is, our driver and its watchdog are not in it."""
    for grace in ("LOCK_WAIT", "GRACE"):
        monkeypatch.setattr(node_module, grace, 0.25)
    mute = replace(settings, rake="sh -c 'exec cat >/dev/null' --", task_timeout=0.5)
    problem = opening_fails(mute)
    assert type(problem) is Unavailable
    assert "no answer within 1 s" in problem.message


def test_a_shell_that_lets_nobody_in_is_quoted(settings: Settings) -> None:
    problem = opening_fails(replace(settings, rake="sh -c 'echo This account is closed; exit 1'"))
    assert type(problem) is Unavailable
    assert "This account is closed" in problem.message


def test_endless_login_scripts_are_down(settings: Settings) -> None:
    problem = opening_fails(replace(settings, rake="sh -c yes"))
    assert type(problem) is Unavailable
    assert "print without end" in problem.message
