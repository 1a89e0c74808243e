"""integration_server.yml, right and wrong."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from ordermonit.configuration import Jump, Node, load
from ordermonit.orders.model import Operation
from tests.configuration.settings import NODE, problems, write


def node(directory: Path, text: str, environ: Mapping[str, str] | None = None) -> Node:
    return load(write(directory, integration_server=NODE + text), environ or {}).node


def test_defaults_of_the_node(tmp_path: Path) -> None:
    found = node(tmp_path, "")
    assert (found.host, found.port, found.username) == ("node", 22, "deploy")
    assert found.environment == {"RAILS_ENV": "production", "LANG": "C.UTF-8"}
    assert found.tasks == {
        Operation.INSERT_ORDER: "insert_order",
        Operation.CONFIRM_PAYMENT: "confirm_payment",
    }
    assert found.checks == {Operation.ORDER_EXISTS: "Abacos::OrderAPI.order_exists?(number)"}
    assert found.private_key is None
    assert found.known_hosts is None


def test_mappings_add_to_the_defaults(tmp_path: Path) -> None:
    found = node(
        tmp_path,
        """
        environment: {LANG: null, RAILS_ENV: staging, RBENV_VERSION: '3.1'}
        tasks: {confirm_payment: 'shop:erp:confirm_payment'}
        checks: {payment_confirmed: 'Abacos::Payment.confirmed?(number)'}
        """.replace("\n        ", "\n"),
    )
    assert found.environment == {"RAILS_ENV": "staging", "RBENV_VERSION": "3.1"}
    assert found.tasks[Operation.INSERT_ORDER] == "insert_order"
    assert found.tasks[Operation.CONFIRM_PAYMENT] == "shop:erp:confirm_payment"
    assert set(found.checks) == {Operation.ORDER_EXISTS, Operation.PAYMENT_CONFIRMED}


def test_one_variable_leaves_the_other_defaults(tmp_path: Path) -> None:
    found = node(tmp_path, "environment: {RAILS_ENV: staging}")
    assert found.environment == {"RAILS_ENV": "staging", "LANG": "C.UTF-8"}


@pytest.mark.parametrize("off", ["null", "false"])
def test_a_check_can_be_switched_off(tmp_path: Path, off: str) -> None:
    assert node(tmp_path, f"checks: {{order_exists: {off}}}").checks == {}


@pytest.mark.parametrize(
    ("text", "jumps"),
    [
        ("bastion", (Jump("bastion"),)),
        ("jump@bastion.example.com:2222", (Jump("bastion.example.com", 2222, "jump"),)),
        (
            "a@one:1, two,b@[2001:db8::1]:3",
            (Jump("one", 1, "a"), Jump("two"), Jump("2001:db8::1", 3, "b")),
        ),
        ("null", None),
    ],
)
def test_bastions(tmp_path: Path, text: str, jumps: tuple[Jump, ...] | None) -> None:
    assert node(tmp_path, f"proxy_jump: {text}").proxy_jump == jumps


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("port: 65536", "port: found 65536, expected a whole number from 1 to 65535"),
        ("rake: 1", "rake: found 1, expected a command: text, so put it in quotes"),
        ("rake: 'a\n\n  b'", 'rake: found "a\\nb", expected a command'),
        ("environment: {2X: a}", "environment.2X: not a variable's name"),
        ("environment: {X: 1}", "environment.X: found a number, expected text in quotes"),
        ("environment: [X]", "environment: found a list, expected variables"),
        ("tasks: {insert_order: 'a b'}", 'tasks.insert_order: found "a b", expected a rake task'),
        ("tasks: {insert_order: 'x;y'}", "tasks.insert_order: found"),
        ("tasks: {insert_order: null}", "tasks.insert_order: found nothing, expected a rake task"),
        ("tasks: {insert_oder: x}", "tasks.insert_oder: unknown key; did you mean insert_order?"),
        ("checks: {order_exists: 'true'}", "checks.order_exists: found"),
        ("checks: {order_exists: true}", "checks.order_exists: found true, expected a Ruby"),
        ("down: ['(']", 'down[0]: found "(", expected a regular expression (missing )'),
        ("down: [ok, '', 3]", 'down[1]: found "", expected a regular expression'),
        ("down: all", 'down: found "all", expected a list of regular expressions'),
        ("down: ['a{9999999999999999999}']", "down[0]: found"),
        ("lock_file: tmp/", "lock_file: found"),
        ("proxy_jump: 'a@b:65536'", 'proxy_jump: found "a@b:65536", expected servers such as'),
        ("proxy_jump: 'a@b,,c'", 'proxy_jump: found "", expected servers such as user@bastion:22'),
        ("proxy_jump: -oX@b", 'proxy_jump: found "-oX@b", expected servers'),
        ("proxy_jump: 'ssh://a@b'", "proxy_jump: found text (not shown), expected servers"),
        ("proxy_jump: [a@b]", "proxy_jump: found a list, expected servers"),
        ("private_key: gone", "private_key: found"),
        ("known_hosts: .", "known_hosts: found"),
        ("private_key: ~nobody-here/key", "private_key: found"),
    ],
)
def test_a_wrong_key_of_the_node(tmp_path: Path, text: str, said: str) -> None:
    assert problems(write(tmp_path, integration_server=NODE + text))[0].startswith(
        f"integration_server.yml: {said}"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("host", "-oProxyCommand=x"),
        ("host", "a b"),
        ("username", "-l"),
        ("username", "a@b"),
        ("rails_root", "srv/app"),
        ("rails_root", "/a\\nb"),
        ("rails_root", "/a\\e[31mb"),
    ],
)
def test_values_that_would_be_something_else_in_a_command(
    tmp_path: Path, name: str, value: str
) -> None:
    keys = dict(line.split(": ") for line in NODE.splitlines()) | {name: f'"{value}"'}
    text = "\n".join(f"{name}: {value}" for name, value in keys.items())
    (problem,) = problems(write(tmp_path, integration_server=text))
    assert problem.startswith(f"integration_server.yml: {name}: found ")


def test_files_of_the_node_are_absolute(tmp_path: Path) -> None:
    home = tmp_path / "home" / ".ssh"
    home.mkdir(parents=True)
    (home / "id").touch()
    (tmp_path / "known").touch()
    found = node(tmp_path, "private_key: ~/.ssh/id\nknown_hosts: known", {"HOME": str(home.parent)})
    assert found.private_key == home / "id"
    assert found.known_hosts == tmp_path / "known"


# ---- Credentials


def test_the_credential_key_goes_first(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    environ = {"CREDENTIALS_DIRECTORY": str(credentials)}
    key = tmp_path / "key"
    key.touch()
    assert node(tmp_path, "private_key: key", environ).private_key == key
    (credentials / "ssh_key").touch()
    assert node(tmp_path, "private_key: key", environ).private_key == credentials / "ssh_key"
    assert node(tmp_path, "private_key: gone", environ).private_key == credentials / "ssh_key"
