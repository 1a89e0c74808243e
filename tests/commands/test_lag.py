"""HEAD falls behind the shop: `status` and `check` say how far, since when, and what to set."""

import json

from tests.parts.world import World


def test_who_takes_on_less_than_the_shop_sells_is_degraded(world: World) -> None:
    world.run("init", "--from-start")
    world.front.add_many(15, "authorized")
    assert json.loads(world.run("status", "--json").stdout)["problems"][:-1] == []
    world.front.add_many(570, "authorized")
    said = json.loads(world.run("status", "--json").stdout)
    assert said["behind"] == 585
    (problem,) = [each for each in said["problems"] if "beyond HEAD" in each["what"]]
    assert problem["health"] == "degraded"
    assert problem["what"].startswith("585 orders beyond HEAD wait for a first look")
    assert problem["since"] is not None
    remedy = "Set max_orders_per_request: "
    assert remedy in problem["remedy"]
    found = json.loads(world.run("check", "database", "--json").stdout)["findings"]
    (finding,) = [each for each in found if "beyond HEAD" in each["found"]]
    assert finding["severity"] == "warning"
    assert remedy in finding["remedy"]
    world.configure("service", min_order_age=3600)
    problems = json.loads(world.run("status", "--json").stdout)["problems"]
    assert not [each for each in problems if "beyond HEAD" in each["what"]], "they wait on purpose"
