"""What is tortured: each command, in the situations that lead it through all of its paths."""

import os
import shutil

import sqlalchemy as sa

from ordermonit.orders.model import Operation, Reason, Status
from tests.parts.abacos import Mood
from tests.parts.soap import Call
from tests.torture.ground import Fate, Ground, Scene


def _orders(ground: Ground) -> None:
    """A payment that has become due, and orders to be inserted and confirmed, there already, and to
    be inserted and paid for later."""
    pending = ground.add("authorized", inserted=True)
    ground.record(pending, Status.PAYMENT_PENDING, Reason.NOT_DUE)
    ground.add("authorized")
    ground.add("authorized", held=True)
    ground.add("waiting_payment", Fate.UNPAID)


def _refusals(ground: Ground) -> None:
    """Orders that Abacos rejects, the first time and the last; a payment that it rejects."""
    refused = [ground.add("authorized")]
    ground.record(refused[0], Status.FAILED, Reason.REJECTED, attempts=2)
    refused.append(ground.add("authorized", inserted=True))
    ground.record(refused[1], Status.PAYMENT_PENDING, Reason.NOT_DUE)
    refused.append(ground.add("authorized"))
    ground.world.abacos.behave(Mood.REJECT, refused)


def _oddities(ground: Ground) -> None:
    """A late commit in a gap, an order without a number, one that vanished, one that was closed."""
    newest = ground.world.front.newest_id()
    ground.add("authorized", held=True, id=newest + 3)
    ground.change(
        lambda checkpoint: checkpoint.passed(newest + 3, None, window=3600),
    )
    vanished = ground.add("authorized", Fate.UNPAID, inserted=True)
    ground.record(vanished, Status.PAYMENT_PENDING, Reason.NOT_DUE)
    ground.world.front.delete(ground.world.front.newest_id())
    closed = ground.add("canceled", Fate.UNPAID, inserted=True)
    ground.record(closed, Status.PAYMENT_PENDING, Reason.NOT_DUE)
    ground.add("authorized", id=newest + 1)
    ground.world.front.add(None, "authorized")


def _number_it(ground: Ground) -> None:
    """The order without a number gets one."""
    orders = ground.world.front.orders
    number = ground.add("authorized", held=True)
    id = ground.world.front.newest_id()
    ground.world.front.delete(id)
    with ground.world.front.engine.begin() as connection:
        connection.execute(sa.update(orders).where(orders.c.number.is_(None)).values(number=number))


def _trouble_passes(ground: Ground) -> None:
    """Abacos is down for one call of each cycle, and answers after a while."""
    ground.add("authorized")
    ground.add("authorized")
    ground.world.abacos.behave(Mood.ERROR, calls=[Call.EXISTS], times=1)


def _trouble_lasts(ground: Ground) -> None:
    """Abacos is down, and this cycle has no time to wait for it."""
    ground.add("authorized")
    pending = ground.add("authorized", inserted=True)
    ground.record(pending, Status.PAYMENT_PENDING, Reason.NOT_DUE)
    ground.world.configure("service", running_cycle=4, downtime_wait=5)
    ground.world.abacos.behave(Mood.ERROR)


def _answers_lost(ground: Ground) -> None:
    """An insertion and a confirmation take effect, and their answers never come."""
    inserted, confirmed = ground.add("authorized"), ground.add("authorized")
    ground.world.abacos.behave(Mood.DROP_AFTER, [inserted], calls=[Call.INSERT], times=1)
    ground.world.abacos.behave(Mood.DROP_AFTER, [confirmed], calls=[Call.CONFIRM], times=1)


def _rake_dies(ground: Ground) -> None:
    """The whole session ends after an insertion took effect."""
    number = ground.add("authorized")
    ground.world.node.quirk("insert_order", "dies", numbers=[number], moment="after")
    ground.add("authorized")


def _tasks_lie(ground: Ground) -> None:
    """Tasks that say done and did nothing, or that something else exists, or that just die."""
    ways = (("returns_early", None), ("raises", "Key (cpf)=(1) already exists."), ("dies", None))
    for kind, value in ways:
        number = ground.add("authorized")
        ground.world.node.quirk("insert_order", kind, value, numbers=[number], moment="instead")
    ground.add("authorized")


def _intents(ground: Ground) -> None:
    """What a killed cycle leaves: operations that were begun, of which one took effect."""
    for operation, status, done in (
        (Operation.INSERT_ORDER, Status.FAILED, False),
        (Operation.INSERT_ORDER, Status.FAILED, True),
        (Operation.CONFIRM_PAYMENT, Status.PAYMENT_PENDING, True),
    ):
        number = ground.add("authorized", inserted=done)
        ground.record(number, status, Reason.UNKNOWN, in_flight=operation)


def _well_again(ground: Ground) -> None:
    ground.usual()
    ground.world.abacos.work()
    ground.world.node.behave_well()


def _damage(ground: Ground) -> None:
    """A checkpoint that was cut off, with an intent in its last write."""
    _intents(ground)
    ground.add("authorized")
    file = ground.world.state / "checkpoint"
    os.truncate(file, file.stat().st_size * 2 // 3)


def _recovered(ground: Ground) -> None:
    _damage(ground)
    assert ground.run("recover").exit_code == 0


def _recover(ground: Ground) -> None:
    """What a person does when a cycle says that the checkpoint is refused."""
    if ground.run("status").exit_code == 65:
        ended = ground.run("recover")
        assert ended.exit_code == 0, ended.output


def _exhausted(ground: Ground) -> None:
    """Orders that were given up."""
    for _ in range(2):
        number = ground.add("authorized")
        ground.record(number, Status.EXHAUSTED, Reason.REJECTED, attempts=3)


def _no_checkpoint(ground: Ground) -> None:
    shutil.rmtree(ground.world.state)


def _begin(ground: Ground) -> None:
    """A person types the command until there is a checkpoint; then orders come."""
    if ground.run("status").exit_code == 65:
        ended = ground.run("init", "--latest")
        assert ended.exit_code == 0, ended.output
    ground.add("authorized")


def _former(ground: Ground) -> None:
    """A checkpoint of the former service, with an order that it never got into Abacos."""
    front = ground.world.front
    ground.add("authorized")
    failed = front.newest_id()
    ground.add("authorized", held=True)
    dates = "01/10/2012-03:34:15 01/10/2012-03:45:22"
    (ground.world.home / "former").write_text(
        f"0 {dates} {failed} FAILED NOT_FOUND 1\n^HEAD {dates} {front.newest_id()} SUCCESS OK 1\n"
    )
    shutil.rmtree(ground.world.state)


def _import(ground: Ground) -> None:
    if ground.run("status").exit_code == 65:
        ended = ground.run("import", "former")
        assert ended.exit_code == 0, ended.output


SCENES = (
    Scene("orders", _orders),
    Scene("refusals", _refusals, mend=_well_again),
    Scene("oddities", _oddities, mend=_number_it),
    Scene("downtime that passes", _trouble_passes, mend=_well_again),
    Scene("downtime that lasts", _trouble_lasts, exit=75, mend=_well_again),
    Scene("lost answers", _answers_lost, mend=_well_again),
    Scene("rake dies", _rake_dies, mend=_well_again),
    Scene("lying tasks", _tasks_lie, mend=_well_again),
    Scene("begun before", _intents),
    Scene("recover", _damage, ("recover",), mend=_recover, rewinds=True),
    Scene("after recover", _recovered),
    Scene("retry", _exhausted, ("retry", "--exhausted")),
    Scene("init", _no_checkpoint, ("init", "--latest"), mend=_begin, rewinds=True),
    Scene("import", _former, ("import", "former"), mend=_import, rewinds=True),
)

BY_NAME = {scene.name: scene for scene in SCENES}
