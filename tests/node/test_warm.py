"""A booted process that stays on the node (keep_booted): sessions find it, and nothing old runs."""

import os
import re
import signal
import stat
from pathlib import Path
from typing import Any

from ordermonit.node import wire
from ordermonit.orders.model import Operation
from tests.node.home import KEEP, Home, cpu, link
from tests.node.remote import is_alive, pids, rails_root, unready
from tests.parts.processes import wait_until

CONFIRM = Operation.CONFIRM_PAYMENT


# One boot for many sessions


def test_sessions_after_the_first_find_rails_booted(home: Home) -> None:
    first = home.insert("1")
    assert (first.kept, first.cold, first.keeps) == (None, None, 600)
    keeper = home.keeper
    for number in ("2", "3"):
        with home.session() as (session, ready):
            assert ready.kept is not None
            assert ready.kept.age > 0
            assert ready.kept.memory > 1000
            assert ready.boot == first.boot
            # What a task leaves behind reaches no other one.
            assert session.run("spoils") == wire.Done()
            assert session.run("looks") == wire.Done()
            assert session.run(number) == wire.Done()
            assert session.ask("1") == wire.Value(True)
            assert session.run("unpaid", CONFIRM) != wire.Done()
    assert (home.orders(), home.boots(), home.keeper) == (["1", "2", "3"], 1, keeper)
    seen = re.sub(r"stderr-\w+", "stderr", (home.root / "seen").read_text())
    assert len(set(seen.splitlines())) == 1
    assert str(home.root) in seen


def test_requests_that_came_with_the_first_line_are_answered(home: Home) -> None:
    home.insert("1")
    with unready(home.root, hello=KEEP, environment={"HOME": str(home.directory)}) as session:
        session.begin("ask", Operation.ORDER_EXISTS, "1")
        session.begin("ask", Operation.ORDER_EXISTS, "2")
        ready = session.greeting()
        assert isinstance(ready, wire.Ready)
        assert ready.kept
        answers = [wire.reply(session.line(), id, "ask") for id in (1, 2)]
        assert answers == [wire.Value(True), wire.Value(False)]


def test_what_waits_is_in_nobodys_way(home: Home) -> None:
    home.insert("1")
    keeper, door = home.keeper, home.door
    assert stat.S_IMODE(door.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(door.stat().st_mode) == 0o600
    wait_until(lambda: len(home.left()) == 2, "the session's end: it and its watchdog stay")
    links = {link(keeper, f"fd/{each}") for each in os.listdir(f"/proc/{keeper}/fd")}
    assert not {each for each in links if "lock" in each}
    # What the application itself opened at its boot, and nothing else of the release.
    of_release = {each for each in links if each.startswith(str(home.root))}
    assert of_release == {str(home.root / "open")}
    assert link(keeper, "cwd") == "/"
    tables = [Path(f"/proc/{keeper}/net/{each}").read_text() for each in ("tcp", "tcp6", "udp")]
    inodes = {each[8:-1] for each in links if each.startswith("socket:")}
    assert inodes
    assert not any(f" {inode} " in table for inode in inodes for table in tables)
    spent = [cpu(pid) for pid in home.left()]
    with home.session(hello={"lock": "lock"}):  # some time, and the other lock is another one's
        pass
    assert [cpu(pid) for pid in home.left() if pid == keeper] == [spent[home.left().index(keeper)]]


def test_a_task_that_hangs_ends_alone(home: Home) -> None:
    home.insert("1")
    keeper = home.keeper
    with home.session() as (session, ready):
        assert ready.kept
        assert session.run("hang-child", timeout=0.3) == wire.Hung()
        assert session.run("killed") == wire.Died("killed by SIGKILL")
        assert session.run("2") == wire.Done()
    assert not any(map(is_alive, pids(home.root)))
    assert home.insert("3").kept
    assert (home.keeper, home.boots()) == (keeper, 1)


def test_a_session_that_had_to_load_more_takes_its_place(home: Home) -> None:
    first = home.insert("1")
    keeper = home.keeper
    with home.session() as (session, ready):
        assert ready.kept
        assert session.run("temporary") == wire.Done()
        assert session.run("2") == wire.Done()  # while it works, what that one loaded is loaded
    wait_until(lambda: home.keepers() not in ([], [keeper]), "another one")
    with home.session() as (session, ready):
        assert ready.kept
        assert ready.boot == first.boot
        assert session.run("3") == wire.Done()
    assert (home.orders(), home.boots()) == (["1", "2", "3"], 1)
    wait_until(lambda: not is_alive(keeper), "the end of the other")


def test_a_session_that_is_told_to_end_ends_its_task_and_not_what_is_kept(home: Home) -> None:
    home.insert("1")
    keeper = home.keeper
    with home.session() as (session, _):
        session.begin("run", Operation.INSERT_ORDER, "hang", timeout=60)
        (task,) = pids(home.root)
        (of_it,) = home.sessions()
        os.kill(of_it, signal.SIGTERM)
        assert session.line() == b""
        assert not is_alive(task)
    assert (home.insert("2").kept is not None, home.keeper) == (True, keeper)


def test_a_client_that_is_gone_ends_its_task_within_the_grace(home: Home) -> None:
    home.insert("1")
    with home.session(hello={"grace": 0.5}) as (session, ready):
        assert ready.kept
        session.begin("run", Operation.INSERT_ORDER, "hang-child", timeout=60)
        running = pids(home.root)
        session.hang_up()
        assert session.wait() == 1
        wait_until(lambda: not any(map(is_alive, running)), "the end of the whole group")
    assert home.insert("2").kept


# Never stale


def test_a_deploy_between_two_sessions_runs_the_new_code(home: Home) -> None:
    current = home.directory / "current"
    current.symlink_to(home.root)
    home.insert("1", root=current)
    old = home.keeper
    new = rails_root(home.directory / "second")
    deploy(current, new)
    assert home.insert("2", root=current).cold == "rails_root has changed"
    assert (home.orders(), home.orders(new)) == (["1"], ["2"])
    assert not is_alive(old)
    assert home.insert("3", root=current).kept


def test_a_deploy_in_mid_session_is_seen_by_the_next_one(home: Home) -> None:
    current = home.directory / "current"
    current.symlink_to(home.root)
    home.insert("1", root=current)
    new = rails_root(home.directory / "second")
    with home.session(root=current) as (session, ready):
        assert ready.kept
        assert session.run("2") == wire.Done()
        deploy(current, new)
        assert session.run("3") == wire.Done()
    home.insert("4", root=current)
    assert (home.orders(), home.orders(new)) == (["1", "2", "3"], ["4"])


def deploy(current: Path, release: Path) -> None:
    """As Capistrano does it."""
    (current.parent / "next").symlink_to(release)
    (current.parent / "next").rename(current)


def test_what_looks_different_is_booted_anew(home: Home) -> None:
    for each in ("config/deep", "tmp", "lib"):
        (home.root / each).mkdir(parents=True)
    (home.root / "lib/own.rb").write_text("OWN = 1\n")
    with (home.root / "Rakefile").open("a") as rakefile:
        rakefile.write('require "./lib/own"\n')
    home.insert("0")
    files = ("tmp/restart.txt", "REVISION", "Gemfile.lock", "config/deep/down.yml", ".env")
    for at, file in enumerate((*files, "lib/own.rb"), 1):
        old = home.keeper
        (home.root / file).write_text("x = 1\n")
        said = home.insert(str(at)).cold or ""
        assert said.endswith(" has changed")
        assert Path(said.removesuffix(" has changed")).name in (Path(file).name, "deep", ".")
        assert not is_alive(old)
    assert home.insert("7").kept
    assert (home.boots(), home.orders()) == (1 + 6, list("01234567"))


def test_another_session_than_it_was_is_booted_anew(home: Home) -> None:
    home.insert("1")
    checks = {
        Operation.ORDER_EXISTS: "File.read('orders').split.include?(number) || number == 'new'"
    }
    tasks = {Operation.INSERT_ORDER: "order_integration_service:insert_order"}
    hello: dict[str, Any] = {}
    environment: dict[str, str] = {}
    changes: list[tuple[dict[str, Any], dict[str, str], str]] = [
        ({"checks": checks}, {}, "checks has changed"),
        ({"tasks": tasks}, {}, "tasks has changed"),
        ({}, {"SHOP": "other"}, "SHOP in its environment has changed"),
        ({"keep_booted": 500}, {}, "keep_booted has changed"),
        ({"rake": "bin/rake"}, {}, "rake has changed"),
    ]
    for at, (said, variables, why) in enumerate(changes, 2):
        before = home.keeper
        hello, environment = hello | said, environment | variables
        # A login's own variables are no difference.
        login = environment | {"SSH_CONNECTION": f"::1 {at}"}
        options: dict[str, Any] = {"hello": hello, "environment": login}
        with home.session(**options) as (session, ready):
            assert (ready.kept, ready.cold) == (None, why)
            assert session.run(str(at)) == wire.Done()
            assert session.ask("new") == wire.Value(True)
        assert not is_alive(before)
        warm = home.insert(f"warm-{at}", **options)
        assert (warm.kept is not None, warm.cold) == (True, None)
    (home.directory / "lock").unlink()
    assert home.insert("9", **options).cold == "the lock is gone"
