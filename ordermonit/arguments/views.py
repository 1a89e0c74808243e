"""`status`, `orders`, `show` and `report`."""

from datetime import timedelta
from pathlib import Path

from ordermonit.arguments.grammar import (
    Command,
    Commands,
    add_choice,
    add_json,
    order_name,
    span,
    time,
)
from ordermonit.orders.model import Reason, Status


def status(commands: Commands) -> None:
    """Where everything stands."""
    parser = commands.add(
        "status",
        "is it well: one word, what is wrong since when, the last cycles",
        example="ordermonit status --watch",
        more="It exits 0 whatever that word is; 65 or 74 where the checkpoint can't be read.",
        run=Command("status", "status"),
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--watch", action="store_true", help="follow it live; Ctrl-C ends it")
    which.add_argument(
        "--all",
        action="store_true",
        help="a line for each of the host's shops, the worst first; its exit code is the worst's",
    )
    add_json(parser)


def orders(commands: Commands) -> None:
    """The records."""
    parser = commands.add(
        "orders",
        "the checkpoint's records",
        example="ordermonit orders --status FAILED --older-than 2h",
        more="An order's age counts from when it was first seen. SPAN: 15min, 2h, 3d.",
        run=Command("orders", "orders"),
    )
    parser.add_argument(
        "number", nargs="*", metavar="NUMBER", type=order_name, help="these orders alone"
    )
    add_choice(parser, "--status", Status, f"only {', '.join(Status)}", repeated=True)
    add_choice(parser, "--reason", Reason, "only these, such as REJECTED", repeated=True)
    for option, which in (("--older-than", "longer"), ("--newer-than", "less")):
        parser.add_argument(
            option, type=span, metavar="SPAN", help=f"first seen {which} than that ago"
        )
    form = parser.add_mutually_exclusive_group()
    add_json(form)
    form.add_argument("--csv", action="store_true", help="for spreadsheets, with the same names")


def show(commands: Commands) -> None:
    """One order."""
    parser = commands.add(
        "show",
        "one order's story: what happened, and what comes next",
        example="ordermonit show 1001234",
        run=Command("show", "show"),
    )
    parser.add_argument(
        "number", metavar="NUMBER", type=order_name, help="the order's number, or id:ID"
    )
    add_json(parser)


def report(commands: Commands) -> None:
    """A span of time."""
    parser = commands.add(
        "report",
        "what happened in a span of time: orders, waits, outages, errors",
        example="ordermonit report --since 31d --html report.html",
        run=Command("report", "report"),
        more="It is made from the journal and the checkpoint. SPAN: 2h, 7d, 4w.",
    )
    parser.add_argument(
        "--since",
        type=span,
        metavar="SPAN",
        default=timedelta(days=7),
        help="its length (7d)",
    )
    parser.add_argument("--until", type=time, metavar="TIME", help="its end (now)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--html", type=Path, metavar="FILE", help="write it for a browser, with plots"
    )
    add_json(form)
