"""The driver in a real rake: what it answers."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ordermonit.node import wire
from ordermonit.orders.model import Operation
from tests.node.remote import (
    Remote,
    rails_root,
    remote,
    unready,
)

SHELLS = ("dash", "bash", "zsh", "fish", "csh")
CONFIRM = Operation.CONFIRM_PAYMENT


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    """One session for everything that leaves it alive; so that it stays alive is tested too."""
    with remote(rails_root(tmp_path_factory.mktemp("shared") / "app")) as session:
        yield session


def failure(reply: wire.Reply) -> wire.Chain:
    assert isinstance(reply, wire.Failed), reply
    return reply.chain


# Answers


def test_a_task_runs_each_time_and_rails_boots_once(root: Path) -> None:
    with remote(root) as session:
        assert [session.run(number) for number in ("1", "2", "1")] == [wire.Done()] * 3
        assert session.run("3", CONFIRM) == wire.Done()
        session.hang_up()
        assert session.wait() == 0
    assert (root / "inserted").read_text().split() == ["1", "2", "1"]
    assert len((root / "boots").read_text().split()) == 1
    assert len((root / "logins").read_text().split()) == 3


def test_the_check_says_true_or_false(session: Remote) -> None:
    assert session.ask("new") == wire.Value(False)
    session.run("new")
    assert session.ask("new") == wire.Value(True)
    assert session.ask("odd") == wire.Value('"maybe"')


def test_the_cause_comes_before_what_hides_it(session: Remote) -> None:
    inner, outer = failure(session.run("hidden"))
    assert inner == wire.RemoteError(
        "RuntimeError",
        ("RuntimeError", "StandardError", "Exception"),
        "Order number hidden already exist on Abacos",
    )
    assert outer.name == "NoMethodError"
    assert "NameError" in outer.ancestors


@pytest.mark.parametrize(
    ("number", "name", "message"),
    [
        ("latin", "RuntimeError", "não existe"),
        ("latin-labelled", "RuntimeError", "não existe"),
        ("utf8", "RuntimeError", "não existe"),
        ("long", "RuntimeError", "x" * 4096),
        ("rude", "Rude", "(not readable: RuntimeError)"),
        ("ring", "Ring", "round"),
        ("exit-3", "SystemExit", "exit"),
        ("abort", "SystemExit", "it is over"),
        ("throw", "UncaughtThrowError", "uncaught throw :nothing"),
    ],
)
def test_every_way_to_fail_is_told(session: Remote, number: str, name: str, message: str) -> None:
    (error,) = failure(session.run(number))
    assert (error.name, error.message) == (name, message)


@pytest.mark.parametrize("number", ["typo", "typo-task"])
def test_what_is_added_for_people_at_a_console_is_left_out(session: Remote, number: str) -> None:
    (error,) = failure(session.run(number))
    assert "Did you mean" not in error.message
    assert "\n" not in error.message


def test_a_class_is_known_by_its_ancestors(session: Remote) -> None:
    (error,) = failure(session.run("timeout"))
    assert "Abacos::HTTPError" in error.ancestors
    (error,) = failure(session.run("anonymous"))
    assert error.name.startswith("#<Class:")
    assert error.ancestors[1:3] == ("IOError", "StandardError")
    (error,) = failure(session.run("syntax"))
    assert error.name == "SyntaxError"


def test_exit_with_success_is_success(session: Remote) -> None:
    assert session.run("exit") == wire.Done()


def test_a_chain_of_causes_is_bounded_and_keeps_the_innermost(root: Path) -> None:
    (root / "Rakefile").write_text(
        "task(:t) { 50.times.inject(nil) { |last, i| begin; raise i.to_s, cause: last; "
        "rescue => e; e; end }.tap { |e| raise e } }"
    )
    with remote(root, hello={"tasks": {Operation.INSERT_ORDER: "t"}}) as session:
        chain = failure(session.run("1"))
    assert [error.message for error in chain] == [str(i) for i in range(20)]


def test_an_endless_chain_of_causes_has_an_end(session: Remote) -> None:
    chain = failure(session.run("endless"))
    assert {error.message for error in chain} == {"deeper"}
    assert len(chain) == 20


def test_a_prerequisite_that_failed_is_tried_again(root: Path) -> None:
    (root / "refuse-login").touch()
    with remote(root) as session:
        for _ in range(2):
            (error,) = failure(session.run("1"))
            assert error.name == "Errno::ECONNREFUSED"
        (root / "refuse-login").unlink()
        assert session.run("1") == wire.Done()
    assert len((root / "logins").read_text().split()) == 3
    assert len((root / "boots").read_text().split()) == 1


@pytest.mark.parametrize("number", ["", "1,2", "1 2", "a" * 65, "1\n", "x'", "é"])
def test_a_bad_number_reaches_no_task(session: Remote, number: str) -> None:
    identity = session.begin("run", Operation.INSERT_ORDER, number)
    assert json.loads(session.line()) == {"id": identity, "refused": "bad number"}


# The protocol's own stream


def test_nothing_that_a_task_prints_or_reads_touches_the_protocol(session: Remote) -> None:
    root = session.errors.parent
    for number in ("stdin", "stdout", "noise"):
        assert session.run(number) == wire.Done()
    assert (root / "stdin").read_text() == '""\n'
    printed = session.errors.read_text()
    for text in (
        "the Rakefile prints",
        "booting",
        '{"id":1,"done":true}',
        "from a child",
        "19999 noise",
    ):
        assert text in printed


def test_a_child_that_comes_back_from_its_fork_answers_nothing(session: Remote) -> None:
    assert session.run("fork-back") == wire.Done()
    assert session.run("after-it") == wire.Done()


def test_a_task_that_waits_for_its_children_does_not_wait_for_the_watchdog(
    session: Remote,
) -> None:
    assert session.run("waits") == wire.Done()


# What isn't there


@pytest.mark.parametrize(
    "expression",
    [
        "Absent::OrderAPI.order_exists?(number)",
        "Abacos::Absent.order_exists?(number)",
        "Abacos::OrderAPI.absent?(number)",
        "absent(number)",
    ],
)
def test_a_check_that_names_what_is_not_there_is_unavailable(root: Path, expression: str) -> None:
    checks = {
        Operation.ORDER_EXISTS: expression,
        Operation.PAYMENT_CONFIRMED: "Abacos::OrderAPI.order_exists?(number)",
    }
    # The way Rails looks for a constant or method: not the check's own line raises then.
    with (root / "Rakefile").open("a") as rakefile:
        rakefile.write("def Object.const_missing(name); super; end\n")
    with remote(root, hello={"checks": checks}) as session:
        answer = session.ask("1")
        assert isinstance(answer, wire.Absent)
        assert re.search("(?i)absent", answer.reason)
        assert session.ask("1", Operation.PAYMENT_CONFIRMED) == wire.Value(False)


@pytest.mark.parametrize(
    ("number", "name"),
    [
        ("deep", "NameError"),
        ("deep-same", "NoMethodError"),
        ("nil", "NoMethodError"),
        ("down", "Errno::ECONNREFUSED"),
    ],
)
def test_an_error_inside_a_check_is_an_error(session: Remote, number: str, name: str) -> None:
    (error,) = failure(session.ask(number))
    assert error.name == name


def test_nil_in_a_check_does_not_make_it_unavailable(root: Path) -> None:
    checks = {Operation.ORDER_EXISTS: "nil.sent?"}
    with remote(root, hello={"checks": checks}) as session:
        (error,) = failure(session.ask("1"))
    assert error.name == "NoMethodError"


def test_a_check_that_was_not_configured_is_unavailable(session: Remote) -> None:
    assert isinstance(session.ask("1", Operation.PAYMENT_CONFIRMED), wire.Absent)


def test_a_missing_task_is_named(root: Path) -> None:
    tasks = {Operation.INSERT_ORDER: "order_integration_service:insert"}
    with unready(root, hello={"tasks": tasks}) as session:
        assert session.greeting() == wire.NoTask("order_integration_service:insert")


def test_a_check_that_is_no_ruby_is_named(root: Path) -> None:
    with unready(root, hello={"checks": {Operation.ORDER_EXISTS: "number =="}}) as session:
        greeting = session.greeting()
    assert isinstance(greeting, wire.BadCheck)
    assert greeting.name == "order_exists"
    assert greeting.chain[0].name == "SyntaxError"


@pytest.mark.parametrize(("boot", "message"), [("fails", "no database"), ("aborts", "no licence")])
def test_an_environment_that_fails_is_told(root: Path, boot: str, message: str) -> None:
    with unready(root, environment={"BOOT": boot}) as session:
        greeting = session.greeting()
    assert isinstance(greeting, wire.NoBoot)
    assert greeting.chain[0].message == message


def test_a_rakefile_without_environment_will_do(root: Path) -> None:
    (root / "Rakefile").write_text("task(:t)")
    with remote(root, hello={"tasks": {Operation.INSERT_ORDER: "t"}}) as session:
        assert session.run("1") == wire.Done()


def test_json_is_not_loaded_before_the_gemfile_has_its_say(root: Path) -> None:
    (root / "Rakefile").write_text("raise 'json is loaded' if defined?(JSON)\ntask(:t)")
    with remote(root, hello={"tasks": {Operation.INSERT_ORDER: "t"}}):
        pass


def test_an_installed_copy_evaluates_nothing_of_the_client(root: Path) -> None:
    settings = (
        '{"tasks"=>{"insert_order"=>"order_integration_service:insert_order"},'
        '"checks"=>{"order_exists"=>"false"},"lock"=>"own-lock"}'
    )
    # -E more than once: all are evaluated, in this order.
    rake = f"rake -E '$ORDERMONIT_SETTINGS={settings}'"
    hostile = {
        "tasks": {Operation.INSERT_ORDER: "environment"},
        "checks": {Operation.ORDER_EXISTS: "File.write('stolen','')"},
        "lock": "other-lock",
    }
    with remote(root, rake=rake, hello=hostile) as session:
        assert session.run("1") == wire.Done()
        assert session.ask("1") == wire.Value(False)
    assert (root / "inserted").read_text().split() == ["1"]
    assert (root / "own-lock").exists()
    assert not (root / "stolen").exists()
    assert not (root / "other-lock").exists()
    with unready(root, rake=rake, hello={"lock": "own-lock"}) as session:
        assert session.greeting() == wire.NoTask("confirm_payment")


# The command line


@pytest.mark.parametrize("shell", SHELLS)
def test_login_shells_start_it_alike(tmp_path: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.fail(f"{shell} is not installed")
    root = rails_root(tmp_path / "it's an $app")
    with remote(root, shell=(shell, "-c"), environment={"SAID": "it's $HOME"}) as session:
        assert session.run("1") == wire.Done()
        session.hang_up()
        assert session.wait() == 0


@pytest.mark.parametrize("shell", SHELLS)
def test_a_missing_rails_root_has_its_own_exit_status(tmp_path: Path, shell: str) -> None:
    command = [shell, "-c", wire.command(str(tmp_path / "absent"), {}, "rake")]
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    assert run.returncode == wire.NO_RAILS_ROOT
