"""The stand-in for Abacos: a SOAP server whose every call and effect the judge counts.

In this process: `with Abacos(directory) as abacos`. As a process of its own, for machines:
`python -m tests.parts.abacos --port 0 --dir D`, steered from anywhere by `Remote(D)`.
"""

import argparse
import json
import socket
import struct
import threading
import urllib.request
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from tests.parts import soap
from tests.parts.judge import Judge, Seen
from tests.parts.soap import Call


class Mood(StrEnum):
    """How Abacos may behave instead of doing its work."""

    REJECT = "reject"  # answers that this order is wrong (insertions and confirmations)
    HANG = "hang"  # no answer and no effect until released; then the connection ends
    STALL = "stall"  # takes effect, then no answer until released; then the connection ends
    SLOW = "slow"  # works, after `seconds`
    DROP = "drop"  # ends the connection, without effect
    DROP_AFTER = "drop_after"  # takes effect, then ends the connection
    FAULT = "fault"  # a SOAP fault, without effect
    ERROR = "error"  # HTTP 500 with a page, without effect
    NONSENSE = "nonsense"  # HTTP 200 with a page that is no SOAP, without effect


@dataclass(slots=True)
class _Rule:
    mood: Mood
    numbers: frozenset[str] | None
    calls: frozenset[Call]
    message: str
    seconds: float
    times: int | None
    released: threading.Event = field(default_factory=threading.Event)

    def fits(self, request: soap.Request) -> bool:
        about_it = self.numbers is None or not self.numbers.isdisjoint(request.numbers)
        return about_it and request.call in self.calls and self.times != 0


class _NoAnswerError(Exception):
    """The connection ends here."""


class Abacos:
    """The stand-in. `judge` knows what happened; `url` is the service's endpoint."""

    def __init__(self, directory: Path, port: int = 0) -> None:
        self.judge = Judge(directory / "judge.log")
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()
        # Bound but not listening: connections are refused, and nobody else gets the port.
        self._reserved: socket.socket | None = _bound(port)
        self.port = int(self._reserved.getsockname()[1])
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Where the service answers while it is up."""
        return f"http://127.0.0.1:{self.port}/AbacosWSPedidos.asmx"

    def behave(
        self,
        mood: Mood | str,
        numbers: Iterable[int | str] | None = None,
        *,
        calls: Iterable[Call | str] | None = None,
        message: str = "produto inexistente",
        seconds: float = 0,
        times: int | None = None,
    ) -> None:
        """Behave so from now on: with these orders (None: all), at these calls (None: the mood's
        own), so many times (None: until `work`). The newest rule that fits decides."""
        mood = Mood(mood)
        usual = (Call.INSERT, Call.CONFIRM) if mood is Mood.REJECT else tuple(Call)
        rule = _Rule(
            mood,
            None if numbers is None else frozenset(map(str, numbers)),
            frozenset(map(Call, usual if calls is None else calls)),
            message,
            seconds,
            times,
        )
        with self._lock:
            self._rules.insert(0, rule)

    def work(self) -> None:
        """Forget every rule, and let go what hangs."""
        with self._lock:
            rules, self._rules = self._rules, []
        for rule in rules:
            rule.released.set()

    def up(self) -> None:
        """Accept connections."""
        if self._server is not None:
            return
        if self._reserved is not None:
            self._reserved.close()
            self._reserved = None
        self._server = _Http(("127.0.0.1", self.port), _handler(self))
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def down(self) -> None:
        """Refuse connections. What is being answered is answered."""
        if self._server is None:
            return
        self._server.shutdown()
        self._server.server_close()
        self._server = None
        self._reserved = _bound(self.port)

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.work()
        self.down()
        if self._reserved is not None:
            self._reserved.close()

    def answer(self, body: bytes, action: str) -> tuple[int, bytes]:
        """The HTTP status and body for a request. Raises _NoAnswerError to end the connection."""
        try:
            request = soap.parse(body, action)
        except soap.NotUnderstoodError as problem:
            return 500, soap.fault(str(problem), "soap:Client")
        rule = self._rule_for(request)
        for number in request.numbers:
            self.judge.note(_ARRIVALS[request.call], number)
        if rule is None:
            return 200, self._work(request)
        return self._moody(rule, request)

    def _rule_for(self, request: soap.Request) -> _Rule | None:
        with self._lock:
            rule = next((rule for rule in self._rules if rule.fits(request)), None)
            if rule is not None and rule.times is not None:
                rule.times -= 1
        return rule

    def _moody(self, rule: _Rule, request: soap.Request) -> tuple[int, bytes]:
        match rule.mood:
            case Mood.REJECT:
                return 200, self._reject(rule.message, request)
            case Mood.FAULT:
                return 500, soap.fault(rule.message)
            case Mood.ERROR:
                return 500, b"<html><h1>Server Error in '/AbacosWebSvc' Application.</h1></html>"
            case Mood.NONSENSE:
                return 200, b"<html><h1>Em manuten\xe7\xe3o</h1></html>"
        if rule.mood in (Mood.STALL, Mood.DROP_AFTER):
            self._work(request)
        if rule.mood in (Mood.HANG, Mood.STALL):
            rule.released.wait()
        if rule.mood is Mood.SLOW:
            rule.released.wait(rule.seconds)
            return 200, self._work(request)
        raise _NoAnswerError

    def _reject(self, message: str, request: soap.Request) -> bytes:
        for number in request.numbers:
            self.judge.note(Seen.REJECTED, number)
        outcomes = [soap.Outcome(number, message) for number in request.numbers]
        return soap.answer(request.call, outcomes)

    def _work(self, request: soap.Request) -> bytes:
        return soap.answer(
            request.call, [self._worked(request.call, number) for number in request.numbers]
        )

    def _worked(self, call: Call, number: str) -> soap.Outcome:
        match call:
            case Call.EXISTS:
                return soap.Outcome(number, found=self.judge.has(number))
            case Call.CONFIRMED:
                return soap.Outcome(number, found=self.judge.confirmed_count(number) > 0)
            case Call.INSERT:
                error = f"Pedido {number} já existe"
                return soap.Outcome(number, None if self.judge.insert(number) else error)
            case Call.CONFIRM:
                error = f"Pedido {number} não encontrado"
                return soap.Outcome(number, None if self.judge.confirm(number) else error)


_ARRIVALS = {
    Call.EXISTS: Seen.ASKED,
    Call.CONFIRMED: Seen.PAYMENT_ASKED,
    Call.INSERT: Seen.INSERT_CALL,
    Call.CONFIRM: Seen.CONFIRM_CALL,
}


class _Http(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away in the middle is what several tests want: no traceback."""


def _handler(abacos: Abacos) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                status, answer = abacos.answer(body, self.headers.get("SOAPAction", ""))
            except _NoAnswerError:
                # Linger 0: the client sees a reset, as when the server's process dies.
                self.connection.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
                self.connection.close()
                return
            _reply(self, status, "text/xml; charset=utf-8", answer)

        def log_message(self, *_: object) -> None:
            """The judge keeps the log."""

    return Handler


def _reply(handler: BaseHTTPRequestHandler, status: int, kind: str, body: bytes) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    return bound


_STEERABLE = ("behave", "work", "up", "down")


class Remote:
    """Steers and judges a stand-in that runs as a process of its own with this directory."""

    def __init__(self, directory: Path) -> None:
        self.judge = Judge(directory / "judge.log")
        where = json.loads((directory / "abacos.json").read_text())
        self.url = str(where["url"])
        self._control = str(where["control"])

    def behave(
        self, mood: Mood | str, numbers: Iterable[int | str] | None = None, **options: Any
    ) -> None:
        """As `Abacos.behave`."""
        self._do("behave", mood=mood, numbers=None if numbers is None else list(numbers), **options)

    def work(self) -> None:
        """As `Abacos.work`."""
        self._do("work")

    def up(self) -> None:
        """As `Abacos.up`."""
        self._do("up")

    def down(self) -> None:
        """As `Abacos.down`."""
        self._do("down")

    def _do(self, what: str, **arguments: object) -> None:
        body = json.dumps(arguments).encode()
        urllib.request.urlopen(f"{self._control}/{what}", body, timeout=10).close()


def _control_handler(abacos: Abacos) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            what = self.path.strip("/")
            arguments = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
            if what not in _STEERABLE:
                _reply(self, 404, "text/plain", f"one of {_STEERABLE}\n".encode())
                return
            getattr(abacos, what)(**arguments)
            _reply(self, 200, "text/plain", b"done\n")

        def log_message(self, *_: object) -> None:
            """The judge keeps the log."""

    return Handler


def main() -> None:
    """Serve until killed; `abacos.json` in the directory says where, once it is up."""
    parser = argparse.ArgumentParser(description="A stand-in for Abacos")
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    parser.add_argument("--dir", type=Path, required=True, help="for judge.log and abacos.json")
    options = parser.parse_args()
    with Abacos(options.dir, options.port) as abacos:
        control = _Http(("127.0.0.1", 0), _control_handler(abacos))
        where = {"url": abacos.url, "control": f"http://127.0.0.1:{control.server_port}"}
        new = options.dir / "abacos.json.new"
        new.write_text(json.dumps(where))
        new.rename(options.dir / "abacos.json")
        with suppress(KeyboardInterrupt):
            control.serve_forever(0.05)


if __name__ == "__main__":
    main()
