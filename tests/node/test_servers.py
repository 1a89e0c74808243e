"""Servers as they are: old, strict, odd, with certificates; each with its own words."""

import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ordermonit.configuration import Node as Settings
from ordermonit.errors import ConfigurationError, Refused, Unavailable
from ordermonit.orders.model import Verdict
from tests.node.place import at, opening_fails, run, server
from tests.parts.dropbear import Dropbear
from tests.parts.processes import wait_until
from tests.parts.sshd import Sshd, keygen

EXPIRED = ("-V", "-2d:-1d")


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """A key that signs others."""
    keygen(tmp_path / "authority")
    return tmp_path / "authority"


def sign(authority: Path, key: Path, *options: str) -> Path:
    command = ["ssh-keygen", "-q", "-s", str(authority), "-I", "test", *options]
    subprocess.run([*command, f"{key}.pub"], check=True)
    return Path(f"{key}-cert.pub")


def refused(settings: Settings) -> Refused:
    problem = opening_fails(settings)
    assert type(problem) is Refused
    return problem


def reached(settings: Settings) -> bool:
    return run(settings, "1")[0].verdict is Verdict.DONE


# Odd, but in order


def test_a_banner_in_any_encoding_is_no_outage(settings: Settings, tmp_path: Path) -> None:
    banner = tmp_path / "banner"
    banner.write_bytes("Acesso restrito: é proibida a invasão\n".encode("latin-1"))
    with Sshd({"Banner": str(banner)}) as own:
        assert reached(at(settings, own))


def test_hosts_are_known_by_name_in_any_case(
    settings: Settings, sshd: Sshd, tmp_path: Path
) -> None:
    """As in OpenSSH: not also by their address, which whoever rules the name server chooses."""
    known = tmp_path / "known"
    by_name = replace(settings, host="LocalHost", known_hosts=known)
    key = " ".join(sshd.known_hosts.read_text().split()[1:])
    known.write_text(f"[127.0.0.1]:{sshd.port} {key}\n")
    problem = refused(by_name)
    assert f"no host key of localhost:{sshd.port} is known in {known}" in problem.message
    known.write_bytes(f"[LOCALHOST]:{sshd.port} {key} é o nó\n".encode("latin-1"))
    assert reached(by_name)
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", known], check=True, capture_output=True)
    assert known.read_text("latin-1").startswith("|1|")
    assert reached(by_name)


def test_a_bad_line_of_known_hosts_is_named(settings: Settings, tmp_path: Path) -> None:
    known = tmp_path / "known"
    known.write_bytes(b"# caf\xe9\n\n@odd host ssh-ed25519 AAAA\n")
    problem = opening_fails(replace(settings, known_hosts=known))
    assert type(problem) is ConfigurationError
    assert f"{known}, line 3, is no known host" in problem.message


def old(own: Sshd) -> None:
    """An RSA host key, which is signed with SHA-1."""
    for file in (own.host_key, own.host_key.with_suffix(".pub")):
        file.unlink()
    command = ["ssh-keygen", "-q", "-t", "rsa", "-N", "", "-f", str(own.host_key)]
    subprocess.run(command, check=True)
    own.trust_host_key()


PROGRAM = """
import asyncio, sys
from pathlib import Path
from ordermonit.configuration import Node as Settings
from ordermonit.errors import OrdermonitError
from ordermonit.node.rake import Node
port, username, key, known = sys.argv[1:]
settings = Settings(host="127.0.0.1", port=int(port), username=username, rails_root="/nonexistent",
    private_key=Path(key), known_hosts=Path(known))
try:
    asyncio.run(Node(settings, "test").open())
except OrdermonitError as problem:
    print(problem)
"""


def test_old_algorithms_are_taken_without_a_library_s_warning_or_called_by_name() -> None:
    def said(own: Sshd) -> str:
        arguments = [str(own.port), own.username, str(own.key), str(own.known_hosts)]
        command = [sys.executable, "-W", "default", "-c", PROGRAM, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        return done.stdout

    aged = Sshd(
        {
            "KexAlgorithms": "diffie-hellman-group14-sha1",
            "HostKeyAlgorithms": "ssh-rsa",
            "Ciphers": "aes128-ctr",
            "MACs": "hmac-sha1",
        }
    )
    old(aged)
    with aged:
        assert "can't enter /nonexistent" in said(aged)
        aged.options |= {"KexAlgorithms": "diffie-hellman-group1-sha1"}
        aged.restart()
        word = "offers no key exchange algorithm that we take, only diffie-hellman-group1-sha1"
        # On loopback a server's end may come before its offer is read.
        wait_until(lambda: word in said(aged), word)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give it a home of its own")
def test_dropbear_takes_our_session(settings: Settings) -> None:
    with Dropbear() as own:
        there = replace(settings, port=own.port, username=own.username)
        there = replace(there, private_key=own.key, known_hosts=own.known_hosts)
        assert reached(there)
        problem = opening_fails(replace(there, rails_root="/nonexistent"))
        assert type(problem) is ConfigurationError
        assert "can't enter /nonexistent" in problem.message


# Strict


def test_what_is_asked_for_beside_the_key_is_named(settings: Settings) -> None:
    strict = {
        "KbdInteractiveAuthentication": "yes",
        "AuthenticationMethods": "publickey,keyboard-interactive",
    }
    with Sshd(strict) as own:
        there = at(settings, own)
        problem = refused(there)
        assert "accepts our key, and asks for keyboard-interactive beside it" in problem.message
        assert (
            f"AuthenticationMethods publickey in sshd_config, under Match User {own.username}"
            in (problem.remedy)
        )
        own.options |= {"AuthenticationMethods": "keyboard-interactive,publickey"}
        own.restart()
        assert "takes no key from us: it asks for keyboard-interactive" in refused(there).message
        own.options = {"AuthenticationMethods": "any", "PubkeyAuthentication": "no"}
        own.restart()
        assert "takes no key from us: it asks for something that no program" in str(refused(there))
        own.options = {"MaxAuthTries": "1"}
        own.restart()
        keygen(own.directory / "other")
        problem = refused(replace(there, private_key=own.directory / "other"))
        assert f"in with {own.directory}/other (Too many authentication failures)" in str(problem)


# Certificates


def test_a_host_certificate_is_taken_while_it_is_valid(settings: Settings, authority: Path) -> None:
    own = Sshd()
    own.options["HostCertificate"] = str(sign(authority, own.host_key, "-h", "-n", "127.0.0.1"))
    public = authority.with_suffix(".pub").read_text()
    own.known_hosts.write_text(f"@cert-authority * {public}")
    with own:
        assert reached(at(settings, own))
        for options, why in (
            (("-n", "127.0.0.1", *EXPIRED), "Certificate expired"),
            (("-n", "other.example"), "Certificate principal mismatch"),
        ):
            sign(authority, own.host_key, "-h", *options)
            own.restart()
            problem = refused(at(settings, own))
            where = f"the host certificate of 127.0.0.1:{own.port} can't be accepted ({why}"
            assert where in problem.message
            assert "Sign its key anew there" in problem.remedy
        own.known_hosts.write_text("")
        problem = refused(at(settings, own))
        assert "no host key of" in problem.message
        assert "a certificate of ssh-ed25519 SHA256:" in problem.message
        kind_and_key = " ".join(public.split()[:2])
        own.known_hosts.write_text(f"@revoked * {kind_and_key}\n@cert-authority * {public}")
        assert "is revoked in" in refused(at(settings, own)).message


def test_a_certificate_of_ours_that_has_expired_is_named(
    settings: Settings, authority: Path
) -> None:
    with Sshd({"TrustedUserCAKeys": f"{authority}.pub"}) as own:
        key = own.directory / "certified"
        keygen(key)
        there = replace(at(settings, own), private_key=key)
        problem = refused(there)
        assert problem.message.count(str(key)) == 1
        certificate = sign(authority, key, "-n", own.username)
        assert reached(there)
        for options, why in (
            (("-n", own.username, *EXPIRED), "Certificate expired"),
            (("-n", "other"), "Certificate principal mismatch"),
        ):
            sign(authority, key, *options)
            problem = refused(there)
            assert f"its certificate {certificate} is no longer good: {why}" in problem.message
            assert f"-n {own.username} -V +52w {key}.pub" in problem.remedy


# Hostile


@contextmanager
def disconnecting(reason: bytes) -> Iterator[int]:
    """A server that says good-bye before its key is known."""

    def behaviour(client: socket.socket) -> None:
        client.sendall(b"SSH-2.0-test\r\n")
        texts = b"".join(struct.pack(">I", len(text)) + text for text in (reason, b"en"))
        payload = b"\x01" + struct.pack(">I", 2) + texts
        padding = 16 - (len(payload) + 5) % 8
        packet = struct.pack(">IB", len(payload) + padding + 1, padding) + payload
        client.sendall(packet + bytes(padding))
        client.recv(1 << 16)

    with server(behaviour) as port:
        yield port


def test_what_a_server_says_before_its_key_is_known_is_one_clean_line(settings: Settings) -> None:
    with disconnecting(
        b"\x1b]0;owned\x07gone\nordermonit: all is \xe9 well" + b"!" * 20_000
    ) as port:
        problem = opening_fails(replace(settings, port=port))
    assert type(problem) is Unavailable
    assert "\ufffd]0;owned\ufffdgone ordermonit: all is \ufffd well!!!" in problem.message
    assert str(problem).isprintable()
    assert len(problem.message) <= 1_000


def test_a_server_that_hangs_up_at_once_may_have_no_room_for_us(settings: Settings) -> None:
    def behaviour(client: socket.socket) -> None:
        client.sendall(b"SSH-2.0-test\r\n")
        client.shutdown(socket.SHUT_WR)
        while client.recv(1 << 16):
            pass

    with server(behaviour) as port:
        problem = opening_fails(replace(settings, port=port))
    assert type(problem) is Unavailable
    assert "closed the connection before it asked who we are" in problem.message
    assert "the log of the SSH server there says why" in problem.remedy
