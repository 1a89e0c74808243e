"""packaging/pacemaker: what `make cluster` plays with, held to the units in a second."""

import re
from pathlib import Path
from xml.etree import ElementTree

_PACKAGING = Path(__file__).parents[2] / "packaging"


def test_the_resource_stops_more_patiently_than_its_service() -> None:
    root = ElementTree.parse(_PACKAGING / "pacemaker" / "ordermonit.xml").getroot()
    timeouts = {each.get("name"): each.get("timeout", "") for each in root.iter("op")}
    service = (_PACKAGING / "systemd" / "ordermonit.service").read_text()
    stop = re.search(r"^TimeoutStopSec=(\d+)$", service, re.M)
    assert stop is not None
    assert timeouts["stop"] == f"{int(stop[1]) + 30}s"
    # The stop of the timer takes the cycle along, which is what that time is for.
    assert "\nPartOf=ordermonit.timer\n" in service
    (primitive,) = root.iter("primitive")
    assert (primitive.get("class"), primitive.get("type")) == ("systemd", "ordermonit.timer")
