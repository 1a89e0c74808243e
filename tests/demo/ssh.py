"""An SSH server in this process: it runs what it is asked to, for one key, on loopback."""

import asyncio
import os
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Self

from ordermonit.node.fast_asyncssh import asyncssh


class Server:
    """Serves from a thread of its own. `key` and `known_hosts` are what a client needs."""

    def __init__(self, directory: Path) -> None:
        self.key = directory / "id_ed25519"
        self.known_hosts = directory / "known_hosts"
        self.port = 0
        self._home = directory
        self._authorized = directory / "authorized_keys"
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        self._loop.run_forever()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _listen(self) -> None:
        client = asyncssh.generate_private_key("ssh-ed25519")
        host = asyncssh.generate_private_key("ssh-ed25519")
        client.write_private_key(str(self.key))
        self.key.chmod(0o600)
        client.write_public_key(str(self._authorized))
        self._acceptor = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[host],
            authorized_client_keys=str(self._authorized),
            process_factory=partial(_run, self._home),
            encoding=None,
        )
        self.port = self._acceptor.get_port()
        public = host.export_public_key().decode().strip()
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {public}\n")
        self._ready.set()

    async def _end(self) -> None:
        self._acceptor.close()
        await self._acceptor.wait_closed()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)


async def _run(home: Path, process: asyncssh.SSHServerProcess[bytes]) -> None:
    """One session: a shell runs the command, as sshd would."""
    child = await asyncio.create_subprocess_shell(
        process.command or "true",
        env={**os.environ, "HOME": str(home)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    stdin = asyncio.ensure_future(_copy(process.stdin, child.stdin))
    await asyncio.gather(_copy(child.stdout, process.stdout), _copy(child.stderr, process.stderr))
    process.exit(await child.wait())
    stdin.cancel()


async def _copy(source: Any, target: Any) -> None:
    """All that comes, and its end."""
    with suppress(OSError, asyncssh.Error):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
        target.write_eof()
