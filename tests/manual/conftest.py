"""The man pages and the completions, generated once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def share(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make install` puts into a prefix's `share`."""
    directory = tmp_path_factory.mktemp("share")
    subprocess.run(
        [sys.executable, ROOT / "packaging/generate", directory],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    return directory
