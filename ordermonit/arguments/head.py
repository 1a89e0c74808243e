"""`head`."""

from ordermonit.arguments.grammar import Command, Commands, add_because, add_json, order_id


def head(commands: Commands) -> None:
    """The high-water mark."""
    parser = commands.add(
        "head",
        "show HEAD, or move it",
        example="ordermonit head --set 100250 --because restored",
        more="Shows what would be skipped or checked again, and asks whether and why.",
        run=Command("head", "head"),
    )
    parser.add_argument("--set", type=order_id, metavar="ID", help="the last order that was passed")
    add_because(parser)
    parser.add_argument("--yes", action="store_true", help="don't ask")
    add_json(parser)
