"""What two shops of one host share by mistake: one was copied from the other, and a line forgotten.

Only what is plainly the same counts: a warning that is none would hide the others.
"""

import os
import posixpath
import pwd
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ordermonit import configuration
from ordermonit.configuration import Configuration, Database, Node
from ordermonit.configuration.alerts import Alerts, load_alerts
from ordermonit.doctor.findings import Finding, Findings, ok, warning
from ordermonit.errors import ConfigurationError
from ordermonit.shops import ALONE, Shop, names

#: Names of this machine in a database's URL.
_HERE = frozenset({"", "localhost", "127.0.0.1", "::1"})

_PORTS = {"mysql": 3306, "postgresql": 5432}


@dataclass(frozen=True, slots=True)
class Held:
    """What a shop has. `real_state` is where its state directory is behind any link."""

    shop: Shop
    configuration: Configuration
    alerts: Alerts | None
    state: Path
    real_state: str

    @property
    def called(self) -> str:
        """Its name in a sentence. No unit's: that would be made one of the shop that is told."""
        return f"the shop {self.shop.name}" if self.shop.name else "the shop without a name"


def examined(loaded: Configuration, shop: Shop, state: Path) -> Findings:
    """Each thing that this shop shares with another one of this host.

    Whose files don't read, or may not be read, is left out: its own `check` tells it. `state` is
    this shop's state directory.
    """
    ours = Held(shop, loaded, _alerts(loaded.directory), state, os.path.realpath(state))
    count = 0
    found: list[Finding] = []
    for theirs in _others(ours, state):
        count += 1
        found += shared(ours, theirs)
    yield from found
    if count and not found:
        others = f"{count} other shops" if count > 1 else "other shop"
        yield ok(f"what a shop needs for itself is not shared with the {others} of this host")


def _others(ours: Held, state: Path) -> Iterator[Held]:
    """The other shops that have begun: a directory that is a mere copy overwrites nothing."""
    directory = ours.configuration.directory
    if ours.shop.name:
        directory, state = directory.parent, state.parent
    with suppress(ConfigurationError):
        for shop in (ALONE, *map(Shop, names(directory))):
            place = shop.place(state)
            if shop != ours.shop and os.path.lexists(place / "checkpoint"):
                with suppress(ConfigurationError):
                    config = shop.place(directory)
                    # Variables and credentials that we have are not the other's.
                    home = str(place.absolute()) if shop.name else _home()
                    loaded = configuration.load(config, {"HOME": home})
                    yield Held(shop, loaded, _alerts(config), place, os.path.realpath(place))


def _home() -> str:
    """The user's own: our HOME may be a shop's."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_dir
    except KeyError:
        return "/"


def _alerts(directory: Path) -> Alerts | None:
    """None too where they don't read, which is told elsewhere."""
    with suppress(ConfigurationError):
        return load_alerts(directory, {})
    return None


def shared(ours: Held, theirs: Held) -> Findings:
    """What both have, and each must have for itself. It is the same whoever is asked first."""
    yield from _files(ours, theirs)
    ping, its_ping = (each.alerts and each.alerts.ping_url for each in (ours, theirs))
    if ping is not None and ping == its_ping:
        yield warning(
            f"ping_url (not shown) is that of {theirs.called} too: when one of the two is dead, the"
            " other's pings hide it",
            "Give each shop a ping_url of its own in its alerts.yml",
        )
    yield from _front(ours, theirs)
    if ours.real_state == theirs.real_state:
        yield warning(
            f"the state directory {ours.state} is that of {theirs.called} too, by a link: they have"
            " one checkpoint, and each goes on from the other's HEAD",
            "Stop both timers, put a directory of its own in the link's place, and begin that shop"
            " anew: docs/shops.md",
        )


def _files(ours: Held, theirs: Held) -> Findings:
    mine, its = ours.configuration.process, theirs.configuration.process
    for key, file, other in (
        ("metrics_file", mine.metrics_file, its.metrics_file),
        ("status_page", mine.status_page, its.status_page),
    ):
        if file and other and posixpath.normpath(file) == posixpath.normpath(other):
            yield warning(
                f"{key} {file} is that of {theirs.called} too: they overwrite each other's, so"
                " what is wrong with one is hidden by the other",
                f"Give each shop a {key} of its own in its process.yml",
            )


def _front(ours: Held, theirs: Held) -> Findings:
    """The orders; and, where they are others, the Rails application that gets their numbers."""
    front, its_front = ours.configuration.database, theirs.configuration.database
    node = ours.configuration.node
    if _database(front) != _database(its_front):
        if _application(node) == _application(theirs.configuration.node):
            yield warning(
                f"rails_root {node.rails_root} on {node.username}@{node.host}:{node.port} is that"
                f" of {theirs.called} too, but the databases are two: the application takes an"
                " order's number for one of the other shop's, and each waits for the other's lock",
                "Give each shop its own rails_root in integration_server.yml; or, if one"
                " application has both, what tells it whose the order is: tasks and checks, or a"
                " variable under environment",
            )
    elif _has_the_same_orders(front, its_front):
        from ordermonit.front.refusals import address_of  # the driver's side, only for whom it is

        yield warning(
            f"the table {front.table} of {address_of(front.engine_url())} is that of"
            f" {theirs.called} too: both look at the same orders, and may each insert one, which"
            " is an order in two ERPs where their nodes are two",
            "Name each shop's own database, or its table under orders, in its database.yml",
        )


def _has_the_same_orders(one: Database, other: Database) -> bool:
    """Of one database: whether all orders of the one are the other's too. Where each ignores
    states that the other does not, they may be meant to divide the table."""
    if one.table != other.table:
        return False
    if not one.ignored_states or not other.ignored_states:
        return True
    return one.state == other.state and (
        one.ignored_states <= other.ignored_states or other.ignored_states <= one.ignored_states
    )


def _database(front: Database) -> tuple[object, ...]:
    """What is the same for two that are one database."""
    url = front.engine_url()
    kind = url.get_backend_name()
    if kind == "sqlite":
        return kind, posixpath.normpath(url.database or "")
    host, port = (url.host or "").lower(), url.port or _PORTS[kind]
    # MySQL's localhost is a socket, whatever port is named beside it.
    if host in _HERE and (kind == "postgresql" or port == _PORTS[kind]):
        host = "localhost"
    place = (kind, host or "localhost", port, url.database)
    if kind == "mysql":
        return *place, url.query.get("unix_socket")
    # Whose schema a table is in, and which of its rows are seen, PostgreSQL makes up from these.
    query = {name: value for name, value in url.query.items() if not name.startswith("ssl")}
    return *place, url.username, query


def _application(node: Node) -> tuple[object, ...]:
    """What is the same for two that a node can't tell from each other."""
    return (
        (node.host.lower(), node.port, node.username, posixpath.normpath(node.rails_root)),
        (node.rake, dict(node.environment), dict(node.tasks), dict(node.checks)),
    )
