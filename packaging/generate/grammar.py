"""ordermonit(1): what follows from the grammar and from the tables of docs/operations.md."""

from argparse import SUPPRESS, Action, ArgumentParser, HelpFormatter, _SubParsersAction
from collections.abc import Iterable, Iterator
from functools import partial

from mdoc import literal, prose, quoted, sentence, tagged

_WIDTH = 70


def parsers(top: ArgumentParser) -> dict[str, ArgumentParser]:
    """Each command's parser, by name, in the order of the help."""
    (found,) = [each for each in top._actions if isinstance(each, _SubParsersAction)]
    return dict(found.choices)


def options(top: ArgumentParser) -> str:
    """The options that stand before the command."""
    return tagged(_arguments(action for action in top._actions if action.option_strings))


def commands(top: ArgumentParser) -> str:
    """Each command: its usage, what it does, its arguments, an example."""
    return "".join(_command(name, parser) for name, parser in parsers(top).items())


def _command(name: str, parser: ArgumentParser) -> str:
    parser.formatter_class = partial(HelpFormatter, width=_WIDTH)
    usage = parser.format_usage().removeprefix("usage: ").replace("[-h] ", "").replace(" [-h]", "")
    example = (parser.epilog or "").removeprefix("example: ")
    return (
        f".Ss {name}\n{literal(usage)}.Pp\n{prose(parser.description or '')}"
        f"{tagged(_arguments(parser._actions))}.Pp\nFor example:\n{literal(example)}"
    )


def _arguments(actions: Iterable[Action]) -> Iterator[tuple[str, str]]:
    for action in actions:
        if action.help != SUPPRESS and "--help" not in action.option_strings:
            yield _tag(action), prose(sentence(_help(action)))


def _tag(action: Action) -> str:
    # With argparse's own words for what follows an option: `--status STATUS`, `--head ID`.
    words = HelpFormatter("")._format_action_invocation(action).split()
    tags = (f"Fl {word[1:]}" if word.startswith("-") else f"Ar {quoted(word)}" for word in words)
    return " ".join(tags)


def _help(action: Action) -> str:
    text = action.help or ""
    choices = [str(each) for each in action.choices or ()]
    if all(each in text for each in choices):
        return text
    return f"{sentence(text)} One of {', '.join(choices)}"


def exits(rows: list[list[str]]) -> str:
    """The exit codes: each with what it means, and what the next cycle does."""

    def meaning(means: str, then: str) -> str:
        # A dash: no cycle ends with it.
        return f"{sentence(means)} The next cycle {then}." if then.isascii() else sentence(means)

    return tagged((f"Er {code}", prose(meaning(means, then))) for code, means, then in rows)


def statuses(rows: list[list[str]]) -> str:
    """Where an order stands, and why; a row without a status goes on with the one above it."""

    def items() -> Iterator[tuple[str, str]]:
        above = ""
        for status, reason, means in rows:
            above = status.replace("`", "") or above
            yield f"Sy {above} No {quoted(reason.replace('`', ''))}", prose(sentence(means))

    return tagged(items())


def state_files(rows: list[list[str]]) -> str:
    """The files of the state directory."""
    return tagged(
        (f"Pa {quoted(name.replace('`', ''))}", prose(sentence(what))) for name, what in rows
    )
