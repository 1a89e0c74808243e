"""Where alerts arrive: a mail server and a web server, on loopback."""

import json
import ssl
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.parts.processes import free_port


class Mail:
    """A mail server that keeps what it gets. With a password nobody sends without it.

    With a certificate (a file that has its key too) it offers STARTTLS, or speaks TLS from the
    beginning; `nobody` are addresses that it does not have.
    """

    def __init__(
        self,
        password: str | None = None,
        certificate: Path | None = None,
        *,
        is_tls: bool = False,
        nobody: frozenset[str] = frozenset(),
        takes_utf8: bool = True,
    ) -> None:
        self.messages: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self._password = password
        self._nobody = nobody
        context = None
        if certificate is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificate)

        def authenticate(
            server: SMTP, session: Session, envelope: Envelope, mechanism: str, login: Any
        ) -> AuthResult:
            del server, session, envelope, mechanism
            right = isinstance(login, LoginPassword) and login.password == (password or "").encode()
            return AuthResult(success=right, handled=False)

        self.port = free_port()
        self._controller = Controller(
            self,
            hostname="127.0.0.1",
            port=self.port,
            authenticator=authenticate,
            auth_require_tls=False,
            ssl_context=context if is_tls else None,
            tls_context=None if is_tls else context,
            enable_SMTPUTF8=takes_utf8,
        )

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """One recipient."""
        del server, session, options
        if address in self._nobody:
            return "550 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """One message."""
        del server
        if self._password is not None and not session.authenticated:
            return "530 Authentication required"
        assert isinstance(envelope.content, bytes)
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
        self.recipients.append(envelope.rcpt_tos)
        return "250 OK"

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    def text(self, at: int = -1) -> str:
        """The text of a message, as a person reads it."""
        body = self.messages[at].get_body(("plain",))
        assert body is not None
        return str(body.get_content())


class Hook:
    """A web server that keeps the JSON it gets by POST, and the paths that are fetched.

    `status` is its answer, with `elsewhere` as the place that it sends to; while `hangs`, it
    answers nothing until the end. It refuses messages that are longer than `longest` characters.
    """

    def __init__(self) -> None:
        self.posts: list[dict[str, Any]] = []
        self.gets: list[str] = []
        self.status = 200
        self.elsewhere = ""
        self.longest = 1_000_000
        self.hangs = False
        self._end = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                posted = json.loads(self.rfile.read(length))
                if len(posted.get("message", posted.get("text"))) > outer.longest:
                    self._say(400)
                    return
                self._answer(lambda: outer.posts.append(posted))

            def do_GET(self) -> None:
                self._answer(lambda: outer.gets.append(self.path))

            def _answer(self, keep: Any) -> None:
                if outer.hangs:
                    outer._end.wait()
                    return
                if outer.status < 400:
                    keep()
                self._say(outer.status)

            def _say(self, status: int) -> None:
                self.send_response(status)
                if outer.elsewhere:
                    self.send_header("Location", outer.elsewhere)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def titles(self) -> list[str]:
        """The titles of the alerts."""
        return [post["title"] for post in self.posts]
