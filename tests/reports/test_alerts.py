"""Alerts, from a real cycle to the server that they arrive at."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from ordermonit.orders.model import Reason, Record, Status
from ordermonit.reports.alerts.outbox import LONGEST, MOST_REFUSALS
from ordermonit.state.checkpoint import Checkpoint
from tests.parts.inbox import Hook, Mail
from tests.parts.judge import Seen
from tests.parts.processes import free_port, wait_until
from tests.parts.soap import Call
from tests.parts.world import World
from tests.reports.conftest import AlertTo


def reject_all(world: World, count: int = 1) -> list[str]:
    """So many new orders that Abacos will not have; one attempt is all they get."""
    world.configure("service", max_attempts=1)
    numbers = world.front.add_many(count, "authorized")
    world.abacos.behave("reject", numbers)
    return [str(number) for number in numbers]


def test_orders_that_were_given_up_are_one_mail_to_all_subscribers(
    world: World, alert_to: AlertTo, make_mail: Callable[..., Mail]
) -> None:
    mail = make_mail(password="geheim")
    alert_to(
        channels=[],
        smtp={
            "address": "127.0.0.1",
            "port": mail.port,
            "domain": "shop.example",
            "user_name": "monit",
            "password": "geheim",
            "enable_starttls_auto": False,
            "sender": "monit@shop.example",
        },
        subscribers=["ops@shop.example", "desk@shop.example"],
    )
    numbers = reject_all(world, 2)
    run = world.cycle()
    assert "mail to desk@shop.example took the alert" in run.stderr
    assert "geheim" not in run.stderr
    assert sorted(address for some in mail.recipients for address in some) == [
        "desk@shop.example",
        "ops@shop.example",
    ]
    assert mail.messages[0]["From"] == "monit@shop.example"
    assert "2 orders given up" in mail.messages[0]["Subject"]
    assert "produto inexistente" in mail.text()
    assert f"ordermonit retry {numbers[0]} {numbers[1]}" in mail.text()


def leave_exhausted(world: World, count: int) -> None:
    """What a cycle leaves that is killed when it has given up these orders, before it tells."""
    at, error = datetime(2026, 3, 1, tzinfo=UTC), "produto inexistente " * 20
    records = [
        Record(id, str(id), Status.EXHAUSTED, Reason.REJECTED, at, at, 9, last_error=error)
        for id in range(1, count + 1)
    ]
    (world.state / "checkpoint").write_bytes(Checkpoint(0, records).encode())


def test_what_a_killed_cycle_left_is_told_and_cut_to_what_each_channel_takes(
    world: World, alert_to: AlertTo, hook: Hook
) -> None:
    leave_exhausted(world, 12)
    hook.longest = 1000  # what Rocket.Chat takes; Apprise believes more of the other one
    rocket = f"rocket://{'a' * 17}/{'b' * 24}@{hook.address}/%23shop"
    alert_to(channels=[rocket, f"json://{hook.address}/"])
    run = world.cycle()
    assert "channel 1 (rocket) took the alert" in run.stderr
    assert "channel 2 (json) did not take the alert" in run.stderr
    (said,) = [post["text"] for post in hook.posts]
    assert "12 orders were given up" in said
    assert "ordermonit retry 1 2 3 4 5 6 7 8 9 10 11 12" in said
    assert "- order 1: produto inexistente" in said
    assert 900 < len(said) <= 1000
    memory = world.state / "alerts"
    kept = json.loads(memory.read_text())
    assert kept["refusals"] == {"channel 2 (json)": 1}
    memory.write_text(json.dumps(kept | {"refusals": {"channel 2 (json)": MOST_REFUSALS - 1}}))
    run = world.cycle()
    assert "ERROR channel 2 (json) refuses the alert each time, so it is dropped" in run.stderr
    for _ in range(2):
        world.cycle()
    assert len(hook.posts) == 2
    assert " refuses alerts\n" in hook.posts[-1]["text"]


def test_a_channel_that_is_down_hurts_no_cycle_and_gets_the_alert_later(
    world: World, alert_to: AlertTo, hook: Hook
) -> None:
    port = free_port()
    alert_to(channels=[f"json://{hook.address}/", f"json://127.0.0.1:{port}/s3cret"])
    reject_all(world)
    run = world.cycle()
    said = "WARNING channel 2 (json) did not take the alert: A Connection error"
    assert said in run.stderr
    assert "nobody listens there (connection refused)" in run.stderr
    assert "s3cret" not in run.stderr
    memory = world.state / "alerts"
    kept = json.loads(memory.read_text())
    kept["unsent"][0]["at"] = "2026-01-01T03:00:00Z"  # another second, on the fastest machine too
    memory.write_text(json.dumps(kept))
    with Hook() as late:
        alert_to(channels=[f"json://{hook.address}/", f"json://{late.address}/s3cret"])
        world.cycle()
        assert (len(hook.posts), len(late.posts)) == (1, 1)
        said = "From 2026-01-01T03:00:00Z, not sent until now"
        assert said in late.posts[0]["message"]


def test_an_alert_is_not_lost_with_the_cycle_that_sends_it(
    world: World, alert_to: AlertTo, hook: Hook
) -> None:
    hook.hangs = True
    reject_all(world)
    cycle = world.start("cycle")
    wait_until((world.state / "alerts").exists, "what is to be sent to be written")
    cycle.kill()
    cycle.wait()
    hook.hangs = False
    world.cycle()  # twice, if what the killed one has begun to send gets there as well
    assert {title.split(": ")[1] for title in hook.titles} == {"1 order given up"}


def test_a_channel_that_hangs_is_cut_off_and_the_others_have_their_alert(
    world: World, alert_to: AlertTo, hook: Hook
) -> None:
    with Hook() as hanging:
        hanging.hangs = True
        url = f"json://{hanging.address}/?rto=600"
        alert_to(channels=[url, f"json://{hook.address}/"], send_timeout=4)
        reject_all(world)
        begun = time.monotonic()
        run = world.cycle()
        assert time.monotonic() - begun < 30
        assert "channel 1 (json) did not take the alert: no answer within 4 s" in run.stderr
        assert len(hook.posts) == 1
        assert world.status()["last_cycle"]["exit"] == 0


def test_every_failed_cycle_is_told_once_and_the_recovery_once(
    world: World, alert_to: AlertTo, hook: Hook
) -> None:
    checkpoint = world.state / "checkpoint"
    good = checkpoint.read_bytes()
    checkpoint.write_bytes(b"nonsense")
    world.cycle(expect=65)
    world.cycle(expect=65)
    checkpoint.write_bytes(good)
    world.cycle()
    world.cycle()
    assert [title.split(": ")[1] for title in hook.titles] == [
        "the checkpoint is refused",
        "works again",
    ]
    assert [post["type"] for post in hook.posts] == ["failure", "success"]
    assert "ordermonit recover" in hook.posts[0]["message"]


def test_a_wrong_configuration_is_an_alert(world: World, alert_to: AlertTo, hook: Hook) -> None:
    (world.config / "service.yml").write_text("runing_cycle: soon\n")
    world.cycle(expect=78)
    assert hook.titles[0].endswith("the configuration is wrong")
    assert "did you mean running_cycle" in hook.posts[0]["message"]


def test_downtime_over_several_cycles_is_told_when_it_is_long_enough(
    world: World, alert_to: AlertTo, hook: Hook
) -> None:
    world.configure("service", running_cycle=0.3)
    alert_to(downtime=0.5, quiet_period=3600)
    world.front.add_many(1, "authorized")
    world.sshd.stop()
    while not hook.posts:
        world.cycle(expect=75)
    world.cycle(expect=75)
    world.sshd.start()
    world.configure("service", running_cycle=5)
    world.cycle()
    world.cycle()
    assert [title.split(": ")[1].split(" for")[0] for title in hook.titles] == [
        "down",
        "works again",
    ]
    assert "no attempt was charged" in hook.posts[0]["message"]


def test_a_state_directory_that_takes_no_write_is_told_once(
    world: World, alert_to: AlertTo, hook: Hook, tmp_path: Path
) -> None:
    world.front.add_many(1, "authorized")
    # Root may write everywhere, so the file's place is taken by a directory.
    for name in ("checkpoint.new", "alerts.new"):
        (world.state / name).mkdir()
    for _ in range(2):
        run = world.run("cycle", RUNTIME_DIRECTORY=str(tmp_path))
        assert run.exit_code == 74, run.stderr
    assert [title.split(": ")[1] for title in hook.titles] == [
        "the state directory can't be written"
    ]
    assert (tmp_path / "alerts").exists()
    for name in ("checkpoint.new", "alerts.new"):
        (world.state / name).rmdir()
    run = world.run("cycle", RUNTIME_DIRECTORY=str(tmp_path))
    assert hook.titles[1].endswith("works again")


def test_alerts_that_can_t_be_remembered_are_sent_all_the_same(
    world: World, alert_to: AlertTo, hook: Hook
) -> None:
    (world.state / "alerts.new").mkdir()
    reject_all(world)
    assert "can't be remembered" in world.cycle().stderr
    assert len(hook.posts) == 1


def test_a_wrong_alerts_yml_hurts_no_cycle(world: World, alert_to: AlertTo) -> None:
    alert_to(chanels=["json://geheim/"])
    [number] = reject_all(world)
    run = world.cycle()
    assert "WARNING no alert is sent: " in run.stderr
    assert "chanels: unknown key; did you mean channels?" in run.stderr
    assert "geheim" not in run.stderr
    assert world.record(number)["status"] == "EXHAUSTED"


def test_a_wrong_alerts_yml_is_not_well(world: World, alert_to: AlertTo) -> None:
    def wrong() -> list[dict[str, str]]:
        found = json.loads(world.run("status", "--json").stdout)["problems"]
        return [each for each in found if "no alert is sent" in each["what"]]

    world.cycle()
    assert wrong() == []
    alert_to(chanels=["json://geheim/"])
    [problem] = wrong()
    assert problem["health"] == "degraded"
    assert "chanels: unknown key; did you mean channels?" in problem["what"]
    assert "Correct what is named here" in problem["remedy"]


def test_a_second_cycle_beside_a_running_one_is_no_downtime(
    world: World, alert_to: AlertTo, hook: Hook
) -> None:
    alert_to(downtime=0.001)
    world.front.add_many(1, "authorized")
    world.abacos.behave("slow", seconds=30)
    first = world.start("cycle")
    lock = world.state / "lock"
    while f"pid {first.pid}" not in lock.read_text():
        assert first.poll() is None
    world.cycle(expect=75)
    world.cycle(expect=75)
    assert hook.posts == []
    assert not (world.state / "alerts").exists(), "only who has the lock remembers"


def test_a_stopped_cycle_leaves_its_alert_to_the_next(
    world: World, alert_to: AlertTo, hook: Hook
) -> None:
    reject_all(world)
    [slow] = world.front.add_many(1, "authorized")
    world.abacos.behave("slow", [slow], calls=[Call.INSERT], seconds=3)
    cycle = world.start("cycle")
    inserting = partial(world.abacos.judge.count, Seen.INSERT_CALL, slow)
    wait_until(inserting, "the slow insertion to begin")
    cycle.terminate()
    _, stderr = cycle.communicate(timeout=60)
    world.abacos.work()
    assert cycle.returncode == 0
    assert "given up" in stderr
    assert hook.posts == []
    world.cycle()
    assert hook.titles[0].endswith("1 order given up")


def test_the_ping_follows_good_cycles_alone(world: World, alert_to: AlertTo, hook: Hook) -> None:
    alert_to(channels=[], ping_url=f"http://{hook.address}/ping/s3cret")
    world.cycle()
    assert hook.gets == ["/ping/s3cret"]
    (world.state / "checkpoint").write_bytes(b"nonsense")
    world.cycle(expect=65)
    assert hook.gets == ["/ping/s3cret"]
    world.run("recover")
    hook.status = 503
    (world.state / "checkpoint").unlink(missing_ok=True)
    (world.state / "checkpoint.previous").unlink(missing_ok=True)
    world.run("init", "--from-start")
    run = world.cycle()
    assert "WARNING ping_url of alerts.yml was not fetched: it answers 503" in run.stderr
    hook.status, hook.elsewhere = 302, f"http://{hook.address}/login/s3cret"
    run = world.cycle()
    assert "not fetched: it answers 302 (redirected: name the address" in run.stderr
    assert "/login/s3cret" not in hook.gets
    assert "s3cret" not in run.stderr


def test_alert_test_says_which_channel_works(world: World, alert_to: AlertTo, hook: Hook) -> None:
    urls = [f"json://{hook.address}/", f"json://127.0.0.1:{free_port()}/", "nonsense://geheim"]
    alert_to(channels=urls)
    run = world.run("alert", "--test")
    assert run.exit_code == 75
    lines = sorted(run.stdout.splitlines())
    assert lines[0] == "channel 1 (json): took the test"
    assert lines[1].startswith("channel 2 (json): FAILED: A Connection error")
    assert lines[2].startswith("channel 3 (nonsense): FAILED: Apprise does not take its URL")
    assert "geheim" not in run.stdout
    assert f"Correct what FAILED in {world.config / 'alerts.yml'}" in run.stderr
    short, long = (post["message"] for post in hook.posts)
    assert len(short) < 200 < LONGEST - 100 < len(long.encode()) <= LONGEST
    hook.longest = LONGEST // 2
    alert_to()
    said = world.run("alert", "--test").stdout
    assert said.startswith("channel 1 (json): FAILED: it takes the short test and not the longest")
    hook.longest = LONGEST
    with Hook() as login:  # which answers whatever it is asked
        hook.status, hook.elsewhere = 302, f"http://{login.address}/login"
        said = world.run("alert", "--test").stdout
        assert said.startswith("channel 1 (json): FAILED: ")
        hook.status, hook.elsewhere = 200, ""
    run = world.run("alert", "--test", "--json")
    assert (run.exit_code, json.loads(run.stdout)) == (
        0,
        [{"channel": "channel 1 (json)", "ok": True, "error": None}],
    )


def test_alert_test_without_a_channel_is_78(world: World, alert_to: AlertTo) -> None:
    alert_to(channels=[])
    run = world.run("alert", "--test")
    assert run.exit_code == 78
    assert "nobody is alerted" in run.stderr
    (world.config / "alerts.yml").unlink()
    assert world.run("alert", "--test").exit_code == 78


def test_channels_and_the_password_come_from_credentials(
    world: World, alert_to: AlertTo, hook: Hook, make_mail: Callable[..., Mail], tmp_path: Path
) -> None:
    mail = make_mail(password="geheim")
    smtp = {"address": "127.0.0.1", "port": mail.port, "user_name": "monit"}
    smtp |= {"enable_starttls_auto": False, "sender": "monit@shop.example"}
    alert_to(channels=[], smtp=smtp, subscribers=["ops@shop.example"])
    (tmp_path / "smtp_password").write_text("geheim\n")
    (tmp_path / "alert_channels").write_text(f"# the desk\njson://{hook.address}/\n")
    run = world.run("alert", "--test", CREDENTIALS_DIRECTORY=str(tmp_path))
    assert run.exit_code == 0, run.stdout
    assert (len(mail.messages), len(hook.posts)) == (2, 2), "a short one and the longest"
