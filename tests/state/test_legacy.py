"""The former service's checkpoints, as it wrote them and as damage leaves them."""

import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordermonit.errors import CheckpointError, Exit
from ordermonit.orders.model import InsertedBy, Reason, Record, Status
from ordermonit.state.checkpoint import Checkpoint, decode
from ordermonit.state.legacy import Legacy, parse

DATA = Path(__file__).parent.parent / "data"
SAO_PAULO = timezone(timedelta(hours=-3))
HEAD = "^HEAD 26/09/2012-01:42:13 26/09/2012-01:42:13 647 FAILED 1"
GOOD = "0 26/09/2012-01:24:56 26/09/2012-01:41:12 621 FAILED 1"


def read(name: str) -> Legacy:
    return parse((DATA / name).read_text(), name, SAO_PAULO)


def problems(*lines: str) -> list[str]:
    with pytest.raises(CheckpointError) as refused:
        parse("\n".join(lines) + "\n", "old", UTC)
    assert refused.value.exit is Exit.DATA
    assert "delete what is named here, then import again" in refused.value.remedy
    return refused.value.message.split("\n")


def test_first_generation() -> None:
    found = read("checkpoint-6-columns")
    assert found.head == 647
    assert found.notes == ()
    assert [(record.id, record.status, record.attempts) for record in found.records] == [
        (621, Status.FAILED, 1),
        (622, Status.FAILED, 1),
        (623, Status.SUCCESS, 0),
        (624, Status.FAILED, 1),
        (632, Status.FAILED, 1),
        (633, Status.SUCCESS, 0),
        (647, Status.FAILED, 1),
    ]
    # 01:24:56 in São Paulo, three hours behind UTC in September 2012.
    assert found.records[0] == Record(
        id=621,
        number=None,
        status=Status.FAILED,
        reason=Reason.NOT_FOUND,
        created_at=datetime(2012, 9, 26, 4, 24, 56, tzinfo=UTC),
        updated_at=datetime(2012, 9, 26, 4, 41, 12, tzinfo=UTC),
        attempts=1,
        inserted_by=InsertedBy.MAYBE_US,
    )


def test_second_generation_with_a_head_of_the_first() -> None:
    found = read("checkpoint-7-columns")
    assert found.head == 72066
    assert [
        (record.id, record.status, record.reason, record.attempts, record.inserted_by)
        for record in found.records
    ] == [
        (72025, Status.SUCCESS, Reason.OK, 0, InsertedBy.OTHERS),
        (72026, Status.PAYMENT_PENDING, Reason.NOT_DUE, 5, InsertedBy.MAYBE_US),
        (72032, Status.SUCCESS, Reason.OK, 1, InsertedBy.OTHERS),
        (72045, Status.FAILED, Reason.NOT_FOUND, 1, InsertedBy.MAYBE_US),
        (72065, Status.SUCCESS, Reason.OK, 1, InsertedBy.OTHERS),
        (72066, Status.FAILED, Reason.NOT_FOUND, 1, InsertedBy.MAYBE_US),
    ]


@pytest.mark.parametrize("name", ["checkpoint-6-columns", "checkpoint-7-columns"])
def test_records_are_kept_by_the_new_checkpoint(name: str) -> None:
    found = read(name)
    again = decode(Checkpoint(found.head, found.records).encode(), "new")
    assert again.head == found.head
    assert tuple(again.records.values()) == found.records


def test_dates_are_local_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "<-03>3")
    time.tzset()
    try:
        here = parse(HEAD, "old").records[0].created_at
    finally:
        monkeypatch.undo()
        time.tzset()
    assert here == datetime(2012, 9, 26, 4, 42, 13, tzinfo=UTC)
    assert here.tzinfo is UTC


@pytest.mark.parametrize(
    ("reason", "expected"),
    [("REJECTED", Reason.REJECTED), ("TIMEOUT", Reason.TIMEOUT), ("SOMETHING", Reason.NOT_FOUND)],
)
def test_reasons(reason: str, expected: Reason) -> None:
    line = f"0 26/09/2012-01:24:56 26/09/2012-01:41:12 621 FAILED {reason} 1"
    assert parse(f"{line}\n{HEAD}", "old", UTC).records[0].reason is expected


def test_blank_lines_and_windows_line_ends_are_no_damage() -> None:
    assert len(parse(f"\n{GOOD}\r\n  \n{HEAD}\r\n\n", "old", UTC).records) == 2


DATES = "26/09/2012-01:24:56 26/09/2012-01:41:12"


@pytest.mark.parametrize(
    ("line", "found", "expected"),
    [
        (f"0 {DATES} 621 FAILED", "found 5 columns", "6 or 7: index"),
        (f"0 {DATES} 621 FAILED OK 1 2", "found 8 columns", "6 or 7: index"),
        ("0 26/09/2012-01:24:5", "found 2 columns, '0 26/09/2012-01:24:5'", "6 or 7"),
        (f"x {DATES} 621 FAILED 1", "found 'x'", "an index"),
        ("0 31/02/2012-01:24:56 26/09/2012-01:41:12 621 FAILED 1", "'31/02/2012", "a date such"),
        ("0 2012-01-02 26/09/2012-01:41:12 621 FAILED 1", "'2012-01-02'", "a date such as"),
        ("0 26/09/0001-01:24:56 26/09/2012-01:41:12 621 FAILED 1", "'26/09/0001", "a date"),
        (f"0 {DATES} 621 FINE 1", "found 'FINE'", "SUCCESS or FAILED"),
        (f"0 {DATES} 621 SUCCESS NOT_FOUND 1", "SUCCESS because of NOT_FOUND", "SUCCESS OK"),
        (f"0 {DATES} 621 FAILED not-found 1", "'not-found'", "a reason such as NOT_FOUND"),
        (f"0 {DATES} -1 FAILED 1", "found '-1'", "an order's id"),
        (f"0 {DATES} 0 FAILED 1", "found '0'", "an order's id"),
        (f"0 {DATES} 9223372036854775808 FAILED 1", "'9223372036854775808'", "an order's id"),
        (f"0 {DATES} ٦ FAILED 1", "found '\\u0666'", "an order's id"),
        (f"0 {DATES} 621 FAILED many", "found 'many'", "a number of attempts"),
        (f"0 {DATES} 621 FAILED NOT_FOUND", "found 'NOT_FOUND'", "a number of attempts"),
        (f"0 {DATES} 647 FAILED 1", "order 647 again, after line 1", "it once"),
        (HEAD, "a second ^HEAD, after that of line 1", "one"),
        ("\x7fELF\0\ufffd\x1b[31m", "found 1 columns, '\\x7fELF\\x00\\ufffd\\x1b[31m'", "6 or 7"),
    ],
)
def test_an_odd_line_is_named(line: str, found: str, expected: str) -> None:
    (problem,) = problems(HEAD, line)
    assert problem.startswith("old: line 2: ")
    assert found in problem
    assert f"expected {expected}" in problem
    assert problem.isprintable()


def test_every_odd_line_is_named_at_once() -> None:
    said = problems("nonsense", GOOD, f"1 {DATES} 621 FAILED 1", "^HEAD 1", f"2 {DATES} 5 BAD 1")
    assert [problem.split(": ")[1] for problem in said] == ["line 1", "line 3", "line 4", "line 5"]


def test_of_a_file_that_is_no_checkpoint_some_lines_are_named() -> None:
    with pytest.raises(CheckpointError) as refused:
        parse("what is this\n" * 50_000, "old")
    lines = refused.value.message.splitlines()
    assert len(lines) == 21
    assert lines[-1] == "old: and 49981 more; is it the right file?"


def test_lines_are_counted_as_editors_count_them() -> None:
    said = problems("a\u2028b", "c\x0bd", HEAD)
    assert [problem.split(": ")[1] for problem in said] == ["line 1", "line 2"]


@pytest.mark.parametrize("text", ["", "\n\n", GOOD])
def test_without_head(text: str) -> None:
    assert problems(text) == ["old: found no ^HEAD line; expected the one of the newest order"]


def test_an_odd_head_line_is_not_a_missing_one() -> None:
    (problem,) = problems(GOOD, "^HEAD 647")
    assert problem.startswith("old: line 2: found 2 columns")


def test_a_head_below_another_order_is_taken_and_said() -> None:
    found = parse(f"0 {DATES} 700 FAILED 1\n{HEAD}", "old", UTC)
    assert found.head == 647
    assert [record.id for record in found.records] == [700, 647]
    assert found.notes == (
        "old: line 2: ^HEAD is order 647, below order 700 of line 1."
        " The orders after 647 are checked again",
    )


WORDS = st.sampled_from(
    ["0", "^HEAD", "621", "FAILED", "SUCCESS", "OK", "26/09/2012-01:24:56", "99/99/9999-99:99:99"]
)


@given(st.lists(st.lists(WORDS | st.text(max_size=4), max_size=8).map(" ".join), max_size=5))
def test_any_text_is_read_or_refused_by_line(lines: list[str]) -> None:
    """Every line that holds something is a record of the answer, or the whole file is refused."""
    text = "\n".join(lines)
    try:
        found = parse(text, "old", UTC)
    except CheckpointError:
        return
    assert len(found.records) == sum(bool(line.strip(" \r")) for line in text.split("\n"))
    assert found.head in {record.id for record in found.records}


@given(st.data())
def test_a_damaged_file_never_loses_a_line_in_silence(data: st.DataObject) -> None:
    text = (DATA / "checkpoint-7-columns").read_text()
    at = data.draw(st.integers(0, len(text) - 1))
    damaged = text[:at] + data.draw(st.characters(codec="utf-8")) + text[at + 1 :]
    try:
        found = parse(damaged, "old", UTC)
    except CheckpointError:
        return
    lines = [line for line in damaged.split("\n") if line.strip(" \r")]
    assert len(found.records) == len(lines)
