"""The configuration: all its problems, and who may read its secrets."""

import os
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ordermonit.configuration import Configuration
from ordermonit.configuration.alerts import FILE as ALERTS_FILE
from ordermonit.configuration.alerts import load_alerts
from ordermonit.configuration.credentials import ALERT_CHANNELS
from ordermonit.configuration.variables import FILE as VARIABLES_FILE
from ordermonit.doctor.findings import Finding, Findings, error, ok, warning
from ordermonit.doctor.known import Known
from ordermonit.errors import ConfigurationError
from ordermonit.rights import as_owner


def configuration(
    load: Callable[[], Configuration], directory: Path, known: Known, credentials: Sequence[str]
) -> Findings:
    """Every problem of every file in the directory, as the program itself reports them.

    `credentials` are the unit's lines, which the service alone can follow.
    """
    loaded = None
    try:
        loaded = known.configuration = load()
    except ConfigurationError as problem:
        for line in problem.lines:
            yield error(line, problem.remedy, problem.exit)
    else:
        yield ok(f"the four files in {directory} have no mistake")
    yield from _alerts(directory, any(ALERT_CHANNELS in line for line in credentials))
    if loaded is None:
        return
    if loaded.database.engine_url().password is not None:
        yield from _secrets(directory / "database.yml", "a password")
    yield from _secrets(directory / VARIABLES_FILE, "variables for database.yml")
    for key in _keys(loaded):
        yield from _key_file(key)


def _alerts(directory: Path, has_credential: bool) -> Findings:
    """A mistake in alerts.yml costs its alerts and never a cycle: so it is a warning."""
    file = directory / ALERTS_FILE
    name_one = "to have them sent, name a channel there, then type: ordermonit alert --test"
    try:
        alerts = load_alerts(directory)
    except ConfigurationError as problem:
        for line in problem.lines:
            yield warning(f"no alert is sent: {line}", problem.remedy)
        return
    if alerts is None:
        yield ok(f"no alert is sent: there is no {file}; {name_one}")
        return
    if has_credential:
        yield ok(
            f"{file} has no mistake; channels of the credential are tried by the service alone"
        )
    elif alerts.reaches_somebody:
        yield ok(f"{file} has no mistake; to try its channels: ordermonit alert --test")
    else:
        yield ok(f"no alert is sent: {file} names no channel; {name_one}")
    if alerts.channels or alerts.ping_url:
        yield from _secrets(file, "secrets in its URLs")


def _secrets(file: Path, what: str) -> Findings:
    if _mode(file) & 0o004:
        yield warning(
            f"{file} has {what}, and everybody on this machine may read it",
            f"Type: chmod o= {file}",
        )


def _key_file(file: Path) -> Findings:
    if _mode(file) & 0o077:
        yield warning(
            f"the private key {file} is open to others", f"Type: {as_owner(file)}chmod 600 {file}"
        )


def _mode(file: Path) -> int:
    try:
        return stat.S_IMODE(file.stat().st_mode)
    except OSError:  # whoever has to read it says so
        return 0


def _keys(loaded: Configuration) -> list[Path]:
    """The private keys that are files of ours: the modes of credentials are systemd's."""
    configured = loaded.node.private_key
    if configured is None:
        from ordermonit.node.client_keys import KEY_NAMES

        home = os.environ.get("HOME")
        keys = [Path(home, ".ssh", name) for name in KEY_NAMES] if home else []
        return [key for key in keys if os.path.lexists(key)]
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    return [] if credentials and configured.is_relative_to(credentials) else [configured]


def hidden_from_service(
    loaded: Configuration, readable: str, covers: Mapping[Path, str]
) -> list[Finding]:
    """The files of ours that the unit hides from the service.

    `readable` is what its BindPaths= and BindReadOnlyPaths= say; `covers` has the directories that
    are hidden, each with the directive that does it.
    """
    database = loaded.database.engine_url()
    used = [*_keys(loaded), loaded.node.known_hosts, loaded.directory]
    if database.get_backend_name() == "sqlite" and database.database:
        used.append(Path(database.database))
    # Each is SOURCE:DESTINATION:OPTIONS, or less of it.
    parts = [each.removeprefix("-").split(":") for each in readable.split()]
    bound = [Path((place[1:] or place)[0]) for place in parts]
    hidden = {
        file: directive
        for place, directive in covers.items()
        for file in used
        if file is not None
        and file.is_relative_to(place)
        and not any(file.is_relative_to(each) for each in bound)
    }
    return [
        error(
            f"the service can't see {file}: its {directive} hides that place",
            "Move it to /var/lib/ordermonit; or systemctl edit ordermonit.service, and add under"
            f" [Service]: BindReadOnlyPaths={file}",
            ConfigurationError.exit,
        )
        for file, directive in hidden.items()
    ]
