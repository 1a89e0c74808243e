"""`status`, `orders` and `show`, as people see them and as programs read them."""

import csv
import json
import re
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest

from ordermonit.orders.model import Awaited, InsertedBy, Late, Operation, Reason, Record, Status
from ordermonit.state.checkpoint import Checkpoint
from ordermonit.state.directory import CycleResult
from ordermonit.times import iso
from tests.parts.place import REJECTION, Place, on_terminal
from tests.parts.processes import wait_until

#: How a colour begins; NO_COLOR leaves bold and dim.
COLOURS = tuple(f"\x1b[{code}".encode() for code in ("3", "1;3", "9"))


def test_status_says_what_is_wrong_since_when_and_what_to_do(place: Place) -> None:
    shown = place.good("status")
    assert "\x1b" not in shown
    lines = [line.split() for line in shown.splitlines()]
    assert ["health", "degraded"] in lines
    assert "the newest order of the Front, 5, is 1 id ahead" in shown
    for status in Status:
        assert any(line[:2] == [status, "1"] for line in lines)
    assert "1 order given up (1001002)" in shown
    assert "ordermonit retry 1001002" in shown
    assert "1 order rejected (1001003)" in shown
    assert "since 9 min" in shown
    assert "4 in all, at most 4" in shown
    assert not any(line.endswith(" ") for line in shown.splitlines())


def test_status_as_json_says_the_same(place: Place) -> None:
    status = json.loads(place.good("status", "--json"))
    assert (status["health"], status["head"], status["newest"], status["behind"]) == (
        *("degraded", 4, 5, 1),
    )
    assert status["counts"] == dict.fromkeys(Status, 1)
    assert status["front_error"] is None
    assert status["last_cycle"] == status["cycles"][-1]
    assert [problem["since"] is not None for problem in status["problems"]] == [True, True]


def test_status_says_that_insertions_are_believed_where_nobody_can_verify_them(
    place: Place,
) -> None:
    assert "believed" not in place.good("status")
    with (place.directory / "integration_server.yml").open("a") as file:
        file.write("checks: {order_exists: null}\n")
    assert "insertions  believed, not verified" in place.good("status")
    assert json.loads(place.good("status", "--json"))["insertions_verified"] is False


def test_a_database_that_does_not_answer_is_said_in_its_place(place: Place) -> None:
    place.configure(adapter="mysql2", host="127.0.0.1", port=1, username="shop", password="x")
    shown = place.good("status")
    assert "health      down" in shown
    assert "the newest order of the Front is not known" in shown
    assert "1 order given up" in shown
    status = json.loads(place.good("status", "--json"))
    assert status["newest"] is None
    assert "is down" in status["front_error"]


def test_a_configuration_that_can_not_be_read_is_said_in_its_place_too(place: Place) -> None:
    (place.directory / "database.yml").write_text("adapter: [")
    shown = place.good("status")
    assert "health      down" in shown
    assert "the configuration is wrong: " in " ".join(shown.split())
    assert "database.yml" in shown
    assert json.loads(place.good("status", "--json"))["front_error"]
    assert "not known" in place.good("show", "1001003")


def test_a_pause_is_the_word_until_somebody_resumes(place: Place) -> None:
    place.good("pause", "--because", "stocktaking")
    status = json.loads(place.good("status", "--json"))
    assert status["health"] == "paused"
    assert status["paused"]["because"] == "stocktaking"
    assert "(stocktaking)" in place.good("status")
    place.good("resume")
    assert json.loads(place.good("status", "--json"))["paused"] is None
    place.state.pause_file.write_text("nonsense")
    shown = place.good("status")
    assert "health      down" in shown
    assert "does not read as a pause" in " ".join(shown.split())


def test_without_a_checkpoint_there_is_one_line_and_65(place: Place) -> None:
    place.state.checkpoint.unlink()
    for words in (["status"], ["status", "--watch"], ["orders"], ["show", "1001001"]):
        run = place.run(*words)
        assert run.exit_code == 65
        assert len(run.stderr.splitlines()) == 1


def test_colours_are_for_terminals_that_want_them(place: Place) -> None:
    for words in (["status"], ["orders"], ["show", "1001002"]):
        with on_terminal(place, *words) as terminal:
            assert any(colour in terminal.read() for colour in COLOURS)
        with on_terminal(place, *words, NO_COLOR="1") as terminal:
            assert not any(colour in terminal.read() for colour in COLOURS)


@pytest.mark.parametrize("columns", [40, 60, 80, 100, 160])
def test_a_terminal_of_any_width_has_what_counts_most(place: Place, columns: int) -> None:
    for _ in range(60):
        now = iso(datetime.now(UTC))
        place.state.add_cycle(CycleResult(now, now, "4 orders looked at", 0, 4, 3, 1, 2))
    with on_terminal(place, "orders", NO_COLOR="1", COLUMNS=str(columns)) as terminal:
        lines = plain(terminal.read())
    assert all(len(line) <= columns for line in lines)
    for number in range(1_001_001, 1_001_005):
        assert any(f"{number} " in line for line in lines)
    assert any("PAYMENT_PENDING" in line for line in lines)
    # In few lines, and whole.
    assert len(lines) <= 12 + 2 * len(REJECTION) // (columns - 10)
    assert "".join(REJECTION.split()) in "".join("".join(lines).split()) or columns == 100
    with on_terminal(place, "status", NO_COLOR="1", COLUMNS=str(columns)) as terminal:
        lines = plain(terminal.read())
    assert all(len(line) <= columns for line in lines)
    [checked] = [line for line in lines if "orders checked" in line]
    assert checked.count("█") >= 12
    assert not any("…" in line for line in lines)


def plain(shown: bytes) -> list[str]:
    """What a terminal has shown, without its controls."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode()).splitlines()


def test_watch_on_a_terminal_that_can_not_go_back_shows_each_change_below(place: Place) -> None:
    with on_terminal(place, "status", "--watch", TERM="dumb") as terminal:
        terminal.read("4 orders looked at")
        now = iso(datetime.now(UTC))
        place.state.add_cycle(CycleResult(now, now, "a cycle that came later"))
        assert b"\x1b" not in terminal.read("a cycle that came later")


def test_orders_in_a_pipe_are_one_line_each_however_long(place: Place) -> None:
    head, *lines = place.good("orders", COLUMNS="40").splitlines()
    assert head.split()[:4] == ["ID", "NUMBER", "STATUS", "REASON"]
    assert len(lines) == 4
    assert lines[1].endswith(REJECTION)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], [1, 2, 3, 4]),
        (["--status", "failed", "--status", "EXHAUSTED"], [2, 3]),
        (["--reason", "rejected", "--status", "failed"], [3]),
        (["--older-than", "1h"], [1, 2]),
        (["--newer-than", "1h"], [3, 4]),
        (["--newer-than", "1d", "--older-than", "10min"], [2]),
        (["1001004", "1001001"], [1, 4]),
        (["--status", "FAILED", "--older-than", "1w"], []),
    ],
)
def test_orders_lets_through_what_fits_every_filter(
    place: Place, words: list[str], expected: list[int]
) -> None:
    found = json.loads(place.good("orders", "--json", *words))
    assert [each["id"] for each in found] == expected


def test_orders_as_csv_has_the_names_and_values_of_json(place: Place) -> None:
    rows = list(csv.DictReader(StringIO(place.good("orders", "--csv"))))
    found = json.loads(place.good("orders", "--json"))
    assert [list(row) for row in rows] == [list(each) for each in found]
    assert [row["last_error"] for row in rows] == ["", REJECTION, REJECTION, ""]


@pytest.mark.parametrize(
    "words",
    [
        ["--older-than", "soon"],
        ["--reason", "BORED"],
        ["--json", "--csv"],
        ["1001001", "4711"],
    ],
)
def test_orders_refuses_what_makes_no_sense_in_one_line(place: Place, words: list[str]) -> None:
    run = place.run("orders", *words)
    assert run.exit_code == 64
    assert len(run.stderr.splitlines()) == 1
    assert words[-1] in run.stderr or words == ["--json", "--csv"]


def test_show_says_where_an_order_stands_and_what_comes_next(place: Place) -> None:
    shown = place.good("show", "1001003")
    assert "FAILED, REJECTED" in shown
    assert "first seen  9 min" in shown
    assert REJECTION in shown
    assert "the next cycle asks Abacos" in " ".join(shown.split())
    story = json.loads(place.good("show", "1001002", "--json"))
    assert story["record"]["id"] == 2
    assert story["next"]["what"].endswith("ordermonit retry 1001002")
    assert story["next"]["by_cycle"] is False


def test_c7_status_show_and_dry_run_say_when_the_next_attempt_is(place: Place) -> None:
    (place.directory / "service.yml").write_text("{retry_wait: 3600}\n")
    changed = place.state.read().records[3].updated_at
    when = iso(changed + timedelta(hours=1))
    assert f"The next attempt is not before {when} (retry_wait)" in place.good("status")
    assert f"({when}) or later; 1 order rests" in place.good("status")
    resting = json.loads(place.good("status", "--json"))["resting"]
    assert resting == {"orders": 1, "next_attempt": when}
    shown = " ".join(place.good("show", "1001003").split())
    assert f"the first cycle after {when} (retry_wait) asks Abacos" in shown
    following = json.loads(place.good("show", "1001003", "--json"))["next"]
    assert (following["by_cycle"], following["not_before"]) == (True, when)
    assert following["at"] >= when
    would = place.good("cycle", "--dry-run")
    assert f"order 1001003: rests; its next attempt is not before {when} (retry_wait)" in would
    would = json.loads(place.good("cycle", "--dry-run", "--json"))
    assert [each["id"] for each in would["orders"]] == [5]
    assert would["resting"] == [
        {
            "id": 3,
            "number": "1001003",
            "status": "FAILED",
            "reason": "REJECTED",
            "not_before": when,
            "setting": "retry_wait",
        }
    ]


def test_a_dry_run_says_when_an_unverified_insertion_is_sent_again(place: Place) -> None:
    checkpoint = place.state.read()
    since = checkpoint.records[3].updated_at
    lied = checkpoint.records[3].with_(
        reason=Reason.NOT_THERE,
        in_flight=Operation.INSERT_ORDER,
        inserted_by=InsertedBy.MAYBE_US,
        awaited=Awaited(Late.SAID_DONE, since),
    )
    checkpoint.put(lied)
    place.state.write(checkpoint)
    when = iso(since + timedelta(minutes=10))
    would = place.good("cycle", "--dry-run")
    assert f"at most order_exists; sent again not before {when} (verify_within)" in would
    orders = json.loads(place.good("cycle", "--dry-run", "--json"))["orders"]
    assert [(order["id"], order["not_before"]) for order in orders] == [*((3, when), (5, None))]
    said = place.good("retry", "1001002", "1001003").splitlines()
    assert said[0] == "order 1001002: back in the next cycle with fresh attempts"
    assert said[1].endswith(f"sent again not before {when} (verify_within)")


def test_show_says_that_nothing_comes_next_while_it_is_paused(place: Place) -> None:
    place.good("pause", "--because", "stocktaking", SUDO_USER="ann")
    shown = " ".join(place.good("show", "1001003").split())
    assert "the next cycle asks Abacos" in shown
    assert "But it is paused by ann since" in shown
    assert "(stocktaking)" in shown
    following = json.loads(place.good("show", "1001003", "--json"))["next"]
    assert (following["by_cycle"], following["at"]) == (False, None)
    assert "paused" not in json.loads(place.good("show", "1001002", "--json"))["next"]["what"]
    place.state.pause_file.write_text("nonsense")
    assert "does not read as a pause" in " ".join(place.good("show", "1001003").split())


def test_an_order_that_nobody_knows_is_64_with_what_to_do(place: Place) -> None:
    for words in (["show", "4711"], ["show", "4711", "--json"]):
        run = place.run(*words)
        assert run.exit_code == 64, run.stderr
        [line] = run.stderr.splitlines()
        assert "order 4711 has no record" in line
        assert "HEAD is 4" in line
    assert place.run("show", "\udcff").exit_code == 64


def test_without_rich_the_screens_name_the_extra_and_json_needs_none(place: Place) -> None:
    without = place.directory / "without"
    without.mkdir()
    text = 'raise ModuleNotFoundError("No module named \'rich\'", name="rich")\n'
    (without / "rich.py").write_text(text)
    here = str(without)
    for words in (["status"], ["status", "--watch"], ["show", "1001002"]):
        run = place.run(*words, PYTHONPATH=here)
        assert run.exit_code == 78
        [line] = run.stderr.splitlines()
        assert "ordermonit[terminal]" in line
    with on_terminal(place, "orders", PYTHONPATH=here) as terminal:
        assert b"ordermonit[terminal]" in terminal.read()
    for words in (["status"], ["orders"], ["show", "1001002"]):
        place.good(*words, "--json", PYTHONPATH=here)
    place.good("orders", "--csv", PYTHONPATH=here)


def test_a_reader_that_goes_is_no_failure(place: Place) -> None:
    now = datetime.now(UTC)
    records = [
        Record(id, str(id), Status.FAILED, Reason.REJECTED, now, now, last_error="long " * 90)
        for id in range(1, 400)
    ]
    place.state.write(Checkpoint(400, records))
    process = subprocess.Popen(
        place.command("orders"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=place.environment(),
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(30) == 0


def test_watch_shows_each_change_and_ends_clean_on_ctrl_c(place: Place) -> None:
    with on_terminal(place, "status", "--watch") as terminal:
        terminal.read("4 orders looked at")
        now = iso(datetime.now(UTC))
        place.state.add_cycle(CycleResult(now, now, "a cycle that came later"))
        terminal.read("a cycle that came later")
        terminal.process.send_signal(signal.SIGINT)
        assert b"Traceback" not in terminal.read()
        assert terminal.process.wait(30) == 0


def test_watch_ends_when_its_terminal_is_closed(place: Place) -> None:
    with on_terminal(place, "status", "--watch") as terminal:
        terminal.read("4 orders looked at")
        terminal.close()
        assert terminal.process.wait(30) == 0


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
def test_watch_in_a_pipe_prints_changes_alone_until_its_reader_goes(
    place: Place, form: list[str]
) -> None:
    process = subprocess.Popen(
        place.command("status", "--watch", *form),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=place.environment(),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    lines = iter(process.stdout)
    assert any("4 orders looked at" in line for line in lines)
    now = iso(datetime.now(UTC))
    place.state.add_cycle(CycleResult(now, now, "a cycle that came later"))
    assert any("a cycle that came later" in line for line in lines)
    process.stdout.close()
    wait_until(lambda: process.poll() is not None, "the end", 30)
    assert (process.returncode, process.stderr.read()) == (0, "")
    process.stderr.close()
