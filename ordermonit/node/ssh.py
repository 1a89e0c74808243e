"""The SSH connection to the node: with our keys and known host keys, and nothing else of ours.

No agent, no ~/.ssh/config, no password, no forwarding: what the service does may not depend on who
started it. Every way to fail says which file, host and user it is about.
"""

import asyncio
import os
import shlex
import socket
from asyncio.trsock import TransportSocket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ordermonit.errors import ConfigurationError, Refused, Unavailable
from ordermonit.node.fast_asyncssh import asyncssh
from ordermonit.rights import as_owner

if TYPE_CHECKING:
    from ordermonit.configuration import Node as Settings

#: The default keys, in the order in which they are offered.
KEY_NAMES = ("id_rsa", "id_ecdsa", "id_ed25519")

SYSTEM_KNOWN_HOSTS = Path("/etc/ssh/ssh_known_hosts")

#: Unanswered keepalives until a connection counts as lost.
_KEEPALIVES = 3


async def start(
    settings: "Settings", command: str, session: asyncssh.SSHClientSession[bytes]
) -> asyncssh.SSHClientConnection:
    """Connect, log in and start the command, in `connect_timeout` seconds at most.

    Raises Refused when either side doesn't trust the other's key, ConfigurationError when something
    of ours can't be used, and Unavailable for everything that may heal by itself.
    """
    keys = _client_keys(settings.private_key)
    known_hosts = _KnownHosts(settings.known_hosts)
    client = _Client()
    where = f"{settings.username}@{settings.host}:{settings.port}"
    try:
        async with asyncio.timeout(settings.connect_timeout):
            connection = await _connect(settings, keys, known_hosts, client)
            await _execute(connection, command, session)
            return connection
    except asyncssh.HostKeyNotVerifiable as error:
        raise known_hosts.refusal(settings, client, error.reason) from None
    except asyncssh.PermissionDenied as error:
        raise _key_refused(settings, [path for path, _ in keys], error.reason) from None
    except asyncssh.KeyExchangeFailed as error:
        raise _unavailable(f"{where} has no algorithm in common with us: {error.reason}") from None
    except TimeoutError:
        what = f"{where} did not let us in within {settings.connect_timeout:g} s"
        raise _unavailable(what) from None
    except (OSError, asyncssh.Error) as error:
        raise _unavailable(f"{where} can't be reached: {reason(error)}") from None
    except UnicodeDecodeError:
        raise _unavailable(f"{where} is no SSH server: it says what is no text") from None
    except ValueError as error:  # of a name that can't be a host's or a user's
        raise ConfigurationError(
            f"there is no way to connect to {where}: {error}",
            "Correct host and username in integration_server.yml",
        ) from None


async def _connect(
    settings: "Settings", keys: "_Keys", known_hosts: "_KnownHosts", client: "_Client"
) -> asyncssh.SSHClientConnection:
    return await asyncssh.connect(
        settings.host,
        settings.port,
        username=settings.username,
        known_hosts=known_hosts.entries,
        client_keys=[pair for _, pair in keys],
        client_factory=lambda: client,
        keepalive_interval=_keepalive(settings.task_timeout),
        keepalive_count_max=_KEEPALIVES,
        login_timeout=0,  # the caller's covers it
        # The fastest cipher here; a server without it gets the usual ones.
        encryption_algs="^aes128-gcm@openssh.com",
        compression_algs=None,
        # After those of the known keys: so a key of another kind is seen, and called by its name.
        server_host_key_algs="+ssh-ed25519,ecdsa-sha2-*,rsa-sha2-*",
        # Everything else that asyncssh would look for by itself is switched off.
        preferred_auth="publickey",
        public_key_auth=True,
        password_auth=False,
        kbdint_auth=False,
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
        tunnel=None,
        proxy_command=None,
        canonicalize_hostname=False,
    )


async def _execute(
    connection: asyncssh.SSHClientConnection,
    command: str,
    session: asyncssh.SSHClientSession[bytes],
) -> None:
    try:
        # Bytes: output that is no UTF-8 would end the channel.
        await connection.create_session(
            lambda: session, command, encoding=None, request_pty=False, send_env=[], env={}
        )
    except BaseException:
        connection.abort()
        raise


def reason(error: Exception) -> str:
    """What the system or asyncssh says about it, without its numbers."""
    if isinstance(error, OSError) and error.strerror and not error.filename:
        # asyncio puts words of its own in place of the system's; a resolver's numbers are negative.
        number = error.errno or 0
        return os.strerror(number) if number > 0 else error.strerror
    return str(error) or type(error).__name__


def _unavailable(message: str) -> Unavailable:
    return Unavailable(message, "Nothing is lost: the next cycle tries again")


def _keepalive(task_timeout: float) -> float:
    """Seconds between keepalives: a dead connection has to be told from a task that hangs."""
    return min(15.0, task_timeout / (_KEEPALIVES + 2))


class _Client(asyncssh.SSHClient):
    """Remembers the host key that came and isn't known."""

    host_key: asyncssh.SSHKey | None = None
    address = ""
    _socket: TransportSocket | None = None

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self._socket = conn.get_extra_info("socket")

    def debug_msg_received(self, msg: str, lang: str, always_display: bool) -> None:
        """Acknowledge it now: sshd's next word waits for that (Nagle's algorithm, which it uses
        until a command runs), and the kernel would take 40 ms (tcp(7), TCP_QUICKACK)."""
        if self._socket is not None:
            with suppress(OSError):  # closed meanwhile
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        self.host_key, self.address = key, addr
        return False


class _KnownHosts:
    """The configured file, or the user's and the system's together."""

    def __init__(self, configured: Path | None) -> None:
        default = [_ssh_directory() / "known_hosts", SYSTEM_KNOWN_HOSTS]
        self._files = [configured] if configured else default
        self.entries = asyncssh.SSHKnownHosts()
        for file in self._files:
            try:
                self.entries.load(file.read_text("utf-8", "replace"))
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise _unreadable(file, error, "known_hosts") from None
            except ValueError as error:
                raise ConfigurationError(
                    f"{file} has a line that is no known host: {error}",
                    "Correct or remove that line",
                ) from None

    def knows(self, settings: "Settings", client: _Client) -> bool:
        """Whether any key is known for the node, by its name, address and port."""
        port = settings.port if settings.port != asyncssh.DEFAULT_PORT else None
        host_keys, ca_keys, *_ = self.entries.match(settings.host, client.address, port)
        return bool(host_keys or ca_keys)

    def refusal(self, settings: "Settings", client: _Client, why: str) -> Refused:
        """The host key isn't the known one, or none is known."""
        file = shlex.quote(str(self._files[0]))
        host, port, key = shlex.quote(settings.host), settings.port, client.host_key
        came = f"{key.algorithm.decode()} {key.get_fingerprint()}" if key else why
        whose = as_owner(self._files[0])
        scan = f"ssh-keyscan -p {port} {host} {f'| {whose}tee -a' if whose else '>>'} {file}"
        compare = "compare that fingerprint with `ssh-keygen -lf` of /etc/ssh/ssh_host_*.pub there"
        if self.knows(settings, client):
            default = port == asyncssh.DEFAULT_PORT
            name = shlex.quote(settings.host if default else f"[{settings.host}]:{port}")
            mend = f"{whose}ssh-keygen -f {file} -R {name}; {scan}"
            if not whose:  # typed by root, ssh-keygen makes a file that is closed to the service
                mend += f"; cp --attributes-only --preserve=mode,ownership {file}.old {file}"
            return Refused(
                f"the host key of {settings.host}:{port} is not the known one ({came}); "
                "nothing was sent",
                f"If the node was set up anew, {compare}, then type: {mend}",
            )
        searched = " and ".join(map(str, self._files))
        return Refused(
            f"no host key of {settings.host}:{port} is known in {searched} ({came}); "
            "nothing was sent",
            f"{compare.capitalize()}, then type: {scan}",
        )


def _key_refused(settings: "Settings", files: Sequence[Path], why: str) -> Refused:
    public = shlex.quote(f"{files[0]}.pub")
    names = " or ".join(map(str, files))
    return Refused(
        f"{settings.host}:{settings.port} does not let {settings.username} in with {names} ({why})",
        f"Append {public} to ~{settings.username}/.ssh/authorized_keys there: ssh-copy-id "
        f"-i {public} -p {settings.port} {shlex.quote(f'{settings.username}@{settings.host}')}",
    )


_Keys = list[tuple[Path, asyncssh.SSHKeyPair]]


def _client_keys(configured: Path | None) -> _Keys:
    if configured:
        keys = _load(configured)
        if not keys:
            raise ConfigurationError(
                f"there is no private key {configured}",
                "Make one without a passphrase (ssh-keygen -t ed25519), or correct private_key "
                "in integration_server.yml",
            )
        return keys
    directory = _ssh_directory()
    found: _Keys = []
    problems: list[ConfigurationError] = []
    for name in KEY_NAMES:
        try:
            found += _load(directory / name)
        except ConfigurationError as problem:
            problems.append(problem)  # as ssh does: another key may be good
    if not found and problems:
        raise problems[0]
    if not found:
        raise ConfigurationError(
            f"there is no private key in {directory} ({', '.join(KEY_NAMES)})",
            "Make one without a passphrase (ssh-keygen -t ed25519), or set private_key "
            "in integration_server.yml",
        )
    return found


def _load(file: Path) -> _Keys:
    """The key in the file, after its certificate if it has one; nothing if there is no file."""
    try:
        # Testing the primes of a key of our own costs 0.4 s (RSA, 4096 bits) and tells nothing.
        pairs = asyncssh.load_keypairs([str(file)], unsafe_skip_rsa_key_validation=True)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise _unreadable(file, error, "private_key") from None
    except ValueError as error:
        if "assphrase" in str(error):
            raise ConfigurationError(
                f"the private key {file} has a passphrase, and nobody is there to type it",
                f"Take it off: {as_owner(file)}ssh-keygen -p -N '' -f {shlex.quote(str(file))}",
            ) from None
        raise ConfigurationError(
            f"{file} is no private key: {error}",
            "Give a private key in OpenSSH's or PEM form, without a passphrase",
        ) from None
    return [(file, pair) for pair in pairs]


def _ssh_directory() -> Path:
    try:
        return Path.home() / ".ssh"
    except RuntimeError:
        raise ConfigurationError(
            "there is no home directory to take SSH keys from",
            "Set HOME, or private_key and known_hosts in integration_server.yml",
        ) from None


def _unreadable(file: Path, error: OSError, key: str) -> ConfigurationError:
    return ConfigurationError(
        f"{file} can't be read: {error.strerror}",
        f"Let the user of this service read it, or set {key} in integration_server.yml",
    )
