"""`report` against the stand-in of a small day, by a real journald; and the page of each cycle."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from ordermonit.times import moment
from tests.parts.judge import Seen
from tests.system.inside import STATE, Inside

UNIT = "ordermonit.service"
WWW = "/var/www/ordermonit"
NAME = "shop of a day"


def test_the_report_counts_what_the_stand_in_counted(inside: Inside) -> None:
    machine, abacos = inside.machine, inside.abacos
    # The stand-in and the journal know the days of other tests; HEAD is where this one begins.
    before = {what: abacos.judge.count(what) for what in Seen}
    inside.configure("process", app_name=NAME, status_page=f"{WWW}/index.html")
    inside.configure("service", max_attempts=2)
    sold, held = _day(inside)
    report = json.loads(machine.run("ordermonit", "report", "--json").stdout)

    counted = {what: abacos.judge.count(what) - before[what] for what in Seen}
    assert report["seen"] == len(sold)
    assert report["fallen_through"] == len(sold) - len(held)
    assert report["inserted"] == counted[Seen.INSERTED] == len(sold) - len(held) - 1
    assert report["confirmed"] == counted[Seen.CONFIRMED] == counted[Seen.INSERTED] - 1
    assert (report["given_up"], report["reasons"]["REJECTED"]) == (1, 1)
    assert report["reasons"]["NOT_FOUND"] == counted[Seen.INSERTED]
    assert sum(hour["seen"] for hour in report["hours"]) == report["seen"]
    assert sum(hour["fallen"] for hour in report["hours"]) == report["fallen_through"]
    assert (report["cycles"], report["failed_cycles"]) == (5, 1)
    (outage,) = report["outages"]
    assert outage["seconds"] >= 1
    assert report["errors"][0]["error"].endswith("pedido:#,erro:produto #")
    assert report["errors"][0]["times"] == counted[Seen.REJECTED] == 2
    assert report["journal_error"] is None
    assert {each["status"] for each in report["open"]} == {"EXHAUSTED", "PAYMENT_PENDING"}
    _compare_waits(inside, report)

    # For a browser, where root may write and the service's user may not.
    machine.run("ordermonit", "report", "--html", "/root/report.html")
    assert machine.disk.mode("/root/report.html") == "-rw-r--r-- root:root"
    written = machine.disk.path("/root/report.html").read_text()
    assert "<h1>Report of shop of a day</h1>" in written
    _see_the_page(inside)


def _day(inside: Inside) -> tuple[list[str], list[str]]:
    """What was sold, and what the shop itself brought to Abacos: the last one of them all is given
    up, and the one before waits for its payment."""
    abacos = inside.abacos
    sold = inside.sell(9)
    held = sold[:6]
    abacos.judge.hold(held)
    inside.cycle()
    (refused,) = inside.sell(1)
    abacos.behave("reject", [refused], message="produto 20933")
    sold.append(refused)
    inside.cycle()
    inside.cycle()  # and its second attempt
    inside.configure("service", running_cycle=1)
    sold += inside.sell(2)
    abacos.down()
    inside.cycle(expect=75)
    abacos.up()
    inside.configure("service", running_cycle=600)
    sold += inside.sell(1, "waiting_payment")
    inside.cycle()
    return sold, held


def _compare_waits(inside: Inside, report: dict[str, Any]) -> None:
    """Order by order, from the journal's own entries and the Front."""
    with inside.front.engine.connect() as connection:
        rows = connection.execute(inside.front.orders.select()).all()
    created = {str(row.number): row.created_at.replace(tzinfo=UTC) for row in rows}
    waits: dict[str, list[timedelta]] = {}
    for event in ("ORDER_FOUND", "ORDER_INSERTED"):
        for entry in inside.machine.journal(f"ORDERMONIT_EVENT={event}", f"--identifier={NAME}"):
            at = datetime.fromtimestamp(int(entry["__REALTIME_TIMESTAMP"]) / 1e6, UTC)
            assert moment(entry["ORDER_CREATED_AT"]) == created[entry["ORDER_NUMBER"]]
            waits.setdefault(event, []).append(at - created[entry["ORDER_NUMBER"]])
    fallen = sorted(waits["ORDER_INSERTED"])
    every = sorted(waits["ORDER_FOUND"] + fallen)
    for name, expected in (("waits", every), ("waits_fallen_through", fallen)):
        assert report[name]["orders"] == len(expected)
        assert report[name]["longest"] == round(max(expected[-1], timedelta()).total_seconds())
        middle = expected[(len(expected) - 1) // 2]
        assert report[name]["median"] == round(max(middle, timedelta()).total_seconds())


def _see_the_page(inside: Inside) -> None:
    """Where operations.md's drop-in lets it be written, and not before."""
    machine = inside.machine
    failed = machine.journal("ORDERMONIT_EVENT=PAGE_FAILED")
    assert f"status_page {WWW}/index.html was not written: " in failed[-1]["MESSAGE"]
    machine.run("install", "-d", "-o", "root", "-g", "ordermonit", "-m", "775", WWW)
    with machine.drop_in(UNIT, f"[Service]\nReadWritePaths={WWW}\n", "page"):
        inside.cycle()
    assert machine.disk.mode(f"{WWW}/index.html") == "-rw-r--r-- ordermonit:ordermonit"
    assert machine.run("ls", WWW).stdout.split() == ["index.html"]
    page = machine.disk.path(f"{WWW}/index.html").read_text()
    assert "1 order given up" in page
    assert "20933" not in page
    assert len(machine.journal("ORDERMONIT_EVENT=PAGE_FAILED")) == len(failed)
    assert STATE not in page
