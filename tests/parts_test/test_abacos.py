"""The stand-in for Abacos and its judge."""

import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.parts.abacos import Abacos, Mood, Remote
from tests.parts.judge import Judge, Seen
from tests.parts.processes import wait_until
from tests.parts.soap import NAMESPACE, Call

_LISTS = {
    Call.EXISTS: "<ListaDeNumerosDePedidos><string>{}</string></ListaDeNumerosDePedidos>",
    Call.CONFIRMED: "<ListaDeNumerosDePedidos><string>{}</string></ListaDeNumerosDePedidos>",
    Call.INSERT: "<ListaDePedidos><DadosPedidos><NumeroDoPedido>{}</NumeroDoPedido>"
    "</DadosPedidos></ListaDePedidos>",
    Call.CONFIRM: "<ListaDePagamentos><DadosPgtoPedido><NumeroPedido>{}</NumeroPedido>"
    "<StatusPagamento>speConfirmado</StatusPagamento></DadosPgtoPedido></ListaDePagamentos>",
}


def call(url: str, what: Call, number: int) -> str:
    """The answer's text. Raises OSError when there is none, HTTPError on an HTTP error."""
    body = (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>'
        f'<{what} xmlns="{NAMESPACE}"><ChaveIdentificacao>k</ChaveIdentificacao>'
        f"{_LISTS[what].format(number)}</{what}></e:Body></e:Envelope>"
    )
    request = urllib.request.Request(
        url, body.encode(), {"SOAPAction": f'"{NAMESPACE}/{what}"', "Content-Type": "text/xml"}
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return str(response.read().decode(errors="replace"))


def test_what_was_inserted_exists_and_is_not_inserted_again(abacos: Abacos) -> None:
    assert "tspeeNaoEncontrado" in call(abacos.url, Call.EXISTS, 7)
    assert "tdreErro" not in call(abacos.url, Call.INSERT, 7)
    assert "tspeeEmAndamento" in call(abacos.url, Call.EXISTS, 7)
    assert "Pedido 7 já existe" in call(abacos.url, Call.INSERT, 7)
    assert abacos.judge.inserted_count(7) == 1
    assert abacos.judge.double_insert_count(7) == 1
    assert abacos.judge.asked_count(7) == 2


def test_every_confirmation_of_an_order_counts(abacos: Abacos) -> None:
    assert "Pedido 7 não encontrado" in call(abacos.url, Call.CONFIRM, 7)
    abacos.judge.hold([7])
    assert "<Confirmado>false" in call(abacos.url, Call.CONFIRMED, 7)
    for _ in range(2):
        assert "tdreErro" not in call(abacos.url, Call.CONFIRM, 7)
    assert "<Confirmado>true" in call(abacos.url, Call.CONFIRMED, 7)
    assert abacos.judge.confirmed_count(7) == 2


def test_an_effect_whose_answer_was_dropped_is_counted(abacos: Abacos) -> None:
    abacos.behave(Mood.DROP_AFTER, [7], calls=[Call.INSERT], times=1)
    with pytest.raises(OSError, match=r"reset|without response"):
        call(abacos.url, Call.INSERT, 7)
    assert abacos.judge.inserted_count(7) == 1
    assert "já existe" in call(abacos.url, Call.INSERT, 7)


@pytest.mark.parametrize(("mood", "effects"), [(Mood.HANG, 0), (Mood.STALL, 1)])
def test_a_call_hangs_until_it_is_released(abacos: Abacos, mood: Mood, effects: int) -> None:
    abacos.behave(mood, [7])
    ended = threading.Event()

    def ask() -> None:
        with pytest.raises(OSError, match=r"reset|without response"):
            call(abacos.url, Call.INSERT, 7)
        ended.set()

    asking = threading.Thread(target=ask)
    asking.start()
    wait_until(lambda: abacos.judge.count(Seen.INSERT_CALL, 7), "the call")
    assert "tspeeNaoEncontrado" in call(abacos.url, Call.EXISTS, 8)
    assert not ended.is_set()
    abacos.work()
    asking.join()
    assert ended.is_set()
    assert abacos.judge.inserted_count(7) == effects


def test_what_is_no_call_of_the_service_gets_a_fault(abacos: Abacos) -> None:
    with pytest.raises(urllib.error.HTTPError) as told:
        urllib.request.urlopen(abacos.url, b"<hello/>", timeout=10)
    with told.value as answer:
        assert b"soap:Client" in answer.read()
    assert abacos.judge.entries() == []


def test_as_a_process_it_is_steered_and_killed_without_a_loss(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.parts.abacos", "--dir", str(tmp_path)]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    try:
        wait_until((tmp_path / "abacos.json").exists, "the stand-in to be up")
        abacos = Remote(tmp_path)
        abacos.behave("reject", [7], message="não")
        assert "não" in call(abacos.url, Call.INSERT, 7)
        abacos.work()
        call(abacos.url, Call.INSERT, 7)
        abacos.down()
        with pytest.raises(OSError, match="refused"):
            call(abacos.url, Call.EXISTS, 7)
        abacos.up()
        assert "tspeeEmAndamento" in call(abacos.url, Call.EXISTS, 7)
    finally:
        process.kill()
        process.wait()
    judge = Judge(tmp_path / "judge.log")
    assert judge.inserted_count(7) == 1
    assert judge.numbers(Seen.INSERT_CALL, Seen.REJECTED) == ["7", "7", "7"]
