"""docs/nights.md: the five nights as a document, and what of it may differ from run to run."""

import re
import textwrap
from collections.abc import Callable
from pathlib import Path

from tests.nights.night import Block, Night, night
from tests.nights.stories import STORIES

DOCUMENT = Path(__file__).parents[2] / "docs" / "nights.md"

_BEGINNING = """# Five nights

Three in the morning, and an alert. What the person on call sees, types and gets, five times. Every
block below is what really came out, in a run of the service with a real sshd, rake, alert channel
and disk; `make nights` plays it again and writes this file, and a test compares them. Only names
are those of an installation (paths, hosts, ports), and the clock is set to the hour. systemd is not
there in that run, so `status` can't name the next cycle.

Commands are typed as root, or with `sudo`. `ordermonit status` comes first in any night; `man
ordermonit` has the rest.
"""


def play(begins: str, story: Callable[[Night], None]) -> list[Block]:
    """One night, from its first block to the last."""
    with night(begins) as played:
        story(played)
        return played.blocks


def section(number: int, story: Callable[[Night], None], blocks: list[Block]) -> str:
    """One night's part of the document."""
    parts = [f"## {number}. {story.__doc__}"]
    parts += [
        f"```{block.kind}\n{block.text}\n```" if block.kind else _wrapped(block.text)
        for block in blocks
    ]
    return "\n\n".join(parts) + "\n"


def write() -> None:
    """Play all, and write the document."""
    sections = [
        section(number, story, play(begins, story))
        for number, (begins, story) in enumerate(STORIES, 1)
    ]
    DOCUMENT.write_text("\n".join([_BEGINNING, *sections]))


def sections() -> list[str]:
    """The nights' parts of the document as it is."""
    return [f"## {part}" for part in re.split(r"^## ", DOCUMENT.read_text(), flags=re.M)[1:]]


_DIFFERS = (
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME"),
    (r"(?:\d+ (?:d|h|min|s) )*[\d.]+ (?:d|h|min|s)\b", "SPAN"),
    (r"SHA256:[\w+/]+", "FINGERPRINT"),
    (r"(# \S+ SSH-2\.0-.*\n)+", ""),  # ssh-keyscan prints none since OpenSSH 9.8
    (r"[\d.]+[KM]\b", "SIZE"),
    (r"ruby [\d.]+, rake [\d.]+", "RUBY"),
    (r"\s+", " "),
    (r'"([\w.]+)" port (\d+)', r"\1:\2"),  # Ruby 3.1.7 says it so, Ruby 3.1.2 the other way
)


def comparable(text: str) -> str:
    """Without what differs from run to run: times, keys, sizes, Rubies, and where lines end."""
    for pattern, name in _DIFFERS:
        text = re.sub(pattern, name, text, flags=re.M)
    return text


def _wrapped(paragraph: str) -> str:
    return textwrap.fill(paragraph, 100, break_long_words=False, break_on_hyphens=False)
