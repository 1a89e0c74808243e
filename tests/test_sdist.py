"""The source as an archive: whole, and with what an index shows of it."""

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_sdist_has_all_that_an_installation_needs(tmp_path: Path) -> None:
    source = tmp_path / "source"
    made = shutil.ignore_patterns(".*", "build", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, source, ignore=made)
    wanted = {str(file.relative_to(source)) for file in source.rglob("*") if file.is_file()}
    wanted = {file for file in wanted if not file.startswith("tests/")}
    program = "import sys, setuptools.build_meta as build; build.build_sdist(sys.argv[1])"
    command = [sys.executable, "-c", program, str(tmp_path)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (made_of_it,) = tmp_path.glob("ordermonit-*.tar.gz")
    with tarfile.open(made_of_it) as archive:
        files = {name.partition("/")[2]: name for name in archive.getnames()}
        metadata = archive.extractfile(files["PKG-INFO"])
        assert metadata is not None
        described = metadata.read().decode()
    assert wanted - set(files) == set()
    tests = {name for name in files if name.startswith("tests/")}
    assert tests == {"tests/setup", "tests/setup/debian.sh"}
    assert "\nDescription-Content-Type: text/markdown\n" in described
    assert (ROOT / "README.md").read_text() in described
