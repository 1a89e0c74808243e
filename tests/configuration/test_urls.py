"""database.yml: URLs, alone and beside other keys, and what they and the keys say of encryption."""

import ssl
from pathlib import Path

import pytest

from tests.configuration.drivers import MYSQL, arguments, database
from tests.configuration.settings import problems, write


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mysql://shop:pw@db/shop", "mysql+pymysql://shop:pw@db/shop?charset=utf8mb4"),
        (
            "mysql2://shop@db:3307/shop?pool=5&encoding=utf8",
            "mysql+pymysql://shop@db:3307/shop?charset=utf8",
        ),
        (
            "jdbc:mysql://localhost/shop?user=a&password=b%40&useSSL=false&serverTimezone=UTC",
            "mysql+pymysql://a:b%40@localhost/shop?charset=utf8mb4&protocol=tcp&ssl_mode=disabled",
        ),
        ("postgis://db/shop?ssl=true", "postgresql+psycopg://db/shop?sslmode=require"),
        (
            "postgres://db/shop?options=-c%20search_path%3Dspree&keepalives=0&pool=5",
            "postgresql+psycopg://db/shop?options=-c+search_path%3Dspree&keepalives=0",
        ),
        (
            "jdbc:postgresql://db/shop?currentSchema=spree",
            "postgresql+psycopg://db/shop?search_path=spree",
        ),
        ("postgres://shop:pw@[::1]:5433/shop", "postgresql+psycopg://shop:pw@[::1]:5433/shop"),
        ("postgresql://shop@/shop?host=/run", "postgresql+psycopg://shop@/shop?host=%2Frun"),
        ("postgresql+psycopg://db/shop", "postgresql+psycopg://db/shop"),
        ("postgresql://a,b:5433/shop", "postgresql+psycopg://a,b:5433/shop"),
        ("sqlite:////srv/shop.db", "sqlite:////srv/shop.db"),
        ("sqlite3:////srv/shop.db", "sqlite:////srv/shop.db"),
        ("sqlite:///file:/srv/a.db?mode=ro&uri=true", "sqlite:///file:/srv/a.db?mode=ro&uri=true"),
    ],
)
def test_urls(tmp_path: Path, url: str, expected: str) -> None:
    found = database(tmp_path, f"url: {url}")
    assert found.url == expected
    assert arguments(found)


def test_a_relative_url_of_sqlite_lies_beside_the_configuration(tmp_path: Path) -> None:
    assert database(tmp_path, "url: sqlite:///shop.db").url == f"sqlite:///{tmp_path}/shop.db"


def test_a_url_within_a_rails_file(tmp_path: Path) -> None:
    found = database(tmp_path, "production:\n  url: postgres://a:b@c/d\n  encoding: unicode\n")
    assert found.url == "postgresql+psycopg://a:b@c/d"


def test_a_url_goes_before_the_keys_beside_it_where_it_says_something(tmp_path: Path) -> None:
    text = (
        "adapter: postgresql\nhost: [1]\nport: 7\nusername: shop\npassword: <%= x() %>\n"
        "database: other\nurl: mysql2://:pw@db/shop%2Done?encoding=latin1\nencoding: klingon\n"
    )
    found = database(tmp_path, text)
    assert found.url == "mysql+pymysql://shop:pw@db:7/shop-one?charset=latin1"


# ---- Encryption


@pytest.mark.parametrize(
    "keys",
    [
        f"{MYSQL}ssl_mode: required\n",
        f"{MYSQL}ssl_mode: :required\n",
        f"{MYSQL}ssl_mode: SSL_MODE_REQUIRED\n",
        f"{MYSQL}sslmode: required\n",
        "adapter: trilogy\ndatabase: shop\nssl: true\n",
        "url: mysql://db/shop?ssl-mode=REQUIRED\n",
        "url: mysql2://db/shop?sslMode=REQUIRED\n",
        "url: mysql://db/shop?sslaccept=accept_invalid_certs\n",
        "url: jdbc:mysql://db/shop?requireSSL=true\n",
        "url: trilogy://db/shop?ssl=true\n",
    ],
)
def test_encryption_that_is_asked_for_is_never_dropped(tmp_path: Path, keys: str) -> None:
    context = arguments(database(tmp_path, keys))["ssl"]
    assert context.verify_mode is ssl.CERT_NONE
    assert not context.check_hostname


@pytest.mark.parametrize("mode", ["ssl_mode: verify_ca", "url: mysql://db/shop?sslaccept=strict"])
def test_a_certificate_that_is_to_be_checked_needs_an_authority(tmp_path: Path, mode: str) -> None:
    (problem,) = problems(write(tmp_path, database=f"{MYSQL}{mode}\n"))
    assert problem.startswith("database.yml: sslca: missing; expected the authorities' file")
