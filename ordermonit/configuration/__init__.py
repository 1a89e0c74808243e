"""Four YAML files in; one frozen `Configuration`, or all their problems at once, out.

May import: errors, text, orders.
May not: whatever the configuration is for.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ordermonit.configuration.credentials import read_credentials
from ordermonit.configuration.database import Surroundings, read_database
from ordermonit.configuration.document import read_document
from ordermonit.configuration.jumps import Jump
from ordermonit.configuration.keys import keys_of, read
from ordermonit.configuration.node import read_node
from ordermonit.configuration.problems import Place, Problems
from ordermonit.configuration.settings import (
    Configuration,
    Database,
    FollowPayments,
    Language,
    Node,
    Process,
    Service,
)

if TYPE_CHECKING:
    from ordermonit.configuration.variables import Variables

__all__ = [
    "Configuration",
    "Database",
    "FollowPayments",
    "Jump",
    "Language",
    "Node",
    "Process",
    "Service",
    "load",
]


def load(directory: Path, environ: Mapping[str, str] = os.environ) -> Configuration:
    """The configuration in a directory, and in the credentials that systemd hands over.

    Raises ConfigurationError with every problem of every file, one a line.
    """
    problems = Problems()
    credentials = read_credentials(environ, problems)
    service = _simple(Service, directory / "service.yml", problems)
    process = _simple(Process, directory / "process.yml", problems)
    file = directory / "integration_server.yml"
    place = Place(problems, str(file))
    node = None
    if (values := read_document(file, place)) is not None:
        node = read_node(values, directory, credentials.ssh_key, environ, place)
    database = _database(directory, environ, node, credentials.database_password, problems)
    if problems.lines or node is None or database is None:
        raise problems.error()
    return Configuration(directory, Service(**service), Process(**process), node, database)


def _database(
    directory: Path,
    environ: Mapping[str, str],
    node: Node | None,
    password: str | None,
    problems: Problems,
) -> Database | None:
    """The shop's database; None, with the problems said, where there is none."""
    rails_env = (node.environment.get("RAILS_ENV") if node else None) or "production"

    def ways_out() -> str:
        from ordermonit.configuration.erb import ways_out

        return ways_out(node, rails_env)

    def variables() -> "Variables":
        from ordermonit.configuration.variables import Variables

        return Variables(directory, environ, rails_env, problems)

    file = directory / "database.yml"
    place = Place(problems, str(file))
    values = read_document(file, place, ways_out)
    if values is None:
        return None
    return read_database(
        values, Surroundings(rails_env, directory, password, variables, ways_out), place
    )


def _simple(settings: type[Any], file: Path, problems: Problems) -> dict[str, Any]:
    """The settings of a file in which every key has a default."""
    place = Place(problems, str(file))
    values = read_document(file, place)
    return {} if values is None else read(keys_of(settings), (), values, place)
