"""Many shops on one host, on a real systemd: one of them is broken, and disturbs no other."""

import json

import pytest
import yaml

from ordermonit.orders.events import Event
from tests.system.conftest import MakeInside
from tests.system.inside import CONFIG, STARTING, STATE, Inside
from tests.system.machine import SOURCE

SHOPS = ("acme", "broken", "zeta.example")
PERIOD = 3

#: What a busy machine may take to start a unit, in seconds.
LATE = 0.9


@pytest.fixture(scope="module")
def host(make_inside: MakeInside) -> Inside:
    """A machine on which three shops' timers run."""
    inside = make_inside("shops")
    for name in SHOPS:
        _make(inside, name)
    zeta = {**inside.files["service"], "running_cycle": PERIOD, "min_order_age": 86_400}
    inside.machine.write(f"{CONFIG}/zeta.example/service.yml", yaml.safe_dump(zeta), 0o644)
    for name in SHOPS:
        inside.machine.run("ordermonit", "--shop", name, "init", "--latest")
    broken = f"runing_cycle: 2\nrunning_cycle: {PERIOD}\n"
    inside.machine.write(f"{CONFIG}/broken/service.yml", broken, 0o644)
    timers = [f"ordermonit@{name}.timer" for name in SHOPS]
    inside.machine.run("systemctl", "enable", "--now", "--quiet", *timers)
    return inside


def _make(inside: Inside, name: str) -> None:
    """As docs/shops.md says it."""
    keys = f"{STATE}/{name}/.ssh"
    owner = "-o ordermonit -g ordermonit"
    inside.machine.run(
        "sh",
        "-c",
        f"install -d -m 750 -g ordermonit {CONFIG}/{name} && "
        f"install -m 640 -g ordermonit {CONFIG}/*.yml {CONFIG}/{name} && "
        f"install -d -m 700 {owner} {STATE}/{name} {keys} && "
        f"install -m 600 {owner} {STATE}/.ssh/* {keys}",
    )
    text = yaml.safe_dump(inside.files["service"] | {"running_cycle": PERIOD})
    inside.machine.write(f"{CONFIG}/{name}/service.yml", text, 0o644)


def _starts(host: Inside, name: str) -> list[float]:
    """When each cycle of a shop was started, in seconds."""
    unit = f"UNIT=ordermonit@{name}.service"
    entries = host.machine.journal(unit, f"MESSAGE_ID={STARTING}")
    return [int(entry["__MONOTONIC_TIMESTAMP"]) / 1e6 for entry in entries]


def test_each_shop_goes_its_own_way_whatever_is_wrong_with_another(host: Inside) -> None:
    machine, judge = host.machine, host.abacos.judge
    (number,) = host.sell(1)
    machine.wait(lambda: judge.confirmed_count(number), "acme's order to be paid", 60)
    wrong = f"MESSAGE_ID={Event.CONFIGURATION_WRONG.message_id}"
    machine.wait(lambda: len(machine.journal(wrong)) >= 2, "the broken shop to fail twice", 60)
    assert judge.inserted_count(number) == 1
    assert {each["ORDERMONIT_SHOP"] for each in machine.journal(wrong)} == {"broken"}
    (inserted,) = machine.journal(f"ORDER_NUMBER={number}", "ORDERMONIT_EVENT=ORDER_INSERTED")
    assert inserted["ORDERMONIT_SHOP"] == "acme"
    assert inserted["_SYSTEMD_UNIT"] == "ordermonit@acme.service"

    shown = machine.run("ordermonit", "--shop", "acme", "show", number, "--json").stdout
    assert "ORDER_INSERTED" in [each["event"] for each in json.loads(shown)["journal"]]
    assert machine.run("ordermonit", "show", number, check=False).returncode == 64

    copy = machine.disk.path(f"{STATE}/acme/checkpoint").read_text()
    receive = ("ordermonit", "--shop", "acme", "receive")
    refused = machine.run(*receive, stdin=copy, check=False)
    assert refused.returncode == 75
    assert "ordermonit@acme.timer is active on " in refused.stderr

    report = json.loads(machine.run("ordermonit", "--shop", "acme", "report", "--json").stdout)
    assert (report["inserted"], report["failed_cycles"]) == (1, 0)
    alone = json.loads(machine.run("ordermonit", "report", "--json").stdout)
    assert (alone["seen"], alone["cycles"]) == (0, 0)

    status = machine.run("ordermonit", "status", "--all", "--json", check=False)
    assert status.returncode == 78
    found = [(each["shop"], each["health"]) for each in json.loads(status.stdout)]
    # The host's own, whose timer does not run, has a checkpoint all the same.
    assert found == [(None, "stopped"), ("broken", "down"), ("acme", "well"), (SHOPS[2], "well")]
    checked = machine.run("ordermonit", "--shop", "acme", "check", "service").stdout
    assert "ordermonit@acme.timer is enabled and active" in checked
    assert f"its period is running_cycle, {PERIOD} s" in checked


def test_their_starts_are_spread_and_each_keeps_its_period(host: Inside) -> None:
    machine = host.machine
    for at, name in enumerate(SHOPS):
        timers = machine.show(f"ordermonit@{name}.timer", "TimersMonotonic")["TimersMonotonic"]
        assert f"OnActiveUSec={f'{at}s' if at else '0'} " in timers
        assert f"OnUnitActiveUSec={PERIOD}s " in timers
    machine.wait(lambda: min(len(_starts(host, name)) for name in SHOPS) >= 5, "five each", 60)
    newest = {name: _starts(host, name)[-3:] for name in SHOPS}
    for starts in newest.values():
        assert (starts[-1] - starts[0]) / 2 == pytest.approx(PERIOD, abs=LATE)


def test_a_shop_sees_nothing_of_another_and_a_misspelt_one_is_refused(host: Inside) -> None:
    machine, seen = host.machine, f"{STATE}/acme/seen"
    look = f"ls {CONFIG} {STATE} /var/log/ordermonit /run/ordermonit"
    service = "ordermonit@acme.service"
    # Not by the journal, which may not know any more whose line it was once that has ended.
    drop_in = f"[Service]\nExecStart=\nExecStart=/bin/sh -c '{look} >{seen}'\n"
    machine.run("systemctl", "stop", "ordermonit@acme.timer")
    with machine.drop_in(service, drop_in):
        machine.run("systemctl", "start", service)
    machine.run("systemctl", "start", "ordermonit@acme.timer")
    said = machine.disk.path(seen).read_text().split()
    assert [each for each in said if not each.endswith(":")] == ["acme"] * 4
    refused = machine.run("systemctl", "start", "ordermonit@acne.timer", check=False)
    assert refused.returncode != 0
    assert "acne" not in machine.run("ls", CONFIG, STATE).stdout.split()


def test_the_doctor_sees_that_a_file_is_not_there_for_the_service(host: Inside) -> None:
    machine, file = host.machine, f"{CONFIG}/acme/integration_server.yml"
    good = machine.run("ordermonit", "--shop", "acme", "check", "service").stdout
    assert "can't see" not in good
    before = machine.disk.path(file).read_text()
    machine.write(file, f"{before}private_key: {STATE}/.ssh/id_ed25519\n")
    checked = machine.run("ordermonit", "--shop", "acme", "check", "service", check=False)
    machine.write(file, before)
    assert checked.returncode == 78
    assert f"the service can't see {STATE}/.ssh/id_ed25519: its TemporaryFile" in checked.stdout
    assert f"Move it to {STATE}/acme; or systemctl edit ordermonit@acme.service" in checked.stdout


def test_uninstalling_stops_every_shop(host: Inside) -> None:
    machine = host.machine
    machine.run("make", "-C", str(SOURCE), "uninstall")
    left = machine.run("systemctl", "list-units", "--all", "--plain", "ordermonit*").stdout
    assert ".timer" not in left
    assert machine.run("find", "/etc/systemd/system", "-name", "ordermonit@*.timer").stdout == ""
    assert machine.run("ls", CONFIG).stdout.count("acme")
