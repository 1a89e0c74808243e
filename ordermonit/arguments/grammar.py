"""What the families of commands share: the parsers, their help, and kinds of arguments."""

from argparse import ArgumentParser, ArgumentTypeError, _ActionsContainer
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from importlib import import_module
from typing import Any, NoReturn

from ordermonit import times
from ordermonit.commands.context import Context
from ordermonit.errors import UsageError
from ordermonit.orders.model import shown


@dataclass(frozen=True, slots=True)
class Command:
    """A function of a module in `commands`, imported only when it is the one that was typed."""

    module: str
    function: str

    def __call__(self, context: Context) -> int:
        """Carry it out; the exit code."""
        module = import_module(f"ordermonit.commands.{self.module}")
        return int(getattr(module, self.function)(context))

    @property
    def is_cycle(self) -> bool:
        """Whether this is the timer's command, whose end belongs into the log."""
        return self.module == "cycle"


class Parser(ArgumentParser):
    """argparse, with one line and sysexits.h's code for a wrong command line."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"wrong command line: {message}", f"Type: {self.prog} --help")


class Top(Parser):
    """The parser that has the commands: its help fits a screen, with a line for each of them."""

    def __init__(self, **words: Any) -> None:
        super().__init__(**words)
        self.listed: list[str] = []

    def format_help(self) -> str:
        head = [self.format_usage().rstrip(), self.description or ""]
        return "\n".join([*head, "", *self.listed, "", self.epilog or ""])


class Commands:
    """Where a family adds its commands."""

    def __init__(self, top: Top) -> None:
        self._listed = top.listed
        # Without `prog` every command's usage would begin with the options of the top's.
        self._parsers = top.add_subparsers(
            metavar="COMMAND", required=True, parser_class=Parser, prog=top.prog
        )

    def add(self, name: str, does: str, *, example: str, run: Command, more: str = "") -> Parser:
        """A command: the line of the top help, one that can be typed as it stands, and its code.

        `more` is what its own help says below that line.
        """
        self._listed.append(f"  {name:<9} {does}")
        description = f"{does[0].upper()}{does[1:]}.{' ' if more else ''}{more}"
        parser = self._parsers.add_parser(
            name,
            help=does,
            description=description,
            epilog=f"example: {example}",
        )
        parser.set_defaults(run=run)
        return parser


def add_json(parser: _ActionsContainer) -> None:
    """`--json`, which every command that shows something has."""
    parser.add_argument("--json", action="store_true", help="for programs")


def add_because(parser: Parser, required: bool = False) -> None:
    """`--because`, which every decision of a person may have."""
    parser.add_argument("--because", required=required, metavar="TEXT", help="for the journal")


def add_choice(
    parser: Parser, option: str, values: type[StrEnum], doc: str, *, repeated: bool = False
) -> None:
    """An option that takes one of these words, in upper or lower case; or several, repeated."""

    def one_of(text: str) -> StrEnum:
        try:
            return values(text.upper())
        except ValueError:
            raise ArgumentTypeError(f"{text!r} is none of {', '.join(values)}") from None

    if repeated:
        doc += "; may be repeated"
    parser.add_argument(
        option,
        type=one_of,
        action="append" if repeated else "store",
        choices=list(values),
        metavar=option.lstrip("-").upper(),
        help=doc,
    )


def order_id(text: str) -> int:
    """An id of the Front. Raises ArgumentTypeError."""
    if not (text.isascii() and text.isdigit()) or len(text) > 38:
        raise ArgumentTypeError(f"{text!r} is no id: a whole number of at most 38 digits")
    return int(text)


def order_name(text: str) -> str:
    """An order's number as records have it, or its id as `id:17`. Raises ArgumentTypeError."""
    name = shown(text)
    if not name:
        raise ArgumentTypeError("an order's number is not empty")
    return name


def time(text: str) -> datetime:
    """A time, aware. Raises ArgumentTypeError."""
    try:
        return times.moment(text)
    except ValueError as problem:
        raise ArgumentTypeError(problem) from None


def ago(text: str) -> datetime:
    """A time, or a span before now. Raises ArgumentTypeError."""
    try:
        return times.ago(text)
    except ValueError as problem:
        raise ArgumentTypeError(problem) from None


def span(text: str) -> timedelta:
    """A span of time. Raises ArgumentTypeError."""
    try:
        return times.span(text)
    except ValueError as problem:
        raise ArgumentTypeError(problem) from None
