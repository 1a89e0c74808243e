"""What the doctor says of Rails that stays booted, without a node."""

from dataclasses import replace
from typing import Any

import pytest

from ordermonit.configuration import Node as Settings
from ordermonit.doctor.findings import Severity
from ordermonit.doctor.kept import stays, worth
from ordermonit.doctor.known import Known
from ordermonit.node.wire import Kept, Ready

_SETTINGS = Settings(host="node", username="u", rails_root="/srv", keep_booted=600)
_READY = Ready("3.1", "13", None, "/l", {}, True, True, boot=8.21, keeps=600)


@pytest.mark.parametrize(
    ("changes", "severity", "said"),
    [
        (
            {"kept": Kept(754.0, 180_000)},
            Severity.OK,
            "stays booted on node, for 12 min 34 s now, with 176 MB; a boot takes 8.2 s",
        ),
        (
            {"cold": "REVISION has changed"},
            Severity.OK,
            "booted for this session, since REVISION has changed; it stays for 600 s after it",
        ),
        ({"keeps": 0}, Severity.WARNING, "the forced command on node lets no Rails stay"),
        (
            {"keeps": 0, "cold": "this Ruby can't fork"},
            Severity.WARNING,
            "can't stay booted on node: this Ruby can't fork",
        ),
    ],
)
def test_what_stays_is_told(changes: dict[str, Any], severity: Severity, said: str) -> None:
    (found,) = stays(replace(_READY, **changes), _SETTINGS, Known())
    assert found.severity is severity
    assert said in found.found


def test_what_staying_would_save_a_day_is_told() -> None:
    said = worth(8.0, 1000, 120).found
    assert "the 1000 orders of the last day make about 540 sessions" in said
    assert "keep_booted: 600 would save the node about 1 h 8 min a day" in said
    for orders in (None, 0):
        assert worth(8.0, orders, 120).found.endswith("for each session (keep_booted: 0)")
