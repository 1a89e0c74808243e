"""The first thing that a newcomer types."""

import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]


def test_the_demo_goes_to_its_end_and_all_is_well() -> None:
    command = [sys.executable, "-m", "tests.demo"]
    run = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "health      well" in run.stdout
