"""`make deb`: a package's whole life, in a machine that apt installs it in."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.system.inside import CONFIG, STATE
from tests.system.machine import SOURCE, Disks, Machine

PROGRAM = "/usr/lib/ordermonit"
SAMPLES = ("alerts.yml", "database.yml", "integration_server.yml", "process.yml", "service.yml")
TIMER, SHOP = "ordermonit.timer", "ordermonit@north.timer"
NEW = "# new in this version\n"
EDITED = "running_cycle: 3600\n"

#: With no question to a person: what they edited stays.
DPKG = ("dpkg", "--force-confold")


@dataclass(frozen=True, slots=True)
class Packages:
    """The package of this clone, and a newer one, with two samples changed."""

    this: Path
    newer: Path


@pytest.fixture
def packages(tmp_path: Path) -> Packages:
    """Both of them; the newer one is made of the other."""
    subprocess.run(["make", "--silent", "-C", SOURCE, "build/ready"], check=True)
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHON": "/usr/bin/python3"}
    environment["DEBEMAIL"] = "packages@example.org"
    build = [SOURCE / "packaging/deb/build.sh"]
    subprocess.run(build, env={**environment, "COMPRESSION": "none"}, check=True)
    (this,) = (SOURCE / "build").glob("ordermonit_*.deb")
    content, newer = tmp_path / "content", tmp_path / "newer.deb"
    subprocess.run(["dpkg-deb", "--raw-extract", this, content], check=True)
    control = content / "DEBIAN" / "control"
    control.write_text(control.read_text().replace("\nVersion: ", "\nVersion: 1:"))
    for name in ("service.yml", "process.yml"):
        file = content / f"etc/ordermonit/{name}"
        file.write_text(file.read_text() + NEW)
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Znone", "--build", content, newer], check=True
    )
    return Packages(this, newer)


def test_a_package_from_its_installation_to_its_purge(disks: Disks, packages: Packages) -> None:
    disk = disks.new("package")
    disk.forget_host()
    with Machine(disk) as machine:
        disk.path(
            "/var/lib/man-db/auto-update"
        ).unlink()  # the index of all pages, which takes long
        _put(machine, packages.this, "apt-get", "--yes", "install")
        _installed(machine)
        _configured(machine)
        _put(machine, packages.newer, *DPKG, "--install")
        _upgraded(machine)
        _removed(machine)
        _purged(machine)
        left = [path for path in disk.files() if "ordermonit" in path]
        assert [path for path in left if path.startswith(("/etc/", "/usr/", "/var/lib/o"))] == []


def _put(machine: Machine, package: Path, *command: str) -> None:
    place = machine.disk.path("/root/ordermonit.deb")
    place.write_bytes(package.read_bytes())
    machine.run(*command, "/root/ordermonit.deb")
    place.unlink()


def _installed(machine: Machine) -> None:
    """The user, its directories, its configuration; nothing is enabled, and all of it works."""
    expected = {
        CONFIG: "drwxr-x--- root:ordermonit",
        STATE: "drwx------ ordermonit:ordermonit",
        f"{STATE}/.ssh": "drwx------ ordermonit:ordermonit",
        "/var/log/ordermonit": "drwxr-x--- ordermonit:ordermonit",
        **{f"{CONFIG}/{name}": "-rw-r----- root:ordermonit" for name in SAMPLES},
    }
    assert {place: machine.disk.mode(place) for place in expected} == expected
    conffiles = machine.run("dpkg-query", "--show", "-f", "${Conffiles}", "ordermonit").stdout
    assert sorted(line.split()[0] for line in conffiles.split("\n") if line) == sorted(
        f"{CONFIG}/{name}" for name in SAMPLES
    )
    state = machine.show(TIMER, "UnitFileState", "ActiveState")
    assert state == {"UnitFileState": "disabled", "ActiveState": "inactive"}
    assert "running_cycle of" in machine.run("systemctl", "cat", TIMER).stdout
    assert "never reached Abacos" in machine.run("journalctl", "--list-catalog").stdout
    assert machine.run("ordermonit", "--version").stdout.startswith("ordermonit ")
    # What was stripped can still be loaded, and is compiled already.
    load = "import _cffi_backend, asyncssh, psycopg, rich, sqlalchemy, systemd.journal, yaml.cyaml"
    machine.run(f"{PROGRAM}/bin/python", "-I", "-c", load)
    compiled = machine.run("find", PROGRAM, "-path", "*/ordermonit/__pycache__/cli.*").stdout
    assert compiled.count("\n") == 1
    assert (
        machine.run("man", "--where", "ordermonit").stdout
        == "/usr/share/man/man1/ordermonit.1.gz\n"
    )


def _configured(machine: Machine) -> None:
    machine.run("tee", f"{CONFIG}/service.yml", stdin=EDITED)
    machine.write(f"{STATE}/checkpoint", "kept\n", 0o600)
    for directory in (f"{CONFIG}/north", f"{STATE}/north"):
        machine.run("mkdir", directory)
        machine.write(f"{directory}/kept", "a shop's\n", 0o600)
    machine.run("systemctl", "enable", "--now", "--quiet", TIMER, SHOP)


def _upgraded(machine: Machine) -> None:
    """Over an edited file, while timers run: the file stays, the others follow, they go on."""
    for timer in (TIMER, SHOP):
        state = machine.show(timer, "UnitFileState", "ActiveState")
        assert state == {"UnitFileState": "enabled", "ActiveState": "active"}
    assert machine.run("cat", f"{CONFIG}/service.yml").stdout == EDITED
    assert machine.run("cat", f"{CONFIG}/service.yml.dpkg-dist").stdout.endswith(NEW)
    assert machine.run("cat", f"{CONFIG}/process.yml").stdout.endswith(NEW)
    for name in ("service.yml", "process.yml"):
        assert machine.disk.mode(f"{CONFIG}/{name}") == "-rw-r----- root:ordermonit"


def _removed(machine: Machine) -> None:
    """The timers end and are disabled; configuration and state stay."""
    machine.run("dpkg", "--remove", "ordermonit")
    for timer in (TIMER, SHOP):
        state = machine.show(timer, "LoadState", "ActiveState")
        assert state == {"LoadState": "not-found", "ActiveState": "inactive"}
    assert machine.run("ls", "/etc/systemd/system/timers.target.wants", check=False).stdout == ""
    there = machine.run("sh", "-c", f"ls -d {PROGRAM} /usr/bin/ordermonit", check=False).stdout
    assert there == ""
    assert machine.run("cat", f"{CONFIG}/service.yml").stdout == EDITED
    assert machine.run("cat", f"{STATE}/checkpoint").stdout == "kept\n"
    assert machine.run("cat", f"{CONFIG}/north/kept").stdout == "a shop's\n"
    assert "never reached Abacos" not in machine.run("journalctl", "--list-catalog").stdout


def _purged(machine: Machine) -> None:
    """All of it goes, the shops' too, but for the user, whose number must not become another's."""
    machine.run("dpkg", "--purge", "ordermonit")
    places = (CONFIG, STATE, "/var/log/ordermonit", "/run/ordermonit")
    assert [place for place in places if machine.disk.path(place).exists()] == []
    assert machine.run("getent", "passwd", "ordermonit").stdout
