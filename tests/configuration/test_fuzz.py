"""Any bytes in any of the four files: they are read, or refused in lines for people."""

from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ordermonit.configuration import load
from ordermonit.errors import ConfigurationError
from tests.configuration.settings import FILES, SAMPLES, TOP, write

_YAML = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)


def _files(file: str) -> st.SearchStrategy[bytes]:
    keys = st.sampled_from(sorted(TOP[file])) | st.text(max_size=12)
    values = st.dictionaries(
        keys, _YAML | st.dictionaries(st.sampled_from(sorted(TOP[file])), _YAML)
    )
    dumped = values.map(lambda value: yaml.safe_dump(value, allow_unicode=True).encode())
    sample = (SAMPLES / file).read_bytes()
    cut = st.integers(0, len(sample)).map(lambda at: sample[:at])
    changed = st.tuples(st.integers(0, len(sample)), st.binary(max_size=3)).map(
        lambda change: sample[: change[0]] + change[1] + sample[change[0] + len(change[1]) :]
    )
    return dumped | cut | changed | st.binary(max_size=40)


def _loads_or_refuses(directory: Path, file: str, data: bytes) -> None:
    (directory / file).write_bytes(data)
    try:
        load(directory, {})
    except ConfigurationError as refused:
        lines = refused.message.split("\n")
        if not all(line.startswith(str(directory)) and line.isprintable() for line in lines):
            pytest.fail(refused.message)


@pytest.mark.parametrize("file", FILES)
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_any_file_is_read_or_refused(tmp_path: Path, file: str, data: st.DataObject) -> None:
    _loads_or_refuses(write(tmp_path), file, data.draw(_files(file)))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text("{}[]:,-?!&*#|>%@`'\" \n\tab<=0", max_size=30))
@example(text="&a [*a]")
@example(text="&a {<<: *a}")
@example(text="orders: &a {table: *a}")
@example(text="? !!set {a, b}\n: c")
@example(text="url: !!binary aGk=")
@example(text="url: !!omap [a: b]")
def test_any_yaml_is_read_or_refused(tmp_path: Path, text: str) -> None:
    for file in FILES:
        _loads_or_refuses(write(tmp_path), file, text.encode())
