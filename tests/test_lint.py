"""The linters, and the shape of the program, as tests."""

import ast
import os
import re
import subprocess
import sys
from configparser import ConfigParser
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
import yaml

from tests import wings

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "ordermonit").rglob("*.py"))

PACKAGING = ROOT / "packaging"

MOST_LINES_OF_A_MODULE = 400
MOST_LINES_OF_A_FUNCTION = 60


@pytest.mark.parametrize(
    "command",
    [["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]],
    ids=["ruff check", "ruff format", "mypy"],
)
def test_the_linters_have_no_complaint(command: list[str]) -> None:
    run = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_pre_commit_runs_what_make_lint_runs() -> None:
    command = ["make", "--dry-run", "--no-print-directory", "--old-file=.venv/ready", "lint"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    run = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=True)
    (repo,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repo["repo"] == "local"
    assert [hook["entry"] for hook in repo["hooks"]] == run.stdout.splitlines()
    for hook in repo["hooks"]:
        assert hook["id"]
        assert hook["name"]
        assert hook["language"] == "system"
        assert re.search(hook["files"], "ordermonit/cli.py")


def styles() -> dict[str, dict[str, str]]:
    """The sections of .editorconfig, by their patterns; braces are taken apart."""
    found = ConfigParser()
    found.read_string(f"[top]\n{(ROOT / '.editorconfig').read_text()}")
    by_pattern: dict[str, dict[str, str]] = {}
    for name in found.sections()[1:]:
        begin, _, rest = name.partition("{")
        for each in rest.rstrip("}").split(","):
            by_pattern[f"{begin}{each}"] = dict(found[name])
    return by_pattern


def test_every_file_is_as_editorconfig_says() -> None:
    folders = ("config", "docs", "ordermonit", "packaging", "tests")
    files = [file for file in ROOT.iterdir() if file.name != ".git"]
    files += [file for folder in folders for file in (ROOT / folder).rglob("*")]
    by_pattern = styles()
    for file in files:
        if not file.is_file() or "__pycache__" in file.parts or file.suffix in (".mo", ".png"):
            continue
        style: dict[str, str] = {}
        for pattern, part in by_pattern.items():
            style |= part if file.match(pattern) else {}
        lines = file.read_bytes().decode(style["charset"]).split("\n")
        assert lines[-1] == "", f"{file}: no newline at its end"
        for at, line in enumerate(lines, 1):
            where = f"{file}:{at}"
            assert len(line) <= int(style.get("max_line_length", len(line))), where
            assert style["trim_trailing_whitespace"] == "false" or line == line.rstrip(), where
            assert style["indent_style"] == "tab" or not line.startswith("\t"), where


@pytest.mark.parametrize(
    "script",
    [
        ".ci/run",
        "tests/setup/debian.sh",
        "packaging/node/install.sh",
        "packaging/node/ordermonit-node",
    ],
)
def test_the_scripts_have_no_mistake_in_their_syntax(script: str) -> None:
    interpreter = (ROOT / script).read_text().splitlines()[0].split("/")[-1].split()[-1]
    run = subprocess.run([interpreter, "-n", ROOT / script], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")


def name_of(module: Path) -> str:
    """As it is imported."""
    parts = module.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize(
    "module", [*MODULES, *(ROOT / "tests").rglob("*.py"), *PACKAGING.rglob("*.py")], ids=name_of
)
def test_no_module_and_no_function_is_long(module: Path) -> None:
    text = module.read_text()
    assert len(text.splitlines()) <= MOST_LINES_OF_A_MODULE
    functions = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    lengths = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in functions}
    long = {name: lines for name, lines in lengths.items() if lines > MOST_LINES_OF_A_FUNCTION}
    assert not long


def imported(module: Path, known: set[str]) -> set[str]:
    """The program's own modules that this one imports, wherever in it it does."""
    name = name_of(module)
    found = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}, line {node.lineno}: a relative import"
            # `from package import module` names a module too.
            parts = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= parts & known or {str(node.module)}
    return found & known - {name}


def test_imports_point_one_way() -> None:
    known = {name_of(module) for module in MODULES}
    graph = {name_of(module): imported(module, known) for module in MODULES}
    assert any(graph.values())
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as problem:
        raise AssertionError(f"modules import each other: {problem.args[1]}") from None


@pytest.mark.parametrize("wing", wings.wings())
def test_a_wing_imports_what_it_says_and_nothing_else(wing: str) -> None:
    rooms = {*wings.wings(), *wings.GROUND, *wings.ROOF}
    found: dict[str, str] = {}
    for module in (wings.PROGRAM / wing).rglob("*.py"):
        for room, line in wings.imported(module):
            if room in rooms - {wing}:
                found.setdefault(room, f"{module.relative_to(ROOT)}:{line}")
    assert found.keys() == wings.allowed(wing), found


def test_the_ground_stands_on_nothing() -> None:
    for room in wings.GROUND:
        others = {*wings.wings(), *wings.ROOF}
        assert not {found for found, _ in wings.imported(wings.PROGRAM / f"{room}.py")} & others


def test_no_module_stands_in_the_hall() -> None:
    modules = {module.stem for module in wings.PROGRAM.glob("*.py")}
    assert modules == {"__init__", *wings.GROUND, *wings.ROOF}


def test_the_architecture_has_the_wings_as_they_are() -> None:
    assert wings.drawing() in wings.ARCHITECTURE.read_text(), "type: make wings"
