"""database.yml: our own form, a URL, and the shop's own Rails file."""

from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy.engine import URL

from ordermonit.configuration import load
from ordermonit.errors import ConfigurationError
from tests.configuration.drivers import MYSQL, POSTGRESQL, arguments, database
from tests.configuration.settings import NODE, problems, write

SECRET = "s3cr3t:/p@ss%2F w?rd#"


# ---- Rails' form


def test_rails_form_of_mysql(tmp_path: Path) -> None:
    found = database(
        tmp_path,
        f"{MYSQL}username: sh@p/x\npassword: '{SECRET}'\nhost: db.internal\nport: 3307\n"
        "pool: 5\nreconnect: true\ntimeout: 5000\nencoding: utf8\n",
    )
    assert arguments(found) == {
        "host": "db.internal",
        "port": 3307,
        "user": "sh@p/x",
        "password": SECRET,
        "database": "shop",
        "charset": "utf8",
        "client_flag": 2,
    }
    assert found.engine_url().drivername == "mysql+pymysql"


def test_mysql_over_its_socket(tmp_path: Path) -> None:
    found = database(tmp_path, f"{MYSQL}username: shop\nsocket: /run/mysqld/mysqld.sock\nport: 1\n")
    got = arguments(found)
    assert got["unix_socket"] == "/run/mysqld/mysqld.sock"
    assert got["charset"] == "utf8mb4"
    assert "port" not in got


def test_mysql_with_a_checked_certificate(tmp_path: Path) -> None:
    text = f"{MYSQL}host: db\nsslca: /etc/ca.pem\nsslkey: /etc/k.pem\nssl_mode: VERIFY_IDENTITY\n"
    assert database(tmp_path, text).engine_url().query == {
        "charset": "utf8mb4",
        "ssl_mode": "verify_identity",
        "ssl_ca": "/etc/ca.pem",
        "ssl_key": "/etc/k.pem",
    }


def test_files_of_tls_lie_beside_the_configuration(tmp_path: Path) -> None:
    query = database(tmp_path, f"{MYSQL}sslca: tls/ca.pem\n").engine_url().query
    assert query["ssl_ca"] == f"{tmp_path}/tls/ca.pem"
    query = database(tmp_path, f"{POSTGRESQL}sslrootcert: ca.pem\n").engine_url().query
    assert query["sslrootcert"] == f"{tmp_path}/ca.pem"
    query = database(tmp_path, f"{POSTGRESQL}sslrootcert: system\n").engine_url().query
    assert query["sslrootcert"] == "system"


def test_mysql_without_encryption(tmp_path: Path) -> None:
    text = f"{MYSQL}host: db\nsslca: /etc/ca.pem\nssl_mode: disabled\n"
    found = arguments(database(tmp_path, text))
    assert found["ssl_disabled"]
    assert "ssl" not in found


def test_rails_form_of_postgresql(tmp_path: Path) -> None:
    found = database(
        tmp_path,
        f"{POSTGRESQL}encoding: unicode\nusername: shop\npassword: '{SECRET}'\nhost: '::1'\n"
        "port: 5433\nsslmode: verify-full\nsslrootcert: /etc/ca.pem\n",
    )
    assert arguments(found) == {
        "host": "::1",
        "port": 5433,
        "user": "shop",
        "password": SECRET,
        "dbname": "shop",
        "sslmode": "verify-full",
        "sslrootcert": "/etc/ca.pem",
    }
    assert found.engine_url().drivername == "postgresql+psycopg"


@pytest.mark.parametrize("key", ["host", "socket"])
def test_postgresql_over_its_socket(tmp_path: Path, key: str) -> None:
    found = arguments(
        database(tmp_path, f"{POSTGRESQL}{key}: /run/postgresql\nusername: shop\nport: 5433\n")
    )
    assert found["host"] == "/run/postgresql"
    assert int(found["port"]) == 5433
    assert found["user"] == "shop"


def test_sqlite_file_lies_beside_the_configuration(tmp_path: Path) -> None:
    found = database(tmp_path, "adapter: sqlite3\ndatabase: data/shop 100%.db\npool: 5\n")
    assert arguments(found)["file"] == f"file:{quote(str(tmp_path))}/data/shop%20100%25.db?mode=ro"
    found = database(tmp_path, "adapter: sqlite3\ndatabase: /srv/shop.db\n")
    assert arguments(found)["file"] == "file:/srv/shop.db?mode=ro"


RAILS = """
# As `rails new` writes it.
default: &default
  adapter: mysql2
  encoding: utf8mb4
  pool: <%= ENV.fetch("RAILS_MAX_THREADS") { 5 } %>
  username: root
  host: localhost

development:
  <<: *default
  database: shop_development

test: &test
  <<: *default
  database: shop_test<%= ENV['TEST_ENV_NUMBER'] %>

staging:
  <<: *default
  database: shop_staging
  closed_states: [canceled]

production:
  <<: *default
  database: shop_production
  username: shop
  password: <%= ENV['SHOP_DATABASE_PASSWORD'] %>

cucumber:
  <<: *test
"""


def test_the_shop_s_own_rails_file(tmp_path: Path) -> None:
    text = RAILS.replace("<%= ENV['SHOP_DATABASE_PASSWORD'] %>", "abc")
    url = database(tmp_path, text).engine_url()
    assert url == URL.create(
        "mysql+pymysql",
        username="shop",
        password="abc",
        host="localhost",
        database="shop_production",
        query={"charset": "utf8mb4"},
    )


def test_the_environment_of_the_node_counts(tmp_path: Path) -> None:
    node = NODE + "environment: {RAILS_ENV: staging}\n"
    found = load(write(tmp_path, database=RAILS, integration_server=node), {}).database
    assert found.engine_url().database == "shop_staging"
    assert found.closed_states == {"canceled"}
    said = problems(
        write(tmp_path, database=RAILS, integration_server=node.replace("staging", "live"))
    )
    assert said == [
        "database.yml: live: missing; expected the section of the RAILS_ENV that"
        " integration_server.yml sets"
    ]


def test_a_column_twice_is_said_where_it_stands(tmp_path: Path) -> None:
    text = RAILS.replace("<%= ENV['SHOP_DATABASE_PASSWORD'] %>", "")
    assert problems(write(tmp_path, database=f"{text}\norders: {{state: id}}\n")) == [
        'database.yml: orders.state: found "id", the column of id too; expected a column of its own'
    ]
    assert database(tmp_path, f"{text}\norders: {{number: id}}\n").number == "id"


def test_our_keys_stand_beside_the_environments_or_inside(tmp_path: Path) -> None:
    text = RAILS.replace("<%= ENV['SHOP_DATABASE_PASSWORD'] %>", "")
    found = database(tmp_path, f"{text}\norders: {{table: s.sold}}\nclosed_states: [x]\n")
    assert (found.table, found.id) == ("s.sold", "id")
    assert sorted(found.closed_states) == ["x"]
    inside = text.replace("  username: shop", "  username: shop\n  orders: {number: no_}")
    assert database(tmp_path, inside).number == "no_"


def test_rails_with_several_databases(tmp_path: Path) -> None:
    text = (
        "production:\n  primary:\n    adapter: sqlite3\n    database: a.db\n  cache:\n    url: x\n"
    )
    assert database(tmp_path, text).url == f"sqlite:///{tmp_path}/a.db"
    (problem,) = problems(write(tmp_path, database="production: {primary: 3}"))
    assert problem.startswith("database.yml: production.primary: found a number")


def test_stray_keys_beside_environments_are_named(tmp_path: Path) -> None:
    text = RAILS.replace("<%= ENV['SHOP_DATABASE_PASSWORD'] %>", "")
    (problem,) = problems(write(tmp_path, database=f"{text}\nauthorised_states: [a]\n"))
    assert "authorised_states: unknown key; did you mean authorized_states?" in problem


# ---- What is wrong

_URL_WITH_SECRET = "hunter2"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "url: missing; expected mysql://, postgresql:// or sqlite:/// with"),
        ("adapter: mysql2", "database: missing; expected a database's name"),
        ("adapter: oracle\ndatabase: hunter2", 'adapter: found "oracle", expected mysql2,'),
        ("adapter: mysql://u:hunter2@h/d", "adapter: found text (not shown), expected mysql2"),
        ("adapter: mysql://h/d?pw=hunter2", "adapter: found text (not shown), expected mysql2"),
        (f"{MYSQL}pasword: hunter2", "pasword: unknown key; did you mean password?"),
        (f"{MYSQL}pass_word: [hunter2]", "pass_word: unknown key; did you mean password? Found a"),
        ("url: mysql://h/d\nzzz: hunter2", "zzz: unknown key; expected one of url, adapter"),
        (f"{MYSQL}prot: hunter2", "prot: unknown key; did you mean port? Found text (not shown)"),
        (f"{MYSQL}password: *hunter2", "line 3: found a value that begins with one of"),
        (f"{MYSQL}password: !hunter2", "line 3: found a value that begins with one of"),
        (f"{MYSQL}password: %hunter2", "line 3: found a value that begins with one of"),
        (f"{MYSQL}password: @hunter2", "line 3: found a value that begins with one of"),
        (f"{MYSQL}password: 'hunter2", "line 3: found a quote that does not end"),
        (f"{MYSQL}password: hunter2: x", "line 3: found a colon with a blank in a value"),
        (f"{MYSQL}password:hunter2", "line 3: found a colon without a blank behind it"),
        ("{adapter: mysql2, password:hunter2}", "password…: unknown key; did you mean password?"),
        (f"{MYSQL}password: 7001", "password: found a number (not shown), expected text; put it"),
        (f"{MYSQL}password: [hunter2]", "password: found a list (not shown), expected text"),
        (f"{MYSQL}password: hunter2", "username: missing; expected the user whose password"),
        (f"{MYSQL}host: u:hunter2@h", "host: found text (not shown), expected a host name"),
        (f"{MYSQL}encoding: klingon", "encoding: found 'klingon', expected one of utf8mb4"),
        (f"{MYSQL}database2: x", "database2: unknown key; did you mean database? It takes"),
        (f"{POSTGRESQL}sslmode: none", 'sslmode: found "none", expected disable, allow, prefer,'),
        (f"{POSTGRESQL}ssl_mode: on", "sslmode: found true, expected disable, allow, prefer,"),
        ("url: postgres://h/d?sslmode=x", 'url.sslmode: found "x", expected disable, allow,'),
        ("url: mysql://h/d?ssl-mode=x", 'url.ssl_mode: found "x", expected disabled, preferred,'),
        ("url: mysql://h/d?useSSL=2", "url: found 2 for useSSL after the ?, expected true or"),
        ("url: mysql://h/d?foo=hunter2", "url: found the option foo after the ?, which means"),
        (
            "url: mysql+mysqldb://h/d",
            "url: found the driver mysqldb, expected mysql:// alone: ours",
        ),
        ("url: oracle://u:hunter2@h/d", "url: found what is no such URL (not shown), expected"),
        ("url: mysql://u:hunter2@h", "database: missing; expected a database's name"),
        ("url: postgres://u:hunter2@a:1,b:2/d", "url: found what is no such URL (not shown), "),
        ("url: postgres:///d?host=a:1&host=b", "url: found more than one host, expected one; "),
        ("url: mysql://u:hunter2@h:port/d", "url: found what is no such URL (not shown)"),
        ("url: mysql://h/d?password=hunter2", "username: missing; expected the user whose"),
        (
            "url: sqlite://hunter2/d",
            "url: found a URL with a host (not shown), expected sqlite:///",
        ),
        ("url: [hunter2]", "url: found a list (not shown), expected a database URL"),
        ("hunter2", "found text, expected keys with values"),
        ("- hunter2", "found a list, expected keys with values"),
        (f"{MYSQL}orders: {{table: 'a b'}}", 'orders.table: found "a b", expected a table\'s name'),
        (f"{MYSQL}orders: {{id: 'x; --'}}", 'orders.id: found "x; --", expected a column\'s name'),
        (f"{MYSQL}orders: {{tabel: x}}", "orders.tabel: unknown key; did you mean table?"),
        (f"{MYSQL}orders: {{state: id}}", 'orders.state: found "id", the column of id too; exp'),
        (f"{MYSQL}orders: {{id: state}}", 'orders.id: found "state", the column of state too'),
        (
            f"{MYSQL}orders: {{number: n, created_at: n}}",
            'orders.created_at: found "n", the column of number too; expected a column of its own',
        ),
        (f"{MYSQL}orders: spree", 'orders: found "spree", expected a mapping with table, id,'),
        (f"{MYSQL}authorized_states: []", "authorized_states: found a list, expected a list of at"),
        (f"{MYSQL}authorized_states: [on]", "authorized_states[0]: found true, expected text"),
        (f"{MYSQL}closed_states: [picking]", "closed_states: found picking in authorized_states"),
    ],
)
def test_what_is_wrong_is_named_without_a_secret(tmp_path: Path, text: str, said: str) -> None:
    directory = write(tmp_path, database=text)
    assert problems(directory)[0].startswith(f"database.yml: {said}")
    with pytest.raises(ConfigurationError) as refused:
        load(directory, {})
    assert "hunter2" not in str(refused.value) + repr(refused.value)
    assert "7001" not in str(refused.value)


def test_no_representation_shows_the_password(tmp_path: Path) -> None:
    write(tmp_path, database=f"{MYSQL}username: shop\npassword: hunter2\n")
    found = load(tmp_path, {})
    assert "hunter2" in found.database.url
    assert "hunter2" not in repr(found) + str(found) + f"{found.database}"


# ---- Credentials


@pytest.mark.parametrize(
    "text",
    [
        f"{MYSQL}username: shop\npassword: hunter2\n",
        f"{MYSQL}username: shop\n",
        "url: mysql://shop:hunter2@db/shop",
        "url: mysql://shop@db/shop",
        "url: postgres://shop:hunter2@db/shop",
        RAILS.replace("<%= ENV['SHOP_DATABASE_PASSWORD'] %>", "hunter2"),
    ],
)
def test_the_credential_password_goes_first(tmp_path: Path, text: str) -> None:
    (tmp_path / "database_password").write_text(f"{SECRET}\n")
    found = database(tmp_path, text, CREDENTIALS_DIRECTORY=str(tmp_path))
    assert arguments(found)["password"] == SECRET
    assert "hunter2" not in found.url


def test_a_url_s_own_password_is_read(tmp_path: Path) -> None:
    found = database(tmp_path, "url: mysql://shop:a%40b%2F@db/shop")
    assert arguments(found)["password"] == "a@b/"


def test_a_credential_directory_without_ours_changes_nothing(tmp_path: Path) -> None:
    found = database(tmp_path, "url: mysql://a:b@c/d", CREDENTIALS_DIRECTORY=str(tmp_path / "gone"))
    assert arguments(found)["password"] == "b"


@pytest.mark.parametrize("data", [b"", b"\n", b"\xff\n", b"a\0b"])
def test_a_credential_that_is_no_password(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "database_password").write_bytes(data)
    (problem,) = problems(write(tmp_path), CREDENTIALS_DIRECTORY=str(tmp_path))
    assert problem.startswith("database_password: found ")
