"""A booted process that stays on the node (keep_booted) where the disk of its home fills up."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from ordermonit.configuration import Node as Settings
from ordermonit.errors import Unavailable
from ordermonit.node import wire
from tests.node.home import KEEP, Home
from tests.node.place import opening_fails, root_of
from tests.node.remote import Remote, unready
from tests.parts.processes import private_directory, wait_until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a disk")

_MOUNT = (
    'mount -t tmpfs -o size=256k,nr_inodes=32,mode=700 none "$0"'
    " && echo mounted && exec sleep infinity"
)


def no_space_left() -> AbstractContextManager[object]:
    return pytest.raises(OSError, match="No space left")


class Disk:
    """A small file system that is there for one process, and reached through that.

    So it is mounted nowhere else, and gone with whoever uses it, whatever ends them.
    """

    def __init__(self, mounted: Path) -> None:
        self.directory = mounted

    def fill(self) -> None:
        """No byte is left."""
        with (self.directory / "filler").open("ab", buffering=0) as file, no_space_left():
            while file.write(bytes(1024)):
                pass
        assert os.statvfs(self.directory).f_bavail == 0

    def fill_inodes(self, but: int = 0) -> None:
        """No file can be made, but for so many."""
        with no_space_left():
            for number in count():
                (self.directory / f"filler-{number}").touch()
        for filler in self._fillers()[:but]:
            filler.unlink()
        assert os.statvfs(self.directory).f_ffree == but

    def make_room(self) -> None:
        """As it was before."""
        for filler in self._fillers():
            filler.unlink()

    def _fillers(self) -> list[Path]:
        return list(self.directory.glob("filler*"))


@pytest.fixture
def disk() -> Iterator[Disk]:
    place = private_directory("disk")
    private = ["unshare", "--mount", "--propagation", "private", "setpriv", "--pdeathsig", "KILL"]
    command = [*private, "sh", "-c", _MOUNT, str(place)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "mounted\n"
            yield Disk(Path(f"/proc/{process.pid}/root{place}"))
        finally:
            process.kill()
    place.rmdir()


@pytest.fixture
def home(disk: Disk, tmp_path: Path) -> Iterator[Home]:
    """Its lock and what stays booted are on that disk; the release is elsewhere."""
    home = Home(disk.directory, tmp_path / "app")
    yield home
    home.kill()


@contextmanager
def begun(home: Home) -> Iterator[Remote]:
    with unready(home.root, hello=KEEP, environment={"HOME": str(home.directory)}) as session:
        yield session


def insert_and_leave(home: Home, number: str) -> wire.Ready:
    """One order in a session after which nothing is waited for."""
    with begun(home) as session:
        ready = session.greeting()
        assert isinstance(ready, wire.Ready), ready
        assert session.run(number) == wire.Done()
        session.hang_up()
        session.wait()
    return ready


def is_full(home: Home) -> bool:
    """Whether a session does not begin for want of room."""
    with begun(home) as session:
        said = session.greeting()
        assert session.wait() == 0
    return isinstance(said, wire.NoLock) and said.chain[0].name == "Errno::ENOSPC"


# Nothing begins


@pytest.mark.parametrize("fill", [Disk.fill, Disk.fill_inodes])
def test_over_ssh_a_full_disk_is_told_as_downtime(
    settings: Settings, disk: Disk, fill: Callable[[Disk], None]
) -> None:
    fill(disk)
    lock = disk.directory / "lock"
    problem = opening_fails(replace(settings, lock_file=str(lock), keep_booted=600))
    assert type(problem) is Unavailable
    said = f"the lock {lock} can't be written on {settings.host}: Errno::ENOSPC: No space left on"
    assert problem.message.startswith(said)
    assert problem.remedy.startswith(f"Make room for {settings.username} there (df -h; df -i)")
    assert not (root_of(settings) / "boots").exists()


@pytest.mark.parametrize("fill", [Disk.fill, Disk.fill_inodes])
def test_a_full_disk_boots_nothing_until_there_is_room(
    home: Home, disk: Disk, fill: Callable[[Disk], None]
) -> None:
    fill(disk)
    assert is_full(home)
    assert not (home.root / "boots").exists()
    wait_until(home.nothing_left, "the end of everything")
    disk.make_room()
    assert home.insert("1").kept is None
    assert home.insert("2").kept
    assert (home.orders(), home.boots()) == (["1", "2"], 1)


# It fills while a process is kept


def test_a_disk_that_fills_meanwhile_does_not_end_what_is_kept(home: Home, disk: Disk) -> None:
    home.insert("1")
    keeper = home.keeper
    disk.fill()
    assert home.insert("2").kept  # the lock has its room already
    (home.directory / "lock").write_text("")
    disk.fill()
    assert is_full(home)
    disk.make_room()
    assert home.insert("3").kept
    assert (home.orders(), home.boots(), home.keeper) == (["1", "2", "3"], 1, keeper)


def test_what_finds_no_inode_takes_nobodys_place(home: Home, disk: Disk) -> None:
    home.insert("1")
    keeper = home.keeper
    disk.fill_inodes()
    with home.session() as (session, ready):
        assert ready.kept
        assert session.run("temporary") == wire.Done()
        assert session.run("2") == wire.Done()  # it has loaded more by now, and would stay
    wait_until(lambda: len(home.left()) == 2, "the session's end: the kept one and its watchdog")
    assert home.insert("3").kept
    assert (home.orders(), home.boots(), home.keeper) == (["1", "2", "3"], 1, keeper)


# It can't stay


@pytest.mark.parametrize("left", [0, 1])  # with one there is a directory, and no socket in it
def test_without_inodes_each_session_boots_and_nothing_stays(
    home: Home, disk: Disk, left: int
) -> None:
    (home.directory / "lock").touch()
    disk.fill_inodes(but=left)
    for number in ("1", "2"):
        ready = insert_and_leave(home, number)
        assert (ready.kept, ready.cold) == (None, None)
        wait_until(home.nothing_left, "nothing to stay")
    disk.make_room()
    home.insert("3")
    assert home.insert("4").kept
    assert (home.orders(), home.boots()) == (["1", "2", "3", "4"], 3)
