"""`report` as it is typed."""

import json
from pathlib import Path

from tests.parts.place import Place


def test_report_says_the_same_on_a_terminal_and_for_programs(place: Place) -> None:
    shown = " ".join(place.good("report", "--since", "2d", TZ="Asia/Kolkata").split())
    report = json.loads(place.good("report", "--since", "2d", "--json"))
    assert [each["number"] for each in report["open"]] == ["1001002", "1001003", "1001004"]
    for each in report["open"]:
        assert each["next"] in shown
    assert "IST to" in shown
    assert report["hours"] == []


def test_the_file_for_a_browser_is_written_where_it_can_be(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text("x" * 1_000_000)
    assert place.good("report", "--html", str(file)) == f"{file} written\n"
    assert file.read_text().endswith("</html>\n")
    assert "its payment is not authorized yet" in file.read_text()
    full = place.run("report", "--html", "/dev/full")
    assert full.exit_code == 74
    assert "/dev/full can't be written: No space left on device. Name another" in full.stderr
    (tmp_path / "pygal.py").write_text("raise ModuleNotFoundError(name='pygal')\n")
    missing = place.run("report", "--html", str(file), PYTHONPATH=str(tmp_path))
    assert missing.exit_code == 78
    assert "pip install 'ordermonit[report]'" in missing.stderr


def test_a_span_that_can_t_be_is_told(place: Place) -> None:
    assert "No order was seen." in place.good("report", "--since", "4000w")
    late = place.run("report", "--until", "0001-01-02", "--since", "9w")
    assert late.exit_code == 64
    assert "--since goes back beyond the first year" in late.stderr
