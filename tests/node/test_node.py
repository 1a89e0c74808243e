"""The node over a real sshd: what counts as an answer, and what every failure is called."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ordermonit import node as node_module
from ordermonit import ssh
from ordermonit.channel import TAIL
from ordermonit.configuration import Node as Settings
from ordermonit.errors import ConfigurationError, NodeLocked, OrdermonitError, Refused, Unavailable
from ordermonit.model import Answer, Operation, Question, Verdict
from ordermonit.node import Node
from ordermonit.session import Session
from tests.node.remote import CHECKS, TASKS, is_alive, pids, rails_root
from tests.parts.processes import free_port, wait_until
from tests.parts.sshd import Sshd, keygen

INSERT, EXISTS = Operation.INSERT_ORDER, Operation.ORDER_EXISTS
FIRST, SECOND = Question(EXISTS, "1"), Question(EXISTS, "2")
YES, NO, DONE = Answer(Verdict.YES), Answer(Verdict.NO), Answer(Verdict.DONE)

#: Seconds within which a failure must be told that nothing but a deadline could delay.
SOON = 10


@pytest.fixture(scope="module")
def sshd() -> Iterator[Sshd]:
    with Sshd() as server:
        yield server


@pytest.fixture
def settings(sshd: Sshd, tmp_path: Path) -> Iterator[Settings]:
    root = rails_root(tmp_path / "app")
    yield Settings(
        host="127.0.0.1",
        port=sshd.port,
        username=sshd.username,
        rails_root=str(root),
        private_key=sshd.key,
        known_hosts=sshd.known_hosts,
        rake="rake",
        tasks=TASKS,
        checks=CHECKS,
        connect_timeout=SOON,
        task_timeout=60,
        lock_file="lock",
    )
    for pid in pids(root) if (root / "pids").exists() else ():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@asynccontextmanager
async def opened(settings: Settings, holder: str = "pid 7 on alpha") -> AsyncIterator[Node]:
    node = Node(settings, holder)
    await node.open()
    try:
        yield node
    finally:
        await node.close()


def run(settings: Settings, number: str, **options: Any) -> tuple[Answer, bool]:
    """The answer to one insertion in a session of its own, and whether that was still open."""

    async def session() -> tuple[Answer, bool]:
        async with opened(settings) as node:
            return await node.run(INSERT, number, **options), node.is_open

    return asyncio.run(session())


def opening_fails(settings: Settings) -> Any:
    """What `open` raises."""

    async def session() -> None:
        node = Node(settings, "test")
        try:
            await node.open()
        finally:
            assert not node.is_open
            await node.close()

    with pytest.raises(OrdermonitError) as caught:
        asyncio.run(session())
    return caught.value


def root_of(settings: Settings) -> Path:
    return Path(settings.rails_root)


# Answers


def test_one_login_and_one_boot_for_everything(settings: Settings, sshd: Sshd) -> None:
    before = sshd.logins()

    async def session() -> list[Answer]:
        async with opened(settings) as node:
            return [
                await node.ask(EXISTS, "1"),
                await node.run(INSERT, "1"),
                await node.ask(EXISTS, "1"),
                await node.run(INSERT, "hidden"),
                await node.run(Operation.CONFIRM_PAYMENT, "unpaid"),
                await node.run(Operation.CONFIRM_PAYMENT, "1"),
                await node.ask(EXISTS, "down"),
                await node.run(INSERT, "latin"),
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
from ordermonit.model import Operation
from ordermonit.node import Node
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
async def main():
    node = Node(Settings(host="127.0.0.1", port={settings.port}, username={settings.username!r},
        rails_root={settings.rails_root!r}, private_key=Path({str(settings.private_key)!r}),
        known_hosts=Path({str(settings.known_hosts)!r}), rake="rake", lock_file="lock",
        tasks={{Operation(k): v for k, v in {dict(TASKS)!r}.items()}}, checks={{}}), "test")
    await node.open()
    before = peak()
    answer = await node.run(Operation.INSERT_ORDER, "noise")
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
    ("number", "error"),
    [
        ("hard", "the remote rake ended with status 1: .*going hard"),
        ("killed", "the remote rake was ended by SIGKILL"),
        ("leaves-child-hard", "the remote rake ended with status 1"),
    ],
)
def test_a_rake_that_dies_is_lost(settings: Settings, number: str, error: str) -> None:
    answer, is_open = run(settings, number)
    assert answer.verdict is Verdict.LOST
    assert answer.error is not None
    assert re.match(error, answer.error)
    assert not is_open


def test_an_exit_status_of_success_is_no_answer(settings: Settings) -> None:
    fake = _driver(settings, READY, "read request")
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
    fake = _driver(settings, READY, f"read request; printf '{lines}{newline}'")
    answer, is_open = run(replace(settings, rake=fake), "1")
    assert (answer.verdict, is_open) == (Verdict.LOST, False)
    assert error in (answer.error or "")


def test_an_endless_line_is_no_answer(settings: Settings) -> None:
    fake = _driver(settings, READY, "read request; exec cat /dev/zero")
    answer, is_open = run(replace(settings, rake=fake), "1")
    assert (answer.verdict, is_open) == (Verdict.LOST, False)
    assert "a line of more than 1048576 bytes" in (answer.error or "")


def test_the_nodes_own_watchdog_ends_a_task_that_hangs(settings: Settings) -> None:
    answer, is_open = run(replace(settings, task_timeout=1), "hang-child")
    error = "no answer within 1 s: the remote rake was ended by SIGKILL"
    assert (answer, is_open) == (Answer(Verdict.TIMEOUT, error), False)
    assert not any(map(is_alive, pids(root_of(settings))))


def test_a_node_without_a_word_is_given_up(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_module, "GRACE", 0.5)
    fake = _driver(settings, READY, "sleep 30")
    answer, is_open = run(replace(settings, rake=fake, task_timeout=0.5), "1")
    assert (answer, is_open) == (Answer(Verdict.TIMEOUT, "no answer within 0.5 s"), False)


def test_a_connection_that_breaks_is_lost_and_the_task_ends(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_module, "REMOTE_GRACE", 0.5)
    with Sshd() as own:
        there = _at(settings, own)

        async def session() -> Answer:
            async with opened(there) as node:
                request = asyncio.ensure_future(node.run(INSERT, "hang"))
                await asyncio.to_thread(pids, root_of(there))
                own.cut()
                answer = await request
                assert not node.is_open
                again = await node.run(INSERT, "1")
                assert again.verdict is Verdict.LOST
                return answer

        answer = asyncio.run(session())
        assert answer.verdict is Verdict.LOST
        assert "connection was lost" in (answer.error or "")
        wait_until(lambda: not any(map(is_alive, pids(root_of(there)))), "the task's end", SOON)
        # Its lock is free again, so that the next session finds out what happened.
        assert run(there, "1") == (Answer(Verdict.DONE), True)


def test_a_half_open_connection_is_lost_and_no_timeout(settings: Settings) -> None:
    with Sshd() as own:
        there = replace(_at(settings, own), task_timeout=3)

        async def session() -> tuple[Answer, float]:
            async with opened(there) as node:
                own.pause()
                started = time.monotonic()
                answer = await node.run(INSERT, "1")
                return answer, time.monotonic() - started

        try:
            answer, seconds = asyncio.run(session())
        finally:
            own.resume()
    assert answer.verdict is Verdict.LOST
    assert seconds < 3


def test_closing_takes_bounded_time(settings: Settings) -> None:
    with Sshd() as own:
        there = _at(settings, own)

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
            quick = await node.run(INSERT, "1")
            hanging = await node.run(INSERT, "hang")
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


# A question that was sent before its answer is wanted


def test_a_question_travels_ahead_of_its_answer(settings: Settings) -> None:
    async def session() -> list[Answer]:
        async with opened(settings) as node:
            await node.run(INSERT, "1")
            node.begin(FIRST)
            node.begin(SECOND)  # one at a time: this one is not sent
            first = [await node.ask(EXISTS, "1"), await node.ask(EXISTS, "2")]
            node.begin(SECOND)  # nobody takes this answer, and nobody else gets it
            return [*first, await node.ask(EXISTS, "1"), await node.run(INSERT, "3")]

    assert asyncio.run(session()) == [YES, NO, YES, DONE]


def test_a_question_behind_a_task_is_answered_once(settings: Settings) -> None:
    async def session() -> list[object]:
        async with opened(settings) as node:
            found: list[object] = [await node.run(INSERT, "1", SECOND), node.knows(SECOND)]
            found += [await node.run(INSERT, "2"), node.knows(SECOND), node.knows(FIRST)]
            # As it was when it was asked; and whoever wants to know again asks again.
            return [*found, node.take(SECOND), node.take(SECOND), await node.ask(EXISTS, "2")]

    assert asyncio.run(session()) == [DONE, False, DONE, True, False, NO, None, YES]


def test_the_time_of_a_question_begins_with_its_turn(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_module, "GRACE", 0.5)
    napping = {**CHECKS, EXISTS: "sleep 2; true"}

    async def session() -> list[Answer]:
        async with opened(replace(settings, checks=napping, task_timeout=3)) as node:
            return [await node.run(INSERT, "nap", SECOND), await node.ask(EXISTS, "2")]

    assert asyncio.run(session()) == [DONE, YES]


def test_a_task_does_not_end_with_the_question_before_it(settings: Settings) -> None:
    hanging = {**CHECKS, EXISTS: "number == '2' ? sleep : true"}
    session = Session(replace(settings, checks=hanging, task_timeout=1))
    try:
        assert session.answer(INSERT, "1", SECOND) == DONE
        assert session.answer(INSERT, "3", FIRST) == DONE
        assert session.answer(EXISTS, "1") == YES
    finally:
        session.close()


def test_a_question_ahead_is_lost_with_its_session(settings: Settings) -> None:
    async def session() -> Answer:
        async with opened(settings) as node:
            node.begin(FIRST)
            await node.close()
            node.begin(SECOND)
            return await node.ask(EXISTS, "1")

    assert asyncio.run(session()).verdict is Verdict.LOST


# The node can't


def test_the_other_holder_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_module, "LOCK_WAIT", 0.2)

    async def both() -> None:
        async with opened(settings, "pid 7 on alpha"):
            with pytest.raises(NodeLocked, match="pid 7 on alpha, since"):
                await Node(settings, "pid 8 on beta").open()

    asyncio.run(both())


@pytest.mark.parametrize(
    ("changes", "message", "remedy"),
    [
        ({"rails_root": "/nonexistent"}, "can't enter /nonexistent", "rails_root"),
        ({"rake": "/nonexistent/rake"}, "can't be run on .*No such file", "full path"),
        ({"tasks": {INSERT: "absent"}}, "no task absent", "tasks"),
        ({"checks": {EXISTS: "number =="}}, "order_exists is no Ruby: SyntaxError", "checks"),
        ({"lock_file": "Rakefile/x"}, "lock Rakefile/x can't be made", "lock_file"),
    ],
)
def test_a_wrong_configuration_is_told_as_such(
    settings: Settings, changes: dict[str, Any], message: str, remedy: str
) -> None:
    problem = opening_fails(replace(settings, **changes))
    assert type(problem) is ConfigurationError
    assert re.search(message, problem.message)
    assert remedy in problem.remedy


def test_a_rails_that_does_not_boot_is_down(settings: Settings) -> None:
    problem = opening_fails(replace(settings, environment={"BOOT": "fails"}))
    assert type(problem) is Unavailable
    assert "Abacos::HTTPError: no database" in problem.message
    (root_of(settings) / "Rakefile").write_text("require 'no/such/gem'")
    problem = opening_fails(settings)
    assert type(problem) is Unavailable
    assert "LoadError: cannot load such file -- no/such/gem" in problem.message


def test_a_boot_that_hangs_is_down(settings: Settings) -> None:
    problem = opening_fails(replace(settings, environment={"BOOT": "hangs"}, task_timeout=1))
    assert type(problem) is Unavailable
    assert "SIGKILL" in problem.message


def test_a_rake_that_never_says_a_word_is_down(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it is, our driver and its watchdog are not in it."""
    for grace in ("LOCK_WAIT", "GRACE"):
        monkeypatch.setattr(node_module, grace, 0.25)
    mute = replace(settings, rake="sh -c 'exec cat >/dev/null' --", task_timeout=0.5)
    problem = opening_fails(mute)
    assert type(problem) is Unavailable
    assert "no answer within 1 s" in problem.message


def test_a_shell_that_lets_nobody_in_is_quoted(settings: Settings) -> None:
    problem = opening_fails(replace(settings, rake="sh -c 'echo This account is closed; exit 1'"))
    assert type(problem) is Unavailable
    assert "This account is closed" in problem.message


def test_endless_login_scripts_are_down(settings: Settings) -> None:
    problem = opening_fails(replace(settings, rake="sh -c yes"))
    assert type(problem) is Unavailable
    assert "print without end" in problem.message


# The way there


def test_nobody_listens(settings: Settings) -> None:
    problem = opening_fails(replace(settings, port=free_port()))
    assert type(problem) is Unavailable
    assert "Connect call failed" in problem.message or "refused" in problem.message


def test_no_such_host(settings: Settings) -> None:
    problem = opening_fails(replace(settings, host="no-such-host.invalid"))
    assert type(problem) is Unavailable
    assert "no-such-host.invalid" in problem.message


def test_a_name_server_that_says_nothing_is_not_waited_for(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: ended.wait())
    session = Session(replace(settings, host="node.shop.example", connect_timeout=0.5))
    try:
        with pytest.raises(Unavailable, match=r"node\.shop\.example"):
            session.answer(INSERT, "1")
        session.close()
        assert not ended.is_set()
    finally:
        ended.set()


def _silence(client: socket.socket) -> None:
    client.recv(1)


def _banner(client: socket.socket) -> None:
    while True:
        client.sendall(b"Welcome to the machine\r\n")
        time.sleep(0.01)


def _flood(client: socket.socket) -> None:
    while True:
        client.sendall(b"x" * 65536)


def _slam(client: socket.socket) -> None:
    client.close()


@pytest.mark.parametrize("behaviour", [_silence, _banner, _flood, _slam])
def test_what_is_no_ssh_server_is_down_in_time(
    settings: Settings, behaviour: Callable[[socket.socket], None]
) -> None:
    with _server(behaviour) as port:
        started = time.monotonic()
        problem = opening_fails(replace(settings, port=port, connect_timeout=1))
        assert time.monotonic() - started < 3
    assert type(problem) is Unavailable
    assert f"127.0.0.1:{port}" in problem.message


def test_a_stopped_sshd_is_down_in_time(settings: Settings) -> None:
    with Sshd() as own:
        own.pause()
        problem = opening_fails(replace(_at(settings, own), connect_timeout=1))
        own.resume()
    assert type(problem) is Unavailable
    assert "did not let us in within 1 s" in problem.message


def test_a_connection_that_gets_no_session_is_not_left_open(settings: Settings) -> None:
    with Sshd({"MaxSessions": "0"}) as own:
        node = Node(_at(settings, own), "test")

        async def session() -> None:
            with pytest.raises(Unavailable, match="can't be reached"):
                await node.open()
            await asyncio.to_thread(wait_until, lambda: not own.sessions(), "its end", SOON)

        asyncio.run(session())


# Keys


def test_another_host_key_is_refused_and_nothing_is_sent(settings: Settings) -> None:
    with Sshd() as own:
        there = _at(settings, own)
        own.change_host_key()
        own.restart()
        problem = opening_fails(there)
        assert own.logins() == 0
    assert type(problem) is Refused
    assert "is not the known one (ssh-ed25519 SHA256:" in problem.message
    file, port = there.known_hosts, there.port
    assert f"ssh-keygen -f {file} -R '[127.0.0.1]:{port}'; ssh-keyscan -p {port}" in problem.remedy
    assert not (root_of(settings) / "boots").exists()


def test_a_host_key_of_another_kind_is_refused(settings: Settings, tmp_path: Path) -> None:
    key = tmp_path / "ecdsa"
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", key], check=True)
    kind, public, *_ = key.with_suffix(".pub").read_text().split()
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{settings.port} {kind} {public}\n")
    problem = opening_fails(replace(settings, known_hosts=known))
    assert type(problem) is Refused
    assert "is not the known one" in problem.message


@pytest.mark.parametrize("text", [None, "", "[127.0.0.1]:1 ssh-ed25519 AAAA\n"])
def test_an_unknown_host_is_refused(
    settings: Settings, tmp_path: Path, sshd: Sshd, text: str | None
) -> None:
    known = tmp_path / "known_hosts"
    if text is not None:
        known.write_text(text)
    before = sshd.logins()
    problem = opening_fails(replace(settings, known_hosts=known))
    assert type(problem) is Refused
    assert "no host key of 127.0.0.1" in problem.message
    assert f"ssh-keyscan -p {settings.port} 127.0.0.1 >> {known}" in problem.remedy
    assert sshd.logins() == before


def test_the_users_and_the_systems_known_hosts_are_read_together(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    system = tmp_path / "system"
    monkeypatch.setattr(ssh, "SYSTEM_KNOWN_HOSTS", system)
    assert settings.known_hosts is not None
    default = replace(settings, known_hosts=None)
    assert type(opening_fails(default)) is Refused
    entry = settings.known_hosts.read_text()
    system.write_text(entry)
    assert run(default, "1")[0].verdict is Verdict.DONE
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/known_hosts").write_text(f"# ours\n{entry}")
    system.unlink()
    assert run(default, "2")[0].verdict is Verdict.DONE
    system.write_text(f"@revoked {entry}")
    assert "revoked" in opening_fails(default).message


def test_a_broken_known_hosts_is_named(settings: Settings, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text("broken\n")
    problem = opening_fails(replace(settings, known_hosts=known))
    assert type(problem) is ConfigurationError
    assert str(known) in problem.message


def test_a_key_that_the_node_does_not_know_is_refused(settings: Settings, tmp_path: Path) -> None:
    key = tmp_path / "id"
    keygen(key)
    problem = opening_fails(replace(settings, private_key=key))
    assert type(problem) is Refused
    assert f"does not let {settings.username} in with {key}" in problem.message
    where = f"{settings.username}@127.0.0.1"
    assert f"ssh-copy-id -i {key}.pub -p {settings.port} {where}" in problem.remedy


def test_the_default_keys_are_tried(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    # Nothing of the user's may help: neither an agent nor a configuration.
    monkeypatch.setenv("SSH_AUTH_SOCK", "/nonexistent")
    default = replace(settings, private_key=None)
    directory = tmp_path / ".ssh"
    for _ in range(2):
        problem = opening_fails(default)
        assert type(problem) is ConfigurationError
        assert f"no private key in {directory}" in problem.message
        directory.mkdir(exist_ok=True)
    (directory / "config").write_text(
        "Host *\n  Port 1\n  User nobody\n  BindAddress 192.0.2.1\n  ProxyCommand false\n"
    )
    keygen(directory / "id_rsa")
    (directory / "id_ecdsa").write_text("broken")
    assert type(opening_fails(default)) is Refused
    assert settings.private_key is not None
    (directory / "id_ed25519").write_bytes(settings.private_key.read_bytes())
    assert run(default, "1")[0].verdict is Verdict.DONE


def test_no_agent_is_asked(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What works may not depend on who has started it."""
    place, key = tmp_path / "agent", tmp_path / "id"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", place], stdout=subprocess.DEVNULL)
    try:
        wait_until(place.exists, "the agent to listen")
        monkeypatch.setenv("SSH_AUTH_SOCK", str(place))
        assert settings.private_key is not None
        subprocess.run(["ssh-add", "-q", settings.private_key], check=True, capture_output=True)
        keygen(key)
        assert type(opening_fails(replace(settings, private_key=key))) is Refused
    finally:
        agent.terminate()
        agent.wait()


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "there is no private key"), ("broken", "is no private key"), ("secret", "passphrase")],
)
def test_a_key_that_can_not_be_used_is_named(
    settings: Settings, tmp_path: Path, content: str | None, message: str
) -> None:
    key = tmp_path / "key"
    if content == "secret":
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(key)]
        subprocess.run(command, check=True)
    elif content is not None:
        key.write_text(content)
    problem = opening_fails(replace(settings, private_key=key))
    assert type(problem) is ConfigurationError
    assert message in problem.message
    assert str(key) in str(problem)


def test_a_home_that_can_not_be_read_is_a_matter_of_configuration(tmp_path: Path) -> None:
    """Not downtime. Root may read everything, so somebody else tries."""
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    home.chmod(0)
    program = """
import asyncio
from ordermonit.configuration import Node as Settings
from ordermonit.errors import ConfigurationError
from ordermonit.node import Node
try:
    asyncio.run(Node(Settings(host="localhost", username="u", rails_root="/"), "test").open())
except ConfigurationError as problem:
    print(problem)
"""
    outsider = 65534 if os.geteuid() == 0 else None
    out = subprocess.run(
        [sys.executable, "-c", program],
        env={"HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[2])},
        user=outsider,
        capture_output=True,
        text=True,
    )
    home.chmod(0o700)
    assert "id_rsa can't be read: Permission denied" in out.stdout, out.stderr


def test_asyncssh_starts_no_process_when_it_is_imported() -> None:
    program = """
import os, sys
sys.addaudithook(lambda event, _: event in ("subprocess.Popen", "os.posix_spawn", "os.fork",
    "os.exec", "os.system") and os._exit(3))
import ordermonit.node
"""
    subprocess.run([sys.executable, "-c", program], check=True)


# Parts

READY = '{"ordermonit":1,"ready":true,"ruby":"0","rake":"0"}'


def _driver(settings: Settings, greeting: str, then: str) -> str:
    """A rake that plays the driver badly: greets, then does as the shell says."""
    script = root_of(settings) / "fake"
    script.write_text(f"#!/bin/sh\nread hello\necho '{greeting}'\n{then}\n")
    script.chmod(0o755)
    return str(script)


def _at(settings: Settings, own: Sshd) -> Settings:
    return replace(settings, port=own.port, private_key=own.key, known_hosts=own.known_hosts)


@contextmanager
def _server(behaviour: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that does the same with every client, until it is gone."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                client, _ = listener.accept()
                with client:
                    behaviour(client)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
    thread.join(SOON)
