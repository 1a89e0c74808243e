"""What the status page says, and what it never does."""

from pathlib import Path

from tests.parts.world import World


def test_the_page_has_no_word_that_others_wrote(world: World, tmp_path: Path) -> None:
    page = tmp_path / "status.html"
    world.configure("process", status_page=str(page))
    world.run("init", "--from-start")
    number = world.front.add_many(1, "authorized")[0]
    odd = world.front.add("123.456.789-00 Maria", "authorized")
    world.abacos.behave("reject", [number], message="CPF 98765432100, Rua das Flores")
    world.cycle()
    shown = page.read_text()
    assert f"1 order rejected ({number})" in shown
    assert f"ordermonit dismiss id:{odd}" in shown
    assert "degraded" in shown

    world.abacos.down()
    world.configure("service", running_cycle=1, downtime_wait=0.1)
    world.cycle(expect=75)
    down = page.read_text()
    assert "the last cycle failed (exit 75): the database, the node or Abacos is down" in down

    world.run("pause", "--because", "Joana looks into it")
    world.cycle()
    paused = page.read_text()
    assert "A person has paused it" in paused
    world.run("resume")

    (world.state / "checkpoint").write_bytes(b"nonsense")
    world.cycle(expect=65)
    damaged = page.read_text()
    assert "The checkpoint can't be read" in damaged
    assert "exit 65" in damaged
    for text in (shown, down, paused, damaged):
        for secret in ("123.456", "Maria", "98765432100", "Flores", "Joana", "127.0.0.1"):
            assert secret not in text
        assert str(world.state) not in text
    assert page.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.glob("status.html*")) == [page]
