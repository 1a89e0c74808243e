"""Lines of the driver: only what has exactly the agreed form counts (rule C5)."""

import base64
import copy
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
        (line(id=7, hung=True, over=True), "ask", wire.Hung(is_over=True)),
        (line(id=7, died="x", over=True), "run", wire.Died("x", is_over=True)),
        (line(id=7, error=[ERROR], over=True), "run", wire.Failed(CHAIN, is_over=True)),
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
        line(id=7, hung=True, over=1),
        line(id=7, hung=True, over=False),
        line(id=7, hung=True, over=True, more=1),
        line(id=7, done=True, over=True),
        line(id=7, value=True, over=True),
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


BOOTED: dict[str, Any] = READY | {
    "boot": 7.5,
    "keeps": 600,
    "cold": "it ended",
    "kept": {"age": 1.5, "memory": 90_000},
}


def test_a_greeting_tells_of_the_boot() -> None:
    said = wire.greeting(line(**BOOTED))
    assert isinstance(said, wire.Ready)
    assert (said.boot, said.keeps, said.cold) == (7.5, 600, "it ended")
    assert said.kept == wire.Kept(1.5, 90_000)
    assert wire.greeting(line(**BOOTED | {"cold": None, "kept": None})) == wire.Ready(
        "3.1", "13", "production", "/l", {"t": ("number",)}, True, False, 7.5, 600
    )


def test_a_number_that_is_none_is_garbage() -> None:
    wrong: list[Any] = [None, True, "1", [], {}, float("nan"), float("-inf"), float("inf"), 10**400]
    kept: list[Any] = [{}, [], True, 1, "x"]
    kept += [BOOTED["kept"] | {name: one} for name in ("age", "memory") for one in wrong]
    kept += [BOOTED["kept"] | {"memory": 1.5}, {"age": 1}, {"memory": 1}]
    changes: list[dict[str, Any]] = [{name: one} for name in ("boot", "keeps") for one in wrong]
    colds: list[Any] = [1, True, [], {}]
    changes += [{"cold": one} for one in colds]
    changes += [{"kept": one} for one in kept]
    for change in changes:
        for other in (BOOTED, BOOTED | {"kept": None}):
            with pytest.raises(wire.Garbage):
                wire.greeting(line(**other | change))
    for name in ("boot", "keeps", "cold", "kept"):
        with pytest.raises(wire.Garbage):
            wire.greeting(line(**{key: one for key, one in BOOTED.items() if key != name}))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
MESSAGES: list[dict[str, Any]] = [
    BOOTED,
    READY,
    *({"ordermonit": 1, name: "x"} for name in ("old_rake", "locked_by", "no_task")),
    {"ordermonit": 1, "ended": True},
    {"ordermonit": 1, "no_boot": [ERROR]},
    *({"ordermonit": 1, name: "x", "error": [ERROR]} for name in ("no_lock", "bad_check")),
    *({"id": 7, name: True} for name in ("done", "value", "hung")),
    *({"id": 7, name: "x"} for name in ("value", "unavailable", "died")),
    {"id": 7, "error": [ERROR]},
    {"id": 7, "hung": True, "over": True},
]


@given(st.data())
def test_no_field_of_any_message_ends_in_anything_but_garbage(data: st.DataObject) -> None:
    said = copy.deepcopy(data.draw(st.sampled_from(MESSAGES)))
    place: Any = said
    while True:
        keys = list(place) if isinstance(place, dict) else range(len(place))
        key = data.draw(st.sampled_from([key for key in keys if key != "ordermonit"]))
        deeper = isinstance(place[key], dict | list) and data.draw(st.booleans())
        if not deeper:
            break
        place = place[key]
    place[key] = data.draw(JSON)
    # What passes is of the types that it says: it is told, and counted with.
    with suppress(wire.Garbage):
        match wire.greeting(line(**said)):
            case wire.Ready() as ready:
                amounts = [ready.boot, ready.keeps]
                if ready.kept is not None:
                    amounts += [ready.kept.age, ready.kept.memory]
                assert all(abs(one) < 1e15 for one in amounts)
                assert all(isinstance(one, str | None) for one in (ready.cold, ready.rails_env))
    for verb in ("run", "ask"):
        with suppress(wire.Garbage):
            wire.reply(line(**said), 7, verb)


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
