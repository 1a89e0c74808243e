"""`head` shows the high-water mark and moves it, and `cycle --dry-run` only says."""

import pytest

from tests.commands.test_decisions import typed
from tests.parts.world import World


def test_head_is_shown_with_what_is_ahead(world: World) -> None:
    world.front.add_many(3)
    world.run("init", "--head", "1")
    assert "HEAD is 1; the newest order is 3: 2 orders ahead" in world.run("head").stdout
    world.run("head", "--set", "2", "--yes")
    assert "HEAD is 2; the newest order is 3: 1 order ahead" in world.run("head").stdout
    world.run("head", "--set", "1", "--yes")
    said = world.run("head", "--json").json()
    assert said == {"head": 1, "newest": 3, "orders_ahead": 2, "gaps": 0, "rescans": []}


def test_head_forward_skips_orders_but_not_open_records_or_late_ones(world: World) -> None:
    world.configure("service", max_orders_per_request=1)
    first, *_ = world.front.add_many(3, "authorized")
    world.run("init", "--from-start")
    world.abacos.behave("reject", [first])
    world.cycle()
    world.front.add(5005, id=5)
    shown = typed(world, "y", "head", "--set", "5", "--because", "by mail")
    assert "HEAD from 1 to 5, 3 orders between: 1001002 (id 2)" in shown
    assert "will not be checked" in shown
    world.abacos.work()
    world.front.add(4004, "authorized", id=4)
    world.cycle()
    assert world.abacos.judge.holds() == {str(first), "4004"}
    assert "moved HEAD from 1 to 5" in (world.state / "ordermonit.output").read_text()
    assert "(by mail)" in (world.state / "ordermonit.output").read_text()


def test_whoever_moves_head_without_a_reason_is_asked_for_one(world: World) -> None:
    world.front.add_many(3)
    world.run("init", "--head", "1")
    assert "Why?" in typed(world, "y\nby hand", "head", "--set", "2")
    assert "(by hand)" in (world.state / "ordermonit.output").read_text()
    typed(world, "y", "head", "--set", "3")
    assert world.status()["head"] == 3
    assert "Why?" not in typed(world, "n", "head", "--set", "2")


def test_head_backward_checks_again_what_was_closed(world: World) -> None:
    world.run("init", "--from-start")
    numbers = world.front.add_many(3, "authorized")
    world.abacos.judge.hold(numbers[:1])
    world.cycle()
    world.run("rescan", "--from", "1")
    run = world.run("head", "--set", "1", "--yes", "--json", SUDO_USER="ann")
    assert run.json() == {
        "by": "ann",
        "because": None,
        "from": 3,
        "to": 1,
        "orders": 2,
        "vanished": [],
    }
    assert "^RESCAN 1 1" in world.checkpoint()
    world.configure("service", max_orders_per_request=1)
    assert "already in Abacos" in world.cycle().stderr
    assert world.status()["head"] == 2
    assert [world.abacos.judge.inserted_count(number) for number in numbers] == [0, 1, 1]


def test_head_is_the_way_out_after_a_restored_database(world: World) -> None:
    world.configure("service", max_attempts=1)
    world.run("init", "--from-start")
    first, second, third = world.front.add_many(3, "authorized")
    world.abacos.behave("reject", [second, third])
    world.cycle()
    world.front.delete(2, 3)
    world.abacos.work()
    # The shop sells before anybody looks: the restored database gives an id once more.
    world.front.add(9009, "authorized", id=2)
    assert "type: ordermonit head" in world.cycle(expect=65).stderr
    assert "ordermonit head --set 1\n" in world.run("head").stdout
    assert world.run("head", "--json").json()["last_common"] == 1
    said = world.run("head", "--set", "1", "--yes", "--json").json()
    assert said["vanished"] == [str(second), str(third)]
    world.cycle()
    assert world.abacos.judge.holds() == {str(first), "9009"}
    assert world.record(9009)["status"] == "SUCCESS"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "9", "--yes"], "ahead of the newest order in the Front, 3"),
        (["--set", "3", "--yes"], "HEAD is 3 already"),
        (["--set", "1"], "add --yes"),
        (["--yes"], "belong to --set"),
    ],
)
def test_head_is_not_moved_when_it_is_typed_wrong(
    world: World, words: list[str], said: str
) -> None:
    world.front.add_many(3)
    world.run("init", "--latest")
    before = world.checkpoint()
    run = world.run("head", *words)
    assert run.exit_code == 64
    assert said in run.stderr
    assert world.checkpoint() == before
    assert typed(world, "n", "head", "--set", "1").count("Nothing was changed") == 1
    assert world.checkpoint() == before


def test_a_dry_run_says_what_would_be_done_and_touches_nothing(world: World) -> None:
    world.configure("service", max_orders_per_request=2)
    world.run("init", "--from-start")
    failing, done = world.front.add_many(2, "authorized")
    world.abacos.judge.hold([done])
    world.abacos.behave("reject", [failing])
    world.cycle()
    world.front.add_many(1)
    world.run("rescan", "--from", "1")
    world.run("pause", "--for", "1h")
    world.sshd.stop()
    files = {file: file.stat().st_mtime_ns for file in world.state.iterdir()}
    said = world.run("cycle", "--dry-run", "--json").json()
    assert {file: file.stat().st_mtime_ns for file in world.state.iterdir()} == files
    asked = ["order_exists", "insert_order"]
    assert [(o["number"], o["why"], o["operations"]) for o in said["orders"]] == [
        (str(failing), "due", [*asked, "confirm_payment"]),
        ("1001003", "new", asked),
        (str(done), "rescan", [*asked, "confirm_payment"]),
    ]
    assert said["paused"] is not None
    text = world.run("cycle", "--dry-run").stdout
    assert f"order {failing}: its record is open; at most order_exists, insert_order" in text
    assert "3 orders would be looked at; HEAD is 2. Nothing was changed" in text
    assert "The node was not asked" in text


def test_the_result_of_a_cycle_is_printed_for_programs(world: World) -> None:
    world.run("init", "--from-start")
    world.front.add_many(1)
    assert world.run("cycle", "--json").json()["inserted"] == 1
