"""What an answer of the node means."""

import re
from dataclasses import replace

import pytest

from ordermonit.configuration import Node
from ordermonit.node.answers import classify
from ordermonit.node.wire import Absent, Died, Done, Failed, Hung, RemoteError, Value
from ordermonit.orders.model import Answer, Operation, Request, Verdict
from ordermonit.text import LONGEST_ERROR

INSERT, EXISTS = Request(Operation.INSERT_ORDER, "5"), Request(Operation.ORDER_EXISTS, "5")
PATTERNS = Node(host="node", username="shop", rails_root="/srv/shop")


def raised(message: str, name: str = "RuntimeError", *ancestors: str) -> RemoteError:
    return RemoteError(name, (name, *ancestors, "StandardError", "Exception"), message)


ALREADY = raised("Order number 5 already exist on Abacos")
HIDING = raised("undefined method `update_attributes' for nil", "NoMethodError", "NameError")
REFUSED = raised("Connection refused - abacos:80", "Errno::ECONNREFUSED", "SystemCallError")
OPEN_TIMEOUT = raised("execution expired", "Net::OpenTimeout", "Timeout::Error", "RuntimeError")
READ_TIMEOUT = raised("Net::ReadTimeout", "Net::ReadTimeout", "Timeout::Error", "RuntimeError")
UNPAID = raised("Order number 5 isn't authorized")
REJECTED = raised("Erro ao inserir o pedido:5,erro:produto")


@pytest.mark.parametrize(
    ("chain", "verdict", "decisive"),
    [
        ((ALREADY,), Verdict.ALREADY_DONE, ALREADY),
        ((ALREADY, HIDING), Verdict.ALREADY_DONE, ALREADY),
        ((UNPAID,), Verdict.NOT_DUE, UNPAID),
        ((REFUSED, HIDING), Verdict.DOWN, REFUSED),
        ((OPEN_TIMEOUT,), Verdict.DOWN, OPEN_TIMEOUT),
        ((READ_TIMEOUT,), Verdict.AMBIGUOUS, READ_TIMEOUT),
        ((REJECTED,), Verdict.REJECTED, REJECTED),
        # Nothing is known of the innermost: the first that is known decides.
        ((HIDING, REFUSED), Verdict.DOWN, REFUSED),
        # Two are known: the innermost decides.
        ((REFUSED, ALREADY), Verdict.DOWN, REFUSED),
        ((ALREADY, REFUSED), Verdict.ALREADY_DONE, ALREADY),
        # None is known: the innermost is shown.
        ((REJECTED, HIDING), Verdict.REJECTED, REJECTED),
    ],
)
def test_the_first_known_exception_decides_innermost_first(
    chain: tuple[RemoteError, ...], verdict: Verdict, decisive: RemoteError
) -> None:
    answer = classify(INSERT, Failed(chain), PATTERNS)
    assert answer == Answer(verdict, f"{decisive.name}: {decisive.message}")


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (REFUSED, Verdict.DOWN),
        (READ_TIMEOUT, Verdict.AMBIGUOUS),
        (REJECTED, Verdict.AMBIGUOUS),
        (ALREADY, Verdict.AMBIGUOUS),
        (UNPAID, Verdict.AMBIGUOUS),
    ],
)
def test_what_a_check_raises_is_no_verdict_about_the_order(
    error: RemoteError, verdict: Verdict
) -> None:
    answer = classify(EXISTS, Failed((error,)), PATTERNS)
    assert answer == Answer(verdict, f"{error.name}: {error.message}")


def test_a_check_answers_yes_or_no() -> None:
    assert classify(EXISTS, Value(True), PATTERNS) == Answer(Verdict.YES)
    assert classify(EXISTS, Value(False), PATTERNS) == Answer(Verdict.NO)


@pytest.mark.parametrize("value", ["nil", '"true"', "1"])
def test_a_check_that_gives_anything_else_is_unavailable(value: str) -> None:
    answer = classify(EXISTS, Value(value), PATTERNS)
    said = f"the check order_exists gave {value}; it must answer true or false"
    assert answer == Answer(Verdict.UNAVAILABLE, said)


def test_a_check_that_is_not_there_is_unavailable() -> None:
    answer = classify(EXISTS, Absent("uninitialized constant Abacos"), PATTERNS)
    assert answer == Answer(Verdict.UNAVAILABLE, "uninitialized constant Abacos")


def test_a_task_that_ended_well_is_done() -> None:
    assert classify(INSERT, Done(), PATTERNS) == Answer(Verdict.DONE)


def test_no_end_of_a_child_says_what_it_did() -> None:
    hung, died = (
        classify(INSERT, reply, PATTERNS) for reply in (Hung(), Died("killed by SIGKILL"))
    )
    assert hung.verdict is Verdict.TIMEOUT
    assert died == Answer(Verdict.DIED, "its process died: killed by SIGKILL")
    assert hung.verdict.is_trouble
    assert died.verdict.is_trouble


def test_a_pattern_sees_the_class_each_ancestor_and_the_message() -> None:
    class Own:
        already_done = (re.compile("^Shop::Duplicate: "),)
        not_due = ()
        broken = ()
        down = (re.compile("^Shop::Error: .*gone$"),)
        ambiguous = ()

    error = raised("gone", "Shop::Duplicate", "Shop::Error")
    assert classify(INSERT, Failed((error,)), Own()).verdict is Verdict.ALREADY_DONE
    error = raised("gone", "Shop::Closed", "Shop::Error")
    assert classify(INSERT, Failed((error,)), Own()).verdict is Verdict.DOWN
    error = raised("gone fishing", "Shop::Closed", "Shop::Error")
    assert classify(INSERT, Failed((error,)), Own()).verdict is Verdict.REJECTED


@pytest.mark.parametrize(
    "error",
    [
        raised("PG::UniqueViolation: Key (cpf)=(1) already exists.", "PG::UniqueViolation"),
        raised("customer 77 already exists"),
        raised("Order number 51 already exist on Abacos"),
        raised("the key of this shop isn't authorized"),
    ],
)
def test_a_word_about_something_else_is_no_word_about_the_order(error: RemoteError) -> None:
    assert classify(INSERT, Failed((error,)), PATTERNS).verdict is Verdict.REJECTED


def test_a_pattern_of_ones_own_counts_as_it_is() -> None:
    own = replace(PATTERNS, already_done=(re.compile("customer .* already exists"),))
    error = raised("customer 77 already exists")
    assert classify(INSERT, Failed((error,)), own).verdict is Verdict.ALREADY_DONE


@pytest.mark.parametrize("said", ["Pedido 5 já existe", "PEDIDO 5 JA EXISTE", "Já foi inserido: 5"])
def test_already_is_understood_in_portuguese(said: str) -> None:
    assert classify(INSERT, Failed((raised(said),)), PATTERNS).verdict is Verdict.ALREADY_DONE


_OUTAGES = (
    *("Errno::ENOSPC", "Errno::EMFILE", "Errno::ENOMEM", "Errno::EADDRNOTAVAIL", "NoMemoryError"),
    *("Redis::CannotConnectError", "RedisClient::ConnectionError", "Faraday::ConnectionFailed"),
    *("Faraday::ServerError", "RestClient::ServiceUnavailable", "RestClient::BadGateway"),
    *(
        "Excon::Error::Socket",
        "Excon::Errors::ServiceUnavailable",
        "HTTPClient::ConnectTimeoutError",
    ),
    *("Curl::Err::ConnectionFailedError", "Curl::Err::SSLCACertificateError", "PG::AdminShutdown"),
    "PG::CannotConnectNow",
    *("PG::TooManyConnections", "PG::ReadOnlySqlTransaction"),
    *("ActiveRecord::ReadOnlyError", "Trilogy::ConnectionError"),
)


@pytest.mark.parametrize("name", _OUTAGES)
def test_an_outage_is_not_the_orders_fault(name: str) -> None:
    answer = classify(INSERT, Failed((raised("of some kind", name),)), PATTERNS)
    assert answer.verdict is Verdict.DOWN


@pytest.mark.parametrize(
    "error",
    [
        raised("uninitialized constant Abacos::InsertOrder", "NameError"),
        raised("cannot load such file -- savon", "LoadError"),
        raised("Mysql2::Error: Unknown column 'x' in 'field list'", "Mysql2::Error"),
        raised("Mysql2::Error: Table 'shop.x' doesn't exist", "ActiveRecord::StatementInvalid"),
        raised('column "x" does not exist', "PG::UndefinedColumn"),
    ],
)
def test_a_broken_deployment_is_not_the_orders_fault_either(error: RemoteError) -> None:
    assert classify(INSERT, Failed((error,)), PATTERNS).verdict is Verdict.BROKEN


def test_an_error_is_one_line_of_bounded_length() -> None:
    answer = classify(INSERT, Failed((raised("first\n  second" + "!" * 5000),)), PATTERNS)
    assert answer.error is not None
    assert answer.error.startswith("RuntimeError: first second!")
    assert len(answer.error) == LONGEST_ERROR
