"""alerts.yml: optional, and as strict as the others."""

from pathlib import Path
from typing import Any

import pytest

from ordermonit.configuration.alerts import Alerts, load_alerts
from ordermonit.errors import ConfigurationError
from tests.configuration.settings import SAMPLES

SMTP = (
    "smtp: {address: mail.shop, user_name: me@shop, password: p/w}\nsubscribers: [b@shop, a@shop]\n"
)


def load(directory: Path, text: str, **credentials: str) -> Alerts:
    """The settings of this file, with these credentials."""
    (directory / "alerts.yml").write_text(text)
    for name, secret in credentials.items():
        (directory / name).write_text(secret)
    environ = {"CREDENTIALS_DIRECTORY": str(directory)} if credentials else {}
    found = load_alerts(directory, environ)
    assert found is not None
    return found


def refused(directory: Path, text: str, **credentials: str) -> list[str]:
    """What is said about it."""
    with pytest.raises(ConfigurationError) as problem:
        load(directory, text, **credentials)
    return [line.removeprefix(f"{directory}/") for line in problem.value.message.split("\n")]


def test_without_the_file_nobody_is_alerted(tmp_path: Path) -> None:
    assert load_alerts(tmp_path, {}) is None
    assert load_alerts(tmp_path / "nowhere", {}) is None


def test_the_sample_is_all_defaults() -> None:
    assert load_alerts(SAMPLES, {}) == Alerts()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("", {"port": 587, "security": "starttls", "openssl_verify_mode": True, "password": "p/w"}),
        (", port: 465", {"port": 465, "security": "tls"}),
        (", port: 25, enable_starttls_auto: false", {"port": 25, "security": "none"}),
        (", enable_starttls_auto: false, enable_starttls: true", {"security": "starttls"}),
        (", sender: o@shop", {"sender": "o@shop"}),
        (", domain: shop, authentication: plain, open_timeout: 5", {"user_name": "me@shop"}),
        (", openssl_verify_mode: none", {"openssl_verify_mode": False}),
        (", openssl_verify_mode: ':none'", {"openssl_verify_mode": False}),
        (", openssl_verify_mode: 1", {"openssl_verify_mode": True}),
        (", ca_file: alerts.yml", {"ca_file": "HERE/alerts.yml"}),
    ],
)
def test_rails_settings_of_the_mail_server_are_understood(
    tmp_path: Path, settings: str, expected: dict[str, object]
) -> None:
    smtp = load(tmp_path, SMTP.replace("p/w", f"p/w{settings}")).smtp
    assert smtp is not None
    found = {name: smtp[name] for name in expected}
    assert found == {
        name: value.replace("HERE", str(tmp_path)) if isinstance(value, str) else value
        for name, value in expected.items()
    }


def test_credentials_add_channels_and_replace_the_password(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        f"channels: ['json://one/']\n{SMTP}",
        smtp_password="other\n",
        alert_channels="# mine\n\nntfy://two/\njson://three/\n",
    )
    assert found.channels == ("json://one/", "ntfy://two/", "json://three/")
    assert found.smtp is not None
    assert found.smtp["password"] == "other"
    assert "two" not in repr(found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("channels: json://x", "channels: found text (not shown), expected a list of Apprise URLs"),
        ("channels: [x, 7]", "channels[0]: found text (not shown), expected a URL"),
        ("subscribers: [a@shop]", "smtp: missing; expected the mail server"),
        ("smtp: {address: h}", "subscribers: missing; expected whom"),
        ("smtp: {port: 25}\nsubscribers: [a@b]", "smtp.address: missing; expected the mail"),
        ("smtp: {adress: h}\nsubscribers: [a@b]", "smtp.adress: unknown key; did you mean address"),
        ("smtp: {address: h}\nsubscribers: [root]", "subscribers: found 'root', expected a list"),
        (
            "smtp: {address: h, openssl_verify_mode: maybe}\nsubscribers: [a@b]",
            'smtp.openssl_verify_mode: found "maybe", expected peer or none',
        ),
        (
            "smtp: {address: h, ca_file: /gone.pem}\nsubscribers: [a@b]",
            "smtp.ca_file: /gone.pem can't be read; expected a file of certificates",
        ),
        ("lag: -1", "lag: found -1, expected a number of seconds greater than 0"),
        ("quiet_period: soon", 'quiet_period: found "soon", expected a number of seconds'),
        ("ping_url: ftp://x", "ping_url: found another URL (not shown), expected http://"),
        ("pingurl: https://x/s3cret", "pingurl: unknown key; did you mean ping_url?"),
        ("[", "line 2, column 1: found did not find expected node content"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, text: str, said: str) -> None:
    problems = refused(tmp_path, text)
    assert problems[0].startswith(f"alerts.yml: {said}"), problems
    assert "s3cret" not in problems[0]


def test_a_wrong_credential_is_named_without_its_text(tmp_path: Path) -> None:
    (problem,) = refused(tmp_path, "", alert_channels="s3cret\n")
    assert problem.startswith("credential alert_channels: channels[0]: found text (not shown)")


def test_no_setting_can_be_changed() -> None:
    alerts: Any = Alerts()
    with pytest.raises((AttributeError, TypeError)):
        alerts.channels = ()
