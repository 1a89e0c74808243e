"""The driver in a real rake: its lock, when it ends, and what ends with it."""

import os
import re
import signal
import socket
import subprocess
import time
from contextlib import suppress
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
    remote,
    unready,
)
from tests.parts.processes import wait_until

CONFIRM = Operation.CONFIRM_PAYMENT


# The lock


def test_the_lock_names_its_holder_and_ends_with_it(root: Path) -> None:
    (root / "lock").write_text("pid 7 on alpha, a predecessor with a longer name, since long ago")
    with remote(root, hello={"holder": "pid 7 on alpha"}) as first:
        with unready(root) as second:
            greeting = second.greeting()
            assert isinstance(greeting, wire.Locked)
            assert re.fullmatch(r"pid 7 on alpha, since [-0-9]{10} [:0-9]{8}Z", greeting.holder)
            assert second.wait() == 0
        os.kill(first.process.pid, signal.SIGKILL)
        with remote(root, hello={"holder": "pid 8", "lock_wait": 5}) as third:
            assert third.run("1") == wire.Done()
    assert (root / "lock").read_text().startswith("pid 8, since")


def test_a_session_waits_for_one_that_ends(root: Path) -> None:
    with remote(root) as first, unready(root, hello={"lock_wait": 10}) as second:
        wait_until(lambda: _waits_for_lock(second), "the second one to have the lock open")
        first.hang_up()
        assert isinstance(second.greeting(), wire.Ready)


@pytest.fixture
def hello_within_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver waits no longer for the client's first line."""
    text, found = re.subn(r"HELLO = \d+", "HELLO = 1", wire._DRIVER.read_text())
    assert found == 1
    driver = tmp_path / "driver.rb"
    driver.write_text(text)
    monkeypatch.setattr(wire, "_DRIVER", driver)


@pytest.mark.usefixtures("hello_within_a_second")
def test_a_wait_for_the_lock_has_a_deadline_of_its_own(root: Path) -> None:
    with remote(root) as first, unready(root, hello={"lock_wait": 10}) as second:
        wait_until(lambda: _waits_for_lock(second), "the second one to have the lock open")
        seen = time.monotonic()
        wait_until(lambda: time.monotonic() > seen + 1.5, "the deadline for its hello to pass")
        first.hang_up()
        assert isinstance(second.greeting(), wire.Ready)


def test_a_directory_of_the_lock_that_another_made_first_will_do(root: Path) -> None:
    (root / "new").mkdir()  # and it is not there yet when the driver looks
    looks = 'def File.directory?(path) path != "new" && FileTest.directory?(path) end'
    with remote(root, rake=f"rake -E '{looks}'", hello={"lock": "new/lock"}) as session:
        assert session.run("1") == wire.Done()


def test_a_child_that_a_task_leaves_behind_lives_on_without_the_lock(root: Path) -> None:
    with remote(root) as first:
        assert first.run("leaves-child") == wire.Done()
        first.hang_up()
        assert first.wait() == 0
        (child,) = pids(root)
        wait_until(lambda: not _watchdogs(first), "the watchdog's end")
        with remote(root) as second:
            assert second.run("1") == wire.Done()
            assert is_alive(child)


def test_a_lock_that_cannot_be_made_is_told(root: Path) -> None:
    with unready(root, hello={"lock": "Rakefile/lock"}) as session:
        greeting = session.greeting()
    assert isinstance(greeting, wire.NoLock)
    assert greeting.path == "Rakefile/lock"
    assert greeting.chain[0].name == "Errno::ENOTDIR"


def _waits_for_lock(session: Remote) -> bool:
    descriptors = Path(f"/proc/{session.process.pid}/fd")
    for entry in descriptors.iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            if os.readlink(entry).endswith("/lock"):
                return True
    return False


# The end


@pytest.mark.parametrize("number", ["hard", "killed", "terminated"])
def test_a_rake_that_dies_in_a_task_gives_no_answer(root: Path, number: str) -> None:
    with remote(root) as session:
        session.begin("run", Operation.INSERT_ORDER, number)
        assert session.line() == b""
        assert session.wait() != 0


def test_nothing_of_the_group_outlives_a_rake_that_died(root: Path) -> None:
    with remote(root) as session:
        session.begin("run", Operation.INSERT_ORDER, "leaves-child-hard", timeout=600)
        (child,) = pids(root)
        assert session.wait() == 1
        wait_until(lambda: not is_alive(child), "the child's end")


@pytest.mark.parametrize("number", ["hang", "hang-child", "stuck"])
def test_a_task_beyond_its_deadline_is_killed_with_its_children(root: Path, number: str) -> None:
    with remote(root) as session:
        started = time.monotonic()
        session.begin("run", Operation.INSERT_ORDER, number, timeout=0.5)
        running = pids(root)
        assert session.line() == b""
        assert session.wait() == -signal.SIGKILL
        assert 0.5 <= time.monotonic() - started < 5
        wait_until(lambda: not any(map(is_alive, running)), "the end of the whole group")


def test_a_task_that_ends_its_group_does_not_end_the_watchdog(root: Path) -> None:
    (root / "Rakefile").write_text("task(:t) { trap(:TERM) {}; Process.kill(:TERM, 0); sleep }")
    with remote(root, hello={"tasks": {Operation.INSERT_ORDER: "t"}}) as session:
        session.begin("run", Operation.INSERT_ORDER, "1", timeout=1)
        assert session.wait() == -signal.SIGKILL


def test_a_task_under_a_wrapper_is_killed_without_the_wrapper(root: Path) -> None:
    wrapper = "sh -c 'rake \"$@\"; echo over; exit 7' --"
    with remote(root, rake=wrapper) as session:
        session.begin("run", Operation.INSERT_ORDER, "hang-child", timeout=0.5)
        running = pids(root)
        assert session.line() == b"over\n"
        assert session.wait() == 7
        wait_until(lambda: not any(map(is_alive, running)), "the end of the whole group")


def test_a_boot_beyond_its_deadline_is_killed(root: Path) -> None:
    with unready(root, environment={"BOOT": "hangs"}, hello={"boot_timeout": 1}) as session:
        assert session.line() == b""
        assert session.wait() == -signal.SIGKILL


def test_a_session_without_requests_ends(root: Path) -> None:
    with remote(root, hello={"idle_limit": 0.5}) as session:
        assert session.run("1") == wire.Done()
        assert session.wait() == -signal.SIGKILL


@pytest.mark.usefixtures("hello_within_a_second")
def test_a_client_that_says_nothing_is_not_waited_for(root: Path) -> None:
    process = subprocess.Popen(
        ["sh", "-c", wire.command(str(root), {}, "rake")],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert process.wait(SOON) == -signal.SIGKILL
    finally:
        process.kill()
        process.communicate()


def test_a_task_that_nobody_listens_to_ends_soon(root: Path) -> None:
    with remote(root, hello={"grace": 0.5}) as session:
        session.begin("run", Operation.INSERT_ORDER, "hang-child", timeout=60)
        running = pids(root)
        session.hang_up()
        assert session.wait() == -signal.SIGKILL
        wait_until(lambda: not any(map(is_alive, running)), "the end of the whole group")


def test_a_task_that_is_begun_while_the_client_goes_ends_soon(root: Path) -> None:
    """Its own deadline, which comes after the grace's, makes it no longer."""
    with (root / "Rakefile").open("a") as rakefile:
        rakefile.write(
            "require 'json'\n"
            "class << JSON\n"
            "  alias parsed parse\n"
            "  def parse(*text)\n"
            "    File.write('parsing', '')\n"
            "    sleep 0.01 until Thread.list.one? # the driver has seen the end, and said so\n"
            "    parsed(*text)\n"
            "  end\n"
            "end\n"
        )
    with remote(root, hello={"grace": 0.5}) as session:
        session.begin("run", Operation.INSERT_ORDER, "hang", timeout=60)
        wait_until((root / "parsing").exists, "the request to be read")
        session.hang_up()
        assert session.wait() == -signal.SIGKILL
    assert (root / "inserted").exists()


def test_an_end_that_hangs_is_cut_short(root: Path) -> None:
    with (root / "Rakefile").open("a") as rakefile:
        rakefile.write("at_exit { sleep }\n")
    with remote(root, hello={"grace": 0.5}) as session:
        session.hang_up()
        assert session.wait() == -signal.SIGKILL


def test_a_task_may_end_in_peace_after_the_client_has_gone(root: Path) -> None:
    with remote(root) as session:
        session.begin("run", Operation.INSERT_ORDER, "1", timeout=60)
        session.hang_up()
        assert session.wait() == 0


def test_a_request_is_not_begun_for_a_client_that_has_gone(root: Path) -> None:
    (root / "Rakefile").write_text(
        "task(:environment) { sleep 0.1 until File.exist?('go') }\n"
        "task(:t) { File.write('ran', '') }"
    )
    with unready(root, hello={"tasks": {Operation.INSERT_ORDER: "t"}}) as session:
        session.begin("run", Operation.INSERT_ORDER, "1")
        session.hang_up()
        wait_until(lambda: (root / "lock").exists(), "the boot")
        (root / "go").touch()
        session.wait()
    assert not (root / "ran").exists()


def test_a_client_that_leaves_an_answer_unread_has_gone(root: Path) -> None:
    rakefile = root / "Rakefile"
    # Rails has threads; without any, Ruby itself sees that nobody will ever wake the session.
    rakefile.write_text("Thread.new { loop { sleep 1 } }\n" + rakefile.read_text())
    with over_a_socket(root) as (process, ours):
        ours.sendall(wire.request(1, "ask", Operation.ORDER_EXISTS, "1", SOON))
        assert ours.recv(1, socket.MSG_PEEK)
        ours.close()
        assert process.wait(SOON) == 0


def test_the_watchdog_leaves_with_its_session(root: Path) -> None:
    with remote(root) as session:
        assert _watchdogs(session) == 1
        session.hang_up()
        session.wait()
        wait_until(lambda: not _watchdogs(session), "the watchdog's end")


def _watchdogs(session: Remote) -> int:
    name, found = f"ordermonit: bounds the life of {session.process.pid}", 0
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += name.encode() in entry.read_bytes()
        except OSError:
            continue
    return found
