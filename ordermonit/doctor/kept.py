"""keep_booted: what a boot of Rails costs the node, what stays there, what staying would save."""

import math
from datetime import UTC, datetime, timedelta

from ordermonit.configuration import Database
from ordermonit.configuration import Node as Settings
from ordermonit.doctor.findings import Finding, Findings, ok, warning
from ordermonit.doctor.known import Known
from ordermonit.errors import OrdermonitError
from ordermonit.front.database import connected
from ordermonit.node.wire import Ready
from ordermonit.orders.lag import MOST
from ordermonit.times import spoken

#: Seconds that the database gets for one look.
_PATIENCE = 15.0

#: Seconds from a boot to the next on the node (LIFE in warm.rb).
LIFE = 7200.0

_DAY = 86400.0


def stays(ready: Ready, settings: Settings, known: Known) -> Findings:
    """What the session saw of it."""
    if ready.keeps:
        yield _there(ready, settings)
    elif settings.keep_booted:
        if ready.cold:
            yield warning(
                f"Rails can't stay booted on {settings.host}: {ready.cold}",
                "Set keep_booted: 0 in integration_server.yml, or remove the cause on the node",
            )
        else:
            yield warning(
                f"keep_booted is {settings.keep_booted:g} here, and the forced command on"
                f" {settings.host} lets no Rails stay",
                "Set keep_booted in its configuration on the node, or 0 in integration_server.yml",
            )
    elif known.configuration is not None:
        period = known.configuration.service.running_cycle
        orders = orders_of_a_day(known.configuration.database)
        yield worth(ready.boot, orders, period)


def _there(ready: Ready, settings: Settings) -> Finding:
    boot = f"a boot takes {ready.boot:.1f} s"
    if ready.kept is not None:
        return ok(
            f"Rails stays booted on {settings.host}, for {spoken(ready.kept.age)} now, with"
            f" {ready.kept.memory / 1024:.0f} MB; {boot}"
        )
    why = f", since {ready.cold}" if ready.cold else ""
    return ok(
        f"Rails was booted for this session{why}; it stays for {ready.keeps:g} s after it; {boot}"
    )


def orders_of_a_day(database: Database) -> int | None:
    """How many orders the shop had in the last 24 hours, at most so many as are looked at; None
    where the database does not say."""
    try:
        with connected(database, _PATIENCE) as front:
            newest = front.newest() or 0
            found = front.from_head(max(0, newest - MOST), MOST + 1)
    except OrdermonitError:
        return None
    since = datetime.now(UTC) - timedelta(days=1)
    return sum(1 for order in found if order.created_at and order.created_at >= since)


def worth(boot: float, orders: int | None, period: float) -> Finding:
    """What a boot for each session costs, in seconds, and what keep_booted would leave of it.

    Orders come by chance, so `orders` a day fall into fewer cycles of `period` seconds.
    """
    if not orders:
        return ok(f"Rails boots in {boot:.1f} s for each session (keep_booted: 0)")
    cycles = _DAY / period
    sessions = cycles * -math.expm1(-orders / cycles)
    keep = 5 * period
    kept = min(sessions, _DAY / LIFE + sessions * math.exp(-sessions * keep / _DAY))
    return ok(
        f"Rails boots in {boot:.1f} s for each session; the {orders} orders of the last day make"
        f" about {sessions:.0f} sessions: keep_booted: {keep:g} would save the node about"
        f" {spoken((sessions - kept) * boot)} a day"
    )
