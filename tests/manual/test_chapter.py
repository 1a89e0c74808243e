"""docs/configuration.md: what `make keys` makes of it, and every key of the files."""

import os
import re
import subprocess
import sys
from dataclasses import MISSING
from pathlib import Path

import yaml

from tests.configuration.settings import TOP, rows
from tests.manual.conftest import ROOT

PAGE = ROOT / "docs" / "configuration.md"


def test_the_page_is_as_make_keys_writes_it(tmp_path: Path) -> None:
    prose, mark, _ = PAGE.read_text().partition("make keys. -->\n")
    written = tmp_path / PAGE.name
    written.write_text(f"{prose}{mark}anything\n")
    subprocess.run(
        [sys.executable, ROOT / "packaging/generate/chapter.py", written],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert written.read_text() == PAGE.read_text(), "type: make keys"


def test_every_key_is_there_with_its_line_its_type_and_its_default() -> None:
    sections = dict(re.findall(r"^## (\w+\.yml)\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.M | re.S))
    assert sections.keys() == TOP.keys()
    found = 0
    for row in rows():
        if row.name == "orders":  # it is there by its parts
            continue
        text = sections[row.file]
        name = re.escape(row.name.replace(".", ": "))
        line = re.search(rf"^\| `{name}` \| (.+?) \| (.+?) \| (.+) \|$", text, re.M)
        assert line is not None, row.name
        default, kind, doc = (cell.replace("&lt;", "<") for cell in line.groups())
        assert (kind, doc) == (row.key.kind.expected, row.key.doc)
        assert (default == "**required**") == (row.default is MISSING), row.name
        if row.default is not MISSING:
            shown = yaml.safe_load(default.strip("`"))
            if default == "below":
                shown = yaml.safe_load(text.split("```yaml\n")[1].split("```")[0])[row.name]
            assert shown is row.default or row.key.kind.accept(shown) == row.default, row.name
        found += 1
    # No line too many, such as one for a key that is gone.
    assert sum(len(re.findall(r"^\| `", text, re.M)) for text in sections.values()) == found
