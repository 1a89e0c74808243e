"""The checkpoint's text: what was written is read again, and nothing else is."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordermonit.errors import CheckpointError
from ordermonit.orders.gaps import Gap, Moment
from ordermonit.orders.ignored import Ignored, block_of
from ordermonit.orders.model import (
    Awaited,
    Identity,
    InsertedBy,
    Late,
    Operation,
    Reason,
    Record,
    Status,
)
from ordermonit.state.checkpoint import (
    KEPT_GONE,
    KEPT_GONE_FOR,
    KEPT_RESOLVED,
    Checkpoint,
    checksum,
    decode,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)

_times = st.datetimes().map(lambda time: time.replace(microsecond=0, tzinfo=UTC))
_seconds = st.floats(0, 10**8).map(lambda seconds: round(seconds, 3))
_records = st.builds(
    Record,
    id=st.integers(1, 10**12),
    number=st.none() | st.text(max_size=80),
    status=st.sampled_from([Status.FAILED, Status.PAYMENT_PENDING, Status.EXHAUSTED]),
    reason=st.sampled_from(Reason),
    created_at=_times,
    updated_at=_times,
    attempts=st.integers(0, 99),
    in_flight=st.none() | st.sampled_from(Operation),
    inserted_by=st.sampled_from(InsertedBy),
    last_error=st.none() | st.text(max_size=200),
    ordered_at=st.none() | _times,
)
_records = st.builds(
    lambda record, awaited: record.with_(awaited=awaited if record.in_flight else None),
    _records,
    st.none()
    | st.builds(Awaited, st.sampled_from(Late), st.none() | _times)
    | st.builds(Awaited, st.sampled_from(Late), _times, _seconds),
)
_gaps = st.builds(
    lambda first, size, step, watched: Gap(first, first + size, step, watched),
    st.integers(1, 10**9),
    st.integers(0, 10**6),
    st.sampled_from([0, 2, 10]),
    _seconds,
)
_signs = st.tuples(
    st.none() | st.builds(Identity, st.none() | st.text(max_size=80), st.none() | _times),
    st.none() | st.builds(Moment, _times, _seconds),
    st.sets(st.integers(0, 10**6), max_size=9),
)
_checkpoints = st.builds(
    Checkpoint,
    st.integers(0, 10**12),
    st.lists(_records, max_size=8, unique_by=lambda record: record.id),
    st.lists(_gaps, max_size=4),
)


def _record(id: int, status: Status = Status.FAILED) -> Record:
    return Record(id, f"N{id}", status, Reason.NOT_FOUND, NOW, NOW)


def test_what_a_person_dismissed_is_never_dropped() -> None:
    closed = _record(1, Status.SUCCESS).with_(reason=Reason.DISMISSED)
    checkpoint = Checkpoint(0, [closed])
    for id in range(2, KEPT_RESOLVED + 20):
        checkpoint.put(_record(id, Status.SUCCESS))
    assert len(checkpoint.records) == KEPT_RESOLVED + 1
    assert decode(checkpoint.encode(), "checkpoint").records[1] == closed


@given(_checkpoints, st.none() | st.integers(0, 10**12), _signs)
def test_what_was_written_is_read(
    checkpoint: Checkpoint,
    doubted: int | None,
    signs: tuple[Identity | None, Moment | None, set[int]],
) -> None:
    if doubted is not None:
        checkpoint.recover()
        checkpoint.see(doubted)
    checkpoint.head_order, checkpoint.looked, ignored = signs
    checkpoint.ignored = Ignored(ignored)
    checkpoint.rescans = ((1, 1), (5, 10**12))
    again = decode(checkpoint.encode(), "checkpoint")
    assert again.head == checkpoint.head
    assert again.records == checkpoint.records
    assert again.head_order == checkpoint.head_order
    assert again.gaps == checkpoint.gaps
    assert again.looked == (checkpoint.looked if checkpoint.gaps else None)
    assert {id for first in map(block_of, ignored) for id in again.ignored.ids(first)} == ignored
    assert again.rescans == checkpoint.rescans
    assert again.recovered is (doubted is not None)
    assert again.doubted == (doubted or 0)
    assert again.encode() == checkpoint.encode()


@given(_checkpoints)
def test_one_order_is_one_line(checkpoint: Checkpoint) -> None:
    lines = checkpoint.encode().decode().splitlines()
    assert len([line for line in lines if line[0] != "^"]) == len(checkpoint.records)
    assert lines[1] == f"^HEAD {checkpoint.head}"


@given(_checkpoints, st.data())
def test_any_flipped_bit_is_refused(checkpoint: Checkpoint, data: st.DataObject) -> None:
    text = bytearray(checkpoint.encode())
    at = data.draw(st.integers(0, len(text) - 1))
    text[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(CheckpointError):
        decode(bytes(text), "checkpoint")


@given(_checkpoints, st.data())
def test_any_truncation_is_refused(checkpoint: Checkpoint, data: st.DataObject) -> None:
    text = checkpoint.encode()
    with pytest.raises(CheckpointError):
        decode(text[: data.draw(st.integers(0, len(text) - 1))], "checkpoint")


@given(st.binary(max_size=400))
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(CheckpointError):
        decode(data, "checkpoint")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "it is empty"),
        (b"\0\0\0", "it is empty"),
        (b"^VERSION 3 x\n", "of version 3, and this program writes version 2"),
        (b"hello\n", "line 1: expected \\^VERSION"),
        (b"^VERSION 1 x\n^HEAD 5\n", "cut off"),
    ],
)
def test_a_refusal_names_the_place_and_the_way_back(text: bytes, said: str) -> None:
    with pytest.raises(CheckpointError, match=said) as caught:
        decode(text, "/state/checkpoint")
    assert "/state/checkpoint" in caught.value.message
    assert "ordermonit recover" in caught.value.remedy


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("^HEAD x", "expected a whole number"),
        ("1 N1 FAILED", "found 3 columns, expected 11"),
        ("1 N1 LOST OK 0 2026-01-01T00:00:00Z 2026-01-01T00:00:00Z - - -", "LOST"),
        ("^HEAD 5", "columns"),
    ],
)
def test_a_line_that_no_version_wrote_is_named(line: str, said: str) -> None:
    body = f"^VERSION 1 x\n^HEAD 5\n{line}\n".encode()
    if line == "^HEAD x":
        body = b"^VERSION 1 x\n^HEAD x\n"
    with pytest.raises(CheckpointError, match=said):
        decode(body + checksum(body), "checkpoint")


_ORDER = "1 N1 FAILED NOT_FOUND 0 2026-01-01T00:00:00Z 2026-01-01T00:00:00Z - - -"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([_ORDER], "no ^HEAD line"),
        (["^HEAD 5", _ORDER, _ORDER], "an order stands in it twice"),
        (["^HEAD 5", "^GAP 4 3 0 2026-01-01T00:00:00Z 1.0"], "line 3: a gap that can't be"),
        (["^HEAD 5", "^GAP 0 3 0 2026-01-01T00:00:00Z 1.0"], "line 3: a gap that can't be"),
        (["^HEAD 5", "^GAP 1 3 1 2026-01-01T00:00:00Z 1.0"], "line 3: a gap that can't be"),
        (["^HEAD 5", "^GAP 1 3 0 2026-01-01T00:00:00Z inf"], "line 3: found 'inf'"),
        (["^HEAD 5", "^GAP 4 3 0 12.5"], "line 3: a gap that can't be"),
        (["^HEAD 5", "^GAP 1 3 0 nan"], "line 3: found 'nan', expected seconds"),
        (["^HEAD 5", "^GAP 1 3"], "line 3: expected ^GAP first last step"),
        (["^HEAD 5 N5"], "line 2: expected ^HEAD id number ordered"),
        (["^HEAD 5", "^LOOKED 1"], "line 3: expected ^LOOKED"),
        (["^HEAD 5", "^IGNORED 1 AQ=="], "line 3: ignored ids that can't be"),
        (["^HEAD 5", "^IGNORED 0 AA=="], "line 3: ignored ids that can't be"),
        (["^HEAD 5", "^IGNORED 0 AQ==", "^IGNORED 0 AQ=="], "line 4: ignored ids that can't be"),
        (["^HEAD 5", "^RESCAN 4 3"], "line 3: expected ^RESCAN"),
    ],
)
def test_a_text_that_no_version_wrote_is_refused(lines: list[str], said: str) -> None:
    body = "".join(f"{line}\n" for line in ["^VERSION 1 x", *lines]).encode()
    with pytest.raises(CheckpointError, match=re.escape(said)):
        decode(body + checksum(body), "checkpoint")


def test_every_open_record_and_the_newest_100_resolved_are_kept() -> None:
    checkpoint = Checkpoint(0, [_record(id) for id in range(1, 301)])
    for id in range(1, 201):
        checkpoint.put(_record(id, Status.SUCCESS))
    resolved = [record.id for record in checkpoint.records.values() if not record.is_open]
    assert resolved == list(range(201 - KEPT_RESOLVED, 201))
    assert sum(record.is_open for record in checkpoint.records.values()) == 100
    assert decode(checkpoint.encode(), "checkpoint").records == checkpoint.records


def test_a_version_1_is_read_and_its_gaps_are_looked_into_anew() -> None:
    gap = "^GAP 1 3 0 2026-01-01T00:00:00Z 1.5"
    body = f'^VERSION 1 x\n^HEAD 5\n{gap}\n{_ORDER[:-1]}"an error - of it"\n'.encode()
    checkpoint = decode(body + checksum(body), "checkpoint")
    assert (checkpoint.head, checkpoint.head_order) == (5, None)
    assert checkpoint.gaps == (Gap(1, 3),)
    assert checkpoint.records[1].last_error == "an error - of it"
    assert checkpoint.records[1].ordered_at is None


def test_a_recovery_that_was_noted_without_an_id_is_in_doubt_of_all() -> None:
    body = b"^VERSION 2 x\n^HEAD 5\n^RECOVERED\n"
    checkpoint = decode(body + checksum(body), "checkpoint")
    assert (checkpoint.recovered, checkpoint.doubted) == (True, 0)
    assert checkpoint.is_doubted(10**12)


def test_the_newest_orders_that_vanished_are_kept_beside_the_resolved_ones() -> None:
    gone = _record(1, Status.SUCCESS).with_(reason=Reason.GONE)
    checkpoint = Checkpoint(0, [gone])
    for id in range(2, KEPT_RESOLVED + 20):
        checkpoint.put(_record(id, Status.SUCCESS))
    assert [*checkpoint.gone] == [1]
    later = gone.with_(updated_at=NOW + KEPT_GONE_FOR + timedelta(seconds=1))
    for id in range(1000, 1000 + KEPT_GONE):
        checkpoint.put(later.with_(id=id))
    assert [*checkpoint.gone] == [*range(1000, 1000 + KEPT_GONE)]
    assert 1 not in checkpoint.records
    assert [*decode(checkpoint.encode(), "checkpoint").gone] == [*checkpoint.gone]
