"""A skipped test fails a run in CI."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(("ci", "exit_code"), [("true", 1), ("", 0)])
def test_a_skipped_test_fails_the_run_where_ci_is_set(
    tmp_path: Path, ci: str, exit_code: int
) -> None:
    (tmp_path / "conftest.py").write_text("from tests.conftest import pytest_sessionfinish\n")
    (tmp_path / "test_one.py").write_text(
        "import pytest\n\n"
        "def test_one():\n    pytest.skip('no part')\n\n"
        "def test_two():\n    pass\n"
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", "1", str(tmp_path)]
    environment = os.environ | {"CI": ci, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [*command, "-c", "/dev/null", "--rootdir", str(tmp_path)],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert run.returncode == exit_code, run.stdout + run.stderr
    assert "1 skipped" in run.stdout
    assert ("with CI set that is a failure" in run.stdout) == (exit_code == 1)
