"""What the sending process says, and what else may stand in its output."""

import subprocess
from datetime import UTC, datetime

import pytest

from ordermonit.configuration.alerts import Alerts
from ordermonit.reports.alerts.delivery import deliver
from ordermonit.reports.alerts.memory import Message
from ordermonit.reports.alerts.outbox import Outcome, channels

LETTER = Message("a test", "of lines", datetime(2026, 1, 31, tzinfo=UTC))


def test_lines_that_are_no_answers_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    said = b'5\n[1]\n[[], null, 0]\n["another", null, false]\nnoise\n'
    said += b'["channel 1 (json)", "no route", true]\n["channel 2 (json)", nu'
    done = subprocess.CompletedProcess([], 1, said, b"killed\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    alerts = Alerts(channels=("json://a", "json://b"))
    assert deliver(dict.fromkeys(channels(alerts), LETTER), alerts) == {
        "channel 1 (json)": Outcome("no route", is_refused=True),
        "channel 2 (json)": Outcome("the sender ended: killed"),
    }
