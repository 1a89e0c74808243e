"""One YAML file as a mapping: strict where YAML is loose, and quick where libyaml is there."""

import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from ordermonit.configuration.problems import Place, kind_of
from ordermonit.configuration.slips import slip, word_for_key

try:
    from yaml import CSafeLoader as _SafeLoader
except ImportError:
    from yaml import SafeLoader as _SafeLoader  # type: ignore[assignment]

#: Longest file that is read, in bytes. Each sample is a tenth of it.
LONGEST_FILE = 64 * 1024

#: libyaml's parser goes down by recursion without a bound, and ends in a crash. No configuration
#: opens as many lists and mappings as this.
_MOST_NESTED = 8_000
_OPENING = re.compile(rb"[\[{?-]")

#: Merged mappings that merge others grow exponentially.
_MOST_MERGED = 1_000

_MERGE = "tag:yaml.org,2002:merge"

#: What PyYAML's constructors let through for scalars such as 2012-99-99 or `!!bool x`.
_BAD_SCALAR = (ValueError, LookupError, AttributeError, TypeError, OverflowError)


class _Loader(_SafeLoader):
    """A safe loader that notes keys that stand in a mapping twice: YAML takes the last one."""

    def __init__(self, text: bytes) -> None:
        super().__init__(text)
        self.duplicates: list[tuple[int, str]] = []
        self._checked: set[int] = set()

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Before its merges are put in, a node has exactly the keys that were written."""
        if id(node) not in self._checked:
            self._checked.add(id(node))
            self._note_duplicates(node)
        super().flatten_mapping(node)
        if len(node.value) > _MOST_MERGED:
            raise yaml.constructor.ConstructorError(
                None, None, "too many merged keys", node.start_mark
            )

    def _note_duplicates(self, node: yaml.MappingNode) -> None:
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                if (key.tag, key.value) in seen:
                    self.duplicates.append((key.start_mark.line + 1, key.value))
                seen.add((key.tag, key.value))

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except _BAD_SCALAR:
            raise yaml.constructor.ConstructorError(
                None, None, "a number or date that can't be; for text use quotes", node.start_mark
            ) from None


def read_document(
    path: Path, place: Place, ways_out: Callable[[], str] | None = None
) -> dict[Any, Any] | None:
    """The file's mapping, empty for an empty file; None, with the problems said, if there is none.

    With `ways_out`, which says what to do about Ruby, the file may be an ERB template: its values
    are sealed then (`erb.py`). No message shows the file's text: it may hold a password.
    """
    data = _read(path, place)
    if data is None:
        return None
    is_template = ways_out is not None and b"<%" in data
    try:
        value, duplicates = _parse_template(data) if is_template else _parse(data)
    except _Unreadable as problem:
        ways = f" {ways_out()}" if ways_out is not None and problem.is_ruby else ""
        place.say(f"{problem}{ways}")
        return None
    for line, name in duplicates:
        place.at(name).say(f"found twice, again in line {line}; expected once")
    if value is None:
        return {}
    if not isinstance(value, dict):
        place.say(
            (word_for_key(data.decode("utf-8", "replace")) if isinstance(value, str) else None)
            or f"found {kind_of(value)}, expected keys with values, such as `key: value`"
        )
        return None
    return value


class _Unreadable(Exception):
    """What keeps a file from being read; `is_ruby` where that is Ruby that is not run here."""

    is_ruby = False


class _Statement(_Unreadable):
    is_ruby = True


def _read(path: Path, place: Place) -> bytes | None:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            place.say("not a regular file; expected a YAML file")
            return None
        if status.st_size > LONGEST_FILE:
            place.say(f"{status.st_size} bytes long; expected a YAML file of up to {LONGEST_FILE}")
            return None
        return path.read_bytes()
    except FileNotFoundError:
        place.say("no such file; expected a YAML file")
    except OSError as problem:
        place.say(f"can't be read: {problem.strerror}; expected a YAML file that we may read")
        if isinstance(problem, PermissionError):
            place.problems.deny(path)
    return None


def _parse_template(data: bytes) -> tuple[object, list[tuple[int, str]]]:
    """As `_parse`, of a file with ERB in it."""
    # Only a file with ERB pays for this import.
    from ordermonit.configuration import erb

    try:
        sealed = erb.sealed(data)
        try:
            return _parse(sealed)
        except _Unreadable:
            erb.refuse_alone(sealed)
            raise
    except erb.Statement as statement:
        raise _Statement(
            f"line {statement.line}: found a line of Ruby ({statement.shown}), expected YAML with"
            " look-ups such as <%= ENV['NAME'] %>."
        ) from None


def _parse(data: bytes) -> tuple[object, list[tuple[int, str]]]:
    try:
        return _loaded(_utf8(data))
    except yaml.YAMLError as problem:
        raise _Unreadable(_explained(problem, data)) from None
    except RecursionError:
        raise _Unreadable("not a configuration: nested too deeply") from None


def _utf8(data: bytes) -> bytes:
    """The file, if its keys and values are UTF-8. Comments may be in any character set: they are
    old, and nobody reads them here."""
    try:
        data.decode()
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        text = data.decode("utf-8", "replace")
        # With NULs it is UTF-16, of which nothing can be read.
        lines = (
            token.start_mark.line + 1
            for token in yaml.scan(text, _SafeLoader)
            if "\ufffd" in str(getattr(token, "value", ""))
        )
        wrong = line if "\0" in text else next(lines, None)
        if wrong is not None:
            raise _Unreadable(
                f"line {wrong}: found bytes that are no UTF-8, expected UTF-8 text"
            ) from None
        return text.encode()
    return data


def _loaded(data: bytes) -> tuple[object, list[tuple[int, str]]]:
    if len(_OPENING.findall(data)) > _MOST_NESTED:
        raise RecursionError
    loader = _Loader(data)
    try:
        return loader.get_single_data(), loader.duplicates
    finally:
        loader.dispose()


def _explained(problem: yaml.YAMLError, data: bytes) -> str:
    if found := slip(problem, data.decode("utf-8", "replace")):
        return found
    mark = getattr(problem, "problem_mark", None) or getattr(problem, "context_mark", None)
    if isinstance(problem, yaml.reader.ReaderError):
        line = data.count(b"\n", 0, problem.position) + 1
        return f"line {line}: found a control character, expected YAML text"
    # What stands between quotes is the file's own text: an alias, a tag, a character.
    what = re.sub(r"'.+'", "…", getattr(problem, "problem", None) or "it can't be read")
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"{where}found {what.removeprefix('found ')}; expected YAML text"
