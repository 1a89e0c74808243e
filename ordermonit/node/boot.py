"""What kept a session with the node from beginning, as an error that says what to do. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordermonit.errors import ConfigurationError, NodeLocked, OrdermonitError, Unavailable
from ordermonit.node import wire
from ordermonit.node.answers import error_line
from ordermonit.node.channel import Ended
from ordermonit.text import one_line

if TYPE_CHECKING:
    from ordermonit.configuration import Node as Settings


def problem(settings: Settings, greeting: wire.Greeting) -> OrdermonitError | None:
    """Why the node can't take requests, or None if it can."""
    node = f"on {settings.host}"
    match greeting:
        case wire.Ready() | wire.EndedKept():
            return None
        case wire.Locked(holder):
            who = one_line(holder) or "somebody who did not sign"
            return NodeLocked(
                f"another monitor works {node}: {who}",
                f"It holds {settings.lock} there; the next cycle tries again",
            )
        case wire.NoBoot(chain):
            return failed(settings, error_line(chain[0]))
        case wire.NoTask(name):
            return _misconfigured(
                f"rake {node} has no task {name}",
                f"See `{settings.rake} -AT` in {settings.rails_root} there, and correct tasks",
            )
        case wire.BadCheck(name, chain):
            return _misconfigured(
                f"the check {name} is no Ruby: {error_line(chain[0])}",
                f"Correct checks: {name}",
            )
        case wire.OldRake(version):
            return _misconfigured(
                f"rake {node} is {version}; rake 0.9 or newer is needed",
                "Install a newer rake there, and name it in rake",
            )
        case wire.NoLock(path, chain) if chain[0].name in ("Errno::ENOSPC", "Errno::EDQUOT"):
            return Unavailable(
                f"the lock {path} can't be written {node}: {error_line(chain[0])}",
                f"Make room for {settings.username} there (df -h; df -i); the next cycle goes on",
            )
        case wire.NoLock(path, chain):
            return _misconfigured(
                f"the lock {path} can't be made {node}: {error_line(chain[0])}",
                f"Let {settings.username} write there, or set lock_file",
            )


def ended(settings: Settings, end: Ended, said: str) -> OrdermonitError:
    """The stream ended before the driver said anything: a shell or rake has `said` why."""
    words = one_line(said)
    if end.status == wire.NO_RAILS_ROOT:
        return _misconfigured(
            f"{settings.username} can't enter {settings.rails_root} on {settings.host}: there "
            "is no such directory, or no right to it",
            "Correct rails_root",
        )
    if end.status == wire.NODE_MISCONFIGURED:
        return ConfigurationError(
            f"the forced command on {settings.host} can't run: {words}",
            "Correct its configuration on the node",
        )
    if end.status in (126, 127):  # the shell's and env's "can't be run" and "not found"
        return _misconfigured(
            f"`{settings.rake}` can't be run on {settings.host}: {words}",
            "A command over SSH is no login: give the full path in rake, or PATH in environment,",
        )
    return failed(settings, f"{end}: {words}" if words else str(end))


def failed(settings: Settings, why: str) -> Unavailable:
    """There will be no answer, for that reason."""
    return Unavailable(
        f"Rails does not boot on {settings.host} in {settings.rails_root}: {one_line(why)}",
        "See what `rake environment` says there; the next cycle tries again",
    )


def old_driver(settings: Settings) -> OrdermonitError:
    """It began a session where it was only to end what stays booted."""
    return ConfigurationError(
        f"the forced command on {settings.host} is of an older ordermonit: nothing stays booted"
        " there",
        "Run packaging/node/install.sh of this version on the node",
    )


def _misconfigured(message: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(message, f"{remedy} in integration_server.yml")
