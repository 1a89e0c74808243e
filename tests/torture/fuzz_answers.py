"""Odd answers of the node: only an explicit answer counts (rule C5), whatever else comes."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

from ordermonit.configuration import Node as Settings
from ordermonit.configuration import load
from ordermonit.errors import OrdermonitError
from ordermonit.node import boot, wire
from ordermonit.node.channel import Ended
from ordermonit.node.rake import Node
from ordermonit.orders.model import Answer, Operation, Request, Verdict
from tests.torture.mutate import BY_BYTE, ODD_TOKENS, Random, damaged

_ERROR = {
    "class": "RuntimeError",
    "ancestors": ["RuntimeError", "StandardError", "Exception"],
    "message": "Erro ao inserir o pedido:1,erro:produto",
}
_REPLIES: tuple[dict[str, Any], ...] = (
    {"id": 1, "done": True},
    {"id": 1, "value": True},
    {"id": 1, "value": False},
    {"id": 1, "value": "nil"},
    {"id": 1, "unavailable": "uninitialized constant Abacos::OrderAPI"},
    {"id": 1, "error": [_ERROR]},
    {"id": 1, "error": [{**_ERROR, "message": "Order number 1 already exist on Abacos"}, _ERROR]},
    {"id": 1, "refused": "bad number"},
)
_GREETINGS: tuple[dict[str, Any], ...] = (
    {
        "ordermonit": 1,
        "ready": True,
        "ruby": "3.1.2",
        "rake": "13.0.6",
        "rails_env": "production",
        "tasks": {"t": ["number"]},
        "forks": True,
        "cause": True,
    },
    {"ordermonit": 1, "locked_by": "pid 1 on standby"},
    {"ordermonit": 1, "no_lock": "tmp/lock", "error": [_ERROR]},
    {"ordermonit": 1, "no_boot": [_ERROR]},
    {"ordermonit": 1, "no_task": "insert_order"},
    {"ordermonit": 1, "bad_check": "order_exists", "error": [_ERROR]},
)
_ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    1.0,
    -1,
    2,
    10**400,
    "1",
    "true",
    [],
    [[]],
    {},
    [{}],
    [_ERROR, 7],
    [{**_ERROR, "message": None}],
    [{**_ERROR, "ancestors": [1]}],
    [{**_ERROR, "message": "\u2028\x1b[2J\x00" * 500}],
    "\ud800",
    "x" * 100_000,
)
_NOISE = (
    b"",
    b"\n",
    b"Last login: Tue\n",
    b"caf\xe9\n",
    b"\x00\x01\x02\n",
    b"\xff" * 5000 + b"\n",
    b'{"ordermonit":2}\n',
    b"[" * 5000 + b"\n",
    b'{"id":1,"done":tru',
    b'{"id":1,"done":false}\n',
    b'{"id":2,"done":true}\n',
    b'{"id":true,"done":true}\n',
    b"x" * (wire.LINE_LIMIT + 10),
    b"done\n",
    b'"done"\n',
    b"1" * 5000 + b"\n",
    b"NaN\n",
)


class _Line:
    """asyncssh's end of the channel: it answers the request with `stream`, and ends."""

    def __init__(self, node: Node, stream: list[bytes]) -> None:
        self._channel = node._channel
        self._stream = stream
        self._channel.connection_made(cast(Any, self))

    def write(self, data: bytes) -> None:
        del data
        for part in self._stream:
            self._channel.data_received(part, None)
        self._channel.connection_lost(None)


def _json(said: dict[str, Any]) -> bytes:
    return json.dumps(said, separators=(",", ":")).encode() + b"\n"


def _odd_line(chance: Random, choices: tuple[dict[str, Any], ...]) -> bytes:
    said = dict(chance.choice(choices))
    match chance.randrange(9):
        case 0:
            said[chance.choice(list(said))] = chance.choice(_ODD)
        case 1:
            del said[chance.choice(list(said))]
        case 2:
            said[chance.choice(("done", "value", "error", "x", "id"))] = chance.choice(_ODD)
        case 3:
            return damaged(chance, _json(said), BY_BYTE)
        case 4:
            line = _json(said)
            at = chance.randrange(len(line))
            odd = chance.choice(ODD_TOKENS).encode("utf-8", "surrogatepass")
            return line[:at] + odd + line[at:]
    return _json(said)


def _stream(chance: Random, choices: tuple[dict[str, Any], ...]) -> list[bytes]:
    whole = b"".join(
        (
            chance.choice((b"", b"", chance.choice(_NOISE))),
            _odd_line(chance, choices),
            chance.choice((b"", b"", chance.choice(_NOISE))),
        )
    )
    at = chance.randrange(len(whole) + 1)
    return [whole[:at], whole[at:]]


def answers(directory: Path) -> Callable[[Random, Path], Iterator[str]]:
    """The case, for the configuration in this directory."""
    settings = load(directory / "config", {}).node

    def answer_case(chance: Random, directory: Path) -> Iterator[str]:
        del directory
        if chance.random() < 0.3:
            stream = _stream(chance, _GREETINGS)
            yield from asyncio.run(_greeted(settings, stream))
        else:
            operation = chance.choice(list(Operation))
            stream = _stream(chance, _REPLIES)
            yield from _judged(asyncio.run(_answered(settings, operation, stream)), stream)

    return answer_case


async def _answered(settings: Settings, operation: Operation, stream: list[bytes]) -> Answer:
    node = Node(settings, "fuzz")
    _Line(node, stream)
    node._is_dead = False
    return await node.answer(Request(operation, "1001234"))


def _judged(answer: Answer, stream: list[bytes]) -> Iterator[str]:
    """No verdict without the words that say it, in the first line."""
    first = b"".join(stream).split(b"\n")[0]
    said: Any = None
    try:
        said = json.loads(first)
    except (ValueError, RecursionError):
        if not answer.verdict.is_trouble:
            yield f"{answer.verdict} out of {first[:80]!r}"
        return
    explicit = {
        Verdict.DONE: {"id": 1, "done": True},
        Verdict.YES: {"id": 1, "value": True},
        Verdict.NO: {"id": 1, "value": False},
    }
    if answer.verdict in explicit and said != explicit[answer.verdict]:
        yield f"{answer.verdict} out of {first[:80]!r}"
    if answer.error is not None and (len(answer.error) > 500 or not answer.error.isprintable()):
        yield f"an error that is no line for people: {answer.error[:80]!r}"


async def _greeted(settings: Settings, stream: list[bytes]) -> list[str]:
    node = Node(settings, "fuzz")
    _Line(node, stream).write(b"")
    try:
        greeting = await node._greeting()
    except (Ended, wire.Garbage):
        return []
    problem = boot.problem(node._settings, greeting)
    if problem is None and not isinstance(greeting, wire.Ready):
        return [f"ready out of {greeting}"]
    if problem is not None and not isinstance(problem, OrdermonitError):
        return [f"{problem!r} out of {greeting}"]
    return []
