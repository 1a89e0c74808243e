"""Four YAML files, right and wrong. Nothing but files and values."""

import subprocess
import sys
from dataclasses import MISSING
from pathlib import Path
from typing import Any

import pytest
import yaml

from ordermonit.configuration import FollowPayments, Node, Process, Service, load
from ordermonit.errors import ConfigurationError
from tests.configuration.settings import FILES, SAMPLES, TOP, problems, rows, write

# ---- The samples and the table of keys


def test_the_samples_load_as_they_are() -> None:
    found = load(SAMPLES, {})
    assert found.directory == SAMPLES
    assert found.service == Service()
    assert found.process == Process()
    given = {name: getattr(found.node, name) for name in ("host", "username", "rails_root")}
    assert found.node == Node(**given)
    assert found.database.url.startswith("mysql+pymysql://ordermonit@127.0.0.1/shop_production?")


@pytest.mark.parametrize("file", TOP)
def test_a_sample_has_every_key_its_default_and_its_line(file: str) -> None:
    lines = (SAMPLES / file).read_text().split("\n")
    sample = yaml.safe_load("\n".join(lines))
    # A database has to be named, so the sample shows one.
    shown = {"adapter", "database", "username", "host"} if file == "database.yml" else set()
    expected = [row for row in rows() if row.file == file]
    for row in expected:
        above, _, name = row.name.rpartition(".")
        (at,) = (
            at
            for at, line in enumerate(lines)
            if line.startswith(f"{'  ' if above else ''}{name}:")
            and lines[at - 1].endswith(row.key.doc)
        )
        assert lines[at - 1] == f"{'  ' if above else ''}# {row.key.doc}"
        value = sample[above][name] if above else sample[name]
        if row.default is not MISSING and name not in shown:
            assert row.key.kind.accept(value) == row.default, row.name
    assert set(sample) == {row.name for row in expected if "." not in row.name} == set(TOP[file])


def test_every_key_is_documented_in_one_line() -> None:
    for row in rows():
        assert row.key.doc
        assert "\n" not in row.key.doc
        assert len(f"  # {row.key.doc}") <= 100
        assert row.key.kind.expected


def test_the_former_service_s_values_are_the_defaults() -> None:
    service = Service()
    assert service.running_cycle == 120
    assert service.max_attempts == 4
    assert service.max_orders_per_request == 5
    assert service.downtime_wait == 30


# ---- service.yml and process.yml


def test_a_language_that_is_not_known_is_one_line_with_those_that_are(tmp_path: Path) -> None:
    (problem,) = problems(write(tmp_path, process="language: pt"))
    assert problem == 'process.yml: language: found "pt", expected en or pt_BR'


def test_empty_files_are_all_defaults(tmp_path: Path) -> None:
    found = load(write(tmp_path, service="", process="# nothing\n---\n"), {})
    assert (found.service, found.process) == (Service(), Process())


def test_values_are_taken(tmp_path: Path) -> None:
    found = load(
        write(
            tmp_path,
            service="running_cycle: 0.25\nmax_attempts: 1\nfollow_payments: all\nmin_order_age: 2",
            process="app_name: shop-monitor\nontop: false\nbacktrace: true",
        ),
        {},
    )
    assert found.service == Service(
        running_cycle=0.25, max_attempts=1, min_order_age=2, follow_payments=FollowPayments.ALL
    )
    assert found.process == Process(app_name="shop-monitor", ontop=False, backtrace=True)


ABOVE_0 = "a number of seconds greater than 0"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("running_cycle: soon", f'running_cycle: found "soon", expected {ABOVE_0}'),
        ("running_cycle: 0", f"running_cycle: found 0, expected {ABOVE_0}"),
        ("running_cycle: true", f"running_cycle: found true, expected {ABOVE_0}"),
        ("running_cycle:", f"running_cycle: found nothing, expected {ABOVE_0}"),
        ("running_cycle: .nan", f"running_cycle: found nan, expected {ABOVE_0}"),
        (
            "running_cycle: .inf",
            f"running_cycle: found inf, expected {ABOVE_0}, at most 1000000000",
        ),
        ("running_cycle: [1]", f"running_cycle: found a list, expected {ABOVE_0}"),
        ("running_cycle: 2012-01-02", f"running_cycle: found a date, expected {ABOVE_0}"),
        (f"running_cycle: 0x{'f' * 5000}", "running_cycle: found a huge number, expected"),
        ("min_order_age: -1", "min_order_age: found -1, expected a number of seconds of 0 or more"),
        ("max_attempts: 0", "max_attempts: found 0, expected a whole number from 1 to 1000000"),
        ("max_attempts: 2.5", "max_attempts: found 2.5, expected a whole number from 1"),
        ("max_attempts: true", "max_attempts: found true, expected a whole number from 1"),
        ("max_orders_per_request: '5'", 'max_orders_per_request: found "5", expected a whole'),
        ("follow_payments: some", 'follow_payments: found "some", expected inserted or all'),
        ("max_atempts: 3", "max_atempts: unknown key; did you mean max_attempts? It takes a whole"),
        ("colour: red", "colour: unknown key; expected one of running_cycle, max_attempts,"),
        ("1: 2", "1: unknown key; expected one of running_cycle"),
        ('"a\\nb": 2', "a…: unknown key; expected one of running_cycle"),
        ("[a, b]: 2", "line 1, column 1: found unhashable key; expected YAML text"),
        ("{}", None),
        ("[]", "found a list, expected keys with values, such as `key: value`"),
        ("soon", "found text, expected keys with values, such as `key: value`"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, said: str | None) -> None:
    directory = write(tmp_path, service=line)
    if said is None:
        assert load(directory, {}).service == Service()
        return
    (problem,) = problems(directory)
    assert problem.startswith(f"service.yml: {said}")


def test_a_misspelt_key_with_a_bad_value_is_one_problem(tmp_path: Path) -> None:
    """It names the file, the key, the nearest key, what was found and what that key takes."""
    directory = write(tmp_path, service="runing_cycle: soon")
    with pytest.raises(ConfigurationError) as refused:
        load(directory, {})
    assert refused.value.message == (
        f"{directory}/service.yml: runing_cycle: unknown key; did you mean running_cycle?"
        f' Found "soon", expected {ABOVE_0}'
    )


@pytest.mark.parametrize(
    "name", ["", " ", "a/b", "../x", "x" * 65, "a\\nb", "a\\u202eb", "\\u200b"]
)
def test_app_name_is_safe_for_a_file_s_name_and_a_line(tmp_path: Path, name: str) -> None:
    (problem,) = problems(write(tmp_path, process=f'app_name: "{name}"'))
    assert problem.startswith("process.yml: app_name: found ")


@pytest.mark.parametrize(
    "name", ["Order Monit Service", "9 vidas", "Ação & Cia. (loja nº 2)", "注文"]
)
def test_app_name_is_any_that_a_person_would_give(tmp_path: Path, name: str) -> None:
    assert load(write(tmp_path, process=f'app_name: "{name}"'), {}).process.app_name == name


def test_comments_may_be_in_any_character_set(tmp_path: Path) -> None:
    text = "# a sa\xedda do log\napp_name: Order  # servi\xe7o\n".encode("latin-1")
    assert load(write(tmp_path, process=text), {}).process.app_name == "Order"


# ---- Files as a whole


def test_all_problems_of_all_files_at_once(tmp_path: Path) -> None:
    said = problems(
        write(
            tmp_path,
            service="running_cycle: soon\nmax_attempts: none",
            process="ontop: 1",
            integration_server="port: 0",
            database="adapter: oracle",
        )
    )
    assert [problem.split(": found")[0].split(": missing")[0] for problem in said] == [
        "service.yml: running_cycle",
        "service.yml: max_attempts",
        "process.yml: ontop",
        "integration_server.yml: port",
        "integration_server.yml: host",
        "integration_server.yml: username",
        "integration_server.yml: rails_root",
        "database.yml: adapter",
    ]
    assert all("expected" in problem for problem in said)


def test_missing_files_are_all_named(tmp_path: Path) -> None:
    assert problems(tmp_path / "nowhere") == [
        f"{file}: no such file; expected a YAML file" for file in FILES
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"a: 1\nb: [1, 2\nc: 3\n", "line 2: found a bracket that does not end"),
        (b"a: b: c", "line 1: found a colon with a blank in a value, expected quotes"),
        (b"running_cycle: 1\n\tx: 2", "line 2: found a tab at its beginning, expected blanks"),
        (b"a:\n\t- 2", "line 2: found a tab at its beginning, expected blanks"),
        (b"a:1", "line 1: found a colon without a blank behind it, expected `key: value`"),
        (b"a: 2\nb:1", "line 2: found a colon without a blank behind it"),
        (b"a:1\n\n# c\nb: 2", "line 1: found a colon without a blank behind it"),
        (b"a: 1\n  b: 2", "line 2: found 2 blanks at its beginning, and 0 in line 1; expected"),
        (b"  a: 1\nb: 2", "line 2: found 0 blanks at its beginning, and 2 in line 1; expected"),
        (b"a: @b", "line 1: found a value that begins with one of @ ` % * & !, expected quotes"),
        (b"a: %b", "line 1: found a value that begins with one of @"),
        (b"a: *b", "line 1: found a value that begins with one of @"),
        (b"a: 'b", "line 1: found a quote that does not end"),
        (b"a: {b", "line 1: found a brace that does not end"),
        (b"running_cycle: 1\nrunning_cycle: 2", "running_cycle: found twice, again in line 2"),
        (b"running_cycle: 2012-99-99", "line 1, column 16: found a number or date that can't be"),
        (b"running_cycle: " + b"9" * 5000, "line 1, column 16: found a number or date"),
        (b"running_cycle: !!bool x", "line 1, column 16: found a number or date that can't be"),
        (b"running_cycle: !!python/none", "line 1: found a value that begins with one of"),
        (b"running_cycle: 1\n--- \nrunning_cycle: 2", "line 2, column 1"),
        (b"# \xe9\na: 1\nb: \xe9\n", "line 3: found bytes that are no UTF-8"),
        ("running_cycle: 1".encode("utf-16"), "line 1: found bytes that are no UTF-8"),
        (b"running_cycle: 1\n\0", "line 2: found a control character"),
        (b"[" * 30_000, "not a configuration: nested too deeply"),
        (b"# " + b"x" * 70_000, "70002 bytes long; expected a YAML file of up to 65536"),
    ],
)
def test_what_is_no_yaml(tmp_path: Path, text: bytes, said: str) -> None:
    (problem,) = problems(write(tmp_path, service=text))
    assert problem.startswith(f"service.yml: {said}")
    assert "expected" in problem or "nested" in problem


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    directory = write(tmp_path, service=b"\xef\xbb\xbfmax_attempts: 7")
    assert load(directory, {}).service.max_attempts == 7


def test_merged_mappings_do_not_explode(tmp_path: Path) -> None:
    lines = ["a0: &a0 {" + ", ".join(f"k{at}: 1" for at in range(10)) + "}"]
    lines += [f"a{at}: &a{at} {{<<: [{', '.join([f'*a{at - 1}'] * 10)}]}}" for at in range(1, 9)]
    said = problems(write(tmp_path, service="\n".join(lines)))
    assert "too many merged keys" in said[0]


def test_what_is_no_file(tmp_path: Path) -> None:
    directory = write(tmp_path, service=None, process=None)
    (directory / "service.yml").mkdir()
    (directory / "process.yml").symlink_to("process.yml")
    said = problems(directory)
    assert said[0] == "service.yml: not a regular file; expected a YAML file"
    assert said[1].startswith("process.yml: can't be read: Too many levels of symbolic links")


# ---- The idle path


def test_reading_imports_neither_sqlalchemy_nor_asyncssh() -> None:
    code = (
        "import sys; from pathlib import Path; from ordermonit.configuration import load;"
        f"load(Path({str(SAMPLES)!r}), {{}}); print(*sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = set(ran.stdout.split())
    assert "yaml" in imported
    assert not imported & {"sqlalchemy", "asyncssh", "asyncio", "difflib"}


def test_settings_do_not_change() -> None:
    service: Any = Service()
    with pytest.raises(AttributeError):
        service.running_cycle = 1
    with pytest.raises((AttributeError, TypeError)):
        service.other = 1
