"""`cycle --dry-run`: what a cycle would do now. Reads the checkpoint and the Front, no more."""

import json

from ordermonit.commands.context import Context
from ordermonit.commands.pausing import held
from ordermonit.configuration import Configuration
from ordermonit.cycle.plan import Item, Why, plan, rules
from ordermonit.errors import Exit
from ordermonit.front.database import connected
from ordermonit.orders.gaps import Moment
from ordermonit.orders.journey import Ask, Run, Scene, journey
from ordermonit.orders.model import Answer, Operation, Record, Verdict, by_id, shown
from ordermonit.orders.rest import Rest, rests
from ordermonit.times import counted, iso

_UNKNOWN = (
    "The node was not asked: what Abacos has already is not inserted, and whether the node and"
    " Abacos answer is not known"
)
_WHY = {
    Why.DUE: "its record is open",
    Why.LATE: "it became visible behind HEAD",
    Why.NEW: "it is new",
    Why.RESCAN: "it is in a rescan",
}


def dry_run(context: Context) -> int:
    """Say what a cycle would do, without a lock, a connection to the node or a write."""
    configuration, state = context.configuration(), context.state
    pause, now = held(state), Moment.now()
    checkpoint = state.read()
    with connected(configuration.database) as front:
        planned = plan(front, checkpoint, configuration.service, rules(configuration), now)
    probe = () if planned.probe is None else (planned.probe,)
    items = (*probe, *planned.items, *planned.suspects)
    does = [(item, _operations(item, configuration)) for item in items]
    records = checkpoint.records
    waits = rests(records.values(), rules(configuration), now.wall)
    resting = [(records[id], each) for id, each in waits.items() if not each.is_asked]
    if context.arguments.json:
        said = {
            "head": checkpoint.head,
            "paused": None if pause is None else pause.as_json(),
            "orders": [_as_json(item, some, waits.get(item.record.id)) for item, some in does],
            "resting": [_rest_as_json(record, each) for record, each in resting],
            "not_known": _UNKNOWN,
        }
        print(json.dumps(said))
        return Exit.OK
    if pause is not None:
        paused = context.shop.typed(pause.sentence)
        print(f"It is {paused}: until then a cycle does nothing. Without the pause:")
    for item, operations in does:
        unless = _unless(waits.get(item.record.id))
        print(f"order {_name(item)}: {_WHY[item.why]}; {_spoken(operations)}{unless}")
    for record, each in resting:
        print(f"order {record.name}: rests; {_not_before('its next attempt is', each)}")
    orders = counted(len(does), "order")
    print(f"{orders} would be looked at; HEAD is {checkpoint.head}. Nothing was changed")
    if does:
        print(_UNKNOWN)
    return Exit.OK


def _operations(item: Item, configuration: Configuration) -> list[Operation]:
    """All that the node would be asked for this order, if Abacos had nothing of it."""
    asked = configuration.node.checks
    scene = Scene(Moment.now().wall, is_again=item.why is Why.RESCAN)
    steps = journey(item.record, item.order, rules(configuration), scene)
    found: list[Operation] = []
    try:
        step = next(steps)
        while True:
            answer = Answer(Verdict.DONE)
            if isinstance(step, Ask):
                done = Verdict.YES if step.operation in found else Verdict.NO
                answer = Answer(done if step.operation in asked else Verdict.UNAVAILABLE)
            is_put = isinstance(step, Run) or (isinstance(step, Ask) and step.operation in asked)
            if isinstance(step, Ask | Run) and is_put and step.operation not in found:
                found.append(step.operation)
            step = steps.send(answer)
    except StopIteration:
        return found


def _spoken(operations: list[Operation]) -> str:
    if not operations:
        return "its record is brought up to date, and the node is asked nothing"
    return f"at most {', '.join(operations)}"


def _unless(resting: Rest | None) -> str:
    """What is said of an order that Abacos may still show."""
    return "" if resting is None else f"; {_not_before('sent again', resting)}"


def _not_before(what: str, resting: Rest) -> str:
    return f"{what} not before {iso(resting.until)} ({resting.setting})"


def _name(item: Item) -> str:
    number = item.record.number if item.order is None else shown(item.order.number)
    return number or by_id(item.record.id)


def _as_json(item: Item, operations: list[Operation], resting: Rest | None) -> dict[str, object]:
    return {
        "id": item.record.id,
        "number": item.record.number if item.order is None else shown(item.order.number),
        "why": item.why,
        "status": item.record.status if item.why is Why.DUE else None,
        "operations": operations,
        "not_before": None if resting is None else iso(resting.until),
    }


def _rest_as_json(record: Record, resting: Rest) -> dict[str, object]:
    return {
        "id": record.id,
        "number": record.number,
        "status": record.status,
        "reason": record.reason,
        "not_before": iso(resting.until),
        "setting": resting.setting,
    }
