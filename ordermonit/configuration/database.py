"""database.yml: our own form, or the shop's own Rails file with its environments."""

from pathlib import Path
from typing import Any

from ordermonit.configuration import kinds
from ordermonit.configuration.address import url_of
from ordermonit.configuration.connection import IGNORED, Connection
from ordermonit.configuration.keys import Key, keys_of, read
from ordermonit.configuration.problems import Place
from ordermonit.configuration.settings import AUTHORIZED_STATES, CLOSED_STATES, Database

#: The keys of the connection.
CONNECTION = keys_of(Connection)

_BESIDE = ("authorized_states", "closed_states", "ignored_states", "read_timeout")
_COLUMNS = {name: key for name, key in keys_of(Database).items() if name not in _BESIDE}

#: The keys that are ours: in a Rails file they stand beside the environments, or in one.
OURS = {
    "orders": Key(
        kinds.named(
            f"a mapping with {', '.join(_COLUMNS)}",
            {name: key.kind for name, key in _COLUMNS.items()},
            {},
        ),
        "where the orders are",
    ),
    **{name: key for name, key in keys_of(Database).items() if name in _BESIDE},
}

#: A mapping with one of these is a Rails environment.
_MARKS = frozenset({"adapter", "url", "database", "primary"})


def read_database(
    top: dict[Any, Any], environment: str, directory: Path, password: str | None, place: Place
) -> Database | None:
    """The settings; None, with the problems said, if they are none.

    `environment` is the Rails environment whose section counts. `password` replaces the file's.
    """
    before = len(place.problems.lines)
    sections = [name for name, value in top.items() if name not in OURS and _is_section(value)]
    if sections:
        section = _section(top, environment, place)
        shared = {name: value for name, value in top.items() if not _is_foreign(name, value)}
        ours = read(OURS, (), shared, place, hide=True)
        place = place.at(environment)
        if section is not None and "primary" in section:
            # Rails with several databases: the first is the shop's.
            place = place.at("primary")
            section = place.mapping(section["primary"])
    else:
        section, ours = top, {}
    if section is None:
        return None
    found = read({**CONNECTION, **OURS}, (), _plain(section, place), place, hide=True)
    ours |= {name: found.pop(name) for name in list(found) if name in OURS}
    _check_states(ours, place)
    url = None
    if len(place.problems.lines) == before:
        url = url_of(Connection(**found), directory, password, place)
    if url is None:
        return None
    columns: dict[str, Any] = dict(ours.pop("orders", {}))
    return Database(url=url, **columns, **ours)


def _is_section(value: object) -> bool:
    return isinstance(value, dict) and not _MARKS.isdisjoint(
        name for name in value if isinstance(name, str)
    )


def _is_foreign(name: object, value: object) -> bool:
    """Whether a top-level key is one of Rails' environments, so none of our business."""
    return name not in OURS and (value is None or _is_section(value))


def _section(top: dict[Any, Any], environment: str, place: Place) -> dict[Any, Any] | None:
    section = top.get(environment)
    if isinstance(section, dict):
        return section
    place.at(environment).say(
        "missing; expected the section of the RAILS_ENV that integration_server.yml sets"
    )
    return None


def _plain(section: dict[Any, Any], place: Place) -> dict[Any, Any]:
    """The section without what is Rails' alone, and without templates."""
    plain = {}
    for name, value in section.items():
        if name in IGNORED:
            continue
        if name == "schema_search_path":
            place.at(name).say("this key does nothing; expected the schema in orders.table")
        elif name in CONNECTION and isinstance(value, str) and "<%" in value:
            place.at(name).say("found a template (<% … %>), expected a plain value: no Ruby runs")
        else:
            plain[name] = value
    return plain


def _check_states(ours: dict[str, Any], place: Place) -> None:
    authorized = ours.get("authorized_states", AUTHORIZED_STATES)
    both = authorized & ours.get("closed_states", CLOSED_STATES)
    if both:
        place.at("closed_states").say(
            f"found {', '.join(sorted(both))} in authorized_states too;"
            " expected each state in one of them"
        )
    known = authorized | ours.get("closed_states", CLOSED_STATES)
    if twice := ours.get("ignored_states", frozenset()) & known:
        place.at("ignored_states").say(
            f"found {', '.join(sorted(twice))} in authorized_states or closed_states too;"
            " expected each state in one of them"
        )
