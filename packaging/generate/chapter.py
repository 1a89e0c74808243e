"""Writes the tables of keys into a page. Usage: python packaging/generate/chapter.py PAGE

They are those of ordermonit(5), from the program's own tables. Above the mark stands prose.
"""

import sys
from collections.abc import Iterator
from dataclasses import MISSING
from pathlib import Path

from files import Row, about, as_yaml, keys_in, plain_of

ROOT = Path(__file__).parents[2]

#: Longest default that stands in a cell, in characters.
LONGEST = 50

#: What stands below it is written by us.
MARK = "<!-- Below this line: make keys. -->\n"


def main(page: Path) -> None:
    """Write the page anew. Raises ValueError where the mark is not in it."""
    prose, mark, _ = page.read_text().partition(MARK)
    if not mark:
        raise ValueError(f"{page} has no line {MARK!r}")
    page.write_text(prose + mark + tables(sorted(ROOT.glob("config/*.yml"))))


def tables(samples: list[Path]) -> str:
    """A section for each sample in config/."""
    return "".join(f"\n{line}\n" for sample in samples for line in _section(sample))


def _section(sample: Path) -> Iterator[str]:
    """Its heading, what it is, its table, and the defaults that are too long for one."""
    rows = list(keys_in(sample.stem))
    yield f"## {sample.name}"
    yield _text(about(sample))
    yield "| key | default | type | what |\n|---|---|---|---|\n" + "\n".join(map(_line, rows))
    long = {name: plain_of(default) for name, _, default in rows if _is_long(default)}
    if long:
        yield f"The longer defaults:\n\n```yaml\n{as_yaml(long)}\n```"


def _line(row: Row) -> str:
    name, key, default = row
    if default is MISSING:
        shown = "**required**"
    else:
        shown = "below" if _is_long(default) else f"`{_short(default)}`"
    cells = (f"`{name}`", shown, _text(key.kind.expected), _text(key.doc))
    return f"| {' | '.join(cells)} |"


def _is_long(default: object) -> bool:
    return default is not MISSING and len(_short(default)) > LONGEST


def _short(default: object) -> str:
    return as_yaml(plain_of(default), in_one_line=True)


def _text(text: str) -> str:
    """Text that neither ends a cell nor begins a tag."""
    return text.replace("|", r"\|").replace("<", "&lt;")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
