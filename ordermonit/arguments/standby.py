"""`receive`."""

from ordermonit.arguments.grammar import Command, Commands, add_json


def receive(commands: Commands) -> None:
    """The other monitor's end of `standby`."""
    parser = commands.add(
        "receive",
        "keep the checkpoint that the active monitor sends to this standby",
        example="ordermonit receive",
        more="The active monitor starts it, over SSH: see `standby` in service.yml.",
        run=Command("receive", "receive"),
    )
    add_json(parser)
