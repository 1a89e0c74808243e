"""What the doctor finds: one line each, with its remedy, and the exit code of all of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from ordermonit.errors import Exit, OrdermonitError


class Part(StrEnum):
    """What is examined, in this order."""

    USER = "user"
    CONFIGURATION = "configuration"
    STATE = "state"
    CHECKPOINT = "checkpoint"
    DATABASE = "database"
    NODE = "node"
    SERVICE = "service"
    STANDBY = "standby"
    CLOCK = "clock"


class Severity(StrEnum):
    """How bad a finding is. What could not be tried is neither good nor bad."""

    OK = "ok"
    NOT_TRIED = "not tried"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found and, where it is not well, what to do. `exit` is an error's exit code."""

    severity: Severity
    found: str
    remedy: str = ""
    exit: Exit = Exit.OK


Findings = Iterator[Finding]

#: The worst first: what needs a person comes before what may heal by itself.
_WORST = (
    Exit.SOFTWARE,
    Exit.CONFIG,
    Exit.USAGE,
    Exit.REFUSED,
    Exit.DATA,
    Exit.IO,
    Exit.TEMPORARY,
    Exit.OK,
)


def ok(found: str) -> Finding:
    """All is well with this."""
    return Finding(Severity.OK, found)


def not_tried(what: str) -> Finding:
    """Something earlier, or who asks, stands in the way of this."""
    return Finding(Severity.NOT_TRIED, what)


def warning(found: str, remedy: str) -> Finding:
    """It works, but not as it should."""
    return Finding(Severity.WARNING, found, remedy)


def error(found: str, remedy: str, exit: Exit) -> Finding:
    """It does not work."""
    return Finding(Severity.ERROR, found, remedy, exit)


def failure(problem: OrdermonitError) -> Finding:
    """What the program's own modules raise, as a finding."""
    return error(problem.message, problem.remedy, problem.exit)


def exit_code(findings: Iterable[Finding]) -> Exit:
    """That of the worst error; 0 for warnings."""
    return worst_exit(finding.exit for finding in findings)


def worst_exit(exits: Iterable[Exit]) -> Exit:
    """The worst of some exit codes."""
    return min(exits, key=_WORST.index, default=Exit.OK)
