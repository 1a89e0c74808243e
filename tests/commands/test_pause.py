"""A paused service does nothing, says so, and goes on by itself when the pause is over."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.parts.place import Place
from tests.parts.world import World


def test_a_paused_cycle_does_nothing_and_says_by_whom_and_until_when(world: World) -> None:
    world.run("init", "--from-start")
    [number] = world.front.add_many(1, "authorized")
    run = world.run("pause", "--for", "2h", "--because", "Abacos moves", "--json", SUDO_USER="ann")
    pause = run.json()["paused"]
    assert (pause["who"], pause["because"]) == ("ann", "Abacos moves")
    left = datetime.fromisoformat(pause["until"]) - datetime.now(UTC)
    assert timedelta(hours=1) < left <= timedelta(hours=2)
    cycle = world.cycle()
    [line] = cycle.stderr.splitlines()
    said = f"paused by ann since {pause['since']} until {pause['until']} (Abacos moves)"
    assert said in line
    assert "ordermonit resume" in line
    assert said in world.status()["last_cycle"]["result"]
    assert world.abacos.judge.holds() == set()

    assert f"it was {said}" in world.run("resume").stdout
    world.cycle()
    assert world.abacos.judge.confirmed_count(number) == 1


def test_a_pause_whose_time_has_come_is_over(world: World) -> None:
    world.run("init", "--from-start")
    [number] = world.front.add_many(1, "authorized")
    world.run("pause", "--for", "1d")
    file = world.state / "paused"
    past = {"since": "2026-01-01T12:00:00Z", "until": "2026-01-01T18:00:00Z"}
    file.write_text(json.dumps(json.loads(file.read_text()) | past))
    assert "resumed by itself" in world.cycle().stderr
    assert world.abacos.judge.confirmed_count(number) == 1
    assert not file.exists()


def test_a_pause_file_that_does_not_read_fails_every_cycle_until_resume(world: World) -> None:
    world.run("init", "--from-start")
    (world.state / "paused").write_text("pause please")
    run = world.cycle(expect=65)
    assert str(world.state / "paused") in run.stderr
    assert "ordermonit resume" in run.stderr
    assert world.status()["last_cycle"]["exit"] == 65
    assert world.run("resume").exit_code == 0
    world.cycle()


def test_a_pause_says_which_one_it_replaces(place: Place) -> None:
    place.good("pause", "--because", "stocktaking", SUDO_USER="ann")
    said = place.good("pause", "--for", "2h", SUDO_USER="bob")
    assert said.startswith("paused by bob since ")
    assert ", instead of: paused by ann since " in said
    assert "until ordermonit resume (stocktaking)" in said
    before = json.loads(place.good("pause", "--json"))["before"]
    assert (before["who"], before["because"]) == ("bob", None)
    place.good("resume")
    assert json.loads(place.good("pause", "--json"))["before"] is None


def test_resume_without_a_pause_says_so(world: World) -> None:
    world.run("init", "--from-start")
    run = world.run("resume")
    assert (run.exit_code, run.stdout) == (0, "")
    assert "not paused" in run.stderr
    assert world.run("resume", "--json").json() == {"resumed": None}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--until", "2026-01-01"], "still to come"),
        (["--until", "tomorrow"], "'tomorrow' is no time"),
        (["--for", "99999999w"], "too long"),
        (["--for", "0s"], "still to come"),
        (["--for", "1h", "--until", "2099-01-01"], "not allowed with"),
    ],
)
def test_an_odd_end_is_refused(world: World, words: list[str], said: str) -> None:
    world.run("init", "--from-start")
    run = world.run("pause", *words)
    assert run.exit_code == 64
    assert run.stderr.count("\n") == 1
    assert said in run.stderr
    assert not (world.state / "paused").exists()
