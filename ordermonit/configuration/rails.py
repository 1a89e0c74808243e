"""Rails' own database.yml: which of its sections counts, by Rails' rules.

An environment is a mapping, a URL, or several databases of which `primary` or else the first is the
shop's; `shared` stands below each of them.
"""

from collections.abc import Collection
from typing import Any

from ordermonit.configuration.problems import Place

#: A mapping with one of these is a database.
_MARKS = frozenset({"adapter", "url", "database", "primary"})


def plain(mapping: dict[Any, Any]) -> dict[Any, Any]:
    """With Ruby's symbols as words: `:adapter` is `adapter`."""
    return {
        name.removeprefix(":") if isinstance(name, str) else name: value
        for name, value in mapping.items()
    }


def is_database(value: object) -> bool:
    """Whether this is a database, or a mapping of several."""
    if not isinstance(value, dict):
        return False
    return not _MARKS.isdisjoint(plain(value)) or (
        bool(value)
        and all(isinstance(one, dict) for one in value.values())
        and any(is_database(one) for one in value.values())
    )


def has_environments(top: dict[Any, Any], environment: str, ours: Collection[str]) -> bool:
    """Whether the file has a section for each environment, rather than one connection's keys."""
    if isinstance(top.get(environment), dict | str):
        return True
    return any(is_database(value) for name, value in top.items() if name not in ours)


def section_of(
    top: dict[Any, Any], environment: str, ours: Collection[str], place: Place
) -> tuple[dict[Any, Any], Place] | None:
    """The keys of the environment's database, and where they stand; None, with the problem said,
    where there are none."""
    shared = top.get("shared")
    below = plain(shared) if isinstance(shared, dict) else {}
    found = top.get(environment)
    if found is None and not below:
        place.at(environment).say(
            "missing; expected the section of the RAILS_ENV that integration_server.yml sets"
        )
        return None
    place = place.at(environment)
    section = _mapping(found, place)
    first = _first(section, ours)
    if first is None:
        return {**below, **section}, place
    place = place.at(first)
    beside = {name: value for name, value in section.items() if name in ours}
    if _first(below, ours) is not None:
        below = _mapping(below.get(first), place)
    return {**below, **beside, **_mapping(section[first], place)}, place


def _mapping(value: object, place: Place) -> dict[Any, Any]:
    return {"url": value} if isinstance(value, str) else plain(place.mapping(value))


def _first(section: dict[Any, Any], ours: Collection[str]) -> str | None:
    """The name of the database that counts, where there are several."""
    if "primary" in section:
        return "primary"
    databases = {name: value for name, value in section.items() if name not in ours}
    if not databases or not all(isinstance(value, dict) for value in databases.values()):
        return None
    names: list[str] = list(databases)
    return next((name for name in names if not databases[name].get("replica")), names[0])
