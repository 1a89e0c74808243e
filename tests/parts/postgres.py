"""A private PostgreSQL server."""

import os
import shutil
import signal
import subprocess
from itertools import count
from pathlib import Path

import psycopg
import sqlalchemy as sa

from tests.parts.databases import PASSWORD, USERNAME, Database, Kind
from tests.parts.processes import (
    Private,
    Server,
    as_user,
    free_port,
    private_directory,
    wait_until,
)

_NAMES = count(1)

_ENGLISH = "C.UTF-8"


def _program(name: str) -> str:
    """Debian keeps the server's programs out of PATH, a directory a version."""
    if found := shutil.which(name):
        return found
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if not installed:
        raise FileNotFoundError(f"{name}: no PostgreSQL server is installed")
    return str(installed[-1])


def reload_rules(engine: sa.Engine) -> None:
    """Let the server of this engine, which has no pool, read its pg_hba.conf anew."""

    def loaded_at() -> object:
        with engine.connect() as connection:
            return connection.exec_driver_sql("SELECT pg_conf_load_time()").scalar()

    before = loaded_at()
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    wait_until(lambda: loaded_at() != before, "the rules to be read")


class Postgres(Private):
    """`start`, `stop`, `kill` and `start` again keep the port and the data.

    `settings` are options of the server, such as `ssl_cert_file`.
    """

    def __init__(self, **settings: object) -> None:
        self._settings = settings
        self.directory = private_directory("postgres", "postgres")
        self.port = free_port()
        self.server = Server(self.directory / "log")
        self._data = self.directory / "data"
        self._languages = self.directory / "languages"

    def start(self) -> None:
        """Make the data directory, the first time; then serve."""
        new = not self._data.exists()
        language = str(self._settings.get("lc_messages", _ENGLISH))
        if new:
            self._install()
            if language != _ENGLISH:
                self._learn(language)
        # Commits survive a killed server, not a power cut: written, never synced.
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.directory,
            "fsync": "off",
            "full_page_writes": "off",
            "shared_buffers": "32MB",
            "autovacuum": "off",
            **self._settings,
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        command = [*as_user("postgres"), _program("postgres"), "-D", str(self._data), *options]
        languages = {**os.environ, "LOCPATH": str(self._languages)}
        self.server.launch(command, self._is_ready, None if language == _ENGLISH else languages)
        if new:
            self._execute(f"CREATE ROLE {USERNAME} LOGIN SUPERUSER PASSWORD '{PASSWORD}'")

    def _install(self) -> None:
        command = [
            *as_user("postgres"),
            _program("initdb"),
            f"--pgdata={self._data}",
            "--username=postgres",
            "--auth-local=trust",
            "--auth-host=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]
        subprocess.run(command, check=True, cwd="/", capture_output=True)

    def _learn(self, language: str) -> None:
        """Make a locale that this host may not have, such as de_DE.utf8."""
        self._languages.mkdir()
        name, _, encoding = language.partition(".")
        command = ["localedef", "-i", name, "-f", encoding.upper().replace("UTF8", "UTF-8")]
        subprocess.run([*command, str(self._languages / language)], check=True, cwd="/")

    def stop(self) -> None:
        """End it in order, without waiting for its clients."""
        self.server.stop(signal.SIGINT)

    def kill(self) -> None:
        """End it as a crash would, its backends too."""
        self.server.kill()

    def _is_ready(self) -> bool:
        try:
            self._execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _execute(self, statement: str) -> None:
        with psycopg.connect(
            host=str(self.directory),
            port=self.port,
            user="postgres",
            dbname="postgres",
            autocommit=True,
        ) as root:
            root.execute(statement.encode())

    def fresh_database(self) -> Database:
        """A new, empty database."""
        name = f"front_{next(_NAMES)}"
        self._execute(f"CREATE DATABASE {name} OWNER {USERNAME} STRATEGY file_copy")
        return Database(Kind.POSTGRES, name, self.port, self.directory)
