"""The units, the generator and the catalog as files: what needs no machine."""

import re
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from ordermonit.arguments import parser
from ordermonit.configuration import Language, kinds
from ordermonit.configuration.problems import Misfit
from ordermonit.orders.events import Event
from tests.grammar import commands

PACKAGING = Path(__file__).parents[2] / "packaging" / "systemd"
CATALOGS = sorted(PACKAGING.glob("*.catalog"))
COMMANDS = commands(parser())
_LANGUAGES = [(language,) for language in Language if language is not Language.EN]
#: Fields, keys, files, the program's own words, exit codes, commands and options.
MARKS = (
    r"@\w+@",
    r"\b[a-z]+(?:_[a-z]+)+\b",
    r"\b\w+\.(?:yml|md|service)\b",
    r"\b[A-Z][A-Z_]{3,}\b",
    r"\b[67]\d\b",
    rf"\bordermonit (?:{'|'.join(COMMANDS)})\b",
    r"\b(?:journalctl|systemctl) (?:-\w+|[a-z-]+)",
    r"(?<!\w)--[a-z]+(?:-[a-z]+)*",
)
DROP_IN = Path("ordermonit.timer.d/50-running-cycle.conf")


@pytest.mark.parametrize("unit", ["ordermonit.service", "ordermonit@.service"])
def test_the_services_exposure_is_at_most_1_2(unit: str) -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=12"]
    done = subprocess.run([*command, PACKAGING / unit], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    shown = unit.replace("@", r"@\w+")  # each systemd has its own name for an instance
    assert re.search(rf"Overall exposure level for {shown}: ", done.stdout)


def test_there_is_a_catalog_for_each_language() -> None:
    """systemd takes the one whose name has the locale's language, else the one without any."""
    names = {".".join(("ordermonit", *some, "catalog")) for some in ((), *_LANGUAGES)}
    assert {each.name for each in CATALOGS} == names


@pytest.mark.parametrize("catalog", CATALOGS, ids=lambda catalog: catalog.name)
def test_the_catalog_explains_every_event_and_nothing_else(catalog: Path) -> None:
    text = catalog.read_text()
    entries = re.findall(r"^-- ([0-9a-f]{32})\nSubject: .+\nDefined-By: ordermonit\n\n", text, re.M)
    assert entries == [event.message_id for event in Event]
    assert len(set(entries)) == len(entries)
    assert text.count("\n-- ") == len(entries)


def explanation(catalog: Path, event: Event) -> str:
    """The event's entry."""
    return catalog.read_text().split(f"-- {event.message_id}\n")[1].split("\n-- ")[0].strip()


@pytest.mark.parametrize("catalog", CATALOGS, ids=lambda catalog: catalog.name)
def test_an_entry_says_what_the_service_does_and_what_you_can_do(catalog: Path) -> None:
    for event in Event:
        text = explanation(catalog, event)
        assert len(text.split("\n\n")[1:]) >= 2, f"{event}: what it means, and what follows from it"
        assert max(map(len, text.splitlines())) <= 96, event


def marks(text: str) -> set[str]:
    """What is the same in every language."""
    line = " ".join(text.split())
    return {found for pattern in MARKS for found in re.findall(pattern, line)}


@pytest.mark.parametrize("catalog", CATALOGS[1:], ids=lambda catalog: catalog.name)
def test_another_languages_entry_names_the_same_fields_keys_and_commands(catalog: Path) -> None:
    for event in Event:
        there, english = explanation(catalog, event), explanation(CATALOGS[0], event)
        assert marks(there) == marks(english), event
        assert len(there.split("\n\n")) == len(english.split("\n\n")), event
        assert there.splitlines()[0] != english.splitlines()[0], event


@pytest.fixture
def generator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The generator with a service.yml of ours, in this process."""
    loader = SourceFileLoader("generator", str(PACKAGING / "ordermonit-generator"))
    spec = spec_from_loader("generator", loader)
    assert spec is not None
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(sys, "path", list(sys.path))
    module = module_from_spec(spec)
    loader.exec_module(module)
    monkeypatch.setattr(module, "CONFIGURATION", str(tmp_path))
    return module


@pytest.mark.parametrize(
    ("value", "period", "accuracy"),
    [
        ("120", "120s", "1s"),
        ("3", "3s", "30000us"),
        ("2.5", "2500000us", "25000us"),
        ("0.0000004", "1us", "1us"),
        ("86400", "86400s", "1s"),
    ],
)
def test_the_period_of_service_yml_rules_the_timer(
    generator: ModuleType, tmp_path: Path, value: str, period: str, accuracy: str
) -> None:
    (tmp_path / "service.yml").write_text(f"max_attempts: 4\nrunning_cycle: {value}\n")
    generator.alone(str(tmp_path))
    lines = (tmp_path / DROP_IN).read_text().splitlines()
    assert lines[-4:] == [
        "OnUnitActiveSec=",
        "OnActiveSec=0",
        f"OnUnitActiveSec={period}",
        f"AccuracySec={accuracy}",
    ]


VALUES: tuple[object, ...] = (
    120,
    0.5,
    1e9,
    1e10,
    0,
    -1,
    float("nan"),
    float("inf"),
    True,
    None,
    "soon",
    [2],
    {},
)


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_the_generator_takes_what_the_program_takes(
    generator: ModuleType, tmp_path: Path, value: object
) -> None:
    try:
        kinds.seconds().accept(value)
        right = True
    except Misfit:
        right = False
    text = {"nan": ".nan", "inf": ".inf"}.get(repr(value), repr(value))
    (tmp_path / "service.yml").write_text(f"running_cycle: {text}\n")
    generator.alone(str(tmp_path))
    assert (tmp_path / DROP_IN).exists() == right


def test_each_shop_has_its_period_and_its_own_part_of_it_for_the_first_cycle(
    generator: ModuleType, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    files: dict[str, str | None] = {
        "a": "running_cycle: 60",
        "b.example": "running_cycle: [",
        "c": None,
    }
    files["d"] = "running_cycle: 0.5"
    for name, text in files.items():
        (tmp_path / name).mkdir()
        if text is not None:
            (tmp_path / name / "service.yml").write_text(text)
    output = tmp_path_factory.mktemp("units")
    generator.shops(str(output))
    found = {
        each.name: (each / DROP_IN.name).read_text().splitlines()[-3:] for each in output.iterdir()
    }
    assert found == {
        "ordermonit@a.timer.d": ["OnActiveSec=0", "OnUnitActiveSec=60s", "AccuracySec=10000us"],
        # Whatever is wrong with one: the others have theirs, and it has the unit's own period.
        "ordermonit@b.example.timer.d": [
            *("OnActiveSec=30s", "OnUnitActiveSec=120s", "AccuracySec=10000us")
        ],
        "ordermonit@c.timer.d": ["OnActiveSec=60s", "OnUnitActiveSec=120s", "AccuracySec=10000us"],
        "ordermonit@d.timer.d": [
            *("OnActiveSec=375000us", "OnUnitActiveSec=500000us", "AccuracySec=5000us")
        ],
    }


#: What a shop's service has and the other has not, or the other way round.
OWN = re.compile(
    r"(Description|ExecStart|PartOf|AssertPathIsDirectory|TemporaryFileSystem|Bind\w+|"
    r"(State|Logs|Runtime|Configuration)Directory(Mode)?)="
)


def test_a_shops_service_may_do_what_the_other_may_and_no_more() -> None:
    def directives(unit: str) -> list[str]:
        lines = (PACKAGING / unit).read_text().splitlines()
        return [line for line in lines if line and line[0] != "#" and not OWN.match(line)]

    assert directives("ordermonit@.service") == directives("ordermonit.service")


@pytest.fixture
def installed_generator(tmp_path: Path) -> Path:
    """The generator as `make install` would put it for a configuration in `tmp_path`."""
    text = (PACKAGING / "ordermonit-generator").read_text()
    text = text.replace("/usr/local/lib/ordermonit", sys.prefix)
    text = text.replace("/etc/ordermonit", str(tmp_path))
    version = "{}.{}".format(*sys.version_info)
    text = text.replace("#!/usr/bin/python3 ", f"#!{sys.base_prefix}/bin/python{version} ")
    file = tmp_path / "generator"
    file.write_text(text)
    file.chmod(0o755)
    return file


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"running_cycle: [",
        b"running_cycle: soon",
        b"- running_cycle",
        b"\xff\xfe\x00",
        b"a: &a [*a, *a]\nrunning_cycle: *a",
        b"[" * 5000,
    ],
)
def test_a_missing_or_wrong_file_makes_the_generator_do_nothing_in_silence(
    installed_generator: Path,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    content: bytes | None,
) -> None:
    if content is not None:
        (tmp_path / "service.yml").write_bytes(content)
    output = tmp_path_factory.mktemp("units")
    done = subprocess.run([installed_generator, output, output, output], capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert list(output.iterdir()) == []


def test_the_generator_imports_no_more_than_yaml(installed_generator: Path, tmp_path: Path) -> None:
    (tmp_path / "service.yml").write_text("running_cycle: 7\n")

    def imported(*command: str | Path) -> set[str]:
        python = ["/usr/bin/python3", "-SI", "-X", "importtime", *command]
        report = subprocess.run(python, capture_output=True, text=True, check=True).stderr
        return {line.rsplit("|", 1)[-1].strip() for line in report.splitlines()}

    packages = Path(yaml.__file__).parents[1]
    alone = imported("-c", f"import sys; sys.path.append({str(packages)!r}); import os, yaml")
    assert imported(installed_generator, *[tmp_path] * 3) <= alone
    assert (tmp_path / DROP_IN).exists()
