"""One night: a world whose clock is set, an inbox, and everything that is seen and typed."""

import os
import pty
import re
import shlex
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import yaml

from tests.parts.databases import sqlite
from tests.parts.front import Front
from tests.parts.inbox import Hook
from tests.parts.node import OrderExists
from tests.parts.processes import private_directory
from tests.parts.world import PATIENCE, World

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of the document: prose, or with a `kind` what was on a screen."""

    text: str
    kind: str = ""


class Night:
    """Commands see the clock of the night (libfaketime) and this world's directories.

    What they print is kept as it is, but for names: see `_as_installed`.
    """

    def __init__(self, world: World, hook: Hook, begins: str) -> None:
        self.world = world
        world.configure("integration_server", lock_file="tmp/ordermonit.lock")
        self.hook = hook
        self.blocks: list[Block] = []
        self.prefix: list[str] = []
        self.runtime = world.home / "runtime"
        self.runtime.mkdir()
        self._now = datetime.fromisoformat(begins)
        self._alerts_shown = 0
        (self._clock,) = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
        program = world.home / "bin" / "ordermonit"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec {shlex.join(world.command_line())} "$@"\n')
        program.chmod(0o755)

    @property
    def now(self) -> datetime:
        """The time that the next command sees first."""
        return self._now

    def later(self, **span: float) -> None:
        """Time passes: `minutes=`, `seconds=`."""
        self._now += timedelta(**span)

    def says(self, text: str) -> None:
        """A paragraph."""
        self.blocks.append(Block(" ".join(text.split())))

    def timer(self, expect: int = 0, patience: float = 120) -> None:
        """The timer starts a cycle, which nobody watches; it waits so many seconds for Abacos."""
        self.world.configure("service", running_cycle=patience)
        self.unseen("ordermonit cycle", expect)
        self.world.configure("service", running_cycle=120)

    def unseen(self, command: str, expect: int = 0) -> None:
        """Something that happens, and that the person on call does not see."""
        done = self._run(command, {"RUNTIME_DIRECTORY": str(self.runtime)})
        assert done.returncode == expect, f"exit {done.returncode}\n{done.stdout}"
        assert "did not take the alert" not in done.stdout, done.stdout

    def alert(self) -> str:
        """The one alert that has come since the last one; its text."""
        new = self.hook.posts[self._alerts_shown :]
        assert len(new) == 1, [post["title"] for post in new]
        self._alerts_shown += 1
        text = f"{new[0]['title']}\n\n{new[0]['message']}"
        self.blocks.append(Block(self._as_installed(text), "text"))
        return text

    def types(self, command: str, *, answer: str = "", expect: int = 0) -> str:
        """A command line in a shell, and its output; `answer` is typed when it asks."""
        done = self._run(command, {}, answer)
        assert done.returncode == expect, f"exit {done.returncode}\n{done.stdout}"
        shown = done.stdout.replace("[y/N] ", f"[y/N] {answer}\n") if answer else done.stdout
        self.blocks.append(Block(self._as_installed(f"$ {command}\n{shown}").rstrip(), "console"))
        return done.stdout

    def sees(self, command: str, expected: str) -> None:
        """The same, with these words in it wherever a line of the screen ends."""
        assert expected in " ".join(self.types(command).split())

    def _run(
        self, command: str, more: dict[str, str], answer: str = ""
    ) -> subprocess.CompletedProcess[str]:
        self.world.inform_node()
        keyboard, terminal = pty.openpty()
        try:
            os.write(keyboard, f"{answer}\n".encode() if answer else b"\x04")
            return subprocess.run(
                [*self.prefix, "sh", "-c", command],
                stdin=terminal,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                cwd=ROOT,
                env=self._environment() | more,
                check=False,
                timeout=PATIENCE,
            )
        finally:
            os.close(keyboard)
            os.close(terminal)

    def _environment(self) -> dict[str, str]:
        environment = self.world.environment()
        environment["PATH"] = f"{self.world.home}/bin:{environment['PATH']}"
        return environment | {
            "TZ": "UTC",
            "USER": "oncall",
            "LD_PRELOAD": str(self._clock),
            "FAKETIME": f"@{self._now:%Y-%m-%d %H:%M:%S}",
            "FAKETIME_DONT_RESET": "1",
        }

    def _as_installed(self, text: str) -> str:
        """With the names of an installation in place of those of this world."""
        world, node = self.world, "node.shop.example"
        port, abacos = world.sshd.port, world.abacos.port
        for ours, theirs in (
            (f"'[127.0.0.1]:{port}'", node),
            (f"[127.0.0.1]:{port}", node),
            (f"{world.sshd.username}@127.0.0.1:{port}", f"deploy@{node}:22"),
            (f"127.0.0.1:{port}", f"{node}:22"),
            (f"-p {port} 127.0.0.1", f"-p 22 {node}"),
            (f'"127.0.0.1" port {abacos}', '"abacos.shop.example" port 443'),
            (f"127.0.0.1:{abacos}", "abacos.shop.example:443"),
            (str(world.sshd.known_hosts), "/etc/ordermonit/known_hosts"),
            (f"{world.sshd.directory}/host", "/etc/ssh/ssh_host_ed25519_key"),
            (str(world.state), "/var/lib/ordermonit"),
            (str(world.config), "/etc/ordermonit"),
            (str(world.node.rails_root), "/srv/shop/current"),
            (f" on {socket.gethostname()}:", " on monit:"),
        ):
            # A screen may break the line at any blank.
            text = re.sub(re.escape(ours).replace(r"\ ", r"\s+"), theirs, text)
        return text


@contextmanager
def night(begins: str) -> Iterator[Night]:
    """A shop with a Front on SQLite, and the service that has been told to begin with its first
    order; `begins` is when, in UTC."""
    directory = private_directory("night")
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, directory)
        hook = stack.enter_context(Hook())
        front = Front(sqlite(directory / "front.sqlite3"))
        world = stack.enter_context(World(directory, front, order_exists=OrderExists.THERE))
        world.configure("service", running_cycle=120, max_attempts=2)
        world.configure("process", log_output=False)
        alerts = {"channels": [f"json://{hook.address}/"], "send_timeout": 60}
        (world.config / "alerts.yml").write_text(yaml.safe_dump(alerts))
        played = Night(world, hook, begins)
        played.unseen("ordermonit init --from-start")
        yield played


def command_of(text: str) -> str:
    """The command that an alert or a screen tells to type, to the end of its line or sentence."""
    *_, last = re.finditer(r"[Tt]ype: (.+?)(?:\.(?: .*)?)?$", text, re.M)
    return last[1]
