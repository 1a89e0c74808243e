"""Machines. They are made once, and each layer once: installed, then furnished with a world."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.system.inside import Inside, furnish
from tests.system.machine import SOURCE, Disk, Disks, Machine, why_not


@dataclass(frozen=True, slots=True)
class Installed:
    """A machine's disk after `make install`, with what that printed and what was there before."""

    disk: Disk
    printed: str
    before: dict[str, str]
    after: dict[str, str]


@pytest.fixture(scope="session")
def disks(request: pytest.FixtureRequest) -> Iterator[Disks]:
    """Where disks come from; without the means for machines, every test here is skipped, loudly."""
    reason = why_not()
    if reason is not None:
        capture = request.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled():
            print(f"\nNO TEST ON A REAL SYSTEMD: {reason}", file=sys.stderr)
        pytest.skip(f"no test on a real systemd: {reason}")
    with Disks() as disks:
        yield disks


@pytest.fixture(scope="session")
def installed(disks: Disks) -> Installed:
    """The product, installed by `make install` in a booted machine, as an administrator does."""
    # A machine has no network: what needs one is done here, if it is not done yet.
    wheels = ["make", "--silent", "-C", str(SOURCE), "build/ready"]
    subprocess.run(wheels, check=True, capture_output=True)
    disk = disks.new("installed")
    disk.forget_host()
    with Machine(disk) as machine:
        before = disk.files()
        printed = machine.run("make", "-C", str(SOURCE), "install").stdout
        after = disk.files()
        machine.power_off()
    disks.freeze(disk)
    return Installed(disk, printed, before, after)


@pytest.fixture(scope="session")
def furnished(disks: Disks, installed: Installed) -> Disk:
    """The same with a world in it."""
    disk = disks.new("furnished", installed.disk.changes)
    with Machine(disk) as machine:
        _allow_closed_user_namespaces(machine)
        furnish(machine)
        machine.power_off()
    disks.freeze(disk)
    return disk


def _allow_closed_user_namespaces(machine: Machine) -> None:
    """Where this host forbids user namespaces, do what the installer says about that."""
    private = ("systemd-run", "--quiet", "--wait", "--property=PrivateUsers=yes", "true")
    if machine.run(*private, check=False).returncode:
        for unit in ("ordermonit.service", "ordermonit@.service"):
            file = f"/etc/systemd/system/{unit}.d/private-users.conf"
            machine.write(file, "[Service]\nPrivateUsers=no\n")


MakeInside = Callable[[str], Inside]


@pytest.fixture(scope="session")
def make_inside(disks: Disks, installed: Installed, furnished: Disk) -> Iterator[MakeInside]:
    """A running machine with a world in it, as after the installation, with a disk of this name."""
    with ExitStack() as stack:

        def make(name: str) -> Inside:
            disk = disks.new(name, furnished.changes, installed.disk.changes)
            inside = Inside(stack.enter_context(Machine(disk)))
            inside.fresh()
            return inside

        yield make


@pytest.fixture(scope="session")
def _inside(make_inside: MakeInside) -> Inside:
    return make_inside("inside")


@pytest.fixture
def inside(_inside: Inside) -> Inside:
    """A running machine with a world in it, made once and as after the installation each time."""
    _inside.fresh()
    return _inside


@pytest.fixture
def machine(
    disks: Disks, installed: Installed, request: pytest.FixtureRequest
) -> Iterator[Machine]:
    """A machine with the product installed, for this test alone."""
    with Machine(disks.new(request.node.name, installed.disk.changes)) as machine:
        yield machine
