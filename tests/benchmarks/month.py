"""What the views cost: a report of a month, and the status page of a cycle."""

import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import yaml

from ordermonit.orders.events import Event
from ordermonit.times import iso
from tests.benchmarks.measure import Cost, in_turns, median, ratio, run
from tests.benchmarks.place import Place, program
from tests.benchmarks.report import Table

#: Writes journald's own files from its export format (Debian's systemd-journal-remote).
_WRITER = "/lib/systemd/systemd-journal-remote"

_DAYS, _ORDERS_A_DAY = 30, 10_000
_BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
_PERIOD = timedelta(minutes=2)

#: `report --html` but for the checkpoint, which is none of a month's cost.
_REPORT = """
import resource
import sys
from datetime import datetime
from pathlib import Path
from ordermonit.health import past
from ordermonit.views.digest import Digest
from ordermonit.views.report import Report, Source
from ordermonit.views.report_html import html
journal, since, until = Path(sys.argv[1]), *map(datetime.fromisoformat, sys.argv[2:4])
digest = Digest()
digest.take(past.told("bench", since, until, journal))
digest.end()
source = Source("bench", until, since, until, past.known_from("bench", journal))
report = Report(source, digest, ())
html(report)
print(report.as_json())
assert len(digest.seen) == 300_000, len(digest.seen)
Path(sys.argv[4]).write_text(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
"""

_MORE = 4


def views(place: Place, runs: int) -> list[Table]:
    """Both of them."""
    return [_month(place, runs), _page(place, runs)]


def _month(place: Place, runs: int) -> Table:
    journal = place.directory / "journal"
    journal.mkdir()
    with subprocess.Popen(
        [_WRITER, "--output", str(journal / "bench.journal"), "-"],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as writer:
        assert writer.stdin is not None
        for entry in _entries():
            writer.stdin.write(entry)
    until = _BEGUN + timedelta(days=_DAYS)
    memory = place.directory / "memory"
    words = [str(journal), _BEGUN.isoformat(), until.isoformat(), str(memory)]
    cost = median([run([sys.executable, "-c", _REPORT, *words]) for _ in range(runs)])
    own = int(memory.read_text()) / 1024
    return Table(
        "A report of a month",
        f"{_DAYS} days of {_ORDERS_A_DAY:,} orders, 2 % of which fell through, and a cycle each two"
        " minutes, in journald's files; as HTML. journalctl maps those files, and its peak has the"
        " pages that it touched.",
        ("wall", "CPU", "peak memory of ordermonit", "of journalctl"),
        ((f"{cost.wall:.1f} s", f"{cost.cpu:.1f} s", f"{own:.0f} MB", f"{cost.memory:.0f} MB"),),
    )


def _entries() -> Iterator[bytes]:
    """As journald exports what the service told: by time, with all the fields that it adds."""
    step = timedelta(days=1) / _ORDERS_A_DAY
    cycle = _BEGUN
    for at in range(_DAYS * _ORDERS_A_DAY):
        now = _BEGUN + at * step
        while cycle <= now:
            yield _entry(Event.CYCLE_DONE, cycle)
            cycle += _PERIOD
        order = {"ORDER_ID": str(at + 1), "ORDER_NUMBER": str(1_000_000 + at)}
        order |= {"ORDER_STATUS": "SUCCESS", "ORDER_REASON": "OK", "ATTEMPT": "0"}
        order |= {"ORDER_CREATED_AT": iso(now - timedelta(seconds=at % 900)), "OPERATION": "x"}
        if at % 50:
            yield _entry(Event.ORDER_FOUND, now, **order)
        else:
            yield _entry(Event.ORDER_MISSING, now, **order)
            yield _entry(Event.ORDER_INSERTED, now, **order)


_BOOT = uuid.UUID(int=16).hex
_ALWAYS = "".join(
    f"{name}={value}\n"
    for name, value in {
        "_BOOT_ID": _BOOT,
        "_MACHINE_ID": _BOOT,
        "_SYSTEMD_INVOCATION_ID": _BOOT,
        "_HOSTNAME": "shop1",
        "_TRANSPORT": "journal",
        "_UID": "990",
        "_GID": "990",
        "_COMM": "ordermonit",
        "_EXE": "/usr/bin/python3.11",
        "_CMDLINE": "/usr/bin/python3 -I /usr/local/bin/ordermonit cycle",
        "_CAP_EFFECTIVE": "0",
        "_SYSTEMD_CGROUP": "/system.slice/ordermonit.service",
        "_SYSTEMD_UNIT": "ordermonit.service",
        "_SYSTEMD_SLICE": "system.slice",
        "SYSLOG_IDENTIFIER": "bench",
        "CODE_FILE": "/usr/local/lib/ordermonit/lib/ordermonit/reports/journal.py",
        "CODE_LINE": "69",
        "CODE_FUNC": "sink",
    }.items()
)


def _entry(event: Event, at: datetime, **fields: str) -> bytes:
    microseconds = round(at.timestamp() * 1e6)
    own = fields | {
        "__REALTIME_TIMESTAMP": str(microseconds),
        "__MONOTONIC_TIMESTAMP": str(microseconds - round(_BEGUN.timestamp() * 1e6)),
        "_SOURCE_REALTIME_TIMESTAMP": str(microseconds - 10),
        "_PID": str(1000 + microseconds // 120_000_000 % 30_000),
        "MESSAGE": f"order {fields.get('ORDER_NUMBER')}: {event.sentence}",
        "MESSAGE_ID": event.message_id,
        "PRIORITY": str(int(event.priority)),
        "ORDERMONIT_EVENT": event.name,
    }
    lines = "".join(f"{name}={value}\n" for name, value in own.items())
    return f"{lines}{_ALWAYS}\n".encode()


def _page(place: Place, runs: int) -> Table:
    """Idle cycles with the page beside such without it."""
    place.batch(10)
    plain = place.config()
    head = place.front.newest_id()
    shown = place.configuration(place.directory / "config-page", place.front.settings())
    page = place.directory / "status.html"
    (shown / "process.yml").write_text(yaml.safe_dump({"status_page": str(page)}))
    states = {config: place.state_at(config, head) for config in (plain, shown)}

    def cycle(config: Path) -> Cost:
        return run([*program(config, states[config]), "cycle"])

    costs = in_turns({each: partial(cycle, each) for each in states}, runs * _MORE)
    with_page, without = median(costs[shown]), median(costs[plain])
    return Table(
        "The status page",
        "Idle cycles, with `status_page` and without.",
        ("figure", "ratio", "with", "without"),
        tuple(
            (
                name,
                f"{ratio(costs[shown], costs[plain], figure):.2f}",
                f"{getattr(with_page, figure) * 1000:.0f} ms",
                f"{getattr(without, figure) * 1000:.0f} ms",
            )
            for name, figure in (("CPU", "cpu"), ("wall", "wall"))
        ),
    )
