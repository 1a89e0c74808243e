"""What the doctor decides, without the parts it looks at."""

import os
from pathlib import Path

import pytest

from ordermonit.arguments import parser
from ordermonit.configuration import Jump
from ordermonit.doctor import clock, findings, node, servers, service, storage
from ordermonit.doctor.examination import bounded
from ordermonit.doctor.findings import Findings, Severity
from ordermonit.doctor.known import Known
from ordermonit.doctor.units import Units, credentials, look
from ordermonit.errors import Exit
from ordermonit.health.systemctl import parsed
from ordermonit.orders.model import Answer, Operation, Verdict
from ordermonit.shops import ALONE
from tests.cycle.world import configuration


def test_the_worst_kind_of_error_decides_the_exit_code() -> None:
    down = findings.error("down", "wait", Exit.TEMPORARY)
    wrong = findings.error("wrong", "correct it", Exit.CONFIG)
    odd = findings.warning("odd", "look")
    assert findings.exit_code([]) == findings.exit_code([findings.ok("good"), odd]) == 0
    assert findings.exit_code([odd, down]) == 75
    assert findings.exit_code([down, wrong, down]) == 78
    assert all(findings.exit_code([findings.error("", "", kind)]) == kind for kind in Exit if kind)


def test_the_help_names_every_part(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["check", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    # Who asks is always said.
    assert ", ".join(part for part in findings.Part if part != "user") in text


def test_a_part_that_raises_keeps_what_it_found_and_says_where() -> None:
    def part() -> Findings:
        yield findings.ok("first")
        raise RuntimeError("surprise")

    first, second = bounded(part, 10)
    assert first.found == "first"
    assert (second.severity, second.exit) == (Severity.ERROR, Exit.SOFTWARE)
    assert "RuntimeError: surprise (test_doctor.py:" in second.found


def test_a_part_that_never_ends_is_left() -> None:
    reader, writer = os.pipe()

    def part() -> Findings:
        yield findings.ok("first")
        os.read(reader, 1)

    first, second = bounded(part, 0.05)
    os.write(writer, b".")
    assert first.found == "first"
    assert second.exit is Exit.TEMPORARY
    assert "no end within 0.05 s" in second.found


@pytest.mark.parametrize(
    ("grant", "rights"),
    [
        ("GRANT USAGE ON *.* TO `a`@`%` IDENTIFIED BY PASSWORD '*AB'", []),
        ("GRANT SELECT ON `front`.* TO `a`@`%`", []),
        ("GRANT ALL PRIVILEGES ON *.* TO `a`@`%` WITH GRANT OPTION", ["ALL"]),
        ("GRANT SELECT, INSERT, UPDATE ON `front`.`orders` TO `a`@`%`", ["INSERT", "UPDATE"]),
        ("GRANT SELECT (`id`, `number`), UPDATE (`state`) ON `front`.`orders` TO `a`", ["UPDATE"]),
        ("GRANT DELETE ON `front`.`carts` TO `a`@`%`", []),
        ("GRANT DELETE ON `back`.* TO `a`@`%`", []),
        ("GRANT DELETE ON `fr%`.* TO `a`@`%`", ["DELETE"]),
        (r"GRANT DELETE ON `fron\_`.* TO `a`@`%`", []),
        ("GRANT `writers` TO `a`@`%`", []),
    ],
)
def test_rights_to_change_are_read_from_mysqls_grants(grant: str, rights: list[str]) -> None:
    assert servers.changing_rights([grant], "front", "orders") == rights


def test_a_plan_of_an_unknown_server_is_not_judged() -> None:
    with pytest.raises(ValueError, match="oracle"):
        servers.plan_problem("oracle", [])


@pytest.mark.parametrize(
    ("timers", "seconds"),
    [
        ("{ OnUnitActiveUSec=2min ; next_elapse=3min 1s }", 120),
        ("{ OnActiveUSec=0 ; next_elapse=0 }\n{ OnUnitActiveUSec=2s 500ms ; next_elapse=0 }", 2.5),
        ("{ OnUnitActiveUSec=1month 1d 2h ; next_elapse=0 }", 2629800 + 86400 + 7200),
        ("{ OnActiveUSec=5s ; next_elapse=0 }", None),
        ("", None),
    ],
)
def test_the_period_is_read_as_systemd_writes_it(timers: str, seconds: float | None) -> None:
    assert service.period(timers) == seconds


def test_units_that_systemd_shows_are_told_apart() -> None:
    text = "Id=a.timer\nTimersMonotonic={ A=1 }\nTimersMonotonic={ B=2 }\nUser="
    assert parsed(text)["a.timer"] == {
        "Id": "a.timer",
        "TimersMonotonic": "{ A=1 }\n{ B=2 }",
        "User": "",
    }


def test_credentials_are_read_from_the_units_files(tmp_path: Path) -> None:
    unit, drop_in = tmp_path / "unit", tmp_path / "drop-in"
    unit.write_text("[Service]\nLoadCredential=old:/old\nLoadCredentialEncrypted=key:/a\n")
    drop_in.write_text("[Service]\nLoadCredential=\n#LoadCredential=no\nLoadCredential=new:/b\n")
    shown = {"FragmentPath": str(unit), "DropInPaths": f"{drop_in} {tmp_path}/gone"}
    assert credentials(shown) == ["LoadCredentialEncrypted=key:/a", "LoadCredential=new:/b"]


def test_a_machine_without_systemctl_is_no_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    units = look()
    assert units.problem
    (found,) = service.service(units, Path("/var/lib/ordermonit"), Known())
    assert found.severity is Severity.NOT_TRIED


def test_a_timer_that_will_not_fire_again_is_an_error() -> None:
    timer = {"LoadState": "loaded", "UnitFileState": "enabled", "NeedDaemonReload": "no"}
    timer |= {"ActiveState": "active", "SubState": "elapsed"}
    unit = {"LoadState": "loaded", "NeedDaemonReload": "no", "Result": "success"}
    unit |= {"ExecStart": "{ path=/bin/sh ; argv[]=/bin/sh }"}
    found = list(service.service(Units(timer, unit), Path("/elsewhere"), Known()))
    (error,) = [each for each in found if each.severity is Severity.ERROR]
    assert "has no next cycle" in error.found
    assert f"systemctl restart {ALONE.timer}" in error.remedy


@pytest.mark.parametrize(
    ("enabled", "active", "severity", "said"),
    [
        ("disabled", "active", Severity.OK, "is active here"),
        ("disabled", "inactive", Severity.OK, "whether it is on other, ask there"),
        ("enabled", "active", Severity.WARNING, "after a boot both would run"),
    ],
)
def test_the_timer_of_two_monitors_is_started_by_something_else(
    enabled: str, active: str, severity: Severity, said: str
) -> None:
    timer = {"LoadState": "loaded", "UnitFileState": enabled, "NeedDaemonReload": "no"}
    timer |= {"ActiveState": active, "SubState": "waiting"}
    unit = {"LoadState": "loaded", "NeedDaemonReload": "no", "Result": "success"}
    unit |= {"ExecStart": "{ path=/bin/sh ; argv[]=/bin/sh }"}
    pair = configuration(standby=Jump("other"))
    found = service.service(Units(timer, unit), Path("/elsewhere"), Known(pair))
    (finding,) = [each for each in found if "two monitors" in each.found]
    assert finding.severity is severity
    assert said in finding.found


def test_a_cycle_that_runs_has_no_end_yet() -> None:
    timer = {"LoadState": "loaded", "UnitFileState": "enabled", "NeedDaemonReload": "no"}
    timer |= {"ActiveState": "active", "SubState": "running"}
    unit = {"LoadState": "loaded", "NeedDaemonReload": "no", "Result": "success"}
    unit |= {"ActiveState": "activating", "ExecMainExitTimestamp": ""}
    found = [each.found for each in service.service(Units(timer, unit), Path("/"), Known())]
    assert "a cycle runs just now" in found
    assert not [each for each in found if "ended" in each]


MOUNTS = """\
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
22 21 0:20 / /var/lib rw shared:2 - xfs /dev/sdb1 rw
23 22 0:21 / /var/lib/a\\040b rw - tmpfs tmpfs rw
24 22 0:22 / /var/lib/twice rw - tmpfs tmpfs rw
25 24 0:23 / /var/lib/twice rw - btrfs /dev/sdc rw
"""


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("/srv", "ext4"),
        ("/var/lib/ordermonit", "xfs"),
        ("/var/library", "ext4"),
        ("/var/lib/a b/state", "tmpfs"),
        ("/var/lib/twice", "btrfs"),
    ],
)
def test_the_file_system_of_a_path_is_that_of_the_nearest_mount(place: str, kind: str) -> None:
    assert storage.file_system(MOUNTS, Path(place)) == kind


@pytest.mark.parametrize(
    ("free", "inodes", "severity"),
    [
        (1 << 30, 9, Severity.OK),
        (10 << 20, 9, Severity.WARNING),
        (1 << 20, 9, Severity.ERROR),
        (1 << 30, 0, Severity.ERROR),
    ],
)
def test_a_file_system_that_fills_up_is_noticed(free: int, inodes: int, severity: Severity) -> None:
    size = 1 << 31
    found = os.statvfs_result((1, 1, size, free, free, 100, inodes, inodes, 0, 255))
    assert storage.room(found, Path("/var/lib/ordermonit")).severity is severity


@pytest.mark.parametrize(("ahead", "severity"), [(2, "ok"), (-2, "ok"), (-60, "warning")])
def test_clocks_may_be_seconds_apart(ahead: float, severity: str) -> None:
    assert clock.apart(ahead).severity == severity


@pytest.mark.parametrize(
    ("verdict", "severity", "exit"),
    [
        (Verdict.YES, "ok", 0),
        (Verdict.NO, "warning", 0),
        (Verdict.UNAVAILABLE, "warning", 0),
        (Verdict.DOWN, "error", 75),
        (Verdict.AMBIGUOUS, "error", 75),
        (Verdict.TIMEOUT, "error", 75),
        (Verdict.LOST, "error", 75),
    ],
)
def test_what_a_checks_answer_says_about_the_check(
    verdict: Verdict, severity: str, exit: int
) -> None:
    answer = Answer(verdict, "why")
    found = node.judged(Operation.ORDER_EXISTS, "1001", answer, is_there=True)
    assert (found.severity, found.exit) == (severity, exit)
    assert bool(found.remedy) == (severity != "ok")


def test_an_order_that_is_not_in_abacos_yet_may_be_missing_there() -> None:
    found = node.judged(Operation.ORDER_EXISTS, "1001", Answer(Verdict.NO), is_there=False)
    assert found.severity is Severity.OK
