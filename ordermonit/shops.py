"""Many shops on one host: what one may be called, where it is, and what a person types for it."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from ordermonit.errors import ConfigurationError, UsageError

#: Words that systemd takes in an instance's name as they are, and every shell and file system too.
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9])?", re.ASCII)

#: What ordermonit.service itself has in its state directory, beside the shops' directories.
_TAKEN = frozenset({"alerts", "checkpoint", "cycles", "lock", "paused", "standby"})

#: The commands of the program, as remedies name them; and what stands for any of them.
COMMANDS = (
    *("status", "orders", "show", "retry", "dismiss", "rescan", "head", "pause", "resume"),
    *("cycle", "alert", "init", "import", "recover", "check", "report", "node", "receive"),
)

#: The journal's field that says whose an entry is, where a host has several shops.
SHOP_FIELD = "ORDERMONIT_SHOP"


@dataclass(frozen=True, slots=True)
class Shop:
    """One of several shops, by its name; or, with an empty name, the only one of this host.

    `places` are the options, as a shell takes them, by which its directories were named.
    """

    name: str = ""
    places: str = field(default="", compare=False)

    @property
    def unit(self) -> str:
        """The name of its units, without what kind they are."""
        return f"ordermonit@{self.name}" if self.name else "ordermonit"

    @property
    def timer(self) -> str:
        """Its timer."""
        return f"{self.unit}.timer"

    @property
    def service(self) -> str:
        """Its service."""
        return f"{self.unit}.service"

    def place(self, directory: Path) -> Path:
        """Its own directory, in the one for all."""
        return directory / self.name

    def typed(self, text: str) -> str:
        """The text, with each command and unit that it tells a person to type made this shop's."""
        return self._with_options(self._with_units(text) if self.name else text)

    def _with_units(self, text: str) -> str:
        text = re.sub(r"\bordermonit\.(?=(?:timer|service)\b)", f"{self.unit}.", text)
        theirs = r"(?<!--state )/var/lib/ordermonit(?![\w/-])"
        text = re.sub(theirs, f"/var/lib/ordermonit/{self.name}", text)
        # After `sudo -u` it is the user, whom all shops have in common.
        return re.sub(r"(\bjournalctl [^;:,]*?-u )ordermonit(?![\w@])", rf"\g<1>{self.unit}", text)

    def _with_options(self, text: str) -> str:
        shop = f"--shop {self.name} " if self.name else ""
        options = f"{shop}{self.places}"
        if not options:
            return text
        # What has the options already stays as it is: a path in them may look like a command.
        commands = rf"\bordermonit (?:{re.escape(options)}|(?=(?:{'|'.join(COMMANDS)})\b|…))"

        def typed(found: re.Match[str]) -> str:
            is_elsewhere = text.startswith("receive", found.end())  # on the other monitor
            return f"ordermonit {shop if is_elsewhere else options}"

        return re.sub(commands, typed, text)


#: The only one of a host: `ordermonit.timer`.
ALONE = Shop()


def fault(name: str) -> str | None:
    """Why no shop can have this name; None for one that can."""
    if name in _TAKEN or name.startswith("checkpoint."):
        return "ordermonit.service has a file of that name where the shops' directories are"
    if not _NAME.fullmatch(name) or ".." in name:
        return (
            "a name has 1 to 64 of A-Z, a-z, 0-9, and of - _ . within it, and no two dots together"
        )
    return None


def names(config: Path) -> list[str]:
    """The shops that have a directory below this one, sorted. Raises ConfigurationError."""
    try:
        with_directories = [each.name for each in config.iterdir() if each.is_dir()]
    except OSError as problem:
        raise ConfigurationError(
            f"the shops in {config} can't be listed: {problem.strerror}",
            "Type it as root, or as the service's user: sudo -u ordermonit ordermonit …",
        ) from None
    return sorted(name for name in with_directories if fault(name) is None)


def named(name: str, config: Path) -> Shop:
    """The shop of this name, whose directory is below `config`. Raises UsageError,
    ConfigurationError where it can't be told whether there is one."""
    wrong = fault(name)
    if wrong is not None:
        raise UsageError(f"--shop {name!r} can't be a shop's name: {wrong}", _others(name, config))
    try:
        is_there = (config / name).is_dir()
    except OSError as problem:
        raise ConfigurationError(
            f"{config / name} can't be looked at: {problem.strerror}",
            "Type it as root, or as the service's user: sudo -u ordermonit ordermonit …",
        ) from None
    if not is_there:
        what = f"there is no shop {name}: {config / name} is no directory"
        raise UsageError(what, _others(name, config))
    return Shop(name)


def _others(name: str, config: Path) -> str:
    """The names that may have been meant."""
    from difflib import get_close_matches

    try:
        known = names(config)
    except ConfigurationError:
        known = []
    near = get_close_matches(name, known, 3, 0.5) or known[:5]
    if not near:
        return f"There is no shop yet. To add one, make its directory in {config}: docs/shops.md"
    return f"Give one of {', '.join(near)}; for all of them, type: ordermonit status --all"
