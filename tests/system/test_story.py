"""`show` and `status` where there is a journal, a timer, and users who may not read everything."""

import json

from tests.system.inside import STATE, Inside

AS_THE_SERVICE = "ordermonit"


def test_show_tells_the_story_that_the_journal_has_and_status_knows_the_timer(
    inside: Inside,
) -> None:
    machine = inside.machine
    inside.configure("service", max_attempts=2)
    good, refused = inside.sell(2)
    inside.abacos.behave("reject", [refused], message="produto inexistente")
    inside.cycle()
    inside.cycle()
    machine.run("ordermonit", "retry", refused)
    for number in (good, refused):
        _compare(inside, number)
    shown = " ".join(machine.run("ordermonit", "show", refused).stdout.split())
    for words in (
        "insert_order rejected, attempt 1 of 2: RuntimeError:",
        "given up after 2 attempts",
        "put back by",
        "the next cycle asks Abacos whether it is there",
    ):
        assert words in shown

    # Who is not in the group sees what the checkpoint has, and what is missing.
    partly = machine.run("ordermonit", "show", refused, user=AS_THE_SERVICE).stdout
    assert "systemd-journal" in partly
    assert "given up" not in partly
    assert "FAILED, REJECTED" in partly
    machine.run("usermod", "--append", "--groups=systemd-journal", AS_THE_SERVICE)
    assert "given up" in machine.run("ordermonit", "show", refused, user=AS_THE_SERVICE).stdout

    # The timer is off until it is enabled; then it says when it fires.
    status = json.loads(machine.run("ordermonit", "status", "--json").stdout)
    assert status["health"] == "stopped"
    assert status["timer"]["next_at"] is None
    machine.run("systemctl", "enable", "--now", "ordermonit.timer")
    cycles = machine.disk.path(f"{STATE}/cycles")
    machine.wait(lambda: len(cycles.read_text().splitlines()) == 3, "the timer's first cycle")
    machine.wait(lambda: _state(inside) == "inactive", "its end")
    shown = machine.run("ordermonit", "status").stdout
    assert "next cycle  in 9 min" in shown or "next cycle  in 10 min" in shown

    # A configuration that no cycle can read is known from systemd alone.
    machine.write("/etc/ordermonit/service.yml", "runing_cycle: 2\n", 0o640)
    inside.cycle(expect=78)
    status = json.loads(machine.run("ordermonit", "status", "--json").stdout)
    assert status["health"] == "down"
    assert "exit 78" in status["problems"][0]["what"]


def _state(inside: Inside) -> str:
    return inside.machine.show("ordermonit.service", "ActiveState")["ActiveState"]


def _compare(inside: Inside, number: str) -> None:
    """Entry by entry: when, what, and what it was about."""
    machine = inside.machine
    story = json.loads(machine.run("ordermonit", "show", number, "--json").stdout)
    entries = machine.journal(f"ORDER_NUMBER={number}")
    assert [each["event"] for each in story["journal"]] == inside.story(number)
    assert len(entries) >= 3
    for told, entry in zip(story["journal"], entries, strict=True):
        assert told["message"] == entry["MESSAGE"]
        assert told["message_id"] == entry["MESSAGE_ID"]
        assert told["operation"] == entry.get("OPERATION")
        assert told["error"] == entry.get("ERROR")
        assert (told["attempt"] or 0) == int(entry.get("ATTEMPT", 0))
        assert round((told["duration"] or 0) * 1e6) == int(entry.get("DURATION_USEC", 0))
    assert story["journal_error"] is None
    assert story["first_seen"] is not None
    assert story["record"]["number"] == number
