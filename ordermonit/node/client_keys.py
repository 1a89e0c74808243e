"""Our own keys: where they are, and what it is called when they can't be used or don't do."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from ordermonit.errors import ConfigurationError, Refused
from ordermonit.node.fast_asyncssh import asyncssh
from ordermonit.node.hops import Hop
from ordermonit.rights import as_owner

#: The default keys, in the order in which they are offered.
KEY_NAMES = ("id_rsa", "id_ecdsa", "id_ed25519")


@dataclass(frozen=True, slots=True)
class ClientKey:
    """The key in a file: alone, and before that with its certificate if it has one."""

    file: Path
    pairs: tuple[asyncssh.SSHKeyPair, ...]

    @property
    def certificate(self) -> Path | None:
        """The file of its certificate, as OpenSSH names it."""
        return Path(f"{self.file}-cert.pub") if len(self.pairs) > 1 else None


@dataclass(frozen=True, slots=True)
class Login:
    """How far a login came. `rest` are the other methods that the server asked for."""

    was_offered: bool = False
    was_refused: bool = False
    rest: tuple[str, ...] = ()


def client_keys(configured: Path | None) -> list[ClientKey]:
    """The configured key, or the user's. Raises ConfigurationError if there is none that can be
    used."""
    if configured:
        key = _load(configured)
        if key is None:
            raise ConfigurationError(
                f"there is no private key {configured}",
                f"{_made(configured)}; or correct private_key in integration_server.yml",
            )
        return [key]
    directory = ssh_directory()
    found: list[ClientKey] = []
    problems: list[ConfigurationError] = []
    for name in KEY_NAMES:
        try:
            key = _load(directory / name)
        except ConfigurationError as problem:
            problems.append(problem)  # as ssh does: another key may be good
        else:
            found += [key] if key else []
    if not found and problems:
        raise problems[0]
    if not found:
        raise ConfigurationError(
            f"there is no private key in {directory} ({', '.join(KEY_NAMES)})",
            f"{_made(directory / KEY_NAMES[-1])}; or set private_key in integration_server.yml",
        )
    return found


def _made(file: Path) -> str:
    """The command that makes a key, as whoever will use it."""
    command = f"{as_owner(file)}ssh-keygen -t ed25519 -N '' -f {shlex.quote(str(file))}"
    return f"Make one without a passphrase: {command}"


def refusal(hop: Hop, keys: list[ClientKey], login: Login, why: str) -> Refused:
    """Why the server lets nobody in with these keys."""
    rest = " and ".join(login.rest) or "something that no program can answer"
    if not login.was_offered:
        return Refused(
            f"{hop} takes no key from us: it asks for {rest}",
            f"Set PubkeyAuthentication yes there, and let a key be enough for {hop.username}"
            " (AuthenticationMethods publickey)",
        )
    if not login.was_refused:
        return Refused(
            f"{hop} accepts our key, and asks for {rest} beside it",
            f"Let the key be enough for {hop.username} there: AuthenticationMethods publickey in"
            f" sshd_config, under Match User {hop.username}",
        )
    for key in keys:
        if key.certificate is not None and (odd := _odd(key.certificate, hop.username)):
            return Refused(
                f"{hop} does not let us in with {key.file}, and its certificate"
                f" {key.certificate} is no longer good: {odd}",
                f"Have {key.file}.pub signed anew for {hop.username} (ssh-keygen -s CA -I NAME -n"
                f" {shlex.quote(hop.username)} -V +52w {shlex.quote(f'{key.file}.pub')}), or remove"
                " the certificate",
            )
    public = shlex.quote(f"{keys[0].file}.pub")
    names = " or ".join(str(key.file) for key in keys)
    jump = f"-o ProxyJump={hop.jumps} " if hop.before else ""
    return Refused(
        f"{hop.address}{hop.place} does not let {hop.username} in with {names} ({why})",
        f"Append {public} to ~{hop.username}/.ssh/authorized_keys there: ssh-copy-id "
        f"-i {public} {jump}-p {hop.port} {shlex.quote(f'{hop.username}@{hop.host}')}",
    )


def _odd(certificate: Path, username: str) -> str | None:
    """What a server has against our certificate, whoever signed it."""
    try:
        for each in asyncssh.load_certificates(str(certificate)):
            if isinstance(each, asyncssh.public_key.SSHOpenSSHCertificate):
                each.validate(asyncssh.public_key.CERT_TYPE_USER, username)
    except OSError:
        return None
    except ValueError as problem:
        return str(problem)
    return None


def _load(file: Path) -> ClientKey | None:
    """The key in the file; None if there is no file."""
    try:
        # Testing the primes of a key of our own costs 0.4 s (RSA, 4096 bits) and tells nothing.
        pairs = asyncssh.load_keypairs([str(file)], unsafe_skip_rsa_key_validation=True)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise unreadable(file, error, "private_key") from None
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
    return ClientKey(file, tuple(pairs))


def ssh_directory() -> Path:
    """~/.ssh. Raises ConfigurationError where there is no home directory."""
    try:
        return Path.home() / ".ssh"
    except RuntimeError:
        raise ConfigurationError(
            "there is no home directory to take SSH keys from",
            "Set HOME, or private_key and known_hosts in integration_server.yml",
        ) from None


def unreadable(file: Path, error: OSError, key: str) -> ConfigurationError:
    """A file of ours that the service's user may not read."""
    return ConfigurationError(
        f"{file} can't be read: {error.strerror}",
        f"Let the user of this service read it, or set {key} in integration_server.yml",
    )
