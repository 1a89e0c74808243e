"""The SSH connection to the node: with our keys and known host keys, and nothing else of ours.

No agent, no ~/.ssh/config, no password: what the service does may not depend on who started it.
Bastions are passed with the same care as the node. Every way to fail says which file, host and user
it is about.
"""

import asyncio
import os
import re
import socket
from asyncio.trsock import TransportSocket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ordermonit.errors import ConfigurationError, OrdermonitError, Refused, Unavailable
from ordermonit.node import client_keys
from ordermonit.node.client_keys import ClientKey, Login
from ordermonit.node.fast_asyncssh import asyncssh
from ordermonit.node.hops import Hop, hops
from ordermonit.node.known_hosts import KnownHosts, Stranger

if TYPE_CHECKING:
    from ordermonit.configuration import Node as Settings

#: Unanswered keepalives until a connection counts as lost.
_KEEPALIVES = 3

#: asyncssh's words for an end without a reason.
_NO_REASON = ("", "Connection lost")

#: What a bastion answers that lets nobody through, however often it is asked.
_NO_FORWARDING = (
    asyncssh.constants.OPEN_ADMINISTRATIVELY_PROHIBITED,
    asyncssh.constants.OPEN_UNKNOWN_CHANNEL_TYPE,
)


@dataclass(frozen=True, slots=True)
class Link:
    """A connection to the node, and the way that it goes."""

    connection: asyncssh.SSHClientConnection
    way: "_Way"

    @property
    def lost(self) -> str | None:
        """Whose connection broke, and why: the first server's on the way, since those behind it
        break with it. None while all stand."""
        hop = self.way.broken()
        return None if hop is None else self.way.loss_of(hop)


async def start(
    settings: "Settings",
    command: str,
    session: asyncssh.SSHClientSession[bytes],
    over: tuple[Hop, ...] | None = None,
) -> Link:
    """Connect, log in and start the command, in `connect_timeout` seconds at most.

    That is for all bastions together; each is left when the connection behind it ends. It goes
    `over` these servers to the last of them; without any, to the node.

    Raises Refused when either side doesn't trust the other's key, ConfigurationError when something
    of ours can't be used, and Unavailable for everything that may heal by itself.
    """
    passed = _Way(settings, over or hops(settings))
    try:
        async with asyncio.timeout(settings.connect_timeout):
            connection = await passed.walk()
            # Bytes: output that is no UTF-8 would end the channel.
            await connection.create_session(
                lambda: session, command, encoding=None, request_pty=False, send_env=[], env={}
            )
            return Link(connection, passed)
    except BaseException as error:
        await passed.leave()
        if isinstance(error, Exception):
            raise passed.problem(error) from None
        raise


def reason(error: Exception) -> str:
    """What the system or asyncssh says about it, without its numbers."""
    if isinstance(error, OSError) and error.strerror and not error.filename:
        # asyncio puts words of its own in place of the system's; a resolver's numbers are negative.
        number = error.errno or 0
        return os.strerror(number) if number > 0 else error.strerror
    return str(error) or type(error).__name__


class _Way:
    """The way there: how far we are on it, and what stands in it."""

    def __init__(self, settings: "Settings", way: tuple[Hop, ...]) -> None:
        self._settings = settings
        self._keys = client_keys.client_keys(settings.private_key)
        self._known_hosts = KnownHosts(settings.known_hosts)
        self._hops = way
        self._hop = self._hops[0]  # that we are about to reach, or have reached
        self._client = _Client([])
        self._tried: dict[Hop, _Client] = {}
        self._connection: asyncssh.SSHClientConnection | None = None
        self._has_arrived = False

    async def walk(self) -> asyncssh.SSHClientConnection:
        """The connection to the node, through those to the bastions."""
        for hop in self._hops:
            self._hop, self._client = hop, _Client(self._keys)
            self._tried[hop] = self._client
            connection = await self._connect()
            connection.set_tunnel(self._connection)  # which is closed when this one is
            self._connection = connection
        self._has_arrived = True
        return connection

    def broken(self) -> Hop | None:
        """The first server whose connection is broken."""
        return next((hop for hop, client in self._tried.items() if client.broken), None)

    def loss_of(self, hop: Hop) -> str:
        """A sentence about a server that is `broken`."""
        error = self._tried[hop].broken
        why = reason(error) if error is not None else ""
        return f"the connection to {hop} was lost{'' if why in _NO_REASON else f': {why}'}"

    async def leave(self) -> None:
        """Break off, wherever we are."""
        if self._connection is not None:
            self._connection.abort()
            await self._connection.wait_closed()

    async def _connect(self) -> asyncssh.SSHClientConnection:
        return await asyncssh.connect(
            self._hop.host,
            self._hop.port,
            username=self._hop.username,
            known_hosts=lambda host, address, port: self._known_hosts.trusted(self._hop),
            client_factory=lambda: self._client,
            keepalive_interval=_keepalive(self._settings.task_timeout),
            keepalive_count_max=_KEEPALIVES,
            login_timeout=0,  # the caller's covers it
            tunnel=self._connection,
            # A banner in Latin-1 is no reason to stay away.
            utf8_decode_errors="replace",
            # The fastest cipher here; a server without it gets the usual ones.
            encryption_algs="^aes128-gcm@openssh.com",
            compression_algs=None,
            # After those of the known keys: so a key of another kind is seen, and called by its
            # name.
            server_host_key_algs="+ssh-ed25519,ecdsa-sha2-*,rsa-sha2-*",
            # The client gives its keys, and hears of what else is asked for, but answers nothing.
            preferred_auth="publickey,keyboard-interactive,password",
            client_keys=None,
            public_key_auth=True,
            password_auth=True,
            kbdint_auth=True,
            # Everything else that asyncssh would look for by itself is switched off.
            host_based_auth=False,
            gss_host=None,
            gss_kex=False,
            gss_auth=False,
            agent_path=None,
            agent_identities=None,
            pkcs11_provider=None,
            x509_trusted_certs=None,
            x509_trusted_cert_paths=[],
            config=[],
            proxy_command=None,
            canonicalize_hostname=False,
        )

    def problem(self, error: Exception) -> OrdermonitError:
        """What an exception of `walk`, or of the session after it, means."""
        hop, client = self._hop, self._client
        broken = self.broken()
        match error:
            case OrdermonitError():
                return error
            case _ if broken is not None and broken != hop:  # whatever that is called further on
                return _unavailable(self.loss_of(broken))
            case asyncssh.HostKeyNotVerifiable():
                return self._known_hosts.refusal(hop, client.stranger(error.reason))
            case asyncssh.PermissionDenied():
                return client_keys.refusal(hop, self._keys, client.login, error.reason)
            case asyncssh.KeyExchangeFailed():
                return _nothing_in_common(hop, error.reason)
            case asyncssh.ProtocolError() if "authentication failures" in error.reason:
                return client_keys.refusal(
                    hop, self._keys, replace(client.login, was_refused=True), error.reason
                )
            case asyncssh.ChannelOpenError() if not self._has_arrived and (
                error.code in _NO_FORWARDING
            ):
                return _no_forwarding(hop, error.reason)
            case asyncssh.ConnectionLost() if not client.login.was_offered:
                # With too many clients, or without an algorithm for us, before it can say so.
                return Unavailable(
                    f"{hop} closed the connection before it asked who we are",
                    "Nothing is lost: the next cycle tries again. If this lasts, the log of the SSH"
                    " server there says why",
                )
            case TimeoutError():
                limit = self._settings.connect_timeout
                return _unavailable(f"{hop} did not let us in within {limit:g} s")
            case OSError() | asyncssh.Error():
                return _unavailable(f"{hop} can't be reached: {reason(error)}")
            case UnicodeDecodeError():
                return _unavailable(f"{hop} is no SSH server: it says what is no text")
            case ValueError():  # of a name that can't be a host's or a user's
                return ConfigurationError(
                    f"there is no way to connect to {hop}: {error}",
                    f"Correct {hop.setting}",
                )
        raise error


def _unavailable(message: str) -> Unavailable:
    return Unavailable(message, "Nothing is lost: the next cycle tries again")


def _nothing_in_common(hop: Hop, why: str) -> ConfigurationError:
    said = re.fullmatch(r"No matching (.+) algorithm found, sent .+ and received (.+)", why)
    return ConfigurationError(
        f"{hop} offers no {said[1]} algorithm that we take, only {said[2]}"
        if said
        else f"{hop} has no algorithm in common with us: {why}",
        "Update the SSH server there, or let its sshd_config offer more (KexAlgorithms,"
        " HostKeyAlgorithms, Ciphers, MACs)",
    )


def _no_forwarding(hop: Hop, why: str) -> Refused:
    bastion = hop.before[-1]
    return Refused(
        f"{bastion} lets us in, and no connection through to {hop.address}: {why}",
        f"Let it forward for {bastion.username}: AllowTcpForwarding yes (and PermitOpen"
        f" {hop.address}, if it has PermitOpen) in its sshd_config; and port-forwarding before our"
        " key in authorized_keys, if restrict stands there",
    )


def _keepalive(task_timeout: float) -> float:
    """Seconds between keepalives: a dead connection has to be told from a task that hangs."""
    return min(15.0, task_timeout / (_KEEPALIVES + 2))


class _Client(asyncssh.SSHClient):
    """Gives our keys to one server, and remembers what that server showed and asked for."""

    def __init__(self, keys: Sequence[ClientKey]) -> None:
        self._keys = keys
        self._socket: TransportSocket | None = None
        self._shown: tuple[asyncssh.SSHKey, bool] | None = None
        self.login = Login()
        self.broken: Exception | None = None

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self._socket = conn.get_extra_info("socket")

    def connection_lost(self, exc: Exception | None) -> None:
        self.broken = exc

    def debug_msg_received(self, msg: str, lang: str, always_display: bool) -> None:
        """Acknowledge it now: sshd's next word waits for that (Nagle's algorithm, which it uses
        until a command runs), and the kernel would take 40 ms (tcp(7), TCP_QUICKACK)."""
        if self._socket is not None:
            with suppress(OSError):  # closed meanwhile
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        self._shown = (key, False)
        return False

    def validate_host_ca_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        self._shown = (key, True)
        return False

    def stranger(self, why: str) -> Stranger:
        """What the server showed that is not trusted."""
        return Stranger(why, *self._shown) if self._shown else Stranger(why)

    def public_key_auth_requested(self) -> list[asyncssh.SSHKeyPair] | None:
        """All keys, once. When it is asked for more, the server has taken none."""
        if self.login.was_offered:
            self.login = replace(self.login, was_refused=True)
            return None
        self.login = replace(self.login, was_offered=True)
        return [pair for key in self._keys for pair in key.pairs]

    def kbdint_auth_requested(self) -> str | None:
        self._also("keyboard-interactive")
        return None

    def password_auth_requested(self) -> str | None:
        self._also("a password")
        return None

    def _also(self, method: str) -> None:
        self.login = replace(self.login, rest=(*self.login.rest, method))
