"""`make newcomer`: install it as somebody who never saw it, and write down what is typed and said.

The machine is a real one; the shop's MariaDB on its socket, a bastion, the node and the stand-in
for Abacos are in it too. Every mistake is one that newcomers make, and is mended by what is said of
it. It writes docs/newcomer.md.
"""

import re
import textwrap
from collections.abc import Callable

from tests.system.conftest import Installed
from tests.system.machine import SOURCE, Disks, Machine
from tests.system.newcomers_shop import BASTION, NODE, RAILS_ROOT, Shop, build

DOCUMENT = SOURCE / "docs" / "newcomer.md"

_KEY = "/var/lib/ordermonit/.ssh/id_ed25519"

#: ssh asks a terminal, and takes no answer from before its question.
_ANSWERED = """
log=$(mktemp)
(until grep -q '(yes/no' "$log"; do sleep 0.05; done; echo "$1") |
    script --quiet --flush --return --command "$0" "$log"
"""

_BEGINNING = """# A newcomer's log

An installation by somebody who has the README and these pages, and a shop as shops are: MySQL on
the same machine (`host: localhost`), a `database.yml` with ERB, and a node behind a bastion. Every
mistake on the way is easily made, and is mended by what the program says about it. Each block is
what really came out; `make newcomer` plays it again in a machine of its own and writes this page.
Where a message was of no help when this was tried first, it stands here too, as **before**.
"""


class Newcomer:
    """Types as root in a machine, and writes it down."""

    def __init__(self, machine: Machine, shop: Shop, printed: str) -> None:
        self.machine, self.shop, self.printed = machine, shop, printed
        self.parts = [_BEGINNING]

    def chapter(self, title: str) -> None:
        """A heading."""
        self.parts.append(f"## {title}\n")

    def says(self, text: str) -> None:
        """A paragraph."""
        words = " ".join(text.split())
        filled = textwrap.fill(words, 100, break_long_words=False, break_on_hyphens=False)
        self.parts.append(f"{filled}\n")

    def shows(self, text: str, kind: str = "console") -> None:
        """A block."""
        lines = "\n".join(map(str.rstrip, text.strip("\n").splitlines()))
        self.parts.append(f"```{kind}\n{lines}\n```\n")

    def types(self, command: str, expect: int = 0, *, answer: str = "", at: str = "") -> str:
        """A command line in a root shell, and what comes; `answer` is typed when it asks."""
        words: tuple[str, ...] = ("sh", "-c", f"cd /root\n{{ {command}\n}} 2>&1")
        if answer:
            words = ("sh", "-c", _ANSWERED, command, answer)
        done = self.machine.run(*words, check=False)
        said = done.stdout.replace("\r\n", "\n")
        assert done.returncode == expect, f"{command}: exit {done.returncode}\n{said}"
        first, *more = command.splitlines()
        shown = "\n".join((f"{at}$ {first}", *(f"> {line}" for line in more)))
        self.shows(f"{shown}\n{said}")
        return said

    def asks(self, administrator: str, command: str) -> None:
        """What another machine's administrator types for us."""
        self.types(command, at=administrator)

    def is_told(self, command: str, words: str, expect: int = 78) -> str:
        """The same; and it says these words."""
        said = self.types(command, expect)
        assert words in " ".join(said.split()), said
        return said

    def before(self, text: str) -> None:
        """What was said of the step above when this was tried first."""
        self.parts.append("**Before:**\n")
        self.shows(text, "text")


def test_newcomer(disks: Disks, installed: Installed) -> None:
    """Install it, and write the page."""
    with Machine(disks.new("newcomer", installed.disk.changes)) as machine:
        newcomer = Newcomer(machine, build(machine), _as_typed(installed.printed))
        for chapter in _CHAPTERS:
            newcomer.chapter(str(chapter.__doc__))
            chapter(newcomer)
    DOCUMENT.write_text("\n".join(newcomer.parts))


def _as_typed(printed: str) -> str:
    """What `make install` prints in a clone."""
    lines = [line for line in printed.splitlines() if not line.startswith("make: ")]
    return "\n".join(lines).replace(str(SOURCE), "/root/ordermonit")


def _install(newcomer: Newcomer) -> None:
    """Install, and ask what is missing"""
    newcomer.shows(f"$ make install\n{newcomer.printed}")
    newcomer.says(
        """README, step 5: `check` says what is not right yet, so it is typed first of all. What is
        left to do (checkpoint, database, node) has its lines."""
    )
    newcomer.is_told("ordermonit check", "there is no private key in /var/lib/ordermonit/.ssh")


def _database(newcomer: Newcomer) -> None:
    """The shop's database.yml"""
    newcomer.says("docs/database.md: the shop's own file can stand there as it is.")
    newcomer.types("cp shop/config/database.yml /etc/ordermonit/; cat /etc/ordermonit/database.yml")
    check = "ordermonit check database"
    newcomer.is_told(check, "the variable SHOP_DATABASE_PASSWORD is not set")
    newcomer.before(_ERB_BEFORE)
    newcomer.says("The line that is wanted, with a slip of the finger; then without.")
    file = "install -m 640 -g ordermonit /dev/stdin /etc/ordermonit/environment"
    newcomer.types(f"{file} <<'END'\nSHOP_DATABASE_PASWORD=s3cret\nEND")
    newcomer.is_told(check, "the variable SHOP_DATABASE_PASSWORD is not set")
    newcomer.types(f"{file} <<'END'\nSHOP_DATABASE_PASSWORD=s3cret\nEND")
    newcomer.says(
        """`localhost` is the server's socket, as it is for the shop. The account is made as
        docs/database.md has it, for another host than the one that we come from."""
    )
    newcomer.types("mariadb -e \"CREATE USER 'ordermonit'@'10.0.0.%' IDENTIFIED BY 's3cret'\"")
    said = newcomer.is_told(check, "over /run/mysqld/mysqld.sock refuses us")
    newcomer.before(_SOCKET_BEFORE)
    newcomer.before(_ACCOUNT_BEFORE)
    made = re.search(r"CREATE USER (\S+) IDENTIFIED BY", said)
    assert made is not None, said
    newcomer.types(f"mariadb -e \"CREATE USER {made[1]} IDENTIFIED BY 's3cret'\"")
    said = newcomer.is_told(check, "types: GRANT SELECT ON shop_production.orders")
    granted = re.search(r"types: (GRANT .*)", said)
    assert granted is not None
    newcomer.types(f'mariadb -e "{granted[1]}"')
    newcomer.is_told(check, "a cycle's read goes by the index on id", 0)


def _keys(newcomer: Newcomer) -> None:
    """The way through the bastion"""
    newcomer.says("docs/node.md has `proxy_jump`. Its user has another name than the node's.")
    _edit(
        newcomer,
        host=NODE,
        username="deploy",
        rails_root="/srv/shops/current",
        proxy_jump=f"jump@{BASTION}",
    )
    check = "ordermonit check node"
    said = newcomer.is_told(check, "Make one without a passphrase")
    newcomer.before(_JUMP_BEFORE)
    newcomer.before(_KEY_BEFORE)
    newcomer.types(_after("passphrase: ", said))
    said = newcomer.is_told(check, f"no host key of {BASTION}:22 (proxy_jump) is known", 77)
    newcomer.types(_after("then type: ", said))
    newcomer.is_told(check, f"{BASTION}:22 (proxy_jump) does not let jump in", 77)
    newcomer.says("The bastion's administrator gives our key an account, and takes too much away.")
    public = newcomer.machine.disk.path(f"{_KEY}.pub").read_text().strip()
    newcomer.asks("bastion", f"echo 'restrict {public}' >> ~jump/.ssh/authorized_keys")
    newcomer.is_told(check, "lets us in, and no connection through", 77)
    newcomer.asks(
        "bastion", "sed -i 's/^restrict/restrict,port-forwarding/' ~jump/.ssh/authorized_keys"
    )
    said = newcomer.is_told(check, f"no host key of {NODE}:22 (behind jump@{BASTION}:22)", 77)
    newcomer.says("ssh asks, adds the key, and is not let in yet: that is the next step.")
    newcomer.types(_after("then type: ", said), 255, answer="yes")
    newcomer.is_told(check, f"(behind jump@{BASTION}:22) does not let deploy in", 77)
    newcomer.asks("node", f"echo '{public}' >> ~deploy/.ssh/authorized_keys")


def _rails(newcomer: Newcomer) -> None:
    """Rails on the node"""
    check = "ordermonit check node"
    newcomer.is_told(check, "deploy can't enter /srv/shops/current")
    _edit(newcomer, rails_root=RAILS_ROOT)
    newcomer.is_told(check, "`bundle exec rake` can't be run")
    newcomer.says("This application is an old one, and has no Gemfile.")
    _edit(newcomer, rake="rake")
    newcomer.is_told(check, "has no task insert_order")
    newcomer.asks("node", f"cd {RAILS_ROOT} && rake -AT")
    task = "order_integration_service"
    _edit(
        newcomer,
        **{
            "  insert_order": f"{task}:insert_order",
            "  confirm_payment": f"{task}:confirm_payment",
        },
    )
    newcomer.is_told(check, "the host key is the known one, and our key is accepted", 0)


def _begin(newcomer: Newcomer) -> None:
    """Begin"""
    newcomer.is_told("ordermonit cycle", "type: ordermonit init --latest", 65)
    newcomer.types("ordermonit init --latest")
    newcomer.types("systemctl enable --now ordermonit.timer")
    newcomer.says("The shop sells two orders, and its own queue loses both. The next cycle:")
    newcomer.shop.sells(1001001, 1001002)
    newcomer.types("systemctl start ordermonit.service; journalctl -u ordermonit -n 8 -o cat")
    newcomer.is_told("ordermonit orders", "SUCCESS", 0)
    newcomer.is_told("ordermonit status", "well", 0)


def _edit(newcomer: Newcomer, **values: str) -> None:
    script = "".join(f" \\\n  -e 's|^{key}:.*|{key}: {value}|'" for key, value in values.items())
    newcomer.types(f"sed -i{script} \\\n  /etc/ordermonit/integration_server.yml")


def _after(words: str, said: str) -> str:
    """The command that stands behind these words, to the end of its line or half-sentence."""
    command = said.partition(words)[2].splitlines()[0]
    return command.partition("; or ")[0]


_CHAPTERS: tuple[Callable[[Newcomer], None], ...] = (_install, _database, _keys, _rails, _begin)

# ---- What was said when this was tried first.

_ERB_BEFORE = """
$ ordermonit check database                                                        # and exit 0
database
  not tried  the database: the configuration has mistakes: ordermonit check configuration
$ ordermonit check configuration
configuration
  error      /etc/ordermonit/database.yml: production.username: found a template (<% … %>), \
expected a plain value: no Ruby runs
             Correct what is named here, then type the command again
  error      /etc/ordermonit/database.yml: production.password: found a template (<% … %>), \
expected a plain value: no Ruby runs
             Correct what is named here, then type the command again
"""

_SOCKET_BEFORE = """
  error      the Front's database \
mysql+pymysql://ordermonit:***@localhost/shop_production?charset=utf8mb4 is down: (2003, "Can't \
connect to MySQL server on 'localhost' ([Errno 111] Connection refused)")
             Nothing is lost; the next cycle goes on. Look at the database server
"""

_ACCOUNT_BEFORE = """
  error      database.yml: mysql+pymysql://ordermonit:***@localhost/shop_production over \
/run/mysqld/mysqld.sock refuses us: (1045, "Access denied for user 'ordermonit'@'localhost' \
(using password: YES)")
             Correct the username, password or database there
"""

_JUMP_BEFORE = """
  error      /etc/ordermonit/integration_server.yml: proxy_jump: unknown key; expected one of \
host, port, username, rails_root, private_key, known_hosts, rake, environment, tasks, checks, \
connect_timeout, task_timeout, lock_file, already_done, not_due, down, ambiguous
             Correct what is named here, then type the command again
"""

_KEY_BEFORE = """
  error      there is no private key in /var/lib/ordermonit/.ssh (id_rsa, id_ecdsa, id_ed25519)
             Make one without a passphrase (ssh-keygen -t ed25519), or set private_key in \
integration_server.yml
"""
