"""Each side's keys over a real sshd: what is trusted, and what is said of what is not."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ordermonit.configuration import Node as Settings
from ordermonit.errors import ConfigurationError, Refused
from ordermonit.node import known_hosts
from ordermonit.orders.model import Verdict
from tests.node.place import at, opening_fails, root_of, run
from tests.parts import outsider
from tests.parts.processes import wait_until
from tests.parts.sshd import Sshd, keygen


def test_another_host_key_is_refused_and_nothing_is_sent(settings: Settings) -> None:
    with Sshd() as own:
        there = at(settings, own)
        own.change_host_key()
        own.restart()
        problem = opening_fails(there)
        assert own.logins() == 0
    assert type(problem) is Refused
    assert "is not the known one (ssh-ed25519 SHA256:" in problem.message
    file, port = there.known_hosts, there.port
    assert f"ssh-keygen -f {file} -R '[127.0.0.1]:{port}'; ssh-keyscan -p {port}" in problem.remedy
    assert not (root_of(settings) / "boots").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_host_key_of_another_kind_is_refused_and_its_owner_is_to_put_it_right(
    settings: Settings, tmp_path: Path
) -> None:
    key = tmp_path / "ecdsa"
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", key], check=True)
    kind, public, *_ = key.with_suffix(".pub").read_text().split()
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{settings.port} {kind} {public}\n")
    problem = opening_fails(replace(settings, known_hosts=known))
    assert type(problem) is Refused
    assert "is not the known one" in problem.message
    os.chown(tmp_path, 65534, 65534)  # `>>` and `cp` would follow a link that its owner put there
    *_, typed = opening_fails(replace(settings, known_hosts=known)).remedy.split("then type: ")
    forget, add = typed.split("; ")
    assert forget.startswith(f"runuser -u nobody -- ssh-keygen -f {known} -R ")
    assert add.endswith(f" | runuser -u nobody -- tee -a {known}")


@pytest.mark.parametrize("text", [None, "", "[127.0.0.1]:1 ssh-ed25519 AAAA\n"])
def test_an_unknown_host_is_refused(
    settings: Settings, tmp_path: Path, sshd: Sshd, text: str | None
) -> None:
    known = tmp_path / "known_hosts"
    if text is not None:
        known.write_text(text)
    before = sshd.logins()
    problem = opening_fails(replace(settings, known_hosts=known))
    assert type(problem) is Refused
    assert "no host key of 127.0.0.1" in problem.message
    assert f"ssh-keyscan -p {settings.port} 127.0.0.1 >> {known}" in problem.remedy
    assert sshd.logins() == before


def test_the_users_and_the_systems_known_hosts_are_read_together(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    system = tmp_path / "system"
    monkeypatch.setattr(known_hosts, "SYSTEM_KNOWN_HOSTS", system)
    assert settings.known_hosts is not None
    default = replace(settings, known_hosts=None)
    assert type(opening_fails(default)) is Refused
    entry = settings.known_hosts.read_text()
    system.write_text(entry)
    assert run(default, "1")[0].verdict is Verdict.DONE
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/known_hosts").write_text(f"# ours\n{entry}")
    system.unlink()
    assert run(default, "2")[0].verdict is Verdict.DONE
    system.write_text(f"@revoked {entry}")
    assert "revoked" in opening_fails(default).message


def test_a_broken_known_hosts_is_named(settings: Settings, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text("broken\n")
    problem = opening_fails(replace(settings, known_hosts=known))
    assert type(problem) is ConfigurationError
    assert str(known) in problem.message


def test_a_key_that_the_node_does_not_know_is_refused(settings: Settings, tmp_path: Path) -> None:
    key = tmp_path / "id"
    keygen(key)
    problem = opening_fails(replace(settings, private_key=key))
    assert type(problem) is Refused
    assert f"does not let {settings.username} in with {key}" in problem.message
    where = f"{settings.username}@127.0.0.1"
    assert f"ssh-copy-id -i {key}.pub -p {settings.port} {where}" in problem.remedy


def test_the_default_keys_are_tried(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    # Nothing of the user's may help: neither an agent nor a configuration.
    monkeypatch.setenv("SSH_AUTH_SOCK", "/nonexistent")
    default = replace(settings, private_key=None)
    directory = tmp_path / ".ssh"
    for _ in range(2):
        problem = opening_fails(default)
        assert type(problem) is ConfigurationError
        assert f"no private key in {directory}" in problem.message
        assert f"ssh-keygen -t ed25519 -N '' -f {directory}/id_ed25519; or" in problem.remedy
        directory.mkdir(exist_ok=True)
    (directory / "config").write_text(
        "Host *\n  Port 1\n  User nobody\n  BindAddress 192.0.2.1\n  ProxyCommand false\n"
    )
    keygen(directory / "id_rsa")
    (directory / "id_ecdsa").write_text("broken")
    assert type(opening_fails(default)) is Refused
    assert settings.private_key is not None
    (directory / "id_ed25519").write_bytes(settings.private_key.read_bytes())
    assert run(default, "1")[0].verdict is Verdict.DONE


def test_no_agent_is_asked(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What works may not depend on who has started it."""
    place, key = tmp_path / "agent", tmp_path / "id"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", place], stdout=subprocess.DEVNULL)
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(place))
        assert settings.private_key is not None
        add = ["ssh-add", "-q", str(settings.private_key)]
        wait_until(lambda: subprocess.run(add, capture_output=True).returncode == 0, "the agent")
        keygen(key)
        assert type(opening_fails(replace(settings, private_key=key))) is Refused
    finally:
        agent.terminate()
        agent.wait()


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "there is no private key"), ("broken", "is no private key"), ("secret", "passphrase")],
)
def test_a_key_that_can_not_be_used_is_named(
    settings: Settings, tmp_path: Path, content: str | None, message: str
) -> None:
    key = tmp_path / "key"
    if content == "secret":
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(key)]
        subprocess.run(command, check=True)
    elif content is not None:
        key.write_text(content)
    problem = opening_fails(replace(settings, private_key=key))
    assert type(problem) is ConfigurationError
    assert message in problem.message
    assert str(key) in str(problem)


def test_a_home_that_can_not_be_read_is_a_matter_of_configuration(tmp_path: Path) -> None:
    """Not downtime. Root may read everything, so somebody else tries."""
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    home.chmod(0)
    program = """
import asyncio
from ordermonit.configuration import Node as Settings
from ordermonit.errors import ConfigurationError
from ordermonit.node.rake import Node
try:
    asyncio.run(Node(Settings(host="localhost", username="u", rails_root="/"), "test").open())
except ConfigurationError as problem:
    print(problem)
"""
    if os.geteuid() == 0:
        out = outsider.python(program, HOME=str(home))
    else:
        out = subprocess.run(
            [sys.executable, "-c", program],
            env={"HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
        )
    home.chmod(0o700)
    assert "id_rsa can't be read: Permission denied" in out.stdout, out.stderr
