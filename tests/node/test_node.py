"""The node over a real sshd: what counts as an answer, and what does not."""

import asyncio
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from ordermonit.configuration import Node as Settings
from ordermonit.errors import SessionEnded, Unavailable
from ordermonit.node import rake as node_module
from ordermonit.node.channel import TAIL
from ordermonit.node.rake import Node
from ordermonit.node.session import Session
from ordermonit.orders.model import Answer, Operation, Request, Verdict
from tests.node.place import (
    DONE,
    EXISTS,
    FIRST,
    INSERT,
    NO,
    READY,
    RUBY,
    SECOND,
    SOON,
    TASK,
    YES,
    at,
    driver,
    opened,
    root_of,
    run,
)
from tests.node.remote import CHECKS, TASKS, is_alive, pids
from tests.parts.processes import wait_until
from tests.parts.sshd import Sshd

# Answers


def test_one_login_and_one_boot_for_everything(settings: Settings, sshd: Sshd) -> None:
    before = sshd.logins()

    async def session() -> list[Answer]:
        async with opened(settings) as node:
            assert node.ready is not None
            assert RUBY in (None, node.ready.ruby)
            return [
                await node.answer(Request(EXISTS, "1")),
                await node.answer(Request(INSERT, "1")),
                await node.answer(Request(EXISTS, "1")),
                await node.answer(Request(INSERT, "hidden")),
                await node.answer(Request(Operation.CONFIRM_PAYMENT, "unpaid")),
                await node.answer(Request(Operation.CONFIRM_PAYMENT, "1")),
                await node.answer(Request(EXISTS, "down")),
                await node.answer(Request(INSERT, "latin")),
            ]

    unpaid = "RuntimeError: Order number unpaid isn't authorized"
    hidden = "RuntimeError: Order number hidden already exist on Abacos"
    assert asyncio.run(session()) == [
        Answer(Verdict.NO),
        Answer(Verdict.DONE),
        Answer(Verdict.YES),
        Answer(Verdict.ALREADY_DONE, hidden),
        Answer(Verdict.NOT_DUE, unpaid),
        Answer(Verdict.DONE),
        Answer(Verdict.DOWN, "Errno::ECONNREFUSED: Connection refused - abacos:80"),
        Answer(Verdict.REJECTED, "RuntimeError: não existe"),
    ]
    assert sshd.logins() == before + 1
    assert len((root_of(settings) / "boots").read_text().split()) == 1


def test_noise_neither_blocks_nor_fills_memory(settings: Settings) -> None:
    """20 MB of a task's output, in a process of its own, so that its peak is its own."""
    program = f"""
import asyncio, resource
from pathlib import Path, PosixPath
from ordermonit.configuration import Node as Settings
from ordermonit.orders.model import Operation, Request
from ordermonit.node.rake import Node
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
async def main():
    node = Node(Settings(host="127.0.0.1", port={settings.port}, username={settings.username!r},
        rails_root={settings.rails_root!r}, private_key=Path({str(settings.private_key)!r}),
        known_hosts=Path({str(settings.known_hosts)!r}), rake={settings.rake!r}, lock_file="lock",
        tasks={{Operation(k): v for k, v in {dict(TASKS)!r}.items()}}, checks={{}}), "test")
    await node.open()
    before = peak()
    answer = await node.answer(Request(Operation.INSERT_ORDER, "noise"))
    print(answer.verdict, node.is_open, peak() - before, len(node._channel._stderr))
    await node.close()
asyncio.run(main())
""".replace(repr(dict(TASKS)), repr({key.value: name for key, name in TASKS.items()}))
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    verdict, is_open, grown, kept = out.stdout.split() or [out.stderr]
    assert (verdict, is_open) == ("done", "True")
    assert int(grown) < 8_000  # KB
    assert int(kept) <= TAIL


def test_what_login_scripts_print_is_passed_over(settings: Settings) -> None:
    noisy = "sh -c 'seq 20000; printf Welcome; exec rake \"$@\"' --"
    assert run(replace(settings, rake=noisy), "1") == (Answer(Verdict.DONE), True)


def test_a_number_that_is_none_is_the_callers_mistake(settings: Settings) -> None:
    with pytest.raises(ValueError, match="no order's number"):
        run(settings, "1 2")


# No answer


@pytest.mark.parametrize(
    ("number", "how"),
    [("hard", "exit! with status 1"), ("killed", "killed by SIGKILL")],
)
def test_a_task_that_dies_leaves_the_session_open(
    settings: Settings, number: str, how: str
) -> None:
    answer = Answer(Verdict.DIED, f"its process died: {how}")
    assert run(settings, number) == (answer, True)


@pytest.mark.parametrize(
    ("end", "error"),
    [
        ("echo going hard >&2; exit 1", "the remote rake ended with status 1: going hard"),
        ("kill -9 $$", "the remote rake was ended by SIGKILL"),
    ],
)
def test_a_rake_that_dies_is_lost(settings: Settings, end: str, error: str) -> None:
    fake = driver(settings, READY, f"read request; {end}")
    answer = Answer(Verdict.LOST, error)
    assert run(replace(settings, rake=fake), "1") == (answer, False)


def test_an_exit_status_of_success_is_no_answer(settings: Settings) -> None:
    fake = driver(settings, READY, "read request")
    answer, is_open = run(replace(settings, rake=fake), "1")
    assert (answer.verdict, is_open) == (Verdict.LOST, False)
    assert answer.error == "the remote rake ended with status 0"


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        ('{"id":2,"done":true}', "an answer to another request"),
        ('{"id":1,"done":tr', "the remote rake ended"),
        ("done", "no JSON"),
        (r"\377\376", "no JSON"),
        ('{"id":1,"refused":"bad number"}', "an unknown answer"),
    ],
)
def test_garbage_is_no_answer(settings: Settings, lines: str, error: str) -> None:
    newline = "" if lines.endswith("tr") else r"\n"
    fake = driver(settings, READY, f"read request; printf '{lines}{newline}'")
    answer, is_open = run(replace(settings, rake=fake), "1")
    assert (answer.verdict, is_open) == (Verdict.LOST, False)
    assert error in (answer.error or "")


def test_an_endless_line_is_no_answer(settings: Settings) -> None:
    fake = driver(settings, READY, "read request; exec cat /dev/zero")
    answer, is_open = run(replace(settings, rake=fake), "1")
    assert (answer.verdict, is_open) == (Verdict.LOST, False)
    assert "a line of more than 1048576 bytes" in (answer.error or "")


def test_the_node_kills_a_task_that_hangs_and_goes_on(settings: Settings) -> None:
    answer, is_open = run(replace(settings, task_timeout=1), "hang-child")
    error = "no answer within task_timeout: the node killed it"
    assert (answer, is_open) == (Answer(Verdict.TIMEOUT, error), True)
    assert not any(map(is_alive, pids(root_of(settings))))


def test_the_nodes_own_watchdog_ends_a_rake_that_hangs(settings: Settings) -> None:
    fake = driver(settings, READY, "read request; sleep 0.5; kill -9 $$")
    answer, is_open = run(replace(settings, rake=fake, task_timeout=0.5), "1")
    error = "no answer within 0.5 s: the remote rake was ended by SIGKILL"
    assert (answer, is_open) == (Answer(Verdict.TIMEOUT, error), False)


def test_a_node_without_a_word_is_given_up(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_module, "GRACE", 0.5)
    fake = driver(settings, READY, "sleep 30")
    answer, is_open = run(replace(settings, rake=fake, task_timeout=0.5), "1")
    assert (answer, is_open) == (Answer(Verdict.TIMEOUT, "no answer within 0.5 s"), False)


def test_a_connection_that_breaks_is_lost_and_the_task_ends(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_module, "REMOTE_GRACE", 0.5)
    with Sshd() as own:
        there = at(settings, own)

        async def session() -> Answer:
            async with opened(there) as node:
                request = asyncio.ensure_future(node.answer(Request(INSERT, "hang")))
                await asyncio.to_thread(pids, root_of(there))
                own.cut()
                answer = await request
                assert not node.is_open
                again = await node.answer(Request(INSERT, "1"))
                assert again.verdict is Verdict.LOST
                return answer

        answer = asyncio.run(session())
        assert answer.verdict is Verdict.LOST
        assert f"connection to {own.username}@127.0.0.1:{own.port} was lost" in str(answer.error)
        wait_until(lambda: not any(map(is_alive, pids(root_of(there)))), "the task's end", SOON)
        # Its lock is free again, so that the next session finds out what happened.
        assert run(there, "1") == (Answer(Verdict.DONE), True)


def test_a_half_open_connection_is_lost_and_no_timeout(settings: Settings) -> None:
    with Sshd() as own:
        there = replace(at(settings, own), task_timeout=3)

        async def session() -> tuple[Answer, float]:
            async with opened(there) as node:
                own.pause()
                started = time.monotonic()
                answer = await node.answer(Request(INSERT, "1"))
                return answer, time.monotonic() - started

        try:
            answer, seconds = asyncio.run(session())
        finally:
            own.resume()
    assert answer.verdict is Verdict.LOST
    assert seconds < 3


def test_closing_takes_bounded_time(settings: Settings) -> None:
    with Sshd() as own:
        there = at(settings, own)

        async def session() -> float:
            async with opened(there) as node:
                own.pause()
                started = time.monotonic()
                await node.close()
                return time.monotonic() - started

        try:
            assert asyncio.run(session()) < node_module.CLOSE_LIMIT + 1
        finally:
            own.resume()


# Told to stop


def test_stopping_leaves_the_operation_its_last_seconds(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_module, "STOP_GRACE", 0.5)
    monkeypatch.setattr(node_module, "REMOTE_GRACE", 0.5)

    async def session() -> tuple[Answer, Answer, bool]:
        async with opened(settings) as node:
            node.stop()
            quick = await node.answer(Request(INSERT, "1"))
            hanging = await node.answer(Request(INSERT, "hang"))
            return quick, hanging, node.is_open

    quick, hanging, is_open = asyncio.run(session())
    assert quick == Answer(Verdict.DONE)
    assert hanging == Answer(Verdict.LOST, "stopped before the answer came")
    assert not is_open
    wait_until(lambda: not any(map(is_alive, pids(root_of(settings)))), "the task's end", SOON)


def test_stopping_gives_up_on_a_boot(settings: Settings) -> None:
    booting = replace(settings, environment={"BOOT": "hangs"})

    async def session() -> float:
        node = Node(booting, "test")
        opening = asyncio.ensure_future(node.open())
        await asyncio.to_thread(pids, root_of(settings))
        started = time.monotonic()
        node.stop()
        with pytest.raises(Unavailable, match="stopped before the node was ready"):
            await opening
        return time.monotonic() - started

    assert asyncio.run(session()) < 2


# Questions that travel ahead of their turn


def test_questions_travel_ahead_and_are_answered_at_their_turn(settings: Settings) -> None:
    async def session() -> list[Answer]:
        async with opened(settings) as node:
            found = [await node.answer(TASK, (FIRST, SECOND)), await node.answer(FIRST)]
            found += [await node.answer(SECOND), await node.answer(SECOND)]
            return found

    assert asyncio.run(session()) == [DONE, YES, NO, NO]


def test_a_task_stands_behind_nothing_and_what_was_missing_is_asked_again(
    settings: Settings,
) -> None:
    second = Request(INSERT, "2")

    async def session() -> list[Answer]:
        async with opened(settings) as node:
            found = [await node.answer(TASK, (FIRST, SECOND))]
            assert not node.is_next(second)
            await node.drain()
            found.append(await node.answer(second))
            return [*found, await node.answer(FIRST), await node.answer(SECOND)]

    assert asyncio.run(session()) == [DONE, DONE, YES, YES]


def test_the_time_of_a_question_begins_with_its_turn(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_module, "GRACE", 0.5)
    napping = {**CHECKS, EXISTS: "sleep 2; true"}

    async def session() -> list[Answer]:
        async with opened(replace(settings, checks=napping, task_timeout=3)) as node:
            return [await node.answer(Request(INSERT, "nap"), (SECOND,)), await node.answer(SECOND)]

    assert asyncio.run(session()) == [DONE, YES]


def test_a_task_does_not_end_with_the_question_before_it(settings: Settings) -> None:
    hanging = {**CHECKS, EXISTS: "number == '2' ? sleep : true"}
    session = Session(replace(settings, checks=hanging, task_timeout=1))
    try:
        assert session.answer(TASK, (SECOND,)) == DONE
        assert session.answer(Request(INSERT, "3"), (FIRST,)) == DONE
        assert session.answer(FIRST) == YES
    finally:
        session.close()


def test_what_follows_from_answers_of_a_session_that_is_over_is_not_put(settings: Settings) -> None:
    checks = {**CHECKS, EXISTS: "number == 'ends' ? Process.kill(:KILL, Process.ppid) : true"}
    session = Session(replace(settings, checks=checks))
    try:
        assert session.answer(FIRST) == YES
        assert session.answer(Request(EXISTS, "ends", follows=True)).verdict is Verdict.LOST
        for request in (TASK, FIRST):
            with pytest.raises(SessionEnded, match="ended in the middle of an order"):
                session.answer(replace(request, follows=True))
        assert not (root_of(settings) / "orders").exists()
        assert session.answer(TASK) == DONE
    finally:
        session.close()


def test_a_question_ahead_is_lost_with_its_session(settings: Settings) -> None:
    async def session() -> Answer:
        async with opened(settings) as node:
            await node.answer(TASK, (FIRST,))
            await node.close()
            return await node.answer(FIRST)

    assert asyncio.run(session()).verdict is Verdict.LOST


def test_who_waits_long_for_an_answer_is_told(settings: Settings) -> None:
    session = Session(settings)
    told: list[str] = []
    try:
        assert session.answer(Request(INSERT, "nap"), late=lambda: told.append("late")) == DONE
    finally:
        session.close()
    assert told == ["late"]
