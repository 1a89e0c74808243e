"""`check`."""

from ordermonit.arguments.grammar import Command, Commands, add_json

#: The words of `doctor.findings.Part`, which an idle cycle does not import.
_PARTS = (
    "configuration, state, checkpoint, database, node, service, standby, clock; all without any"
)


def check(commands: Commands) -> None:
    """The doctor."""
    parser = commands.add(
        "check",
        "what is wrong with this installation, and the remedy",
        example="ordermonit check node",
        more="Exit code: 0, with warnings too; else the worst error's"
        " (the worst first: 70, 78, 77, 65, 74, 75).",
        run=Command("check", "check"),
    )
    parser.add_argument("part", nargs="*", metavar="PART", help=_PARTS)
    add_json(parser)
