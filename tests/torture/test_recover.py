"""A checkpoint that is damaged or can't be written: the way back loses and doubles nothing."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ordermonit.orders.model import Operation
from tests.parts import outsider
from tests.parts.abacos import Mood
from tests.parts.processes import private_directory, wait_until
from tests.parts.soap import Call
from tests.torture.ground import Ground, ground
from tests.torture.scenes import BY_NAME


@pytest.fixture(scope="module")
def tortured() -> Iterator[Ground]:
    """One ground for all of these, in a directory that any user can enter."""
    directory = private_directory("recover")
    directory.chmod(0o755)
    try:
        with ground(directory) as made:
            yield made
    finally:
        shutil.rmtree(directory)


def _truncated(file: Path) -> None:
    os.truncate(file, file.stat().st_size * 2 // 3)


def _cut_in_the_first_line(file: Path) -> None:
    os.truncate(file, 30)


def _flipped(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[data.index(b"^HEAD") + 6] ^= 1
    file.write_bytes(data)


def _zeroed(file: Path) -> None:
    file.write_bytes(bytes(file.stat().st_size))


def _emptied(file: Path) -> None:
    os.truncate(file, 0)


def _of_the_future(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b"^VERSION 2 ", b"^VERSION 3 ", 1))


def _missing(file: Path) -> None:
    file.unlink()


def _garbage(file: Path) -> None:
    file.write_bytes(os.urandom(4096))


def _begin(tortured: Ground) -> None:
    tortured.begin(BY_NAME["orders"])


_DAMAGES = (
    _truncated,
    _cut_in_the_first_line,
    _flipped,
    _zeroed,
    _emptied,
    _of_the_future,
    _missing,
    _garbage,
)


@pytest.mark.parametrize("damage", _DAMAGES, ids=lambda damage: damage.__name__.strip("_"))
def test_a_damaged_checkpoint_is_refused_and_recovered(
    tortured: Ground, damage: Callable[[Path], None]
) -> None:
    file = tortured.world.state / "checkpoint"
    _begin(tortured)
    head = tortured.checkpoint().head
    damage(file)
    calls = len(tortured.world.abacos.judge.entries())

    refused = tortured.run("cycle")
    assert refused.exit_code == 65
    assert str(file) in refused.output
    assert "ordermonit recover" in refused.output
    assert len(tortured.world.abacos.judge.entries()) == calls

    recovered = tortured.run("recover")
    assert recovered.exit_code == 0, recovered.output
    assert f"HEAD is {tortured.checkpoint().head}" in recovered.output
    assert tortured.checkpoint().head >= head - 1  # one write back at most
    tortured.clean()
    assert tortured.lost_or_doubled() == []
    assert tortured.checkpoint().head == tortured.world.front.newest_id()
    assert not tortured.checkpoint().recovered


def test_recovery_shows_what_only_the_damaged_file_says(tortured: Ground) -> None:
    _begin(tortured)
    tortured.clean()
    file = tortured.world.state / "checkpoint"
    lines = set(file.read_text().splitlines())
    before = set((tortured.world.state / "checkpoint.previous").read_text().splitlines())
    with file.open("a") as damaged:
        damaged.write("^GARBAGE\n")
    shown = tortured.run("recover").output
    records = {line for line in lines if not line.startswith(("^VERSION", "^CHECKSUM", "^GAP"))}
    assert records - before
    assert all(f"- {line}" in shown for line in records - before)
    assert (tortured.world.state / "checkpoint.damaged").exists()
    tortured.clean()
    assert tortured.lost_or_doubled() == []


def test_the_payment_of_an_insertion_whose_intent_was_lost_is_still_followed(
    tortured: Ground,
) -> None:
    """The worst write to lose: the intent to insert an order, which then took effect."""
    world = tortured.world
    _begin(tortured)
    judge = world.abacos.judge
    missing = next(number for number in tortured.fates if not judge.has(number))
    world.abacos.behave(Mood.STALL, [missing], calls=[Call.INSERT])
    process = world.start("cycle")
    try:
        wait_until(lambda: judge.inserted_count(missing), "the insertion to take effect")
        process.send_signal(signal.SIGKILL)
        process.wait()
    finally:
        world.abacos.work()
    record = next(r for r in tortured.checkpoint().records.values() if r.number == str(missing))
    assert record.in_flight is Operation.INSERT_ORDER
    _truncated(world.state / "checkpoint")

    assert tortured.run("cycle").exit_code == 65
    assert tortured.run("recover").exit_code == 0
    assert str(missing) not in {r.number for r in tortured.checkpoint().records.values()}
    tortured.clean()
    assert judge.confirmed_count(missing) == 1
    assert tortured.lost_or_doubled() == []


def test_a_good_checkpoint_is_not_recovered(tortured: Ground) -> None:
    _begin(tortured)
    before = (tortured.world.state / "checkpoint").read_bytes()
    refused = tortured.run("recover")
    assert refused.exit_code == 64
    assert (tortured.world.state / "checkpoint").read_bytes() == before


def test_without_a_good_predecessor_recovery_names_the_way_out(tortured: Ground) -> None:
    _begin(tortured)
    state = tortured.world.state
    good = {file: (state / file).read_bytes() for file in ("checkpoint", "checkpoint.previous")}
    for file in good:
        (state / file).write_bytes(b"")
    refused = tortured.run("recover")
    assert refused.exit_code == 65
    assert "init --head" in refused.output
    for file, data in good.items():
        assert (state / file).read_bytes() == b""
        (state / file).write_bytes(data)
    tortured.clean()


_READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"'
_FULL = (
    'cp -a "$1" "$1.copy" && mount -t tmpfs -o size=64k none "$1" && cp -a "$1.copy/." "$1" && '
    'rm -r "$1.copy" "$1/checkpoint.new" && '
    'echo "it has its room: the first write that fails is the checkpoint\'s" >"$1/lock" && '
    '{ head -c 200000 /dev/zero >"$1/filler" || :; }'
)
_IN_A_MOUNT_NAMESPACE = ["unshare", "--mount", "--propagation", "private", "sh", "-c"]


@pytest.mark.parametrize(
    ("prefix", "error"),
    [
        ([*_IN_A_MOUNT_NAMESPACE, f'{_READ_ONLY} && shift && exec "$@"', "sh"], "Read-only"),
        (
            [*_IN_A_MOUNT_NAMESPACE, f'{_FULL} && shift && exec "$@"', "sh"],
            "checkpoint can't be written: No space left",
        ),
        (["sh", "-c", 'shift && exec "$@"', "sh"], "Permission denied"),
    ],
    ids=["read-only", "full", "of another user"],
)
def test_a_state_directory_that_cannot_be_written_is_exit_74_before_any_operation(
    tortured: Ground, prefix: list[str], error: str
) -> None:
    world = tortured.world
    _begin(tortured)
    tasks, before = len(world.node.tasks()), world.checkpoint()
    user = "nobody" if error == "Permission denied" else "root"
    with outsider.opened(user) as begins:
        run = subprocess.run(
            [*prefix, str(world.state), *begins, *world.command_line("cycle")],
            cwd="/",
            env=world.environment() | {"PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert (run.returncode, error in run.stderr) == (74, True), run.stderr
    assert "Traceback" not in run.stderr
    assert len(world.node.tasks()) == tasks
    assert world.checkpoint() == before
    tortured.clean()
    assert tortured.lost_or_doubled() == []
