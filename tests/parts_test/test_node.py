"""The node's tasks, against the stand-in for Abacos."""

import os
import subprocess

import pytest

from tests.parts.abacos import Abacos, Mood
from tests.parts.node import Node, OrderExists, Quirk


def rake(node: Node, task: str, number: int | str) -> subprocess.CompletedProcess[str]:
    """Run one task as a shell user on the node would."""
    return subprocess.run(
        ["rake", "--trace", f"order_integration_service:{task}[{number}]"],
        cwd=node.rails_root,
        env={"PATH": os.environ["PATH"], "RAILS_ENV": "production", "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=30,
    )


def test_an_order_is_inserted_and_confirmed_once(node: Node, abacos: Abacos) -> None:
    node.know({"7": "authorized"})
    assert rake(node, "insert_order", 7).returncode == 0
    assert rake(node, "confirm_payment", 7).returncode == 0
    assert abacos.judge.inserted_count(7) == 1
    assert abacos.judge.confirmed_count(7) == 1
    assert node.tasks() == [("insert_order", "7"), ("confirm_payment", "7")]
    assert node.boots() == [{"RAILS_ENV": "production", "LANG": "C.UTF-8"}] * 2


def test_an_existing_order_is_hidden_behind_the_nodes_own_mistake(
    node: Node, abacos: Abacos
) -> None:
    abacos.judge.hold([7])
    run = rake(node, "insert_order", 7)
    assert run.returncode == 1
    assert "NoMethodError" in run.stderr
    assert "Order number 7 already exist on Abacos" in run.stderr
    assert abacos.judge.double_insert_count() == 0


def test_a_payment_that_is_not_authorized_is_said_to_be_so(node: Node, abacos: Abacos) -> None:
    abacos.judge.hold([7])
    node.know({"7": "waiting_payment"})
    run = rake(node, "confirm_payment", 7)
    assert "Order number 7 isn't authorized" in run.stderr
    assert abacos.judge.confirmed_count() == 0


def test_a_rejection_is_in_the_nodes_words(node: Node, abacos: Abacos) -> None:
    abacos.behave(Mood.REJECT, [7], message="produto <X> inexistente")
    run = rake(node, "insert_order", 7)
    assert "Erro ao inserir o pedido:7,erro:produto <X> inexistente" in run.stderr
    node.configure(without_payment=["8"])
    assert "8 doesn't have an associated payment" in rake(node, "insert_order", 8).stderr
    assert abacos.judge.holds() == set()


@pytest.mark.parametrize(
    ("mood", "error"),
    [
        (Mood.FAULT, "Savon::SOAPFault: (soap:Server) Timeout expired"),
        (Mood.ERROR, "Savon::HTTPError: HTTP error (500)"),
        (Mood.NONSENSE, "Savon::InvalidResponseError"),
        (Mood.DROP, "Errno::ECONNRESET"),
    ],
)
def test_an_ill_abacos_is_told_by_the_errors_class(
    node: Node, abacos: Abacos, mood: Mood, error: str
) -> None:
    abacos.behave(mood, message="Timeout expired")
    assert error in rake(node, "insert_order", 7).stderr


def test_an_abacos_that_is_down_is_told_too(node: Node, abacos: Abacos) -> None:
    abacos.down()
    assert "Errno::ECONNREFUSED" in rake(node, "insert_order", 7).stderr
    abacos.up()
    assert rake(node, "insert_order", 7).returncode == 0


@pytest.mark.parametrize(
    ("kind", "value", "code", "words"),
    [
        (Quirk.EXITS, 0, 0, ""),
        (Quirk.EXITS_HARD, 5, 5, ""),
        (Quirk.ABORTS, "stop here", 1, "stop here"),
        (Quirk.DIES, None, -9, ""),
        (Quirk.RAISES_LATIN1, "não", 1, "n\ufffdo"),
        (Quirk.RAISES_HUGE, 1, 1, "x" * 1024 * 1024),
        (Quirk.THROWS_INTERRUPT, None, 1, ""),
    ],
)
def test_a_task_may_end_in_every_odd_way(
    node: Node, abacos: Abacos, kind: Quirk, value: object, code: int, words: str
) -> None:
    node.quirk("insert_order", kind, value, numbers=[7])
    run = rake(node, "insert_order", 7)
    assert run.returncode == code
    assert words in run.stderr
    assert abacos.judge.inserted_count() == 0


def test_a_task_may_do_its_work_and_misbehave(node: Node, abacos: Abacos) -> None:
    node.quirk("insert_order", Quirk.NOISE, 1)
    node.quirk("insert_order", Quirk.READS_STDIN)
    node.quirk("insert_order", Quirk.EXITS_HARD, 3, moment="after")
    run = rake(node, "insert_order", 7)
    assert run.returncode == 3
    assert len(run.stdout) > 2**20
    assert abacos.judge.inserted_count(7) == 1
    node.behave_well()
    node.configure(confirm_inserts=True)
    assert rake(node, "confirm_payment", 8).returncode == 1
    assert abacos.judge.inserted_count(8) == 1


@pytest.mark.parametrize("kind", [OrderExists.NO_METHOD, OrderExists.NO_MODULE])
def test_the_check_may_be_missing_on_the_node(node: Node, kind: OrderExists) -> None:
    script = "require './lib/abacos'; puts Abacos::OrderAPI.order_exists?('7')"

    def ask() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["ruby", "-e", script], cwd=node.rails_root, capture_output=True, text=True
        )

    assert ask().stdout == "false\n"
    node.configure(order_exists=kind)
    assert ("NoMethodError" if kind is OrderExists.NO_METHOD else "NameError") in ask().stderr
