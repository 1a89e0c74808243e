"""The textfile that cycles leave, and the rules over it."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.parts.world import World

HERE = Path(__file__).parent
RULES = HERE.parents[1] / "packaging" / "prometheus" / "ordermonit.rules.yml"


def promtool(*words: str | Path, stdin: str = "") -> str:
    """What promtool says. Raises AssertionError where it is not content."""
    run = subprocess.run(["promtool", *words], input=stdin, capture_output=True, text=True)
    said = run.stdout + run.stderr
    assert run.returncode == 0, said
    return said


Read = Callable[[], dict[str, float]]


@pytest.fixture
def file(world: World, tmp_path: Path) -> Path:
    """The textfile of a world that has begun."""
    place = tmp_path / "node-exporter"
    place.mkdir()
    world.configure("process", app_name="shop1", metrics_file=str(place / "ordermonit.prom"))
    world.run("init", "--from-start")
    return place / "ordermonit.prom"


def _others(labels: dict[str, str], app: str = "shop1") -> list[str]:
    """What a sample's labels say beside the app's name, which each has."""
    assert labels["app"] == app
    return [value for name, value in labels.items() if name != "app"]


def read(file: Path) -> dict[str, float]:
    """Each sample's value, by its name and the values of its labels."""
    return {
        " ".join([sample.name.removeprefix("ordermonit_"), *_others(sample.labels)]): sample.value
        for family in text_string_to_metric_families(file.read_text())
        for sample in family.samples
    }


def test_cycles_leave_their_figures_and_counters_go_on(world: World, file: Path) -> None:
    world.configure("service", max_attempts=1, max_orders_per_request=2)
    rejected, *_ = world.front.add_many(5, "authorized")
    world.abacos.behave("reject", [rejected])
    world.cycle()
    first = read(file)
    shown = {"head": 2, "lag_orders": 3, "up": 1, "last_cycle_exit_code": 0}
    shown |= {"orders EXHAUSTED": 1, "orders SUCCESS": 1, "orders FAILED": 0, "cycles_total 0": 1}
    shown |= {"operations_total insert_order rejected": 1, "operations_total insert_order done": 1}
    shown |= {"operations_total order_exists no": 3, "operations_total confirm_payment done": 1}
    assert {name: first[name] for name in shown} == shown
    assert first["lag_seconds"] >= 0
    assert first["last_success_timestamp_seconds"] == first["last_cycle_timestamp_seconds"]
    assert file.stat().st_mode & 0o777 == 0o644
    assert list(file.parent.iterdir()) == [file], "no temporary file is left"
    assert promtool("check", "metrics", stdin=file.read_text()) == ""

    (world.state / "checkpoint").write_bytes(b"nonsense")
    world.cycle(expect=65)
    failed = read(file)
    assert (failed["up"], failed["last_cycle_exit_code"]) == (0, 65)
    assert (failed["cycles_total 0"], failed["cycles_total 65"]) == (1, 1)
    assert failed["operations_total insert_order done"] == 1
    assert failed["last_success_timestamp_seconds"] == first["last_success_timestamp_seconds"]
    assert "head" not in failed, "what is not known is not there"
    assert promtool("check", "metrics", stdin=file.read_text()) == ""

    world.run("recover")
    world.run("pause", "--because", "a test")
    world.cycle()
    paused = read(file)
    assert (paused["paused"], failed["paused"], paused["cycles_total 0"]) == (1, 0, 2)
    assert paused["last_success_timestamp_seconds"] == first["last_success_timestamp_seconds"]


def test_a_file_that_can_t_be_written_is_one_warning_and_hurts_no_cycle(
    world: World, file: Path
) -> None:
    file.mkdir()
    [number] = world.front.add_many(1, "authorized")
    run = world.cycle()
    warnings = [line for line in run.stderr.splitlines() if "WARNING" in line]
    assert len(warnings) == 1, run.stderr
    assert f"metrics_file {file} was not written: Is a directory" in warnings[0]
    assert world.record(number)["status"] == "SUCCESS"
    assert list(file.parent.iterdir()) == [file]


def test_without_the_library_there_is_one_warning(world: World, file: Path, tmp_path: Path) -> None:
    (tmp_path / "prometheus_client.py").write_text("raise ImportError('not here')\n")
    run = world.run("cycle", PYTHONPATH=str(tmp_path))
    assert run.exit_code == 0
    assert run.stderr.count("WARNING") == 1
    assert "prometheus_client is not installed: pip install 'ordermonit[metrics]'" in run.stderr
    assert not file.exists()


def test_promtool_takes_the_rules_and_they_fire_when_they_should(tmp_path: Path) -> None:
    assert "7 rules found" in promtool("check", "rules", RULES)
    tests = tmp_path / "rules_test.yml"
    tests.write_text((HERE / "rules_test.yml").read_text().replace("RULES", str(RULES)))
    promtool("test", "rules", tests)
