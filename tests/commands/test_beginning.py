"""`init`, `import` and `recover` as programs read them."""

import json
from pathlib import Path

import pytest

from tests.parts.place import Place

DATA = Path(__file__).parents[1] / "data"


def test_init_as_json(place: Place) -> None:
    place.state.checkpoint.unlink()
    said = json.loads(place.good("init", "--latest", "--json"))
    assert said == {
        "checkpoint": str(place.state.checkpoint),
        "head": 5,
        "unresolved": 0,
        "notes": [],
    }


def test_import_as_json_has_its_notes(place: Place) -> None:
    place.state.checkpoint.unlink()
    former = place.directory / "former"
    text = (DATA / "checkpoint-6-columns").read_text()
    former.write_text(text.replace(" 647 ", " 600 "))
    said = json.loads(place.good("import", str(former), "--json"))
    assert (said["head"], said["unresolved"]) == (600, 5)
    assert said["notes"]
    assert all("600" in note for note in said["notes"])


def test_import_makes_gaps_behind_head_as_init_does(place: Place) -> None:
    place.front.delete(3, 4)
    former = place.directory / "former"
    former.write_text("^HEAD 26/09/2012-01:42:13 26/09/2012-01:42:13 5 SUCCESS OK 1\n")
    for way in (["init", "--head", "5"], ["import", str(former)]):
        place.state.checkpoint.unlink()
        place.good(*way)
        checkpoint = place.state.read()
        assert checkpoint.head == 5
        assert checkpoint.head_order is not None
        assert [(gap.first, gap.last) for gap in checkpoint.gaps] == [(3, 4)]


def test_recover_as_json_has_the_damage_and_the_difference(place: Place) -> None:
    before = place.state.checkpoint.read_bytes()
    place.good("dismiss", "1001002", "--because", "twice")
    place.state.checkpoint.write_bytes(place.state.checkpoint.read_bytes() + b"x")
    said = json.loads(place.good("recover", "--json"))
    assert (said["head"], said["unresolved"]) == (4, 3)
    assert "is damaged" in said["damage"]
    [lost], [back] = said["in_damaged_only"], said["in_restored_only"]
    assert "DISMISSED" in lost
    assert back.encode() in before


def test_recover_shows_some_lines_of_a_long_difference(place: Place) -> None:
    checkpoint = place.state.read()
    [record, *_] = checkpoint.records.values()
    for id in range(1000, 1100):
        checkpoint.put(record.with_(id=id))
    place.state.write(checkpoint)
    place.state.write(checkpoint)
    place.state.checkpoint.write_bytes(b"")
    lines = place.good("recover").splitlines()
    assert len(lines) < 30
    assert any(line.startswith("+ and ") and line.endswith(" more") for line in lines)


@pytest.mark.parametrize(
    ("previous", "why"), [(b"x\n", "line 1: expected ^VERSION"), (None, "it is not there")]
)
def test_recover_that_cant_names_another_way_than_itself(
    place: Place, previous: bytes | None, why: str
) -> None:
    place.state.checkpoint.write_bytes(b"x\n")
    place.state.previous.unlink(missing_ok=True)
    if previous is not None:
        place.state.previous.write_bytes(previous)
    result = place.run("recover")
    assert result.exit_code == 65
    assert why in result.stderr
    assert "ordermonit recover" not in result.stderr
    assert "ordermonit init --head ID" in result.stderr
