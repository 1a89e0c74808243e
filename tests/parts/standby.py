"""The other monitor, as `standby` names it: behind a real sshd, with its own state directory."""

import shlex
import sys
from pathlib import Path

from ordermonit.orders.model import Record
from ordermonit.state.directory import State
from tests.parts.sshd import Sshd
from tests.parts.world import World


class Other:
    """The other monitor: its sshd, its state directory, and what a login with our key runs."""

    def __init__(self, world: World, directory: Path) -> None:
        self.world = world
        self.state = State(directory / "other")
        self._script = directory / "receive"
        options = f'restrict,command="{self._script}"'
        self.sshd = Sshd(key=world.sshd.key, key_options=options)
        words = [sys.executable, "-m", "ordermonit", "--config", str(world.config)]
        self._words = [*words, "--state", str(self.state.directory)]
        self.receive = shlex.join([*self._words, "receive"])
        self.run_there(f"exec {self.receive}")
        known = world.sshd.known_hosts.read_text() + self.sshd.known_hosts.read_text()
        world.sshd.known_hosts.write_text(known)
        address = f"{self.sshd.username}@127.0.0.1:{self.sshd.port}"
        world.configure("service", standby=address)

    def receive_for(self, shop: str) -> str:
        """`receive` of one shop of several."""
        return shlex.join([*self._words, "--shop", shop, "receive"])

    def run_there(self, command: str) -> None:
        """What a login runs from now on."""
        self._script.write_text(f"#!/bin/sh\n{command}\n")
        self._script.chmod(0o755)

    def records(self) -> dict[int, Record]:
        return self.state.read().records

    def cycle(self) -> str:
        """One cycle of the active monitor with a new order; what it said of the standby."""
        self.world.front.add_many(1, "authorized")
        lines = self.world.cycle().stderr.splitlines()
        return "\n".join(line for line in lines if "standby" in line)

    def problem(self) -> str:
        """What `status` says of the standby."""
        found = [each["what"] for each in self.world.status()["problems"]]
        return "".join(what for what in found if "the standby" in what)

    def has_the_newest(self) -> bool:
        active = State(self.world.state).read()
        return (self.state.read().head, self.records()) == (active.head, active.records)
