"""Odd checkpoints, former checkpoints and YAML files. Each case yields what is wrong."""

import json
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from ordermonit.errors import CheckpointError
from ordermonit.orders.gaps import Gap, Moment
from ordermonit.orders.model import InsertedBy, Operation, Reason, Record, Status
from ordermonit.state.checkpoint import Checkpoint, checksum, decode
from tests.torture.inside import say
from tests.torture.mutate import BY_BYTE, BY_LINE, ODD_TOKENS, Random, damaged, spliced

_DATA = Path(__file__).parents[1] / "data"
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def a_checkpoint(chance: Random) -> Checkpoint:
    """A well-formed one, with some of everything."""
    head = chance.randrange(1, 10**6)
    records = [_a_record(chance, id) for id in chance.sample(range(1, head + 50), 5) if head > 10]
    gaps = []
    for at in range(chance.randrange(4)):
        first = 1 + at * 100
        last, watched = first + chance.randrange(50), round(chance.random() * 10**4, 3)
        gaps.append(Gap(first, last, chance.choice((0, 2)), watched))
    checkpoint = Checkpoint(head, records, gaps)
    if chance.random() < 0.2:
        checkpoint.recover()
    return checkpoint


def _a_moment(chance: Random) -> Moment:
    return Moment(_EPOCH + timedelta(seconds=chance.randrange(10**7)), chance.random() * 10**6)


def _a_record(chance: Random, id: int) -> Record:
    at = _a_moment(chance).wall
    return Record(
        id,
        chance.choice((None, f"N{id}", str(id + 1000), "odd number \u00e9")),
        chance.choice(list(Status)),
        chance.choice(list(Reason)),
        at,
        at + timedelta(seconds=chance.randrange(1000)),
        chance.randrange(6),
        chance.choice((None, None, *Operation)),
        chance.choice(list(InsertedBy)),
        chance.choice((None, "Erro: produto inexistente", '"quoted" \\ and\u2028odd')),
    )


def _checksummed(text: bytes) -> bytes:
    body = text.rpartition(b"^CHECKSUM")[0] or text
    return body + checksum(body)


def checkpoint_case(chance: Random, directory: Path) -> Iterator[str]:
    """A damaged checkpoint is refused, or read as it stands; it is never written."""
    good = other = a_checkpoint(chance).encode()
    match chance.randrange(5):
        case 0 | 1 | 2:
            data, is_signed = _checksummed(damaged(chance, good, BY_LINE)), True
        case 3:
            data, is_signed = damaged(chance, good, (*BY_BYTE, *BY_LINE)), False
        case _:
            other = a_checkpoint(chance).encode()
            data, is_signed = spliced(chance, good, other), False
    state = directory / "state"
    state.mkdir(exist_ok=True)
    (state / "checkpoint").write_bytes(data)
    said = say("--state", str(state), "status", "--json")
    if (problem := said.problem(0, 65)) is not None:
        yield problem
    if said.exit_code == 0:
        # The checksum is a sum over the lines: in another order they say the same.
        whole = [sorted(text.split(b"\n")) for text in (good, other)]
        if not is_signed and sorted(data.split(b"\n")) not in whole:
            yield "a damaged checkpoint was taken for a good one"
        heads = re.findall(rb"^\^HEAD (\d+)(?: .*)?$", data, re.MULTILINE)
        if [json.loads(said.stdout)["head"]] != [int(head) for head in heads]:
            yield f"HEAD is {said.stdout}, and the file says {heads}"
        yield from _survives(data)
        if (problem := say("--state", str(state), "orders", "--json").problem(0)) is not None:
            yield problem
    if (state / "checkpoint").read_bytes() != data:
        yield "the checkpoint was written"


def _survives(data: bytes) -> Iterator[str]:
    """What was read can be written, and then means the same."""
    once = decode(data, "checkpoint")
    try:
        again = decode(once.encode(), "checkpoint")
    except CheckpointError as problem:
        yield f"what was read can't be read again once it is written: {problem}"
        return
    if (once.head, once.gaps, once.recovered) != (again.head, again.gaps, again.recovered):
        yield "HEAD or a gap changes when it is written"
    if list(once.records.values()) != list(again.records.values()):
        yield "a record changes when it is written"


def legacy_case(chance: Random, directory: Path) -> Iterator[str]:
    """A former checkpoint is taken over whole, with its HEAD, or not at all."""
    names = ("checkpoint-6-columns", "checkpoint-7-columns")
    texts = [(_DATA / name).read_bytes() for name in names]
    chance.shuffle(texts)
    text = damaged(chance, texts[0], (*BY_LINE, *BY_LINE, *BY_BYTE))
    if chance.random() < 0.1:
        text = spliced(chance, *texts)
    file, state = directory / "former", directory / "imported"
    shutil.rmtree(state, ignore_errors=True)
    file.write_bytes(text)
    config = str(directory / "config")
    said = say("--config", config, "--state", str(state), "import", str(file))
    if (problem := said.problem(0, 65)) is not None:
        yield problem
    made = state / "checkpoint"
    if said.exit_code and made.exists():
        yield "a file that was refused has left a checkpoint"
    if said.exit_code == 0:
        checkpoint = decode(made.read_bytes(), "checkpoint")
        lines = [line.split() for line in text.decode("utf-8", "replace").split("\n")]
        heads = [line[3] for line in lines if line and line[0] == "^HEAD"]
        if [str(checkpoint.head)] != [head.lstrip("0") for head in heads]:
            yield f"HEAD is {checkpoint.head}, and the file says {heads}"
        open_ids = {int(line[3]) for line in lines if len(line) > 4 and line[4] == "FAILED"}
        if open_ids != {record.id for record in checkpoint.records.values() if record.is_open}:
            yield "an unresolved order was not taken over"


_ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    10**30,
    1.5,
    float("nan"),
    float("inf"),
    "",
    "soon",
    "~",
    "a\nb",
    "\x07",
    "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    "x" * 5000,
    b"\xff\xfe",
    [],
    [None],
    ["a", ["b"]],
    {},
    {"a": {"b": None}},
    {None: 1},
    {1: 2},
    _EPOCH,
    _EPOCH.date(),
    "(unclosed",
    "[[:alpha:]",
    "../../etc/passwd",
    "%s%n",
    "mysql://",
    "://",
    "number; exit",
)

_ODD_YAML = (
    b"a: &a [*a, *a]\n",
    b"<<: [1, 2]\n",
    b"!!python/object/apply:os.system [reboot]\n",
    b"&x a: *x\n",
    b"\t- a\n",
    b"? [a, b]\n: c\n",
    b"? {a: b}\n: c\n",
    b"---\n---\n",
    b"%YAML 9.9\n---\na: b\n",
    b"host: h\nhost: h\n",
    b"a: 2026-99-99\n",
    b"a: 0b2\n",
    b"a: 1:99:99\n",
    b"[" * 2000,
    b"{a: " * 500,
    b"- a\nb: c\n",
    b"\xff\xfea\x00",
    b"caf\xe9: 1\n",
    b"\x00",
    b"!!binary x\n",
    b"a: !!timestamp x\n",
    b"a: !!int x\n",
    b"a: .inf\n",
    b"a: 1__0\n",
    b"'",
    b"= : 1\n",
)


def yaml_case(chance: Random, directory: Path) -> Iterator[str]:
    """A wrong configuration is refused with exit 78 and makes nothing; a right one works."""
    config, state = directory / "odd", directory / "initial"
    shutil.rmtree(state, ignore_errors=True)
    config.mkdir(exist_ok=True)
    files = sorted((directory / "config").glob("*.yml"))
    chosen = chance.choice(files)
    for file in files:
        text = file.read_bytes()
        (config / file.name).write_bytes(_odd_yaml(chance, text) if file == chosen else text)
    said = say("--config", str(config), "--state", str(state), "init", "--from-start")
    if (problem := said.problem(0, 78)) is not None:
        yield problem
    made = state / "checkpoint"
    if said.exit_code == 0 and decode(made.read_bytes(), "checkpoint").head != 0:
        yield "HEAD is not where init was told to put it"
    if said.exit_code and made.exists():
        yield "a configuration that was refused has left a checkpoint"
    if said.exit_code and str(config) not in said.stderr:
        yield f"the message does not say which file: {said.stderr[:300]}"


def _odd_yaml(chance: Random, text: bytes) -> bytes:
    match chance.randrange(6):
        case 0:
            return damaged(chance, text, (*BY_BYTE, *BY_LINE))
        case 1:
            return text + chance.choice(_ODD_YAML)
        case 2:
            return chance.choice(_ODD_YAML)
    values = yaml.safe_load(text)
    for _ in range(chance.choice((1, 1, 2))):
        inner = values
        key = chance.choice(sorted(inner))
        while isinstance(inner[key], dict) and inner[key] and chance.random() < 0.7:
            inner = inner[key]
            key = chance.choice(sorted(inner))
        match chance.randrange(4):
            case 0:
                del inner[key]
                inner[key[:-1] or "x"] = 1
            case 1:
                inner[key] = chance.choice(ODD_TOKENS)
            case _:
                inner[key] = chance.choice(_ODD_VALUES)
        if not values:
            break
    return yaml.safe_dump(values, allow_unicode=chance.random() < 0.5).encode()
