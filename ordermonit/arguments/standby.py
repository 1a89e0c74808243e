"""`receive`."""

from ordermonit.arguments.grammar import Command, Commands, add_json


def receive(commands: Commands) -> None:
    """The other monitor's end of `standby`."""
    parser = commands.add(
        "receive",
        "keep the checkpoint that the active monitor sends to this standby",
        example="ordermonit receive",
        more="The active monitor starts it, over SSH: see `standby` in service.yml. With nothing on"
        " stdin it says how it stands, for that one's `check standby`, and changes nothing.",
        run=Command("receive", "receive"),
    )
    add_json(parser)
