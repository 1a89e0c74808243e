"""What of the journal is lost: by where it is kept, and by how much of it journald takes."""

import json
from pathlib import Path

import pytest

from ordermonit.doctor import journal
from ordermonit.doctor.findings import Finding, Severity
from ordermonit.doctor.known import Known
from ordermonit.doctor.service import service
from ordermonit.doctor.units import Units
from ordermonit.state.checkpoint import Checkpoint
from tests.cycle.world import configuration

MACHINE = Path("/etc/machine-id")


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where journald would keep the journal."""
    monkeypatch.setattr(journal, "_KEPT", tmp_path / "journal")
    return tmp_path / "journal"


def found(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], limit: int = 3, **unit: str
) -> list[Finding]:
    """What the doctor finds with this journald.conf, unit and max_orders_per_request."""
    monkeypatch.setattr(journal, "_settings", lambda: settings)
    known = Known(configuration(max_orders_per_request=limit), Checkpoint(0))
    return list(journal.journal(unit, known))


@pytest.mark.parametrize(
    ("storage", "said", "remedy"),
    [
        ("none", "journald keeps nothing", "Set Storage=persistent"),
        ("volatile", "in memory alone (Storage=volatile)", "Set Storage=persistent"),
        ("auto", "in memory alone: ", "Type: mkdir "),
        ("persistent", "in memory alone: ", "Type: systemctl restart systemd-journald"),
    ],
)
def test_a_journal_that_a_boot_ends_is_a_warning(
    kept: Path, monkeypatch: pytest.MonkeyPatch, storage: str, said: str, remedy: str
) -> None:
    (finding,) = found(monkeypatch, {"Storage": storage})
    assert finding.severity is Severity.WARNING
    assert said in finding.found
    assert finding.remedy.startswith(remedy)


def test_a_journal_that_is_not_flushed_yet_is_a_warning(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.mkdir()
    (finding,) = found(monkeypatch, {})
    assert finding.remedy == "Type: journalctl --flush"
    (kept / MACHINE.read_text().strip()).mkdir()
    assert [each.severity for each in found(monkeypatch, {})] == [Severity.OK]


def test_a_rate_limit_below_a_cycle_s_lines_is_a_warning(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (kept / MACHINE.read_text().strip()).mkdir(parents=True)
    own = {"LogRateLimitIntervalUSec": "1s", "LogRateLimitBurst": "4294967295"}
    few = {"LogRateLimitIntervalUSec": "30s", "LogRateLimitBurst": "100"}
    unset = {"LogRateLimitIntervalUSec": "0", "LogRateLimitBurst": "0"}
    assert len(found(monkeypatch, {}, 100_000, **own)) == 1
    assert len(found(monkeypatch, {}, 5, **unset)) == 1
    assert len(found(monkeypatch, {"RateLimitIntervalSec": "0"}, 100_000, **unset)) == 1
    _, finding = found(monkeypatch, {}, 100_000, **unset)
    assert "takes 10000 lines in 30s of the service and drops the others" in finding.found
    assert "LogRateLimitBurst=4294967295" in finding.remedy
    _, finding = found(monkeypatch, {}, 10, **few)
    assert "takes 100 lines in 30s" in finding.found


def test_what_systemd_has_forgotten_the_cycles_remember(tmp_path: Path) -> None:
    timer = {"LoadState": "loaded", "UnitFileState": "enabled", "NeedDaemonReload": "no"}
    timer |= {"ActiveState": "active", "SubState": "waiting"}
    unit = {"LoadState": "loaded", "NeedDaemonReload": "no", "Result": "success"}
    unit |= {"ActiveState": "inactive", "ExecMainExitTimestamp": ""}

    def said() -> list[str]:
        every = service(Units(timer, unit), tmp_path, Known())
        return [
            each.found
            for each in every
            if ("cycle" in each.found and "ended" in each.found) or "failed" in each.found
        ]

    assert said() == ["no cycle has ended yet"]
    good = {"started_at": "2026-03-01T00:00:00Z", "finished_at": "2026-03-01T00:00:01Z"}
    cycles = tmp_path / "cycles"
    cycles.write_text(json.dumps(good | {"result": "done"}) + "\n")
    assert said() == ["the last cycle ended well, 2026-03-01T00:00:01Z"]
    cycles.write_text(json.dumps(good | {"result": "down", "exit": 75}) + "\n")
    assert said() == ["the last cycle failed: exit 75, 2026-03-01T00:00:01Z"]
