"""What breaks between the monitor and its node: no order is lost, none doubled, none charged."""

import os
import signal
from pathlib import Path

import pytest

from tests.network.servers import Proxy, listener, repeats
from tests.network.wire import NODE, Apart, Cable
from tests.parts.judge import Seen
from tests.parts.processes import wait_until
from tests.parts.soap import Call
from tests.parts.sshd import keygen
from tests.parts.world import Run


def new_order(world: Apart) -> int:
    """One order that fell through, with its payment authorized."""
    (number,) = world.front.add_many(1, "authorized")
    return number


def failed(run: Run, code: int, *words: str) -> None:
    """The cycle ended with that code and one clear line."""
    assert run.exit_code == code, run.stderr
    (line,) = run.stderr.splitlines()
    assert line.startswith("ordermonit: ")
    for word in words:
        assert word in line


def untouched(world: Apart, head: int, logins: int) -> None:
    """Nothing was sent, nothing recorded, nobody charged."""
    assert world.status()["head"] == head
    assert [record for record in world.orders() if record["attempts"]] == []
    assert world.sshd.logins() == logins


def goes_on(world: Apart, ends: Cable, number: int) -> None:
    """All is mended: clean cycles integrate the order exactly once."""
    ends.mend()
    world.abacos.work()
    world.node.behave_well()
    world.usual()
    wait_until(lambda: not world.sshd.running(), "the lost session to end on the node")
    world.cycle()
    judge = world.abacos.judge
    assert judge.inserted_count(number) == 1
    assert judge.confirmed_count(number) == 1
    assert judge.double_insert_count() == 0
    record = world.record(number)
    assert (record["status"], record["attempts"]) == ("SUCCESS", 0)
    assert world.status()["head"] == world.front.newest_id()


def test_a_node_that_can_not_be_reached(apart: Apart, ends: Cable) -> None:
    head, logins = apart.status()["head"], apart.sshd.logins()
    number = new_order(apart)
    apart.gives_up(connect_timeout=1)
    ends.unplug()
    failed(apart.run("cycle"), 75, NODE, "No route to host")
    ends.mend()
    ends.silence()
    failed(apart.run("cycle"), 75, NODE, "did not let us in within 1 s")
    ends.mend()
    apart.sshd.pause()
    failed(apart.run("cycle"), 75, NODE, "did not let us in within 1 s")
    apart.sshd.resume()
    apart.configure("integration_server", port=1)
    failed(apart.run("cycle"), 75, NODE, "Connection refused")
    apart.configure("integration_server", host="node.invalid")
    failed(apart.run("cycle"), 75, "node.invalid", "can't be reached")
    untouched(apart, head, logins)
    goes_on(apart, ends, number)


def test_what_is_no_ssh_server(apart: Apart, ends: Cable) -> None:
    head, logins = apart.status()["head"], apart.sshd.logins()
    number = new_order(apart)
    apart.gives_up(connect_timeout=1)
    endless_lines, endless_line = b"welcome\r\n", b"x"
    for text in (endless_lines, endless_line, b"SSH-2.0-Jos\xe9\r\n\xff\x00", b"\0" * 65536):
        with listener(repeats(text)) as port:
            apart.reached_at(port)
            failed(apart.run("cycle"), 75, NODE)
    untouched(apart, head, logins)
    goes_on(apart, ends, number)


def test_another_host_key_and_nothing_is_sent(apart: Apart, ends: Cable) -> None:
    head, logins = apart.status()["head"], apart.sshd.logins()
    number = new_order(apart)
    apart.sshd.change_host_key()
    apart.sshd.restart()
    before = len(apart.sshd.log_text())
    failed(apart.run("cycle"), 77, "host key", "nothing was sent", "ssh-keygen")
    seen = apart.sshd.log_text()[before:]
    assert "Connection from" in seen
    assert "user" not in seen  # sshd names the user as soon as a login is tried
    untouched(apart, head, logins)
    apart.sshd.trust_host_key()
    goes_on(apart, ends, number)


def test_our_key_is_refused(apart: Apart, ends: Cable, tmp_path: Path) -> None:
    head, logins = apart.status()["head"], apart.sshd.logins()
    number = new_order(apart)
    keygen(tmp_path / "other")
    apart.configure("integration_server", private_key=str(tmp_path / "other"))
    failed(apart.run("cycle"), 77, "does not let", "other", "authorized_keys")
    untouched(apart, head, logins)
    goes_on(apart, ends, number)


def test_a_slow_line_and_a_slow_task_are_no_fault(apart: Apart, ends: Cable) -> None:
    """Neither is taken for a dead line: keepalives are answered late, but they are."""
    number, logins = new_order(apart), apart.sshd.logins()
    apart.configure("integration_server", task_timeout=10)
    apart.node.quirk("insert_order", "sleeps", 3, numbers=[number])
    with listener(Proxy(apart.sshd.port, delay=0.15)) as port:
        apart.reached_at(port)
        apart.cycle()
    assert apart.sshd.logins() == logins + 1
    assert apart.node.task_count("insert_order", number) == 1
    goes_on(apart, ends, number)


def test_the_line_falls_silent_and_the_task_does_not_go_on(apart: Apart, ends: Cable) -> None:
    """Half-open: the node learns of nothing, so only its own watchdog can end the task."""
    number = new_order(apart)
    apart.node.quirk("insert_order", "sleeps", 20, numbers=[number])
    apart.gives_up(task_timeout=6)
    cycle = apart.start("cycle")
    run = ("insert_order", str(number))
    wait_until(lambda: run in apart.node.tasks(), "the task to begin")
    ends.silence()
    _, stderr = cycle.communicate(timeout=60)
    failed(Run(cycle.returncode, "", stderr), 75, "no attempt was charged")
    record = apart.record(number)
    assert (record["in_flight"], record["reason"]) == ("insert_order", "UNKNOWN")
    assert record["attempts"] == 0
    wait_until(lambda: not apart.sshd.rakes(), "the node to end the task by itself")
    assert apart.abacos.judge.inserted_count(number) == 0
    goes_on(apart, ends, number)


@pytest.mark.parametrize("fault", ["silent", "reset", "stopped"])
def test_the_line_breaks_after_the_insertion_took_effect(
    apart: Apart, ends: Cable, fault: str
) -> None:
    number = new_order(apart)
    apart.abacos.behave("stall", [number], calls=[Call.INSERT])
    apart.gives_up(task_timeout=6)
    cycle = apart.start("cycle")
    judge = apart.abacos.judge
    wait_until(lambda: judge.inserted_count(number), "the insertion to take effect")
    break_it = {"silent": ends.silence, "reset": ends.reset, "stopped": apart.sshd.pause}
    break_it[fault]()
    _, stderr = cycle.communicate(timeout=60)
    apart.sshd.resume()
    failed(Run(cycle.returncode, "", stderr), 75, "no attempt was charged")
    record = apart.record(number)
    assert (record["in_flight"], record["reason"]) == ("insert_order", "UNKNOWN")
    goes_on(apart, ends, number)
    assert apart.node.task_count("insert_order", number) == 1


def test_the_answer_is_cut_in_its_middle(apart: Apart, ends: Cable) -> None:
    number = new_order(apart)
    apart.abacos.behave("slow", [number], calls=[Call.INSERT], seconds=1.5)
    proxy = Proxy(apart.sshd.port)
    judge = apart.abacos.judge
    with listener(proxy) as port:
        apart.reached_at(port)
        cycle = apart.start("cycle")
        wait_until(lambda: apart.node.task_count("insert_order", number), "the task to begin")
        proxy.cut_after(10)
        assert cycle.wait(60) == 0  # the same cycle asks again, and finds it
    # By us, by the task, and by us again; and behind the task, if rake came to that before its end.
    assert judge.asked_count(number) in (3, 4)
    goes_on(apart, ends, number)
    assert apart.node.task_count("insert_order", number) == 1


@pytest.mark.parametrize("mood", ["hang", "stall"], ids=["before", "after"])
def test_rake_is_killed_around_the_insertions_effect(apart: Apart, ends: Cable, mood: str) -> None:
    """The end of a rake is no answer: the same cycle asks Abacos, and inserts what is not there."""
    number = new_order(apart)
    judge, seen = apart.abacos.judge, Seen.INSERT_CALL if mood == "hang" else Seen.INSERTED
    apart.abacos.behave(mood, [number], calls=[Call.INSERT], times=1)
    cycle = apart.start("cycle")
    wait_until(lambda: judge.count(seen, number), "the insertion to be under way")
    for pid in apart.sshd.rakes():
        os.kill(pid, signal.SIGKILL)
    assert cycle.wait(60) == 0
    tasks = apart.node.task_count("insert_order", number)
    assert tasks == (2 if mood == "hang" else 1)
    # By us before and after it, by the task itself, and behind the one that ended.
    assert judge.asked_count(number) == (5 if mood == "hang" else 3)
    goes_on(apart, ends, number)
    assert apart.node.task_count("insert_order", number) == tasks


_GREETING = (
    '{"ordermonit":1,"ready":true,"ruby":"3","rake":"13","rails_env":null,"lock":"/l","tasks":{},'
    '"forks":true,"cause":true}'
)


def test_an_answer_that_is_none(apart: Apart, ends: Cable, tmp_path: Path) -> None:
    head = apart.status()["head"]
    number = new_order(apart)
    rake = tmp_path / "rake"
    apart.configure("integration_server", rake=str(rake))
    apart.gives_up()
    answers = {
        "printf 'fine, thanks\\n'": "no JSON",
        'printf \'{"id":1,"value":true,"by":"Jos\\351"}\\n\'': "no JSON",
        "head -c 100000000 /dev/zero | tr '\\0' x": "a line of more than",
        "exit 0": "ended with status 0",
    }
    for answer, word in answers.items():
        said = f"read driver\nread hello\necho '{_GREETING}'\nread request\n{answer}\n"
        rake.write_text(f"#!/bin/sh\n{said}")
        rake.chmod(0o755)
        failed(apart.run("cycle"), 75, word, "no attempt was charged")
    assert apart.status()["head"] == head
    assert apart.abacos.judge.asked_count(number) == 0
    goes_on(apart, ends, number)


def test_in_the_end_nothing_is_lost_and_nothing_doubled(apart: Apart) -> None:
    numbers = {str(number) for number in apart.front.states()}
    judge = apart.abacos.judge
    assert judge.holds() == numbers
    assert judge.inserted_count() == judge.confirmed_count() == len(numbers)
    assert judge.double_insert_count() == 0
