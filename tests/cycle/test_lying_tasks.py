"""Tasks that say what is not so, and tasks that were written for a process of their own.

On real rake and over real SSH: in the end Abacos has every order once, every payment once, and
nothing was told that was not so.
"""

import pytest

from ordermonit.orders.model import Reason
from tests.parts.processes import wait_until
from tests.parts.world import World


def _done(world: World, *numbers: int) -> None:
    for number in numbers:
        assert world.abacos.judge.inserted_count(number) == 1
        assert world.abacos.judge.confirmed_count(number) == 1
        assert not world.abacos.judge.double_insert_count(number)


@pytest.mark.parametrize(
    ("kind", "value"),
    [("prints_its_error", "produto inexistente"), ("returns_early", None), ("exits", 0)],
)
def test_c4_a_task_that_says_done_and_did_nothing(world: World, kind: str, value: object) -> None:
    world.configure("service", verify_within=0)
    world.run("init", "--from-start")
    lied, other = world.front.add_many(2, "authorized")
    world.node.quirk("insert_order", kind, value, numbers=[lied], moment="instead")
    run = world.cycle()
    assert f"order {lied}: inserted" not in run.stderr
    assert f"order {lied}: insert_order said done, but Abacos does not have it" in run.stderr
    _done(world, other)
    run = world.cycle()
    assert f"order {lied}: insert_order said done, and Abacos has nothing of it" in run.stderr
    assert world.record(lied)["attempts"] == 1
    world.node.behave_well()
    world.cycle()
    _done(world, lied, other)


def test_c4_a_job_in_a_queue_is_inserted_once_and_by_its_worker(world: World) -> None:
    world.run("init", "--from-start")
    [number] = world.front.add_many(1, "authorized")
    world.node.quirk("insert_order", "enqueues", moment="instead")
    for _ in range(2):
        world.cycle()
    assert world.record(number)["reason"] == Reason.NOT_THERE
    assert world.node.task_count("insert_order", number) == 1
    world.node.work_off()
    run = world.cycle()
    assert f"order {number}: inserted into Abacos" in run.stderr
    _done(world, number)
    assert world.node.task_count("insert_order", number) == 1


@pytest.mark.parametrize(
    "message",
    [
        "PG::UniqueViolation: ERROR: duplicate key … Key (cpf)=(1) already exists.",
        "customer 7 already exists",
    ],
)
def test_c4_something_else_that_exists_is_no_order(world: World, message: str) -> None:
    world.configure("service", max_attempts=2)
    world.run("init", "--from-start")
    [number] = world.front.add_many(1, "authorized")
    world.node.quirk("insert_order", "raises", message, moment="instead")
    world.cycle()
    record = world.record(number)
    assert (record["status"], record["reason"], record["attempts"]) == ("FAILED", "REJECTED", 1)
    world.node.behave_well()
    world.cycle()
    _done(world, number)


def test_c4_an_insertion_that_the_task_then_says_was_there_may_be_ours(world: World) -> None:
    """The task lost Abacos's answer, tried again by itself, and met its own first try; or the
    shop's own queue was quicker. Its payment is followed in either case."""
    world.run("init", "--from-start")
    [number] = world.front.add_many(1, "authorized")
    message = f"Order number {number} already exist on Abacos"
    world.node.quirk("insert_order", "raises", message, moment="after")
    run = world.cycle()
    assert f"order {number}: inserted into Abacos" not in run.stderr
    assert f"order {number}: already in Abacos" in run.stderr
    _done(world, number)


def test_a_prerequisite_runs_for_each_order_anew(world: World) -> None:
    world.node.configure(prerequisite=True)
    world.run("init", "--from-start")
    numbers = world.front.add_many(3, "authorized")
    world.cycle()
    assert world.node.tasks("insert_order") == [("insert_order", str(n)) for n in numbers]
    assert world.node.tasks("confirm_payment") == [("confirm_payment", str(n)) for n in numbers]
    _done(world, *numbers)
    assert len(world.node.boots()) == 1


def test_c9_an_order_that_kills_its_process_is_given_up_and_stops_nobody(world: World) -> None:
    world.configure("service", max_attempts=2)
    world.configure("integration_server", task_timeout=10)
    world.run("init", "--from-start")
    deadly, other = world.front.add_many(2, "authorized")
    world.node.quirk("insert_order", "dies", numbers=[deadly])
    run = world.cycle()
    assert f"order {deadly}: insert_order ended the process that ran it" in run.stderr
    assert "SIGKILL" in run.stderr
    _done(world, other)
    world.cycle()
    assert world.record(deadly)["attempts"] == 1, "Abacos may still be at it"
    wait_until(lambda: world.cycle() and world.record(deadly)["status"] == "EXHAUSTED", "the end")
    assert len(world.node.boots()) == 2, "one a cycle: Rails outlives the task"


def test_c9_a_hanging_order_costs_no_second_boot(world: World) -> None:
    world.configure("integration_server", task_timeout=1)
    world.run("init", "--from-start")
    hanging, other = world.front.add_many(2, "authorized")
    world.abacos.behave("hang", [hanging], calls=["InserirPedido"])
    world.cycle()
    assert world.record(hanging)["reason"] == Reason.TIMEOUT
    _done(world, other)
    assert len(world.node.boots()) == 1


def test_c4_without_a_check_insertions_are_believed_and_that_is_said(world: World) -> None:
    world.configure("integration_server", checks={"order_exists": None})
    world.run("init", "--from-start")
    world.front.add_many(2, "authorized")
    run = world.cycle()
    assert run.stderr.count("is believed, not verified") == 1
