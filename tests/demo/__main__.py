"""Several cycles of a small shop's life, each followed by what the service says about it."""

import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import yaml

from tests.demo.ssh import Server
from tests.parts.abacos import Abacos, Mood
from tests.parts.databases import sqlite
from tests.parts.front import FIRST_NUMBER, Front
from tests.parts.node import Node

ORDERS = 12
FELL_THROUGH = (3, 6, 7, 10)
REJECTED = 4
PAID_LATER = 9


def number(order: int) -> int:
    """The number of the shop's so-manieth order."""
    return FIRST_NUMBER + order - 1


class Demo:
    """The shop, the node and Abacos, and an operator who types commands."""

    def __init__(self, directory: Path, abacos: Abacos, server: Server) -> None:
        self._directory = directory
        self._server = server
        self.abacos = abacos
        self.front = Front(sqlite(directory / "front.db"))
        self.node = Node(directory / "rails_root", abacos.url, namespace=None)
        for name, content in self._configuration().items():
            file = directory / "config" / f"{name}.yml"
            file.parent.mkdir(exist_ok=True)
            file.write_text(yaml.safe_dump(content, sort_keys=False))

    def _configuration(self) -> dict[str, object]:
        return {
            "service": {
                "running_cycle": 20,
                "max_attempts": 2,
                "max_orders_per_request": ORDERS,
                "downtime_wait": 1,
            },
            "process": {"app_name": "ordermonit-demo"},
            "integration_server": {
                "host": "127.0.0.1",
                "port": self._server.port,
                "username": "demo",
                "rails_root": str(self.node.rails_root),
                "private_key": str(self._server.key),
                "known_hosts": str(self._server.known_hosts),
                "rake": "rake",
            },
            "database": self.front.settings(),
        }

    def sell(self, how_many: int, state: str = "authorized") -> list[int]:
        """The shop takes orders."""
        numbers = self.front.add_many(how_many, state)
        self.node.know(self.front.states())
        return numbers

    def pay(self, order: int) -> None:
        """A customer's payment comes."""
        self.front.set_state("authorized", [order])
        self.node.know(self.front.states())

    def say(self, text: str) -> None:
        """A line about what happens."""
        print(f"\n\033[1m# {text}\033[0m" if sys.stdout.isatty() else f"\n# {text}", flush=True)

    def type(self, *command: str) -> None:
        """Run ordermonit as an operator or systemd would."""
        print(f"$ ordermonit {' '.join(command)}", flush=True)
        places = {
            "ORDERMONIT_CONFIG": str(self._directory / "config"),
            "ORDERMONIT_STATE": str(self._directory / "state"),
        }
        program = [sys.executable, "-m", "ordermonit", *command]
        subprocess.run(program, env={**os.environ, **places}, check=True)


def main() -> None:
    """Show it all; nothing is left behind."""
    with (
        tempfile.TemporaryDirectory(prefix="ordermonit-demo-") as name,
        Abacos(Path(name)) as abacos,
        Server(Path(name)) as server,
    ):
        _show(Demo(Path(name), abacos, server))


def _show(demo: Demo) -> None:
    demo.say("The service begins before the first order.")
    demo.type("init", "--from-start")

    demo.say(
        f"The shop sells {ORDERS} orders; its own queue loses {len(FELL_THROUGH)} of them, Abacos"
        " refuses one, and one is not paid yet."
    )
    numbers = demo.sell(ORDERS)
    lost = {number(order) for order in (*FELL_THROUGH, REJECTED, PAID_LATER)}
    demo.abacos.judge.hold(each for each in numbers if each not in lost)
    demo.abacos.behave(Mood.REJECT, [number(REJECTED)], message="produto inexistente")
    demo.front.set_state("waiting_payment", [number(PAID_LATER)])
    demo.node.know(demo.front.states())
    demo.type("cycle")

    demo.say("The refused order is tried again, until its attempts are used up.")
    demo.type("cycle")

    demo.say("The payment comes; and now there is nothing else to do.")
    demo.pay(number(PAID_LATER))
    demo.type("cycle")
    demo.type("cycle")

    demo.say("Abacos is down while another order falls through; it comes back after a while.")
    demo.sell(1)
    demo.abacos.down()
    healing = threading.Timer(2.5, demo.abacos.up)
    healing.start()
    demo.type("cycle")
    healing.join()

    demo.say("Somebody adds the missing product in Abacos, and puts the refused order back.")
    demo.abacos.work()
    demo.sell(1, "waiting_payment")
    demo.type("retry", str(number(REJECTED)))
    demo.type("cycle")

    demo.say("Where everything stands.")
    demo.type("status")
    demo.type("orders")


if __name__ == "__main__":
    main()
