"""A private Dropbear server on loopback: the other SSH server that small systems have."""

import os
import pwd
import shutil
import subprocess

from tests.parts.processes import Private, Server, answers, free_port, private_directory
from tests.parts.sshd import keygen


class Dropbear(Private):
    """Dropbear for root, who alone can give it another home to look for authorized_keys in.

    `key` is the client's private key, `known_hosts` names the host key.
    """

    def __init__(self) -> None:
        self.directory = private_directory("dropbear")
        self.port = free_port()
        self.username = "root"
        self.key = self.directory / "client"
        self.known_hosts = self.directory / "known_hosts"
        self.server = Server(self.directory / "log")
        keygen(self.key)
        home = self.directory / "home"
        (home / ".ssh").mkdir(mode=0o700, parents=True)
        shutil.copy(self.key.with_suffix(".pub"), home / ".ssh/authorized_keys")
        accounts = "".join(
            f"{each.pw_name}:x:{each.pw_uid}:{each.pw_gid}::"
            f"{home if each.pw_name == self.username else each.pw_dir}:/bin/sh\n"
            for each in pwd.getpwall()
        )
        (self.directory / "passwd").write_text(accounts)

    def start(self) -> None:
        """Make its host key, and serve: in a mount namespace, where root has that home."""
        assert os.geteuid() == 0
        host_key = self.directory / "host"
        made = subprocess.run(
            ["dropbearkey", "-t", "ed25519", "-f", host_key],
            check=True,
            capture_output=True,
            text=True,
        )
        (public,) = [line for line in made.stdout.splitlines() if line.startswith("ssh-ed25519 ")]
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {public}\n")
        serve = f"exec {shutil.which('dropbear') or '/usr/sbin/dropbear'} -FEs"
        script = (
            f"mount --bind {self.directory}/passwd /etc/passwd && "
            f"{serve} -r {host_key} -p 127.0.0.1:{self.port} -P {self.directory}/pid"
        )
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "sh", "-c", script]
        self.server.launch(command, lambda: answers(self.port))

    def stop(self) -> None:
        """End it and its sessions."""
        self.server.stop()
