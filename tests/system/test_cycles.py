"""The installed service at its work, on a real systemd."""

import pytest

from tests.system.inside import Inside

pytestmark = pytest.mark.xdist_group("machine")


def test_orders_that_fall_through_are_integrated_by_the_timer_alone(inside: Inside) -> None:
    machine, judge = inside.machine, inside.abacos.judge
    inside.configure("service", running_cycle=2)
    machine.run("systemctl", "enable", "--now", "ordermonit.timer")
    here, missing, unpaid = inside.sell(1), inside.sell(2), inside.sell(1, "waiting_payment")
    judge.hold(here)
    machine.wait(lambda: judge.confirmed_count() == 2, "both missing orders to be paid")
    machine.wait(lambda: inside.story(unpaid[0])[-1:] == ["PAYMENT_WAITING"], "the unpaid one")
    for number in missing:
        assert judge.inserted_count(number) == judge.confirmed_count(number) == 1
        assert inside.story(number) == ["ORDER_MISSING", "ORDER_INSERTED", "PAYMENT_CONFIRMED"]
    assert judge.double_insert_count() == 0
