"""The node: a session as a cycle has it, and each check asked about one order. No task is run."""

import asyncio
import os
import shlex
import socket
import time
from dataclasses import replace

from ordermonit.configuration import Node as Settings
from ordermonit.doctor.findings import Finding, Findings, error, failure, not_tried, ok, warning
from ordermonit.doctor.kept import stays
from ordermonit.doctor.known import Known
from ordermonit.errors import Exit, NodeLocked, OrdermonitError
from ordermonit.node.hops import hops
from ordermonit.node.rake import Node
from ordermonit.node.wire import Ready
from ordermonit.orders.model import Answer, Operation, Request, Verdict

#: Seconds that a person waits at most for a connection, and for Rails or an answer.
_CONNECT, _ANSWER = 30.0, 60.0

#: A number that no order has, and that every database takes: eighteen nines.
_NOBODY = "9" * 18

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
    assert session.ready is not None
    yield ok(
        f"{settings.rails_root}: rake has {tasks}; the lock {session.ready.lock} is free; ready"
        f" after {time.monotonic() - started:.1f} s"
    )
    yield from said_of_itself(session.ready, settings)
    yield from stays(session.ready, settings, known)
    resolved = known.resolved()
    for operation in (Operation.ORDER_EXISTS, Operation.PAYMENT_CONFIRMED):
        if operation not in settings.checks:
            if operation is Operation.ORDER_EXISTS:
                yield warning(
                    f"the check {operation} is switched off: orders are inserted unasked, and what"
                    " the task says is believed, not verified",
                    "Configure it under `checks` in integration_server.yml",
                )
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
            if session.is_open and answer.verdict in (Verdict.YES, Verdict.NO):
                nobody = runner.run(session.answer(Request(operation, _NOBODY)))
                yield judged_of_nobody(operation, nobody)


def said_of_itself(ready: Ready, settings: Settings) -> Findings:
    """What the node is, and whether it is as the configuration takes it to be."""
    yield from _environment(ready.rails_env, settings)
    yield ok(f"ruby {ready.ruby}, rake {ready.rake}, RAILS_ENV {ready.rails_env or 'not set'}")
    for task, arguments in ready.tasks.items():
        if len(arguments) != 1:
            takes = ", ".join(arguments) or "no argument"
            yield warning(
                f"the task {task} takes {takes}; it is called with one argument, the number",
                f"Correct tasks: {task} in integration_server.yml, or the task on the node",
            )
    if not ready.forks:
        yield warning(
            "this Ruby can't fork, so all tasks of a cycle share one process",
            "Tasks that keep something from one order to the next are not safe there; a Ruby that"
            " forks (MRI) is",
        )
    if not ready.causes:
        yield warning(
            f"Ruby {ready.ruby} does not keep an exception's causes, so of a hidden error the outer"
            " one alone is known: a refusal may be an outage of Abacos",
            "Ruby 2.1 or newer keeps them; with the check order_exists, orders that are there are"
            " known all the same",
        )


def judged_of_nobody(operation: Operation, answer: Answer) -> Finding:
    """What a check's answer says about it, for a number that no order can have."""
    if answer.verdict is Verdict.YES:
        effect = {
            Operation.ORDER_EXISTS: "nothing would ever be inserted",
            Operation.PAYMENT_CONFIRMED: "no payment would ever be confirmed",
        }[operation]
        return error(
            f"the check {operation} says yes for {_NOBODY}, which no order has: {effect}",
            f"Correct checks: {operation} in integration_server.yml",
            Exit.CONFIG,
        )
    if answer.verdict is Verdict.NO:
        return ok(
            f"the check {operation} says no for a number that no order has: it is verified"
            " what tasks say"
        )
    return not_tried(f"the check {operation} for a number that no order has: {answer.error}")


def _environment(seen: str | None, settings: Settings) -> Findings:
    """Whether rake has the RAILS_ENV that it is to have: a container gets none of `environment`."""
    wanted = settings.environment.get("RAILS_ENV")
    if wanted not in (None, seen):
        yield error(
            f"rake on {settings.host} sees {f'RAILS_ENV={seen}' if seen else 'no RAILS_ENV'}, not"
            f" {wanted}, so it may work on another database",
            "Have what stands between tell it: in rake of integration_server.yml for a container"
            f" (docker exec -i -e RAILS_ENV={shlex.quote(wanted)} …), in the node's own"
            " configuration for a forced command. Or correct RAILS_ENV in environment",
            Exit.CONFIG,
        )


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
                Operation.ORDER_EXISTS: "insertions are believed, not verified",
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
