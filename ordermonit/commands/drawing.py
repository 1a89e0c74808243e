"""rich draws the screens. It is an extra, and is imported only where something is drawn."""

from collections.abc import Iterator
from contextlib import contextmanager

from ordermonit.errors import ConfigurationError


@contextmanager
def drawing() -> Iterator[None]:
    """Import what needs rich in here. Raises ConfigurationError where rich is not installed."""
    try:
        yield
    except ModuleNotFoundError as problem:
        if (problem.name or "").partition(".")[0] != "rich":
            raise
        raise ConfigurationError(
            "rich, which draws this for people, is not installed",
            "Install it: pip install 'ordermonit[terminal]'; or add --json, which needs nothing",
        ) from None
