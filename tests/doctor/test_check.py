"""`ordermonit check` finds what is wrong with an installation, and says what to do about it."""

import fcntl
import json
import os
import pty
import re
import subprocess
import termios
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import pytest

from ordermonit.cli import main
from ordermonit.doctor.findings import Part
from ordermonit.node import rake
from tests.doctor.mistakes import SEEDS, Seed
from tests.doctor.shop import PARTS, Shop
from tests.manual.conftest import ROOT
from tests.parts.processes import free_port

Examine = Callable[..., tuple[int, list[dict[str, Any]]]]


@pytest.fixture
def examine(
    shop: Shop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Examine:
    """`check --json` in this process, which has loaded SSH and the drivers once."""
    for name, value in shop.world.environment().items():
        monkeypatch.setenv(name, value)

    def run(*parts: str) -> tuple[int, list[dict[str, Any]]]:
        shop.world.node.know(shop.world.front.states())
        _, _, _, *command = shop.world.command_line("check", "--json", *parts)
        code = main(command)
        stdout, stderr = capsys.readouterr()
        said = json.loads(stdout)
        assert (stderr, said["exit"]) == ("", code)
        return code, said["findings"]

    return run


def _needs(part: str) -> list[str]:
    """What is looked at for this: the clock is compared with the database's."""
    return ["database", "clock"] if part == "clock" else [part]


@pytest.mark.parametrize("seed", SEEDS.values(), ids=SEEDS)
def test_a_seeded_mistake_is_found_and_its_remedy_named(
    shop: Shop, examine: Examine, seed: Seed
) -> None:
    seed.make(shop)
    code, findings = examine(*_needs(seed.part))
    bad = [each for each in findings if each["severity"] in ("warning", "error")]
    shown = json.dumps(findings, indent=1)
    assert len(bad) == 1, shown
    (found,) = bad
    assert seed.found in found["found"]
    assert seed.remedy in found["remedy"]
    assert (found["part"], found["severity"]) == (seed.part, seed.severity)
    assert (found["exit"], code) == (seed.exit, seed.exit)


def test_a_good_installation_has_no_warning_and_no_error(shop: Shop, examine: Examine) -> None:
    code, findings = examine(*PARTS)
    assert code == 0
    assert {each["severity"] for each in findings} == {"ok"}, json.dumps(findings, indent=1)
    assert {each["part"] for each in findings} == {"user", *PARTS}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "no alert is sent: there is no "),
        ("channels: []\n", "alerts.yml names no channel; to have them sent, name"),
        ("channels: ['json://127.0.0.1:1/']\n", "to try its channels: ordermonit alert --test"),
    ],
)
def test_it_says_whether_anybody_is_alerted(
    shop: Shop, examine: Examine, text: str | None, said: str
) -> None:
    if text is not None:
        file = shop.world.config / "alerts.yml"
        file.write_text(text)
        file.chmod(0o640)
    _, found = examine("configuration")
    assert [each for each in found if said in each["found"]], found
    assert (text is None or "[]" in text) is any(
        "no alert is sent" in each["found"] for each in found
    )


def test_it_runs_no_task_and_changes_nothing(shop: Shop, examine: Examine) -> None:
    world = shop.world
    before = {file.name: file.read_bytes() for file in world.state.iterdir()}
    tasks, inserted = world.node.tasks(), world.abacos.judge.inserted_count()
    examine(*PARTS, "state")
    assert {file.name: file.read_bytes() for file in world.state.iterdir()} == before
    assert (world.node.tasks(), world.abacos.judge.inserted_count()) == (tasks, inserted)


def test_each_part_goes_on_when_others_fail_and_the_worst_decides(shop: Shop) -> None:
    world = shop.world
    (world.state / "checkpoint").write_text("?")
    world.configure("database", port=free_port())
    world.sshd.known_hosts.write_text("")
    run = world.run("check")
    assert run.exit_code == 77
    for said in ("checkpoint is damaged", "is down", "no host key", "errors"):
        assert said in run.stdout
    for part in Part:
        assert f"\n{part}\n" in f"\n{run.stdout}"
    assert "not tried" in run.stdout
    assert "Traceback" not in run.stdout + run.stderr


def test_a_wrong_configuration_says_what_could_not_be_tried_for_it(
    shop: Shop, examine: Examine
) -> None:
    shop.world.configure("service", max_attempts="many")
    shop.world.configure("process", ontop="maybe")
    code, findings = examine(*PARTS)
    assert code == 78
    by_part = {
        part: [each["severity"] for each in findings if each["part"] == part] for part in PARTS
    }
    assert by_part == {
        "configuration": ["error", "error", "ok"],
        "checkpoint": ["ok", "ok"],
        "database": ["not tried"],
        "node": ["not tried"],
    }


def test_a_part_that_needs_the_configuration_shows_what_is_wrong_with_it(
    shop: Shop, examine: Examine
) -> None:
    (shop.world.config / "integration_server.yml").write_text("host: [")
    for part in ("database", "node"):
        code, findings = examine(part)
        assert code == 78
        shown = [(each["part"], each["severity"]) for each in findings[1:]]
        assert shown == [("configuration", "error"), (part, "not tried")]
        assert "integration_server.yml: line" in findings[1]["found"]
    assert examine("checkpoint")[0] == 0


def test_each_server_on_the_way_is_named(shop: Shop, examine: Examine) -> None:
    sshd = shop.world.sshd
    login = f"{sshd.username}@127.0.0.1:{sshd.port}"
    shop.world.configure("integration_server", proxy_jump=login)
    code, findings = examine("node")
    assert code == 0
    trusted = "the host key is the known one, and our key is accepted"
    said = [each["found"] for each in findings[1:3]]
    assert said == [
        f"{login} (proxy_jump): {trusted}",
        f"{login} (behind {login}): {trusted}",
    ]


def test_operations_shows_what_is_printed(shop: Shop) -> None:
    shop.world.configure(
        "integration_server",
        checks={"order_exists": "Abacos::OrderAPI.order_exist?(number)"},
    )
    printed = shop.world.run("check", "node").stdout
    page = (ROOT / "docs/operations.md").read_text()
    shown = page.split("$ sudo ordermonit check node\n")[1].split("```")[0]
    assert _sentences(shown) == _sentences(printed)


def _sentences(text: str) -> list[str]:
    """The lines about the node, without what is another one's on another node."""
    other = re.compile(r"\S*(?:[\d/@]|insert_order|confirm_payment)\S*")
    said = other.sub("…", text.split("\nnode\n")[1]).replace("… min … s", "… s")
    return said.strip().splitlines()


def test_another_monitor_on_the_node_is_a_warning(
    shop: Shop, examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rake, "LOCK_WAIT", 0.2)
    world = shop.world
    world.configure("integration_server", lock_file="tmp/ordermonit.lock")
    (world.node.rails_root / "tmp" / "ordermonit.lock").touch()
    with (world.node.rails_root / "tmp" / "ordermonit.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, findings = examine("node")
    assert code == 0
    assert [each["severity"] for each in findings][1:] == ["warning", "not tried"]
    assert "another monitor works on 127.0.0.1" in findings[1]["found"]


def test_a_clock_that_is_off_is_compared_with_the_databases(shop: Shop) -> None:
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
    fake = {"FAKETIME": "+3600", "DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_RESET": "1"}
    run = shop.world.run("check", "--json", "database", "clock", LD_PRELOAD=str(library), **fake)
    findings = run.json()["findings"]
    (found,) = [each for each in findings if "our clock" in each["found"]]
    assert found["severity"] == "warning"
    assert "1 h ahead of the database's" in found["found"]


def test_a_part_that_does_not_exist_is_named(shop: Shop) -> None:
    run = shop.world.run("check", "nodes")
    assert run.exit_code == 64
    assert "no part nodes" in run.stderr
    assert "node, service" in run.stderr


def test_a_terminal_gets_colours_and_lines_of_its_width(shop: Shop) -> None:
    shop.world.configure("service", max_attempts="many")
    command = shop.world.command_line("check", "configuration", "checkpoint")
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 60))
    environment = shop.world.environment() | {"TERM": "xterm-256color"}
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        with open(ours, "rb", buffering=0) as screen:
            text = _all_of(screen)
    assert process.returncode == 78
    assert "\x1b[1;31merror " in text
    assert "\x1b[32mok " in text
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert max(map(len, plain.splitlines())) <= 60
    assert "max_attempts" in plain


def _all_of(screen: IO[bytes]) -> str:
    """What a terminal is told; Linux ends it with EIO when nobody holds it any more."""
    said = b""
    with suppress(OSError):
        while some := screen.read(4096):
            said += some
    return said.decode()
