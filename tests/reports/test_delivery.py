"""What the sending process says, and what else may stand in its output."""

import subprocess
from datetime import UTC, datetime

import pytest

from ordermonit.reports.alerts.delivery import deliver
from ordermonit.reports.alerts.memory import Message

LETTER = Message("a test", "of lines", datetime(2026, 1, 31, tzinfo=UTC))


def test_lines_that_are_no_answers_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    said = b'5\n[1]\n[[], null]\n["another", null]\nnoise\n["a", "no route"]\n["b", nu'
    done = subprocess.CompletedProcess([], 1, said, b"killed\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    answers = deliver({"a": LETTER, "b": LETTER}, {"a": "json://a", "b": "json://b"}, 5)
    assert answers == {"a": "no route", "b": "the sender ended: killed"}
