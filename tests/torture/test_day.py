"""A day in little, with one of each fault; the whole one is `python -m tests.torture.day`."""

import os
from pathlib import Path

import pytest

from tests.parts.mariadb import MariaDB
from tests.torture.day import run
from tests.torture.day.sales import SMALL


@pytest.mark.skipif(os.geteuid() != 0, reason="another boot clock needs root")
def test_nothing_is_lost_or_doubled_in_a_day_of_faults(tmp_path: Path, mariadb: MariaDB) -> None:
    result = run(tmp_path, mariadb, size=SMALL)
    assert (result.lost, result.doubled, result.problems) == ((), (), ())
