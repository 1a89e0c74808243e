"""A machine that dies in the middle of a cycle."""

from tests.system.conftest import MakeInside


def test_nothing_is_lost_or_doubled_when_the_machine_dies_in_mid_cycle(
    make_inside: MakeInside,
) -> None:
    inside = make_inside("reboot")
    machine, judge = inside.machine, inside.abacos.judge
    inside.configure("service", running_cycle=600)
    machine.run("systemctl", "enable", "--quiet", "ordermonit.timer")
    first, second, third = inside.sell(3)
    # The second insertion takes effect, and its answer never comes.
    inside.abacos.behave("stall", [second], calls=["InserirPedido"])
    machine.run("systemctl", "start", "--no-block", "ordermonit.service")
    machine.wait(lambda: judge.inserted_count(second), "the second insertion to take effect")
    machine.kill()
    machine.boot()
    # Nobody types a command: the timer does it.
    machine.wait(lambda: judge.confirmed_count(third), "the cycle after the boot")
    machine.wait(lambda: inside.story(third)[-1] == "PAYMENT_CONFIRMED", "its end")
    for number in (first, second, third):
        assert judge.inserted_count(number) == judge.confirmed_count(number) == 1
        assert inside.node.task_count("insert_order", number) == 1
    assert judge.double_insert_count() == 0
    assert len(inside.starts()) == 2
