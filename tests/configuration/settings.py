"""What the tests of the configuration share: files to read, and every key of them."""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from typing import Any

import pytest

from ordermonit.configuration import Node, Process, Service, load
from ordermonit.configuration.alerts import Alerts
from ordermonit.configuration.connection import Connection
from ordermonit.configuration.database import CONNECTION, OURS
from ordermonit.configuration.keys import Key, default_of, keys_of
from ordermonit.configuration.settings import Database
from ordermonit.errors import ConfigurationError, Exit

SAMPLES = Path(__file__).parent.parent.parent / "config"
FILES = ("service.yml", "process.yml", "integration_server.yml", "database.yml")


@dataclass(frozen=True)
class Row:
    """One key. `default` is the setting's value; MISSING where the key has to be there."""

    file: str
    name: str
    key: Key
    default: object


def rows() -> Iterator[Row]:
    """All keys, in the order of the files."""
    for file, settings in zip(FILES, (Service, Process, Node), strict=False):
        yield from _rows(file, settings, "")
    yield from _rows("database.yml", Connection, "")
    yield Row("database.yml", "orders", OURS["orders"], MISSING)
    for row in _rows("database.yml", Database, "orders."):
        name = row.name.removeprefix("orders.")
        if name in OURS:
            yield Row(row.file, name, row.key, row.default)
        else:
            yield row
    yield from _rows("alerts.yml", Alerts, "")


def _rows(file: str, settings: Any, under: str) -> Iterator[Row]:
    keys = keys_of(settings)
    by_name: dict[str, Field[Any]] = {field.name: field for field in fields(settings)}
    for name, key in keys.items():
        yield Row(file, f"{under}{name}", key, default_of(by_name[name]))


#: Top-level keys by file: what a file may begin a line with.
TOP = {
    "service.yml": keys_of(Service),
    "process.yml": keys_of(Process),
    "integration_server.yml": keys_of(Node),
    "database.yml": {**CONNECTION, **OURS},
    "alerts.yml": keys_of(Alerts),
}

NODE = "host: node\nusername: deploy\nrails_root: /srv/app\n"

_GOOD: Mapping[str, str | bytes | None] = {
    "service": "",
    "process": "",
    "integration_server": NODE,
    "database": "url: sqlite:///shop.db\n",
}


def write(directory: Path, **given: str | bytes | None) -> Path:
    """Good files, but for those that are given: by name, text or bytes, None for no file."""
    for name, text in {**_GOOD, **given}.items():
        file = directory / f"{name}.yml"
        file.unlink(missing_ok=True)
        if text is not None:
            file.write_bytes(text.encode() if isinstance(text, str) else text)
    return directory


def problems(directory: Path, **environ: str) -> list[str]:
    """What is said about the files, without the directory's name."""
    with pytest.raises(ConfigurationError) as refused:
        load(directory, environ)
    assert refused.value.exit is Exit.CONFIG
    return [line.removeprefix(f"{directory}/") for line in refused.value.message.split("\n")]
