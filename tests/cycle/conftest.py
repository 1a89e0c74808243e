"""What the tests of commands share."""

from pathlib import Path

import pytest

from tests.cycle.place import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A configuration, a Front and a checkpoint, without a node."""
    return Place(tmp_path)
