"""The main job, from the Front's rows to what Abacos holds."""

import pytest

from tests.conftest import MakeWorld
from tests.parts.databases import Kind
from tests.parts.node import OrderExists
from tests.parts.processes import wait_until
from tests.parts.world import World


@pytest.mark.parametrize("kind", [Kind.MARIADB, Kind.POSTGRES])
def test_thirty_orders_are_integrated_exactly_once(make_world: MakeWorld, kind: Kind) -> None:
    world = make_world(kind)
    world.configure("service", max_orders_per_request=7)
    assert world.run("init", "--from-start").exit_code == 0
    numbers = world.front.add_many(30)
    before, missing, authorized = numbers[::3], numbers[1::3], numbers[2::3]
    world.front.set_state("authorized", authorized)
    world.abacos.judge.hold(before)
    while world.status()["head"] < world.front.newest_id():
        world.cycle()
    judge = world.abacos.judge
    assert judge.holds() == {str(number) for number in numbers}
    assert [judge.inserted_count(n) for n in (*missing, *authorized)] == [1] * 20
    assert [judge.confirmed_count(n) for n in authorized] == [1] * 10
    assert judge.confirmed_count() == 10
    assert judge.double_insert_count() == 0
    inserted = {number for _, number in world.node.tasks("insert_order")}
    assert inserted.isdisjoint(str(number) for number in before)
    assert world.status()["counts"]["PAYMENT_PENDING"] == 10


def test_c1_a_hundred_failing_orders_do_not_delay_a_new_one(world: World) -> None:
    world.configure("service", max_orders_per_request=100, max_attempts=9)
    world.run("init", "--from-start")
    failing = world.front.add_many(100, "authorized")
    for at, number in enumerate(failing):  # each for a reason of its own
        world.abacos.behave("reject", [number], message=f"produto {'x' * at} inexistente")
    world.cycle()
    world.configure("service", max_orders_per_request=1)
    [new] = world.front.add_many(1, "authorized")
    world.cycle()
    assert world.abacos.judge.confirmed_count(new) == 1
    assert {record["attempts"] for record in world.orders("--status", "failed")} == {2}


def test_c2_nothing_to_do_makes_no_connection_and_no_write(world: World) -> None:
    world.front.add_many(3)
    world.run("init", "--latest")
    written = (world.state / "checkpoint").stat()
    world.sshd.stop()
    run = world.cycle()
    assert "nothing to do" in run.stderr
    now = (world.state / "checkpoint").stat()
    assert (now.st_ino, now.st_mtime_ns) == (written.st_ino, written.st_mtime_ns)


def test_c2_nothing_to_do_imports_no_ssh(world: World) -> None:
    world.run("init", "--latest")
    run = world.run("cycle", PYTHONPROFILEIMPORTTIME="1")
    imported = {line.rsplit("|", 1)[-1].strip() for line in run.stderr.splitlines()}
    assert "sqlalchemy" in imported
    assert imported.isdisjoint({"asyncssh", "ordermonit.session", "ordermonit.node", "rich"})


def test_c3_one_session_a_cycle(world: World) -> None:
    world.run("init", "--from-start")
    world.front.add_many(5, "authorized")
    world.cycle()
    assert len(world.node.boots()) == 1
    assert world.sshd.server.log_text().count("Accepted publickey") == 1
    assert world.node.boots()[0] == {"RAILS_ENV": "production", "LANG": "C.UTF-8"}


def test_c4_without_the_check_the_task_itself_says_already_exists(make_world: MakeWorld) -> None:
    world = make_world(order_exists=OrderExists.NO_MODULE)
    world.run("init", "--from-start")
    there, missing = world.front.add_many(2, "authorized")
    world.abacos.judge.hold([there])
    run = world.cycle()
    assert "order_exists is not usable on the node" in run.stderr
    assert world.record(there)["status"] == "SUCCESS"
    assert world.abacos.judge.inserted_count(missing) == 1
    assert world.abacos.judge.confirmed_count(there) == 0


def test_c5_an_answer_that_was_lost_is_asked_for_in_a_new_session(world: World) -> None:
    world.run("init", "--from-start")
    [number] = world.front.add_many(1, "authorized")
    world.node.quirk("insert_order", "kills_rake", moment="after")
    world.cycle()
    assert world.node.task_count("insert_order", number) == 1
    assert world.abacos.judge.inserted_count(number) == 1
    assert world.abacos.judge.confirmed_count(number) == 1
    record = world.record(number)
    assert (record["status"], record["attempts"]) == ("SUCCESS", 0)
    assert len(world.node.boots()) == 2


def test_c7_a_rejected_order_is_given_up_and_put_back_by_a_person(world: World) -> None:
    world.configure("service", max_attempts=2)
    world.run("init", "--from-start")
    [number] = world.front.add_many(1, "authorized")
    world.abacos.behave("reject", [number], message="produto inexistente")
    world.cycle()
    run = world.cycle()
    assert f"ordermonit retry {number}" in run.stderr
    record = world.record(number)
    assert (record["status"], record["attempts"]) == ("EXHAUSTED", 2)
    assert "produto inexistente" in record["last_error"]
    boots = len(world.node.boots())
    world.cycle()
    assert len(world.node.boots()) == boots, "an exhausted order is never retried by itself"
    world.abacos.work()
    assert world.run("retry", str(number)).exit_code == 0
    world.cycle()
    assert world.abacos.judge.confirmed_count(number) == 1


def test_c8_three_cycles_of_downtime_charge_nobody(world: World) -> None:
    world.configure("service", running_cycle=0.5, max_attempts=3)
    world.run("init", "--from-start")
    [failing] = world.front.add_many(1, "authorized")
    world.abacos.behave("reject", [failing])
    world.cycle()
    head = world.status()["head"]
    [new] = world.front.add_many(1, "authorized")
    world.abacos.down()
    for _ in range(3):
        run = world.cycle(expect=75)
        assert "Errno::ECONNREFUSED" in run.stderr
        assert "Nothing is lost and no attempt was charged" in run.stderr
        assert world.status()["head"] == head
        assert world.record(failing)["attempts"] == 1
    world.abacos.work()
    world.abacos.up()
    world.configure("service", running_cycle=60)
    world.cycle()
    assert [world.abacos.judge.confirmed_count(n) for n in (failing, new)] == [1, 1]


def test_c9_a_hanging_order_is_charged_and_stops_nobody(world: World) -> None:
    world.configure("integration_server", task_timeout=1)
    world.configure("service", running_cycle=60)
    world.run("init", "--from-start")
    hanging, other = world.front.add_many(2, "authorized")
    world.abacos.behave("hang", [hanging], calls=["InserirPedido"])
    world.cycle()
    record = world.record(hanging)
    assert (record["status"], record["reason"], record["attempts"]) == ("FAILED", "TIMEOUT", 1)
    assert world.abacos.judge.confirmed_count(other) == 1
    world.abacos.work()
    judge = world.abacos.judge
    wait_until(lambda: world.cycle() and judge.inserted_count(hanging), "its next attempt")
    assert judge.inserted_count(hanging) == 1


def test_c10_an_invalid_number_and_a_vanished_order(world: World) -> None:
    world.run("init", "--from-start")
    cart = world.front.add(None)
    world.cycle()
    assert not world.node.boots()
    [record] = world.orders()
    assert (record["id"], record["reason"]) == (cart, "INVALID_NUMBER")
    world.front.add_many(1)
    world.front.delete(cart)
    world.cycle()
    gone = next(record for record in world.orders() if record["id"] == cart)
    assert (gone["status"], gone["reason"]) == ("SUCCESS", "GONE")


def test_p2_a_payment_that_comes_later(any_world: World) -> None:
    world = any_world
    world.run("init", "--from-start")
    paid, closed = world.front.add_many(2)
    world.cycle()
    boots = len(world.node.boots())
    world.cycle()
    assert len(world.node.boots()) == boots
    world.front.set_state("picking", [paid])
    world.front.set_state("canceled", [closed])
    world.cycle()
    assert world.abacos.judge.confirmed_count(paid) == 1
    assert world.record(paid)["reason"] == "OK"
    assert world.record(closed)["reason"] == "CLOSED"


def test_p3_what_the_shop_confirmed_is_not_confirmed_again(world: World) -> None:
    world.configure("service", follow_payments="all")
    world.configure(
        "integration_server",
        checks={"payment_confirmed": "Abacos::PaymentAPI.confirmed?(number)"},
    )
    world.run("init", "--from-start")
    confirmed, forgotten = world.front.add_many(2, "authorized")
    world.abacos.judge.hold([confirmed, forgotten])
    world.abacos.judge.confirm(str(confirmed))
    world.cycle()
    judge = world.abacos.judge
    assert [judge.confirmed_count(n) for n in (confirmed, forgotten)] == [1, 1]
    assert world.node.task_count("confirm_payment", confirmed) == 0


@pytest.mark.parametrize("kind", [Kind.MARIADB, Kind.POSTGRES])
def test_an_order_that_commits_late_is_found_behind_head(make_world: MakeWorld, kind: Kind) -> None:
    world = make_world(kind)
    world.run("init", "--from-start")
    with world.front.late_order(777, "authorized"):
        world.front.add(778, "authorized")
        world.cycle()
        assert world.abacos.judge.holds() == {"778"}
    run = world.cycle()
    assert "became visible behind HEAD" in run.stderr
    assert world.abacos.judge.holds() == {"777", "778"}
    assert "^GAP" not in world.checkpoint()
