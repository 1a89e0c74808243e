"""24 simulated hours of a shop, with everything that breaks in them.

Real: MariaDB, sshd, rake with the driver, the program as a process for each cycle, its kills, the
open transactions. Simulated: the day. Each cycle is a tick of 120 s; between two of them the shop
does what it does in that time, and the program then sees that hour on the wall's clock and on the
boot clock, so `min_order_age` and `late_commit_window` (3600 s) are at full size. Scaled by 1:60 is
what a cycle spends in waiting for what is down (`running_cycle`, `downtime_wait`): real seconds.
"""

from collections.abc import Callable
from pathlib import Path

from tests.parts.front import Front
from tests.parts.mariadb import MariaDB
from tests.torture.day.course import Day
from tests.torture.day.monitor import Monitor
from tests.torture.day.sales import WHOLE, Size
from tests.torture.day.verdict import Result

#: What the shop's day and the moments of the crashes are drawn from.
SEED = 2012


def run(
    directory: Path,
    mariadb: MariaDB,
    *,
    size: Size = WHOLE,
    seed: int = SEED,
    say: Callable[[str], None] = lambda _: None,
) -> Result:
    """The day in this directory, on this server, which is killed and started again in it."""
    with Monitor(directory, Front(mariadb.fresh_database())) as monitor:
        return Day(monitor, mariadb, size, seed, say).whole()
