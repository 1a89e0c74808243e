"""packaging/node: a key with our forced command runs our session, and nothing else.

Against a real sshd, with the files as its installer leaves them.
"""

import base64
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ordermonit.node import wire
from tests.node.remote import install
from tests.parts.judge import Seen
from tests.parts.processes import answers, free_port, wait_until
from tests.parts.world import World

_PACKAGE = Path(__file__).parents[2] / "packaging" / "node"
_DRIVER = Path(__file__).parents[2] / "ordermonit" / "node" / "driver.rb"

#: What the program's command ends with: all that the forced command looks at.
_MARKER = "rake -E 'x' ordermonit:session"

#: In the place of the driver that the program sends first.
_EVIL_DRIVER = base64.b64encode(b"File.write('pwned', '')").decode() + "\n"

_HELLO = {
    "hello": 1,
    "holder": "a thief",
    "tasks": {"insert_order": "wipe", "confirm_payment": "wipe"},
    "checks": {"order_exists": "File.write('pwned', number)", "evil": "File.write('pwned', '')"},
    "lock": "elsewhere.lock",
    "lock_wait": 1,
    "boot_timeout": 30,
    "idle_limit": 30,
    "grace": 5,
}


class Restricted:
    """A world whose key is restricted to the installed forced command."""

    def __init__(self, world: World, directory: Path) -> None:
        self.world = world
        self.root = world.node.rails_root
        self.config = directory / "etc" / "ordermonit-node.conf"
        forced = install(directory)
        tasks = world.node.task_names()
        self.settings = [
            f"rails_root {self.root}",
            "rake\trake",
            "# the mark by which the tests find what a session began",
            f"environment TEST_SSHD={world.sshd.directory}",
            *(f"{name} {task}" for name, task in tasks.items()),
            "lock  the.lock",
            "payment_confirmed",
        ]
        self.configure()
        with (self.root / "Rakefile").open("a") as rakefile:
            rakefile.write('\ntask(:wipe) { File.write("pwned", "") }\n')
        world.sshd.key_options = f'restrict,command="{forced} {self.config}"'
        world.sshd.restart()

    def configure(self, *more: str) -> None:
        """The sample's keys with this world's values, and these lines."""
        self.config.write_text("\n".join([*self.settings, *more]))

    def ssh(
        self, command: str = "", lines: str = "", options: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        """What OpenSSH's client makes of it, with the monitor's key."""
        return subprocess.run(
            self._client(*options, command),
            input=lines,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def session(
        self, *requests: object, command: str = _MARKER, options: tuple[str, ...] = ()
    ) -> list[dict[str, Any]]:
        """What a hostile session is answered, line by line: each line is sent after the answer
        to the one before, until there is none."""
        process = subprocess.Popen(
            self._client(*options, command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        answers = []
        assert process.stdin is not None
        assert process.stdout is not None
        with process:
            process.stdin.write(_EVIL_DRIVER)
            for line in (_HELLO, *requests):
                process.stdin.write(json.dumps(line) + "\n")
                process.stdin.flush()
                if not (answer := process.stdout.readline()):
                    break
                answers.append(json.loads(answer))
            process.stdin.close()
            process.wait(30)
        return answers

    def _client(self, *words: str) -> list[str]:
        """OpenSSH's client with the monitor's key: options, and a command after the host."""
        sshd = self.world.sshd
        *options, command = words
        return [
            *("ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"),
            *("-o", f"UserKnownHostsFile={sshd.known_hosts}", "-i", str(sshd.key)),
            *("-p", str(sshd.port), *options, f"{sshd.username}@127.0.0.1"),
            *([command] if command else []),
        ]

    @property
    def is_pwned(self) -> bool:
        return any((each / "pwned").exists() for each in (self.root, self.world.sshd.directory))


@pytest.fixture
def restricted(make_world: Callable[..., World], tmp_path: Path) -> Restricted:
    """Installed on a new world's node."""
    return Restricted(make_world(), tmp_path / "node")


def test_the_installer_takes_the_programs_driver_and_leaves_an_edited_configuration(
    tmp_path: Path,
) -> None:
    install(tmp_path)
    config = tmp_path / "etc" / "ordermonit-node.conf"
    config.write_text("edited")
    install(tmp_path)
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {
        "etc/ordermonit-node.conf",
        "usr/local/lib/ordermonit-node/driver.rb",
        "usr/local/lib/ordermonit-node/ordermonit-node",
    }
    installed = tmp_path / "usr/local/lib/ordermonit-node/driver.rb"
    assert installed.read_bytes() == base64.b64decode(wire.driver())
    assert config.read_text() == "edited"


def test_whole_cycles_work_through_it(restricted: Restricted) -> None:
    world = restricted.world
    world.run("init", "--from-start")
    fine, missing = world.front.add_many(2)
    (paid,) = world.front.add_many(1, "authorized")
    world.abacos.judge.hold([fine])
    world.cycle()
    world.cycle()
    judge = world.abacos.judge
    assert judge.numbers(Seen.INSERTED) == [str(missing), str(paid)]
    assert judge.numbers(Seen.CONFIRMED) == [str(paid)]
    assert judge.count(Seen.DOUBLE_INSERT) == 0
    assert judge.asked_count(fine) == 1
    assert world.record(fine)["status"] == "SUCCESS"
    assert len(world.node.boots()) == 1  # and nothing to do in the second cycle
    # The program's own command names another lock: the node's list decides.
    assert (restricted.root / "the.lock").exists()


def test_another_command_is_refused_in_one_line(restricted: Restricted) -> None:
    commands = (
        "touch pwned",
        "rake ordermonitXsession; touch pwned",
        "scp -t .",
        "ordermonit:session",
        "",  # a shell
    )
    for command in commands:
        refused = restricted.ssh(command, lines="touch pwned\n", options=("-T",))
        assert refused.returncode == 77
        assert refused.stdout == ""
        assert refused.stderr.splitlines() == [
            "ordermonit-node: this key runs ordermonit's session and nothing else"
        ]
    assert not restricted.is_pwned
    assert restricted.world.node.boots() == []


def test_files_can_not_be_copied(restricted: Restricted, tmp_path: Path) -> None:
    sshd = restricted.world.sshd
    sshd.options["Subsystem"] = "sftp internal-sftp"
    sshd.restart()
    stolen = tmp_path / "stolen"
    for protocol in ("-s", "-O"):
        copied = subprocess.run(
            [
                *("scp", protocol, "-F", "none", "-o", "BatchMode=yes"),
                *("-o", f"UserKnownHostsFile={sshd.known_hosts}", "-i", str(sshd.key)),
                *("-P", str(sshd.port)),
                *(f"{sshd.username}@127.0.0.1:{restricted.root}/Rakefile", str(stolen)),
            ],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert copied.returncode != 0
        assert not stolen.exists()


def test_the_programs_command_line_is_not_run(restricted: Restricted) -> None:
    """What a thief sends before and in our marker is never looked into."""
    evil = f"touch {restricted.root}/pwned; rake -E 'IO.write(:pwned.to_s, 1)' ordermonit:session"
    (ready,) = restricted.session(command=evil)
    assert ready["ready"] is True
    assert not restricted.is_pwned


def test_nothing_is_forwarded_and_there_is_no_terminal(restricted: Restricted) -> None:
    inside = restricted.world.abacos.port
    ahead = restricted.ssh(options=("-W", f"127.0.0.1:{inside}"))
    assert ahead.returncode != 0
    assert "administratively prohibited" in ahead.stderr
    port = free_port()
    forward = ("-o", "ExitOnForwardFailure=yes", "-R", f"127.0.0.1:{port}:127.0.0.1:{inside}")
    back = restricted.ssh(_MARKER, options=forward)
    assert "remote port forwarding failed" in back.stderr
    assert not answers(port)
    terminal = restricted.ssh("bash", options=("-tt",))
    assert terminal.returncode != 0
    assert "PTY allocation request failed" in terminal.stderr


def test_tasks_checks_and_lock_of_the_client_do_not_count(restricted: Restricted) -> None:
    world = restricted.world
    (number,) = world.front.add_many(1)
    world.node.know(world.front.states())
    said = restricted.session(
        {"id": 1, "ask": "order_exists", "number": str(number), "timeout": 20},
        {"id": 2, "ask": "evil", "number": str(number), "timeout": 20},
        {"id": 3, "ask": "File.write('pwned', '')", "number": str(number), "timeout": 20},
        {"id": 4, "run": "insert_order", "number": str(number), "timeout": 20},
        {"id": 5, "run": "wipe", "number": str(number), "timeout": 20},
    )
    assert said[0]["ready"] is True
    assert said[1] == {"id": 1, "value": False}
    assert set(said[2]) == set(said[3]) == {"id", "unavailable"}
    assert said[4:] == [{"id": 4, "done": True}]  # and the fifth ended the session
    assert world.abacos.judge.inserted_count(number) == 1
    assert not restricted.is_pwned
    assert not (restricted.root / "elsewhere.lock").exists()


def test_a_client_that_wants_another_task_is_told_so(restricted: Restricted) -> None:
    hello = {**_HELLO, "tasks": {"wipe": "wipe"}}
    ended = restricted.ssh(_MARKER, lines=_EVIL_DRIVER + json.dumps(hello) + "\n")
    assert json.loads(ended.stdout) == {"ordermonit": 1, "no_task": "wipe"}
    assert not restricted.is_pwned


def test_a_number_that_is_none_reaches_no_task_and_no_check(restricted: Restricted) -> None:
    numbers = [
        *("1;touch pwned", "$(touch pwned)", "`touch pwned`", "1,2", "1]", "-1 2", "../1", " "),
        *("1\n2", "1\n", "\x001", "1" * 65, "\uff11", None, 5, ["1"], {"json_class": "Object"}),
    ]
    requests = [
        {"id": id, verb: name, "number": number, "timeout": 20}
        for id, number in enumerate(numbers)
        for verb, name in (("run", "insert_order"), ("ask", "order_exists"))
    ]
    assert restricted.session(*requests)[1:] == [
        {"id": request["id"], "refused": "bad number"} for request in requests
    ]
    assert restricted.world.node.tasks() == []
    assert restricted.world.abacos.judge.entries() == []
    assert not restricted.is_pwned


def test_the_clients_environment_does_not_arrive(restricted: Restricted, tmp_path: Path) -> None:
    evil = tmp_path / "evil.rb"
    evil.write_text(f'File.write("{restricted.root}/pwned", "")\n')
    restricted.world.sshd.options["AcceptEnv"] = "*"
    restricted.world.sshd.restart()
    sent = {
        "RUBYOPT": f"-r{evil}",
        "RAILS_ENV": "development",
        "ORDERMONIT_DRIVER": str(evil),
        "LC_ALL": "xx_XX",
        "GEM_HOME": str(tmp_path),
    }
    pairs = " ".join(f"{name}={value}" for name, value in sent.items())
    (ready,) = restricted.session(options=("-o", f"SetEnv={pairs}"))
    assert ready["ready"] is True
    assert not restricted.is_pwned
    assert restricted.world.node.boots() == [{"RAILS_ENV": "production", "LANG": "C.UTF-8"}]


def test_the_nodes_environment_can_be_set(restricted: Restricted) -> None:
    restricted.configure("environment RAILS_ENV=staging", r"environment LANG=pt\BR $(id) *")
    assert restricted.session()[0]["ready"] is True
    assert restricted.world.node.boots() == [{"RAILS_ENV": "staging", "LANG": r"pt\BR $(id) *"}]


def test_a_file_in_the_application_changes_no_word_of_the_command(restricted: Restricted) -> None:
    (restricted.root / "LANG=stolen").touch()
    restricted.configure("rake env LANG=* rake")
    assert restricted.session()[0]["ready"] is True
    assert restricted.world.node.boots() == [{"RAILS_ENV": "production", "LANG": "*"}]


def test_a_wrong_configuration_is_said_to_the_monitor(restricted: Restricted) -> None:
    world = restricted.world
    world.run("init", "--from-start")
    world.front.add_many(1)
    wrong = {
        "raisl_root /srv": "there is no key 'raisl_root'",
        "environment -S": "environment takes NAME=value, not '-S'",
        "rails_root /nowhere": "can't be entered: /nowhere",
        "rails_root": "rails_root is missing",
    }
    for line, complaint in wrong.items():
        restricted.configure(line)
        said = world.cycle(expect=78)
        assert complaint in said.stderr
        assert str(restricted.config) in said.stderr
        assert len(said.stderr.splitlines()) == 1
    assert world.node.tasks() == []


def test_the_lock_is_given_back_at_the_end(restricted: Restricted) -> None:
    restricted.session()
    wait_until(lambda: not restricted.world.sshd.running(), "the first session to end")
    assert restricted.session()[0]["ready"] is True
