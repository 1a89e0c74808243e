"""`show`: one order's whole story, from the checkpoint and the journal."""

import json

from ordermonit.commands.context import Context
from ordermonit.commands.drawing import drawing
from ordermonit.commands.story import story
from ordermonit.errors import Exit


def show(context: Context) -> int:
    """One order's whole story. Raises UsageError where nothing is known of it."""
    found = story(context)
    if context.arguments.json:
        print(json.dumps(found.as_json()))
        return Exit.OK
    with drawing():
        from ordermonit.commands.screen import Screen
        from ordermonit.commands.show_screen import draw
    screen = Screen()
    screen.show(draw(found, screen))
    return Exit.OK
