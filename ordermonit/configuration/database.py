"""database.yml: our own form, or the shop's own Rails file with its environments."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ordermonit.configuration import kinds, rails
from ordermonit.configuration.address import parts_of, url_of
from ordermonit.configuration.connection import DRIVERS, USED, Connection, meant
from ordermonit.configuration.keys import Key, keys_of, read, unknown_key
from ordermonit.configuration.problems import Place, misspelt
from ordermonit.configuration.settings import AUTHORIZED_STATES, CLOSED_STATES, Database

if TYPE_CHECKING:
    from ordermonit.configuration.variables import Variables

#: The keys of the connection.
CONNECTION = keys_of(Connection)

_BESIDE = ("authorized_states", "closed_states", "ignored_states", "read_timeout")
_COLUMNS = {name: key for name, key in keys_of(Database).items() if name not in _BESIDE}

#: The column of each, where nothing else is said.
_USUAL = {each.name: str(each.default) for each in fields(Database) if each.default == each.name}

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

_ALL = {**CONNECTION, **OURS}

#: Keys whose values may be Ruby's symbols: `:required`.
_WORDS = frozenset({"adapter", "encoding", "ssl_mode", "sslmode"})


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What database.yml is read with.

    `environment` is the Rails environment whose section counts, `directory` where relative files
    begin. `password`, a credential, replaces the file's. `variables` has what look-ups ask for, and
    `ways_out` says what to do about other Ruby.
    """

    environment: str
    directory: Path
    password: str | None = field(repr=False)
    variables: Callable[[], "Variables"]
    ways_out: Callable[[], str]


def read_database(top: dict[Any, Any], surroundings: Surroundings, place: Place) -> Database | None:
    """The settings; None, with the problems said, if they are none."""
    before = len(place.problems.lines)
    top = rails.plain(top)
    section, ours, outermost = top, {}, place
    is_rails = rails.has_environments(top, surroundings.environment, OURS)
    if is_rails:
        _refuse_misspelt(top, OURS, place)
        beside = {name: value for name, value in top.items() if name in OURS}
        ours = _values(beside, OURS, surroundings, place)
        chosen = rails.section_of(top, surroundings.environment, OURS, place)
        if chosen is None:
            return None
        section, place = chosen
    found = _connection(section, surroundings, place, is_rails=is_rails)
    _check_columns(ours.get("orders", {}), outermost)
    _check_columns(found.get("orders", {}), place)
    ours |= {name: found.pop(name) for name in list(found) if name in OURS}
    _check_states(ours, place)
    url = None
    if len(place.problems.lines) == before:
        options = found.pop("options")
        url = url_of(Connection(**found), options, surroundings.directory, place)
    if url is None:
        return None
    columns: dict[str, Any] = dict(ours.pop("orders", {}))
    return Database(url=url, **columns, **ours)


def _refuse_misspelt(values: dict[Any, Any], keys: Mapping[str, Key], place: Place) -> None:
    """What Rails knows and we don't means nothing here; what nearly is one of ours is a slip."""
    for name, value in values.items():
        # `{password:secret}` is one key for YAML.
        word = str(name).partition(":")[0]
        if name not in keys and not rails.is_database(value) and misspelt(word, keys):
            place.at(name).say(unknown_key(name, value, keys, hide=True))


def _connection(
    section: dict[Any, Any], surroundings: Surroundings, place: Place, *, is_rails: bool
) -> dict[str, Any]:
    """The values of the keys that count for this adapter; and `options`, which are the driver's."""
    section = {meant(name): value for name, value in section.items()}
    first = {name: section.pop(name) for name in ("url", "adapter") if name in section}
    found = _values(first, CONNECTION, surroundings, place)
    parts: dict[str, object] = {}
    options: dict[str, str] = {}
    if found.get("url") is not None:
        parts, options = parts_of(found["url"], place.at("url"))
    if surroundings.password is not None:
        parts["password"] = surroundings.password
    driver = DRIVERS.get(str(parts.get("adapter") or found.get("adapter")))
    section = _one_tls_word(section, driver)
    passed_over = parts.keys() | (CONNECTION.keys() - USED[driver] if driver else ())
    wanted = {name: value for name, value in section.items() if name not in passed_over}
    if is_rails or "adapter" in first:
        _refuse_misspelt(wanted, _ALL, place)
        wanted = {name: value for name, value in wanted.items() if name in _ALL}
    found |= _values(wanted, _ALL, surroundings, place)
    found |= read(CONNECTION, (), parts, place.at("url"), hide=True)
    return found | {"options": options}


def _one_tls_word(section: dict[Any, Any], driver: str | None) -> dict[Any, Any]:
    """What asks for encryption by the other driver's name for it, or by trilogy's, is not lost."""
    is_mysql = driver is not None and driver.startswith("mysql")
    ours, theirs = ("ssl_mode", "sslmode") if is_mysql else ("sslmode", "ssl_mode")
    if ours not in section and driver != "sqlite":
        if theirs in section:
            return section | {ours: section[theirs]}
        if is_mysql and section.get("ssl") is True:
            return section | {ours: "required"}
    return section


def _values(
    values: dict[Any, Any], keys: Mapping[str, Key], surroundings: Surroundings, place: Place
) -> dict[str, Any]:
    """What these keys say, with look-ups done and symbols as words."""
    opened = _open(values, surroundings, place)
    return read(
        keys, (), {name: _word(name, value) for name, value in opened.items()}, place, hide=True
    )


def _word(name: object, value: object) -> object:
    return value.removeprefix(":") if name in _WORDS and isinstance(value, str) else value


def _open(values: dict[Any, Any], surroundings: Surroundings, place: Place) -> dict[Any, Any]:
    """The values with their look-ups done; without those that could not be, which are said."""
    if "<%" not in str(values):
        return values
    # Only a file with ERB pays for this import.
    from ordermonit.configuration.erb import Templates

    templates = Templates(surroundings.variables(), surroundings.ways_out())
    return templates.opened(values, {name: key.kind for name, key in _ALL.items()}, place)


def _check_columns(named: Mapping[str, str], place: Place) -> None:
    """Each has a column of its own; only the number may be the id itself."""
    usual = {name: column for name, column in _USUAL.items() if name not in named}
    whose: dict[str, str] = {}
    for name, column in {**usual, **named}.items():
        other = name if name == "table" else whose.setdefault(column, name)
        if other != name and {other, name} != {"id", "number"}:
            place.at("orders").at(name).say(
                f'found "{column}", the column of {other} too; expected a column of its own'
            )


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
