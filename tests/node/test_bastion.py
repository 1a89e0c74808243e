"""The way to the node through bastions, on real servers: each is checked, and named if it fails."""

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from ordermonit.configuration import Jump
from ordermonit.configuration import Node as Settings
from ordermonit.errors import OrdermonitError, Refused, Unavailable
from ordermonit.orders.model import Request, Verdict
from tests.node.place import INSERT, SOON, opened, opening_fails, run
from tests.parts.processes import free_port, wait_until
from tests.parts.sshd import Sshd, keygen

_FORWARDING_ALONE = {"ForceCommand": "/bin/false", "PermitTTY": "no"}


@pytest.fixture(scope="module")
def bastion(sshd: Sshd) -> Iterator[Sshd]:
    """It forwards, and does nothing else for our key."""
    with Sshd(_FORWARDING_ALONE, key=sshd.key, key_options="restrict,port-forwarding") as server:
        yield server


@pytest.fixture
def behind(settings: Settings, sshd: Sshd, bastion: Sshd, tmp_path: Path) -> Settings:
    """The node, behind the bastion."""
    return through(settings, bastion, tmp_path / "known_hosts", bastion, sshd)


def through(settings: Settings, bastion: Sshd, file: Path, *known: Sshd) -> Settings:
    file.write_text("".join(each.known_hosts.read_text() for each in known))
    return replace(settings, proxy_jump=(Jump("127.0.0.1", bastion.port),), known_hosts=file)


def login(server: Sshd) -> str:
    return f"{server.username}@127.0.0.1:{server.port}"


def _is_idle(server: Sshd) -> bool:
    return not server.sessions()


def is_idle(*servers: Sshd) -> None:
    for server in servers:
        wait_until(partial(_is_idle, server), "its end", SOON)


def test_a_node_behind_bastions_is_reached_and_all_are_left(
    behind: Settings, sshd: Sshd, bastion: Sshd
) -> None:
    assert run(behind, "1")[0].verdict is Verdict.DONE
    assert behind.proxy_jump is not None
    twice = replace(behind, proxy_jump=behind.proxy_jump * 2)
    before = bastion.logins()
    assert run(twice, "2")[0].verdict is Verdict.DONE
    assert bastion.logins() == before + 2
    is_idle(bastion, sshd)


def test_a_bastion_that_is_lost_is_the_end_of_the_session(
    behind: Settings, sshd: Sshd, bastion: Sshd
) -> None:
    async def lost(killed: Sshd) -> str:
        async with opened(behind) as node:
            for pid in killed.sessions():
                os.kill(pid, signal.SIGKILL)
            answer = await node.answer(Request(INSERT, "1"))
            assert answer.verdict is Verdict.LOST
            return str(answer.error)

    assert f"to {login(bastion)} (proxy_jump) was lost" in asyncio.run(lost(bastion))
    said = asyncio.run(lost(sshd))
    assert f"to {login(sshd)} (behind {login(bastion)}) was lost" in said
    is_idle(bastion, sshd)


def test_a_bastion_that_is_lost_on_the_way_is_named(
    behind: Settings, sshd: Sshd, bastion: Sshd
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:

        def kill() -> None:
            connection, _ = silent.accept()
            with connection:
                for pid in bastion.sessions():
                    os.kill(pid, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        problem = opening_fails(replace(behind, port=silent.getsockname()[1]))
        killer.join()
    assert type(problem) is Unavailable
    assert f"the connection to {login(bastion)} (proxy_jump) was lost" in problem.message
    is_idle(bastion, sshd)


def test_each_server_is_checked_by_its_own_known_key(
    behind: Settings, sshd: Sshd, bastion: Sshd, tmp_path: Path
) -> None:
    logins = sshd.logins() + bastion.logins()
    problem = opening_fails(through(behind, bastion, tmp_path / "node", sshd))
    assert type(problem) is Refused
    assert f"no host key of 127.0.0.1:{bastion.port} (proxy_jump) is known" in problem.message
    assert f"ssh-keyscan -p {bastion.port} 127.0.0.1 >> {tmp_path}/node" in problem.remedy
    assert sshd.logins() + bastion.logins() == logins
    problem = opening_fails(through(behind, bastion, tmp_path / "bastion", bastion))
    assert type(problem) is Refused
    place = f"127.0.0.1:{sshd.port} (behind {login(bastion)})"
    assert f"no host key of {place} is known" in problem.message
    asks = f"ssh -J {login(bastion)} -o UserKnownHostsFile={tmp_path}/bastion -p {sshd.port}"
    assert f"{asks} {sshd.username}@127.0.0.1 true" in problem.remedy
    assert sshd.logins() + bastion.logins() == logins + 1
    is_idle(bastion, sshd)


def test_each_server_has_to_take_our_key(
    behind: Settings, sshd: Sshd, bastion: Sshd, tmp_path: Path
) -> None:
    keygen(tmp_path / "id")
    problem = opening_fails(replace(behind, private_key=tmp_path / "id"))
    assert type(problem) is Refused
    assert f"127.0.0.1:{bastion.port} (proxy_jump) does not let {bastion.username}" in str(problem)
    with Sshd(key=tmp_path / "id") as stricter:
        problem = opening_fails(
            replace(
                through(behind, bastion, tmp_path / "both", bastion, stricter), port=stricter.port
            )
        )
    assert type(problem) is Refused
    where = f"127.0.0.1:{stricter.port} (behind {login(bastion)})"
    assert f"{where} does not let {stricter.username} in" in problem.message
    assert f"-o ProxyJump={login(bastion)} -p {stricter.port}" in problem.remedy


def test_whatever_is_down_is_named(behind: Settings, sshd: Sshd, bastion: Sshd) -> None:
    def down(settings: Settings) -> str:
        problem: OrdermonitError = opening_fails(settings)
        assert type(problem) is Unavailable
        return problem.message

    port = free_port()
    gone = replace(behind, proxy_jump=(Jump("127.0.0.1", port),))
    assert f"@127.0.0.1:{port} (proxy_jump) can't be reached: Connect" in down(gone)
    message = down(replace(behind, port=port))
    assert f"@127.0.0.1:{port} (behind {login(bastion)}) can't be reached: Connect" in message
    message = down(replace(behind, host="no-such-host.invalid"))
    assert f"no-such-host.invalid:{sshd.port} (behind {login(bastion)})" in message
    is_idle(bastion)


def test_connect_timeout_is_for_all_of_the_way(behind: Settings, sshd: Sshd, bastion: Sshd) -> None:
    brief = replace(behind, connect_timeout=1)
    for server, place in ((bastion, "(proxy_jump)"), (sshd, f"(behind {login(bastion)})")):
        server.pause()
        problem = opening_fails(brief)
        server.resume()
        assert type(problem) is Unavailable
        assert f"{login(server)} {place} did not let us in within 1 s" in problem.message
    is_idle(bastion, sshd)


def test_a_bastion_that_forwards_nothing_says_so(
    settings: Settings, sshd: Sshd, tmp_path: Path
) -> None:
    elsewhere = 'restrict,port-forwarding,permitopen="127.0.0.1:1"'
    for options, key_options in (
        ({"AllowTcpForwarding": "no"}, ""),
        ({}, "restrict"),
        ({}, elsewhere),
    ):
        with Sshd(options, key=sshd.key, key_options=key_options) as closed:
            problem = opening_fails(through(settings, closed, tmp_path / "known", closed, sshd))
            is_idle(closed)
        assert type(problem) is Refused
        where = f"{login(closed)} (proxy_jump) lets us in, and no connection through"
        assert f"{where} to 127.0.0.1:{sshd.port}" in problem.message
        assert "AllowTcpForwarding yes" in problem.remedy
    here = f'restrict,port-forwarding,permitopen="127.0.0.1:{sshd.port}"'
    with Sshd(key=sshd.key, key_options=here) as ready:
        there = through(settings, ready, tmp_path / "known", ready, sshd)
        assert "can't enter /nowhere" in str(opening_fails(replace(there, rails_root="/nowhere")))


def test_a_node_that_gives_no_session_is_not_the_bastion_s_fault(
    behind: Settings, bastion: Sshd, sshd: Sshd, tmp_path: Path
) -> None:
    with Sshd({"MaxSessions": "0"}, key=sshd.key) as own:
        there = through(behind, bastion, tmp_path / "known", bastion, own)
        problem = opening_fails(replace(there, port=own.port))
        assert type(problem) is Unavailable
        assert f"{login(own)} (behind {login(bastion)}) can't be reached" in problem.message
        is_idle(own, bastion)
