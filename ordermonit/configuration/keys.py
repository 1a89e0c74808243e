"""What a key of a YAML file is: its kind and its one line of documentation.

The settings' dataclasses carry a `Key` on each field (`Annotated`), and the field's own default is
the key's. So a key, its kind, its default and its documentation stand in one place; messages and
documents are made from it, and the samples are checked against it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any

from ordermonit.configuration.kinds import Kind
from ordermonit.configuration.problems import Misfit, Place, described, kind_of, nearest, unknown


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a YAML file. `doc` is one line for people."""

    kind: Kind
    doc: str


def default_of(field: Field[Any]) -> object:
    """The field's default, MISSING for a key that has to be there."""
    if field.default_factory is not MISSING:
        return field.default_factory()
    return field.default


def keys_of(settings: type[Any]) -> dict[str, Key]:
    """The keys of a dataclass of settings, by name; fields without a `Key` are no keys."""
    annotations = settings.__annotations__
    return {
        field.name: annotations[field.name].__metadata__[0]
        for field in fields(settings)
        if hasattr(annotations[field.name], "__metadata__")
    }


def required_keys(settings: type[Any]) -> list[str]:
    """The keys without a default."""
    keys = keys_of(settings)
    return [
        field.name
        for field in fields(settings)
        if field.name in keys and field.default is MISSING and field.default_factory is MISSING
    ]


def read(
    keys: Mapping[str, Key],
    required: Iterable[str],
    values: dict[Any, Any],
    place: Place,
    *,
    hide: bool = False,
) -> dict[str, Any]:
    """The values of the keys that are there and right; every problem is said at `place`.

    With `hide` no message shows the value of an unknown key: it may be a misspelt password.
    """
    found: dict[str, Any] = {}
    wrong: set[str] = set()
    for name, value in values.items():
        key = keys.get(name) if isinstance(name, str) else None
        if key is None:
            place.at(name).say(unknown_key(name, value, keys, hide=hide))
            continue
        try:
            found[name] = key.kind.accept(value)
        except Misfit as misfit:
            wrong.add(name)
            for below, problem in misfit.parts:
                place.at(name).say(problem, below)
    for name in required:
        if name not in found and name not in wrong:
            place.at(name).say(f"missing; expected {keys[name].kind.expected}")
    return found


def unknown_key(name: object, value: object, keys: Mapping[str, Key], *, hide: bool) -> str:
    """What is said of a key that none of `keys` is; `hide` as for `read`."""
    right = nearest(name, keys)
    bad = None
    if right and not keys[right].kind.takes(value):
        bad = f"{kind_of(value)} (not shown)" if hide else described(value)
    return unknown(name, bad, {name: key.kind.expected for name, key in keys.items()})
