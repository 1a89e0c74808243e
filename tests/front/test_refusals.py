"""What a server refuses is said with the line that mends it, and is never called an outage."""

import re
from collections.abc import Iterator
from importlib.util import find_spec

import pymysql
import pytest
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from ordermonit import configuration
from ordermonit.errors import ConfigurationError, Unavailable
from ordermonit.front.database import connected
from ordermonit.front.refusals import explained
from tests.parts.databases import PASSWORD, Database, Kind
from tests.parts.front import Front
from tests.parts.mariadb import IS_MYSQL, MariaDB
from tests.parts.place import Place
from tests.parts.postgres import Postgres, reload_rules


def _refusal(database: Database, user: str, *, table: str = "orders", **query: str) -> str:
    url = database.url.set(username=user).update_query_dict(query)
    settings = configuration.Database(url=url.render_as_string(hide_password=False), table=table)
    with pytest.raises(ConfigurationError) as refused, connected(settings) as front:
        front.newest()
    said = str(refused.value)
    assert "\n" not in said
    assert PASSWORD not in said
    return said


# ---- MariaDB

#: An account, how it is made, and what is said of it.
_MARIADB = {
    "stranger": (
        "",
        r"Access denied .* Correct the username, password or database there; .* types: CREATE USER"
        r" 'stranger'@'\S+' IDENTIFIED BY 'PASSWORD'; GRANT SELECT ON {name}\.orders TO 'str",
    ),
    "nothing": (
        "CREATE USER nothing IDENTIFIED BY '{password}'",
        r"types: GRANT SELECT ON {name}\.orders TO 'nothing'@'%'",
    ),
    "elsewhere": (
        "CREATE USER elsewhere@'127.0.0.%' IDENTIFIED BY '{password}';"
        "GRANT SELECT ON {name}.carts TO elsewhere@'127.0.0.%'",
        r"SELECT command denied .* types: GRANT SELECT ON {name}\.orders TO"
        r" 'elsewhere'@'127\.0\.0\.%'",
    ),
    "partly": (
        "CREATE USER partly IDENTIFIED BY '{password}';"
        "GRANT SELECT (state) ON {name}.orders TO partly",
        r"denied .* types: GRANT SELECT ON {name}\.orders TO 'partly'@'%'",
    ),
    "expired": (
        "CREATE USER expired IDENTIFIED BY '{password}' PASSWORD EXPIRE;"
        "GRANT SELECT ON {name}.* TO expired",
        r"has expired\. .* types: ALTER USER 'expired'@'%' PASSWORD EXPIRE NEVER",
    ),
    "locked": (
        "CREATE USER locked IDENTIFIED BY '{password}' ACCOUNT LOCK",
        r"types: ALTER USER 'locked'@'%' ACCOUNT UNLOCK \(with the account's host for %",
    ),
    "curved": (
        "CREATE USER curved IDENTIFIED VIA ed25519 USING PASSWORD('{password}')",
        "types: GRANT SELECT"  # with PyNaCl, which the rivals of `make bench` bring, it gets in
        if find_spec("nacl")
        else r"curved can't .* types: ALTER USER 'curved'@'%' IDENTIFIED BY 'PASSWORD'",
    ),
    "paged": (
        "CREATE USER paged IDENTIFIED VIA pam",
        r"yml: username: paged can't .* types: ALTER USER 'paged'@'%' IDENTIFIED BY 'PASSWORD'",
    ),
    "local": (
        "CREATE USER local IDENTIFIED VIA unix_socket",
        "Access denied .* Correct the username, password or database there",
    ),
}

#: MySQL has not MariaDB's other ways to log in.
_MARIADB_USERS = [user for user in _MARIADB if not (IS_MYSQL and "VIA" in _MARIADB[user][0])]


@pytest.fixture(scope="module")
def mariadb_shop() -> Iterator[Database]:
    plugins = {} if IS_MYSQL else {"plugin_load_add": "auth_ed25519;auth_pam"}
    with MariaDB(**plugins) as server:
        front = Front(server.fresh_database())
        front.engine.dispose()
        name = front.database.name
        root = pymysql.connect(unix_socket=str(server.socket), user="root", autocommit=True)
        with root, root.cursor() as cursor:
            cursor.execute(f"CREATE TABLE {name}.carts (id INT)")
            for statements in (_MARIADB[user][0] for user in _MARIADB_USERS):
                for statement in filter(None, statements.split(";")):
                    cursor.execute(statement.format(password=PASSWORD, name=name))
        yield front.database


@pytest.mark.parametrize("user", _MARIADB_USERS)
def test_what_mariadb_refuses(mariadb_shop: Database, user: str) -> None:
    said = _refusal(mariadb_shop, user)
    _, expected = _MARIADB[user]
    assert re.search(expected.replace("{name}", mariadb_shop.name), said), said


def test_a_database_that_mariadb_does_not_have(mariadb_shop: Database) -> None:
    gone = Database(Kind.MARIADB, "gone", mariadb_shop.port)
    assert "Unknown database 'gone'" in _refusal(gone, "shop")


# ---- PostgreSQL

_POSTGRES = {
    "stranger": ("", "refuses us: .* Correct the username, password or"),
    "nothing": (
        "CREATE ROLE nothing LOGIN PASSWORD '{password}'",
        'refuses us: .* types: GRANT SELECT ON orders TO "nothing"$',
    ),
    "walled": (
        "CREATE ROLE walled LOGIN PASSWORD '{password}'",
        'refuses us: .* spree.* types: GRANT USAGE ON SCHEMA spree TO "walled", and'
        ' GRANT SELECT ON spree.orders TO "walled"$',
    ),
    "asleep": (
        "CREATE ROLE asleep NOLOGIN PASSWORD '{password}'",
        'types: ALTER ROLE "asleep" LOGIN$',
    ),
    "expired": (
        "CREATE ROLE expired LOGIN PASSWORD '{password}' VALID UNTIL '2001-01-01'",
        "types: ALTER ROLE \"expired\" VALID UNTIL 'infinity'$",
    ),
    "outside": (
        "CREATE ROLE outside LOGIN PASSWORD '{password}'",
        r"adds to pg_hba\.conf, .*: host {name} outside 127\.0\.0\.1/32 scram-sha-256, and types:"
        r" SELECT pg_reload_conf\(\)$",
    ),
    "rejected": (
        "CREATE ROLE rejected LOGIN PASSWORD '{password}'",
        r"adds to pg_hba\.conf, .*: host {name} rejected 127\.0\.0\.1/32 scram-sha-256, and types:",
    ),
    "kept_out": (
        "CREATE ROLE kept_out LOGIN PASSWORD '{password}'",
        'types: GRANT CONNECT ON DATABASE "{name}" TO "kept_out"$',
    ),
}


#: lc_messages of a server, and what it says then of a wrong password. Debian's PostgreSQL 15 has no
#: Portuguese; those of `make platforms` have.
_LANGUAGES = {"C.UTF-8": "authentication failed", "de_DE.utf8": "fehlgeschlagen", "pt_BR.utf8": ""}


@pytest.fixture(scope="module", params=_LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def postgres_shop(language: str) -> Iterator[Database]:
    with Postgres(lc_messages=language) as server:
        front = Front(server.fresh_database())
        rules = server.directory / "data" / "pg_hba.conf"
        open_to_all = rules.read_text()
        with front.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as owner:
            name = front.database.name
            for statement, _ in _POSTGRES.values():
                if statement:
                    owner.exec_driver_sql(statement.format(password=PASSWORD.replace("%", "%%")))
            owner.exec_driver_sql("CREATE SCHEMA spree")
            owner.exec_driver_sql("CREATE TABLE spree.orders AS SELECT * FROM orders")
            owner.exec_driver_sql(f"REVOKE CONNECT ON DATABASE {name} FROM public")
            everybody = ", ".join(set(_POSTGRES) - {"kept_out", "stranger"})
            owner.exec_driver_sql(f"GRANT CONNECT ON DATABASE {name} TO {everybody}")
            inside = ",".join(set(_POSTGRES) - {"outside", "rejected"}) + ",shop"
            rules.write_text(
                open_to_all.replace("host    all             all ", f"host all {inside} ")
                + "host all rejected all reject\n"
            )
        reload_rules(front.engine)
        front.engine.dispose()
        yield front.database


@pytest.mark.parametrize("user", _POSTGRES)
def test_what_postgresql_refuses_in_each_language(postgres_shop: Database, user: str) -> None:
    table = "spree.orders" if user == "walled" else "orders"
    said = _refusal(postgres_shop, user, table=table)
    _, expected = _POSTGRES[user]
    assert re.search(expected.replace("{name}", postgres_shop.name), said), said


def test_a_server_speaks_its_language(postgres_shop: Database, language: str) -> None:
    assert _LANGUAGES[language] in _refusal(postgres_shop, "stranger")


def test_a_database_that_postgresql_does_not_have(postgres_shop: Database) -> None:
    said = _refusal(Database(Kind.POSTGRES, "gone", postgres_shop.port), "shop")
    assert re.search("gone.* Correct the username, password or database there$", said), said


def test_a_server_that_is_full_is_an_outage_in_each_language(postgres_shop: Database) -> None:
    url = postgres_shop.url.set(username="nothing").render_as_string(hide_password=False)
    owner = sa.create_engine(postgres_shop.url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with owner.connect() as connection:
        connection.exec_driver_sql("ALTER ROLE nothing CONNECTION LIMIT 0")
        with pytest.raises(Unavailable), connected(configuration.Database(url=url)):
            pass
        connection.exec_driver_sql("ALTER ROLE nothing CONNECTION LIMIT -1")


def test_an_option_that_libpq_does_not_know_is_named(postgres_shop: Database) -> None:
    said = _refusal(postgres_shop, "shop", foo="bar")
    assert 'invalid connection option "foo"' in said or 'parameter "foo"' in said
    assert "Take that option out of the url there" in said


def test_a_server_too_old_for_today_s_tls_is_no_outage() -> None:
    url = sa.make_url("mysql+pymysql://shop@db/shop")
    words = "Can't connect to MySQL server on 'db' ([SSL: UNSUPPORTED_PROTOCOL] unsupported)"
    problem = sa.exc.OperationalError(None, None, pymysql.err.OperationalError(2003, words))
    said = explained(problem, url, configuration.Database(url=str(url)))
    assert isinstance(said, ConfigurationError)
    assert "`ssl_mode: disabled` does without" in said.remedy


# ---- What a cycle and the doctor make of it


@pytest.mark.parametrize("command", ["cycle", "check database"])
def test_a_refusal_ends_a_cycle_and_a_check_with_78(
    place: Place, mariadb_shop: Database, command: str
) -> None:
    place.configure(**mariadb_shop.settings() | {"username": "elsewhere"})
    run = place.run(*command.split())
    assert run.exit_code == 78
    assert "GRANT SELECT ON" in run.stdout + run.stderr
    assert "down" not in run.stdout + run.stderr
