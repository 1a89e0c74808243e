"""Orders whose number nobody can type: they are called by their id."""

import json

import pytest

from ordermonit.orders.model import Reason, Record, Status
from ordermonit.state.checkpoint import Checkpoint
from tests.parts.place import Place
from tests.parts.world import World


def test_an_order_without_number_is_named_in_full_and_closed_by_what_the_log_says(
    world: World,
) -> None:
    world.run("init", "--from-start")
    id = world.front.add(None, "canceled")
    odd = world.front.add_many(1)[0]
    log = world.cycle().stderr
    assert "None" not in log
    assert f"order id:{id}: its number can't be sent to the node" in log
    assert f"ordermonit dismiss id:{id} --because TEXT" in log
    [problem] = world.status()["problems"]
    assert f"(id:{id})" in problem["what"]
    assert f"ordermonit dismiss id:{id} " in problem["remedy"]
    assert f"id:{id} " in world.run("orders").stdout
    shown = world.run("show", f"id:{id}")
    assert "waits until its number is corrected" in shown.stdout
    assert world.run("orders", f"id:{id}", str(odd), "--json").json()[0]["number"] is None

    run = world.run("dismiss", f"id:{id}", "--because", "an abandoned cart")
    assert run.exit_code == 0, run.stderr
    assert f"order id:{id}: dismissed" in run.stdout
    assert world.status()["problems"] == []
    assert world.run("retry", f"id:{id}").exit_code == 0
    assert world.orders(f"id:{id}")[0]["reason"] == "UNKNOWN"


@pytest.mark.parametrize("command", ["orders", "show", "retry"])
def test_an_empty_number_is_no_number(place: Place, command: str) -> None:
    run = place.run(command, "")
    assert run.exit_code == 64
    assert "an order's number is not empty" in run.stderr


def test_an_odd_number_is_taken_as_it_stands_in_the_front(place: Place) -> None:
    checkpoint = place.state.read()
    record = checkpoint.records[2]
    now = record.created_at
    odd = Record(9, "10\N{REPLACEMENT CHARACTER}01", Status.FAILED, Reason.INVALID_NUMBER, now, now)
    place.state.write(Checkpoint(9, [odd]))
    said = json.loads(place.good("dismiss", "10\n01", "--because", "twice", "--json"))
    assert [each["id"] for each in said["orders"]] == [9]
    [line] = place.run("retry", "a\nb").stderr.splitlines()
    assert "a\N{REPLACEMENT CHARACTER}b" in line


def test_what_dismiss_says_to_type_opens_it_again(place: Place) -> None:
    now = place.state.read().records[2].created_at
    odd = Record(9, "10 01; x", Status.FAILED, Reason.INVALID_NUMBER, now, now)
    place.state.write(Checkpoint(9, [odd]))
    said = place.good("dismiss", "10 01; x", "--because", "fraud")
    assert "type: ordermonit retry id:9" in said
    assert "back in the next cycle" in place.good("retry", "id:9")
