"""The private servers and the Front's table."""

from datetime import UTC, datetime

import pytest

from tests.conftest import MakeDatabase
from tests.parts.databases import Database, Kind
from tests.parts.front import FIRST_NUMBER, Front
from tests.parts.mariadb import MariaDB
from tests.parts.postgres import Postgres


def test_a_front_keeps_orders_on_every_kind_of_database(any_database: Database) -> None:
    front = Front(any_database)
    first = front.add(77, "authorized", created_at=datetime(2024, 2, 29, 12, tzinfo=UTC))
    without_number = front.add(None)
    assert front.add_many(2) == [78, 79]
    assert front.add(90, id=5000) == 5000
    front.set_state("canceled", [78])
    front.delete(first)
    assert front.states() == {"78": "canceled", "79": "waiting_payment", "90": "waiting_payment"}
    assert without_number == first + 1
    assert front.newest_id() == 5000


def test_numbers_may_be_text(any_database: Database) -> None:
    front = Front(any_database, text_numbers=True)
    front.add("BR-7.1", "authorized")
    assert front.states() == {"BR-7.1": "authorized"}


@pytest.mark.parametrize("kind", [Kind.MARIADB, Kind.POSTGRES])
def test_a_late_order_becomes_visible_after_younger_ones(
    kind: Kind, make_database: MakeDatabase
) -> None:
    front = Front(make_database(kind))
    with front.late_order(FIRST_NUMBER) as late:
        younger = front.add(FIRST_NUMBER + 1)
        assert front.states().keys() == {str(FIRST_NUMBER + 1)}
    assert late < younger
    assert front.states().keys() == {str(FIRST_NUMBER), str(FIRST_NUMBER + 1)}


@pytest.mark.parametrize("kind", [Kind.MARIADB, Kind.POSTGRES])
def test_a_killed_server_comes_back_with_its_orders(
    kind: Kind, make_database: MakeDatabase, request: pytest.FixtureRequest
) -> None:
    front = Front(make_database(kind))
    front.add_many(3)
    server: MariaDB | Postgres = request.getfixturevalue(kind.value)
    server.kill()
    server.start()
    assert len(front.states()) == 3
