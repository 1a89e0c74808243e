"""One cycle with a stopwatch on its parts: `traced.py RESULT CONFIG STATE`, begun at $BEGUN.

The program is the real one; the parts that take time are wrapped from outside. The result is JSON:
the seconds of each part, and how often it was done.
"""

import inspect
import json
import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_WAITS = {True: "waits for tasks", False: "waits for checks"}

_seconds: dict[str, float] = defaultdict(float)
_counts: Counter[str] = Counter()


@contextmanager
def _part(name: str) -> Iterator[None]:
    begun = time.time()
    try:
        yield
    finally:
        _seconds[name] += time.time() - begun
        _counts[name] += 1


def _time(owner: Any, attribute: str, part: str | Callable[..., str]) -> None:
    """Put the stopwatch around a function or a coroutine function.

    `part` may be a function that tells the part from the arguments.
    """
    function = getattr(owner, attribute)

    def named_by(arguments: tuple[Any, ...]) -> str:
        return part if isinstance(part, str) else part(*arguments)

    def timed(*arguments: Any, **named: Any) -> Any:
        with _part(named_by(arguments)):
            return function(*arguments, **named)

    async def awaited(*arguments: Any, **named: Any) -> Any:
        with _part(named_by(arguments)):
            return await function(*arguments, **named)

    setattr(owner, attribute, awaited if inspect.iscoroutinefunction(function) else timed)


def main() -> None:
    """Run the cycle, and write what was measured."""
    result, config, directory = sys.argv[1:]
    begun = float(os.environ["BEGUN"])
    _seconds["interpreter"] = time.time() - begun
    with _part("imports"):
        from ordermonit import cli, configuration
        from ordermonit.cycle import cycle
        from ordermonit.reports import journal
        from ordermonit.state import directory as state
    with _part("imports for SSH"):
        from ordermonit.node import rake as node
        from ordermonit.node import session, ssh
    _time(cycle, "plan", "plan")
    _time(configuration, "load", "configuration")
    _time(ssh, "start", "connect")
    _time(node.Node, "_greeting", "boot")
    _time(node.Node, "_answered", lambda _, sent: _WAITS[sent.request.is_task])
    _time(session.Session, "close", "close")
    _time(state.State, "write", "durable writes")
    _time(journal.Log, "tell", "log")
    code = cli.main(["--config", config, "--state", directory, "cycle"])
    _seconds["total"] = time.time() - begun
    Path(result).write_text(json.dumps({"seconds": _seconds, "counts": _counts}))
    os._exit(code)


if __name__ == "__main__":
    main()
