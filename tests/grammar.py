"""The command line's grammar, taken apart for whoever compares something with it."""

from argparse import ArgumentParser


def commands(top: ArgumentParser) -> dict[str, ArgumentParser]:
    """Every command's parser, by name, in the order of the help."""
    (found,) = [action.choices for action in top._actions if isinstance(action.choices, dict)]
    return dict(found)
