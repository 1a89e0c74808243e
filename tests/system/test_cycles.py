"""The installed service at its work, on a real systemd."""

import json
import signal
import time

from ordermonit.orders.events import Event
from tests.system.inside import STATE, Inside

UNIT = "ordermonit.service"
PYTHON = "/usr/local/lib/ordermonit/bin/python"
_INTEGRATED = ["ORDER_MISSING", "ORDER_INSERTED", "PAYMENT_CONFIRMED"]
GOOD = {"ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0"}


def test_orders_that_fall_through_are_integrated_by_the_timer_alone(inside: Inside) -> None:
    machine, judge = inside.machine, inside.abacos.judge
    inside.configure("service", running_cycle=2)
    machine.run("systemctl", "enable", "--now", "ordermonit.timer")
    here, missing, unpaid = inside.sell(1), inside.sell(2), inside.sell(1, "waiting_payment")
    judge.hold(here)
    machine.wait(lambda: judge.confirmed_count(missing[1]), "both missing orders to be paid")
    machine.wait(lambda: _stands(inside, unpaid[0]) == "NOT_DUE", "the unpaid one")
    for number in missing:
        assert judge.inserted_count(number) == judge.confirmed_count(number) == 1
    told = [_INTEGRATED, _INTEGRATED]
    machine.wait(lambda: [*map(inside.story, missing)] == told, "the journal to have both stories")
    assert judge.double_insert_count() == 0


def _impatient(module: str, **seconds: float) -> str:
    """The cycle with these constants of its module, for a drop-in: what waits for their end waits
    less."""
    constants = "; ".join(f"{module}.{name} = {value}" for name, value in seconds.items())
    program = f"import {module}; {constants}; from ordermonit.__main__ import main; main()"
    return f"[Service]\nExecStart=\nExecStart={PYTHON} -I -c '{program}' cycle\n"


def _stands(inside: Inside, number: str) -> str | None:
    """The reason of the order's record; None where it has none yet."""
    done = inside.machine.run("ordermonit", "orders", number, "--json", check=False)
    return json.loads(done.stdout)[0]["reason"] if done.returncode == 0 else None


def test_the_journal_has_structured_entries_and_their_explanations(inside: Inside) -> None:
    machine = inside.machine
    (number,) = inside.sell(1)
    inside.cycle()
    entries = machine.journal("--unit", UNIT, f"ORDER_NUMBER={number}")
    inserted = next(each for each in entries if each["ORDERMONIT_EVENT"] == "ORDER_INSERTED")
    assert inserted["MESSAGE_ID"] == Event.ORDER_INSERTED.message_id
    assert inserted["SYSLOG_IDENTIFIER"] == "ordermonit"
    assert inserted["PRIORITY"] == "5"
    assert inserted["OPERATION"] == "insert_order"
    assert int(inserted["DURATION_USEC"]) > 0
    assert {"ORDER_ID", "ORDER_STATUS", "ORDER_REASON"} <= inserted.keys()
    explained = machine.run("journalctl", "-x", "--unit", UNIT, f"ORDER_NUMBER={number}").stdout
    assert "Subject: An order was inserted into Abacos" in explained
    machine.run("mkdir", "/run/locale")
    machine.run("localedef", "-i", "pt_BR", "-f", "UTF-8", "/run/locale/pt_BR.UTF-8")
    reader = ("env", "LOCPATH=/run/locale", "LC_ALL=pt_BR.UTF-8")
    explain = ("journalctl", "-x", "--unit", UNIT, f"ORDER_NUMBER={number}")
    explained = machine.run(*reader, *explain).stdout
    assert "Subject: Um pedido foi inserido no Abacos" in explained
    assert "insert_order rodou no nó e terminou bem." in explained
    assert f"order {number}: inserted into Abacos" in explained, "the entry itself stays as it is"
    listed = machine.run("journalctl", "--list-catalog").stdout
    assert {event.message_id for event in Event} <= {line[:32] for line in listed.splitlines()}


def test_no_line_of_a_cycle_is_dropped_by_journald(inside: Inside) -> None:
    machine, lines = inside.machine, 60_000
    with machine.drop_in(UNIT, f"[Service]\nExecStart=\nExecStart=/usr/bin/seq {lines}\n"):
        machine.run("systemctl", "start", UNIT)
    machine.run("journalctl", "--sync")
    counted = "journalctl --unit=ordermonit --identifier=ordermonit --output=cat | wc --lines"
    assert int(machine.run("sh", "-c", counted).stdout) >= lines


def test_systemctl_status_says_what_it_does_and_what_it_did(inside: Inside) -> None:
    machine = inside.machine
    inside.node.quirk("insert_order", "sleeps", 1.5)
    numbers = inside.sell(2)
    machine.run("systemctl", "start", "ordermonit.timer")

    def text() -> str:
        return machine.show(UNIT, "StatusText")["StatusText"]

    machine.wait(lambda: text() == f"order {numbers[1]}: insert_order (2/2)", "the second order")
    machine.wait(lambda: "2 inserted" in text(), "the end")
    assert "2 inserted" in machine.run("systemctl", "status", UNIT, check=False).stdout


def test_stop_in_the_middle_of_an_insertion_leaves_it_to_the_next_cycle(inside: Inside) -> None:
    machine, judge = inside.machine, inside.abacos.judge
    (number,) = inside.sell(1)
    inside.abacos.behave("stall", [number], calls=["InserirPedido"])
    with machine.drop_in(UNIT, _impatient("ordermonit.node.rake", STOP_GRACE=2)):
        machine.run("systemctl", "start", "--no-block", UNIT)
        machine.wait(lambda: judge.inserted_count(number), "the insertion to take effect")
        machine.run("systemctl", "stop", UNIT)
        assert machine.show(UNIT, *GOOD) == GOOD
    assert inside.story(number)[-1] == "ORDER_UNKNOWN"
    inside.abacos.work()
    inside.cycle()
    assert judge.inserted_count(number) == judge.confirmed_count(number) == 1
    assert judge.double_insert_count(number) == 0
    assert inside.node.task_count("insert_order", number) == 1


def test_stop_before_the_cycle_has_begun_is_no_failure_either(inside: Inside) -> None:
    machine = inside.machine
    machine.run("systemctl", "start", "ordermonit.timer")  # so that the unit stays loaded
    machine.run("systemctl", "stop", UNIT)
    machine.run("systemctl", "start", "--no-block", UNIT)
    machine.wait(lambda: _main_pid(inside), "the process")
    machine.run("systemctl", "stop", UNIT)
    shown = machine.show(UNIT, "ActiveState", "Result")
    assert shown == {"ActiveState": "inactive", "Result": "success"}


def test_a_long_cycle_outlives_the_timeout_by_its_progress(inside: Inside) -> None:
    machine = inside.machine
    inside.node.quirk("insert_order", "sleeps", 1.5)
    numbers = inside.sell(3)
    with machine.drop_in(UNIT, "[Service]\nTimeoutStartSec=3s\n"):
        begun = time.monotonic()
        inside.cycle()
        assert time.monotonic() - begun > 4
    assert all(inside.abacos.judge.inserted_count(number) == 1 for number in numbers)


def test_a_cycle_that_hangs_is_ended_by_the_timeout_and_the_timer_starts_the_next(
    inside: Inside,
) -> None:
    machine = inside.machine
    inside.configure("service", running_cycle=2)
    with machine.drop_in(UNIT, "[Service]\nTimeoutStartSec=3s\n"):
        # Stopped as soon as it is there: before its first progress.
        machine.run("systemctl", "start", "ordermonit.timer")
        machine.run("systemctl", "stop", UNIT)
        machine.run("systemctl", "start", "--no-block", UNIT)
        machine.wait(lambda: _main_pid(inside), "the process")
        machine.run("kill", f"-{signal.SIGSTOP.value}", str(_main_pid(inside)))
        machine.wait(lambda: _result(inside) == "timeout", "the timeout")
        (number,) = inside.sell(1)
        machine.wait(lambda: inside.abacos.judge.confirmed_count(number), "the next cycle")
        machine.run("systemctl", "stop", "ordermonit.timer")


def test_a_cycle_that_hangs_in_the_middle_of_an_order_is_ended_after_its_last_extension(
    inside: Inside,
) -> None:
    machine, judge = inside.machine, inside.abacos.judge
    inside.configure("service", downtime_wait=0.1)
    inside.configure("integration_server", connect_timeout=1, task_timeout=3)
    (number,) = inside.sell(1)
    inside.abacos.behave("stall", [number], calls=["InserirPedido"])
    program = _impatient("ordermonit.reports.progress", GRACES=0)
    with machine.drop_in(UNIT, f"{program}TimeoutStartSec=3s\nTimeoutStopSec=1s\n"):
        machine.run("systemctl", "start", "ordermonit.timer")  # so that the unit stays loaded
        machine.run("systemctl", "start", "--no-block", UNIT)
        machine.wait(lambda: judge.inserted_count(number), "the insertion to take effect")
        machine.run("kill", f"-{signal.SIGSTOP.value}", str(_main_pid(inside)))
        stopped = time.monotonic()
        machine.wait(lambda: _result(inside) == "timeout", "the timeout")
        assert time.monotonic() - stopped > 4, "the order's own extension held, not TimeoutStartSec"
    inside.abacos.work()
    inside.cycle()
    assert judge.inserted_count(number) == judge.confirmed_count(number) == 1
    assert judge.double_insert_count(number) == 0
    assert inside.node.task_count("insert_order", number) == 1


def _main_pid(inside: Inside) -> int:
    return int(inside.machine.show(UNIT, "MainPID")["MainPID"])


def _result(inside: Inside) -> str:
    return inside.machine.show(UNIT, "Result")["Result"]


def test_what_root_writes_belongs_to_the_service(inside: Inside) -> None:
    # `fresh` had root type `ordermonit init`.
    machine = inside.machine
    for name in ("checkpoint", "lock"):
        assert machine.disk.mode(f"{STATE}/{name}") == "-rw------- ordermonit:ordermonit"
    inside.sell(1)
    machine.run("env", f"HOME={STATE}", "ordermonit", "cycle")
    for name in ("checkpoint", "checkpoint.previous", "cycles", "ordermonit.output"):
        assert machine.disk.mode(f"{STATE}/{name}").endswith(" ordermonit:ordermonit")
    inside.sell(1)
    inside.cycle()
