"""`make pictures`: what `status`, `orders` and `show` print after a real night in a real machine,
and how the report and the status page look then.

A command's picture is what it wrote to its terminal, drawn by rich as an SVG; a page's is what
Chromium made of it on a phone and on a desk, by day and by night.
"""

import io
import re
import shlex
import socket
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from tests.parts.browser import Browser
from tests.system.inside import STATE, Inside
from tests.system.machine import SOURCE

PICTURES = SOURCE / "docs" / "pictures"
WIDTH = 104

#: So many orders are sold before each cycle, and so many of them fall through.
NIGHT = ((6, 0), (9, 1), (4, 0), (12, 2), (7, 1), (3, 0), (8, 3), (5, 1))

#: Of the pages, by width and height.
SCREENS = {"phone": (390, 844), "desktop": (1100, 900)}

#: Without the fonts of another server: a picture asks nobody for anything.
_FORMAT = re.sub(r" *@font-face \{\{.*?\}\}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


def test_pictures(inside: Inside) -> None:
    """Live through a night, and look."""
    machine, abacos = inside.machine, inside.abacos
    inside.configure("process", status_page=f"{STATE}/status.html")
    inside.configure("service", running_cycle=120, max_attempts=3)
    inside.configure("integration_server", connect_timeout=5)
    refused = ""
    for at, (sold, lost) in enumerate(NIGHT):
        numbers = inside.sell(sold)
        missing = numbers[sold - lost :]
        abacos.judge.hold(numbers[: sold - lost])
        if at == 3:
            refused = missing[0]
            abacos.behave("reject", [refused], message="produto inexistente: SKU 20933")
        inside.cycle()
    # Abacos is away for one cycle.
    inside.configure("service", running_cycle=1)
    inside.sell(1)
    abacos.down()
    inside.cycle(expect=75)
    abacos.up()
    inside.configure("service", running_cycle=120)
    inside.cycle()
    # Two that wait: one for its payment, one for the next attempt.
    inside.sell(1, "waiting_payment")
    (newest,) = inside.sell(1)
    abacos.behave("reject", [newest], message="CPF inválido")
    inside.cycle()
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "enable", "--now", "ordermonit.timer")
    cycles = machine.disk.path(f"{STATE}/cycles")
    wanted = len(NIGHT) + 4
    machine.wait(lambda: len(cycles.read_text().splitlines()) == wanted, "the timer's cycle")
    machine.wait(lambda: _is_idle(inside), "its end")

    PICTURES.mkdir(parents=True, exist_ok=True)
    _draw(inside, "status", "status")
    wanted_words = ("orders", "--status", "EXHAUSTED", "--status", "FAILED")
    _draw(inside, "orders", *wanted_words, "--status", "PAYMENT_PENDING")
    _draw(inside, "show", "show", refused)
    machine.run("ordermonit", "report", "--since", "1d", "--html", "/root/report.html")
    with Browser() as browser:
        _look(browser, "report", machine.disk.path("/root/report.html"))
        _look(browser, "page", machine.disk.path(f"{STATE}/status.html"))


def _look(browser: Browser, name: str, page: Path) -> None:
    """A page as four readers see the top of it."""
    for screen, (width, height) in SCREENS.items():
        for light in ("light", "dark"):
            seen = browser.open(page, width=width, dark=light == "dark")
            assert (seen.requests, seen.console) == ([page.as_uri()], [])
            browser.picture(PICTURES / f"{name}-{screen}-{light}.png", height)


def _is_idle(inside: Inside) -> bool:
    shown = inside.machine.show("ordermonit.service", "ActiveState", "StatusText")
    return shown["ActiveState"] == "inactive"


def _draw(inside: Inside, name: str, *words: str) -> None:
    """One command on a terminal of the machine's, as a picture."""
    command = shlex.join(("ordermonit", *words))
    terminal = ("TERM=xterm-256color", "COLORTERM=truecolor", f"COLUMNS={WIDTH}", "LINES=60")
    script = ("script", "--quiet", "--return", "--command", command, "/dev/null")
    said = inside.machine.run("env", *terminal, *script).stdout.replace("\r\n", "\n")
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(Text.from_ansi(said.rstrip("\n")))
    picture = console.export_svg(title=f"$ {command}", code_format=_FORMAT, unique_id=name)
    for foreign in (str(SOURCE), socket.gethostname(), "https://cdnjs"):
        assert foreign not in picture, f"{foreign} is in the picture of {name}"
    Path(PICTURES, f"{name}.svg").write_text(picture)
