"""One cycle with a stopwatch on its parts: `traced.py RESULT CONFIG STATE`, begun at $BEGUN.

The program is the real one; the parts that take time are wrapped from outside. The result is JSON:
the seconds of each part, and how often it was done.
"""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

_seconds: Counter[str] = Counter()
_counts: Counter[str] = Counter()


def _timed(part: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*arguments: Any, **named: Any) -> Any:
        begun = time.time()
        try:
            return function(*arguments, **named)
        finally:
            _seconds[part] += time.time() - begun
            _counts[part] += 1

    return wrapper


def _awaited(part: str, function: Callable[..., Any]) -> Callable[..., Any]:
    async def wrapper(*arguments: Any, **named: Any) -> Any:
        begun = time.time()
        try:
            return await function(*arguments, **named)
        finally:
            _seconds[part] += time.time() - begun
            _counts[part] += 1

    return wrapper


def main() -> None:
    """Run the cycle, and write what was measured."""
    result, config, state = sys.argv[1:]
    begun = float(os.environ["BEGUN"])
    _seconds["interpreter"] = time.time() - begun
    at = time.time()
    from ordermonit import cli, cycle, journal

    _seconds["imports"] = time.time() - at
    at = time.time()
    from ordermonit import node, session, ssh

    _seconds["imports for SSH"] = time.time() - at
    cycle.plan = _timed("plan", cycle.plan)
    cli.configuration.load = _timed("configuration", cli.configuration.load)
    ssh.start = _awaited("connect", ssh.start)
    node.Node._greeting = _awaited("boot", node.Node._greeting)
    node.Node._request = _awaited("requests", node.Node._request)
    session.Session.close = _timed("close", session.Session.close)
    cycle.State.write = _timed("durable writes", cycle.State.write)
    journal.Log.tell = _timed("log", journal.Log.tell)
    code = cli.main(["--config", config, "--state", state, "cycle"])
    _seconds["total"] = time.time() - begun
    Path(result).write_text(json.dumps({"seconds": _seconds, "counts": _counts}))
    os._exit(code)


if __name__ == "__main__":
    main()
