"""Lines of the driver: only what has exactly the agreed form counts (rule C5)."""

import base64
import json
from typing import Any

import pytest

from ordermonit.node import wire
from ordermonit.orders.model import Operation

ERROR = {"class": "IOError", "ancestors": ["IOError", "StandardError"], "message": "x"}
READY: dict[str, Any] = {
    "ordermonit": 1,
    "ready": True,
    "ruby": "3.1",
    "rake": "13",
    "rails_env": "production",
    "lock": "/l",
    "tasks": {"t": ["number"]},
    "forks": True,
    "cause": False,
}
CHAIN = (wire.RemoteError("IOError", ("IOError", "StandardError"), "x"),)


def line(**fields: Any) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    ("said", "verb", "meant"),
    [
        (line(id=7, done=True), "run", wire.Done()),
        (line(id=7, value=True), "ask", wire.Value(True)),
        (line(id=7, value="nil"), "ask", wire.Value("nil")),
        (line(id=7, unavailable="no"), "ask", wire.Absent("no")),
        (line(id=7, error=[ERROR]), "run", wire.Failed(CHAIN)),
        (line(id=7, error=[ERROR]), "ask", wire.Failed(CHAIN)),
        (line(id=7, hung=True), "run", wire.Hung()),
        (line(id=7, hung=True), "ask", wire.Hung()),
        (line(id=7, died="killed by SIGKILL"), "run", wire.Died("killed by SIGKILL")),
    ],
)
def test_an_answer_is_understood(said: bytes, verb: str, meant: wire.Reply) -> None:
    assert wire.reply(said, 7, verb) == meant


@pytest.mark.parametrize("verb", ["run", "ask"])
@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"ok",
        b"\xff\xfe",
        b"[" * 100_000,
        b"null",
        b"[]",
        b"{}",
        line(id=7),
        line(done=True),
        line(id=6, done=True),
        line(id="7", done=True),
        line(id=7.0, done=True),
        line(id=7, done=False),
        line(id=7, done=1),
        line(id=7, done=True, error=[ERROR]),
        line(id=7, done=True, more=1),
        line(id=7, value=None),
        line(id=7, value=1),
        line(id=7, unavailable=None),
        line(id=7, error=[]),
        line(id=7, error=None),
        line(id=7, error=[ERROR, {}]),
        line(id=7, error=[{**ERROR, "ancestors": "IOError"}]),
        line(id=7, error=[{**ERROR, "ancestors": [1]}]),
        line(id=7, error=[{**ERROR, "message": None}]),
        line(id=7, hung=False),
        line(id=7, died=None),
        line(id=7, died="x", done=True),
        line(id=7, refused="bad number"),
        line(id=7, done=True)[:-1],
        line(id=7, done=True) + b"x",
    ],
)
def test_anything_else_is_garbage(said: bytes, verb: str) -> None:
    with pytest.raises(wire.Garbage):
        wire.reply(said, 7, verb)


def test_true_is_no_identity() -> None:
    with pytest.raises(wire.Garbage):
        wire.reply(line(id=True, done=True), 1, "run")


def test_a_task_gives_no_value_and_a_check_is_not_done() -> None:
    for said, verb in [
        (line(id=7, value=True), "run"),
        (line(id=7, unavailable="x"), "run"),
        (line(id=7, done=True), "ask"),
    ]:
        with pytest.raises(wire.Garbage):
            wire.reply(said, 7, verb)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (
            line(**READY),
            wire.Ready("3.1", "13", "production", "/l", {"t": ("number",)}, True, False),
        ),
        (
            line(**READY | {"rails_env": None}),
            wire.Ready("3.1", "13", None, "/l", {"t": ("number",)}, True, False),
        ),
        (line(ordermonit=1, old_rake="0.8.7"), wire.OldRake("0.8.7")),
        (line(ordermonit=1, locked_by="pid 5"), wire.Locked("pid 5")),
        (line(ordermonit=1, no_lock="x", error=[ERROR]), wire.NoLock("x", CHAIN)),
        (line(ordermonit=1, no_boot=[ERROR]), wire.NoBoot(CHAIN)),
        (line(ordermonit=1, no_task="t"), wire.NoTask("t")),
        (line(ordermonit=1, bad_check="c", error=[ERROR]), wire.BadCheck("c", CHAIN)),
        (b"Welcome! " + line(ordermonit=1, no_task="t"), wire.NoTask("t")),
        (b"Welcome!", None),
        (b"", None),
        (b'{"id":1}', None),
    ],
)
def test_a_greeting_is_told_from_what_login_scripts_print(
    said: bytes, meant: wire.Greeting | None
) -> None:
    assert wire.greeting(said) == meant


@pytest.mark.parametrize(
    "said",
    [
        line(**READY | {"ready": False}),
        line(**READY | {"forks": 1}),
        line(**READY | {"rails_env": 1}),
        line(**READY | {"tasks": {"t": [1]}}),
        line(**{key: said for key, said in READY.items() if key != "tasks"}),
        line(ordermonit=1, no_boot=[]),
        line(ordermonit=1, what="ever"),
        line(ordermonit=1, no_task="t")[:-1],
    ],
)
def test_a_greeting_of_another_kind_is_garbage(said: bytes) -> None:
    with pytest.raises(wire.Garbage):
        wire.greeting(said)


def test_a_request_is_one_line_of_ascii() -> None:
    said = wire.request(3, "run", Operation.INSERT_ORDER, "A-1", 2.5)
    assert said.endswith(b"\n")
    assert json.loads(said) == {"id": 3, "run": "insert_order", "number": "A-1", "timeout": 2.5}


@pytest.mark.parametrize(
    ("rails_root", "begins"),
    [
        ("/srv/shop", "test -x /srv/shop/. && cd /srv/shop && exec env A=1 "),
        ("/srv/it's", """test -x '/srv/it'"'"'s/.' && cd '/srv/it'"'"'s' && exec env A=1 """),
        ("~/shop", "test -x shop/. && cd shop && exec env A=1 "),
        ("-odd", "test -x ./-odd/. && cd ./-odd && exec env A=1 "),
    ],
)
def test_the_command_quotes_rails_root(rails_root: str, begins: str) -> None:
    assert wire.command(rails_root, {"A": "1"}, "rake").startswith(f"{begins}rake -E 'module ")


def test_the_command_is_short_and_the_driver_is_one_line() -> None:
    command = wire.command("/srv/shop", {"RAILS_ENV": "production"}, "bundle exec rake")
    assert len(command) < 1000  # dropbear takes 9000
    assert not set("$!`\\") & set(command)  # of what shells look into, even in quotes
    assert command.endswith(f" ordermonit:session || exit {wire.NO_RAILS_ROOT}")
    driver = wire.driver()
    assert driver.count(b"\n") == 1
    assert base64.b64decode(driver).count(b"Ordermonit.start") == 1
