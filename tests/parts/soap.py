"""The SOAP messages of Abacos' order service that the stand-in understands, and its answers.

Names and shapes are those of the service's interface description (AbacosWSPedidos.wsdl), with one
addition: it has no question about a payment, so `PagamentoConfirmado` stands for the way that a
shop has of its own.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from xml.etree import ElementTree
from xml.sax.saxutils import escape

NAMESPACE = "http://www.kplsolucoes.com.br/ABACOSWebService"
_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"


class Call(StrEnum):
    """What can be asked of Abacos."""

    EXISTS = "PedidoExiste"
    INSERT = "InserirPedido"
    CONFIRM = "ConfirmarPagamentosPedidos"
    CONFIRMED = "PagamentoConfirmado"


#: The elements of a request that hold an order's number, and those of the answer's rows.
_NUMBERS = {
    Call.EXISTS: "ListaDeNumerosDePedidos/string",
    Call.INSERT: "ListaDePedidos/DadosPedidos/NumeroDoPedido",
    Call.CONFIRM: "ListaDePagamentos/DadosPgtoPedido/NumeroPedido",
    Call.CONFIRMED: "ListaDeNumerosDePedidos/string",
}
_ROWS = {
    Call.EXISTS: ("DadosPedidosExistentes", "NumeroDoPedido"),
    Call.INSERT: ("DadosPedidosResultado", "NumeroDoPedido"),
    Call.CONFIRM: ("DadosPgtoPedidoResultado", "NumeroPedido"),
    Call.CONFIRMED: ("DadosPagamentos", "NumeroDoPedido"),
}


class NotUnderstoodError(Exception):
    """The request is none of the service's."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call, about one or more orders."""

    call: Call
    numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the service says of one order. `found` is for the two questions."""

    number: str
    error: str | None = None
    found: bool | None = None


def parse(body: bytes, action: str) -> Request:
    """A request from its body and SOAPAction header. Raises NotUnderstoodError."""
    try:
        content = ElementTree.fromstring(body).find(f"{{{_ENVELOPE}}}Body/*")
        namespace, _, name = ("" if content is None else content.tag).rpartition("}")
        call = Call(name)
    except (ElementTree.ParseError, ValueError) as problem:
        raise NotUnderstoodError(f"neither SOAP nor a known operation: {problem}") from problem
    if namespace != "{" + NAMESPACE or action.strip('"') != f"{NAMESPACE}/{call}":
        raise NotUnderstoodError(f"namespace {namespace}, SOAPAction {action}")
    assert content is not None
    path = "/".join(f"{{{NAMESPACE}}}{step}" for step in _NUMBERS[call].split("/"))
    numbers = tuple(element.text or "" for element in content.iterfind(path))
    if not numbers:
        raise NotUnderstoodError(f"{call} without {_NUMBERS[call]}")
    if call is Call.CONFIRM:
        status = content.findtext(f".//{{{NAMESPACE}}}StatusPagamento")
        if status != "speConfirmado":
            raise NotUnderstoodError(f"{call} with StatusPagamento {status}")
    return Request(call, numbers)


def answer(call: Call, outcomes: Iterable[Outcome]) -> bytes:
    """The response with one row an order."""
    tag, number_tag = _ROWS[call]
    rows = "".join(
        f"<{tag}><{number_tag}>{escape(outcome.number)}</{number_tag}>"
        f"{_status(call, outcome)}{_result('Resultado', outcome.error)}</{tag}>"
        for outcome in outcomes
    )
    return _envelope(
        f'<{call}Response xmlns="{NAMESPACE}"><{call}Result>'
        f"<VersaoWebService>5.0B.0057</VersaoWebService>{_result('ResultadoOperacao', None)}"
        f"<Rows>{rows}</Rows></{call}Result></{call}Response>"
    )


def _status(call: Call, outcome: Outcome) -> str:
    if outcome.found is None:
        return ""
    found = f"<Existente>{str(outcome.found).lower()}</Existente>"
    if call is Call.CONFIRMED:
        return f"<Confirmado>{str(outcome.found).lower()}</Confirmado>"
    return f"{found}<StatusAtual>{_current(outcome.found)}</StatusAtual>"


def _current(exists: bool) -> str:
    return "tspeeEmAndamento" if exists else "tspeeNaoEncontrado"


def _result(tag: str, error: str | None) -> str:
    code, text, kind = (200001, "Sucesso", "tdreSucesso")
    if error is not None:
        code, text, kind = (300003, error, "tdreErroDados")
    return (
        f"<{tag}><Codigo>{code}</Codigo><Descricao>{escape(text)}</Descricao>"
        f"<Tipo>{kind}</Tipo></{tag}>"
    )


def fault(message: str, code: str = "soap:Server") -> bytes:
    """A SOAP fault."""
    return _envelope(
        f"<soap:Fault><faultcode>{code}</faultcode>"
        f"<faultstring>{escape(message)}</faultstring></soap:Fault>"
    )


def _envelope(content: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<soap:Envelope xmlns:soap="{_ENVELOPE}"><soap:Body>{content}</soap:Body></soap:Envelope>'
    ).encode()
