"""The driver with a real ActiveRecord: no connection is shared, and what rake loads late is loaded
once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ordermonit.node import wire
from ordermonit.orders.model import Operation
from tests.node.remote import Remote, remote

_RAKEFILE = """
require "active_record"
require "active_support/dependencies"

ENV["SHOP"] = "booted"

def note(file, word)
  File.open(file, "a") { |io| io.puts(word) }
end

def connections
  Dir["/proc/self/fd/*"].count { |fd| (File.readlink(fd) rescue "") =~ /shop[.]db\\z/ }
end

task(:environment) do
  # As database.yml of a new Rails has it; without it SQLite waits for no other process, and a child
  # that opens its connection while it waits can refuse the one that works.
  ActiveRecord::Base.establish_connection(
    :adapter => "sqlite3", :database => "shop.db", :timeout => 5000
  )
  ActiveRecord::Base.connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, number TEXT)")
  ActiveSupport::Dependencies.autoload_paths << File.expand_path("app/models")
  autoload :Order, File.expand_path("app/models/order.rb")
end

task(:insert, [:number] => :environment) do |_, arguments|
  before = connections
  Order.create!(:number => arguments[:number])
  note "connections", "#{before} #{connections}"
  require "./lib/once"
end
"""

HELLO = {
    "tasks": {Operation.INSERT_ORDER: "insert"},
    "checks": {
        Operation.ORDER_EXISTS: "Order.where(:number => number).exists?",
        Operation.PAYMENT_CONFIRMED: "Order.first; Process.kill(:KILL, Process.pid); sleep",
    },
}


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Remote]:
    root = tmp_path / "app"
    for file, text in {
        "Rakefile": _RAKEFILE,
        "app/models/order.rb": 'note "loads", Process.pid\nclass Order < ActiveRecord::Base; end\n',
        "lib/once.rb": 'note "once", Process.pid\n',  # what it does is the task's to do
    }.items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(text)
    with remote(root, hello=HELLO) as session:
        yield session


def connections(session: Remote) -> int:
    """How often the booted process has the database open."""
    descriptors = Path(f"/proc/{session.process.pid}/fd").iterdir()
    return sum(fd.exists() and fd.readlink().name == "shop.db" for fd in descriptors)


def words(session: Remote, name: str) -> list[str]:
    return (session.errors.parent / name).read_text().splitlines()


def test_each_process_has_a_connection_of_its_own(session: Remote) -> None:
    assert connections(session) == 1  # of the boot
    for number in "1234":
        assert session.ask(number) == wire.Value(False)
        assert session.run(number) == wire.Done()
        assert session.ask(number) == wire.Value(True)
        assert connections(session) == 0
    # Opened at its first use; or while it waited, once it is known that tasks have one.
    assert words(session, "connections") == ["0 1", "0 1", "1 1", "1 1"]


def test_a_connection_to_the_database_is_no_shared_one(session: Remote) -> None:
    assert session.run("1") == wire.Done()
    died = session.ask("1", Operation.PAYMENT_CONFIRMED)
    assert died == wire.Died("killed by SIGKILL", is_over=False)
    assert session.ask("1") == wire.Value(True)


def test_what_a_task_had_to_load_is_loaded_once_for_those_to_come(session: Remote) -> None:
    for number in "1234":
        assert session.run(number) == wire.Done()
    # The first one, the second one, which was forked meanwhile, and the booted process.
    assert len(words(session, "loads")) == 3
    assert str(session.process.pid) in words(session, "loads")
    # A file that a task reads by itself may be its work.
    assert len(set(words(session, "once"))) == 4
    assert str(session.process.pid) not in words(session, "once")
