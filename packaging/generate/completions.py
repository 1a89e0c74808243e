"""The completions, by shtab, for the shells' own directories."""

from argparse import Action, ArgumentParser, _SubParsersAction
from collections.abc import Iterator

import shtab

#: Where each shell looks, below `share`.
_PLACES = {
    "bash": "bash-completion/completions/ordermonit",
    "zsh": "zsh/site-functions/_ordermonit",
    "fish": "fish/vendor_completions.d/ordermonit.fish",
}


#: The shops of this host: each is a directory. A command that every shell understands.
_SHOPS = "find /etc/ordermonit -mindepth 1 -maxdepth 1 -type d -printf '%f\\n' 2>/dev/null"


def of(top: ArgumentParser) -> Iterator[tuple[str, str]]:
    """Each place with its script."""
    _prepare(top)
    for shell, place in _PLACES.items():
        yield place, f"{shtab.complete(top, shell).rstrip()}\n"


def _prepare(parser: ArgumentParser) -> None:
    for action in parser._actions:
        if isinstance(action, _SubParsersAction):
            for listed in action._choices_actions:
                # The one line of the top help: a shell shows it beside the command's name.
                action.choices[listed.dest].description = listed.help
            for command in action.choices.values():
                _prepare(command)
        elif kind := _kind(action):
            action.complete = kind  # type: ignore[attr-defined]
        elif not action.option_strings and not action.choices:
            # Words that nobody can offer: without this, zsh offers no option beside them either.
            action.complete = {"zsh": "( )"}  # type: ignore[attr-defined]


def _kind(action: Action) -> shtab.CompleteType | None:
    """What a shell completes by itself: the metavar says it."""
    kinds = {"DIR": shtab.DIRECTORY, "FILE": shtab.FILE, "SHOP": shtab.cmd(_SHOPS)}
    return kinds.get(action.metavar) if isinstance(action.metavar, str) else None
