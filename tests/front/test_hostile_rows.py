"""What somebody who can write into the Front's table can do with an order's number."""

from pathlib import Path

from tests.parts.databases import sqlite
from tests.parts.front import Front
from tests.parts.world import World

_NUMBERS = [
    "1;touch pwned",
    "$(touch pwned)",
    "1,2",
    "1]",
    "1\n^HEAD 99999",
    "1 SUCCESS OK 0",
    "\x1b[2J\x1b]0;gone\x07",
    "1\rorder 2: inserted into Abacos",
    "\u202e1\u2028x",
    "../../etc/passwd",
    "%s{error}{0}",
    "9" * 100_000,
    "",
]


def test_no_number_leaves_its_place(tmp_path: Path) -> None:
    """Not on the node, not in the checkpoint, not in the log, not on a terminal."""
    front = Front(sqlite(tmp_path / "front.sqlite3"), text_numbers=True)
    with World(tmp_path, front) as world:
        world.configure("process", log_output=True)
        assert world.run("init", "--from-start").exit_code == 0
        ids = [front.add(number, "authorized") for number in _NUMBERS]
        fine = front.add("AB-1.c_2", "authorized")
        cycle = world.cycle()
        assert world.node.tasks() == [
            ("insert_order", "AB-1.c_2"),
            ("confirm_payment", "AB-1.c_2"),
        ]
        assert world.status()["head"] == fine
        records = {record["id"]: record for record in world.orders()}
        assert {records[id]["reason"] for id in ids} == {"INVALID_NUMBER"}
        assert max(len(records[id]["number"]) for id in ids) <= 80
        table = world.run("orders").stdout
        (log,) = world.state.glob("*.output")
        for text in (cycle.stdout, cycle.stderr, table, log.read_text(), world.checkpoint()):
            assert all(character.isprintable() or character == "\n" for character in text)
        assert len(table.splitlines()) == 1 + len(records)
        assert not list(tmp_path.rglob("pwned"))
        assert (
            len([line for line in world.checkpoint().splitlines() if "^HEAD" in line]) == 2
        )  # ours, and the quoted one
