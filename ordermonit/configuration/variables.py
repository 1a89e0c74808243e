"""The variables that the shop's database.yml looks up: who has them, in which order."""

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from ordermonit.configuration.credentials import read_secret
from ordermonit.configuration.problems import Place, Problems

#: The file beside database.yml: `NAME=value`, one a line.
FILE = "environment"

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")


class Variables:
    """Looks up one after the other: our environment (a unit's EnvironmentFile=), a credential of
    that name, and the file `environment` of the configuration's directory.

    `rails_env` is what RAILS_ENV is where nobody says otherwise.
    """

    def __init__(
        self, directory: Path, environ: Mapping[str, str], rails_env: str, problems: Problems
    ) -> None:
        self.file = directory / FILE
        self._environ = environ
        self._rails_env = rails_env
        self._problems = problems

    def __call__(self, name: str) -> str | None:
        """Its value, None where it is not set."""
        if name == "RAILS_ENV":
            return self._rails_env
        found = self._environ.get(name)
        if found is None and re.fullmatch(r"\w+", name):
            found = read_secret(name, self._environ, self._problems, "a variable's value")
        return self._beside.get(name) if found is None else found

    @cached_property
    def _beside(self) -> dict[str, str]:
        place = Place(self._problems, str(self.file))
        try:
            lines = self.file.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return {}
        except OSError as problem:
            place.say(f"can't be read: {problem.strerror}; expected a file that we may read")
            if isinstance(problem, PermissionError):
                self._problems.deny(self.file)
            return {}
        except UnicodeDecodeError:
            place.say("found bytes that are no UTF-8, expected NAME=value, one a line")
            return {}
        found = {}
        for at, line in enumerate(map(str.strip, lines), 1):
            pair = _LINE.fullmatch(line)
            if pair is not None:
                found[pair[1]] = _without_quotes(pair[2])
            elif line and line[0] not in "#;":
                place.say(f"line {at}: found what is no variable, expected NAME=value")
        return found


def _without_quotes(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value
