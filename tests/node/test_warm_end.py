"""A booted process that stays on the node (keep_booted): when it ends, and what happens when it is
ended, hangs, or can't stay."""

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ordermonit.configuration import Node as Settings
from ordermonit.errors import ConfigurationError
from ordermonit.node import rake as node_module
from ordermonit.node import wire
from ordermonit.node.rake import Node
from ordermonit.orders.model import Answer, Operation, Request, Verdict
from tests.node.home import KEEP, Home
from tests.node.place import DONE, INSERT, READY, at, driver, opened
from tests.node.remote import is_alive, unready
from tests.node.test_driver_old import NO_FORK, without
from tests.parts.processes import wait_until
from tests.parts.sshd import Sshd

# It ends


def test_nothing_is_left_keep_booted_seconds_after_the_last_session(home: Home) -> None:
    for number in ("1", "2"):
        home.insert(number, hello={"keep_booted": 1})
    assert home.keepers()
    wait_until(home.nothing_left, "the end of everything", 10)
    assert (home.orders(), home.boots()) == (["1", "2"], 1)


def test_it_ends_at_once_when_told(home: Home) -> None:
    assert home.end() == wire.EndedKept(False)
    assert not (home.root / "boots").exists()
    home.insert("1")
    with home.session() as (session, ready):
        assert ready.kept
        assert home.end() == wire.EndedKept(True)
        wait_until(lambda: not home.doors(), "its end")
        # The session in hand goes on to its own, and leaves nothing though it has loaded more.
        assert session.run("temporary") == wire.Done()
        assert session.run("2") == wire.Done()
        session.hang_up()
        assert session.wait() == 0
        wait_until(home.nothing_left, "the end of everything")
        home.insert("3")
    assert (home.orders(), home.boots()) == (["1", "2", "3"], 2)
    os.kill(home.keeper, signal.SIGSTOP)
    assert home.end() == wire.EndedKept(True)
    wait_until(home.nothing_left, "the end of everything")


def test_it_lives_no_longer_than_its_life(home: Home, constants: Callable[..., None]) -> None:
    constants(LIFE=1)
    home.insert("1")
    wait_until(home.nothing_left, "the end of everything", 10)


def test_what_grows_beyond_its_room_ends(home: Home, constants: Callable[..., None]) -> None:
    (home.root / "Rakefile").write_text(
        "LARGE = 'x' * 50_000_000 if File.exist?('large')\n" + (home.root / "Rakefile").read_text()
    )
    constants(ROOM=45 * 1024)
    home.insert("1")
    home.end()
    wait_until(home.nothing_left, "the end of everything")
    (home.root / "large").touch()
    with unready(home.root, hello=KEEP, environment={"HOME": str(home.directory)}) as session:
        session.greeting()
        session.hang_up()
        session.wait()
    wait_until(home.nothing_left, "the end of everything")


def test_it_ends_when_its_release_is_gone(home: Home, constants: Callable[..., None]) -> None:
    constants(TURN=1)
    home.insert("1")
    home.root.rename(home.directory / "removed")
    wait_until(home.nothing_left, "the end of everything", 10)
    (home.directory / "removed").rename(home.root)


def test_one_that_is_stuck_is_killed_by_its_watchdog(
    home: Home, constants: Callable[..., None]
) -> None:
    constants(TURN=1)
    home.insert("1")
    os.kill(home.keeper, signal.SIGSTOP)
    wait_until(lambda: not home.left(), "the end of everything", 10)


# It is ended, or hangs


def test_a_killed_one_is_no_hindrance(home: Home) -> None:
    home.insert("1")
    os.kill(home.keeper, signal.SIGKILL)
    assert home.insert("2").kept is None
    assert home.insert("3").kept
    with home.session() as (session, ready):
        assert ready.kept
        os.kill(home.keeper, signal.SIGKILL)
        assert session.run("4") == wire.Done()
    assert home.insert("5").kept is None
    assert (home.orders(), home.boots()) == (["1", "2", "3", "4", "5"], 3)


def test_one_that_hangs_gets_a_second_and_nothing_of_the_session(home: Home) -> None:
    home.insert("1")
    hung = home.keeper
    os.kill(hung, signal.SIGSTOP)
    assert home.insert("2").cold == "it did not answer within 1 s"
    wait_until(lambda: not is_alive(hung), "its end")
    assert home.insert("3").kept
    assert home.orders() == ["1", "2", "3"]


def test_a_rebooted_node_boots_rails_anew(home: Home) -> None:
    home.insert("1")
    with home.session() as (session, ready):
        assert ready.kept
        session.begin("run", Operation.INSERT_ORDER, "hang", timeout=60)
        home.kill()  # everything at once, and its files stay
        assert session.line() == b""
        assert home.doors()
        assert home.insert("2").kept is None
    assert home.orders() == ["1", "2"]


def test_two_monitors_share_it_and_work_one_after_the_other(home: Home) -> None:
    home.insert("1")
    keeper = home.keeper
    with home.session(hello={"holder": "alpha"}) as (first, ready):
        assert ready.kept
        environment = {"HOME": str(home.directory)}
        with unready(home.root, hello=KEEP, environment=environment) as second:
            greeting = second.greeting()
            assert isinstance(greeting, wire.Locked)
            assert greeting.holder.startswith("alpha, since")
            assert second.wait() == 0
        waiting = {**KEEP, "lock_wait": 10}
        with unready(home.root, hello=waiting, environment=environment) as third:
            wait_until(lambda: len(home.sessions()) == 2, "it to be taken up")
            assert first.run("2") == wire.Done()
            first.hang_up()
            assert isinstance(third.greeting(), wire.Ready)
            assert third.run("3") == wire.Done()
    assert (home.orders(), home.boots(), home.keeper) == (["1", "2", "3"], 1, keeper)


# It can't stay


@pytest.mark.parametrize(
    ("code", "cold"),
    [
        ("def Dir.mkdir(*) raise Errno::ENOSPC end", None),
        ("class ::File; def self.chmod(*) raise Errno::EROFS end end", None),
        (NO_FORK, "this Ruby can't fork"),
        ("ENV[%q(HOME)] += %q(/long) * 30", None),
    ],
)
def test_where_it_cannot_stay_each_session_boots(home: Home, code: str, cold: str | None) -> None:
    hello = {**KEEP, "lock": "lock"}
    for number in ("1", "2"):
        with unready(
            home.root,
            rake=without(code),
            hello=hello,
            environment={"HOME": str(home.directory)},
        ) as session:
            ready = session.greeting()
            assert isinstance(ready, wire.Ready)
            assert (ready.kept, ready.cold) == (None, cold)
            assert session.run(number) == wire.Done()
            session.hang_up()
            assert session.wait() in (0, 1)
            wait_until(lambda: not home.keepers(), "nothing to stay")
    assert (home.orders(), home.boots()) == (["1", "2"], 2)
    wait_until(home.nothing_left, "the end of everything")


def test_a_directory_that_others_may_enter_is_no_place_for_it(home: Home) -> None:
    directory = home.directory / ".ordermonit"
    directory.mkdir(mode=0o755)
    with unready(home.root, hello=KEEP, environment={"HOME": str(home.directory)}) as session:
        session.greeting()
        session.hang_up()
        session.wait()
    wait_until(lambda: not home.left(), "nothing to stay")
    assert not list(directory.iterdir())
    directory.rmdir()


# The forced command


def test_the_forced_command_keeps_it_where_the_node_says_so(home: Home, tmp_path: Path) -> None:
    node = tmp_path / "node"
    environment = {"HOME": str(home.directory)}
    for allowed, kept in ((0, [False, False]), (300, [False, True])):
        found = []
        for number in ("1", "2"):
            with unready(
                home.root,
                node=node,
                environment=environment,
                hello={**KEEP, "allowed": allowed},
            ) as session:
                ready = session.greeting()
                assert isinstance(ready, wire.Ready), session.errors.read_text()
                assert ready.keeps == allowed
                found.append(ready.kept is not None)
                assert session.run(f"{allowed}-{number}") == wire.Done()
                session.hang_up()
                session.wait()
            if allowed:
                wait_until(home.keepers, "it to stay")
        assert found == kept
    # Whatever the client asks for.
    with unready(home.root, node=node, environment=environment, hello={**KEEP, "end": True}) as end:
        assert end.greeting() == wire.EndedKept(True)


# Over SSH


def test_it_outlives_the_ssh_server_and_the_session_does_not(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_module, "REMOTE_GRACE", 0.5)
    with Sshd() as own:
        there = replace(at(settings, own), keep_booted=600)
        boots = Path(settings.rails_root) / "boots"

        async def insert(number: str, kept: bool) -> Answer:
            async with opened(there) as node:
                assert node.ready is not None
                assert (node.ready.kept is not None) is kept
                return await node.answer(Request(INSERT, number))

        def stays() -> bool:
            return any((own.directory / ".ordermonit").glob("*"))

        assert asyncio.run(insert("1", kept=False)) == DONE
        wait_until(stays, "it to stay")

        async def cut() -> Answer:
            async with opened(there) as node:
                assert node.ready is not None
                assert node.ready.kept is not None
                request = asyncio.ensure_future(node.answer(Request(INSERT, "hang")))
                await asyncio.to_thread(wait_until, (boots.parent / "pids").exists, "its task")
                sessions = own.sessions()
                own.server.stop()
                for pid in sessions:
                    os.kill(pid, signal.SIGKILL)
                return await request

        lost = asyncio.run(cut())
        assert lost.verdict is Verdict.LOST
        own.start()
        (task,) = (boots.parent / "pids").read_text().split()
        wait_until(lambda: not is_alive(int(task)), "the end of what nobody listens to")
        assert asyncio.run(insert("2", kept=True)) == DONE
        assert len(boots.read_text().split()) == 1
        assert asyncio.run(Node(there, "test").end_kept())
        assert not asyncio.run(Node(there, "test").end_kept())


def test_a_driver_that_knows_nothing_of_it_is_told(settings: Settings) -> None:
    fake = driver(settings, READY, "read request")
    with pytest.raises(ConfigurationError, match="of an older ordermonit"):
        asyncio.run(Node(replace(settings, rake=fake), "test").end_kept())
