"""The settings, each with its kind, its default and its one line of documentation.

This is the one table of keys: the reader, the messages, the samples in `config/`, ordermonit(5) and
docs/configuration.md all follow it. Times are in seconds.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

from ordermonit.configuration import kinds
from ordermonit.configuration.jumps import JUMPS, STANDBY, Jump
from ordermonit.configuration.keys import Key
from ordermonit.configuration.patterns import (
    ALREADY_DONE,
    AMBIGUOUS,
    BROKEN,
    DOWN,
    NOT_DUE,
    compiled,
)
from ordermonit.orders.model import Operation

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

ENVIRONMENT = MappingProxyType({"RAILS_ENV": "production", "LANG": "C.UTF-8"})
TASKS = MappingProxyType(
    {
        Operation.INSERT_ORDER: "insert_order",
        Operation.CONFIRM_PAYMENT: "confirm_payment",
    }
)
CHECKS = MappingProxyType({Operation.ORDER_EXISTS: "Abacos::OrderAPI.order_exists?(number)"})
AUTHORIZED_STATES = frozenset({"authorized", "picking", "delivering", "delivered"})
CLOSED_STATES = frozenset({"canceled", "reversed", "refunded"})

_TASK = kinds.text(
    "a rake task's name, such as shop:insert_order",
    r"[A-Za-z_][A-Za-z0-9_.-]*(:[A-Za-z_][A-Za-z0-9_.-]*)*[?!]?",
)
_CHECK = kinds.switchable(
    kinds.text("a Ruby expression of `number`", r".*\bnumber\b.*"),
    "the check is not asked",
)
_COLUMN = kinds.text("a column's name", r"[A-Za-z_][A-Za-z0-9_$]{0,63}")


class FollowPayments(StrEnum):
    """Whose payments are followed: those of the orders that we inserted, or of all (rule P3)."""

    INSERTED = "inserted"
    ALL = "all"


class Language(StrEnum):
    """What people are told in."""

    EN = "en"
    PT_BR = "pt_BR"


@dataclass(frozen=True, slots=True)
class Service:
    """service.yml: the rhythm and the limits of cycles."""

    running_cycle: Annotated[
        float, Key(kinds.seconds(), "seconds from one cycle to the next; it rules the timer too")
    ] = 120
    max_attempts: Annotated[
        int, Key(kinds.whole(1, kinds.MOST), "attempts in all before an order is EXHAUSTED")
    ] = 4
    max_orders_per_request: Annotated[
        int, Key(kinds.whole(1, kinds.MOST), "new orders that one cycle takes on")
    ] = 5
    downtime_wait: Annotated[
        float,
        Key(kinds.seconds(), "seconds before reconnecting when Abacos or the node is down"),
    ] = 30
    retry_wait: Annotated[
        tuple[float, ...],
        Key(
            kinds.SPANS,
            "seconds before the next attempt; a list: before the second, the third, and so on",
        ),
    ] = (0.0,)
    verify_within: Annotated[
        float,
        Key(
            kinds.seconds(above_zero=False),
            "seconds in which Abacos has to show what a task said was done; then it is an attempt",
        ),
    ] = 600
    min_order_age: Annotated[
        float,
        Key(
            kinds.seconds(above_zero=False),
            "seconds: younger orders wait, so that the shop's own queue goes first; 60 is good",
        ),
    ] = 0
    follow_payments: Annotated[
        FollowPayments,
        Key(
            kinds.choice(FollowPayments),
            "whose payments are confirmed: of orders inserted here, or all",
        ),
    ] = FollowPayments.INSERTED
    late_commit_window: Annotated[
        float,
        Key(
            kinds.seconds(above_zero=False),
            "seconds for which skipped ids are looked at again: a commit may be late",
        ),
    ] = 3600
    standby: Annotated[
        Jump | None,
        Key(
            kinds.optional(STANDBY, "none"),
            "the other monitor, as ordermonit@other:22: it gets each new checkpoint; null: none",
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class Process:
    """process.yml: the program's name and where its log goes."""

    app_name: Annotated[
        str,
        Key(
            kinds.text(
                "a name of at most 64 letters, blanks and other visible characters, but no /",
                # Nor what is not seen, or turns the line round.
                "[^/\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\uffff]{1,64}",
            ),
            "the name in the log, in SYSLOG_IDENTIFIER and in messages",
        ),
    ] = "ordermonit"
    ontop: Annotated[
        bool, Key(kinds.SWITCH, "true: log to the terminal too; under systemd the journal alone")
    ] = True
    log_output: Annotated[
        bool, Key(kinds.SWITCH, "true: also append the log to the file <app_name>.output")
    ] = False
    backtrace: Annotated[bool, Key(kinds.SWITCH, "true: errors carry their traceback")] = False
    metrics_file: Annotated[
        str | None,
        Key(
            kinds.optional(
                kinds.text("an absolute path that ends in .prom", r"/(.*/)?[^/]+\.prom"), "none"
            ),
            "the textfile for Prometheus' node_exporter, written after each cycle; null: none",
        ),
    ] = None
    status_page: Annotated[
        str | None,
        Key(
            kinds.optional(
                kinds.text("an absolute path that ends in .html", r"/(.*/)?[^/]+\.html"), "none"
            ),
            "the page that says for a browser how it stands, written after each cycle; null: none",
        ),
    ] = None
    language: Annotated[
        Language,
        Key(
            kinds.choice(Language),
            "the language of alerts, report and status page; commands and log are in English",
        ),
    ] = Language.EN


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """integration_server.yml: the Rails node, and what its answers mean.

    The patterns are searched in `Class::Name: message`, for the exception's class and each of its
    ancestors; `down` comes before `ambiguous`. A check that is switched off has no entry.
    """

    host: Annotated[
        str,
        Key(
            kinds.text("a host name or an address", r"[^\s/@\[\]-][^\s/@\[\]]*"),
            "the integration node",
        ),
    ]
    port: Annotated[int, Key(kinds.whole(1, 65535), "the port of its SSH server")] = 22
    username: Annotated[
        str, Key(kinds.text("a user's name", r"[^\s:/@-][^\s:/@]*"), "the user there")
    ]
    rails_root: Annotated[
        str, Key(kinds.text("an absolute path", r"/.*"), "the directory of the Rails application")
    ]
    proxy_jump: Annotated[
        tuple[Jump, ...] | None,
        Key(
            kinds.optional(JUMPS, "straight to host"),
            "bastions on the way to host, as user@bastion:22, with commas; null: none",
        ),
    ] = None
    private_key: Annotated[
        Path | None,
        Key(
            kinds.optional(kinds.file_path("a file"), "~/.ssh/id_rsa and OpenSSH's other names"),
            "our key; null: ~/.ssh/id_rsa, then OpenSSH's other default names",
        ),
    ] = None
    known_hosts: Annotated[
        Path | None,
        Key(
            kinds.optional(kinds.file_path("a file"), "the user's, then the system's"),
            "the host keys that are trusted; null: the user's, then the system's",
        ),
    ] = None
    rake: Annotated[
        str, Key(kinds.text("a command"), "the command that runs rake in rails_root")
    ] = "bundle exec rake"
    environment: Annotated[
        Mapping[str, str],
        Key(
            kinds.variables("variables with their values", ENVIRONMENT),
            "variables of that command, beside these defaults; null takes one away",
        ),
    ] = field(default_factory=lambda: ENVIRONMENT, repr=False)
    tasks: Annotated[
        Mapping[Operation, str],
        Key(
            kinds.named("insert_order and confirm_payment", dict.fromkeys(TASKS, _TASK), TASKS),
            "the tasks' names on the node",
        ),
    ] = field(default_factory=lambda: TASKS)
    checks: Annotated[
        Mapping[Operation, str],
        Key(
            kinds.named(
                "order_exists and payment_confirmed",
                {Operation.ORDER_EXISTS: _CHECK, Operation.PAYMENT_CONFIRMED: _CHECK},
                CHECKS,
            ),
            "Ruby expressions of `number` that only ask; null switches one off",
        ),
    ] = field(default_factory=lambda: CHECKS)
    connect_timeout: Annotated[
        float, Key(kinds.seconds(), "seconds until a node that does not answer counts as down")
    ] = 15
    task_timeout: Annotated[
        float, Key(kinds.seconds(), "seconds until a task or check counts as hanging")
    ] = 300
    lock_file: Annotated[
        str | None,
        Key(
            kinds.optional(kinds.text("a file's path", r".*[^/]"), "in the home of username there"),
            "the lock on the node, relative to rails_root; null: in the home of username",
        ),
    ] = None
    keep_booted: Annotated[
        float,
        Key(
            kinds.seconds(above_zero=False),
            "seconds that Rails stays booted on the node for the next session; 0: not at all",
        ),
    ] = 0
    already_done: Annotated[
        tuple[re.Pattern[str], ...],
        Key(kinds.PATTERNS, "answers that mean: done before, so this is success"),
    ] = field(default_factory=partial(compiled, ALREADY_DONE))
    not_due: Annotated[
        tuple[re.Pattern[str], ...],
        Key(kinds.PATTERNS, "answers that mean: not payable yet, so it is asked again later"),
    ] = field(default_factory=partial(compiled, NOT_DUE))
    down: Annotated[
        tuple[re.Pattern[str], ...],
        Key(kinds.PATTERNS, "answers that mean: Abacos or a part of the node is down"),
    ] = field(default_factory=partial(compiled, DOWN))
    broken: Annotated[
        tuple[re.Pattern[str], ...],
        Key(kinds.PATTERNS, "answers that mean: the node's deployment is broken, so nothing runs"),
    ] = field(default_factory=partial(compiled, BROKEN))
    ambiguous: Annotated[
        tuple[re.Pattern[str], ...],
        Key(kinds.PATTERNS, "answers that mean: it is down, or this one order chokes it"),
    ] = field(default_factory=partial(compiled, AMBIGUOUS))

    @property
    def lock(self) -> str:
        """The lock's path on the node. Of itself it lies outside of every release: a deploy that
        moves `current` would let a second monitor in."""
        name = re.sub(r"[^A-Za-z0-9.]+", "-", self.rails_root).strip("-")
        return self.lock_file or f"~/.ordermonit-{name}.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """database.yml: the Front's database. `url` is SQLAlchemy's, and may hold the password."""

    url: str = field(repr=False)
    table: Annotated[
        str,
        Key(
            kinds.text(
                "a table's name, with or without its schema",
                r"([A-Za-z_][A-Za-z0-9_$]{0,63}\.)?[A-Za-z_][A-Za-z0-9_$]{0,63}",
            ),
            "the table",
        ),
    ] = "orders"
    id: Annotated[str, Key(_COLUMN, "the column that grows with each order: its primary key")] = (
        "id"
    )
    number: Annotated[str, Key(_COLUMN, "the column of the order's number")] = "number"
    state: Annotated[str, Key(_COLUMN, "the column of the order's state")] = "state"
    created_at: Annotated[str, Key(_COLUMN, "the column of the order's time, in UTC")] = (
        "created_at"
    )
    authorized_states: Annotated[
        frozenset[str],
        Key(
            kinds.words("a list of at least one state", at_least_one=True),
            "the states in which a payment may be confirmed",
        ),
    ] = AUTHORIZED_STATES
    closed_states: Annotated[
        frozenset[str],
        Key(
            kinds.words("a list of states", at_least_one=False),
            "the states that end an order: its payment is not followed any more",
        ),
    ] = CLOSED_STATES
    ignored_states: Annotated[
        frozenset[str],
        Key(
            kinds.words("a list of states", at_least_one=False),
            "the states of rows that are no orders yet, such as carts: each is one when it leaves",
        ),
    ] = frozenset()
    read_timeout: Annotated[
        float, Key(kinds.seconds(), "seconds until a database that does not answer counts as down")
    ] = 15

    @property
    def quoted_table(self) -> str:
        """The table's name as PostgreSQL takes it in a text."""
        return ".".join(f'"{part}"' for part in self.table.split("."))

    def engine_url(self) -> "URL":
        """The URL for `sqlalchemy.create_engine`."""
        # Only who connects pays for this import.
        from sqlalchemy.engine import make_url

        return make_url(self.url)


@dataclass(frozen=True, slots=True)
class Configuration:
    """All four files of a configuration directory."""

    directory: Path
    service: Service
    process: Process
    node: Node
    database: Database
