"""`pause` and `resume`."""

from ordermonit.arguments.grammar import Command, Commands, add_because, add_json, span, time


def pause(commands: Commands) -> None:
    """The service stops for a while."""
    parser = commands.add(
        "pause",
        "let every cycle do nothing for a while",
        example="ordermonit pause --for 2h --because maintenance",
        more="Without an end it lasts until: ordermonit resume",
        run=Command("pausing", "pause"),
    )
    end = parser.add_mutually_exclusive_group()
    end.add_argument("--until", type=time, metavar="TIME", help="such as 2026-01-31T18:00")
    end.add_argument("--for", dest="for_", type=span, metavar="SPAN", help="such as 30min or 2h")
    add_because(parser)
    add_json(parser)


def resume(commands: Commands) -> None:
    """And goes on."""
    parser = commands.add(
        "resume",
        "end the pause",
        example="ordermonit resume",
        run=Command("pausing", "resume"),
    )
    add_json(parser)
