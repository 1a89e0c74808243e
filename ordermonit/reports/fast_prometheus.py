"""prometheus_client, without the web server and the TLS it brings.

Its import loads both for exporters that are scraped; a textfile needs neither, and they are more
than half of what the import costs. Everything that needs prometheus_client takes it from here.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

_UNUSED = ("http.server", "socketserver", "ssl", "urllib.request", "wsgiref.simple_server")


class _Empty(ModuleType):
    """A module in which every name is a class without anything in it."""

    def __getattr__(self, name: str) -> type:
        return type(name, (), {})


@contextmanager
def _without_servers() -> Iterator[None]:
    absent = [name for name in _UNUSED if name not in sys.modules]
    sys.modules.update({name: _Empty(name) for name in absent})
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


with _without_servers():
    from prometheus_client import Metric, write_to_textfile
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
    from prometheus_client.parser import text_string_to_metric_families

__all__ = [
    "CounterMetricFamily",
    "GaugeMetricFamily",
    "Metric",
    "text_string_to_metric_families",
    "write_to_textfile",
]
