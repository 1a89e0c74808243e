"""The timer and the service: installed, started, as they are on disk, and with a good last end."""

import os
import re
from pathlib import Path

from ordermonit.configuration import Configuration
from ordermonit.doctor.files import hidden_from_service
from ordermonit.doctor.findings import Finding, Findings, error, not_tried, ok, warning
from ordermonit.doctor.journal import journal
from ordermonit.doctor.known import Known
from ordermonit.doctor.units import Units, credentials
from ordermonit.errors import Exit
from ordermonit.health.systemctl import Properties
from ordermonit.health.timer import seconds
from ordermonit.rights import name_of
from ordermonit.shops import ALONE
from ordermonit.state.directory import State
from ordermonit.times import spoken

#: Where the generator and the service look, whatever --config and --state say.
CONFIG, STATE = Path("/etc/ordermonit"), Path("/var/lib/ordermonit")

#: As findings name them; whoever shows one makes them the shop's own (`Shop.typed`).
TIMER, SERVICE = ALONE.timer, ALONE.service

#: What ProtectHome= is about (systemd.exec(5)).
HOMES = ("/home", "/root", "/run/user")

#: Ends before our program begins (systemd.exec(5), "Process Exit Codes"), with what helps.
_BEFORE_US = {
    "200": ("can't enter its directory", "Type: systemctl cat ordermonit.service"),
    "203": ("can't execute the program", "Type: make install"),
    "217": (
        "can't become the service's user",
        "Type: systemd-sysusers; where user namespaces are closed, systemctl edit"
        " ordermonit.service, and add under [Service]: PrivateUsers=no",
    ),
    "226": (
        "can't make its namespace",
        "Type: systemctl status ordermonit.service, and take the directive that it names off in a"
        " drop-in",
    ),
    "243": (
        "can't load its credentials",
        "See that each file of LoadCredential= is there: systemctl cat ordermonit.service",
    ),
}


def service(units: Units, state: Path, known: Known) -> Findings:
    """Everything that systemd knows about us."""
    if units.problem is not None:
        yield not_tried(f"the timer and the service: {units.problem}")
        return
    missing = list(_not_installed(units))
    yield from missing
    if missing:
        yield not_tried("what they do: they are not installed")
        return
    yield from _timer(units.timer, known.configuration)
    yield from _period(units, known.configuration)
    yield from _as_on_disk(units)
    yield from _program(units.service)
    yield from _owner(units, state)
    yield from _last_end(units.service, state)
    yield from _hidden(units.service, known.configuration)
    yield from journal(units.service, known)


def _not_installed(units: Units) -> Findings:
    for name, unit in ((TIMER, units.timer), (SERVICE, units.service)):
        match unit["LoadState"]:
            case "loaded":
                continue
            case "masked":
                yield error(f"{name} is masked", f"Type: systemctl unmask {name}", Exit.CONFIG)
            case "not-found":
                yield error(f"{name} is not installed", "Type: make install", Exit.CONFIG)
            case state:
                yield error(
                    f"{name} is not loaded ({state}): {unit.get('LoadError', '')}",
                    f"Type: systemd-analyze verify {name}",
                    Exit.CONFIG,
                )


def _timer(timer: Properties, configuration: Configuration | None) -> Findings:
    other = None if configuration is None else configuration.service.standby
    if other is not None and timer["SubState"] != "elapsed":  # something else starts it
        yield from _timer_of_two(timer, other.host)
        return
    enable = f"Type: systemctl enable --now {TIMER}"
    is_enabled = timer["UnitFileState"] in ("enabled", "enabled-runtime", "static", "generated")
    if timer["ActiveState"] != "active":
        yield error(f"{TIMER} is {timer['ActiveState']}: no cycle begins", enable, Exit.CONFIG)
    elif timer["SubState"] == "elapsed":
        yield error(f"{TIMER} has no next cycle", f"Type: systemctl restart {TIMER}", Exit.CONFIG)
    if not is_enabled:
        yield warning(f"{TIMER} is not enabled: it does not start at the next boot", enable)
    elif timer["ActiveState"] == "active":
        yield ok(f"{TIMER} is enabled and active")


def _timer_of_two(timer: Properties, other: str) -> Findings:
    if timer["UnitFileState"] == "enabled":
        what = f"{TIMER} is enabled on one of two monitors: after a boot both would run"
        yield warning(what, f"Type: systemctl disable {TIMER}")
        return
    is_active = timer["ActiveState"] == "active"
    here = "active here" if is_active else f"not active here: whether it is on {other}, ask there"
    yield ok(f"{TIMER} of two monitors is {here}")


def _period(units: Units, configuration: Configuration | None) -> Findings:
    config = units.shop.place(CONFIG)
    if configuration is None or configuration.directory.absolute() != config:
        yield not_tried(f"the timer's period: it follows service.yml in {config} alone")
        return
    wanted = configuration.service.running_cycle
    found = period(units.timer.get("TimersMonotonic", ""))
    if found is not None and abs(found - wanted) < 0.001:
        yield ok(f"its period is running_cycle, {spoken(wanted)}")
    else:
        shown = "none" if found is None else f"{found:g} s"
        yield warning(
            f"the timer's period is {shown}, and running_cycle is {wanted:g} s",
            "Type: systemctl daemon-reload (it makes the timer follow service.yml)",
        )


def period(timers: str) -> float | None:
    """The seconds of OnUnitActiveSec=, by the property TimersMonotonic; None without it."""
    found = re.search(r"OnUnitActiveUSec=([^;}]*)", timers)
    return None if found is None else seconds(found[1])


def _as_on_disk(units: Units) -> Findings:
    for name, unit in ((TIMER, units.timer), (SERVICE, units.service)):
        if unit["NeedDaemonReload"] == "yes":
            yield warning(
                f"{name} has changed on disk, and systemd does not know yet",
                "Type: systemctl daemon-reload",
            )


def _program(unit: Properties) -> Findings:
    path = re.search(r"path=(\S+)", unit.get("ExecStart", ""))
    if path is None or not os.access(path[1], os.X_OK):
        what = path[1] if path else "nothing"
        yield error(
            f"{SERVICE} runs {what}, which is no program", "Type: make install", Exit.CONFIG
        )


def _owner(units: Units, state: Path) -> Findings:
    if state.absolute() != units.shop.place(STATE):
        return
    try:
        owner = name_of(state.stat().st_uid)
    except OSError:
        return
    user = units.user or "root"
    if owner != user:
        yield error(
            f"{state} belongs to {owner}, and the service runs as {user}",
            f"Type: chown -hR {user}: {state}",
            Exit.IO,
        )


def _last_end(unit: Properties, state: Path) -> Findings:
    if unit.get("ActiveState") == "activating":  # systemd has forgotten the last end by then
        yield ok("a cycle runs just now")
        return
    if unit["Result"] == "success":
        when = unit.get("ExecMainExitTimestamp")
        # systemd forgets the service whenever nothing wants it; the cycles remember themselves.
        yield ok(f"the last cycle ended well, {when}") if when else _last_noted(state)
        return
    status = unit.get("ExecMainStatus", "")
    if unit["Result"] == "exit-code" and status in _BEFORE_US:
        what, remedy = _BEFORE_US[status]
        yield error(f"the last cycle did not begin: systemd {what} ({status})", remedy, Exit.CONFIG)
    else:
        end = f"exit {status}" if unit["Result"] == "exit-code" else unit["Result"]
        yield warning(
            f"the last cycle failed: {end}",
            f"See what it said: journalctl -x -n 20 -u {SERVICE}; after the remedy:"
            f" systemctl start {SERVICE}",
        )


def _last_noted(state: Path) -> Finding:
    """How the last cycle ended, as it has noted itself."""
    cycles = State(state).read_cycles()
    if not cycles:
        return ok("no cycle has ended yet")
    last = cycles[-1]
    if last.exit:
        remedy = last.remedy or f"See what it said: journalctl -x -n 20 -u {SERVICE}"
        return warning(f"the last cycle failed: exit {last.exit}, {last.finished_at}", remedy)
    return ok(f"the last cycle ended well, {last.finished_at}")


def _hidden(unit: Properties, configuration: Configuration | None) -> Findings:
    """What the service sees and we don't, or the other way round."""
    loads = credentials(unit)
    if loads and not os.environ.get("CREDENTIALS_DIRECTORY"):
        names = " and ".join(sorted(re.split("[=:]", each)[1] for each in loads))
        yield warning(
            f"the service gets {names} as credentials, and this check has none of them",
            "Type it with them: systemd-run --pipe --wait -p User=ordermonit"
            + "".join(f" -p {each}" for each in loads)
            + " /usr/local/bin/ordermonit check",
        )
    if configuration is not None:
        bound = f"{unit.get('BindPaths', '')} {unit.get('BindReadOnlyPaths', '')}"
        yield from hidden_from_service(configuration, bound, _covers(unit))


def _covers(unit: Properties) -> dict[Path, str]:
    """The directories that the service does not see, each with the directive that hides it."""
    home = unit.get("ProtectHome", "no")
    hidden = HOMES if home in ("yes", "tmpfs") else ()
    found = {Path(place): f"ProtectHome={home}" for place in hidden}
    for each in unit.get("TemporaryFileSystem", "").split():
        if each.startswith("/"):
            found[Path(each.partition(":")[0])] = "TemporaryFileSystem="
    return found
