"""A rescan checks again what HEAD has passed, in pages, and nothing makes it forget the rest."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.conftest import MakeWorld
from tests.parts.databases import Kind
from tests.parts.world import World


def passed(world: World, how_many: int) -> list[int]:
    """So many orders that HEAD has passed and that Abacos has lost since."""
    numbers = world.front.add_many(how_many, "authorized")
    assert world.run("init", "--latest").exit_code == 0
    return numbers


@pytest.mark.parametrize("kind", [Kind.MARIADB, Kind.POSTGRES])
def test_a_rescan_finds_what_abacos_has_lost_since(make_world: MakeWorld, kind: Kind) -> None:
    world = make_world(kind)
    world.configure("service", max_orders_per_request=3)
    numbers = passed(world, 8)
    world.abacos.judge.hold(numbers[::2])
    run = world.run("rescan", "--from", "2", "--to", "99", "--json", SUDO_USER="ann")
    assert run.json() == {
        "by": "ann",
        "from": 2,
        "to": 8,
        "orders": 7,
        "cycles": 3,
        "rescans": [[2, 8]],
    }
    assert "ann asked for" in (world.state / "ordermonit.output").read_text()
    left = []
    for _ in range(3):
        world.cycle()
        left.append([line for line in world.checkpoint().splitlines() if "^RESCAN" in line])
    assert left == [["^RESCAN 5 8"], ["^RESCAN 8 8"], []]
    judge = world.abacos.judge
    assert judge.holds() == {str(number) for number in numbers}
    assert [judge.confirmed_count(number) for number in numbers[1::2]] == [1] * 4
    assert world.status()["head"] == 8
    assert "nothing to do" in world.cycle().stderr


def test_orders_that_are_found_cost_one_write_a_page(world: World) -> None:
    numbers = passed(world, 20)
    world.abacos.judge.hold(numbers)
    world.run("rescan", "--from", "1")
    before = world.checkpoint()
    assert "20 already in Abacos" in world.cycle().stderr
    assert "rescan is done" in (world.state / "ordermonit.output").read_text()
    assert (world.state / "checkpoint.previous").read_text() == before
    assert world.orders() == []


def test_a_rescan_shares_no_quota_with_new_orders(world: World) -> None:
    world.configure("service", max_orders_per_request=1)
    passed(world, 2)
    world.run("rescan", "--from", "1")
    [new] = world.front.add_many(1, "authorized")
    assert "2 orders looked at" in world.cycle().stderr
    assert world.abacos.judge.confirmed_count(new) == 1


def test_what_a_person_dismissed_is_not_inserted_by_a_rescan(world: World) -> None:
    [number, other] = passed(world, 2)
    world.abacos.behave("reject", [number])
    world.run("rescan", "--from", "1")
    world.cycle()
    world.run("dismiss", str(number), "--because", "fraud")
    world.abacos.work()
    world.run("rescan", "--from", "1")
    world.cycle()
    assert world.abacos.judge.holds() == {str(other)}


def test_a_rescan_since_a_time_begins_with_the_first_order_of_then(world: World) -> None:
    now = datetime.now(UTC)
    for days in (30, 20, 10):
        world.front.add(1000 + days, created_at=now - timedelta(days=days))
    world.run("init", "--latest")
    assert world.run("rescan", "--since", "15d", "--json").json()["from"] == 3
    then = (now - timedelta(days=25)).isoformat(timespec="seconds")
    assert world.run("rescan", "--since", then, "--json").json()["from"] == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--from ID and --to ID, or --since TIME"),
        (["--to", "2"], "--from ID and --to ID, or --since TIME"),
        (["--since", "2h", "--to", "2"], "--from ID and --to ID, or --since TIME"),
        (["--from", "9"], "ahead of HEAD, which is 3"),
        (["--from", "3", "--to", "2"], "--to 2 is before --from 3"),
        (["--since", "then"], "'then' is no time"),
        (["--since", "2099-01-01"], "no order behind HEAD is as new"),
    ],
)
def test_a_rescan_of_nothing_is_refused(world: World, words: list[str], said: str) -> None:
    passed(world, 3)
    before = world.checkpoint()
    run = world.run("rescan", *words)
    assert (run.exit_code, run.stderr.count("\n")) == (64, 1)
    assert said in run.stderr
    assert world.checkpoint() == before
