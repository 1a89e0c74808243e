"""The kinds of values that keys take: each says what it expects, and turns YAML into a value."""

import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ordermonit.configuration.problems import (
    Misfit,
    kind_of,
    misfit,
    shown_name,
    unknown,
)

#: Longest time that a setting takes, in seconds: some 30 years, so that dates can be computed.
LONGEST = 1_000_000_000

#: Greatest count that a setting takes: far beyond use, and it fits every database.
MOST = 1_000_000

_URL = r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\x00-\x1f\x7f]+"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Kind:
    """What a key takes. `expected` says it to people; `accept` raises Misfit for anything else."""

    expected: str
    accept: Callable[[Any], Any]

    def takes(self, value: object) -> bool:
        """Whether this kind accepts the value."""
        try:
            self.accept(value)
        except Misfit:
            return False
        return True


def optional(kind: Kind, nothing: str) -> Kind:
    """The same, or null; `nothing` says what null means."""

    def accept(value: object) -> object:
        return None if value is None else kind.accept(value)

    return Kind(f"{kind.expected} (null: {nothing})", accept)


def switchable(kind: Kind, nothing: str) -> Kind:
    """The same, or null or false; `nothing` says what those mean."""

    def accept(value: object) -> object:
        return None if value is None or value is False else kind.accept(value)

    return Kind(f"{kind.expected} (null: {nothing})", accept)


def seconds(*, above_zero: bool = True) -> Kind:
    """A time in seconds, fractions allowed."""
    expected = f"a number of seconds {'greater than 0' if above_zero else 'of 0 or more'}"

    def accept(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise misfit(value, expected)
        if value > LONGEST:
            raise misfit(value, f"{expected}, at most {LONGEST}")
        # A comparison with NaN is false, so it is refused here.
        if not (value > 0 if above_zero else value >= 0):
            raise misfit(value, expected)
        return value

    return Kind(expected, accept)


def _spans(value: object) -> tuple[float, ...]:
    some = seconds(above_zero=False)
    values = value if isinstance(value, list) and value else [value]
    if not all(map(some.takes, values)):
        raise misfit(value, SPANS.expected)
    return tuple(map(some.accept, values))


SPANS = Kind("a number of seconds of 0 or more, or a list of such numbers", _spans)


def whole(least: int, most: int) -> Kind:
    """A whole number within bounds."""
    expected = f"a whole number from {least} to {most}"

    def accept(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise misfit(value, expected)
        return value

    return Kind(expected, accept)


def _switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise misfit(value, SWITCH.expected)
    return value


SWITCH = Kind("true or false", _switch)


def choice(values: type[StrEnum]) -> Kind:
    """One word out of a few."""
    expected = " or ".join(values)

    def accept(value: object) -> StrEnum:
        if not isinstance(value, str) or value not in list(values):
            raise misfit(value, expected)
        return values(value)

    return Kind(expected, accept)


def _plain(value: object, expected: str) -> str:
    """One line of text. YAML reads `on` or `0123` as something else: say how to keep it text."""
    if value is not None and isinstance(value, bool | int | float):
        raise misfit(value, f"{expected}: text, so put it in quotes")
    if not isinstance(value, str) or not value.strip() or _CONTROL.search(value.strip()):
        raise misfit(value, expected)
    return value.strip()


def text(expected: str, pattern: str = ".+") -> Kind:
    """One line of text that fits a pattern as a whole."""

    def accept(value: object) -> str:
        line = _plain(value, expected)
        # Compiled only here: samples and defaults need few of them, and `re` keeps those it had.
        if re.fullmatch(pattern, line) is None:
            raise misfit(value, expected)
        return line

    return Kind(expected, accept)


def file_path(expected: str) -> Kind:
    """A path as text: it is made absolute where the home directory is known."""

    def accept(value: object) -> Path:
        return Path(_plain(value, expected))

    return Kind(expected, accept)


def words(expected: str, *, at_least_one: bool) -> Kind:
    """A list of different texts or whole numbers (a Rails enum's), as a set of texts."""

    def word(value: object) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return _plain(value, "text")

    def accept(value: object) -> frozenset[str]:
        if not isinstance(value, list) or (at_least_one and not value):
            raise misfit(value, expected)
        return frozenset(_each(value, word))

    return Kind(expected, accept)


def _pattern(value: object) -> re.Pattern[str]:
    if not isinstance(value, str) or not value:
        raise misfit(value, "a regular expression")
    try:
        return re.compile(value)
    except (re.error, OverflowError, RecursionError) as problem:
        raise misfit(value, f"a regular expression ({' '.join(str(problem).split())})") from None


def _patterns(value: object) -> tuple[re.Pattern[str], ...]:
    if not isinstance(value, list):
        raise misfit(value, PATTERNS.expected)
    with warnings.catch_warnings():
        # What a later Python may read differently, this one still takes.
        warnings.simplefilter("ignore")
        return tuple(_each(value, _pattern))


PATTERNS = Kind("a list of regular expressions", _patterns)


def _each(values: list[Any], accept: Callable[[object], Any]) -> list[Any]:
    """Every entry, or every problem of every entry."""
    found, parts = [], []
    for at, value in enumerate(values):
        try:
            found.append(accept(value))
        except Misfit as problem:
            parts += [(f"[{at}]{below}", message) for below, message in problem.parts]
    if parts:
        raise Misfit(*parts)
    return found


def named(expected: str, values: Mapping[Any, Kind], defaults: Mapping[Any, Any]) -> Kind:
    """A mapping with fixed names. What it has replaces the default; null or false takes it away
    where the name's kind lets it."""

    def accept(value: object) -> Mapping[Any, Any]:
        if not isinstance(value, dict):
            raise misfit(value, expected)
        kinds = {str(name): (name, kind) for name, kind in values.items()}
        expectations = {name: kind.expected for name, (_, kind) in kinds.items()}
        found: dict[Any, Any] = dict(defaults)
        parts = []
        for name, given in value.items():
            if name not in kinds:
                parts.append((name, unknown(name, None, expectations)))
                continue
            key, kind = kinds[name]
            try:
                found[key] = kind.accept(given)
            except Misfit as problem:
                parts += [(f"{name}{below}", message) for below, message in problem.parts]
        return _or_misfit(found, parts)

    return Kind(expected, accept)


def variables(expected: str, defaults: Mapping[str, str]) -> Kind:
    """Environment variables over the defaults; null takes a default away. Their values may be
    secret, so no message shows one."""

    def accept(value: object) -> Mapping[str, str]:
        if not isinstance(value, dict):
            raise misfit(value, expected)
        found: dict[str, Any] = dict(defaults)
        parts = []
        for name, given in value.items():
            if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                parts.append((name, "not a variable's name; expected letters, digits and _"))
                continue
            if isinstance(given, bool | int | float) or not isinstance(given, str | None):
                parts.append((name, f"found {kind_of(given)}, expected text in quotes, or null"))
            elif given is not None and _CONTROL.search(given):
                parts.append((name, "found text of several lines, expected one line of text"))
            else:
                found[name] = given
        return _or_misfit(found, parts)

    return Kind(expected, accept)


def _or_misfit(found: dict[Any, Any], parts: list[tuple[Any, str]]) -> Mapping[Any, Any]:
    if parts:
        raise Misfit(*((f".{shown_name(name)}", message) for name, message in parts))
    return MappingProxyType({name: value for name, value in found.items() if value is not None})


def urls(expected: str) -> Kind:
    """A list of URLs that no message shows: their paths are secrets too."""
    one = secret_url("a URL")

    def accept(value: object) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise Misfit(("", f"found {kind_of(value)} (not shown), expected {expected}"))
        return tuple(_each(value, one.accept))

    return Kind(expected, accept)


def secret_url(expected: str) -> Kind:
    """A URL that no message shows."""

    def accept(value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch(_URL, value.strip()):
            raise Misfit(("", f"found {kind_of(value)} (not shown), expected {expected}"))
        return value.strip()

    return Kind(expected, accept)


def secret(expected: str) -> Kind:
    """Text that no message shows. An empty one is none."""

    def accept(value: object) -> str | None:
        if value is None or value == "":
            return None
        if not isinstance(value, str) or "\0" in value:
            raise Misfit(("", f"found {kind_of(value)} (not shown), expected {expected}"))
        return value

    return Kind(expected, accept)
