"""The five nights. Each plays itself, and says in a few sentences what is seen and typed."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from tests.nights.night import Night, command_of
from tests.parts.front import FIRST_NUMBER


def rejected(night: Night) -> None:
    """An order that Abacos refuses"""
    world = night.world
    numbers = world.front.add_many(5, "authorized")
    refused = numbers[3]
    world.abacos.judge.hold(numbers[:3])
    world.abacos.behave("reject", [refused])
    for _ in range(2):
        night.timer()
        night.later(minutes=2)
    night.says(
        """A product of order 1001004 is not in Abacos, which refuses the order. `max_attempts` is 2
        here: nobody is woken for the first refusal. The second gives the order up, and sends:"""
    )
    assert world.record(refused)["status"] == "EXHAUSTED"
    alert = night.alert()
    night.says("Nothing else is wrong, as the screen says, and since when this is:")
    night.sees("ordermonit status", "produto inexistente")
    night.says(
        """Somebody who may do so adds the product in Abacos. Then the command of the alert; the
        next cycle does the rest, and two minutes later the order is where it should be."""
    )
    world.abacos.work()
    night.later(minutes=19)
    night.types(command_of(alert))
    night.later(minutes=2)
    night.timer()
    night.later(seconds=30)
    night.sees(f"ordermonit orders {refused}", "SUCCESS")
    judge = world.abacos.judge
    assert (judge.inserted_count(refused), judge.confirmed_count(refused)) == (1, 1)


def down(night: Night) -> None:
    """Abacos is down for an hour"""
    world = night.world
    world.front.add_many(2, "authorized")
    night.timer()
    numbers = world.front.add_many(3, "authorized")
    world.abacos.down()
    for minutes in (2, 16):
        night.later(minutes=minutes)
        night.timer(expect=75, patience=1)
    night.says(
        """Abacos ends for maintenance that nobody was told of, and the shop goes on selling.
        Cycles wait for it and end with exit 75, and no order is charged an attempt (two are
        played here, of the nine that the timer starts in that time). When it has been down for
        longer than `downtime` of alerts.yml, 15 minutes, a message says who has to be called:"""
    )
    night.alert()
    night.later(minutes=1)
    night.says("The screen says the same, and that the orders wait in the Front, ahead of HEAD:")
    night.sees("ordermonit status", "the node answers, but Abacos")
    night.says(
        """There is nothing to type. Whoever runs Abacos is called, and it comes back an hour after
        it went. The cycle that finds it up integrates what has waited, and says so:"""
    )
    night.later(minutes=43)
    world.abacos.up()
    night.timer()
    night.alert()
    night.later(minutes=1)
    night.sees("ordermonit status", "well")
    judge = world.abacos.judge
    assert [judge.confirmed_count(number) for number in numbers] == [1, 1, 1]


def host_key(night: Night) -> None:
    """The node's host key changed"""
    world = night.world
    world.front.add_many(2, "authorized")
    night.timer()
    night.later(minutes=2)
    numbers = world.front.add_many(1, "authorized")
    known_hosts = world.sshd.known_hosts
    known_hosts.chmod(0o640)
    if os.geteuid() == 0:
        shutil.chown(known_hosts, "nobody")
    before = known_hosts.stat()
    world.sshd.change_host_key()
    world.sshd.restart()
    night.timer(expect=77)
    night.says(
        """The node answers with another key than last time. Either somebody set it up anew, or
        somebody else answers in its place. Nothing is sent before a person has said which:"""
    )
    alert = night.alert()
    night.later(minutes=1)
    night.says(
        """The commands in it are long, and a screen would break them where they could not be pasted
        any more. So `status` names the command that shows them again:"""
    )
    night.sees("ordermonit status", "type: ordermonit check node")
    night.says(
        """The node's administrator says that it was set up anew last evening. That alone is not
        enough. On the node itself, at its console, the fingerprint has to be that of the alert:"""
    )
    night.later(minutes=11)
    fingerprint = night.types(f"ssh-keygen -lf {world.sshd.directory}/host.pub").split()[1]
    assert fingerprint in alert
    night.says(
        """It is. So the commands of the alert, as they stand there. Root may type them: the file is
        in root's own directory here, and the last one lets the service read it again. (In the
        service's home they begin with `runuser`, and run as the service's user: that user could
        have put a link there.) `check` shows that the service gets in again."""
    )
    night.types(command_of(alert))
    after = known_hosts.stat()
    assert (after.st_uid, after.st_mode) == (before.st_uid, before.st_mode)
    night.sees("ordermonit check node", "our key is accepted")
    night.says("The next cycle does its work, and tells the end:")
    night.later(minutes=1)
    night.timer()
    night.alert()
    assert world.abacos.judge.confirmed_count(numbers[0]) == 1


@contextmanager
def small_disk(night: Night) -> Iterator[None]:
    """From now on the state directory is a file system of 8 MiB, for the night's commands."""
    state = str(night.world.state)
    mounted = (
        'cp -a "$1" "$1.copy" && mount -t tmpfs -o size=8m none "$1" && cp -a "$1.copy/." "$1" && '
        "echo mounted && exec sleep infinity"
    )
    unshare = ["unshare", "--mount", "--propagation", "private", "setpriv", "--pdeathsig", "KILL"]
    process = subprocess.Popen(
        [*unshare, "sh", "-c", mounted, "sh", state], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "mounted\n"
        night.prefix = ["nsenter", "--mount", "--target", str(process.pid)]
        yield
    finally:
        process.kill()
        process.communicate()


def full_disk(night: Night) -> None:
    """A full disk"""
    world = night.world
    world.front.add_many(2, "authorized")
    night.timer()
    night.later(minutes=2)
    log = world.state / "debug.log"
    with small_disk(night):
        night.unseen(f"head -c 99M /dev/zero >{log}", expect=1)
        # The file that the next checkpoint takes is there already: it has its room.
        night.unseen(f"rm {world.state}/checkpoint.new; head -c 8k /dev/zero >>{log}", expect=1)
        numbers = world.front.add_many(3, "authorized")
        night.timer(expect=74)
        night.says(
            """A log that somebody left on fills the disk of the state directory. What an operation
            does could not be written down, so none is begun. Even this message is kept elsewhere,
            in the runtime directory, so that it comes once:"""
        )
        night.alert()
        assert [world.abacos.judge.inserted_count(number) for number in numbers] == [0, 0, 0]
        night.later(minutes=1)
        night.says(
            "The screen knows since when, for the failed cycle is noted in the room of others:"
        )
        night.sees("ordermonit status", "No space left on device")
        night.says("The command that both name, and what it leads to:")
        night.types(f"df -h {world.state}")
        night.types(f"du -ah {world.state} | sort -h | tail -n 2")
        night.types(f"rm {log}")
        night.says(
            "There is nothing to repair. The checkpoint is whole, and the next cycle goes on:"
        )
        night.later(minutes=1)
        night.timer()
        night.alert()
        night.later(seconds=30)
        night.sees("ordermonit status", "well")
    judge = world.abacos.judge
    assert [judge.confirmed_count(number) for number in numbers] == [1, 1, 1]


def restored(night: Night) -> None:
    """A restored database"""
    world = night.world
    database = world.front.database.name
    world.abacos.judge.hold(world.front.add_many(5, "authorized"))
    night.timer()
    shutil.copy(database, f"{database}.backup")
    world.front.add_many(3, "authorized")
    night.later(minutes=2)
    night.timer()
    os.replace(f"{database}.backup", database)
    new = FIRST_NUMBER + 8
    later = datetime.now(UTC) + timedelta(minutes=4)
    assert world.front.add(new, "authorized", created_at=later) == 6
    night.later(minutes=2)
    night.timer()
    night.says(
        """The Front's database broke, and its backup was restored: the three newest orders are
        gone from it. The shop has sold one since then, under an id that one of them
        had. Nobody is woken: the cycle finds orders there that it had passed, so it is
        the right database. It takes the new order for what it is, and looks into the
        ids that are missing. Whoever looks sees that:"""
    )
    night.later(minutes=1)
    night.sees("ordermonit status", "degraded")
    night.says(
        """Whoever runs the database confirms that it was restored. Orders just before the backup
        may have lost a payment or a state with it. To have them asked about again costs
        nothing, and nothing is inserted twice:"""
    )
    night.types("ordermonit rescan --from 3 --because 'restored from the backup'")
    night.later(minutes=1)
    night.timer()
    night.says(
        """The new order is in Abacos. What is left is for the day: orders 1001006 to 1001008 are in
        Abacos, and the shop does not know them any more. The missing ids stay in `status` until the
        shop has sold as many orders as were lost."""
    )
    assert world.abacos.judge.confirmed_count(new) == 1


#: In the order of the document, with the time at which each begins.
STORIES = (
    ("2026-03-02 02:51:00", rejected),
    ("2026-03-05 02:12:00", down),
    ("2026-03-09 03:08:00", host_key),
    ("2026-03-14 02:58:00", full_disk),
    ("2026-03-21 03:02:00", restored),
)
