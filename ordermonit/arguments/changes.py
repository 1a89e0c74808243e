"""`retry` and `dismiss`."""

from ordermonit.arguments.grammar import (
    Command,
    Commands,
    add_because,
    add_choice,
    add_json,
    order_name,
)
from ordermonit.orders.model import Reason


def retry(commands: Commands) -> None:
    """Again, with fresh attempts."""
    parser = commands.add(
        "retry",
        "put orders back into the next cycle, with fresh attempts",
        example="ordermonit retry --exhausted",
        more="An order that was dismissed is opened again.",
        run=Command("changes", "retry"),
    )
    parser.add_argument(
        "number", nargs="*", metavar="NUMBER", type=order_name, help="the orders' numbers, or id:ID"
    )
    parser.add_argument("--exhausted", action="store_true", help="all that were given up")
    add_choice(parser, "--reason", Reason, "all that stand there for this reason")
    add_because(parser)
    add_json(parser)


def dismiss(commands: Commands) -> None:
    """Closed by a person."""
    parser = commands.add(
        "dismiss",
        "close orders for good; undoes nothing in Abacos",
        example="ordermonit dismiss 1001234 --because fraud",
        more="No cycle and no rescan looks at them any more. What was inserted or confirmed in"
        " Abacos stays there.",
        run=Command("changes", "dismiss"),
    )
    parser.add_argument(
        "number", nargs="+", metavar="NUMBER", type=order_name, help="the orders' numbers, or id:ID"
    )
    add_because(parser, required=True)
    parser.add_argument("--yes", action="store_true", help="even where an answer is not known")
    add_json(parser)
