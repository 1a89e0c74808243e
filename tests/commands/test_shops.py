"""Many shops on one host: `--shop`, and `status --all`."""

import json
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from ordermonit import shops
from ordermonit.arguments import parser
from ordermonit.cli import main
from ordermonit.shops import ALONE, Shop, fault
from tests.grammar import commands
from tests.parts.inbox import Hook

NODE = "host: 127.0.0.1\nport: 1\nusername: deploy\nrails_root: /srv\n"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three shops with a SQLite Front each, one of which has a broken configuration."""
    monkeypatch.setenv("ORDERMONIT_CONFIG", str(tmp_path / "etc"))
    monkeypatch.setenv("ORDERMONIT_STATE", str(tmp_path / "state"))
    # As systemd sets them for one shop: its own places, not those of all.
    monkeypatch.setenv("CONFIGURATION_DIRECTORY", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "etc").mkdir()
    (tmp_path / "state").mkdir()
    for name in ("acme", "loja.example", "zeta"):
        _make(tmp_path / "etc" / name)
        assert main(["--shop", name, "init", "--head", "7"]) == 0
    (tmp_path / "etc/loja.example/service.yml").write_text("runing_cycle: 2\n")
    return tmp_path


def _make(config: Path) -> None:
    config.mkdir()
    (config / "service.yml").write_text("{}\n")
    (config / "process.yml").write_text("{}\n")
    (config / "integration_server.yml").write_text(NODE)
    (config / "database.yml").write_text(f"adapter: sqlite3\ndatabase: {config}/front.sqlite3\n")
    with closing(sqlite3.connect(config / "front.sqlite3")) as front, front:
        front.execute(
            "CREATE TABLE orders (id INTEGER PRIMARY KEY, number, state, created_at, updated_at)"
        )
        row = (7, 1001, "delivered", "2026-01-01 00:00:00", "2026-01-01 00:00:00")
        front.execute("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", row)


def _typed(*words: str) -> str:
    """What the command prints, in a process of its own, since one holds the lock to its end."""
    command = [sys.executable, "-m", "ordermonit", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_each_shop_has_its_own_places(host: Path) -> None:
    assert (host / "state/acme/checkpoint").exists()
    assert not (host / "elsewhere").exists()
    _make(host / "etc/new")
    _typed("--shop", "new", "init", "--head", "7")
    assert "paused" in _typed("--shop", "new", "pause", "--because", "stock")
    assert (host / "state/new/paused").exists()
    assert not (host / "state/acme/paused").exists()
    assert "resumed" in _typed("--shop", "new", "resume")
    assert not (host / "state/new/paused").exists()


def test_what_is_to_be_typed_is_the_shops(host: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (host / "state/acme/checkpoint").unlink()
    (host / "state/acme/checkpoint.previous").unlink(missing_ok=True)
    capsys.readouterr()
    assert main(["--shop", "acme", "orders"]) == 65
    said = capsys.readouterr().err
    assert "ordermonit --shop acme init" in said
    assert not re.search(r"ordermonit (?!--shop acme|can)", said.removeprefix("ordermonit: "))


def test_whatever_a_command_prints_to_be_typed_is_the_shops(host: Path) -> None:
    _make(host / "etc/new")
    said = ""
    for words in (
        *("orders", "check", "init --latest", "init --latest", "recover", "head", "retry 5"),
        *("pause --because stock", "pause", "status", "cycle --dry-run", "cycle", "status"),
        *("check", "resume", "resume", "cycle", "status", "show 1001", "show 5", "orders 5"),
        *(
            "dismiss 5 --because x",
            "rescan",
            "head --yes",
            "alert --test",
            "report",
            "status --all",
        ),
    ):
        shop = [] if "--all" in words else ["--shop", "new"]
        command = [sys.executable, "-m", "ordermonit", *shop, *words.split()]
        run = subprocess.run(command, capture_output=True, text=True)
        said += f"$ {words}\n{' '.join((run.stdout + run.stderr).split())}\n"
    bare = rf".*\bordermonit (?={'|'.join(shops.COMMANDS)})\b.*"
    assert re.findall(bare, said) == []
    assert said.count("ordermonit --shop new ") > 10


def test_directories_that_were_named_are_named_in_what_is_to_be_typed(
    tmp_path: Path, host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("ORDERMONIT_CONFIG", "ORDERMONIT_STATE"):
        monkeypatch.delenv(name)
    config, state = tmp_path / "etc/acme", tmp_path / "of ordermonit"
    program = [sys.executable, "-m", "ordermonit"]
    words = ["--config", "etc/acme", "--state", state.name, "status"]
    run = subprocess.run([*program, *words], capture_output=True, text=True)
    typed = re.search(r"type: (ordermonit --config .*)$", run.stderr)
    assert typed is not None, run.stderr
    assert typed[1] == f"ordermonit --config {config} --state '{state}' init --latest"
    subprocess.run([*program, *shlex.split(typed[1])[1:]], check=True, cwd="/", env={})
    assert (state / "checkpoint").exists()


def test_page_and_report_say_what_is_typed_for_the_shop(host: Path) -> None:
    page, file = host / "page.html", host / "report.html"
    _make(host / "etc/new")
    _typed("--shop", "new", "init", "--head", "7")
    (host / "etc/new/service.yml").write_text("max_orders_per_request: 30\n")
    (host / "etc/new/process.yml").write_text(f"status_page: {page}\n")
    with closing(sqlite3.connect(host / "etc/new/front.sqlite3")) as front, front:
        for id in range(8, 30):
            row = (id, "an odd one", "authorized", "2026-01-01 00:00:00", "2026-01-01 00:00:00")
            front.execute("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", row)
    _typed("--shop", "new", "cycle")
    _typed("--shop", "new", "report", "--html", str(file))
    said = [page.read_text(), file.read_text(), _typed("--shop", "new", "report")]
    for each in said:
        assert "ordermonit --shop new dismiss id:8" in " ".join(each.split())
        assert not re.search(rf"ordermonit (?={'|'.join(shops.COMMANDS)})", each)
    assert "ordermonit --shop new status" in said[0]
    assert "ordermonit --shop new orders" in said[2]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("acne", "there is no shop acne"),
        ("..", "can't be a shop's name"),
        ("a/b", "can't be a shop's name"),
        ("-a", "can't be a shop's name"),
        ("", "can't be a shop's name"),
        ("checkpoint", "ordermonit.service has a file of that name"),
    ],
)
def test_a_name_that_is_unknown_or_impossible_is_one_line_with_the_near_ones(
    host: Path, capsys: pytest.CaptureFixture[str], name: str, said: str
) -> None:
    capsys.readouterr()
    assert main([f"--shop={name}", "status"]) == 64
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert "Give one of acme" in line
    assert list((host / "state").iterdir()) != []


@pytest.mark.parametrize(
    ("name", "may_be"),
    [
        *((each, True) for each in ("a", "Loja_1", "shop.example.com", "a-b", "1", "a" * 64)),
        *((each, False) for each in ("a.", ".a", "a..b", "a b", "a@b", "ä", "a\n", "a" * 65)),
        *((each, False) for each in ("a/b", "%i", "a\\x2d", "_a", "lock", "checkpoint.new")),
    ],
)
def test_a_name_is_safe_as_a_directory_an_instance_and_a_word(name: str, may_be: bool) -> None:
    assert (fault(name) is None) is may_be


def test_the_worst_comes_first_and_gives_the_exit_code_and_no_other_is_disturbed(
    host: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (host / "state/zeta/checkpoint").write_text("nonsense\n")
    (host / "state/zeta/checkpoint.previous").unlink(missing_ok=True)
    _make(host / "etc/new")
    (host / "etc/a file").touch()
    capsys.readouterr()
    code = main(["status", "--all", "--json"])
    found = {each["shop"]: each for each in json.loads(capsys.readouterr().out)}
    assert set(found) == {"acme", "loja.example", "new", "zeta"}
    assert found["loja.example"]["exit"] == 78 == code
    assert any("runing_cycle" in each["what"] for each in found["loja.example"]["problems"])
    assert found["zeta"]["exit"] == 65
    assert "--shop new init" in found["new"]["error"]
    assert found["acme"]["head"] == 7
    assert main(["status", "--all"]) == 78
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["stopped", "stopped", "down", "down"]
    shutil.rmtree(host / "etc")
    assert main(["status", "--all"]) == 78
    (host / "etc").mkdir()
    assert main(["status", "--all"]) == 64
    assert "there is no shop" in capsys.readouterr().err
    assert main(["--shop", "acme", "status", "--all"]) == 64


def test_every_command_is_known_to_what_makes_remedies_the_shops() -> None:
    assert set(shops.COMMANDS) == set(commands(parser()))


def test_a_text_tells_to_type_what_is_for_this_shop() -> None:
    text = (
        "Type: systemctl enable --now ordermonit.timer; sudo -u ordermonit ordermonit check; then"
        " journalctl -x -u ordermonit -p err; ordermonit sees it in /var/lib/ordermonit and"
        " /var/lib/ordermonit/.ssh"
    )
    assert ALONE.typed(text) == text
    assert Shop("acme").typed(text) == (
        "Type: systemctl enable --now ordermonit@acme.timer; sudo -u ordermonit"
        " ordermonit --shop acme check; then journalctl -x -u ordermonit@acme -p err;"
        " ordermonit sees it in /var/lib/ordermonit/acme and /var/lib/ordermonit/.ssh"
    )


@pytest.mark.parametrize("become", ["sudo -u ordermonit --", "runuser -u ordermonit -- cp a b;"])
def test_the_user_of_a_shop_is_the_one_of_all(become: str) -> None:
    text = f"Type: {become} ordermonit check, then journalctl -n 5 -u ordermonit"
    assert Shop("acme").typed(text) == (
        f"Type: {become} ordermonit --shop acme check, then journalctl -n 5 -u ordermonit@acme"
    )


def test_what_is_typed_twice_is_the_same_and_the_other_monitor_has_its_own_places() -> None:
    places = "--config /etc/ordermonit --state /var/lib/ordermonit "
    for shop, options in (
        (Shop("acme", places), f"--shop acme {places}"),
        (Shop(places=places), places),
    ):
        said = shop.typed("Type: ordermonit retry 5; see ordermonit.timer, or ordermonit … there")
        assert f"Type: ordermonit {options}retry 5;" in said
        assert f"ordermonit {options}… there" in said
        assert shop.typed(said) == said
    assert Shop("acme", places).typed("ordermonit receive") == "ordermonit --shop acme receive"
    assert Shop(places=places).typed("ordermonit receive") == "ordermonit receive"
    assert Shop("acme", places) == Shop("acme")


def test_a_test_alert_says_whose_it_is(host: Path) -> None:
    with Hook() as hook:
        (host / "etc/acme/alerts.yml").write_text(f"channels: ['json://{hook.address}/']\n")
        _typed("--shop", "acme", "alert", "--test")
    assert all(post["title"].startswith("ordermonit (acme) on ") for post in hook.posts)
    assert "`ordermonit --shop acme alert --test`" in hook.posts[0]["message"]
