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
    rails_root,
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
    """Neither first stage nor driver waits longer for the client's first lines."""
    *others, driver = wire._DRIVER
    text, found = re.subn(r"HELLO = \d+", "HELLO = 1", driver.read_text())
    assert found == 1
    changed = tmp_path / "driver.rb"
    changed.write_text(text)
    monkeypatch.setattr(wire, "_DRIVER", (*others, changed))
    monkeypatch.setattr(wire, "_FIRST_LIMIT", 1)


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


def test_a_child_that_the_boot_leaves_behind_lives_on_without_the_lock(root: Path) -> None:
    with remote(root, environment={"BOOT": "forks"}) as first:
        assert first.run("1") == wire.Done()
        first.hang_up()
        assert first.wait() == 0
        (child,) = pids(root)
        with remote(root):
            assert is_alive(child)


def test_a_lock_that_cannot_be_made_is_told(root: Path) -> None:
    with unready(root, hello={"lock": "Rakefile/lock"}) as session:
        greeting = session.greeting()
    assert isinstance(greeting, wire.NoLock)
    assert greeting.path == str(root / "Rakefile" / "lock")
    assert greeting.chain[0].name == "Errno::ENOTDIR"


def _waits_for_lock(session: Remote) -> bool:
    descriptors = Path(f"/proc/{session.process.pid}/fd")
    for entry in descriptors.iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            if os.readlink(entry).endswith("/lock"):
                return True
    return False


# The end


def test_a_rake_that_dies_ends_its_task_with_it(root: Path) -> None:
    with remote(root) as session:
        session.begin("run", Operation.INSERT_ORDER, "hang-child", timeout=600)
        running = pids(root)
        session.process.kill()
        wait_until(lambda: not any(map(is_alive, running)), "the end of the whole group")
        wait_until(lambda: not session.children(), "the end of the others")


def test_nobody_else_begins_before_the_task_of_a_dead_rake_has_ended(
    root: Path, tmp_path: Path
) -> None:
    other, lock = rails_root(tmp_path / "other"), str(root / "lock")
    with remote(root) as session:
        session.begin("run", Operation.INSERT_ORDER, "hang", timeout=600)
        (task,) = pids(root)
        wait_until(lambda: _watchdogs(session), "the watchdog to take its name")
        (watchdog,) = _watchdogs(session)
        os.kill(watchdog, signal.SIGSTOP)
        session.process.kill()
        session.process.wait()
        try:
            with unready(other, hello={"lock": lock}) as second:
                assert isinstance(second.greeting(), wire.Locked)
            assert is_alive(task)
        finally:
            os.kill(watchdog, signal.SIGCONT)
        with remote(other, hello={"lock": lock, "lock_wait": 10}):
            assert not is_alive(task)


def test_a_rake_that_is_stuck_is_killed_with_its_task(root: Path) -> None:
    with remote(root) as session:
        session.begin("run", Operation.INSERT_ORDER, "hang", timeout=0.5)
        running = pids(root)
        session.process.send_signal(signal.SIGSTOP)
        assert session.wait() == -signal.SIGKILL
        wait_until(lambda: not any(map(is_alive, running)), "the task's end")


@pytest.mark.parametrize("signal", [signal.SIGTERM, signal.SIGINT])
def test_a_rake_that_is_told_to_end_ends_its_task_first(root: Path, signal: int) -> None:
    with remote(root) as session:
        session.begin("run", Operation.INSERT_ORDER, "hang", timeout=600)
        (task,) = pids(root)
        session.process.send_signal(signal)
        session.wait()
        assert not is_alive(task)
        with remote(root):
            pass


def test_a_rake_that_is_killed_under_a_wrapper_leaves_it_alone(root: Path) -> None:
    wrapper = "sh -c 'rake \"$@\"; echo over; exit 7' --"
    with unready(
        root, rake=wrapper, environment={"BOOT": "hangs"}, hello={"boot_timeout": 1}
    ) as session:
        assert session.line() == b"over\n"
        assert session.wait() == 7


def test_a_boot_beyond_its_deadline_is_killed(root: Path) -> None:
    with unready(root, environment={"BOOT": "hangs"}, hello={"boot_timeout": 1}) as session:
        assert session.line() == b""
        assert session.wait() == -signal.SIGKILL


def test_a_session_in_which_a_task_hung_waits_no_longer_than_its_end_may_take(root: Path) -> None:
    """The line may have fallen silent as well; and its lock is wanted."""
    with remote(root, hello={"grace": 0.5}) as session:
        assert session.run("hang", timeout=0.5) == wire.Hung()
        assert session.wait() == -signal.SIGKILL


def test_a_boot_that_gives_up_is_no_end_by_force(root: Path) -> None:
    """It leaves what it began alone, as any rake does."""
    (root / "Rakefile").write_text(
        "File.write('pids', \"#{spawn('sleep', '1000')}\\n\"); abort 'no licence'"
    )
    with unready(root) as session:
        assert session.line() == b""
        assert session.wait() == 1
        (child,) = pids(root)
        wait_until(lambda: not _watchdogs(session), "the watchdog's end")
        assert is_alive(child)


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
            "    request = parsed(*text)\n"
            "    def request.values_at(*)\n"
            "      File.write('begun', '')\n"
            "      sleep 0.01 until Thread.list.one? # the driver has seen the end, and said so\n"
            "      super\n"
            "    end\n"
            "    request\n"
            "  end\n"
            "end\n"
        )
    with remote(root, hello={"grace": 0.5}) as session:
        session.begin("run", Operation.INSERT_ORDER, "hang", timeout=60)
        wait_until((root / "begun").exists, "the request to be begun")
        session.hang_up()
        assert session.wait() == -signal.SIGKILL


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


def test_without_its_watchdog_nothing_is_begun(root: Path) -> None:
    with remote(root) as session:
        wait_until(lambda: _watchdogs(session), "the watchdog to take its name")
        (watchdog,) = _watchdogs(session)
        os.kill(watchdog, signal.SIGKILL)
        wait_until(lambda: not is_alive(watchdog), "its end")
        with suppress(BrokenPipeError):  # it may have seen that first
            session.begin("run", Operation.INSERT_ORDER, "1")
        assert session.line() == b""
        assert session.wait() == 1
    assert not (root / "inserted").exists()


def test_the_watchdog_leaves_with_its_session(root: Path) -> None:
    with remote(root) as session:
        wait_until(lambda: _watchdogs(session), "the watchdog to take its name")
        session.hang_up()
        session.wait()
        wait_until(lambda: not _watchdogs(session), "the watchdog's end")


def _watchdogs(session: Remote) -> list[int]:
    name, found = f"ordermonit: bounds the life of {session.process.pid}", []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if name.encode() in entry.read_bytes():
                found.append(int(entry.parent.name))
    return found
