"""The tables of our Markdown files."""

from pathlib import Path


def rows(file: Path, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head.

    Raises ValueError where there is no such heading or no table below it.
    """
    lines = iter(file.read_text().splitlines())
    for line in lines:
        if line.lstrip("#").strip() == heading and line.startswith("#"):
            break
    else:
        raise ValueError(f"{file} has no heading {heading!r}")
    found: list[list[str]] = []
    for line in lines:
        if line.startswith("|"):
            found.append([cell.strip() for cell in line.strip("|").split("|")])
        elif found or line.startswith("#"):
            break
    if len(found) < 3:
        raise ValueError(f"{file} has no table below {heading!r}")
    return found[2:]
