"""The command line's grammar, one module a family of commands, as in `commands`.

Every command is one small function of its family: its name, its line, an example, where it is
carried out, and its arguments. The help, the completions and the lists in ordermonit(1) follow it.

May import: errors, times, orders, commands.
May not: what a command does; it only names it.
"""

from argparse import ArgumentParser
from pathlib import Path

from ordermonit import __version__
from ordermonit.arguments import (
    alerts,
    beginning,
    changes,
    check,
    cycle,
    head,
    node,
    pausing,
    rescan,
    standby,
    views,
)
from ordermonit.arguments.grammar import Commands, Top

#: In the order in which the help lists them.
_COMMANDS = (
    views.status,
    views.orders,
    views.show,
    views.report,
    changes.retry,
    changes.dismiss,
    rescan.rescan,
    head.head,
    pausing.pause,
    pausing.resume,
    cycle.cycle,
    alerts.alert,
    beginning.init,
    beginning.import_,
    beginning.recover,
    standby.receive,
    check.check,
    node.node,
)

_EPILOG = """\
exit codes: 0 ok, 64 usage, 65 data, 70 bug, 74 disk, 75 down, 77 key, 78 config
example: ordermonit init --latest && systemctl enable --now ordermonit.timer
"""


def parser() -> ArgumentParser:
    """The whole grammar: for the command line, and for what is made from it."""
    top = Top(
        prog="ordermonit",
        usage="ordermonit [--version] [--shop SHOP] [--config DIR] [--state DIR] COMMAND",
        description="Finds what never reached the ERP, and puts it right. Each command has --help:",
        epilog=_EPILOG,
    )
    top.add_argument("--version", action="version", version=f"ordermonit {__version__}")
    top.add_argument("--shop", metavar="SHOP", help="one of several on this host: docs/shops.md")
    top.add_argument("--config", type=Path, metavar="DIR", help="the YAML files")
    top.add_argument("--state", type=Path, metavar="DIR", help="the checkpoint")
    commands = Commands(top)
    for add_to in _COMMANDS:
        add_to(commands)
    return top
