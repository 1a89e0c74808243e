"""One command from its words to its exit code: where its files are, and how it ended."""

import errno
import os
import sys
import traceback
from argparse import Namespace
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from ordermonit import configuration
from ordermonit.arguments import parser
from ordermonit.commands.context import Context
from ordermonit.configuration import Configuration, Language, Process
from ordermonit.cycle.aftermath import Files, Place, after_cycle
from ordermonit.errors import ConfigurationError, Exit, OrdermonitError, StateError
from ordermonit.orders.events import Event
from ordermonit.reports.journal import (
    Log,
    Sink,
    stderr_is_journal,
    to_file,
    to_journal,
    to_stderr,
    to_terminal,
)
from ordermonit.reports.notes import Ended, Notes
from ordermonit.reports.progress import Bar
from ordermonit.shops import ALONE, Shop, named
from ordermonit.state.directory import State
from ordermonit.text import later


def main(argv: list[str] | None = None) -> int:
    """Run one command; the exit code (`errors.Exit`)."""
    reporter = _Reporter()
    code = _run(reporter, argv)
    reporter.follow_up(code)
    return code


def _run(reporter: "_Reporter", argv: list[str] | None) -> int:
    try:
        arguments = parser().parse_args(argv)
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
        if isinstance(problem, OSError) and problem.errno in _OUTPUT_FULL and not problem.filename:
            reporter.report(_Unprintable(problem))
            return Exit.IO
        reporter.report(_Defect(problem))
        return Exit.SOFTWARE


#: What a full or broken disk answers to `print`. Files of ours are named in their own errors.
_OUTPUT_FULL = (errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class _Unprintable(OrdermonitError):
    """What was asked for has nowhere to go."""

    exit = Exit.IO

    def __init__(self, problem: OSError) -> None:
        super().__init__(
            f"the output can't be written: {problem.strerror}",
            "Send it elsewhere; to see how the orders stand, type: ordermonit orders",
        )


class _Defect(OrdermonitError):
    """An exception that nobody foresaw."""

    exit = Exit.SOFTWARE
    title = later("a defect of ordermonit")

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

#: The exit codes that a cycle ends with by itself.
_ENDS = frozenset({Exit.OK, *_EVENTS})


class _Reporter:
    """What is known of where to report to: more and more, as the command goes on."""

    def __init__(self) -> None:
        self._process: Process | None = None
        self._files: Files | None = None
        self._configuration: Configuration | None = None  # where it names a standby
        self._config = Path()
        self._state = State(Path())
        self._shop = ALONE
        self._in_cycle = False
        self._bar = Bar()
        self._started_at = datetime.now(UTC)
        self._notes = Notes()
        self._problem: OrdermonitError | None = None

    def context(self, arguments: Namespace) -> Context:
        """The command's context. Nothing is read before the command asks for it."""
        self._in_cycle = arguments.run.is_cycle
        state, config = _places(arguments)
        self._shop = Shop(places=_typed_places(arguments))
        if arguments.shop is not None:
            self._shop = replace(self._shop, name=named(arguments.shop, config).name)
        self._state = State(self._shop.place(state))
        config = self._config = self._shop.place(config)

        @cache
        def load() -> Configuration:
            self._be_at_home()
            loaded = configuration.load(config)
            self._process = loaded.process
            process = loaded.process
            if process.metrics_file is not None or process.status_page is not None:
                period = loaded.service.running_cycle
                self._files = Files(process.metrics_file, process.status_page, period)
            if loaded.service.standby is not None:
                self._configuration = loaded
            return loaded

        @cache
        def log() -> Log:
            with suppress(ConfigurationError):  # who needs it says so
                load()
            return self._log()

        return Context(
            arguments,
            self._shop,
            config,
            self._state.directory,
            self._enter,
            load,
            log,
            self._bar,
            self._notes,
        )

    def _enter(self) -> State:
        """The state directory: whoever is root works there, and from then on, as its owner."""
        if os.geteuid() == 0:  # the service never is, and pays for no import
            from ordermonit.rights import leave_root

            leave_root(self._state.directory)
        self._be_at_home()
        return self._state

    def _be_at_home(self) -> None:
        """One of several shops has its keys, in ~/.ssh, in its own state directory."""
        if self._shop.name:
            os.environ["HOME"] = str(self._state.directory.absolute())

    @property
    def _app_name(self) -> str:
        return "ordermonit" if self._process is None else self._process.app_name

    @property
    def _language(self) -> Language:
        return Language.EN if self._process is None else self._process.language

    def _log(self, terminal: bool = True) -> Log:
        return Log(self._sinks(terminal), self._shop)

    def _sinks(self, terminal: bool = True) -> list[Sink]:
        process = self._process
        sinks = [self._notes, to_journal(self._app_name, self._shop)]
        if process is not None and process.log_output:
            with suppress(StateError):  # who needs the directory says so
                logs = Path(os.environ.get("LOGS_DIRECTORY") or self._enter().directory)
                sinks.append(to_file(logs / f"{process.app_name}.output"))
        ontop = terminal and self._in_cycle and process is not None and process.ontop
        if ontop and not stderr_is_journal():
            sinks.append(to_terminal(self._bar.write))
        return sinks

    def report(self, problem: OrdermonitError) -> None:
        """Say how the command failed: to whoever typed it and, for a cycle, to the log."""
        self._problem = problem
        text = self._shop.typed(str(problem))
        if self._process is not None and self._process.backtrace:
            cause = problem if problem.__cause__ is None else problem.__cause__
            text += "\n" + "".join(traceback.format_exception(cause)).rstrip()
        if self._in_cycle:
            self._log(terminal=False).tell(_EVENTS[Exit(problem.exit)], error=text)
        if not (self._in_cycle and stderr_is_journal()):
            to_stderr(f"ordermonit: {text}")

    def follow_up(self, code: int) -> None:
        """After a cycle, whatever became of it: who has to know is told."""
        if not self._in_cycle or code not in _ENDS:
            return
        try:
            state = self._enter()
        except StateError:  # the command has said so
            return
        ended = Ended(code, self._problem, self._started_at, self._notes)
        place = Place(
            self._config,
            state,
            self._app_name,
            self._language,
            self._files,
            self._shop,
            self._configuration,
        )
        after_cycle(ended, place, self._log())


def _places(arguments: Namespace) -> tuple[Path, Path]:
    """The state's and the configuration's directory; with --shop those that have all shops in
    them. What systemd sets is the shop's own by then, so it is not looked at."""
    names = ("STATE_DIRECTORY", "CONFIGURATION_DIRECTORY")
    systemds = names if arguments.shop is None else ("", "")
    state = arguments.state or _directory("ORDERMONIT_STATE", systemds[0], "/var/lib/ordermonit")
    config = arguments.config or _directory("ORDERMONIT_CONFIG", systemds[1], "/etc/ordermonit")
    return state, config


def _typed_places(arguments: Namespace) -> str:
    """The options that name the directories, for the commands that we tell a person to type."""
    places = {"--config": arguments.config, "--state": arguments.state}
    if not any(places.values()):
        return ""
    from shlex import quote  # the service never names them

    given = [(option, path) for option, path in places.items() if path is not None]
    return "".join(f"{option} {quote(str(path.absolute()))} " for option, path in given)


def _directory(ours: str, systemds: str, default: str) -> Path:
    """The first that is set; systemd separates several directories by colons."""
    value = os.environ.get(ours) or os.environ.get(systemds, "").split(":")[0]
    return Path(value or default)
