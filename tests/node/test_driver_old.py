"""The driver where something is missing that it finds here: each test takes that away."""

import signal
from pathlib import Path

from ordermonit.node import wire
from ordermonit.orders.model import Operation
from tests.node.place import RUBY
from tests.node.remote import TASKS, Remote, is_alive, pids, remote, unready
from tests.parts.processes import wait_until

NO_FORK = "[Process, Kernel].each { |all| class << all; undef_method :fork; end }"
NO_CAUSE = "Exception.send(:undef_method, :cause)"
NO_TRACE = "Object.send(:remove_const, :TracePoint)"
NO_ALL_PREREQUISITES = "Rake::Task.send(:undef_method, :all_prerequisite_tasks)"
NO_VERSION = "Rake.send(:remove_const, :VERSION)"
NO_PROC = (
    "class << Dir; def entries(path); raise Errno::ENOENT if path =~ %r(^/proc); super; end; end"
)
NO_FORK_NOW = (
    "class ::Object; def fork; raise Errno::EAGAIN if File.exist? %q(full); super; end; end"
)


def without(*code: str) -> str:
    """A rake without that. All that -E gives is evaluated, in this order."""
    return " ".join(["rake", *(f"-E '{each}'" for each in code)])


def ready(session: Remote) -> wire.Ready:
    greeting = session.greeting()
    assert isinstance(greeting, wire.Ready)
    return greeting


def test_the_node_says_what_it_is(root: Path) -> None:
    with unready(root, environment={"RACK_ENV": "of rack"}) as session:
        said = ready(session)
        assert (said.rails_env, said.forks, said.causes) == ("of rack", True, True)
        assert said.tasks == {task.value: ("number",) for task in TASKS}
        assert said.ruby.count(".") == said.rake.count(".") == 2
        assert RUBY in (None, said.ruby)
    for environment in ({"RAILS_ENV": "staging", "RACK_ENV": "of rack"}, {}):
        with unready(root, environment=environment) as session:
            assert ready(session).rails_env == environment.get("RAILS_ENV")
    with (root / "Rakefile").open("a") as rakefile:
        rakefile.write('module Rails; def self.env; "as Rails sees it"; end; end\n')
    with unready(root, environment={"RAILS_ENV": "staging"}) as session:
        assert ready(session).rails_env == "as Rails sees it"


def test_without_fork_one_process_does_everything(root: Path) -> None:
    with unready(root, rake=without(NO_FORK, NO_ALL_PREREQUISITES)) as session:
        assert ready(session).forks is False
        assert not session.children()
        assert session.ask("1") == wire.Value(False)
        for number in ("1", "2", "1"):
            assert session.run(number) == wire.Done()
        assert session.ask("1") == wire.Value(True)
        # Each prerequisite anew, one that failed too; but Rails boots once.
        (root / "refuse-login").touch()
        failed = session.run("3")
        assert isinstance(failed, wire.Failed)
        assert failed.chain[0].name == "Errno::ECONNREFUSED"
        (root / "refuse-login").unlink()
        assert session.run("3") == wire.Done()
        session.hang_up()
        assert session.wait() == 0
    assert (root / "orders").read_text().split() == ["1", "2", "1", "3"]
    assert len((root / "logins").read_text().split()) == 5
    assert len((root / "boots").read_text().split()) == 1


def test_without_proc_a_connection_is_taken_to_be_shared(root: Path) -> None:
    with remote(root, rake=without(NO_PROC)) as session:
        assert session.run("1") == wire.Done()
        assert session.run("killed") == wire.Died("killed by SIGKILL", is_over=True)
        assert session.line() == b""
        assert session.wait() == 0


def test_a_node_without_room_for_a_process_says_so_and_goes_on(root: Path) -> None:
    with remote(root, rake=without(NO_FORK_NOW)) as session:
        assert session.run("1") == wire.Done()
        (root / "full").touch()
        assert session.run("2") == wire.Done()  # it was forked ahead
        for failed in (session.run("3"), session.ask("3")):
            assert isinstance(failed, wire.Failed)
            assert failed.chain[0].name == "Errno::EAGAIN"
        (root / "full").unlink()
        assert session.run("3") == wire.Done()
        assert session.ask("3") == wire.Value(True)
    assert (root / "orders").read_text().split() == ["1", "2", "3"]


def test_without_fork_a_prerequisite_of_the_environment_runs_once(root: Path) -> None:
    (root / "Rakefile").write_text(
        "task(:settings) { File.write('settings', 'x', mode: 'a') }\n"
        "task(environment: :settings)\n"
        "task(t: [:settings, :environment]) { File.write('ran', 'x', mode: 'a') }"
    )
    hello = {"tasks": {Operation.INSERT_ORDER: "t"}}
    with remote(root, rake=without(NO_FORK), hello=hello) as session:
        assert [session.run(number) for number in "12"] == [wire.Done()] * 2
    assert [(root / name).read_text() for name in ("settings", "ran")] == ["x", "xx"]


def test_without_fork_a_prerequisite_that_is_not_there_is_a_failure(root: Path) -> None:
    with (root / "Rakefile").open("a") as rakefile:
        rakefile.write("task(load_order: :absent)\n")
    with remote(root, rake=without(NO_FORK)) as session:
        failed = session.run("1")
        assert isinstance(failed, wire.Failed)
        assert "absent" in failed.chain[0].message
        assert session.run("1", Operation.CONFIRM_PAYMENT) == wire.Done()


def test_without_fork_what_hangs_is_killed_all_the_same(root: Path) -> None:
    with remote(root, rake=without(NO_FORK)) as session:
        session.begin("run", Operation.INSERT_ORDER, "hang-child", timeout=0.5)
        assert session.line() == b""
        assert session.wait() == -signal.SIGKILL
        wait_until(lambda: not any(map(is_alive, pids(root))), "the end of the whole group")


def test_an_old_rake_does_not_raise_the_old_exception_again(root: Path) -> None:
    rakefile = root / "Rakefile"
    # What `reenable` is in rake 12.3.1 to 13.0.0.
    old = "class Rake::Task; def reenable; @already_invoked = false; end; end\n"
    rakefile.write_text(old + rakefile.read_text())
    with remote(root, rake=without(NO_FORK)) as session:
        assert isinstance(session.run("hidden"), wire.Failed)
        assert session.run("1") == wire.Done()


def test_without_causes_they_are_found_where_exceptions_can_be_traced(root: Path) -> None:
    with unready(root, rake=without(NO_CAUSE)) as session:
        assert ready(session).causes is True
        for number in ("hidden", "hidden-twice"):
            failed = session.run(number)
            assert isinstance(failed, wire.Failed)
            names = [error.name for error in failed.chain]
            assert names == ["RuntimeError", *["NoMethodError"] * (len(names) - 1)]
            assert "already exist" in failed.chain[0].message
        failed = session.run("unrelated")
        assert isinstance(failed, wire.Failed)
        assert [error.message for error in failed.chain] == ["of its own"]


def test_without_causes_and_traces_the_node_says_so(root: Path) -> None:
    with unready(root, rake=without(NO_CAUSE, NO_TRACE)) as session:
        assert ready(session).causes is False
        failed = session.run("hidden")
        assert isinstance(failed, wire.Failed)
        assert [error.name for error in failed.chain] == ["NoMethodError"]


def test_a_rake_that_is_too_old_is_told(root: Path) -> None:
    old = without(NO_VERSION, '::RAKEVERSION = "0.8.7"')
    with unready(root, rake=old) as session:
        assert session.greeting() == wire.OldRake("0.8.7")
        assert session.wait() == 0
    assert not (root / "boots").exists()
