"""PyMySQL's connection, without the authorities that nobody asks about.

Where none is configured, the driver checks no certificate, but reads all of the system's
authorities first: a twelfth of an idle cycle. A driver without that private method would only be as
slow as before.
"""

import os
import ssl
from typing import Any

from pymysql.connections import Connection

from ordermonit.errors import ConfigurationError


class _Connection(Connection):
    def _create_ssl_ctx(self, sslp: dict[str, Any]) -> ssl.SSLContext:
        if not sslp:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            return context
        try:
            made: ssl.SSLContext = super()._create_ssl_ctx(sslp)  # type: ignore[misc]  # private
        except OSError as problem:  # also what OpenSSL says of a file's content
            raise _unusable(sslp, problem) from None
        return made


def _unusable(sslp: dict[str, Any], problem: OSError) -> ConfigurationError:
    files = {f"ssl{key}": sslp[key] for key in ("ca", "cert", "key") if key in sslp}
    unreadable = {key: file for key, file in files.items() if not os.access(file, os.R_OK)}
    named = " and ".join(f"{key} {file}" for key, file in (unreadable or files).items())
    why = problem.strerror or str(problem)
    return ConfigurationError(
        f"database.yml: {named} can't be used: {why}",
        "Give the path of a file in PEM form that this user may read",
    )


def connect(_dialect: object, _record: object, args: list[Any], keys: dict[str, Any]) -> Any:
    """For SQLAlchemy's event `do_connect`. Raises what the driver does, and ConfigurationError."""
    return _Connection(*args, **keys)
