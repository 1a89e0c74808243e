"""Mail to subscribers, on real mail servers: whom it reaches, and what is said of the others."""

import ssl
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ordermonit.configuration.alerts import Alerts, load_alerts
from ordermonit.reports.alerts.delivery import deliver
from ordermonit.reports.alerts.memory import Message
from ordermonit.reports.alerts.outbox import Outcome, channels
from tests.parts.inbox import Mail
from tests.parts.processes import free_port

LETTER = Message("monit: 1 order given up", "Ação: pedido 7", datetime(2026, 3, 1, tzinfo=UTC))
PASSWORD = "ç€ geheim"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and its certificate for 127.0.0.1, signed by itself, in one file."""
    file = tmp_path_factory.mktemp("certificate") / "both.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-nodes", "-subj", "/CN=mail"]
    command += [
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
    ]
    command += ["-keyout", "-", "-out", "-"]
    file.write_bytes(subprocess.run(command, capture_output=True, check=True).stdout)
    ssl.create_default_context(cafile=file)
    return file


Settings = Callable[..., Alerts]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """alerts.yml with this mail server."""

    def write(port: int, *subscribers: str, **smtp: object) -> Alerts:
        found = {"address": "127.0.0.1", "port": port, "sender": "monit@shop.example"} | smtp
        text = f"smtp: {found}\nsubscribers: {list(subscribers) or ['ops@shop.example']}\n"
        (tmp_path / "alerts.yml").write_text(text.replace("True", "true").replace("False", "false"))
        alerts = load_alerts(tmp_path, {})
        assert alerts is not None
        return alerts

    return write


def sent(alerts: Alerts) -> dict[str, Outcome]:
    """What becomes of a letter to each subscriber."""
    return deliver(dict.fromkeys(channels(alerts), LETTER), alerts)


def why(alerts: Alerts) -> str:
    """Why the one subscriber did not get it; it is no secret."""
    (outcome,) = sent(alerts).values()
    assert outcome.problem is not None
    assert "geheim" not in outcome.problem
    return outcome.problem


def test_every_address_gets_its_own_mail_whatever_becomes_of_the_others(
    settings: Settings, make_mail: Callable[..., Mail]
) -> None:
    mail = make_mail(password=PASSWORD, nobody=frozenset({"gone@shop.example"}))
    who = ("o'neil@shop.example", "josé@lojá.example", "ops@lojá.example", "gone@shop.example")
    user = {"user_name": "monição", "password": PASSWORD, "enable_starttls_auto": False}
    outcomes = sent(settings(mail.port, *who, **user))
    refused = outcomes.pop("mail to gone@shop.example")
    said = "it refuses the address: (550, b'no such user here')"
    assert refused == Outcome(f"127.0.0.1:{mail.port}: {said}", is_refused=True)
    assert set(outcomes.values()) == {Outcome()}
    assert sorted(mail.recipients) == [
        ["josé@xn--loj-gla.example"],
        ["o'neil@shop.example"],
        ["ops@xn--loj-gla.example"],
    ]
    assert {message["Subject"] for message in mail.messages} == {LETTER.title}
    assert mail.text().strip() == LETTER.body


def test_what_is_wrong_with_the_server_or_the_login_is_said_with_the_key(
    settings: Settings, make_mail: Callable[..., Mail]
) -> None:
    mail = make_mail(password="right", takes_utf8=False)
    clear = {"enable_starttls_auto": False}
    for user, password in (("monit", "geheim"), ("monit", PASSWORD), ("joão", "geheim")):
        alerts = settings(mail.port, user_name=user, password=password, **clear)
        assert "wrong user name or password: 535 " in why(alerts)
        assert "smtp.password" in why(alerts)
    assert "it has no STARTTLS, so nothing was sent in the clear" in why(settings(mail.port))
    login = {"user_name": "monit", "password": "right"}
    assert "letters beyond ASCII" in why(settings(mail.port, "josé@shop.example", **login, **clear))
    assert "530 Authentication required" in why(settings(mail.port, **clear))
    assert mail.messages == []
    closed = free_port()
    assert f"127.0.0.1:{closed}: nobody listens there" in why(settings(closed))
    assert "unknown host; correct smtp.address" in why(settings(25, address="mail.invalid"))


def test_the_certificate_is_checked_as_the_file_says(
    settings: Settings, make_mail: Callable[..., Mail], certificate: Path, tmp_path: Path
) -> None:
    mail = make_mail(certificate=certificate)
    own = {"ca_file": str(certificate)}
    assert "its certificate is not trusted: self-signed certificate; name" in why(
        settings(mail.port)
    )
    for smtp in ({"openssl_verify_mode": "none"}, own, {"openssl_verify_mode": 0}):
        assert set(sent(settings(mail.port, **smtp)).values()) == {Outcome()}
    # The port decides: 465 is TLS from its beginning.
    tls = make_mail(certificate=certificate, is_tls=True)
    alerts = settings(465, **own)
    found = alerts.smtp or {}
    there = replace(alerts, smtp={**found, "port": tls.port})
    assert set(sent(there).values()) == {Outcome()}
    elsewhere = replace(alerts, smtp={**found, "port": mail.port})
    assert "it does not speak TLS there from the beginning" in why(elsewhere)
    assert (len(mail.messages), len(tls.messages)) == (3, 1)
