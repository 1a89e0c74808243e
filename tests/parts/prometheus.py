"""A Prometheus that scrapes a textfile, as node_exporter's collector would serve it."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

from tests.parts.processes import Private, Server, answers, free_port, private_directory

_CONFIGURATION = """
scrape_configs:
  - job_name: node
    scrape_interval: 200ms
    scrape_timeout: 200ms
    static_configs: [{targets: ["127.0.0.1:%d"]}]
"""


class Prometheus(Private):
    """A server of Debian's. What is asked is answered as it stands at that moment."""

    def __init__(self, textfile: Path) -> None:
        self.directory = private_directory("prometheus")
        self.port = free_port()
        self._server = Server(self.directory / "log")
        self._exporter = ThreadingHTTPServer(("127.0.0.1", 0), _exporter(textfile))

    def start(self) -> None:
        """Raises RuntimeError with its log where it does not start."""
        threading.Thread(target=self._exporter.serve_forever, daemon=True).start()
        configuration = self.directory / "prometheus.yml"
        configuration.write_text(_CONFIGURATION % self._exporter.server_address[1])
        self._server.launch(
            [
                "prometheus",
                f"--config.file={configuration}",
                f"--storage.tsdb.path={self.directory}/data",
                f"--web.listen-address=127.0.0.1:{self.port}",
            ],
            ready=lambda: answers(self.port),
        )

    def stop(self) -> None:
        """Its data is of no use any more."""
        self._server.kill()
        self._exporter.shutdown()
        self._exporter.server_close()

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an expression, each with its `metric` and `value`. Raises HTTPError for
        one that is wrong."""
        found: list[dict[str, Any]] = self._get("query", query=expression)["result"]
        return found

    def label_values(self, metric: str, label: str) -> list[str]:
        """As Grafana's label_values() asks for them."""
        found: list[str] = self._get(f"label/{label}/values", **{"match[]": metric})
        return found

    def _get(self, path: str, **parameters: str) -> Any:
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urlencode(parameters)}"
        with urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]


def _exporter(textfile: Path) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(textfile.read_bytes())

        def log_message(self, *_: object) -> None:
            pass

    return Handler
