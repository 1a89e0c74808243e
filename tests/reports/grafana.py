"""`make grafana`: the dashboard against a real Prometheus, and against Grafana's own types."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.parts.processes import wait_until
from tests.parts.prometheus import Prometheus
from tests.parts.world import World
from tests.wings import ROOT

FILE = ROOT / "packaging/grafana/ordermonit.json"
DASHBOARD: dict[str, Any] = json.loads(FILE.read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
VARIABLES = {each["name"]: each for each in DASHBOARD["templating"]["list"]}
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]

#: Where the types are put.
NPM = ROOT / "build/grafana"


def _in_words(expression: str, app: str) -> str:
    """The query as Grafana sends it."""
    found = expression.replace("$__rate_interval", "1m").replace("$__range", "1h")
    return found.replace("$app", app).replace("$shop", ".*")


def test_every_query_has_data(world: World, tmp_path: Path) -> None:
    textfile = tmp_path / "ordermonit.prom"
    world.configure("process", app_name="shop1", metrics_file=str(textfile))
    world.configure("service", max_attempts=3, max_orders_per_request=4)
    world.run("init", "--from-start")
    world.abacos.behave("reject", world.front.add_many(1, "authorized"))
    world.front.add_many(2, "authorized")
    world.cycle()
    with Prometheus(textfile) as prometheus:

        def is_scraped(cycle: int) -> bool:
            cycles = prometheus.query('ordermonit_cycles_total{exit="0"}')
            return any(float(each["value"][1]) == cycle for each in cycles)

        wait_until(lambda: is_scraped(1), "the first cycle to be scraped")
        world.front.add_many(7, "authorized")
        world.cycle()
        wait_until(lambda: is_scraped(2), "the second cycle to be scraped")
        for expression in QUERIES:
            found = prometheus.query(_in_words(expression, "shop1"))
            assert {each["metric"].get("app", "shop1") for each in found} == {"shop1"}, expression
            assert prometheus.query(_in_words(expression, ".*")) != [], "All"
            assert prometheus.query(_in_words(expression, "shop2")) == []
            if "increase" in expression:
                assert any(float(each["value"][1]) > 0 for each in found), expression
        question = VARIABLES["app"]["query"]["query"]
        [(metric, label)] = re.findall(r"^label_values\((\w+), (\w+)\)$", question)
        assert prometheus.label_values(metric, label) == ["shop1"]


def _complaints(dashboard: str) -> str:
    """What the compiler says of it."""
    types = (ROOT / "tests/reports/dashboard.ts").read_text()
    (NPM / "dashboard.ts").write_text(f"{types}\nexport const ours: Ours = {dashboard};\n")
    compiler = NPM / "node_modules/.bin/tsc"
    options = ("--noEmit", "--strict", "--module", "nodenext", "--skipLibCheck")
    return subprocess.run(
        [compiler, *options, "dashboard.ts"], cwd=NPM, capture_output=True, text=True
    ).stdout


def test_the_newest_grafana_takes_it() -> None:
    npm = shutil.which("npm")
    assert npm is not None, "npm is missing. As root: apt-get install npm"
    NPM.mkdir(parents=True, exist_ok=True)
    command = [npm, "install", "--silent", "--no-save", "--prefix", str(NPM)]
    subprocess.run([*command, "@grafana/schema@latest", "typescript@latest"], check=True)
    text = FILE.read_text()
    assert _complaints(text) == ""
    for right, wrong in (('"lastNotNull"', "1"), ('"lineWidth"', '"width"'), ('"auto"', '"?"')):
        assert "error" in _complaints(text.replace(right, wrong, 1)), right
    schema = NPM / "node_modules/@grafana/schema/dist/esm/raw/dashboard/x/types.gen.mjs"
    [version] = re.findall(r"schemaVersion: (\d+)", schema.read_text())
    assert DASHBOARD["schemaVersion"] == int(version)
