"""A connection that the application opened at its boot: each child has it, so an answer that one of
them was not there to read is the next one's. No order is said to exist by another one's answer."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ordermonit.configuration import Node as Settings
from ordermonit.node import wire
from ordermonit.node.session import Session
from ordermonit.orders.model import Operation, Request, Verdict
from tests.node.home import KEEP, Home
from tests.node.place import EXISTS
from tests.node.remote import SOON, Remote, remote, unready
from tests.parts.processes import wait_until

SHORT = 0.5
CHECKS = {Operation.ORDER_EXISTS: "over_the_line(number)"}
GIVES_UP = {
    Operation.ORDER_EXISTS: "require 'timeout'; number == 'late' ?"
    " Timeout.timeout(0.2) { over_the_line(number) } : over_the_line(number)"
}


class Abacos:
    """Says "yes" to what is asked as "late", once it is told to, and "no" to all else."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self.port = listener.getsockname()[1]
        self.asked = threading.Event()
        self._told = threading.Event()
        self._said = threading.Event()

    def serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client: socket.socket) -> None:
        with client, client.makefile("rw") as line:
            try:
                for number in line:
                    late = number.strip() == "late"
                    if late:
                        self.asked.set()
                        self._told.wait()
                    line.write("yes\n" if late else "no\n")
                    line.flush()
                    if late:
                        self._said.set()
            except OSError:
                self._said.set()

    def answer(self) -> None:
        """Give the late answer, to whoever reads it."""
        self._told.set()
        assert self._said.wait(SOON)


@pytest.fixture
def abacos() -> Iterator[Abacos]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Abacos(listener)
        thread = threading.Thread(target=server.serve, daemon=True)
        thread.start()
        yield server
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(SOON)


@contextmanager
def line(root: Path, abacos: Abacos, checks: dict[Operation, str] = CHECKS) -> Iterator[Remote]:
    environment = {"LINE": str(abacos.port)}
    with remote(root, environment=environment, hello={"checks": checks}) as session:
        yield session


def is_over(session: Remote) -> bool:
    return session.line() == b"" and session.wait() == 0


def test_what_a_killed_check_was_to_read_answers_no_other(root: Path, abacos: Abacos) -> None:
    with line(root, abacos) as session:
        assert session.ask("first") == wire.Value(False)
        hung = session.ask("late", timeout=SHORT)
        abacos.answer()
        assert isinstance(hung, wire.Hung)
        if not hung.is_over:
            assert session.ask("other") == wire.Value(False)
        assert hung.is_over
        assert is_over(session)


def test_nor_what_a_killed_task_was_to_read(root: Path, abacos: Abacos) -> None:
    with line(root, abacos) as session:
        assert session.run("over-the-line") == wire.Done()
        assert session.run("over-the-line-late", timeout=SHORT) == wire.Hung(is_over=True)
        abacos.answer()
        assert is_over(session)


def test_nor_of_a_child_that_the_system_killed(root: Path, abacos: Abacos) -> None:
    with line(root, abacos) as session:
        assert session.run("killed") == wire.Died("killed by SIGKILL", is_over=True)
        assert is_over(session)


def test_nor_what_was_given_up_by_a_timeout_of_its_own(root: Path, abacos: Abacos) -> None:
    with line(root, abacos, GIVES_UP) as session:
        failed = session.ask("late")
        abacos.answer()
        assert isinstance(failed, wire.Failed)
        assert failed.is_over
        assert is_over(session)


def test_an_error_that_was_read_to_its_end_ends_nothing(root: Path, abacos: Abacos) -> None:
    with line(root, abacos) as session:
        assert isinstance(session.run("exit-3"), wire.Failed)
        assert session.ask("other") == wire.Value(False)


def test_where_nothing_is_shared_the_session_goes_on(root: Path) -> None:
    with remote(root) as session:
        assert session.run("killed") == wire.Died("killed by SIGKILL")
        assert session.run("hang", timeout=SHORT) == wire.Hung()
        assert session.run("1") == wire.Done()


def test_what_stays_booted_ends_with_it(home: Home, abacos: Abacos) -> None:
    options: dict[str, Any] = {
        "environment": {"LINE": str(abacos.port)},
        "hello": {"checks": CHECKS},
    }
    with home.session(**options) as (session, _):
        assert session.ask("first") == wire.Value(False)
    with home.session(**options) as (session, ready):
        assert ready.kept
        assert session.ask("second") == wire.Value(False)
    with home.session(**options) as (session, ready):
        assert ready.kept
        assert session.ask("late", timeout=SHORT) == wire.Hung(is_over=True)
        abacos.answer()
    wait_until(home.nothing_left, "its end")
    with home.session(**options) as (session, ready):
        assert not ready.kept
        assert session.ask("other") == wire.Value(False)
    assert home.boots() == 2


def test_nothing_stays_booted_after_it(home: Home, abacos: Abacos) -> None:
    environment = {"LINE": str(abacos.port), "HOME": str(home.directory)}
    hello = {**KEEP, "checks": CHECKS}
    with unready(home.root, environment=environment, hello=hello) as session:
        assert isinstance(session.greeting(), wire.Ready)
        assert session.ask("late", timeout=SHORT) == wire.Hung(is_over=True)
        assert is_over(session)
        wait_until(home.nothing_left, "its end")


def test_the_way_to_what_stays_booted_is_no_such_connection(home: Home) -> None:
    rake = "rake -E GC.disable"  # which would close it, sooner or later
    home.insert("1", rake=rake)
    (home.root / "tmp").mkdir()
    (home.root / "tmp" / "restart.txt").touch()
    with home.session(rake=rake) as (session, ready):
        assert ready.cold
        assert session.run("killed") == wire.Died("killed by SIGKILL")
        assert session.run("2") == wire.Done()
    with home.session(rake=rake) as (session, ready):
        assert ready.kept
        assert session.run("killed") == wire.Died("killed by SIGKILL")
        assert session.run("3") == wire.Done()
    assert home.boots() == 2


def test_a_session_that_waited_for_a_killed_one_boots(home: Home, abacos: Abacos) -> None:
    options: dict[str, Any] = {
        "environment": {"LINE": str(abacos.port)},
        "hello": {"checks": CHECKS, "lock_wait": SOON},
    }
    with home.session(**options) as (session, _):
        assert session.ask("first") == wire.Value(False)
    options["environment"] |= {"HOME": str(home.directory)}
    options["hello"] |= KEEP
    with unready(home.root, **options) as killed:
        assert isinstance(killed.greeting(), wire.Ready)
        (working,) = home.sessions()
        killed.begin("ask", EXISTS, "late")
        assert abacos.asked.wait(SOON)
        with unready(home.root, **options) as second:
            wait_until(lambda: len(home.sessions()) == 2, "the second session to wait for the lock")
            os.kill(working, signal.SIGKILL)
            ready = second.greeting()
            abacos.answer()
            assert isinstance(ready, wire.Ready)
            assert second.ask("other") == wire.Value(False)
            assert not ready.kept
            assert "a session before this one was killed" in str(ready.cold)
    assert home.boots() == 2


def test_what_remains_is_asked_in_a_new_session(settings: Settings, abacos: Abacos) -> None:
    settings = replace(
        settings,
        environment={**settings.environment, "LINE": str(abacos.port)},
        checks=CHECKS,
        task_timeout=20,
    )
    late, other = (Request(EXISTS, number) for number in ("late", "other"))
    session = Session(settings)
    try:
        hung = session.answer(replace(late, patience=SHORT), [other])
        abacos.answer()
        assert (hung.verdict, hung.is_last) == (Verdict.TIMEOUT, True)
        assert session.answer(other).verdict is Verdict.NO
        assert [how for how, _ in session.begun] == ["boot", "boot"]
    finally:
        session.close()
