"""`alert`."""

from ordermonit.arguments.grammar import Command, Commands, add_json


def alert(commands: Commands) -> None:
    """Whether people can be reached."""
    parser = commands.add(
        "alert",
        "try the channels of alerts.yml",
        example="ordermonit alert --test",
        more="It exits 75 when a channel did not take the test.",
        run=Command("alert", "alert"),
    )
    parser.add_argument("--test", action="store_true", required=True, help="send a test to each")
    add_json(parser)
