"""The node: a rails_root with the two tasks, that talks SOAP to the stand-in for Abacos."""

import json
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

_TEMPLATE = Path(__file__).parent / "rails_root"

#: What real nodes call the place of their tasks.
NAMESPACE = "order_integration_service"


class OrderExists(StrEnum):
    """Whether the node can answer `Abacos::OrderAPI.order_exists?`."""

    THERE = "there"
    NO_METHOD = "no_method"
    NO_MODULE = "no_module"


class Quirk(StrEnum):
    """How a task, the environment or the Rakefile can misbehave. `value` in brackets."""

    NOISE = "noise"  # prints on stdout [MB], then works
    SLEEPS = "sleeps"  # [s], then works
    READS_STDIN = "reads_stdin"  # to its end, then works
    FORKS = "forks"  # a child that lives on and keeps the descriptors [s], then works
    EXITS = "exits"  # [code]
    EXITS_HARD = "exits_hard"  # [code], without any handler
    ABORTS = "aborts"  # [message]
    DIES = "dies"  # of SIGKILL
    RAISES = "raises"  # [message]
    RAISES_LATIN1 = "raises_latin1"  # [message], in ISO 8859-1
    RAISES_HUGE = "raises_huge"  # [MB]
    THROWS_INTERRUPT = "throws_interrupt"  # an Exception that is no StandardError
    KILLS_RAKE = "kills_rake"  # the process that booted Rails, of SIGKILL
    # Instead of the work:
    PRINTS_ITS_ERROR = "prints_its_error"  # [message], and ends well
    ENQUEUES = "enqueues"  # a job for `Node.work_off`
    RETURNS_EARLY = "returns_early"


class Node:
    """A rails_root in `directory`. Changes are in force at once, also for a running rake."""

    def __init__(
        self,
        directory: Path,
        abacos_url: str,
        *,
        namespace: str | None = NAMESPACE,
        order_exists: OrderExists = OrderExists.THERE,
    ) -> None:
        self.rails_root = directory
        self._namespace = namespace
        shutil.copytree(_TEMPLATE, directory, dirs_exist_ok=True)
        (directory / "tmp").mkdir()
        self._settings: dict[str, Any] = {
            "abacos_url": abacos_url,
            "namespace": namespace,
            "order_exists": order_exists,
            "boot_seconds": 0,
            "read_timeout": 3000,
            "without_payment": [],
            "confirm_inserts": False,
            "prerequisite": False,
            "quirks": [],
        }
        self._write("settings", self._settings)
        self.know({})

    def configure(self, **settings: object) -> None:
        """Change `boot_seconds`, `read_timeout`, `without_payment` (numbers as text),
        `confirm_inserts` or `abacos_url`; `order_exists` and `prerequisite` (the order is loaded by
        a task of its own) for rakes that start later."""
        unknown = settings.keys() - self._settings.keys()
        assert not unknown, f"the node has no setting {unknown}"
        self._settings |= settings
        self._write("settings", self._settings)

    def quirk(
        self,
        task: str,
        kind: Quirk | str,
        value: object = None,
        *,
        numbers: Iterable[int | str] | None = None,
        moment: str = "before",
    ) -> None:
        """Misbehave in `task` (insert_order, confirm_payment, environment, rakefile), with these
        orders (None: all), before, after or instead of the task's work."""
        assert task in ("insert_order", "confirm_payment", "environment", "rakefile")
        assert moment in ("before", "after", "instead")
        chosen = None if numbers is None else [str(number) for number in numbers]
        quirk = {"task": task, "kind": Quirk(kind), "value": value, "numbers": chosen}
        self.configure(quirks=[*self._settings["quirks"], {**quirk, "moment": moment}])

    def behave_well(self) -> None:
        """Forget every quirk."""
        self.configure(quirks=[])

    def work_off(self) -> None:
        """What the node's queue was given is done by a worker, as Rails does it."""
        queue = self.rails_root / "queue.log"
        numbers = [number for _, _, number in self._log("queue")]
        queue.unlink(missing_ok=True)
        program = (
            "require './lib/abacos'; ARGV.each { |number| Abacos::InsertOrder.perform(number) }"
        )
        subprocess.run(["ruby", "-e", program, *numbers], cwd=self.rails_root, check=True)

    def know(self, states: Mapping[str, str]) -> None:
        """Every order's state in the shop, by number."""
        self._write("front", dict(states))

    def task_names(self) -> dict[str, str]:
        """The content of `tasks` in integration_server.yml."""
        prefix = f"{self._namespace}:" if self._namespace else ""
        return {name: f"{prefix}{name}" for name in ("insert_order", "confirm_payment")}

    def boots(self) -> list[dict[str, str | None]]:
        """RAILS_ENV and LANG of each environment that was booted."""
        return [{"RAILS_ENV": env, "LANG": lang} for _, _, env, lang in self._log("boots")]

    def tasks(self, name: str | None = None) -> list[tuple[str, str]]:
        """Each invocation of a task, in time's order: its name and the order's number."""
        runs = [(task, number) for _, _, task, number in self._log("tasks")]
        return [run for run in runs if name in (None, run[0])]

    def task_count(self, name: str, number: int | str) -> int:
        """How often this task was run for this order."""
        return self.tasks(name).count((name, str(number)))

    def _log(self, name: str) -> list[list[Any]]:
        file = self.rails_root / f"{name}.log"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def _write(self, name: str, content: object) -> None:
        new = self.rails_root / f"{name}.new"
        new.write_text(json.dumps(content))
        new.rename(self.rails_root / f"{name}.json")
