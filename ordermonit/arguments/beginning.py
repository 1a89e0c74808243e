"""`init`, `import` and `recover`."""

from pathlib import Path

from ordermonit.arguments.grammar import Command, Commands, add_json, order_id


def init(commands: Commands) -> None:
    """Where the service begins."""
    parser = commands.add(
        "init",
        "create the checkpoint; one that exists is never touched",
        example="ordermonit init --latest",
        run=Command("beginning", "init"),
    )
    start = parser.add_mutually_exclusive_group(required=True)
    start.add_argument("--latest", action="store_true", help="HEAD at the newest order now")
    start.add_argument("--head", type=order_id, metavar="ID", help="HEAD at this order")
    start.add_argument("--from-start", action="store_true", help="HEAD before the first order")
    add_json(parser)


def import_(commands: Commands) -> None:
    """The way over from the former service."""
    parser = commands.add(
        "import",
        "take over the former service's checkpoint",
        example="ordermonit import /srv/monitor/checkpoint",
        run=Command("beginning", "import_"),
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the former service's checkpoint")
    add_json(parser)


def recover(commands: Commands) -> None:
    """The way back from a damaged checkpoint."""
    parser = commands.add(
        "recover",
        "restore the predecessor of a damaged checkpoint",
        example="ordermonit recover",
        run=Command("beginning", "recover"),
    )
    add_json(parser)
