"""The doctor's one shop."""

from collections.abc import Iterator

import pytest

from tests.doctor.shop import Shop
from tests.parts.front import Front
from tests.parts.mariadb import MariaDB


@pytest.fixture(scope="session")
def _shop(_mariadb: MariaDB, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    front = Front(_mariadb.fresh_database())
    shop = Shop(tmp_path_factory.mktemp("shop"), front)
    with shop.world:
        shop.begin()
        yield shop


@pytest.fixture
def shop(_shop: Shop) -> Shop:
    """The shop, with nothing wrong."""
    _shop.fresh()
    return _shop
