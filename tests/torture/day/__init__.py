"""24 simulated hours of a shop, with everything that breaks in them.

Real: MariaDB, sshd, rake with the driver, the program as a process for each cycle, its kills, the
open transactions. Simulated: the day. Each cycle is a tick of 120 s; between two of them the shop
does what it does in that time, and the program then sees that hour on the wall's clock and on the
boot clock, so `min_order_age` and `late_commit_window` (3600 s) are at full size. Scaled by 1:60 is
what a cycle spends in waiting for what is down or hangs (`running_cycle`, `downtime_wait`): real
seconds.

The same day is lived twice, side by side: with orders that are sick, and without. So it is seen
how much longer the good ones wait because of them.
"""

import multiprocessing
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from tests.parts.front import Front
from tests.parts.mariadb import MariaDB
from tests.torture.day.course import Day
from tests.torture.day.monitor import Monitor
from tests.torture.day.sales import WHOLE, Size
from tests.torture.day.verdict import Result, beside

#: What the shop's day and the moments of the crashes are drawn from.
SEED = 2012


def both(size: Size = WHOLE, seed: int = SEED, keep: Path | None = None) -> Result:
    """The day with the sick orders, and what it did to the good ones. `keep`: an existing directory
    for all that is left of both."""
    context = multiprocessing.get_context("spawn")  # a fork has threads and servers of others
    with ProcessPoolExecutor(2, context) as pool:
        ill, well = pool.map(partial(_alone, size, seed, keep), (True, False))
    return beside(ill, well)


def _alone(size: Size, seed: int, keep: Path | None, is_ill: bool) -> Result:
    name = "ill" if is_ill else "well"
    with tempfile.TemporaryDirectory(prefix="om-day-") as temporary, MariaDB() as mariadb:
        directory = Path(temporary) if keep is None else keep / name
        directory.mkdir(exist_ok=True)
        say = partial(_said, name)
        return run(directory, mariadb, size=size, seed=seed, say=say, is_ill=is_ill)


def _said(name: str, line: str) -> None:
    print(f"{name:4}  {line}", file=sys.stderr, flush=True)


def run(
    directory: Path,
    mariadb: MariaDB,
    *,
    size: Size = WHOLE,
    seed: int = SEED,
    say: Callable[[str], None] = lambda _: None,
    is_ill: bool = True,
) -> Result:
    """The day in this directory, on this server, which is killed and started again in it; without
    `is_ill`, nothing ails an order, and Abacos takes whatever it is asked about."""
    with Monitor(directory, Front(mariadb.fresh_database())) as monitor:
        return Day(monitor, mariadb, size, seed, say, is_ill=is_ill).whole()
