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

#: A key's name, what it is, and its default; MISSING for a key that has to be there.
Row = tuple[str, Key, object]


def sections(samples: list[Path]) -> str:
    """A section for each sample in config/."""
    return "".join(_section(sample) for sample in samples)


def _section(sample: Path) -> str:
    return f".Ss {sample.name}\n{prose(about(sample))}{tagged(map(_item, keys_in(sample.stem)))}"


def about(sample: Path) -> str:
    """What the sample says of itself at its beginning."""
    return " ".join(takewhile(bool, (line[2:] for line in sample.read_text().splitlines())))


def keys_in(name: str) -> Iterator[Row]:
    """The keys of NAME.yml."""
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


def _keys(table: type[Any]) -> Iterator[Row]:
    by_name = {field.name: field for field in fields(table)}
    for name, key in keys_of(table).items():
        yield name, key, default_of(by_name[name])


def _item(row: Row) -> tuple[str, str]:
    name, key, default = row
    text = f"{prose(sentence(key.doc))}.Pp\n{prose(f'Type: {key.kind.expected}.')}"
    if default is MISSING:
        return f"Ic {quoted(name)}", f"{text}Required.\n"
    plain = plain_of(default)
    if plain and isinstance(plain, list | dict):
        return f"Ic {quoted(name)}", f"{text}Default:\n{literal(as_yaml(plain))}"
    return f"Ic {quoted(name)}", f"{text}Default:\n.Li {quoted(as_yaml(plain))}\n"


def as_yaml(value: object, *, in_one_line: bool = False) -> str:
    """A default as it would stand in the file; what has several entries on lines of its own."""
    text = yaml.safe_dump(
        value,
        allow_unicode=True,
        default_flow_style=in_one_line or not value,
        sort_keys=False,
        width=1_000,
    )
    return text.removesuffix("...\n").rstrip()


def plain_of(value: object) -> object:
    """A default as YAML has it."""
    match value:
        case re.Pattern():
            return value.pattern
        case StrEnum():
            return str(value)
        case Mapping():
            return {plain_of(name): plain_of(each) for name, each in value.items()}
        case frozenset():
            return sorted(value)
        case tuple():
            return [plain_of(each) for each in value]
    return value
