"""A process for each task, in a real rake: what it finds, how it ends, and what is left of it.

The same for the driver that is sent and for the one that the forced command brings.
"""

import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ordermonit.node import wire
from ordermonit.orders.model import Operation
from tests.node.remote import (
    SOON,
    Remote,
    is_alive,
    over_a_socket,
    pids,
    rails_root,
    remote,
)
from tests.parts.processes import wait_until

#: A timeout that is passed on purpose.
SHORT = 0.5


@pytest.fixture(scope="module", params=["sent", "installed"])
def session(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Remote]:
    """One session for all of these: whatever a task does, the next one is not hurt."""
    directory = tmp_path_factory.mktemp("shared")
    node = directory / "node" if request.param == "installed" else None
    checks = "case number when 'hangs' then sleep when 'dies' then exit!(5) else look; true end"
    with remote(
        rails_root(directory / "app"), node=node, hello={"checks": {Operation.ORDER_EXISTS: checks}}
    ) as session:
        yield session


@pytest.fixture
def root(session: Remote) -> Iterator[Path]:
    """Its rails_root; whatever happened in it, the next task does its work, in the same rake."""
    root = session.errors.parent
    for name in ("pids", "seen", "inserted", "orders"):
        (root / name).unlink(missing_ok=True)
    yield root
    assert session.run("next") == wire.Done()
    assert (root / "orders").read_text().split()[-1] == "next"
    assert len((root / "boots").read_text().split()) == 1


def words(root: Path, name: str) -> list[str]:
    return (root / name).read_text().splitlines()


# What it finds


def test_every_prerequisite_runs_anew_with_its_number(session: Remote, root: Path) -> None:
    for number in ("1", "2", "1"):
        assert session.run(number) == wire.Done()
    assert words(root, "inserted") == words(root, "orders") == ["1", "2", "1"]


def test_nothing_of_a_task_is_found_by_the_next(session: Remote, root: Path) -> None:
    for number in ("looks", "spoils", "looks", "looks"):
        assert session.run(number) == wire.Done()
    first, *others = words(root, "seen")
    assert others == [first, first]
    # The pipe for its answer, and nothing else of the driver's.
    assert (first.count('"pipe:'), first.count("lock")) == (1, 0)


def test_checks_share_a_process_that_no_task_runs_in(session: Remote, root: Path) -> None:
    for number in ("1", "2"):
        assert session.ask(number) == wire.Value(True)
        assert session.run("spoils") == wire.Done()
    first, second = words(root, "seen")
    assert first == second


# How it ends


@pytest.mark.parametrize(
    ("number", "how"),
    [
        ("hard", "exit! with status 1"),
        ("hard-3", "exit! with status 3"),
        ("at-exit-hard", "exit! with status 4"),
        ("at-exit-killed", "killed by SIGTERM"),
        ("another", "exit! with status 0"),
        ("killed", "killed by SIGKILL"),
        ("terminated", "killed by SIGTERM"),
        ("interrupted", "killed by SIGINT"),
    ],
)
def test_a_task_that_ends_without_a_word_is_told(
    session: Remote, root: Path, number: str, how: str
) -> None:
    assert session.run(number) == wire.Died(how)


@pytest.mark.parametrize(
    "number", ["hang", "hang-child", "stuck", "stopped", "at-exit-hangs", "group"]
)
def test_a_task_beyond_its_deadline_is_killed_with_its_children(
    session: Remote, root: Path, number: str
) -> None:
    assert session.run(number, timeout=SHORT) == wire.Hung()
    wait_until(lambda: not any(map(is_alive, pids(root))), "the end of the whole group")


def test_the_children_of_a_task_that_died_end_with_it(session: Remote, root: Path) -> None:
    assert session.run("leaves-child-hard") == wire.Died("exit! with status 1")
    wait_until(lambda: not any(map(is_alive, pids(root))), "the child's end")


def test_a_child_that_a_task_leaves_behind_holds_nothing_up(session: Remote, root: Path) -> None:
    assert session.run("leaves-child") == wire.Done()
    (child,) = pids(root)
    assert session.run("1") == wire.Done()
    assert is_alive(child)
    os.kill(child, signal.SIGKILL)


def test_what_is_left_for_the_exit_is_done_before_the_answer(session: Remote, root: Path) -> None:
    assert session.run("at-exit") == wire.Done()
    assert words(root, "inserted") == ["at-exit", "at-exit at exit"]


def test_the_end_of_a_process_is_a_whole_one(session: Remote, root: Path) -> None:
    """What a task left to Ruby's end is done: buffers are written, temporary files removed, and the
    application's own handlers run."""
    for number in ("writes", "writes-to-open", "temporary"):
        assert session.run(number) == wire.Done()
    (temporary,) = words(root, "seen")
    wait_until(lambda: (root / "open").read_text() == "boot beforebefore", "the first buffers")
    wait_until(lambda: (root / "opened").read_text() == "late", "the second ones")
    wait_until(lambda: not Path(temporary).exists(), "the temporary file to go")
    (task,) = pids(root)
    wait_until(lambda: str(task) in words(root, "exits"), "the handler")


@pytest.mark.parametrize(
    ("number", "name", "message"),
    [
        ("memory", "NoMemoryError", "failed to allocate memory"),
        ("at-exit-3", "SystemExit", "exit"),
        ("at-exit-raises", "RuntimeError", "too late"),
        ("at-exit-of-failure", "RuntimeError", "early"),
    ],
)
def test_a_failure_at_exit_is_one_and_no_exit_undoes_one(
    session: Remote, root: Path, number: str, name: str, message: str
) -> None:
    reply = session.run(number)
    assert isinstance(reply, wire.Failed)
    assert (reply.chain[0].name, reply.chain[0].message) == (name, message)


def test_a_task_may_print_as_much_as_it_likes(session: Remote, root: Path) -> None:
    assert session.run("flood") == wire.Done()
    assert session.errors.stat().st_size > 100_000_000
    os.truncate(session.errors, 0)


def test_a_check_that_hangs_or_dies_is_told_and_the_next_one_answers(
    session: Remote, root: Path
) -> None:
    assert session.ask("hangs", timeout=SHORT) == wire.Hung()
    assert session.ask("1") == wire.Value(True)
    assert session.ask("dies") == wire.Died("exit! with status 5")
    assert session.ask("1") == wire.Value(True)


# A question ahead of its turn


def test_the_child_that_asks_has_the_next_question_when_it_has_answered_one(
    tmp_path: Path,
) -> None:
    root = rails_root(tmp_path / "app")
    long = {Operation.ORDER_EXISTS: "note('asked', number) || 'x' * 4096"}
    with over_a_socket(root, checks=long) as (_, ours):
        ask = Operation.ORDER_EXISTS
        ours.sendall(b"".join(wire.request(n, "ask", ask, str(n), SOON) for n in range(200)))

        def one_is_ahead() -> bool:
            answered = ours.recv(1 << 22, socket.MSG_PEEK).count(b"\n")
            return len(words(root, "asked")) == answered + 2

        # We take nothing, so the driver can't pass its next answer on.
        wait_until(one_is_ahead, "the question behind it to be worked on")


def test_each_answer_is_of_its_own_question(session: Remote, root: Path) -> None:
    asked = ["1", "dies", "2", "hangs", "3"]
    sent = [session.begin("ask", Operation.ORDER_EXISTS, number, SHORT) for number in asked]
    assert [wire.reply(session.line(), identity, "ask") for identity in sent] == [
        wire.Value(True),
        wire.Died("exit! with status 5"),
        wire.Value(True),
        wire.Hung(),
        wire.Value(True),
    ]


def test_a_bad_number_reaches_no_check_ahead_of_its_turn(tmp_path: Path) -> None:
    root = rails_root(tmp_path / "app")
    check = "note('asked', number); true"
    with remote(root, hello={"checks": {Operation.ORDER_EXISTS: check}}) as session:
        for number in ("1", "2", "3/4", "5"):
            session.begin("ask", Operation.ORDER_EXISTS, number)
        said = [json.loads(session.line()) for _ in range(4)]
    assert [one["id"] for one in said if "refused" in one] == [3]
    assert words(root, "asked") == ["1", "2", "5"]


def test_no_task_is_begun_before_the_question_before_it_is_answered(tmp_path: Path) -> None:
    root = rails_root(tmp_path / "app")
    with remote(root) as session:
        for number in map(str, range(20)):
            before = session.begin("ask", Operation.ORDER_EXISTS, number)
            task = session.begin("run", Operation.INSERT_ORDER, number)
            after = session.begin("ask", Operation.ORDER_EXISTS, number)
            assert wire.reply(session.line(), before, "ask") == wire.Value(False)
            assert wire.reply(session.line(), task, "run") == wire.Done()
            assert wire.reply(session.line(), after, "ask") == wire.Value(True)


def test_a_question_ahead_ends_with_the_client(tmp_path: Path) -> None:
    root = rails_root(tmp_path / "app")
    check = "note('asked', number); sleep 0.01 until File.exist?(number); true"
    with remote(root, hello={"checks": {Operation.ORDER_EXISTS: check}}) as session:
        for number in ("first", "second", "third"):
            session.begin("ask", Operation.ORDER_EXISTS, number)
        wait_until(lambda: (root / "asked").exists(), "the first question")
        session.hang_up()
        (root / "first").touch()
        assert session.wait() == 0
