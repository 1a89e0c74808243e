"""Odd files and odd answers: only documented exits, no traceback, no silent reset of HEAD."""

from pathlib import Path

import pytest

from tests.torture.fuzz import fuzzed, prepare

#: Cases of each kind in `make test`; `make torture` takes twenty times as many.
CASES = 250


@pytest.mark.parametrize("kind", ["checkpoint", "legacy", "yaml", "answer"])
def test_whatever_is_read_ends_in_a_documented_way(kind: str, tmp_path: Path) -> None:
    assert fuzzed(kind, prepare(tmp_path)[kind], tmp_path, range(CASES)) == []
