"""`make install` and `make uninstall`: what they leave, file by file."""

import subprocess
from pathlib import Path

import pytest

from tests.system.conftest import Installed
from tests.system.inside import CONFIG, STATE
from tests.system.machine import SOURCE, Machine

SAMPLES = ("alerts.yml", "database.yml", "integration_server.yml", "process.yml", "service.yml")
PAGES = [
    str(page.relative_to(SOURCE))
    for pattern in ("*.md", "docs/*.md", "docs/pictures/*")
    for page in SOURCE.glob(pattern)
]
PACEMAKER = ("ordermonit.xml", "corosync-fencing.conf", "corosync-qdevice.conf")
PLAIN, SCRIPT, LINK = (f"{mode} root:root" for mode in ("-rw-r--r--", "-rwxr-xr-x", "lrwxrwxrwx"))
LIB = "/usr/local/lib"
SHARE = "/usr/local/share"
PROGRAM = f"{LIB}/ordermonit"
PYTHON = Path("/usr/bin/python3").resolve().name
PACKAGES = f"{PROGRAM}/lib/{PYTHON}/site-packages"

#: Everything that belongs to the product, but the packages in its virtual environment.
FILES = {
    "/usr/local/bin/ordermonit": LINK,
    f"{PROGRAM}/bin/ordermonit": SCRIPT,
    f"{PROGRAM}/bin/python": LINK,
    f"{PROGRAM}/bin/python3": LINK,
    f"{PROGRAM}/bin/{PYTHON}": LINK,
    f"{PROGRAM}/lib64": LINK,
    f"{PROGRAM}/pyvenv.cfg": PLAIN,
    f"{LIB}/systemd/system/ordermonit.service": PLAIN,
    f"{LIB}/systemd/system/ordermonit.timer": PLAIN,
    f"{LIB}/systemd/system/ordermonit@.service": PLAIN,
    f"{LIB}/systemd/system/ordermonit@.timer": PLAIN,
    f"{LIB}/systemd/system-generators/ordermonit-generator": SCRIPT,
    f"{LIB}/systemd/catalog/ordermonit.catalog": PLAIN,
    f"{LIB}/systemd/catalog/ordermonit.pt_BR.catalog": PLAIN,
    f"{LIB}/sysusers.d/ordermonit.conf": PLAIN,
    f"{LIB}/tmpfiles.d/ordermonit.conf": PLAIN,
    **{f"{SHARE}/doc/ordermonit/{name}": PLAIN for name in PAGES},
    f"{SHARE}/doc/ordermonit/credentials.conf": PLAIN,
    f"{SHARE}/doc/ordermonit/LICENSE": PLAIN,
    f"{SHARE}/doc/ordermonit/ordermonit.rules.yml": PLAIN,
    f"{SHARE}/doc/ordermonit/ordermonit.grafana.json": PLAIN,
    **{f"{SHARE}/doc/ordermonit/pacemaker/{name}": PLAIN for name in PACEMAKER},
    **{f"{SHARE}/ordermonit/{name}": PLAIN for name in SAMPLES},
    f"{SHARE}/man/man1/ordermonit.1": PLAIN,
    f"{SHARE}/man/man5/ordermonit.5": PLAIN,
    f"{SHARE}/bash-completion/completions/ordermonit": PLAIN,
    f"{SHARE}/zsh/site-functions/_ordermonit": PLAIN,
    f"{SHARE}/fish/vendor_completions.d/ordermonit.fish": PLAIN,
}
CONFIGURATION = {f"{CONFIG}/{name}": "-rw-r----- root:ordermonit" for name in SAMPLES}

#: What systemd and its tools write: the user, the catalog's index, the logs.
OTHERS = ("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/.pwd.lock", "/var/log/")
DATABASE = "/var/lib/systemd/catalog/database"


@pytest.mark.parametrize("prefix", ["opt", "", "./opt", "/opt/a b", "/opt/a,b"])
def test_a_prefix_that_would_be_a_broken_installation_is_refused(
    prefix: str, tmp_path: Path
) -> None:
    environment = {"PATH": "/usr/bin:/bin", "DESTDIR": str(tmp_path), "prefix": prefix}
    for what in ("install", "uninstall"):
        command = [SOURCE / "packaging/install.sh", what]
        run = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert run.returncode == 64
        [line] = run.stderr.splitlines()
        assert f"prefix={prefix} is refused: give an absolute path" in line
    assert list(tmp_path.iterdir()) == []


def ours(files: dict[str, str]) -> dict[str, str]:
    """Without the environment's packages and what others wrote."""
    apart = (f"{PROGRAM}/lib/", *OTHERS, DATABASE)
    return {name: mode for name, mode in files.items() if not name.startswith(apart)}


def test_install_leaves_exactly_these_files(installed: Installed) -> None:
    new = {name: mode for name, mode in installed.after.items() if name not in installed.before}
    assert ours(new) == FILES | CONFIGURATION
    packages = [name for name in new if name.startswith(f"{PACKAGES}/")]
    driver = f"{PACKAGES}/ordermonit/node"
    assert set(packages) >= {f"{driver}/{name}.rb" for name in ("task", "children", "driver")}
    translations = f"{PACKAGES}/ordermonit/locale/pt_BR/LC_MESSAGES"
    assert f"{translations}/ordermonit.mo" in packages
    assert {new[name] for name in packages} == {PLAIN, SCRIPT}
    changed = {name for name in installed.before if installed.after.get(name) is None}
    assert changed == set(), "nothing that was there is gone"


def test_nothing_of_its_configuration_or_state_is_world_readable(installed: Installed) -> None:
    expected = {
        CONFIG: "drwxr-x--- root:ordermonit",
        STATE: "drwx------ ordermonit:ordermonit",
        f"{STATE}/.ssh": "drwx------ ordermonit:ordermonit",
        "/var/log/ordermonit": "drwxr-x--- ordermonit:ordermonit",
    }
    assert {place: installed.disk.mode(place) for place in expected} == expected


def test_install_says_what_comes_next_with_the_paths(installed: Installed) -> None:
    lines = [line.strip() for line in installed.printed.splitlines()]
    begin = lines.index(
        "1. Edit these files; /usr/local/share/doc/ordermonit/docs/configuration.md explains them:"
    )
    assert lines[begin + 1 :][: len(SAMPLES)] == [f"{CONFIG}/{name}" for name in SAMPLES]
    assert "2. ordermonit init --latest" in lines
    assert "3. systemctl enable --now ordermonit.timer" in lines


def test_the_installed_units_are_without_fault(machine: Machine) -> None:
    units = ("ordermonit.service", "ordermonit.timer")
    done = machine.run("systemd-analyze", "verify", "--recursive-errors=no", *units)
    assert done.stdout + done.stderr == ""
    user = machine.run("getent", "passwd", "ordermonit").stdout.strip().split(":")
    assert user[5:] == [STATE, "/usr/sbin/nologin"]
    # The generator has run: the sample's period, with where it comes from.
    timer = machine.run("systemctl", "cat", "ordermonit.timer").stdout
    assert f"running_cycle of {CONFIG}/service.yml" in timer


def test_the_installed_program_has_the_programs_own_entry(machine: Machine) -> None:
    """Streams that are closed or full are its matter, not the interpreter's."""
    script = "ordermonit check user >&- 2>&-; echo $?; ordermonit check user >/dev/full; echo $?"
    done = machine.run("sh", "-c", script)
    assert done.stdout.split() == ["0", "74"]
    assert "the output can't be written: No space left on device" in done.stderr


def test_upgrade_and_uninstall(machine: Machine) -> None:
    # A newer version, with two samples changed; one of them was edited by the administrator.
    newer = "/usr/src/newer"
    machine.run("sh", "-c", f"mkdir {newer}; cp -a {SOURCE}/[!.]* {newer}/")
    for name in ("service.yml", "process.yml"):
        machine.run("sh", "-c", f"echo '# new in this version' >>{newer}/config/{name}")
    edited = "running_cycle: 3600\n"
    machine.run("tee", f"{CONFIG}/service.yml", stdin=edited)
    machine.run("tee", "-a", f"{CONFIG}/database.yml", stdin="# mine\n")
    mine = machine.run("cat", f"{CONFIG}/database.yml").stdout
    machine.run("systemctl", "enable", "--now", "--quiet", "ordermonit.timer")
    machine.write(f"{LIB}/systemd/system/other.service", "[Service]\nExecStart=true\n")

    printed = machine.run("make", "-C", newer, "install").stdout
    assert f"{CONFIG}/service.yml was edited and stays as it is" in printed
    assert "ordermonit is upgraded, and goes on: ordermonit.timer" in printed
    assert machine.show("ordermonit.timer", "ActiveState") == {"ActiveState": "active"}
    read = {name: machine.run("cat", f"{CONFIG}/{name}").stdout for name in SAMPLES}
    assert (read["service.yml"], read["database.yml"]) == (edited, mine)
    assert read["process.yml"].endswith("# new in this version\n")
    assert machine.run("cat", f"{CONFIG}/service.yml.new").stdout.endswith("in this version\n")
    there = machine.run("ls", CONFIG).stdout.split()
    assert there == sorted([*SAMPLES, "service.yml.new"])

    printed = machine.run("make", "-C", newer, "uninstall").stdout
    assert f"rm -r {CONFIG} {STATE} /var/log/ordermonit; userdel ordermonit" in printed
    assert machine.run("ls", CONFIG).stdout.split() == sorted(SAMPLES)
    left = machine.run("find", "/usr/local", "/etc/systemd", "-name", "*ordermonit*").stdout
    assert left == ""
    assert machine.run("ls", f"{LIB}/systemd/system").stdout.split() == ["other.service"]
    load = machine.show("ordermonit.timer", "LoadState", "ActiveState")
    assert load == {"LoadState": "not-found", "ActiveState": "inactive"}
    listed = machine.run("journalctl", "--list-catalog").stdout
    assert "never reached Abacos" not in listed


def test_a_staged_install_works_at_its_final_place(machine: Machine) -> None:
    stage = "/usr/src/package"
    arguments = ("-C", str(SOURCE), f"DESTDIR={stage}", "prefix=/opt/shop")
    printed = machine.run("make", *arguments, "install").stdout
    assert "systemctl" not in printed, "nothing is to be done on the machine that stages"
    staged = machine.run("sh", "-c", f"cd {stage}; find . -type f -o -type l").stdout.split()
    rest = [each[1:] for each in staged if not each.startswith("./opt/shop/lib/ordermonit/lib/")]
    assert sorted(rest) == sorted(
        (
            name
            if name.startswith(f"{LIB}/sys") or "tmpfiles" in name
            else name.replace("/usr/local", "/opt/shop")
        )
        for name in FILES | CONFIGURATION
    )
    assert machine.run("grep", "-rlF", "-e", stage, stage, check=False).stdout == ""
    machine.run("cp", "-a", f"{stage}/opt/shop", "/opt/")
    version = machine.run("/opt/shop/bin/ordermonit", "--version").stdout
    assert version.startswith("ordermonit ")
    exec_start = machine.run(
        "grep", "ExecStart=", f"{stage}{LIB}/systemd/system/ordermonit.service"
    )
    assert exec_start.stdout == "ExecStart=/opt/shop/bin/ordermonit cycle\n"
    machine.run("make", *arguments, "uninstall")
    left = machine.run("find", stage, "-type", "f").stdout.split()
    assert sorted(left) == [f"{stage}{name}" for name in sorted(CONFIGURATION)]
    assert machine.run("test", "-x", "/usr/local/bin/ordermonit").returncode == 0
