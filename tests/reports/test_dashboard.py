"""Grafana's dashboard: that it is one, and that it asks for what is exported.

`make grafana` (grafana.py) puts each query to a real Prometheus, and holds the file to Grafana's
own types.
"""

import re
from collections import Counter, defaultdict
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from ordermonit.errors import Exit
from ordermonit.orders.events import Event
from ordermonit.orders.model import Operation, Status, Verdict
from ordermonit.reports import metrics
from ordermonit.reports.notes import Ended, Notes, Sight
from ordermonit.shops import Shop
from ordermonit.state.checkpoint import Checkpoint
from ordermonit.state.directory import State
from tests.reports.grafana import DASHBOARD, PANELS, QUERIES, VARIABLES

SOURCE = {"type": "prometheus", "uid": "${datasource}"}

#: What a label can have, of those whose values are the program's own words.
WORDS = {"status": {*Status}, "operation": {*Operation}, "result": {*Verdict}}


def test_the_dashboard_is_whole() -> None:
    assert DASHBOARD["uid"] == "ordermonit"
    assert "id" not in DASHBOARD, "Grafana gives it one"
    kinds = {name: each["type"] for name, each in VARIABLES.items()}
    assert kinds == {"datasource": "datasource", "app": "query", "shop": "query"}
    assert VARIABLES["app"]["datasource"] == SOURCE
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in PANELS:
        assert panel["title"], panel["id"]
        assert panel["description"], panel["title"]
        assert panel["datasource"] == SOURCE, panel["title"]
        references = [target["refId"] for target in panel["targets"]]
        assert references == sorted(set(references)), panel["title"]
        assert all(target["datasource"] == SOURCE for target in panel["targets"])
        assert all(target["instant"] != target["range"] for target in panel["targets"])


def test_no_panel_lies_on_another() -> None:
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    assert all(place["x"] >= 0 and place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        apart = any(
            first[at] + first[size] <= second[at]
            for at, size in (("x", "w"), ("y", "h"))
            for first, second in ((one, other), (other, one))
        )
        assert apart, f"{one} and {other}"


def exported(directory: Path) -> dict[str, set[str]]:
    """The metrics of a textfile in which nothing is left out, each with its labels' names."""
    notes = Notes()
    notes(Event.CYCLE_DONE, "", {})
    notes.sight = Sight((), 5)
    notes.answers = Counter({(Operation.ORDER_EXISTS.value, Verdict.YES.value): 1})
    state, file = State(directory / "state"), directory / "ordermonit.prom"
    state.create()
    state.write(Checkpoint(5))
    ended = Ended(Exit.OK, None, datetime.now(UTC), notes)
    metrics.write(str(file), metrics.Whose("shop1", Shop("north")), 120, ended, state)
    found: dict[str, set[str]] = defaultdict(set)
    for family in text_string_to_metric_families(file.read_text()):
        for sample in family.samples:
            found[sample.name] |= sample.labels.keys()
    return found


def asked(expression: str) -> tuple[str, set[str]]:
    """The one metric and the labels that a query names."""
    [(metric, selectors)] = re.findall(r"\b(ordermonit_\w+)\{([^}]*)\}", expression)
    labels = dict(re.findall(r'(\w+)(?:=|!=|=~|!~)"([^"]*)"', selectors))
    chosen = (labels["app"], labels["shop"])
    assert chosen == ("$app", "$shop"), f"{expression}: each query is of the shop that was chosen"
    for label in labels.keys() & WORDS.keys():
        assert set(labels[label].split("|")) <= WORDS[label], expression
    by = re.findall(r"by \(([^)]*)\)", expression)
    return metric, labels.keys() | {label for some in by for label in re.split(r",\s*", some)}


def test_every_query_is_of_what_is_exported_and_each_metric_is_shown(tmp_path: Path) -> None:
    known, shown = exported(tmp_path), set()
    for expression in QUERIES:
        metric, labels = asked(expression)
        assert labels <= known[metric], expression
        shown.add(metric)
    assert shown == known.keys()
    for panel in PANELS:
        for target in panel["targets"]:
            metric, labels = asked(target["expr"])
            kept = labels if "by (" in target["expr"] else known[metric]
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= kept, target
