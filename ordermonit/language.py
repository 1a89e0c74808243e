"""Sentences for people away from the terminal, in the language that `language` (process.yml) names.

A sentence is translated whole, with a name for each value in it. What is typed, logged, or read by
programs is in English everywhere: commands, keys, the journal's lines, errors, `--json`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gettext import NullTranslations

#: What the sentences stand in here.
ENGLISH = "en"

#: `LANGUAGE/LC_MESSAGES/ordermonit.po`, and beside it what the build makes of it.
LOCALE = Path(__file__).parent / "locale"

_spoken: ContextVar[NullTranslations | None] = ContextVar("spoken", default=None)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Within it sentences are in this language. One that is not installed is English: news in the
    wrong language is better than none."""
    found = None
    if language != ENGLISH:
        from gettext import translation  # English does not pay for it

        found = translation("ordermonit", LOCALE, [language], fallback=True)
    before = _spoken.set(found)
    try:
        yield
    finally:
        _spoken.reset(before)


def language_tag() -> str:
    """The language that is spoken, as HTML has it: en, pt-BR."""
    spoken = _spoken.get()
    return ENGLISH if spoken is None else spoken.info()["language"].replace("_", "-")


def _(sentence: str, **values: object) -> str:
    """The sentence in the language that is spoken, with its values."""
    spoken = _spoken.get()
    said = sentence if spoken is None else spoken.gettext(sentence)
    return said.format(**values) if values else said


def ngettext(one: str, many: str, number: int, **values: object) -> str:
    """The sentence that fits the number, which has the name `number` in it."""
    spoken = _spoken.get()
    english = one if number == 1 else many
    said = english if spoken is None else spoken.ngettext(one, many, number)
    return said.format(number=number, **values)
