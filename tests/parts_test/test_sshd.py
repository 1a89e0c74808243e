"""The private sshd."""

import subprocess

from tests.parts.processes import wait_until
from tests.parts.sshd import Sshd


def ssh(sshd: Sshd, command: str) -> subprocess.Popen[str]:
    """OpenSSH's own client, with this server's keys and nothing of the user's."""
    options = ["-F", "none", "-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={sshd.known_hosts}"]
    where = ["-p", str(sshd.port), "-i", str(sshd.key), f"{sshd.username}@127.0.0.1"]
    return subprocess.Popen(
        ["ssh", *options, *where, command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_session_runs_a_command_in_a_bare_home(sshd: Sshd) -> None:
    out, err = ssh(sshd, 'echo "$HOME"').communicate(timeout=20)
    assert (out, err) == (f"{sshd.directory}\n", "")
    assert sshd.logins() == 1


def test_options_and_a_forced_command_hold() -> None:
    with Sshd(key_options='restrict,command="echo forced"', environment={"A": "b c"}) as sshd:
        assert ssh(sshd, "id").communicate(timeout=20)[0] == "forced\n"
        sshd.key_options = ""
        sshd.restart()
        assert ssh(sshd, "echo $A").communicate(timeout=20)[0] == "b c\n"


def test_a_changed_host_key_is_not_the_known_one(sshd: Sshd) -> None:
    sshd.change_host_key()
    sshd.restart()
    assert "Host key verification failed" in ssh(sshd, "id").communicate(timeout=20)[1]
    sshd.trust_host_key()
    assert ssh(sshd, "echo hi").communicate(timeout=20)[0] == "hi\n"


def test_a_cut_session_leaves_its_command_and_stop_ends_it(sshd: Sshd) -> None:
    client = ssh(sshd, "exec sleep 1000")
    wait_until(sshd.running, "the command")
    sshd.cut()
    client.communicate(timeout=20)
    assert client.returncode == 255
    (left,) = sshd.running()
    assert left not in sshd.sessions()
    sshd.restart()
    assert sshd.running() == []


def test_a_paused_server_hangs_and_goes_on(sshd: Sshd) -> None:
    sshd.pause()
    client = ssh(sshd, "echo hi")
    try:
        client.communicate(timeout=0.5)
    except subprocess.TimeoutExpired:
        sshd.resume()
        assert client.communicate(timeout=20)[0] == "hi\n"
    else:
        raise AssertionError("a stopped server answered")
