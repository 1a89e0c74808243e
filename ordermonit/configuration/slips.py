"""Common slips of who wrote YAML that can't be read: the parser says only where it gave up."""

import re
from collections.abc import Sequence

import yaml

#: White space at a line's beginning with a tab in it.
_TAB = re.compile(r" *\t")

#: A key whose colon has no blank behind it: for YAML that is one word. A URL is none.
_NO_BLANK = re.compile(r"\s*[A-Za-z_]\w*:(?![\s/:]|$)")

#: What is said of a value that begins with a character that means something to YAML, and is the
#: first one of a password as well as not.
_MEANING = re.compile("cannot start any token|undefined alias|constructor for the tag")

#: A key whose value goes on like another key.
_TWO_KEYS = re.compile(r"[^#:]+:\s+[^\s'\"#][^#]*?:\s")

_ENDLESS = {"quoted scalar": "quote", "flow sequence": "bracket", "flow mapping": "brace"}


def slip(problem: yaml.YAMLError, text: str) -> str | None:
    """The line, what is found there and what is expected; None for what is no common slip. It
    shows nothing of the file's text, which may be a password."""
    mark = getattr(problem, "problem_mark", None)
    lines = text.splitlines()
    if mark is None or not lines:
        return None
    at = min(mark.line, len(lines) - 1)
    above = _above(lines, at)
    if _TAB.match(lines[at]):
        return f"line {at + 1}: found a tab at its beginning, expected blanks"
    if _MEANING.search(getattr(problem, "problem", None) or ""):
        return (
            f"line {at + 1}: found a value that begins with one of @ ` % * & !, expected quotes"
            " round it, such as `key: 'value'`"
        )
    if not isinstance(problem, yaml.scanner.ScannerError | yaml.parser.ParserError):
        return None  # it is YAML, and what it means can't be
    for each in (at, above):
        if _NO_BLANK.match(lines[each]):
            return no_blank(each)
    if endless := _endless(problem):
        return endless
    if _TWO_KEYS.match(lines[at]):
        return (
            f"line {at + 1}: found a colon with a blank in a value, expected quotes round it, such"
            " as `key: 'value'`"
        )
    if _blanks(lines[at]) != _blanks(lines[above]):
        return (
            f"line {at + 1}: found {_blanks(lines[at])} blanks at its beginning, and"
            f" {_blanks(lines[above])} in line {above + 1}; expected as many where keys belong"
            " together"
        )
    return None


def no_blank(at: int) -> str:
    """What is said of the line with this index."""
    return f"line {at + 1}: found a colon without a blank behind it, expected `key: value`"


def word_for_key(text: str) -> str | None:
    """What is said where a whole file is but one text, because no colon in it has a blank."""
    found = (at for at, line in enumerate(text.splitlines()) if _NO_BLANK.match(line))
    at = next(found, None)
    return None if at is None else no_blank(at)


def _endless(problem: yaml.YAMLError) -> str | None:
    begun, context = getattr(problem, "context_mark", None), getattr(problem, "context", None) or ""
    for kind, name in _ENDLESS.items():
        if begun is not None and kind in context:
            line = begun.line + 1
            return f"line {line}: found a {name} that does not end, expected another after it"
    return None


def _above(lines: Sequence[str], at: int) -> int:
    """The nearest line above that says something; the line itself without one."""
    said = (each for each in range(at - 1, -1, -1) if lines[each].split("#")[0].strip())
    return next(said, at)


def _blanks(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
