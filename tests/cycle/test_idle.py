"""Rule C2: nothing to do costs nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.parts.databases import sqlite
from tests.parts.front import Front

_PROGRAM = """\
import json, sys
connects = []
sys.addaudithook(lambda name, args: name == "socket.connect" and connects.append(str(args[1])))
from ordermonit.cli import main
code = main(sys.argv[1:])
print(json.dumps({"code": code, "modules": sorted(sys.modules), "connects": connects}))
"""

ALERTING = {"apprise", "ordermonit.configuration.alerts", "ordermonit.reports.alerts"}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A configuration, a Front with three orders, and a checkpoint behind the last of them."""
    front = Front(sqlite(tmp_path / "front.sqlite3"))
    front.add_many(3)
    front.engine.dispose()
    files: dict[str, dict[str, object]] = {
        "service": {},
        "process": {},
        "integration_server": {"host": "127.0.0.1", "username": "nobody", "rails_root": "/srv"},
        "database": front.settings(),
    }
    for name, content in files.items():
        (tmp_path / f"{name}.yml").write_text(yaml.safe_dump(content))
    _command(tmp_path, "init", "--latest")
    return tmp_path


def _command(place: Path, *words: str) -> str:
    arguments = ["--config", str(place), "--state", str(place / "state"), *words]
    run = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *arguments],
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(place)},
    )
    return run.stdout.splitlines()[-1]


def test_c2_an_idle_cycle_imports_no_ssh_connects_nowhere_and_writes_no_checkpoint(
    place: Path,
) -> None:
    checkpoint = place / "state" / "checkpoint"
    before = checkpoint.stat()
    said = json.loads(_command(place, "cycle"))
    after = checkpoint.stat()
    assert said["code"] == 0
    assert said["connects"] == []
    heavy = {"asyncssh", "cryptography", "rich", "ordermonit.session", "ordermonit.ssh"}
    heavy |= {"prometheus_client", "ordermonit.reports.metrics", "ordermonit.language"}
    heavy |= {"ordermonit.views", "ordermonit.health", "xml.etree.ElementTree", "pygal"}
    assert (heavy | ALERTING).isdisjoint(said["modules"])
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert "nothing to do" in (place / "state" / "cycles").read_text()


def test_with_alerts_yml_and_nothing_to_say_that_file_and_the_memory_are_read(
    place: Path,
) -> None:
    (place / "alerts.yml").write_text("channels: ['json://127.0.0.1:1/']\n")
    _command(place, "cycle")
    before = (place / "state" / "alerts").stat()
    modules = set(json.loads(_command(place, "cycle"))["modules"])
    assert "ordermonit.configuration.alerts" in modules
    assert modules.isdisjoint({"apprise", "ordermonit.reports.alerts.decision"})
    after = (place / "state" / "alerts").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
