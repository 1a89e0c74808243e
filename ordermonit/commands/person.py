"""Whoever types: who they are, what they say, and what they answer."""

import os
import sys
import time

from ordermonit.errors import Unavailable, UsageError
from ordermonit.state.directory import State
from ordermonit.text import one_line

#: Seconds that a person waits at most for the end of a cycle, and from one try to the next: when
#: all is down, a cycle begins where the last one ended.
_PATIENCE, _BETWEEN = 600.0, 0.05


def who() -> str:
    """The name that stands in the journal for this change, as one readable line."""
    name = os.environ.get("SUDO_USER") or os.environ.get("USER") or f"uid {os.getuid()}"
    return one_line(name)


def told(because: str | None) -> str | None:
    """The text of `--because` as one readable line. Raises UsageError when nothing is in it."""
    if because is None:
        return None
    line = one_line(because)
    if not line:
        raise UsageError("--because is empty", "Say why, in a few words: it stands in the journal")
    return line


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


def asked_why(because: str | None, yes: bool) -> str | None:
    """The reason; whoever answered a question at a terminal without one is asked for it, too."""
    if because is not None or yes:
        return because
    print("Why? It stands in the journal (Enter: no reason) ", end="", file=sys.stderr, flush=True)
    return told(sys.stdin.readline().strip() or None)


def take_turn(state: State) -> None:
    """Take the lock. At a terminal a person waits for the end of a cycle that has it.

    Raises Unavailable without a terminal, or when that takes too long; and what `State.lock` does.
    """
    try:
        state.lock()
        return
    except Unavailable as busy:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise
        print(f"{busy.message}; waiting for its end (Ctrl-C: don't)", file=sys.stderr, flush=True)
    deadline = time.monotonic() + _PATIENCE
    while True:
        time.sleep(_BETWEEN)
        try:
            state.lock()
            return
        except Unavailable:
            if time.monotonic() > deadline:
                raise
