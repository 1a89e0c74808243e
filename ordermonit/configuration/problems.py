"""Problems of the configuration: how each is said, and where all of them are gathered.

No message carries a password: values of secret keys are not shown, nor is any text that looks like
a URL with one.
"""

import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ordermonit.errors import ConfigurationError
from ordermonit.text import quoted

_PLAIN_NAME = re.compile(r"[\w.-]{1,64}")
_WITH_PASSWORD = re.compile(r":[^@]*@")
_REMEDY = "Correct what is named here, then type the command again"


class Misfit(Exception):
    """A value that its key does not take: (path below the key, what is wrong) for each problem."""

    def __init__(self, *parts: tuple[str, str]) -> None:
        super().__init__(*parts)
        self.parts = parts


def misfit(value: object, expected: str) -> Misfit:
    """The one problem of a simple value."""
    return Misfit(("", wrong(value, expected)))


def wrong(value: object, expected: str) -> str:
    """What was found, and what is expected."""
    return f"found {described(value)}, expected {expected}"


def described(value: object) -> str:
    """A value as people wrote it, in one short line; without one that may hold a password."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case str():
            if "://" in value or _WITH_PASSWORD.search(value):
                return "text (not shown)"
            return quoted(value)
        case int() if value.bit_length() > 128:
            return "a huge number"
        case int() | float():
            return str(value)
        case _:
            return kind_of(value)


def kind_of(value: object) -> str:
    """What sort of value this is, without the value."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case str():
            return "text"
        case int() | float():
            return "a number"
        case list() | tuple():
            return "a list"
        case dict():
            return "a mapping"
        case bytes():
            return "binary data"
        case set():
            return "a set"
        case _:
            return "a date"


def shown_name(name: object) -> str:
    """A key's name. Only its plain beginning: `{password:secret}` is one key for YAML."""
    if not isinstance(name, str):
        return described(name)
    plain = _PLAIN_NAME.match(name)
    if plain is None:
        return "a key of odd characters"
    return name if plain.end() == len(name) else f"{plain.group()}…"


def nearest(name: object, names: Iterable[str]) -> str | None:
    """The right key that was probably meant."""
    # Only wrong files pay for this import.
    from difflib import get_close_matches

    close = get_close_matches(str(name)[:64].lower(), list(names), n=1, cutoff=0.6)
    return close[0] if close else None


def misspelt(name: object, names: Iterable[str]) -> str | None:
    """The right key that this is a slip of: one letter wrong, left out, put in or changed over with
    its neighbour, or two of them in a long name."""
    word = str(name)[:64].lower()
    for right in names:
        if _slips(word, right) <= (1 if len(right) < 8 else 2):
            return right
    return None


def _slips(one: str, other: str) -> int:
    """The distance of Damerau and Levenshtein, with each pair of neighbours changed over once."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one):
        older, before, row = before, row, [at + 1]
        for to, its in enumerate(other):
            least = min(before[to] + (letter != its), before[to + 1] + 1, row[to] + 1)
            if at and to and letter == other[to - 1] and its == one[at - 1]:
                least = min(least, older[to - 1] + 1)
            row.append(least)
    return row[-1]


def unknown(name: object, bad_value: str | None, expectations: Mapping[str, str]) -> str:
    """An unknown key: the nearest right one and what that takes, else all that there are.

    `bad_value` is the value as described, where it would not do for the nearest key either.
    """
    right = nearest(name, expectations)
    if right is None:
        return f"unknown key; expected one of {', '.join(expectations)}"
    if bad_value is None:
        return f"unknown key; did you mean {right}? It takes {expectations[right]}"
    return f"unknown key; did you mean {right}? Found {bad_value}, expected {expectations[right]}"


class Problems:
    """All problems of all files, in the order in which they were found."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._closed: dict[Path, None] = {}

    def deny(self, file: Path) -> None:
        """Note that this user may not read a file."""
        self._closed[file.absolute()] = None

    def error(self) -> ConfigurationError:
        """All of them as one error, one problem a line."""
        return ConfigurationError(self.lines, f"{_REMEDY}{self._opening() if self._closed else ''}")

    def _opening(self) -> str:
        """What opens the files that are closed to this user: the service's, who root may have been
        a moment ago, or a stranger to it."""
        # Only wrong rights pay for these imports.
        from grp import getgrgid
        from pwd import getpwuid
        from shlex import join

        name, group = f"uid {os.geteuid()}", str(os.getegid())
        with suppress(KeyError):
            name = getpwuid(os.geteuid()).pw_name
        with suppress(KeyError):
            group = getgrgid(os.getegid()).gr_name
        places = {
            str(file.parent if not os.access(file.parent, os.X_OK) else file)
            for file in self._closed
        }
        for place in map(Path, sorted(places)):
            if not os.access(place.parent, os.X_OK):
                return (
                    f". {place.parent} is closed to {name}: correct --config, or type the command"
                    " as root or as the service's user"
                )
        files = join(sorted(places))
        return (
            f". If the service's user is {name}, first type as root:"
            f" chgrp {group} {files} && chmod g+rX {files}"
            "; if it is another, type the command as root or as that user"
        )


class Place:
    """A file, or a key in it: where problems are. `Place.at` goes one key deeper."""

    def __init__(self, problems: Problems, file: str, path: str = "") -> None:
        self.problems = problems
        self.file = file
        self.path = path

    def at(self, name: object) -> "Place":
        """The place of a key below this one."""
        shown = shown_name(name)
        return Place(self.problems, self.file, f"{self.path}.{shown}" if self.path else shown)

    def say(self, problem: str, below: str = "") -> None:
        """Note a problem; `below` is a path under this place, beginning with its separator."""
        path = f"{self.path}{below}"
        self.problems.lines.append(
            f"{self.file}: {path}: {problem}" if path else f"{self.file}: {problem}"
        )

    def mapping(self, value: object) -> dict[Any, Any]:
        """The mapping that has to be here; an empty one, and a problem, if it is none."""
        if isinstance(value, dict):
            return value
        if value is not None:
            self.say(f"found {kind_of(value)}, expected keys with values")
        return {}
