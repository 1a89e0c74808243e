"""A private MariaDB server, or MySQL's (`make platforms`)."""

import os
import socket
import subprocess
from itertools import count

import pymysql

from tests.parts.databases import PASSWORD, READER, USERNAME, Database, Kind
from tests.parts.processes import Private, Server, as_user, free_port, private_directory

_NAMES = count(1)

#: The server's program.
_PROGRAM = os.environ.get("TESTS_MYSQLD", "mariadbd")
IS_MYSQL = _PROGRAM != "mariadbd"


class MariaDB(Private):
    """`start`, `stop`, `kill` and `start` again keep the port and the data.

    `settings` are options of the server, such as `ssl_ca`.
    """

    def __init__(self, **settings: object) -> None:
        self._settings = settings
        self.directory = private_directory("mariadb", "mysql")
        self.port = free_port()
        self.socket = self.directory / "sock"
        self.server = Server(self.directory / "log")
        self._data = self.directory / "data"

    def start(self) -> None:
        """Make the data directory, the first time; then serve."""
        new = not self._data.exists()
        if new:
            self._install()
        # Commits survive a killed server, not a power cut: written, never synced.
        settings = {
            "datadir": self._data,
            "tmpdir": self.directory,
            "socket": self.socket,
            "pid-file": self.directory / "pid",
            "bind-address": "127.0.0.1",
            "port": self.port,
            "performance-schema": "OFF",
            "skip-name-resolve": "ON",
            "innodb-flush-log-at-trx-commit": 2,
            "innodb-buffer-pool-size": "64M",
            "loose-innodb-log-file-size": "16M",  # MariaDB's
            "innodb-fast-shutdown": 2,
            "max-connections": 100,
            "secure-file-priv": "",  # MySQL wants the directory of its package, else
            **self._settings,
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        command = [*as_user("mysql"), _PROGRAM, "--no-defaults", *options]
        self.server.launch(command, self._is_ready)
        if new:
            self._execute(
                f"CREATE USER {USERNAME} IDENTIFIED BY '{PASSWORD}'",
                f"GRANT ALL ON *.* TO {USERNAME}",
                f"CREATE USER {READER} IDENTIFIED BY '{PASSWORD}'",
                f"GRANT SELECT ON *.* TO {READER}",
            )

    def _install(self) -> None:
        program = [_PROGRAM, "--no-defaults", "--initialize-insecure"]
        if not IS_MYSQL:
            options = ["auth-root-authentication-method=normal", "skip-test-db"]
            program = ["mariadb-install-db", "--no-defaults", *(f"--{each}" for each in options)]
        # Of its own: each server that begins removes what others have as temporary in /tmp.
        program += [f"--datadir={self._data}", f"--tmpdir={self.directory}", "--skip-name-resolve"]
        subprocess.run([*as_user("mysql"), *program], check=True, cwd="/", capture_output=True)

    def stop(self) -> None:
        """End it in order."""
        self.server.stop()

    def kill(self) -> None:
        """End it as a crash would."""
        self.server.kill()

    def _is_ready(self) -> bool:
        # A connection that PyMySQL can't make leaves a socket open: look before it tries.
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(self.socket)) != 0:
                return False
        self._execute("SELECT 1")
        return True

    def _execute(self, *statements: str) -> None:
        with (
            pymysql.connect(unix_socket=str(self.socket), user="root", autocommit=True) as root,
            root.cursor() as cursor,
        ):
            for statement in statements:
                cursor.execute(statement)

    def fresh_database(self) -> Database:
        """A new, empty database."""
        name = f"front_{next(_NAMES)}"
        self._execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        return Database(Kind.MARIADB, name, self.port, self.socket)
