"""The node: a session as a cycle has it, and each check asked about one order. No task is run."""

import asyncio
import os
import shlex
import socket
import time
from dataclasses import replace

from ordermonit.configuration import Node as Settings
from ordermonit.doctor.findings import Finding, Findings, error, failure, not_tried, ok, warning
from ordermonit.doctor.known import Known
from ordermonit.errors import Exit, NodeLocked, OrdermonitError
from ordermonit.node.hops import hops
from ordermonit.node.rake import Node
from ordermonit.orders.model import Answer, Operation, Request, Verdict

#: Seconds that a person waits at most for a connection, and for Rails or an answer.
_CONNECT, _ANSWER = 30.0, 60.0

_REST = "what comes after that in: connection, keys, rails_root, rake, lock, Rails, tasks, checks"


def node(settings: Settings, known: Known) -> Findings:
    """Everything about the node, in one connection."""
    first = hops(settings)[0]  # the others' names are for those before them
    try:
        socket.getaddrinfo(first.host, first.port, type=socket.SOCK_STREAM)
    except OSError as problem:
        yield error(
            f"the name {first.host} does not resolve: {problem.strerror}",
            f"Correct {first.key} in integration_server.yml, or this machine's name service:"
            f" getent hosts {shlex.quote(first.host)}",
            Exit.TEMPORARY,
        )
        yield not_tried(_REST)
        return
    bounded = replace(
        settings,
        connect_timeout=min(settings.connect_timeout, _CONNECT),
        task_timeout=min(settings.task_timeout, _ANSWER),
    )
    with asyncio.Runner() as runner:
        session = Node(bounded, f"check, pid {os.getpid()} on {socket.gethostname()}")
        try:
            yield from _in_session(session, runner, settings, known)
        except NodeLocked as problem:
            yield warning(
                problem.message,
                "If that is a cycle that runs now, all is well: type this again later. If not, only"
                " one of two monitors is to work there",
            )
            yield not_tried("what comes after the lock: Rails, tasks, checks")
        except OrdermonitError as problem:
            yield failure(problem)
            yield not_tried(_REST)
        finally:
            runner.run(session.close())


def _in_session(
    session: Node, runner: asyncio.Runner, settings: Settings, known: Known
) -> Findings:
    started = time.monotonic()
    runner.run(session.open())
    tasks = " and ".join(settings.tasks.values())
    for hop in hops(settings):
        yield ok(f"{hop}: the host key is the known one, and our key is accepted")
    yield ok(
        f"{settings.rails_root}: rake has {tasks}; the lock is free; ready after"
        f" {time.monotonic() - started:.1f} s"
    )
    resolved = known.resolved()
    for operation in (Operation.ORDER_EXISTS, Operation.PAYMENT_CONFIRMED):
        if operation not in settings.checks:
            if operation is Operation.ORDER_EXISTS:
                yield ok(f"the check {operation} is switched off: orders are inserted unasked")
            continue
        number = resolved.number if resolved else None
        if number is None and operation is Operation.ORDER_EXISTS and known.newest:
            number = known.newest.number if known.newest.has_valid_number else None
        if number is None:
            yield not_tried(f"the check {operation}: no order is known to ask about")
        elif not session.is_open:
            yield not_tried(f"the check {operation}: the session has ended")
        else:
            answer = runner.run(session.answer(Request(operation, number)))
            yield judged(operation, number, answer, is_there=resolved is not None)


def judged(operation: Operation, number: str, answer: Answer, *, is_there: bool) -> Finding:
    """What a check's answer says about the check. `is_there`: that order is known in Abacos."""
    match answer.verdict:
        case Verdict.NO if is_there and operation is Operation.ORDER_EXISTS:
            return warning(
                f"the check {operation} says no for order {number}, which was in Abacos before",
                f"Look for it in Abacos; if it is there, correct checks: {operation} in"
                " integration_server.yml",
            )
        case Verdict.YES | Verdict.NO:
            return ok(f"the check {operation} says {answer.verdict} for order {number}")
        case Verdict.UNAVAILABLE:
            effect = {
                Operation.ORDER_EXISTS: "orders are inserted unasked",
                Operation.PAYMENT_CONFIRMED: "a confirmation whose answer is lost is sent again",
            }[operation]
            return warning(
                f"the check {operation} can't be used on the node, so {effect}: {answer.error}",
                f"Correct checks: {operation} in integration_server.yml (null: the node has none)",
            )
        case Verdict.DOWN | Verdict.AMBIGUOUS:
            return error(
                f"Abacos gives no answer to {operation} for order {number}: {answer.error}",
                "Nothing is lost: cycles wait, and go on by themselves. Look at Abacos, and at the"
                " node's way to it",
                Exit.TEMPORARY,
            )
        case _:
            return error(
                f"no answer came to {operation} for order {number}: {answer.error}",
                "Look at the node's log; raise task_timeout in integration_server.yml if it is"
                " only slow",
                Exit.TEMPORARY,
            )
