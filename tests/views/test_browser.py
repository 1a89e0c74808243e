"""The report and the status page in a real browser, as everybody has to be able to read them."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.parts.browser import Browser
from tests.parts.world import World
from tests.views.sample import EVIL

ROOT = Path(__file__).parents[2]
AXE = ROOT / "build" / "axe" / "node_modules" / "axe-core" / "axe.min.js"

#: What axe-core calls serious, and worse.
_SERIOUS = ("serious", "critical")


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody with a browser."""

    browser: Browser

    def finds_nothing_wrong(self, file: Path) -> None:
        """On a phone by day and on a desk by night: nothing is fetched, and all can use it."""
        for width, dark in ((390, False), (1280, True)):
            seen = self.browser.open(file, width=width, dark=dark)
            assert (seen.requests, seen.console) == ([file.as_uri()], [])
            assert self.browser.run("document.documentElement.scrollWidth") == width
            self._judged(f"{file.name}, {width} pixels, {'dark' if dark else 'light'}")

    def _judged(self, where: str) -> None:
        self.browser.run(AXE.read_text() + ";0")
        found = self.browser.run(
            "axe.run().then(({ passes, violations }) => ({ good: passes.length, violations }))"
        )
        assert found["good"] > 10
        serious = [
            (each["id"], [node["html"] for node in each["nodes"]])
            for each in found["violations"]
            if each["impact"] in _SERIOUS
        ]
        assert serious == [], where

    def column(self, at: int) -> list[str]:
        """What stands in a column of the first table that sorts."""
        rows = "[...document.querySelector('table.sorts').tBodies[0].rows]"
        found: list[str] = self.browser.run(f"{rows}.map(row => row.cells[{at}].textContent)")
        return found

    def sort(self, at: int) -> list[str]:
        """The same after a click on its head."""
        self.browser.run(f"document.querySelectorAll('table.sorts th button')[{at}].click()")
        return self.column(at)


def test_everybody_can_read_the_pages(world: World, tmp_path: Path) -> None:
    page = tmp_path / "status.html"
    world.configure("process", app_name="shop & son", status_page=str(page))
    world.configure("service", max_attempts=1)
    world.run("init", "--from-start")
    rejected, *_ = world.front.add_many(4, "authorized")
    world.abacos.behave("reject", [rejected], message="CPF 12345678909 de Maria")
    world.cycle()
    file = tmp_path / "report.html"
    subprocess.run([sys.executable, "-m", "tests.views.sample", file], cwd=ROOT, check=True)
    with Browser() as browser:
        reader = Reader(browser)
        reader.finds_nothing_wrong(file)
        _sorts(reader)
        _is_whole_without_scripts(browser, file)
        reader.finds_nothing_wrong(page)
        _says_what_status_says(browser, page, rejected)
        _says_that_it_is_stale(browser, page)


def _sorts(reader: Reader) -> None:
    """Numbers as numbers, times as times, both ways."""
    assert reader.column(0) == ["1001010", "1001009", "999"]
    assert reader.sort(0) == ["999", "1001009", "1001010"]
    assert reader.sort(0) == ["1001010", "1001009", "999"]
    by_time = reader.sort(3)
    assert reader.column(0) == ["1001009", "999", "1001010"]
    assert reader.sort(3) == by_time[::-1]
    assert reader.browser.run("document.querySelectorAll('[aria-sort]').length") == 1


def _is_whole_without_scripts(browser: Browser, file: Path) -> None:
    """Also in its words: what others wrote is no markup."""
    with_scripts = browser.run("document.querySelectorAll('td, dd, figure').length")
    seen = browser.open(file, scripts=False)
    assert (seen.requests, seen.console) == ([file.as_uri()], [])
    shown = browser.text()
    for words in ("Report of shop & son", "orders seen", EVIL, "Open now", "1001009", "400"):
        assert words in shown
    browser.open(file)
    assert browser.run("document.querySelectorAll('script').length") == 1
    assert browser.run("document.querySelectorAll('td, dd, figure').length") == with_scripts
    assert browser.run("document.querySelectorAll('svg rect.reactive').length") > 40


def _says_what_status_says(browser: Browser, page: Path, rejected: int) -> None:
    browser.open(page, scripts=False)
    shown = browser.text()
    for words in ("degraded", f"1 order given up ({rejected})", f"ordermonit retry {rejected}"):
        assert words in shown
    assert "Maria" not in page.read_text()
    assert "12345678909" not in page.read_text()
    # Without scripts it renews itself too.
    assert re.search(r'<noscript><meta http-equiv="refresh" content="5">', page.read_text())


def _says_that_it_is_stale(browser: Browser, page: Path) -> None:
    browser.open(page)
    hidden = "document.querySelector('.stale').hidden"
    assert browser.run(hidden) is True
    old = re.sub(r'data-stale="[^"]*"', 'data-stale="2026-01-31T12:00:00+00:00"', page.read_text())
    page.write_text(old)
    browser.open(page)
    assert browser.run(hidden) is False
    assert "no cycle has written it" in browser.text()


def test_a_place_that_can_t_be_written_is_one_warning(world: World, tmp_path: Path) -> None:
    world.run("init", "--from-start")
    taken, linked = tmp_path / "taken.html", tmp_path / "linked.html"
    taken.mkdir()
    linked.with_name("linked.html.new").symlink_to("/dev/full")
    (number,) = world.front.add_many(1, "authorized")
    for page in (taken, linked, tmp_path / "missing" / "status.html"):
        world.configure("process", status_page=str(page))
        run = world.cycle()
        warnings = [line for line in run.stderr.splitlines() if "WARNING" in line]
        assert len(warnings) == 1, run.stderr
        assert f"status_page {page} was not written: " in warnings[0]
        assert world.record(number)["status"] == "SUCCESS"
