"""`rescan`."""

from ordermonit.arguments.grammar import Command, Commands, add_because, add_json, ago, order_id


def rescan(commands: Commands) -> None:
    """Once more, without moving HEAD."""
    parser = commands.add(
        "rescan",
        "check again what was passed, without moving HEAD",
        example="ordermonit rescan --since 2h",
        more="The cycles do it, after their other work. What a person dismissed is left alone.",
        run=Command("rescan", "rescan"),
    )
    parser.add_argument(
        "--from", dest="from_", type=order_id, metavar="ID", help="the first order's id"
    )
    parser.add_argument("--to", type=order_id, metavar="ID", help="the last one's; else up to HEAD")
    parser.add_argument(
        "--since", type=ago, metavar="TIME", help="created since then: 2026-01-31T18:00, or 2h"
    )
    add_because(parser)
    add_json(parser)
