"""A private PgBouncer, the way to a PostgreSQL that many shops take."""

import shutil

from tests.parts.databases import PASSWORD, USERNAME, Database, Kind
from tests.parts.postgres import Postgres
from tests.parts.processes import Private, Server, answers, as_user, free_port, private_directory


def _program() -> str:
    """Debian keeps it where only root's PATH leads."""
    return shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"


class PgBouncer(Private):
    """In front of a server, with Debian's defaults but for its places and `pool_mode`."""

    def __init__(self, server: Postgres, pool_mode: str = "session") -> None:
        self.directory = private_directory("pgbouncer", "postgres")
        self.port = free_port()
        self.server = Server(self.directory / "log")
        self._settings = {
            "listen_addr": "127.0.0.1",
            "listen_port": self.port,
            "unix_socket_dir": self.directory,
            "auth_type": "md5",
            "auth_file": self.directory / "userlist.txt",
            "pool_mode": pool_mode,
            "default_pool_size": 1,
        }
        self._behind = f"host=127.0.0.1 port={server.port}"

    def start(self) -> None:
        """Serve every database of the server."""
        (self.directory / "userlist.txt").write_text(f'"{USERNAME}" "{PASSWORD}"\n')
        options = "\n".join(f"{name} = {value}" for name, value in self._settings.items())
        file = self.directory / "pgbouncer.ini"
        file.write_text(f"[databases]\n* = {self._behind}\n[pgbouncer]\n{options}\n")
        command = [*as_user("postgres"), _program(), str(file)]
        self.server.launch(command, lambda: answers(self.port))

    def stop(self) -> None:
        """End it in order."""
        self.server.stop()

    def to(self, database: Database) -> Database:
        """The same database through it."""
        return Database(Kind.POSTGRES, database.name, self.port, self.directory)
