"""Text as mdoc(7), the language of man pages."""

import re
from collections.abc import Iterable, Iterator, Mapping
from textwrap import wrap

#: Longest line of text, in bytes.
_LONGEST = 80

_MARK = re.compile(r"^@(\w+)@\n", re.M)


def filled(page: str, parts: Mapping[str, str]) -> str:
    """The page with each line `@NAME@` replaced, and its lines folded. Raises KeyError for a name
    that is no part."""
    return "".join(_folded(_MARK.sub(lambda mark: parts[mark[1]], page)))


def _folded(page: str) -> Iterator[str]:
    """The lines of a page, none of its text longer than mandoc likes; literal ones stay."""
    is_literal = False
    for line in page.splitlines():
        if line.startswith((".Bd", ".Ed")):
            is_literal = line.startswith(".Bd -literal")
        if is_literal or line.startswith((".", "'")) or len(line.encode()) <= _LONGEST:
            yield f"{line}\n"
            continue
        first, *rest = wrap(line, _LONGEST - 4, break_long_words=False, break_on_hyphens=False)
        yield f"{first}\n"
        for more in rest:
            yield f"{_protected(more)}\n"


def _protected(line: str) -> str:
    """A line of text that is not taken for a macro."""
    return rf"\&{line}" if line.startswith((".", "'")) else line


def plain(text: str) -> str:
    """One line of text as it stands."""
    line = text.replace("\\", r"\e").replace("--", r"\-\-").replace("~", r"\(ti")
    return _protected(line)


def quoted(text: str) -> str:
    """Text as one argument of a macro."""
    return f'"{plain(text).replace(chr(34), chr(34) * 2)}"'


def prose(text: str) -> str:
    """A sentence or several, which may have `code` in them, as lines: a new sentence, a new one."""
    pieces = re.split(r"(?<=[.!?])\s+(?=[A-Z])", text)
    return "".join(f"{re.sub('`([^`]+)`', _code, plain(each))}\n" for each in pieces)


def sentence(text: str) -> str:
    """What begins small and ends without a full stop, as a sentence of its own.

    A first word that is no plain one, such as `mysql2:`, stays as it is.
    """
    first = text[:1].upper() if re.match(r"[a-z]+[ ,;]", text) else text[:1]
    return f"{first}{text[1:]}{'' if text.endswith('.') else '.'}"


def literal(text: str) -> str:
    """Lines that stay as they are."""
    lines = "".join(f"{plain(line)}\n" for line in text.splitlines())
    return f".Bd -literal -offset indent\n{lines}.Ed\n"


def tagged(items: Iterable[tuple[str, str]]) -> str:
    """A list: each tag is the rest of an `.It` line, each text is mdoc. Nothing of nothing."""
    lines = "".join(_item(tag, text) for tag, text in items)
    return f".Bl -tag -width Ds\n{lines}.El\n" if lines else ""


def _item(tag: str, text: str) -> str:
    return f".It {tag}\n{text}"


def _code(found: re.Match[str]) -> str:
    return rf"\fB{found[1]}\fR"
