"""ordermonit(5): the YAML files, each key with its type and its default."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from enum import StrEnum
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from typing import Any

import yaml
from mdoc import literal, prose, quoted, sentence, tagged

from ordermonit.configuration import settings
from ordermonit.configuration.connection import Connection
from ordermonit.configuration.database import OURS
from ordermonit.configuration.keys import Key, default_of, keys_of

_Row = tuple[str, Key, object]


def sections(samples: list[Path]) -> str:
    """A section for each sample in config/."""
    return "".join(_section(sample) for sample in samples)


def _section(sample: Path) -> str:
    about = " ".join(takewhile(bool, (line[2:] for line in sample.read_text().splitlines())))
    return f".Ss {sample.name}\n{prose(about)}{tagged(_item(row) for row in _rows(sample.stem))}"


def _rows(name: str) -> Iterator[_Row]:
    """The keys of that file."""
    if name != "database":
        yield from _keys(_table(name))
        return
    yield from _keys(Connection)
    for key, of, default in _keys(settings.Database):
        yield (key if key in OURS else f"orders: {key}"), of, default


def _table(name: str) -> type[Any]:
    """The settings of NAME.yml: `Name`, of the settings or of a module of that name."""
    if name == "integration_server":
        return settings.Node
    own = not hasattr(settings, name.capitalize())
    module = import_module(f"ordermonit.configuration.{name}") if own else settings
    table: type[Any] = getattr(module, name.capitalize())
    return table


def _keys(table: type[Any]) -> Iterator[_Row]:
    by_name = {field.name: field for field in fields(table)}
    for name, key in keys_of(table).items():
        yield name, key, default_of(by_name[name])


def _item(row: _Row) -> tuple[str, str]:
    name, key, default = row
    text = f"{prose(sentence(key.doc))}.Pp\n{prose(f'Type: {key.kind.expected}.')}"
    if default is MISSING:
        return f"Ic {quoted(name)}", f"{text}Required.\n"
    plain = _plain(default)
    if plain and isinstance(plain, list | dict):
        return f"Ic {quoted(name)}", f"{text}Default:\n{literal(_yaml(plain))}"
    return f"Ic {quoted(name)}", f"{text}Default:\n.Li {quoted(_yaml(plain))}\n"


def _yaml(value: object) -> str:
    """A default as it would stand in the file; what has several entries on lines of its own."""
    text = yaml.safe_dump(value, default_flow_style=not value, sort_keys=False, width=1_000)
    return text.removesuffix("...\n").rstrip()


def _plain(value: object) -> object:
    match value:
        case re.Pattern():
            return value.pattern
        case StrEnum():
            return str(value)
        case Mapping():
            return {_plain(name): _plain(each) for name, each in value.items()}
        case frozenset():
            return sorted(value)
        case tuple():
            return [_plain(each) for each in value]
    return value
