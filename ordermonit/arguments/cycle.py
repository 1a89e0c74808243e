"""`cycle`."""

from ordermonit.arguments.grammar import Command, Commands, add_json


def cycle(commands: Commands) -> None:
    """What the timer starts."""
    parser = commands.add(
        "cycle",
        "one cycle: retry, check, integrate",
        example="ordermonit cycle",
        more="The timer starts it; a cycle now: systemctl start ordermonit.service",
        run=Command("cycle", "cycle"),
    )
    parser.add_argument(
        "--dry-run",
        dest="run",
        action="store_const",
        const=Command("dry_run", "dry_run"),
        help="say what it would do; touch nothing",
    )
    add_json(parser)
