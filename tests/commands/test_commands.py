"""What a person types, and what they read: every bad input gets its line and its exit code."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.parts.world import World

DATA = Path(__file__).parents[1] / "data"


def test_a_misspelt_key_is_named_with_the_nearest_and_the_type(world: World) -> None:
    file = world.config / "service.yml"
    file.write_text("runing_cycle: soon\n")
    run = world.run("cycle")
    assert run.exit_code == 78
    [line] = [line for line in run.stderr.splitlines() if "runing_cycle" in line]
    assert str(file) in line
    assert "running_cycle" in line.replace("runing_cycle", "")
    assert "number of seconds" in line
    assert "Traceback" not in run.stderr


def test_every_problem_of_every_file_is_said_at_once(world: World) -> None:
    (world.config / "service.yml").write_text("running_cycle: -1\nmax_attempts: many\n")
    (world.config / "process.yml").unlink()
    world.configure("integration_server", port="ssh")
    run = world.run("cycle")
    assert run.exit_code == 78
    for said in ("running_cycle", "max_attempts", "process.yml", "port"):
        assert said in run.stderr


def test_a_cycle_without_a_checkpoint_names_the_command_that_makes_one(world: World) -> None:
    run = world.run("cycle")
    assert run.exit_code == 65
    assert "ordermonit init --latest" in run.stderr
    assert run.stderr.count("\n") == 1


def test_init_never_touches_a_checkpoint_that_exists(world: World) -> None:
    world.front.add_many(3)
    assert world.run("init", "--head", "2").exit_code == 0
    before = world.checkpoint()
    assert world.run("init", "--latest").exit_code == 64
    assert world.checkpoint() == before
    assert world.status()["head"] == 2


def test_init_beyond_the_newest_order_is_refused(world: World) -> None:
    world.front.add_many(3)
    run = world.run("init", "--head", "9")
    assert (run.exit_code, world.checkpoint()) == (64, "")
    assert "the newest order in the Front, 3" in run.stderr


def test_init_latest_looks_out_for_orders_that_are_being_committed(world: World) -> None:
    for id in (1, 2, 4, 5):
        world.front.add(1000 + id, "authorized", id=id)
    world.run("init", "--latest")
    world.front.add(1003, "authorized", id=3)
    world.cycle()
    assert world.abacos.judge.holds() == {"1003"}


def test_a_database_behind_head_stops_the_cycle_with_both_ways_out(world: World) -> None:
    world.front.add_many(3)
    world.run("init", "--latest")
    world.front.delete(2, 3)
    run = world.run("cycle")
    assert run.exit_code == 65
    assert "HEAD is 3, but the newest order in the Front is 1" in run.stderr
    assert "Correct database.yml" in run.stderr
    assert "if the database was restored, type: ordermonit head." in run.stderr


@pytest.mark.parametrize(
    "words", [[], ["cycel"], ["init"], ["init", "--head", "x"], ["orders", "--status", "LOST"]]
)
def test_a_wrong_command_line_is_one_line_and_64(world: World, words: list[str]) -> None:
    run = world.run(*words)
    assert run.exit_code == 64
    assert run.stderr.count("\n") == 1
    assert "--help" in run.stderr


def test_status_and_orders_have_the_fields_that_others_rest_on(world: World) -> None:
    world.run("init", "--from-start")
    assert world.status()["last_cycle"] is None
    world.front.add_many(1)
    world.cycle()
    status = world.status()
    assert status["head"] == 1
    assert status["counts"] == {"SUCCESS": 0, "FAILED": 0, "PAYMENT_PENDING": 1, "EXHAUSTED": 0}
    assert {"started_at", "finished_at", "result"} <= status["last_cycle"].keys()
    [record] = world.orders()
    fields = "id number status reason attempts last_error created_at updated_at"
    assert set(fields.split()) <= record.keys()
    seen = datetime.fromisoformat(record["created_at"])
    assert seen.tzinfo == UTC
    assert timedelta(0) <= datetime.now(UTC) - seen < timedelta(minutes=5)
    assert world.orders("--status", "EXHAUSTED") == []


@pytest.mark.parametrize(
    ("file", "head", "unresolved"),
    [
        (
            "checkpoint-6-columns",
            647,
            {621: ("FAILED", 1), 622: ("FAILED", 1), 624: ("FAILED", 1), 632: ("FAILED", 1)}
            | {647: ("FAILED", 1)},
        ),
        (
            "checkpoint-7-columns",
            72066,
            {72026: ("PAYMENT_PENDING", 5), 72045: ("FAILED", 1), 72066: ("FAILED", 1)},
        ),
    ],
)
def test_import_takes_over_head_and_every_unresolved_order(
    world: World, file: str, head: int, unresolved: dict[int, tuple[str, int]]
) -> None:
    found = next(DATA.rglob(file))
    assert world.run("import", str(found)).exit_code == 0
    assert world.status()["head"] == head
    records = [record for record in world.orders() if record["status"] != "SUCCESS"]
    assert {r["id"]: (r["status"], r["attempts"]) for r in records} == unresolved


def test_imported_orders_are_integrated(world: World) -> None:
    for id in (621, 622, 624, 632, 647):
        world.front.add(5000 + id, "authorized", id=id)
    world.run("import", str(next(DATA.rglob("checkpoint-6-columns"))))
    world.cycle()
    judge = world.abacos.judge
    assert [judge.confirmed_count(5000 + id) for id in (621, 622, 624, 632, 647)] == [1] * 5


def test_import_says_where_head_is_below_a_record(world: World, tmp_path: Path) -> None:
    file = tmp_path / "old"
    file.write_text(next(DATA.rglob("checkpoint-6-columns")).read_text().replace(" 647 ", " 600 "))
    run = world.run("import", str(file))
    assert run.exit_code == 0
    assert "600" in run.stdout.splitlines()[0]
    assert world.status()["head"] == 600


def test_import_names_an_odd_line(world: World, tmp_path: Path) -> None:
    file = tmp_path / "old"
    lines = next(DATA.rglob("checkpoint-7-columns")).read_text().splitlines()
    lines.insert(2, "what is this")
    file.write_text("\n".join(lines) + "\n")
    run = world.run("import", str(file))
    assert run.exit_code == 65
    assert "3" in run.stderr
    assert not world.checkpoint()


def test_a_second_cycle_at_the_same_time_names_the_first(world: World) -> None:
    world.run("init", "--from-start")
    world.front.add_many(1, "authorized")
    world.abacos.behave("slow", seconds=30)
    first = world.start("cycle")
    lock = world.state / "lock"
    while f"pid {first.pid}" not in (lock.read_text() if lock.exists() else ""):
        assert first.poll() is None
    run = world.cycle(expect=75)
    assert f"pid {first.pid}" in run.stderr
    assert world.run("retry", "--exhausted").exit_code == 75


@pytest.mark.parametrize("file", ["checkpoint.new", "cycles.new"])
def test_status_knows_of_a_cycle_that_could_not_write(world: World, file: str) -> None:
    world.run("init", "--from-start")
    world.cycle()
    world.front.add_many(1, "authorized")
    (world.state / file).unlink(missing_ok=True)
    (world.state / file).mkdir()  # root may write everywhere, so its place is taken
    world.cycle(expect=74)
    last = world.status()["last_cycle"]
    assert (last["exit"], file.removesuffix(".new") in last["result"]) == (74, True)


def test_no_password_reaches_a_message(world: World) -> None:
    world.files["database"].clear()
    world.configure("database", url="mysql://shop:geheim@127.0.0.1:1/shop")
    for words in (["cycle"], ["init", "--latest"], ["status", "--json"]):
        run = world.run(*words)
        assert "geheim" not in run.stdout + run.stderr
    assert run.exit_code == 65


def test_backtrace_is_shown_only_when_asked_for(world: World) -> None:
    world.run("init", "--from-start")
    world.files["database"].clear()
    world.configure("database", url="mysql://shop:geheim@127.0.0.1:1/shop")
    assert "Traceback" not in world.cycle(expect=75).stderr
    world.configure("process", backtrace=True)
    run = world.cycle(expect=75)
    assert "Traceback" in run.stderr
    assert "geheim" not in run.stderr


def test_the_log_file_has_what_the_terminal_has(world: World) -> None:
    world.configure("process", app_name="Serviço de Pedidos", log_output=True)
    world.run("init", "--from-start")
    run = world.cycle()
    assert "nothing to do" in run.stderr
    assert "nothing to do" in (world.state / "Serviço de Pedidos.output").read_text()
    world.configure("process", ontop=False)
    assert world.cycle().stderr == ""


def test_status_without_a_checkpoint_is_65_as_json_too(world: World) -> None:
    run = world.run("status", "--json")
    assert run.exit_code == 65
    assert run.stdout == ""
    with pytest.raises(json.JSONDecodeError):
        run.json()
