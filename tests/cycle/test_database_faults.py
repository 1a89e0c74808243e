"""The Front's database goes away and comes back."""

import subprocess

from tests.conftest import MakeWorld
from tests.parts.abacos import Mood
from tests.parts.databases import PASSWORD, Kind
from tests.parts.judge import Seen
from tests.parts.mariadb import MariaDB
from tests.parts.processes import wait_until
from tests.parts.soap import Call


def test_a_database_that_is_down_costs_nothing(make_world: MakeWorld, mariadb: MariaDB) -> None:
    world = make_world(Kind.MARIADB)
    world.configure("process", ontop=False)
    world.run("init", "--from-start")
    (number,) = world.front.add_many(1, "authorized")
    world.node.know(world.front.states())
    before = world.checkpoint()
    mariadb.kill()
    down = subprocess.run(  # the world itself would ask the Front first
        world.command_line("cycle"),
        env=world.environment(),
        cwd=world.home,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert down.returncode == 75
    (line,) = down.stderr.splitlines()
    assert line.startswith("ordermonit: the Front's database mysql+pymysql://")
    assert "is down: " in line
    assert PASSWORD.split()[0] not in line  # whichever way its odd half is quoted
    assert world.checkpoint() == before
    assert world.sshd.logins() == 0
    mariadb.start()
    world.cycle()
    judge = world.abacos.judge
    assert judge.inserted_count(number) == judge.confirmed_count(number) == 1


def test_a_database_that_restarts_in_mid_cycle_is_not_missed(
    make_world: MakeWorld, mariadb: MariaDB
) -> None:
    """The connection is closed before the node is asked anything."""
    world = make_world(Kind.MARIADB)
    world.run("init", "--from-start")
    numbers = world.front.add_many(3, "authorized")
    world.abacos.behave(Mood.SLOW, numbers[:1], calls=[Call.INSERT], seconds=60)
    cycle = world.start("cycle")
    judge = world.abacos.judge
    wait_until(lambda: judge.count(Seen.INSERT_CALL), "the first insertion to begin")
    mariadb.kill()
    world.abacos.work()
    assert cycle.wait(60) == 0
    mariadb.start()
    world.cycle()
    assert [judge.confirmed_count(number) for number in numbers] == [1, 1, 1]
    assert judge.inserted_count() == 3
    assert judge.double_insert_count() == 0
