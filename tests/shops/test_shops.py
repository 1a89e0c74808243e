"""database.yml as shops have it, old and new: what comes of each file as it stands.

The files are of the kinds that public Rails shops have, and written for these tests.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ordermonit.configuration import Service, load
from tests.configuration.settings import problems, write

FILES = Path(__file__).parent / "files"
FORMER = FILES.parent / "former"

_RENDER = (
    "No Ruby runs here: write a database.yml of your own with plain values, or put here what this"
    " prints: ssh deploy@node 'cd /srv/app && RAILS_ENV=production bundle exec rails runner"
    ' "puts Rails.configuration.database_configuration.to_yaml"\''
)


@dataclass(frozen=True)
class Shop:
    """What comes of a file: the URL that it is read as, or the beginning of what is said."""

    url: str = ""
    said: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


def _refused(*said: str, **variables: str) -> Shop:
    return Shop(said=said, variables=variables)


def _read(url: str, **variables: str) -> Shop:
    return Shop(url, variables=variables)


_MY, _PG = "mysql+pymysql://", "postgresql+psycopg://"

SHOPS = {
    "rails-1-socket": _read(
        f"{_MY}loja:7%21abacaxi@/loja?charset=utf8mb4"
        "&unix_socket=%2Fvar%2Frun%2Fmysqld%2Fmysqld.sock"
    ),
    "rails-2-reconnect": _read(f"{_MY}vitrine:segredo@10.1.0.7/vitrine_production?charset=utf8"),
    "rails-3-plain": _read(
        f"{_MY}storefront:p%40ss%3Aword%2F1@db1.storefront.example:3307/storefront?charset=utf8"
    ),
    "rails-4-default": _read(
        f"{_MY}store:s%23%3A@localhost/store_production?charset=utf8",
        STORE_DATABASE_PASSWORD="s#:",
    ),
    "rails-5-threads": _read(f"{_PG}cart:0123@localhost:5433/cart", CART_DB_PASSWORD="0123"),
    "rails-6-replica": _read(f"{_PG}market:dev@writer.market.example/market"),
    "rails-6-no-primary": _read(f"{_MY}shoes@shoes.example/shoes?charset=utf8mb4"),
    "rails-7-url": _read(
        f"{_PG}garden:g@pg:6432/garden_production",
        GARDEN_DATABASE_URL="postgres://:g@pg:6432",
    ),
    "rails-8-solid": _read(
        f"{_MY}bikes:b@127.0.0.1/bikes_production?charset=utf8mb4", BIKES_DATABASE_PASSWORD="b"
    ),
    "rails-8-sqlite": _read("sqlite:////DIRECTORY/storage/production.sqlite3"),
    "environment-is-url": _read(
        f"{_PG}a:b@c/d?sslmode=require", DATABASE_URL="postgres://a:b@c/d?sslmode=require"
    ),
    "heroku-fallback": _read(f"{_MY}shop@127.0.0.1/shop?charset=utf8mb4"),
    "docker-everything": _read(
        f"{_PG}db:5432/goods?sslmode=prefer", POSTGRES_DB="goods", DB_SSLMODE=""
    ),
    "quotes-in-quotes": _read(
        f"{_MY}shop%3A%20one:%22%27%3A@my/goods?charset=utf8mb4",
        MYSQL_HOST="my",
        MYSQL_DATABASE="goods",
        MYSQL_PASSWORD="\"':",
    ),
    "inside-a-value": _read(
        f"{_MY}shop@db-eu.shop.example/shop_production?charset=utf8mb4", REGION="eu"
    ),
    "trilogy-tls": _read(
        f"{_MY}shop:pscale_pw_1@shop.mysql.cloud.example/shop?charset=utf8mb4"
        "&ssl_mode=verify_identity&ssl_ca=DIRECTORY%2Fconfig%2Fcloud-ca.pem"
    ),
    "postgis": _read(
        f"{_PG}deliveries@/deliveries?host=%2Frun%2Fpostgresql&search_path=public%2C+postgis"
    ),
    "jruby-jdbc-url": _read(f"{_MY}erp:erp1@erp-db:3306/erp?charset=utf8mb4&ssl_mode=preferred"),
    "jruby-postgresql": _read(f"{_PG}catalog:c4t@localhost/catalog"),
    "symbol-keys": _read(f"{_MY}presents@db/presents?charset=utf8mb4&ssl_mode=required"),
    "shared": _read(f"{_PG}toys@pg.toys.example/toys"),
    "shared-alone": _read(f"{_MY}tea@db/tea?charset=utf8mb4"),
    "odd-keys": _read(f"{_MY}kitchen@db/kitchen?charset=utf8mb4"),
    "misspelt-host": _refused("production.hots: unknown key; did you mean host?"),
    "control-lines": _refused(
        "line 1: found a line of Ruby (<% if … %>), expected YAML with look-ups such as"
        f" <%= ENV['NAME'] %>. {_RENDER}"
    ),
    "renders-lines": _refused("line 4: found a line of Ruby (<% … %>), expected YAML with"),
    "rails-credentials": _refused(
        "production.password: found Ruby (<%= … %>), expected a plain value or a look-up such as"
        f" <%= ENV['NAME'] %>. {_RENDER}"
    ),
    "ruby-elsewhere": _read(
        f"{_MY}paper@/paper?charset=utf8mb4&unix_socket=%2Frun%2Fmysqld%2Fmysqld.sock"
    ),
    "socket-found-by-ruby": _refused("production.socket: found Ruby (<%= … %>), expected a plain"),
    "capistrano-logins": _read(
        f"{_MY}deploy:d3ploy%20%231@127.0.0.1/wool_production?charset=utf8mb4"
    ),
    "hosted-mysql": _read(
        f"{_MY}doadmin:AVNS_1@shop-do-user-1.db.example:25060/defaultdb"
        "?charset=utf8mb4&ssl_mode=required"
    ),
    "prisma-style": _read(f"{_PG}shop:pw@pooler.example:6543/shop?search_path=store"),
    "url-with-foo": _refused("production.url: found the option foo after the ?, which means"),
    "postgres-bad-sslmode": _refused(
        'production.sslmode: found "required", expected disable, allow, prefer, require,'
    ),
    "only-development": _refused("production: missing; expected the section of the RAILS_ENV"),
    "oracle": _refused('production.adapter: found "oracle_enhanced", expected mysql2, trilogy,'),
    "our-keys-beside": _read(f"{_PG}ordermonit@pg/spree"),
    "windows": _read(f"{_MY}vitrine:segredo@10.1.0.7/vitrine_production?charset=utf8"),
}


def test_every_file_is_expected_to_come_to_something() -> None:
    assert SHOPS.keys() == {file.stem for file in FILES.glob("*.yml")}
    assert len(SHOPS) >= 30


@pytest.mark.parametrize("name", SHOPS)
def test_a_shop_s_own_file(tmp_path: Path, name: str) -> None:
    shop = SHOPS[name]
    directory = write(tmp_path, database=(FILES / f"{name}.yml").read_bytes())
    if shop.url:
        found = load(directory, shop.variables).database
        assert found.url == _placed(shop.url, tmp_path)
        return
    said = problems(directory, **shop.variables)
    assert len(said) == len(shop.said), said
    for problem, expected in zip(said, shop.said, strict=True):
        assert problem.startswith(f"database.yml: {expected}")
        assert "hunter2" not in problem


def _placed(url: str, directory: Path) -> str:
    where = str(directory)
    return url.replace("DIRECTORY%2F", where.replace("/", "%2F") + "%2F").replace(
        "/DIRECTORY", where
    )


def test_whole_numbers_are_states_and_our_keys_stand_beside(tmp_path: Path) -> None:
    found = load(
        write(tmp_path, database=(FILES / "our-keys-beside.yml").read_bytes()), {}
    ).database
    assert (found.table, found.created_at) == ("spree_orders", "completed_at")
    assert sorted(found.authorized_states) == ["2", "3"]
    assert sorted(found.closed_states) == ["9"]


#: What Rails, its adapters and their libraries take that means nothing here.
_OF_OTHERS = (FILES.parent / "keys_of_others").read_text().split()


def test_what_others_take_is_passed_over(tmp_path: Path) -> None:
    text = "adapter: mysql2\ndatabase: shop\n" + "".join(f"{name}: x\n" for name in _OF_OTHERS)
    assert load(write(tmp_path, database=text), {}).database.url == f"{_MY}/shop?charset=utf8mb4"


@pytest.mark.parametrize(
    ("slip", "right"),
    [
        ("hots", "host"),
        ("hst", "host"),
        ("prot", "port"),
        ("socet", "socket"),
        ("usrename", "username"),
        ("pasword", "password"),
        ("passwrod", "password"),
        ("databse", "database"),
        ("adaptor", "adapter"),
        ("encodign", "encoding"),
        ("ssl_mod", "ssl_mode"),
        ("order", "orders"),
        ("authorised_states", "authorized_states"),
    ],
)
def test_a_slip_in_a_key_of_ours_is_an_error(tmp_path: Path, slip: str, right: str) -> None:
    text = f"production:\n  adapter: mysql2\n  database: shop\n  {slip}: hunter2\n"
    (problem,) = problems(write(tmp_path, database=text))
    assert problem.startswith(
        f"database.yml: production.{slip}: unknown key; did you mean {right}?"
    )
    assert "hunter2" not in problem


def test_the_former_service_s_four_files_load_as_they_stand() -> None:
    found = load(FORMER, {})
    assert found.process.app_name == "Order Monit Service"
    assert (found.service, found.process.log_output) == (Service(), True)
    assert (found.node.host, found.node.rails_root) == (
        "integracao.loja.example",
        "/srv/integracao/current",
    )
    assert found.database.url == (
        f"{_MY}monitor:s3nha@192.168.0.12:3306/loja_production?charset=utf8"
    )


# ---- Where variables come from

_FILE = "adapter: mysql2\ndatabase: shop\nusername: shop\npassword: <%= ENV['SECRET'] %>\n"


def _password(directory: Path, **environ: str) -> str | None:
    return load(write(directory, database=_FILE), environ).database.engine_url().password


def test_a_variable_that_is_not_set_is_named_with_the_line_that_sets_it(tmp_path: Path) -> None:
    assert problems(write(tmp_path, database=_FILE)) == [
        "database.yml: password: the variable SECRET is not set; expected the line SECRET=value in"
        f" {tmp_path}/environment (nothing after = for no value), or the systemd credential"
        " database_password"
    ]


def test_our_environment_goes_before_a_credential_and_that_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "environment").write_text("# The shop's\nOTHER=1\nexport SECRET='from a file'\n")
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    where = {"CREDENTIALS_DIRECTORY": str(credentials)}
    assert _password(tmp_path, **where) == "from a file"
    (credentials / "SECRET").write_text("from systemd\n")
    assert _password(tmp_path, **where) == "from systemd"
    assert _password(tmp_path, **where, SECRET="from us") == "from us"
    assert _password(tmp_path, **where, SECRET="") is None
    (credentials / "database_password").write_text("this one\n")
    assert _password(tmp_path, **where) == "this one"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"SECRET=x\nnonsense\n", "line 2: found what is no variable, expected NAME=value"),
        (b"SECRET=\xff\n", "found bytes that are no UTF-8, expected NAME=value"),
    ],
)
def test_a_file_of_variables_that_is_wrong_is_named(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "environment").write_bytes(data)
    assert problems(write(tmp_path, database=_FILE))[0].startswith(f"environment: {said}")


@pytest.mark.parametrize(
    ("ruby", "value"),
    [
        ("ENV['A']", "a"),
        ('ENV["A"]', "a"),
        ("ENV.fetch('A')", "a"),
        ("ENV.fetch('NONE', 'x')", "x"),
        ("ENV.fetch('NONE', nil)", None),
        ("ENV.fetch('NONE') { 5_000 }", "5000"),
        ("ENV.fetch('NONE') { ENV['A'] }", "a"),
        ("ENV['NONE'] || 'y'", "y"),
        ("ENV['NONE'] || ENV['A'] || 'y'", "a"),
        ("ENV['EMPTY'] || 'y'", None),
        ("ENV['EMPTY'].presence || 'y'", "y"),
        ("Rails.env", "production"),
        ("ENV['RAILS_ENV']", "production"),
        ("ENV['A'] -%><%# and %><%=\n 'b'", "ab"),
    ],
)
def test_what_is_looked_up(tmp_path: Path, ruby: str, value: str | None) -> None:
    text = f"adapter: mysql2\ndatabase: shop\nusername: <%= {ruby} %>\n"
    found = load(write(tmp_path, database=text), {"A": "a", "EMPTY": ""}).database
    assert found.engine_url().username == value


@pytest.mark.parametrize(
    "ruby",
    [
        "ENV['A'] + 'b'",
        "ENV",
        "ENV.fetch('A'",
        "ENV[name]",
        "'a' 'b'",
        '"#{ENV["A"]}"',
        "`cat /etc/passwd`",
        "system('touch pwned')",
        "",
        "ENV['A'] ||",
        "Rails.root",
        "ENV['A'] ? 1 : 2",
    ],
)
def test_what_is_more_than_a_look_up_is_not_run(tmp_path: Path, ruby: str) -> None:
    text = f"adapter: mysql2\ndatabase: shop\nusername: <%= {ruby} %>\n"
    (problem,) = problems(write(tmp_path, database=text), A="a")
    assert problem.startswith("database.yml: username: found Ruby (<%= … %>), expected a plain")
    assert not list(tmp_path.rglob("pwned"))


def test_a_key_that_is_not_needed_may_have_any_ruby(tmp_path: Path) -> None:
    text = "adapter: mysql2\ndatabase: shop\nusername: a\npassword: <%= rm_rf('/') %>\n"
    (tmp_path / "database_password").write_text("secret\n")
    found = load(write(tmp_path, database=text), {"CREDENTIALS_DIRECTORY": str(tmp_path)}).database
    assert found.engine_url().password == "secret"
