"""The command line: what was asked for, where configuration and state are, how it ended."""

import os
import sys
import traceback
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from functools import cache
from pathlib import Path
from typing import NoReturn

from ordermonit import __version__, commands, configuration
from ordermonit.configuration import Configuration, Process
from ordermonit.errors import Exit, OrdermonitError, UsageError
from ordermonit.events import Event
from ordermonit.journal import (
    Log,
    Sink,
    stderr_is_journal,
    to_file,
    to_journal,
    to_stderr,
    to_terminal,
)
from ordermonit.model import Status
from ordermonit.progress import Bar
from ordermonit.state import State

_EPILOG = """\
exit codes:
  0   done (a failed order is recorded; it is no failure of the program)
  64  the command line is wrong
  65  the checkpoint is damaged, missing, or ahead of the database
  70  a defect of ordermonit
  74  the checkpoint can't be written
  75  the database, the node or Abacos is down, or another cycle runs: nothing is lost
  77  the node's host key or our key is refused
  78  the configuration is wrong

example: ordermonit init --latest && systemctl enable --now ordermonit.timer
"""


class _Parser(ArgumentParser):
    """argparse, with one line and sysexits.h's code for a wrong command line."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"wrong command line: {message}", f"Type: {self.prog} --help")


def _parser() -> ArgumentParser:
    parser = _Parser(
        prog="ordermonit",
        description="Finds every order that never reached the ERP, and puts it right.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"ordermonit {__version__}")
    parser.add_argument("--config", type=Path, metavar="DIR", help="the four YAML files")
    parser.add_argument("--state", type=Path, metavar="DIR", help="the checkpoint and its lock")
    add = parser.add_subparsers(title="commands", metavar="COMMAND", required=True).add_parser

    cycle = add("cycle", help="one cycle: retry, check, integrate")
    cycle.set_defaults(run=commands.cycle)

    init = add("init", help="create the checkpoint")
    start = init.add_mutually_exclusive_group(required=True)
    start.add_argument("--latest", action="store_true", help="HEAD at the newest order now")
    start.add_argument("--head", type=_id, metavar="ID", help="HEAD at this order")
    start.add_argument("--from-start", action="store_true", help="HEAD before the first order")
    init.set_defaults(run=commands.init)

    status = add("status", help="HEAD, the counts by status, the last cycle")
    status.add_argument("--json", action="store_true")
    status.set_defaults(run=commands.status)

    orders = add("orders", help="the checkpoint's records")
    orders.add_argument("--status", type=_status, metavar="S", help=", ".join(Status))
    orders.add_argument("--json", action="store_true")
    orders.set_defaults(run=commands.orders)

    retry = add("retry", help="put orders back, with fresh attempts")
    retry.add_argument("number", nargs="*", metavar="NUMBER")
    retry.add_argument("--exhausted", action="store_true", help="all that were given up")
    retry.set_defaults(run=commands.retry)

    import_ = add("import", help="take over the former service's checkpoint")
    import_.add_argument("file", type=Path, metavar="FILE")
    import_.set_defaults(run=commands.import_)

    recover = add("recover", help="restore the predecessor of a damaged checkpoint")
    recover.set_defaults(run=commands.recover)
    return parser


def _id(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise ValueError
    return int(text)


_id.__name__ = "order id"


def _status(text: str) -> Status:
    return Status(text.upper())


_status.__name__ = "status"


def main(argv: list[str] | None = None) -> int:
    """Run one command; the exit code (`errors.Exit`)."""
    reporter = _Reporter()
    try:
        arguments = _parser().parse_args(argv)
        return int(arguments.run(reporter.context(arguments)))
    except OrdermonitError as problem:
        reporter.report(problem)
        return problem.exit
    except BrokenPipeError:
        # The reader of our output has gone, as with `ordermonit orders | head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except KeyboardInterrupt:
        return 130
    except Exception as problem:
        reporter.report(_Defect(problem))
        return Exit.SOFTWARE


class _Defect(OrdermonitError):
    """An exception that nobody foresaw."""

    exit = Exit.SOFTWARE

    def __init__(self, problem: Exception) -> None:
        place = traceback.extract_tb(problem.__traceback__)[-1]
        super().__init__(
            f"a defect of ordermonit: {type(problem).__name__}: {problem}"
            f" ({Path(place.filename).name}:{place.lineno})",
            "The checkpoint is whole. Set `backtrace: true` in process.yml, run it again, and"
            " report what it prints",
        )
        self.__cause__ = problem


_EVENTS = {
    Exit.USAGE: Event.USAGE_WRONG,
    Exit.DATA: Event.CHECKPOINT_REFUSED,
    Exit.SOFTWARE: Event.DEFECT,
    Exit.IO: Event.STATE_UNWRITABLE,
    Exit.TEMPORARY: Event.UNAVAILABLE,
    Exit.REFUSED: Event.ACCESS_REFUSED,
    Exit.CONFIG: Event.CONFIGURATION_WRONG,
}


class _Reporter:
    """What is known of where to report to: more and more, as the command goes on."""

    def __init__(self) -> None:
        self._process: Process | None = None
        self._state_directory = Path()
        self._in_cycle = False
        self._bar = Bar()

    def context(self, arguments: Namespace) -> commands.Context:
        """The command's context. Nothing is read before the command asks for it."""
        self._state_directory = arguments.state or _directory(
            "ORDERMONIT_STATE", "STATE_DIRECTORY", "/var/lib/ordermonit"
        )
        self._in_cycle = arguments.run is commands.cycle
        config = arguments.config or _directory(
            "ORDERMONIT_CONFIG", "CONFIGURATION_DIRECTORY", "/etc/ordermonit"
        )

        @cache
        def load() -> Configuration:
            loaded = configuration.load(config)
            self._process = loaded.process
            return loaded

        @cache
        def log() -> Log:
            load()
            return Log(self._sinks())

        return commands.Context(arguments, State(self._state_directory), load, log, self._bar)

    def _sinks(self, terminal: bool = True) -> list[Sink]:
        process = self._process
        sinks = [to_journal("ordermonit" if process is None else process.app_name)]
        if process is not None and process.log_output:
            logs = Path(os.environ.get("LOGS_DIRECTORY") or self._state_directory)
            sinks.append(to_file(logs / f"{process.app_name}.output"))
        ontop = terminal and self._in_cycle and process is not None and process.ontop
        if ontop and not stderr_is_journal():
            sinks.append(to_terminal(self._bar.write))
        return sinks

    def report(self, problem: OrdermonitError) -> None:
        """Say how the command failed: to whoever typed it and, for a cycle, to the log."""
        text = str(problem)
        if self._process is not None and self._process.backtrace:
            cause = problem if problem.__cause__ is None else problem.__cause__
            text += "\n" + "".join(traceback.format_exception(cause)).rstrip()
        if self._in_cycle:
            Log(self._sinks(terminal=False)).tell(_EVENTS[Exit(problem.exit)], error=text)
        if not (self._in_cycle and stderr_is_journal()):
            to_stderr(f"ordermonit: {text}")


def _directory(ours: str, systemds: str, default: str) -> Path:
    """The first that is set; systemd separates several directories by colons."""
    value = os.environ.get(ours) or os.environ.get(systemds, "").split(":")[0]
    return Path(value or default)
