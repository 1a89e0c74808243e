"""Databases over TLS: what is encrypted, whom we trust, and what is said of the others."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pymysql
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from ordermonit import configuration
from ordermonit.front.connection import opened
from tests.conftest import MakeDatabase
from tests.parts.databases import PASSWORD, Kind
from tests.parts.front import Front
from tests.parts.mariadb import MariaDB
from tests.parts.place import Place
from tests.parts.postgres import Postgres, reload_rules
from tests.parts.processes import private_directory

_USERS = {Kind.MARIADB: "mysql", Kind.POSTGRES: "postgres"}
_CIPHERS = {
    Kind.MARIADB: "SHOW STATUS LIKE 'Ssl_cipher'",
    Kind.POSTGRES: "SELECT coalesce(cipher, '') FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
}
_CHECKED = {
    Kind.MARIADB: ("sslca", "ssl_mode", {False: "verify_ca", True: "verify_identity"}),
    Kind.POSTGRES: ("sslrootcert", "sslmode", {False: "verify-ca", True: "verify-full"}),
}


def _certified(directory: Path, user: str) -> None:
    """A key and its certificate for 127.0.0.1, signed by itself: its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a database")])
    now = datetime.now(UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(here, critical=False)
        .sign(key, hashes.SHA256())
    )
    (directory / "certificate").write_bytes(certificate.public_bytes(Encoding.PEM))
    secret = directory / "key"
    secret.touch(mode=0o600)
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    shutil.chown(secret, user, user)


class Served:
    """A server over TLS, and a configuration that names it."""

    def __init__(self, server: MariaDB | Postgres, certificates: Path, place: Place) -> None:
        self.certificate = certificates / "certificate"
        self._place = place
        self._front = Front(server.fresh_database())
        self._front.engine.dispose()
        self.kind = self._front.kind

    def configure(self, *, host: str = "127.0.0.1", **keys: object) -> None:
        self._place.configure(**(self._front.settings() | {"host": host} | keys))

    def check(self, authorities: Path, *, name: bool, host: str = "127.0.0.1", **keys: str) -> None:
        """Configure it so that the certificate is checked, and its name too if asked."""
        file, mode, modes = _CHECKED[self.kind]
        self.configure(host=host, **{file: str(authorities), mode: modes[name]}, **keys)

    def cipher(self) -> str:
        """What the connection is encrypted with; empty if it isn't."""
        with opened(configuration.load(self._place.directory).database) as connection:
            return str(connection.exec_driver_sql(_CIPHERS[self.kind]).one()[-1])

    def reload(self) -> None:
        """PostgreSQL reads its rules anew."""
        reload_rules(self._front.engine)

    def refusal(self) -> str:
        """What a cycle says that must end with a wrong configuration."""
        run = self._place.run("cycle")
        assert run.exit_code == 78, run
        return run.stderr


@pytest.fixture(scope="module", params=_USERS, ids=str)
def server(request: pytest.FixtureRequest) -> Iterator[tuple[MariaDB | Postgres, Path]]:
    kind = request.param
    directory = private_directory("tls", _USERS[kind])
    _certified(directory, _USERS[kind])
    certificate, key = directory / "certificate", directory / "key"
    made: MariaDB | Postgres
    if kind is Kind.MARIADB:
        made = MariaDB(ssl_cert=certificate, ssl_key=key)
    else:
        made = Postgres(ssl="on", ssl_cert_file=certificate, ssl_key_file=key)
    with made as running:
        yield running, directory
    shutil.rmtree(directory)


@pytest.fixture
def served(server: tuple[MariaDB | Postgres, Path], place: Place) -> Served:
    return Served(*server, place)


def test_a_connection_is_encrypted_where_the_server_can(served: Served) -> None:
    served.configure()
    assert served.cipher()


def test_encryption_may_be_demanded_without_an_authority(served: Served) -> None:
    mode = {Kind.MARIADB: {"ssl_mode": "required"}, Kind.POSTGRES: {"sslmode": "require"}}
    served.configure(**mode[served.kind])
    assert served.cipher()


def test_a_server_that_demands_encryption_says_so(
    server: tuple[MariaDB | Postgres, Path], place: Place
) -> None:
    running, _ = server
    served = Served(*server, place)
    if isinstance(running, Postgres):
        rules = running.directory / "data" / "pg_hba.conf"
        before = rules.read_text()
        rules.write_text(before.replace("\nhost ", "\nhostssl "))
        served.configure(sslmode="disable")
        served.reload()
        assert "Take `sslmode: disable` out there, if the server demands" in served.refusal()
        rules.write_text(before)
        served.reload()
        return
    served.configure(ssl_mode="disabled")
    root = pymysql.connect(unix_socket=str(running.socket), user="root", autocommit=True)
    with root, root.cursor() as cursor:
        cursor.execute("SET GLOBAL require_secure_transport = ON")
        refusal = served.refusal()
        cursor.execute("SET GLOBAL require_secure_transport = OFF")
        assert "ake `ssl_mode: disabled` out" in refusal
        cursor.execute(f"CREATE USER sealed IDENTIFIED BY '{PASSWORD}' REQUIRE SSL")
    served.configure(ssl_mode="disabled", username="sealed")
    assert "or take `ssl_mode: disabled` out: the account may demand" in served.refusal()


def test_no_authority_is_read_where_none_is_configured(
    make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/as-before.pem")
    url = make_database(Kind.MARIADB).url.render_as_string(hide_password=False)
    with opened(configuration.Database(url=url)) as connection:
        driver: Any = connection.connection.driver_connection
        assert driver.ctx.cert_store_stats()["x509_ca"] == 0
    assert os.environ["SSL_CERT_FILE"] == "/etc/as-before.pem"


def test_nothing_is_encrypted_where_that_is_switched_off(served: Served) -> None:
    mode = {Kind.MARIADB: {"ssl_mode": "disabled"}, Kind.POSTGRES: {"sslmode": "disable"}}
    served.configure(**mode[served.kind])
    assert not served.cipher()


@pytest.mark.parametrize("name", [True, False])
def test_a_certificate_of_a_known_authority_is_trusted(served: Served, name: bool) -> None:
    served.check(served.certificate, name=name)
    assert served.cipher()


def test_a_name_in_a_certificate_counts_only_where_it_is_checked(served: Served) -> None:
    # To mysql2 localhost is a socket.
    adapter = {Kind.MARIADB: "trilogy", Kind.POSTGRES: "postgis"}[served.kind]
    served.check(served.certificate, name=False, host="localhost", adapter=adapter)
    assert served.cipher()
    served.check(served.certificate, name=True, host="localhost", adapter=adapter)
    assert "there is no trusted connection to" in served.refusal()


def test_a_certificate_of_nobody_known_is_refused(served: Served, tmp_path: Path) -> None:
    _certified(tmp_path, "root")
    served.check(tmp_path / "certificate", name=False)
    refusal = served.refusal()
    assert "there is no trusted connection to" in refusal
    file, mode, _ = _CHECKED[served.kind]
    assert f"Correct {mode} and {file}" in refusal


def test_a_file_that_is_no_authority_is_named(served: Served, tmp_path: Path) -> None:
    file, _, _ = _CHECKED[served.kind]
    wrong = tmp_path / "authorities"
    served.check(wrong, name=False)
    assert str(wrong) in served.refusal()
    wrong.write_text("no certificate")
    refusal = served.refusal()
    assert str(wrong) in refusal
    assert file in refusal
    served.check(served.certificate, name=False, sslcert=str(served.certificate), sslkey="/none")
    refusal = served.refusal()
    assert "/none" in refusal
    assert f"{file} {served.certificate}" not in refusal


@pytest.mark.parametrize("kind", _USERS, ids=str)
def test_a_server_without_tls_is_refused_where_it_is_required(
    place: Place, make_database: MakeDatabase, kind: Kind, tmp_path: Path
) -> None:
    front = Front(make_database(kind))
    front.engine.dispose()
    _certified(tmp_path, "root")
    file, mode, _ = _CHECKED[kind]
    required = {Kind.MARIADB: "required", Kind.POSTGRES: "require"}[kind]
    place.configure(**front.settings(), **{file: str(tmp_path / "certificate"), mode: required})
    run = place.run("cycle")
    assert run.exit_code == 78
    assert "there is no trusted connection to" in run.stderr
