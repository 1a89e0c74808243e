"""`head` shows the high-water mark and moves it, and `cycle --dry-run` only says."""

from datetime import UTC, datetime, timedelta

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
    world.front.delete(1, 2, 3)
    world.abacos.work()
    # The shop sells before anybody looks: the restored database gives an id once more.
    at = datetime.now(UTC) + timedelta(minutes=1)
    world.front.add(9009, "authorized", id=2, created_at=at)
    assert "type: ordermonit head" in world.cycle(expect=65).stderr
    assert "No order of ours is in it" in world.run("head").stdout
    said = world.run("head", "--set", "1", "--yes", "--json").json()
    assert said["vanished"] == [str(second), str(third)]
    world.cycle()
    assert world.abacos.judge.holds() == {str(first), "9009"}
    assert world.record(9009)["status"] == "SUCCESS"


def test_the_newest_orders_may_vanish_and_leave_their_ids_to_others(world: World) -> None:
    world.run("init", "--from-start")
    first, second, third = world.front.add_many(3, "authorized")
    world.cycle()
    world.front.delete(2, 3)
    at = datetime.now(UTC) + timedelta(minutes=1)
    world.front.add(9009, "authorized", id=2, created_at=at)
    said = world.cycle().stderr
    assert f"order 9009: has the id 2, which was order {second}'s" in said
    assert "HEAD is 3, but the newest order in the Front is 2" in said
    assert world.abacos.judge.holds() == {str(number) for number in (first, second, third, 9009)}
    assert world.status()["health"] == "degraded"
    shown = world.run("head").stdout
    assert "look into the missing ids" in shown
    assert "ordermonit head --set 2\n" in shown
    assert world.run("head", "--json").json()["last_common"] == 2
    assert "1 behind HEAD; orders that were passed are there" in world.run("check").stdout
    world.front.add(9010, "authorized", id=3, created_at=at)
    assert "HEAD is 3, but" not in world.cycle().stderr
    assert "9010" in world.abacos.judge.holds()


def test_carts_are_watched_wherever_head_begins(world: World) -> None:
    world.configure("database", ignored_states=["cart"])
    for id in (1, 2, 4):
        world.front.add(None, "cart", id=id)
    world.front.add(1005, "authorized", id=5)
    world.run("init", "--head", "1")
    world.run("head", "--set", "4", "--yes")
    world.cycle()
    for id in (1, 2, 4):
        world.front.delete(id)
        world.front.add(1000 + id, "authorized", id=id)
    world.cycle()
    assert world.abacos.judge.holds() == {"1001", "1002", "1004", "1005"}


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
