"""Everything that a cycle needs, put together, and the program run as a person runs it."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml

from tests.parts.abacos import Abacos
from tests.parts.front import Front
from tests.parts.node import NAMESPACE, Node, OrderExists
from tests.parts.sshd import Sshd

#: Seconds after which a command of the program counts as hanging.
PATIENCE = 90


@dataclass(frozen=True, slots=True)
class Run:
    """How a command ended."""

    exit_code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        """Its stdout as JSON."""
        return json.loads(self.stdout)


class World:
    """A shop (`front`), its ERP (`abacos`), its Rails `node` behind an `sshd`, and ordermonit's
    own directories `config`, `state` and `home`.

    `files` holds the four configuration files by name; change them with `configure`.
    """

    def __init__(
        self,
        directory: Path,
        front: Front,
        *,
        order_exists: OrderExists = OrderExists.THERE,
        namespace: str | None = NAMESPACE,
    ) -> None:
        self.front = front
        self.config = directory / "config"
        self.state = directory / "state"
        self.home = directory / "home"
        for made in (self.config, self.state, self.home):
            made.mkdir()
        self.abacos = Abacos(directory)
        self.sshd = Sshd()
        self.node = Node(
            directory / "rails_root",
            self.abacos.url,
            namespace=namespace,
            order_exists=order_exists,
        )
        self._stack = ExitStack()
        self._processes: list[subprocess.Popen[str]] = []
        self._shorter: list[str] = []
        self.files: dict[str, dict[str, Any]] = {
            "service": {
                "running_cycle": 5,
                "downtime_wait": 0.2,
                "max_orders_per_request": 50,
            },
            "process": {"log_output": True},
            "integration_server": {
                "host": "127.0.0.1",
                "port": self.sshd.port,
                "username": self.sshd.username,
                "rails_root": str(self.node.rails_root),
                "private_key": str(self.sshd.key),
                "known_hosts": str(self.sshd.known_hosts),
                "rake": "rake",
                "tasks": self.node.task_names(),
                "connect_timeout": 10,
                "task_timeout": 30,
            },
            "database": front.settings(),
        }
        for name in self.files:
            self.configure(name)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.callback(self.front.engine.dispose)
            stack.enter_context(self.sshd)
            stack.enter_context(self.abacos)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
            process.communicate()
        self._stack.close()

    def configure(self, name: str, **settings: object) -> None:
        """Change keys of one of the four files, and write it."""
        self.files[name] |= settings
        text = yaml.safe_dump(self.files[name], sort_keys=False, allow_unicode=True)
        (self.config / f"{name}.yml").write_text(text)

    def shorten(self, module: str, **seconds: float) -> None:
        """The program's patience, by constants of this module: a test that waits for the end of
        one waits less. What is longer than what has to stay so."""
        self._shorter += [f"import {module}"]
        self._shorter += [f"{module}.{name} = {value}" for name, value in seconds.items()]

    def start(self, *command: str, **environment: str) -> subprocess.Popen[str]:
        """Begin a command and leave it running; it is killed at the end."""
        self.inform_node()
        process = subprocess.Popen(
            self.command_line(*command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.home,
            env=self.environment() | environment,
        )
        self._processes.append(process)
        return process

    def inform_node(self) -> None:
        """The node learns each order's state, as from the shop's own database."""
        self.node.know(self.front.states())

    def command_line(self, *command: str) -> list[str]:
        """`ordermonit` with these words; the directories are in the environment."""
        if self._shorter:
            program = "; ".join([*self._shorter, "from ordermonit.__main__ import main", "main()"])
            return [sys.executable, "-c", program, *command]
        return [sys.executable, "-m", "ordermonit", *command]

    def environment(self) -> dict[str, str]:
        """What the program sees: nothing of the user's who runs the tests."""
        places = {"ORDERMONIT_CONFIG": str(self.config), "ORDERMONIT_STATE": str(self.state)}
        return {"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8", **places}

    def run(self, *command: str, **environment: str) -> Run:
        """Run a command to its end. Raises subprocess.TimeoutExpired if it hangs."""
        process = self.start(*command, **environment)
        stdout, stderr = process.communicate(timeout=PATIENCE)
        self._processes.remove(process)
        return Run(process.returncode, stdout, stderr)

    def cycle(self, expect: int = 0) -> Run:
        """Run one cycle; its exit code must be the expected one."""
        run = self.run("cycle")
        assert run.exit_code == expect, f"exit {run.exit_code}\n{run.stdout}{run.stderr}"
        return run

    def orders(self, *options: str) -> list[dict[str, Any]]:
        """The checkpoint's records (`orders --json`)."""
        run = self.run("orders", "--json", *options)
        assert run.exit_code == 0, run.stderr
        found: list[dict[str, Any]] = run.json()
        return found

    def record(self, number: int | str) -> dict[str, Any]:
        """The one record of this order."""
        (found,) = [record for record in self.orders() if record["number"] == str(number)]
        return found

    def status(self) -> dict[str, Any]:
        """`status --json`."""
        run = self.run("status", "--json")
        assert run.exit_code == 0, run.stderr
        found: dict[str, Any] = run.json()
        return found

    def checkpoint(self) -> str:
        """The checkpoint's text; empty without one."""
        file = self.state / "checkpoint"
        return file.read_text() if file.exists() else ""
