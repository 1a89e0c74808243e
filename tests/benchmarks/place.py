"""The place of the benchmarks: MariaDB, Abacos, an sshd, and a node with a real Rails."""

import compileall
import shutil
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import yaml

from tests.parts.abacos import Remote
from tests.parts.front import Front
from tests.parts.judge import Judge, Seen
from tests.parts.mariadb import MariaDB
from tests.parts.node import Node
from tests.parts.processes import Server, private_directory
from tests.parts.sshd import Sshd

_RAILS_ROOT = Path(__file__).parent / "rails_root"
_ROOT = Path(__file__).parents[2]


def is_authorized(at: int) -> bool:
    """Whether the payment of a batch's order is authorized: 60 %, evenly spread."""
    return at * 6 % 10 < 6


@dataclass(frozen=True, slots=True)
class Batch:
    """Fresh orders in the Front, all of which fell through. `head` is the id before them."""

    head: int
    numbers: tuple[int, ...]
    authorized: frozenset[int]


class Place:
    """Everything that the ways need. Directories lie on the disk that /tmp is on."""

    def __init__(self) -> None:
        self.directory = private_directory("bench")
        self.maria = MariaDB()
        self.sshd = Sshd()
        self._abacos = Server(self.directory / "abacos.log")
        self._stack = ExitStack()
        self._states = 0

    def __enter__(self) -> Self:
        # As in an installation, whatever PYTHONDONTWRITEBYTECODE says here.
        compileall.compile_dir(_ROOT / "ordermonit", quiet=1)
        with ExitStack() as stack:
            stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
            stack.enter_context(self.maria)
            stack.enter_context(self.sshd)
            stack.callback(self._abacos.kill)
            # A process of its own: it must not wait for the program that measures.
            where = self.directory / "abacos.json"
            command = [sys.executable, "-m", "tests.parts.abacos", "--dir", str(self.directory)]
            alive = ["setpriv", "--pdeathsig", "KILL", "env", f"--chdir={_ROOT}"]  # dies with us
            self._abacos.launch([*alive, *command], where.exists)
            self.front = Front(self.maria.fresh_database())
            stack.callback(self.front.engine.dispose)
            self.judge: Judge = Remote(self.directory).judge
            self._make_node(Remote(self.directory).url)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _make_node(self, abacos_url: str) -> None:
        self.node = Node(self.directory / "rails_root", abacos_url, namespace=None)
        shutil.copytree(_RAILS_ROOT, self.node.rails_root, dirs_exist_ok=True)
        database = {**self.front.settings(), "pool": 2}
        database_yml = self.node.rails_root / "config" / "database.yml"
        database_yml.write_text(yaml.safe_dump({"production": database}))

    def batch(self, how_many: int) -> Batch:
        """So many new orders, none of them in Abacos, 60 % authorized."""
        head = self.front.newest_id()
        numbers = self.front.add_many(how_many)
        paid = [number for at, number in enumerate(numbers) if is_authorized(at)]
        self.front.set_state("authorized", paid)
        return Batch(head, tuple(numbers), frozenset(paid))

    def refuse_wrong(self, batch: Batch, way: str) -> None:
        """Raises RuntimeError unless each order was inserted, and confirmed if paid, once."""
        for number in map(str, batch.numbers):
            inserted = self.judge.count(Seen.INSERTED, number)
            confirmed = self.judge.count(Seen.CONFIRMED, number)
            if (inserted, confirmed) != (1, int(int(number) in batch.authorized)):
                raise RuntimeError(
                    f"{way}: order {number} inserted {inserted} and confirmed {confirmed} times"
                )

    def config(self) -> Path:
        """The configuration for this Front."""
        directory = self.directory / "config"
        if not directory.exists():
            self.configuration(directory, self.front.settings())
        return directory

    def configuration(self, directory: Path, database: dict[str, object]) -> Path:
        """The four files in this directory."""
        directory.mkdir()
        node = {
            "host": "127.0.0.1",
            "port": self.sshd.port,
            "username": self.sshd.username,
            "rails_root": str(self.node.rails_root),
            "private_key": str(self.sshd.key),
            "known_hosts": str(self.sshd.known_hosts),
            "rake": "rake",
        }
        files: dict[str, dict[str, object]] = {
            "service": {"max_orders_per_request": 100_000},
            "process": {},
            "integration_server": node,
            "database": database,
        }
        for name, content in files.items():
            (directory / f"{name}.yml").write_text(yaml.safe_dump(content))
        return directory

    def state_at(self, config: Path, head: int) -> Path:
        """A new state directory whose checkpoint has this HEAD."""
        self._states += 1
        state = self.directory / f"state{self._states}"
        command = [*program(config, state), "init", "--head", str(head)]
        subprocess.run(command, check=True, capture_output=True, cwd=_ROOT)
        return state


def program(config: Path, state: Path) -> list[str]:
    """`ordermonit` with these directories."""
    return [sys.executable, "-m", "ordermonit", "--config", str(config), "--state", str(state)]
