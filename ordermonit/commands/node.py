"""`node end`: the Rails that stays booted on the node (keep_booted) ends at once."""

import asyncio
import json
import os
import socket

from ordermonit.commands.context import Context
from ordermonit.errors import Exit


def node(context: Context) -> int:
    """End it. A session that is under way goes on to its end."""
    # The same home, and so the same keys, as the service's cycles have.
    context.enter()
    settings = context.configuration().node
    from ordermonit.node.rake import Node

    holder = f"node end, pid {os.getpid()} on {socket.gethostname()}"
    was_there = asyncio.run(Node(settings, holder).end_kept())
    if context.arguments.json:
        print(json.dumps({"ended": was_there}))
    elif was_there:
        print(f"Rails stayed booted on {settings.host}, and has ended; the next session boots it")
    else:
        print(f"no Rails stays booted on {settings.host}: there was nothing to end")
    return Exit.OK
