"""Secrets the systemd way: files in $CREDENTIALS_DIRECTORY go before those of the configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ordermonit.configuration.problems import Place, Problems

SSH_KEY = "ssh_key"
DATABASE_PASSWORD = "database_password"
SMTP_PASSWORD = "smtp_password"
ALERT_CHANNELS = "alert_channels"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What systemd hands over, None for what it doesn't."""

    ssh_key: Path | None = None
    database_password: str | None = field(default=None, repr=False)


def read_credentials(environ: Mapping[str, str], problems: Problems) -> Credentials:
    """The credentials of this unit; none outside one."""
    directory = environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        return Credentials()
    key = Path(directory, SSH_KEY)
    return Credentials(
        key if _is_there(key, Place(problems, str(key))) else None,
        read_secret(DATABASE_PASSWORD, environ, problems, "a password"),
    )


def read_secret(
    name: str, environ: Mapping[str, str], problems: Problems, expected: str
) -> str | None:
    """One credential's text, without the line's end; None where systemd hands over none."""
    directory = environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        return None
    path = Path(directory, name)
    return _secret(path, Place(problems, str(path)), expected)


def _is_there(path: Path, place: Place) -> bool:
    try:
        path.stat()
    except FileNotFoundError:
        return False
    except OSError as problem:
        place.say(f"can't be read: {problem.strerror}; expected a private key")
    return True


def _secret(path: Path, place: Place, expected: str) -> str | None:
    try:
        text = path.read_bytes().decode().rstrip("\r\n")
    except FileNotFoundError:
        return None
    except OSError as problem:
        place.say(f"can't be read: {problem.strerror}; expected {expected}")
        return None
    except UnicodeDecodeError:
        place.say(f"found bytes that are no UTF-8, expected {expected}")
        return None
    if not text or "\0" in text:
        place.say(f"found nothing that can be {expected}, expected text")
        return None
    return text
