"""Servers that alerts arrive at, and a world that knows them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import yaml

from tests.parts.inbox import Hook, Mail
from tests.parts.world import World


@pytest.fixture
def hook() -> Iterator[Hook]:
    """A web server."""
    with Hook() as server:
        yield server


@pytest.fixture
def make_mail() -> Iterator[Callable[..., Mail]]:
    """A mail server with the options of `Mail`."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(Mail(**options))


AlertTo = Callable[..., None]


@pytest.fixture
def alert_to(world: World, hook: Hook) -> AlertTo:
    """Writes the world's alerts.yml: to the hook, unless other settings are given."""

    def write(**settings: object) -> None:
        found = {"channels": [f"json://{hook.address}/"], "send_timeout": 15} | settings
        (world.config / "alerts.yml").write_text(yaml.safe_dump(found))

    write()
    world.run("init", "--from-start")
    return write
