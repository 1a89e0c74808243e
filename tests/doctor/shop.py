"""One shop for all of the doctor's cases: broken by each, and put right again for the next."""

import copy
import shutil
from pathlib import Path
from typing import Any

from tests.parts.databases import READER
from tests.parts.front import Front
from tests.parts.node import OrderExists
from tests.parts.sshd import keygen
from tests.parts.world import World

#: What needs neither systemd nor a clock that is kept right.
PARTS = ("configuration", "checkpoint", "database", "node")


class Shop:
    """A world as docs/install.md wants it: its user may only read, its files are closed."""

    def __init__(self, directory: Path, front: Front) -> None:
        self.directory = directory
        self.world = World(directory, front)
        sshd = self.world.sshd
        files = (sshd.key, sshd.key.with_suffix(".pub"), sshd.known_hosts)
        self._keys = {file: file.read_bytes() for file in files}
        self._files: dict[str, dict[str, Any]] = {}

    def begin(self) -> None:
        """Three orders that a first cycle integrates; kept as what `fresh` goes back to."""
        world = self.world
        world.configure("database", username=READER)
        world.configure("service", downtime_wait=0.2)
        self._files = copy.deepcopy(world.files)
        assert world.run("init", "--from-start").exit_code == 0
        world.front.add_many(3, "authorized")
        world.cycle()
        world.cycle()
        shutil.copytree(world.state, self.directory / "good state")

    def fresh(self) -> None:
        """As after `begin`."""
        world = self.world
        shutil.rmtree(world.state, ignore_errors=True)
        shutil.copytree(self.directory / "good state", world.state)
        world.state.chmod(0o700)
        world.files = copy.deepcopy(self._files)
        for name in world.files:
            world.configure(name)
            (world.config / f"{name}.yml").chmod(0o640)
        for name in ("alerts.yml", "environment"):
            (world.config / name).unlink(missing_ok=True)
        for file, content in self._keys.items():
            file.write_bytes(content)
        world.sshd.key.chmod(0o600)
        world.node.behave_well()
        world.node.configure(order_exists=OrderExists.THERE)
        world.abacos.up()
        world.abacos.work()
        newest = world.front.newest_id()
        if newest > 3:
            world.front.delete(*range(4, newest + 1))

    def change_key(self) -> None:
        """A key of ours that the node has never seen."""
        keygen(self.world.sshd.key)
