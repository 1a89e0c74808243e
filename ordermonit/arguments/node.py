"""`node`."""

from ordermonit.arguments.grammar import Command, Commands, add_json


def node(commands: Commands) -> None:
    """What stays on the node between two sessions (keep_booted)."""
    parser = commands.add(
        "node",
        "end the Rails that stays booted on the node",
        example="ordermonit node end",
        more="The next cycle that needs the node boots anew. Only with keep_booted is there one.",
        run=Command("node", "node"),
    )
    parser.add_argument("what", choices=["end"], metavar="end", help="now")
    add_json(parser)
