"""Generates the man pages and the completions. Usage: python packaging/generate DIRECTORY

They are made when the program is built, from what the program itself goes by: the command line's
grammar and the tables of keys; and from the tables of docs/operations.md and ARCHITECTURE.md. The
rest of the pages is prose, in packaging/man. DIRECTORY is laid out as `share` is below a prefix.
"""

import sys
from pathlib import Path

import completions
import files
import grammar
from mdoc import filled
from tables import rows

from ordermonit.arguments import parser

ROOT = Path(__file__).parents[2]


def main(directory: Path) -> None:
    """Write every file. Raises what a missing table or a page's unknown mark raises."""
    made = dict(completions.of(parser()))
    operations, architecture = ROOT / "docs/operations.md", ROOT / "ARCHITECTURE.md"
    parts = {
        "options": grammar.options(parser()),
        "commands": grammar.commands(parser()),
        "exit": grammar.exits(rows(operations, "Exit codes")),
        "statuses": grammar.statuses(rows(operations, "Where an order stands")),
        "state": grammar.state_files(rows(architecture, "Files in the state directory")),
        "files": files.sections(sorted(ROOT.glob("config/*.yml"))),
    }
    for page in (ROOT / "packaging/man").iterdir():
        made[f"man/man{page.suffix[1:]}/{page.name}"] = filled(page.read_text(), parts)
    for place, text in made.items():
        file = directory / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
