"""The host keys that are trusted, and what a key that is not is called."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from ordermonit.errors import ConfigurationError, Refused
from ordermonit.node.client_keys import ssh_directory, unreadable
from ordermonit.node.fast_asyncssh import asyncssh
from ordermonit.node.hops import DEFAULT_PORT, Hop
from ordermonit.rights import as_owner

SYSTEM_KNOWN_HOSTS = Path("/etc/ssh/ssh_known_hosts")

_Trusted = tuple[list[asyncssh.SSHKey], list[asyncssh.SSHKey], list[asyncssh.SSHKey]]


@dataclass(frozen=True, slots=True)
class Stranger:
    """What a server showed that is not trusted: its key or, with `is_authority`, the key that
    signed its certificate. `why` is asyncssh's word."""

    why: str
    key: asyncssh.SSHKey | None = None
    is_authority: bool = False

    def __str__(self) -> str:
        if self.key is None:
            return self.why
        came = f"{self.key.get_algorithm()} {self.key.get_fingerprint()}"
        return f"a certificate of {came}" if self.is_authority else came


class KnownHosts:
    """The configured file, or the user's and the system's together.

    Hosts are known by the names that are configured, as in OpenSSH, and never by the addresses that
    a name server gives for them.
    """

    def __init__(self, configured: Path | None) -> None:
        default = [ssh_directory() / "known_hosts", SYSTEM_KNOWN_HOSTS]
        self._files = [configured] if configured else default
        self._entries = asyncssh.SSHKnownHosts()
        for file in self._files:
            self._read(file)

    def _read(self, file: Path) -> None:
        try:
            lines = file.read_bytes().splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise unreadable(file, error, "known_hosts") from None
        for at, line in enumerate(lines, start=1):
            try:
                self._entries.load(_bare(line))
            except ValueError as error:
                raise ConfigurationError(
                    f"{file}, line {at}, is no known host: {error}",
                    "Correct or remove that line",
                ) from None

    def trusted(self, hop: Hop) -> _Trusted:
        """The hop's keys, the authorities whose certificates it may show, and what is revoked."""
        # Without an address, that plays no part.
        port = hop.port if hop.port != DEFAULT_PORT else None
        keys, authorities, revoked, *_ = self._entries.match(hop.host, "", port)
        return list(keys), list(authorities), list(revoked)

    def refusal(self, hop: Hop, stranger: Stranger) -> Refused:
        """The host key isn't the known one, or none is known."""
        keys, authorities, _ = self.trusted(hop)
        name = f"{hop.address}{hop.place}"
        searched = " and ".join(map(str, self._files))
        if "revoked" in stranger.why:
            return Refused(
                f"the host key of {name} is revoked in {searched}; nothing was sent",
                "Have another key made there, or remove the @revoked line if it is wrong",
            )
        if stranger.key is None and authorities:
            return Refused(
                f"the host certificate of {name} can't be accepted ({stranger}); nothing was sent",
                f"Sign its key anew there, for the name {hop.host}: ssh-keygen -s CA -h -I NAME"
                f" -n {shlex.quote(hop.host)} -V +52w /etc/ssh/ssh_host_ed25519_key.pub",
            )
        compare = "compare that fingerprint with `ssh-keygen -lf` of /etc/ssh/ssh_host_*.pub there"
        if keys or authorities:
            return Refused(
                f"the host key of {name} is not the known one ({stranger}); nothing was sent",
                f"If the {hop.role} was set up anew,"
                f" {compare}, then type: {_replace(hop, self._files[0])}",
            )
        return Refused(
            f"no host key of {name} is known in {searched} ({stranger}); nothing was sent",
            f"{compare.capitalize()}, then type: {_add(hop, self._files[0])}",
        )


def _add(hop: Hop, path: Path) -> str:
    """The command that adds the key. ssh-keyscan passes no bastion; ssh asks, and may then fail."""
    file, whose, host = shlex.quote(str(path)), as_owner(path), shlex.quote(hop.host)
    if hop.before:
        login = shlex.quote(f"{hop.username}@{hop.host}")
        return f"{whose}ssh -J {hop.jumps} -o UserKnownHostsFile={file} -p {hop.port} {login} true"
    return f"ssh-keyscan -p {hop.port} {host} {f'| {whose}tee -a' if whose else '>>'} {file}"


def _replace(hop: Hop, path: Path) -> str:
    """The commands that put the key in the place of the known one."""
    file, whose = shlex.quote(str(path)), as_owner(path)
    mend = f"{whose}ssh-keygen -f {file} -R {shlex.quote(hop.known_as)}; {_add(hop, path)}"
    if not whose:  # typed by root, ssh-keygen makes a file that is closed to the service
        mend += f"; cp --attributes-only --preserve=mode,ownership {file}.old {file}"
    return mend


def _bare(line: bytes) -> str:
    """A line without its comment, which may be in any encoding; names in lower case, as OpenSSH
    compares them."""
    fields = line.decode("utf-8", "replace").split()
    names = 1 if fields[:1] and fields[0].startswith("@") else 0
    if len(fields) > names and not fields[names].startswith("|"):  # that is a hash
        fields[names] = fields[names].lower()
    return " ".join(fields[: names + 3])
