"""MySQL and MariaDB: how their driver is called, over which way and with which trust."""

import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import ceil

import sqlalchemy as sa

from ordermonit.errors import ConfigurationError

#: Where distributions put the server's socket, which is what libmysqlclient means by localhost.
_SOCKETS = ("/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock", "/tmp/mysql.sock")

#: Options of our URL that the driver does not know.
_OURS = ("ssl_mode", "ssl_ca", "ssl_cert", "ssl_key", "protocol")


def called_with(url: sa.URL, seconds: float) -> tuple[sa.URL, dict[str, object]]:
    """The URL and the arguments beside it that the driver is called with.

    Raises ConfigurationError for a certificate's file that can't be used.
    """
    arguments: dict[str, object] = {
        "connect_timeout": ceil(seconds),
        "read_timeout": seconds,
        "write_timeout": seconds,
    }
    if url.password is not None:
        # The driver would take Latin-1 for it; all others send UTF-8.
        arguments["password"] = str(url.password).encode()
    socket = socket_of(url)
    if socket is not None:
        arguments["unix_socket"] = socket
    options = {name: str(value) for name, value in url.query.items()}
    if options.get("ssl_mode") == "disabled":
        arguments["ssl_disabled"] = True
    elif _is_demanded(options):
        arguments["ssl"] = _context(options)
    return url.difference_update_query(_OURS), arguments


def socket_of(url: sa.URL) -> str | None:
    """The server's socket where the host is localhost, if it is there."""
    if url.host not in (None, "", "localhost") or not {"protocol", "unix_socket"}.isdisjoint(
        url.query
    ):
        return None
    configured = os.environ.get("MYSQL_UNIX_PORT")
    places = (configured,) if configured else _SOCKETS
    return next((place for place in places if os.path.exists(place)), None)


def _is_demanded(options: Mapping[str, str]) -> bool:
    """Whether there has to be TLS; else it is used where the server has it."""
    return options.get("ssl_mode", "preferred") != "preferred" or "ssl_ca" in options


def _context(options: Mapping[str, str]) -> ssl.SSLContext:
    """What is asked of the server's certificate: nothing without an authority, as mysql2 does."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # As mysql2 does: the name in the certificate is checked only where that is asked for.
    context.check_hostname = options.get("ssl_mode") == "verify_identity"
    authorities, certificate = options.get("ssl_ca"), options.get("ssl_cert")
    try:
        if authorities is None:
            context.verify_mode = ssl.CERT_NONE
        else:
            context.load_verify_locations(authorities)
        if certificate is not None:
            context.load_cert_chain(certificate, options.get("ssl_key"))
    except OSError as problem:  # also what OpenSSL says of a file's content
        raise _unusable(options, problem) from None
    return context


def _unusable(options: Mapping[str, str], problem: OSError) -> ConfigurationError:
    files = {
        name.replace("_", ""): options[name]
        for name in ("ssl_ca", "ssl_cert", "ssl_key")
        if name in options
    }
    unreadable = {key: file for key, file in files.items() if not os.access(file, os.R_OK)}
    named = " and ".join(f"{key} {file}" for key, file in (unreadable or files).items())
    why = problem.strerror or str(problem)
    return ConfigurationError(
        f"database.yml: {named} can't be used: {why}",
        "Give the path of a file in PEM form that this user may read",
    )


@contextmanager
def without_authorities() -> Iterator[None]:
    """OpenSSL knows no authorities meanwhile.

    Where no TLS is demanded, the driver uses what the server has and checks no certificate, but
    reads all of the system's authorities first: a twelfth of an idle cycle. A context of our own
    would make TLS a demand, which costs a server without it a second connection, and a line in its
    log, in each cycle. SSL_CERT_FILE is OpenSSL's own word for the file that is read; a driver that
    no longer looks would be as good.
    """
    name = "SSL_CERT_FILE"
    before = os.environ.get(name)
    os.environ[name] = os.devnull
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
