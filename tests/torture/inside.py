"""Commands of the program in this process, for thousands of cases."""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from unittest import mock

from ordermonit import cli
from ordermonit.state.directory import State

#: How the commands of this process have ended so far.
exits: Counter[int] = Counter()


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended, and what it said."""

    exit_code: int
    stdout: str
    stderr: str

    def problem(self, *expected: int) -> str | None:
        """What is unseemly about it: another exit, a traceback, no word of what is wrong."""
        if self.exit_code not in expected:
            return f"exit {self.exit_code}, expected {expected}: {self.stderr[:500]}"
        if "Traceback" in self.stderr or "a defect of" in self.stderr:
            return f"a traceback: {self.stderr[:500]}"
        if self.exit_code and not self.stderr.startswith("ordermonit: "):
            return f"no word of what is wrong: {self.stderr[:500]}"
        return None


@contextmanager
def _locks_end() -> Iterator[None]:
    """A lock is held until its process ends; here, until its command ends."""
    held: list[State] = []
    lock = State.lock

    def kept(state: State) -> None:
        held.append(state)
        lock(state)

    with mock.patch.object(State, "lock", kept):
        try:
            yield
        finally:
            for state in held:
                for handle in state._lock or ():
                    os.close(handle)


def say(*words: str) -> Said:
    """One command."""
    stdout, stderr = StringIO(), StringIO()
    with redirect_stdout(stdout), redirect_stderr(stderr), _locks_end():
        try:
            code = cli.main([str(word) for word in words])
        except SystemExit as end:
            code = int(end.code or 0)
    exits[code] += 1
    return Said(code, stdout.getvalue(), stderr.getvalue())
