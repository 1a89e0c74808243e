"""Run in the service's own sandbox: prints, as JSON, what a process can do there.

The files and directories to write to are its arguments.
"""

import ctypes
import json
import os
import socket
import sys
from collections.abc import Callable
from functools import partial

CLONE_NEWNS = 0x20000


def outcome(act: Callable[[], object]) -> str:
    """How it went: "done", or the error's name."""
    try:
        act()
    except OSError as problem:
        return os.strerror(problem.errno) if problem.errno else str(problem)
    return "done"


def write(directory: str) -> None:
    """Make and remove a file."""
    name = f"{directory}/probe"
    os.close(os.open(name, os.O_WRONLY | os.O_CREAT, 0o600))
    os.unlink(name)


def unshare() -> None:
    """Make a mount namespace of our own."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "unshare")


def status() -> dict[str, str]:
    """/proc/self/status."""
    with open("/proc/self/status") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def main() -> None:
    """Probe, and print."""
    own = status()
    found = {
        "user": own["Uid"].split()[0],
        "capabilities": sorted({own[name] for name in own if name.startswith("Cap")}),
        "no_new_privileges": own["NoNewPrivs"],
        "writes": {place: outcome(partial(write, place)) for place in sys.argv[1:]},
        "reads_home": outcome(lambda: os.listdir("/home/deploy")),
        "reads_root": outcome(lambda: os.listdir("/root")),
        "reads_shadow": outcome(lambda: os.open("/etc/shadow", os.O_RDONLY)),
        "processes": sorted(int(name) for name in os.listdir("/proc") if name.isdigit()),
        "own_pid": os.getpid(),
        "packet_socket": outcome(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)),
        "namespace": outcome(unshare),
        "setuid": outcome(lambda: os.setuid(0)),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
