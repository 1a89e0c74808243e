"""integration_server.yml: the node, with its files made absolute."""

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ordermonit.configuration.keys import keys_of, read, required_keys
from ordermonit.configuration.problems import Place, wrong
from ordermonit.configuration.settings import Node


def read_node(
    values: dict[Any, Any],
    directory: Path,
    ssh_key: Path | None,
    environ: Mapping[str, str],
    place: Place,
) -> Node | None:
    """The settings; None, with the problems said, if they are none.

    Relative files begin in `directory`. `ssh_key`, a credential, replaces `private_key`.
    """
    before = len(place.problems.lines)
    found = read(keys_of(Node), required_keys(Node), values, place)
    if ssh_key is not None:
        found["private_key"] = ssh_key
    for name in ("private_key", "known_hosts"):
        if found.get(name) is not None:
            found[name] = _absolute(found[name], directory, environ, place.at(name))
    return Node(**found) if len(place.problems.lines) == before else None


def _absolute(path: Path, directory: Path, environ: Mapping[str, str], place: Place) -> Path | None:
    if path.parts[:1] == ("~",) and environ.get("HOME"):
        path = Path(environ["HOME"], *path.parts[1:])
    try:
        absolute = directory.absolute() / path.expanduser()
        if stat.S_ISDIR(absolute.stat().st_mode):
            place.say(wrong(str(path), "a file: this is a directory"))
    except RuntimeError:
        place.say(wrong(str(path), "a file: that user has no home directory"))
    except PermissionError:
        # Who asks may not be who runs the cycles, so this alone is no problem.
        return absolute
    except OSError as problem:
        place.say(wrong(str(path), f"a file: {problem.strerror}"))
    else:
        return absolute
    return None
