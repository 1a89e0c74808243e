"""`check` says what two shops of one host share by mistake, and nothing of what they may share."""

import json
import os
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from ordermonit.cli import main
from ordermonit.configuration import load
from ordermonit.configuration.alerts import load_alerts
from ordermonit.doctor.findings import Finding, Severity
from ordermonit.doctor.sharing import Held, shared
from ordermonit.shops import Shop
from tests.configuration.settings import write
from tests.parts import outsider

_PING = "https://hc-ping.example/11111111"
_MYSQL = "url: mysql://monit:hunter2@db.example/acme\n"


def _node(root: str, more: str = "", host: str = "node.example") -> str:
    return f"host: {host}\nusername: deploy\nrails_root: {root}\n{more}"


#: Two shops that share nothing, file by file.
ACME = {
    "process": "metrics_file: /srv/acme.prom\nstatus_page: /srv/acme.html\n",
    "integration_server": _node("/srv/acme"),
    "database": _MYSQL,
    "alerts": f"ping_url: {_PING}\n",
}
OTHER = {
    "process": "metrics_file: /srv/other.prom\nstatus_page: /srv/other.html\n",
    "integration_server": _node("/srv/other"),
    "database": "url: mysql://monit:hunter2@db.example/other\n",
    "alerts": "ping_url: https://hc-ping.example/22222222\n",
}


def _held(directory: Path, name: str, files: dict[str, str], state: str | None = None) -> Held:
    config = directory / name
    config.mkdir()
    write(config, **files)
    place, real = Path("/var/lib/ordermonit", name), f"/var/lib/ordermonit/{state or name}"
    return Held(Shop(name), load(config, {}), load_alerts(config, {}), place, real)


def _shared(
    directory: Path, acme: dict[str, str], other: dict[str, str], state: str | None = None
) -> list[Finding]:
    """What is said to `other` of `acme`, which has to be told the same."""
    ours = _held(directory, "other", OTHER | other, state)
    theirs = _held(directory, "acme", ACME | acme)
    found = [*shared(ours, theirs)]
    assert len(found) == len([*shared(theirs, ours)])
    assert {each.severity for each in found} <= {Severity.WARNING}
    assert "11111111" not in str(found)
    assert "hunter2" not in str(found)
    return found


@pytest.mark.parametrize(
    ("file", "text", "said", "remedy"),
    [
        (
            "process",
            "metrics_file: /srv//acme.prom\n",
            "metrics_file /srv//acme.prom is that of the shop acme too: they overwrite",
            "Give each shop a metrics_file of its own in its process.yml",
        ),
        (
            "process",
            "status_page: /srv/acme.html\n",
            "status_page /srv/acme.html is that of the shop acme too: they overwrite",
            "Give each shop a status_page of its own in its process.yml",
        ),
        (
            "alerts",
            f"ping_url: {_PING}\n",
            "ping_url (not shown) is that of the shop acme too: when one of the two is dead",
            "Give each shop a ping_url of its own in its alerts.yml",
        ),
        (
            "database",
            _MYSQL,
            "the table orders of mysql+pymysql://monit:***@db.example/acme is that of the shop"
            " acme too: both look at the same orders",
            "Name each shop's own database, or its table under orders, in its database.yml",
        ),
        (
            "integration_server",
            _node("/srv/acme/"),
            "rails_root /srv/acme/ on deploy@node.example:22 is that of the shop acme too, but the"
            " databases are two",
            "Give each shop its own rails_root in integration_server.yml; or, if one",
        ),
    ],
    ids=["metrics_file", "status_page", "ping_url", "database", "rails_root"],
)
def test_a_line_that_was_forgotten_is_one_warning(
    tmp_path: Path, file: str, text: str, said: str, remedy: str
) -> None:
    (found,) = _shared(tmp_path, {}, {file: text})
    assert found.found.startswith(said)
    assert found.remedy.startswith(remedy)


def test_a_state_directory_behind_a_link_is_one_warning(tmp_path: Path) -> None:
    (found,) = _shared(tmp_path, {}, {}, state="acme")
    assert found.found.startswith(
        "the state directory /var/lib/ordermonit/other is that of the shop acme too, by a link"
    )
    assert "put a directory of its own in the link's place" in found.remedy


def test_two_shops_with_their_own_things_are_told_nothing(tmp_path: Path) -> None:
    assert _shared(tmp_path, {}, {}) == []


def test_what_neither_has_is_not_shared(tmp_path: Path) -> None:
    nothing = {"process": "", "alerts": ""}
    assert _shared(tmp_path, nothing, nothing) == []


_PG = "url: postgresql://monit:hunter2@db/shop"


@pytest.mark.parametrize(
    ("acme", "other"),
    [
        ("url: mysql://db.example/shop", "url: mysql2://monit:x@DB.example:3306/shop"),
        ("url: mysql://localhost/shop", "url: mysql://127.0.0.1/shop"),
        ("url: trilogy://[::1]:3306/shop", "adapter: mysql2\ndatabase: shop"),
        (
            "adapter: mysql2\nsocket: /run/my.sock\ndatabase: shop",
            "adapter: mysql2\nsocket: /run/my.sock\ndatabase: shop\nssl_mode: required",
        ),
        ("url: postgresql://a@localhost:5433/shop", "url: postgresql://a@127.0.0.1:5433/shop"),
        (f"{_PG}?sslmode=require", _PG),
        ("url: sqlite:////srv/shop.db", "adapter: sqlite3\ndatabase: /srv/old/../shop.db"),
        (_PG, f"{_PG}\nignored_states: [cart]"),
        (f"{_PG}\nignored_states: [cart]", f"{_PG}\nignored_states: [cart, address]"),
        (_PG, f"{_PG}\norders: {{number: code}}"),
        (_PG, f"{_PG}\nignored_states: [cart]\norders: {{state: status}}"),
    ],
)
def test_one_front_that_is_written_in_two_ways(tmp_path: Path, acme: str, other: str) -> None:
    (found,) = _shared(tmp_path, {"database": f"{acme}\n"}, {"database": f"{other}\n"})
    assert "both look at the same orders" in found.found


@pytest.mark.parametrize(
    ("acme", "other"),
    [
        ("url: mysql://db.example/shop", "url: mysql://db2.example/shop"),
        ("url: mysql://db.example/shop", "url: mysql://db.example:3307/shop"),
        ("url: mysql://db.example/shop", "url: postgresql://db.example:3306/shop"),
        # Over the socket this port means nothing, so they may be two servers.
        ("url: mysql://localhost:3307/shop", "url: mysql://127.0.0.1:3307/shop"),
        (
            "adapter: mysql2\nsocket: /run/my.sock\ndatabase: shop",
            "adapter: mysql2\nsocket: /run/my2.sock\ndatabase: shop",
        ),
        # By its account or its path, the same name may be another schema's table.
        ("url: postgresql://a@db/shop", "url: postgresql://b@db/shop"),
        (f"{_PG}\nschema_search_path: a", f"{_PG}\nschema_search_path: b"),
        # A database that two shops are meant to share.
        (f"{_PG}\norders: {{table: acme_orders}}", f"{_PG}\norders: {{table: other_orders}}"),
        (f"{_PG}\nignored_states: [cart, web]", f"{_PG}\nignored_states: [cart, till]"),
        (
            f"{_PG}\nignored_states: [cart]\norders: {{state: shop}}",
            f"{_PG}\nignored_states: [cart]",
        ),
        # Relative to each shop's own directory.
        ("url: sqlite:///shop.db", "url: sqlite:///shop.db"),
    ],
)
def test_two_fronts_that_look_alike(tmp_path: Path, acme: str, other: str) -> None:
    assert _shared(tmp_path, {"database": f"{acme}\n"}, {"database": f"{other}\n"}) == []


@pytest.mark.parametrize(
    "own",
    [
        _node("/srv/acme", host="other.example"),
        _node("/srv/acme", "port: 23\n"),
        _node("/srv/acme", "environment: {SHOP: other}\n"),
        _node("/srv/acme", "tasks: {insert_order: other_insert_order}\n"),
        _node("/srv/acme", "checks: {order_exists: Other.there?(number)}\n"),
        _node("/srv/acme", "rake: bin/rake-of other\n"),
    ],
)
def test_an_application_that_is_told_whose_the_order_is(tmp_path: Path, own: str) -> None:
    assert _shared(tmp_path, {}, {"integration_server": own}) == []


def test_two_tables_of_one_database_may_have_one_application(tmp_path: Path) -> None:
    table = {"database": f"{_MYSQL}orders: {{table: other_orders}}\n"}
    one = {"integration_server": ACME["integration_server"]}
    assert _shared(tmp_path, {}, table | one) == []


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host whose shop acme has begun, and the copy `other` of its configuration too."""
    monkeypatch.setenv("ORDERMONIT_CONFIG", str(tmp_path / "etc"))
    monkeypatch.setenv("ORDERMONIT_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("acme", "other"):
        _configure(tmp_path / "etc" / name, **ACME)
        _begin(tmp_path / "state" / name)
    return tmp_path


def _configure(directory: Path, **files: str) -> None:
    """As docs/shops.md wants it: closed to others."""
    directory.mkdir(parents=True, exist_ok=True)
    for file in write(directory, **files).glob("*.yml"):
        file.chmod(0o640)


def _begin(state: Path) -> None:
    state.mkdir(parents=True, exist_ok=True)
    (state / "checkpoint").write_text("a checkpoint that nobody reads here\n")


def _check(
    capsys: pytest.CaptureFixture[str], *shop: str, part: str = "configuration"
) -> list[dict[str, Any]]:
    """The findings of this part, which are no errors."""
    assert main([*shop, "check", "--json", part]) == 0
    said = capsys.readouterr().out
    assert "11111111" not in said
    assert "hunter2" not in said
    findings: list[dict[str, Any]] = json.loads(said)["findings"]
    return [each for each in findings if each["part"] == "configuration"]


def _warnings(findings: list[dict[str, Any]]) -> list[str]:
    return [each["found"] for each in findings if each["severity"] == "warning"]


def _keys(findings: list[dict[str, Any]], whom: str) -> list[str]:
    """The first word or two of each thing that is shared with this shop."""
    assert all(f" is that of {whom} too" in each for each in _warnings(findings))
    return [" ".join(each.split()[:2]) for each in _warnings(findings)]


def test_a_copied_shop_is_told_all_that_it_has_of_the_other(
    host: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    everything = [
        "metrics_file /srv/acme.prom",
        "status_page /srv/acme.html",
        "ping_url (not",
        "the table",
    ]
    assert _keys(_check(capsys, "--shop", "other"), "the shop acme") == everything
    assert _keys(_check(capsys, "--shop", "acme"), "the shop other") == everything
    _configure(host / "etc/other", **OTHER)
    findings = _check(capsys, "--shop", "other")
    assert _warnings(findings) == []
    assert findings[-1]["found"].endswith("is not shared with the other shop of this host")


def test_the_shop_without_a_name_is_one_of_them_where_it_is_in_use(
    host: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _configure(host / "etc/other", **OTHER)
    mine = OTHER | {"process": ACME["process"], "database": "url: sqlite:///shop.db\n"}
    mine |= {"alerts": "", "integration_server": _node("/srv/mine")}
    _configure(host / "etc", **mine)
    assert _warnings(_check(capsys, "--shop", "acme")) == []
    _begin(host / "state")
    both = ["metrics_file /srv/acme.prom", "status_page /srv/acme.html"]
    assert _keys(_check(capsys, "--shop", "acme"), "the shop without a name") == both
    assert _keys(_check(capsys), "the shop acme") == both


def test_its_keys_are_in_the_users_home_and_not_in_our_shops(
    host: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else its configuration would not read."""
    _configure(host / "etc/other", **OTHER)
    (host / "key").touch(0o600)
    monkeypatch.setattr("ordermonit.doctor.sharing._home", lambda: str(host))
    node = _node("/srv/mine", "private_key: ~/key\n")
    _configure(host / "etc", **OTHER | {"process": ACME["process"], "integration_server": node})
    _begin(host / "state")
    assert len(_warnings(_check(capsys, "--shop", "acme"))) == 2


def test_a_state_directory_that_is_a_link_to_the_others(
    host: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _configure(host / "etc/other", **OTHER)
    shutil.rmtree(host / "state/other")
    (host / "state/other").symlink_to("acme")
    findings = _check(capsys, "--shop", "other")
    assert _keys(findings, "the shop acme") == ["the state"]
    assert f"{host}/state/other" in _warnings(findings)[0]
    assert _keys(_check(capsys, "--shop", "acme"), "the shop other") == ["the state"]


@pytest.mark.parametrize("file", [*ACME, "service"])
def test_a_broken_other_shop_is_no_matter(
    host: Path, capsys: pytest.CaptureFixture[str], file: str
) -> None:
    broken = host / f"etc/other/{file}.yml"
    broken.write_text("[: <% \x00")
    _configure(host / "etc/zeta", **OTHER | {"process": ACME["process"]})
    _begin(host / "state/zeta")
    said = _warnings(_check(capsys, "--shop", "acme"))
    whose = [each.partition(" too")[0].rpartition(" ")[2] for each in said]
    assert whose == [*(3 * ["other"] if file == "alerts" else []), "zeta", "zeta"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
@pytest.mark.parametrize("closed", ["etc/other", "etc", "state/other", None])
def test_a_shop_that_may_not_be_looked_at_is_no_matter(host: Path, closed: str | None) -> None:
    with TemporaryDirectory() as directory:
        place = Path(directory, "host")
        shutil.copytree(host, place)
        for each in (place.parent, place, *place.rglob("*")):
            each.chmod(0o755 if each.is_dir() else 0o644)
        if closed is not None:
            (place / closed).chmod(0o711 if closed == "etc" else 0o700)
        run = outsider.run(
            [sys.executable, "-m", "ordermonit", "--shop", "acme", "check", "configuration"],
            {
                "ORDERMONIT_CONFIG": str(place / "etc"),
                "ORDERMONIT_STATE": str(place / "state"),
                "HOME": directory,
            },
        )
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.count("is that of the shop other too") == (4 if closed is None else 0)
    assert "error" not in run.stdout


def test_a_directory_that_was_copied_and_never_begun_is_no_other_shop(
    host: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such as acme.bak."""
    (host / "state/other/checkpoint").unlink()
    assert _warnings(_check(capsys, "--shop", "acme")) == []
    assert len(_warnings(_check(capsys, "--shop", "other"))) == 4


def test_variables_of_ours_are_not_the_others(
    host: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("acme", "other"):
        _configure(host / "etc" / name, **(ACME if name == "acme" else OTHER))
        file = host / f"etc/{name}/database.yml"
        file.write_text(
            "adapter: mysql2\nhost: db.example\n"
            "database: <%= ENV.fetch('SHOP_DATABASE', 'shop') %>\n"
        )
    monkeypatch.setenv("SHOP_DATABASE", "acme")
    assert _warnings(_check(capsys, "--shop", "acme")) == []


def test_other_parts_read_no_other_shop(
    host: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ordermonit.doctor.sharing.examined", None)
    assert _check(capsys, "--shop", "acme", part="standby") == []


def test_the_only_shop_of_a_host_is_told_nothing(
    host: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(host / "etc/other")
    findings = _check(capsys, "--shop", "acme")
    assert _warnings(findings) == []
    assert "this host" not in findings[-1]["found"]
