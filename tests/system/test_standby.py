"""`receive` beside a real timer: who is active takes no copy."""

import json

from tests.system.inside import STATE, Inside


def test_only_a_monitor_whose_timer_is_not_active_takes_a_copy(inside: Inside) -> None:
    machine = inside.machine
    copy = machine.disk.path(f"{STATE}/checkpoint")
    text = copy.read_text()
    machine.run("systemctl", "start", "ordermonit.timer")
    cycles = machine.disk.path(f"{STATE}/cycles")
    machine.wait(cycles.exists, "the first cycle")
    service = "ordermonit.service"
    machine.wait(
        lambda: machine.show(service, "ActiveState") == {"ActiveState": "inactive"}, "its end"
    )
    refused = machine.run("ordermonit", "receive", stdin=text, check=False)
    assert refused.returncode == 75
    assert "ordermonit.timer is active on " in refused.stderr
    assert copy.read_text() == text
    told = json.loads(machine.run("ordermonit", "receive", stdin="").stdout)
    assert told["is_active"] is True
    assert told["refuses"] in refused.stderr
    machine.run("systemctl", "stop", "ordermonit.timer")
    told = json.loads(machine.run("ordermonit", "receive", stdin="").stdout)
    assert (told["is_active"], told["refuses"]) == (False, None)
    assert copy.read_text() == text
    taken = machine.run("ordermonit", "receive", stdin=text)
    assert taken.stdout == f"received {text.split()[-1]}\n"
    assert "^RECOVERED" in copy.read_text()
    (told,) = machine.journal("ORDERMONIT_EVENT=CHECKPOINT_RECEIVED")
    assert f"{STATE}/checkpoint now; HEAD is " in told["MESSAGE"]
