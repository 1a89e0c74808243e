"""The wings of the program, their tables of imports, and the drawing of both.

Each wing's `__init__.py` says what it may import. `python -m tests.wings` draws that into
ARCHITECTURE.md, the wings above what they stand on.
"""

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROGRAM = ROOT / "ordermonit"
ARCHITECTURE = ROOT / "ARCHITECTURE.md"

#: Modules that stand for themselves: what every wing stands on, and what stands on every wing.
GROUND = ("errors", "language", "rights", "shops", "text", "times")
ROOF = ("cli", "__main__")

_DRAWING = re.compile(r"(?<=<!-- wings -->\n```\n).*?(?=```\n)", re.DOTALL)


def wings() -> list[str]:
    """Their names."""
    return sorted(each.parent.name for each in PROGRAM.glob("*/__init__.py"))


def allowed(wing: str) -> frozenset[str]:
    """What the wing says that it may import."""
    text = ast.get_docstring(ast.parse((PROGRAM / wing / "__init__.py").read_text())) or ""
    said = re.search(r"^May import: ([^.]+)\.$", text, re.MULTILINE)
    assert said is not None, f"{wing}/__init__.py does not say what it may import"
    assert re.search(r"^May not: .+", text, re.MULTILINE), f"{wing}: what may it not import?"
    return frozenset(re.split(r",\s+", said[1])) - {"nothing of the program"}


def imported(module: Path) -> Iterator[tuple[str, int]]:
    """The rooms of the program that a module imports from, wherever in it, each with its line."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno}: a relative import"
            path = (node.module or "").split(".")
            if path == ["ordermonit"]:
                yield from ((name.name, node.lineno) for name in node.names)
            elif path[0] == "ordermonit":
                yield path[1], node.lineno
        elif isinstance(node, ast.Import):
            for name in node.names:
                if name.name.startswith("ordermonit."):
                    yield name.name.split(".")[1], node.lineno


def floors() -> list[list[str]]:
    """The rooms from the ground up. Raises CycleError where two stand on each other."""
    graph = {wing: allowed(wing) for wing in wings()} | {room: frozenset[str]() for room in GROUND}
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    found = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        found.append(ready)
        sorter.done(*ready)
    return found


def drawing() -> str:
    """The floors, the highest first, and what each wing stands on."""
    width = max(map(len, wings()))
    lines = ["cli, __main__".ljust(width)]
    above = floors()[::-1]
    for floor in above:
        lines.append("─" * (width + 2))
        for room in floor:
            below = allowed(room) if room in wings() else frozenset[str]()
            order = [each for some in above for each in some if each in below]
            lines.append(f"{room:<{width}}  {'→ ' if order else ''}{' '.join(order)}".rstrip())
    return "\n".join(lines) + "\n"


def draw() -> None:
    """Write the drawing into ARCHITECTURE.md."""
    text = ARCHITECTURE.read_text()
    assert _DRAWING.search(text)
    ARCHITECTURE.write_text(_DRAWING.sub(drawing(), text))


if __name__ == "__main__":
    draw()
