"""What comes of database.yml: its settings, and what their driver would be called with."""

from pathlib import Path
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from ordermonit.configuration import Database, load
from ordermonit.front import mysql, postgresql, sqlite
from tests.configuration.settings import write

MYSQL = "adapter: mysql2\ndatabase: shop\n"
POSTGRESQL = "adapter: postgresql\ndatabase: shop\n"


def database(directory: Path, text: str, **environ: str) -> Database:
    return load(write(directory, database=text), environ).database


def arguments(settings: Database) -> dict[str, Any]:
    """What the driver would be called with."""
    url = settings.engine_url()
    driver = {"mysql": mysql, "postgresql": postgresql, "sqlite": sqlite}[url.get_backend_name()]
    url, beside = driver.called_with(url, 15)
    engine = create_engine(url, poolclass=NullPool)
    positional, named = engine.dialect.create_connect_args(engine.url)
    # psycopg's own adapters are none of our business.
    kept = {name: value for name, value in named.items() if name != "context"}
    kept |= {name: value for name, value in beside.items() if "time" not in name}
    kept.pop("prepare_threshold", None)
    if isinstance(kept.get("password"), bytes):
        kept["password"] = kept["password"].decode()
    return {"file": positional[0], **kept} if positional else kept
