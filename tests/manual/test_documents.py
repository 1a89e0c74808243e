"""The pages for people: what they lead to is there, and what they name is in the program."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ordermonit.arguments import parser
from ordermonit.commands.overview import Overview
from ordermonit.doctor.findings import Part
from ordermonit.health.health import Health, Newest, Problem
from ordermonit.health.timer import Timer
from ordermonit.orders.gaps import Moment
from ordermonit.shops import Shop
from ordermonit.state.directory import CycleResult
from ordermonit.state.pause import Pause
from tests import wings
from tests.grammar import commands
from tests.manual.conftest import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
COMMANDS = commands(parser())

#: Options of other programs that the pages show.
FOREIGN = {"--now", "--force-confold", "--attributes-only", "--preserve", "--collector", "--check"}


def name_of(page: Path) -> str:
    """As it is called from the clone's top."""
    return str(page.relative_to(ROOT))


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```$", "", page.read_text(), flags=re.M | re.S)


def anchors(page: Path) -> set[str]:
    """What a link can name in it: each heading, as GitHub does it."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.M)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere_here_and_installed(page: Path) -> None:
    found = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    for link in (link for link in found if not link.startswith("https://")):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        # packaging/install.sh brings the pages and their pictures, and nothing else.
        assert target in PAGES or target in ROOT.glob("docs/pictures/*"), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_and_picture_is_led_to() -> None:
    """From README or a page that it leads to, so that nobody has to know of one."""
    seen, ahead = set[Path](), {ROOT / "README.md"}
    while ahead:
        page = ahead.pop()
        seen.add(page)
        if page.suffix == ".md":
            links = re.findall(r"\]\(([^)\s#]+)", prose(page))
            ahead |= {(page.parent / link).resolve() for link in links if ":" not in link} - seen
    assert {*PAGES, *ROOT.glob("docs/pictures/*")} <= seen


def test_readme_stays_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_names_no_command_and_no_option_that_is_not_there(page: Path) -> None:
    text = page.read_text()
    shell = "".join(re.findall(r"^ *```sh\n(.*?)```", text, re.M | re.S))
    typed = re.findall(r"(?:\$ |\$ sudo |`|[Tt]ype: )ordermonit ([a-z]+)\b", text)
    typed += re.findall(r"^ *ordermonit ([a-z]+)\b", shell, re.M)
    assert set(typed) <= set(COMMANDS)
    everything = [action for each in (parser(), *COMMANDS.values()) for action in each._actions]
    options = {option for action in everything for option in action.option_strings}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text)) <= options | FOREIGN


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_path_of_the_clone_that_a_page_names_is_there(page: Path) -> None:
    """Above all where CONTRIBUTING and ARCHITECTURE say that something stands."""
    tops = (*("ordermonit", "tests", "packaging", "config", "docs"), *wings.wings())
    paths = re.findall(rf"`((?:{'|'.join(tops)})/[\w./-]*)`", page.read_text())
    for path in paths:
        places = (ROOT / path, wings.PROGRAM / path, wings.PROGRAM / f"{path}.py")
        assert any(place.exists() for place in places), path


def test_every_folder_of_tests_stands_in_contributing() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    for folder in (ROOT / "tests").glob("*/"):
        assert folder.name.startswith("__") or f"`{folder.name}/`" in text, folder.name


def test_every_command_stands_in_operations() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    table = text.split("## Commands\n")[1].split("## ")[0]
    for name in COMMANDS:
        assert re.search(rf"^\| .*`{name}\b", table, re.M), name


def test_operations_has_the_words_of_health_the_parts_of_the_doctor_and_the_metrics() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    metrics = (wings.PROGRAM / "reports/metrics.py").read_text()
    words = {*Health, *Part} - {Part.USER}  # who asks is found whatever part is asked for
    found = re.findall(r"^\| `(\w+)` \| ", text, re.M)
    assert words <= set(found)
    for metric in re.findall(r'"(ordermonit_\w+)"', metrics):
        assert re.search(rf"`{metric}(_total)?[`{{]", text), metric


def test_operations_has_every_key_of_status_as_json() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    table = text.split("What `status --json` has")[1].split("## ")[0]
    now = datetime(2026, 1, 31, tzinfo=UTC)
    cycle = CycleResult("", "", "")
    timer = Timer(True, True, True, now, True, doing="", result="", exit=0, ended_at=None)
    seen = Overview(
        *(now, 5, 0, (), Pause("ann", Moment(now, 0.0)), {}, Newest(5), timer, (cycle,)),
        problems=(Problem(Health.WELL, "", None, ""),),
        shop=Shop("acme"),
    ).as_json()
    names = set(re.findall(r'"(\w+)": ', json.dumps(seen)))
    assert names == set(re.findall(r"`(\w+)`", table))


def test_every_page_that_is_named_anywhere_is_there() -> None:
    """In messages, comments, the Makefile: by its path from the clone's top, or by its name."""
    files = [
        ROOT / "Makefile",
        *(
            file
            for directory in ("config", "ordermonit", "packaging", "tests")
            for file in (ROOT / directory).rglob("*")
            if file.is_file() and file.suffix in ("", ".py", ".sh", ".yml", ".catalog", ".conf")
        ),
    ]
    known = {name for page in PAGES for name in (name_of(page), page.name)}
    for file in files:
        for named in re.findall(
            r"(?<![\w/*])((?:docs/)?\w+\.md)\b", file.read_text(errors="replace")
        ):
            assert named in known, f"{name_of(file)} names {named}"
