"""Words that others wrote, made harmless: none steers a terminal or forges a line of a log."""

import re

#: Longest text of an error that a record, an answer or a journal's entry keeps, in characters.
LONGEST_ERROR = 500

#: Longest value that a message quotes, in characters.
LONGEST_QUOTE = 60

_MARK = "\N{REPLACEMENT CHARACTER}"

#: A line break, a tab and their like, with the white space behind it. Blanks of a path stay.
_BREAK = re.compile(r"[^\S ]\s*")


def later(sentence: str) -> str:
    """The sentence itself: it is to be translated, and is where `language` shows it."""
    return sentence


def visible(text: str) -> str:
    """The text with a mark in the place of each invisible character, so that it never becomes
    another text that is in order."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _MARK for each in text)


def one_line(text: str, limit: int = LONGEST_ERROR) -> str:
    """The text as one line, of at most `limit` characters, that is safe to print."""
    return cut(visible(_BREAK.sub(" ", text).strip()), limit)


def cut(text: str, limit: int) -> str:
    """The text, or as much of its beginning as `limit` characters take."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def quoted(text: str) -> str:
    """A value as a message shows it: short, in quotes, and what is invisible in it by its code."""
    escaped = "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode()
        for each in text[:LONGEST_QUOTE]
    )
    return f'"{escaped}{"…" if len(text) > LONGEST_QUOTE else ""}"'
