"""`ordermonit check` in a booted machine: what only systemd, other users and mounts can get wrong.

All cases share one machine; each puts right what it made wrong.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.parts.databases import READER
from tests.system.inside import CONFIG, STATE, Inside
from tests.system.machine import Machine

TIMER, SERVICE = "ordermonit.timer", "ordermonit.service"

#: A machine without a network has nobody to synchronise its clock: this stands for timedatectl.
CLOCK = "/usr/local/bin/timedatectl"

#: From here on no cycle begins with the timer or a daemon-reload: it would meet the mistakes.
QUIET = "[Timer]\nOnUnitActiveSec=\nOnUnitActiveSec=600\n"

Findings = list[dict[str, Any]]


@pytest.fixture(scope="module")
def healthy(_inside: Inside) -> Iterator[Inside]:
    """The service at work as docs/install.md says: enabled, with one order integrated."""
    inside, machine = _inside, _inside.machine
    inside.fresh()
    inside.configure("database", username=READER)
    machine.write(CLOCK, "#!/bin/sh\necho yes\n", 0o755)
    inside.sell(1)
    inside.cycle()
    before = len(inside.starts())
    machine.run("systemctl", "enable", "--now", TIMER)
    machine.wait(lambda: len(inside.starts()) > before, "the timer's first cycle")
    machine.wait(lambda: machine.show(SERVICE, "SubState")["SubState"] == "dead", "its end")
    with machine.drop_in(TIMER, QUIET):
        yield inside
    machine.run("rm", CLOCK)


def _check(machine: Machine, *words: str) -> tuple[int, Findings]:
    done = machine.run("ordermonit", *words, "--json", check=False)
    assert done.stderr == ""
    said = json.loads(done.stdout)
    assert said["exit"] == done.returncode
    return done.returncode, said["findings"]


def _bad(findings: Findings) -> Findings:
    return [each for each in findings if each["severity"] in ("warning", "error")]


def test_a_good_installation_has_no_warning_and_no_error(healthy: Inside) -> None:
    code, findings = _check(healthy.machine, "check")
    assert code == 0
    assert {each["severity"] for each in findings} == {"ok"}, json.dumps(findings, indent=1)
    assert len({each["part"] for each in findings}) == 9
    assert "root's own rights are given up" in findings[0]["found"]


def test_the_service_user_gets_the_same_answers(healthy: Inside) -> None:
    command = ("env", f"HOME={STATE}", "ordermonit", "check", "--json")
    done = healthy.machine.run(*command, user="ordermonit", check=False)
    assert (done.returncode, done.stderr) == (0, "")
    findings = json.loads(done.stdout)["findings"]
    assert _bad(findings) == []
    assert findings[0]["found"] == f"ordermonit, to whom {STATE} belongs"


def test_somebody_else_is_told_who_to_be(healthy: Inside) -> None:
    done = healthy.machine.run("ordermonit", "check", user="deploy", check=False)
    assert done.returncode == 78
    assert "deploy asks, but the service is ordermonit" in done.stdout
    assert "sudo -u ordermonit ordermonit check" in done.stdout
    assert "writing there: that is for ordermonit" in done.stdout
    assert done.stderr == ""


Mistake = Callable[[Inside], AbstractContextManager[object]]


def _commands(wrong: str, right: str) -> Mistake:
    @contextmanager
    def mistake(inside: Inside) -> Iterator[None]:
        inside.machine.run("sh", "-ec", wrong)
        try:
            yield
        finally:
            inside.machine.run("sh", "-ec", right)

    return mistake


def _drop_in(text: str) -> Mistake:
    return lambda inside: inside.machine.drop_in(SERVICE, f"[Service]\n{text}\n")


@contextmanager
def _uninstalled(inside: Inside) -> Iterator[None]:
    machine = inside.machine
    machine.run("sh", "-ec", f"mv {UNITS}/{SERVICE} /root; {RELOAD}")
    yield
    # A timer without its service has failed.
    machine.run("sh", "-ec", f"mv /root/{SERVICE} {UNITS}; {RELOAD}; systemctl restart {TIMER}")


@contextmanager
def _stopped(inside: Inside) -> Iterator[None]:
    inside.machine.run("systemctl", "stop", TIMER)
    yield
    inside.machine.run("systemctl", "start", TIMER)


@contextmanager
def _another_period(inside: Inside) -> Iterator[None]:
    inside.configure("service", running_cycle=300)
    yield
    inside.configure("service", running_cycle=600)


@contextmanager
def _failed(inside: Inside) -> Iterator[None]:
    inside.configure("service", running_cycle="soon")
    inside.cycle(expect=78)
    inside.configure("service", running_cycle=600)
    yield
    inside.cycle()


@contextmanager
def _never_begun(inside: Inside) -> Iterator[None]:
    machine = inside.machine
    with machine.drop_in(SERVICE, "[Service]\nUser=ghost\n"):
        inside.cycle(expect=217)
    yield
    inside.cycle()


@contextmanager
def _key_in_a_home(inside: Inside) -> Iterator[None]:
    machine, usual = inside.machine, dict(inside.files["integration_server"])
    machine.run("install", "-D", "-o", "ordermonit", "-m", "600", KEY, "/home/keys/shop")
    inside.configure("integration_server", private_key="/home/keys/shop")
    yield
    machine.run("rm", "-r", "/home/keys")
    inside.files["integration_server"] = usual
    inside.configure("integration_server")


KEY = f"{STATE}/.ssh/id_ed25519"
LOAD = "LoadCredential=ssh_key:/etc/hostname"
UNITS = "/usr/local/lib/systemd/system"
RELOAD = "systemctl daemon-reload"
JOURNALD = "/etc/systemd/journald.conf.d"
VOLATILE = r"printf '[Journal]\nStorage=volatile\n'"


@dataclass(frozen=True)
class Seed:
    """One mistake, the command that has to find it, and what has to be said about it."""

    make: Mistake
    command: str
    severity: str
    found: str
    remedy: str
    exit: int = 0


SEEDS = {
    "no service": Seed(
        _uninstalled,
        *("check service", "error", f"{SERVICE} is not installed", "make install", 78),
    ),
    "a timer that is not enabled": Seed(
        _commands(f"systemctl -q disable {TIMER}", f"systemctl -q enable {TIMER}"),
        *("check service", "warning", "does not start at the next boot", "systemctl enable --now"),
    ),
    "a timer that is stopped": Seed(
        _stopped,
        *("check service", "error", "inactive: no cycle begins", "systemctl enable --now", 78),
    ),
    "another period": Seed(
        _another_period,
        *("check service", "warning", "600 s, and running_cycle is 300 s", RELOAD),
    ),
    "a unit that changed on disk": Seed(
        _commands(f"echo >>{UNITS}/{SERVICE}", RELOAD),
        *("check service", "warning", f"{SERVICE} has changed on disk", RELOAD),
    ),
    "a program that is gone": Seed(
        _drop_in("ExecStart=\nExecStart=/usr/local/bin/gone cycle"),
        *("check service", "error", "runs /usr/local/bin/gone", "make install", 78),
    ),
    "a cycle that failed": Seed(
        _failed,
        *("check service", "warning", "the last cycle failed: exit 78", "journalctl -x -n 20"),
    ),
    "a user that is gone": Seed(
        _never_begun,
        *("check service", "error", "can't become the service's user", "systemd-sysusers", 78),
    ),
    "a key in a home": Seed(
        _key_in_a_home,
        *("check service", "error", "can't see /home/keys/shop", "BindReadOnlyPaths=", 78),
    ),
    "credentials that only the unit has": Seed(
        _drop_in(LOAD),
        *(
            "check service",
            "warning",
            "gets ssh_key as credentials",
            "-p LoadCredential=ssh_key:/etc/hostname ",
        ),
    ),
    "a journal in memory": Seed(
        _commands(
            "mv /var/log/journal /var/log/journal.off", "mv /var/log/journal.off /var/log/journal"
        ),
        *("check service", "warning", "kept in memory alone", "mkdir /var/log/journal"),
    ),
    "a journal that is volatile": Seed(
        _commands(f"mkdir {JOURNALD} && {VOLATILE} >{JOURNALD}/test.conf", f"rm -r {JOURNALD}"),
        *("check service", "warning", "(Storage=volatile)", "Set Storage=persistent"),
    ),
    "a rate limit": Seed(
        _drop_in("LogRateLimitIntervalSec=30s\nLogRateLimitBurst=9"),
        *("check service", "warning", "takes 9 lines in 30s", "LogRateLimitBurst="),
    ),
    "a state directory of root's": Seed(
        _commands(f"chown root: {STATE}", f"chown ordermonit: {STATE}"),
        *("check service", "error", "belongs to root", f"chown -hR ordermonit: {STATE}", 74),
    ),
    "a lock of root's": Seed(
        _commands(f"chown root: {STATE}/lock", f"chown ordermonit: {STATE}/lock"),
        *("check state", "error", f"{STATE}/lock belongs to root", "chown -h ordermonit: ", 74),
    ),
    "a state directory in memory": Seed(
        _commands(
            "mkdir -p /srv/memory && mount -t tmpfs -o size=100m memory /srv/memory"
            " && chown ordermonit: /srv/memory && chmod 700 /srv/memory",
            "umount /srv/memory",
        ),
        *("--state /srv/memory check state", "error", "the next boot loses HEAD", "on a disk", 74),
    ),
    "a state directory that is read-only": Seed(
        _commands(
            "install -d -o ordermonit -m 700 /srv/fixed && mount --bind /srv/fixed /srv/fixed"
            " && mount -o remount,bind,ro /srv/fixed",
            "umount /srv/fixed",
        ),
        *("--state /srv/fixed check state", "error", "Read-only file system", "Make room", 74),
    ),
    "a file that only root may read": Seed(
        _commands(f"chmod 600 {CONFIG}/database.yml", f"chmod 640 {CONFIG}/database.yml"),
        *("check configuration", "error", "database.yml: can't be read", "Correct what", 78),
    ),
    "a key that only root may read": Seed(
        _commands(f"chown root: {KEY}", f"chown ordermonit: {KEY}"),
        *("check node", "error", f"{KEY} can't be read", "Let the user of this service read", 78),
    ),
    "a clock that nobody keeps right": Seed(
        _commands(f"sed -i s/yes/no/ {CLOCK}", f"sed -i s/no/yes/ {CLOCK}"),
        *("check database clock", "warning", "is not synchronised", "timedatectl set-ntp true"),
    ),
}


@pytest.mark.parametrize("seed", SEEDS.values(), ids=SEEDS)
def test_a_seeded_mistake_is_found_and_its_remedy_named(healthy: Inside, seed: Seed) -> None:
    with seed.make(healthy):
        code, findings = _check(healthy.machine, *seed.command.split())
    bad = _bad(findings)
    assert len(bad) == 1, json.dumps(findings, indent=1)
    (found,) = bad
    assert seed.found in found["found"]
    assert seed.remedy in found["remedy"]
    assert found["severity"] == seed.severity
    assert (found["exit"], code) == (seed.exit, seed.exit)
