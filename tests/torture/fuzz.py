"""The fuzzing, by seed: the same seed gives the same case."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

from tests.parts.databases import sqlite
from tests.parts.front import Front
from tests.torture import fuzz_files
from tests.torture.fuzz_answers import answers

Case = Callable[[random.Random, Path], Iterator[str]]


def prepare(directory: Path) -> dict[str, Case]:
    """The kinds of cases, with what they need in this directory."""
    config = directory / "config"
    config.mkdir()
    files = {
        "service": {"running_cycle": 120, "max_attempts": 4, "follow_payments": "all"},
        "process": {"app_name": "ordermonit", "ontop": True, "backtrace": False},
        "integration_server": {
            "host": "127.0.0.1",
            "port": 1,
            "username": "deploy",
            "rails_root": "/app",
            "tasks": {"insert_order": "a:insert_order"},
            "checks": {
                "order_exists": "A.exists?(number)",
                "payment_confirmed": "A.confirmed?(number)",
            },
            "environment": {"RAILS_ENV": "production"},
            "already_done": ["already exist"],
        },
        "database": {
            "adapter": "sqlite3",
            "database": str(directory / "front.sqlite3"),
            "orders": {"table": "orders", "state": "state"},
            "authorized_states": ["authorized"],
        },
    }
    for name, values in files.items():
        (config / f"{name}.yml").write_text(yaml.safe_dump(values))
    Front(sqlite(directory / "front.sqlite3")).engine.dispose()
    return {
        "checkpoint": fuzz_files.checkpoint_case,
        "legacy": fuzz_files.legacy_case,
        "yaml": fuzz_files.yaml_case,
        "answer": answers(directory),
    }


def fuzzed(kind: str, case: Case, directory: Path, seeds: range) -> list[str]:
    """What is wrong with any of these cases."""
    found = []
    for seed in seeds:
        chance = random.Random(f"{kind} {seed}")
        try:
            found += [f"{kind} {seed}: {problem}" for problem in case(chance, directory)]
        except Exception as problem:
            found.append(f"{kind} {seed}: {type(problem).__name__}: {problem}")
    return found
