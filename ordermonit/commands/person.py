"""Whoever types: who they are, what they say, and what they answer."""

import os
import sys

from ordermonit.errors import UsageError
from ordermonit.model import LAST_ERROR_LIMIT


def who() -> str:
    """The name that stands in the journal for this change, as one readable line."""
    name = os.environ.get("SUDO_USER") or os.environ.get("USER") or f"uid {os.getuid()}"
    return _readable(name)


def told(because: str | None) -> str | None:
    """The text of `--because` as one readable line. Raises UsageError when nothing is in it."""
    if because is None:
        return None
    line = _readable(because)
    if not line:
        raise UsageError("--because is empty", "Say why, in a few words: it stands in the journal")
    return line[:LAST_ERROR_LIMIT]


def _readable(text: str) -> str:
    """The text as one line, with a mark in the place of what is invisible in it."""
    words = " ".join(text.split())
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in words)


def why(because: str | None) -> str:
    """The reason as the end of a sentence."""
    return "" if because is None else f" ({because})"


def agrees(question: str, yes: bool) -> bool:
    """Whether the person at the terminal says yes; `yes` is their `--yes`.

    Raises UsageError without a terminal: nobody is there to be asked.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError(
            f"{question} There is no terminal to ask on, so nothing was changed",
            "If that is what you want, add --yes",
        )
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        return True
    print("Nothing was changed", file=sys.stderr)
    return False
