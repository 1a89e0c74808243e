"""`python -m tests.views.sample FILE`: a report with something in each of its parts, as HTML.

A process of its own, since pygal changes how whoever imports it imports other things.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ordermonit.health.past import Told
from ordermonit.orders.model import Reason, Status
from ordermonit.views.digest import Digest
from ordermonit.views.report import Open, Report, Source

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
EVIL = "</script><script>alert(1)</script><img src=http://127.0.0.1:1/x>"


def events() -> Iterator[Told]:
    """Two days of a shop."""
    begun = (NOW - timedelta(days=2)).timestamp()
    for at in range(400):
        moment = begun + at * 400
        if at % 20:
            yield Told(moment, "ORDER_FOUND", at, "OK", moment - at)
        elif at % 40:
            yield Told(moment, "ORDER_MISSING", at, "NOT_FOUND")
            yield Told(moment + 1, "ORDER_INSERTED", at, "OK", moment - 90 * at)
        else:
            error = f"RuntimeError: pedido:{at}, erro:{EVIL}"
            yield Told(moment, "ORDER_REJECTED", at, "REJECTED", error=error)
        yield Told(moment + 2, "DOWNTIME" if at % 50 == 9 else "CYCLE_DONE", error=EVIL)


def report() -> Report:
    """A report with something in each of its parts."""
    digest = Digest()
    digest.take(events())
    digest.end()
    open_ones = tuple(
        Open(number, Status.EXHAUSTED, Reason.REJECTED, NOW - timedelta(hours=hours), EVIL, "Type")
        for number, hours in (("1001010", 3), ("1001009", 40), ("999", 9))
    )
    source = Source("shop & son", NOW, NOW - timedelta(days=2), NOW, NOW - timedelta(days=1), "no")
    return Report(source, digest, open_ones)


if __name__ == "__main__":
    from ordermonit.views.report_html import html

    Path(sys.argv[1]).write_bytes(html(report()))
