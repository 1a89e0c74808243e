"""Debian's Chromium without a window, steered over a pipe by its own protocol (DevTools, CDP).

It fetches nothing by itself, and has a profile that is gone at the end.
"""

import base64
import json
import os
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.parts.processes import wait_until

_QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe"),
)

#: The numbers under which the browser reads and writes (--remote-debugging-pipe).
_READS, _WRITES = 3, 4


@dataclass(slots=True)
class Seen:
    """What a page did while it was open: the addresses it asked for, and what its console said."""

    requests: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)


class Browser:
    """One page at a time. As a context manager it ends with its profile."""

    def __init__(self) -> None:
        self._profile = tempfile.TemporaryDirectory(prefix="om-browser-")
        reads, ours = os.pipe()
        theirs, writes = os.pipe()
        # In a shell, since the numbers are fixed and may be taken here.
        script = f'exec {_READS}<&{reads} {_WRITES}>&{writes}; exec chromium "$@"'
        self._process = subprocess.Popen(
            ["bash", "-c", script, "bash", *_QUIET, f"--user-data-dir={self._profile.name}"],
            pass_fds=(reads, writes),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(reads)
        os.close(writes)
        self._to, self._from = os.fdopen(ours, "wb", buffering=0), os.fdopen(theirs, "rb")
        self._number = 0
        self._session = ""
        self._loaded = False
        self.seen = Seen()

    def __enter__(self) -> Self:
        target = self._do("Target.createTarget", url="about:blank")["targetId"]
        attached = self._do("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for part in ("Page", "Runtime", "Log", "Network"):
            self._do(f"{part}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        self._session = ""
        self._do("Browser.close")
        self._process.wait(30)
        self._to.close()
        self._from.close()
        wait_until(self._is_gone, "the browser's profile to be free")

    def _is_gone(self) -> bool:
        """Its helpers may still write into the profile when it has ended."""
        try:
            self._profile.cleanup()
        except OSError:
            return False
        return True

    def open(
        self, file: Path, *, width: int = 1280, dark: bool = False, scripts: bool = True
    ) -> Seen:
        """Open a file as a reader with such a screen does; all that it did while it came up."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._do("Emulation.setEmulatedMedia", media="", features=[scheme])
        self._do("Emulation.setScriptExecutionDisabled", value=not scripts)
        screen = {"width": width, "height": 900, "deviceScaleFactor": 1}
        self._do("Emulation.setDeviceMetricsOverride", **screen, mobile=width < 600)
        self.seen, self._loaded = Seen(), False
        self._do("Page.navigate", url=file.as_uri())
        while not self._loaded:
            self._hear()
        return self.seen

    def run(self, script: str) -> Any:
        """The value of an expression in the page; a promise's, when it is kept."""
        answer = self._do(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def text(self) -> str:
        """What there is to read, whether or not scripts run."""
        nodes = self._do("Accessibility.getFullAXTree")["nodes"]
        words = (node for node in nodes if node.get("role", {}).get("value") == "StaticText")
        return "\n".join(node["name"]["value"] for node in words)

    def picture(self, file: Path, height: int) -> None:
        """The top of the page as a PNG, so many pixels high."""
        self._do("Page.bringToFront")
        width = self.run("innerWidth")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        shot = self._do("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(shot["data"]))

    def _do(self, method: str, **parameters: Any) -> Any:
        self._number += 1
        number = self._number
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._to.write(json.dumps(message).encode() + b"\0")
        while (answer := self._hear()).get("id") != number:
            pass
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def _hear(self) -> Any:
        """The next message; what it tells of the page is kept."""
        data = bytearray()
        while (byte := self._from.read(1)) != b"\0":
            assert byte, "the browser has ended"
            data += byte
        message = json.loads(data)
        told = message.get("params", {})
        match message.get("method"):
            case "Page.loadEventFired":
                self._loaded = True
            case "Network.requestWillBeSent":
                self.seen.requests.append(told["request"]["url"])
            case "Log.entryAdded":
                self.seen.console.append(told["entry"]["text"])
            case "Runtime.consoleAPICalled":
                self.seen.console.append(json.dumps(told["args"]))
            case "Runtime.exceptionThrown":
                self.seen.console.append(told["exceptionDetails"]["text"])
        return message
