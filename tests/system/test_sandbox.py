"""What the service may do: its credentials, and what it can't reach."""

import json
from pathlib import Path

import pytest

from tests.parts.databases import PASSWORD
from tests.system.inside import CONFIG, STATE, Inside

UNIT = "ordermonit.service"
PROBE = "/usr/local/lib/probe.py"  # the clone may be where the sandbox shows nothing
WRITABLE = (STATE, "/var/log/ordermonit", "/run/ordermonit", "/tmp", "/var/tmp")
CLOSED = ("/", "/etc", CONFIG, "/usr/local/lib/ordermonit", "/var", "/var/lib", "/run", "/srv")


def test_the_service_has_no_capability_and_writes_only_its_own_directories(inside: Inside) -> None:
    machine = inside.machine
    machine.write(PROBE, Path(__file__).with_name("probe.py").read_text())
    places = " ".join(WRITABLE + CLOSED)
    probe = (
        f"[Service]\nSyslogIdentifier=probe\nExecStartPre=/usr/bin/python3 -I {PROBE} {places}\n"
    )
    with machine.drop_in(UNIT, probe):
        inside.cycle()
    machine.wait(lambda: machine.journal("SYSLOG_IDENTIFIER=probe"), "the probe's words")
    found = json.loads(machine.journal("SYSLOG_IDENTIFIER=probe")[-1]["MESSAGE"])
    assert found["user"] == machine.run("id", "-u", "ordermonit").stdout.strip()
    assert found["capabilities"] == ["0000000000000000"]
    assert found["no_new_privileges"] == "1"
    assert {place: found["writes"][place] for place in WRITABLE} == dict.fromkeys(WRITABLE, "done")
    assert "done" not in {found["writes"][place] for place in CLOSED}
    assert found["reads_home"] in ("Permission denied", "No such file or directory")
    assert found["reads_root"] == "Permission denied"
    assert found["reads_shadow"] == "Permission denied"
    assert found["processes"] == [found["own_pid"]]
    assert found["packet_socket"] == "Address family not supported by protocol"
    assert found["namespace"] == found["setuid"] == "Operation not permitted"


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
def test_the_key_and_the_password_come_from_credentials(inside: Inside, encrypted: bool) -> None:
    machine = inside.machine
    store = "/etc/credstore.encrypted" if encrypted else "/etc/credstore"
    key = machine.run("cat", f"{STATE}/.ssh/id_ed25519").stdout
    drop_in = machine.run("cat", "/usr/local/share/doc/ordermonit/credentials.conf").stdout
    if encrypted:
        # As its comments say: the lines that load, the other way round.
        drop_in = drop_in.replace("\nLoadCredential=", "\n#").replace("\n#LoadC", "\nLoadC")
    machine.run("install", "-d", "-m", "700", store)
    for name, secret in (("ssh_key", key), ("database_password", PASSWORD)):
        target = f"{store}/ordermonit.{name}"
        if encrypted:
            machine.run("systemd-creds", "encrypt", f"--name={name}", "-", target, stdin=secret)
        else:
            machine.run("install", "-m", "600", "/dev/stdin", target, stdin=secret)
    inside.configure("database", password=None)
    machine.run("mv", f"{STATE}/.ssh/id_ed25519", "/root/id_ed25519")
    try:
        places = (CONFIG, STATE, "/var/log/ordermonit")
        for secret in (PASSWORD, "PRIVATE KEY"):
            found = machine.run("grep", "-rlF", "-e", secret, *places, check=False)
            assert found.stdout == ""
        (number,) = inside.sell(1)
        with machine.drop_in(UNIT, drop_in, "credentials"):
            inside.cycle()
        assert inside.abacos.judge.confirmed_count(number) == 1
    finally:
        machine.run("mv", "/root/id_ed25519", f"{STATE}/.ssh/id_ed25519")


def test_init_is_typed_with_the_password_from_its_credential(inside: Inside) -> None:
    machine = inside.machine
    machine.run("install", "-d", "-m", "700", "/etc/credstore")
    password = "/etc/credstore/ordermonit.database_password"
    machine.run("install", "-m", "600", "/dev/stdin", password, stdin=PASSWORD)
    inside.configure("database", password=None)
    machine.run("sh", "-c", f"rm {STATE}/checkpoint*")
    load = f"LoadCredential=database_password:{password}"
    machine.run(
        *("systemd-run", "--pipe", "--wait", "--quiet", "-p", "User=ordermonit", "-p", load),
        *("/usr/local/bin/ordermonit", "init", "--latest"),
    )
    assert machine.disk.mode(f"{STATE}/checkpoint") == "-rw------- ordermonit:ordermonit"


#: A web server that answers one alert, and prints it.
HOOK = """\
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        print(self.rfile.read(int(self.headers["Content-Length"])).decode(), flush=True)
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", 8081), Handler).handle_request()
"""


def test_an_alert_leaves_the_sandbox(inside: Inside) -> None:
    machine = inside.machine
    machine.write("/usr/local/lib/hook.py", HOOK)
    machine.run("systemd-run", "--unit=hook", "/usr/bin/python3", "-I", "/usr/local/lib/hook.py")
    machine.write(f"{CONFIG}/alerts.yml", "channels: ['json://127.0.0.1:8081/']\n")
    inside.configure("service", max_attempts=1)
    (number,) = inside.sell(1)
    inside.abacos.behave("reject", [number])
    inside.cycle()
    (sent,) = machine.journal("ORDERMONIT_EVENT=ALERT_SENT")
    assert "channel 1 (json) took the alert" in sent["MESSAGE"]
    machine.wait(lambda: machine.journal("_SYSTEMD_UNIT=hook.service"), "what arrived")
    texts = [entry["MESSAGE"] for entry in machine.journal("_SYSTEMD_UNIT=hook.service")]
    assert any(f"ordermonit retry {number}" in text for text in texts)
    assert machine.disk.mode(f"{STATE}/alerts") == "-rw------- ordermonit:ordermonit"


def test_the_metrics_are_written_where_readme_s_drop_in_lets_them(inside: Inside) -> None:
    machine = inside.machine
    place = "/var/lib/prometheus/node-exporter"
    machine.run("install", "-d", "-g", "ordermonit", "-m", "775", place)
    inside.configure("process", metrics_file=f"{place}/ordermonit.prom")
    inside.cycle()
    failed = machine.journal("ORDERMONIT_EVENT=METRICS_FAILED")
    assert f"{place}/ordermonit.prom was not written: Read-only" in failed[-1]["MESSAGE"]
    with machine.drop_in(UNIT, f"[Service]\nReadWritePaths={place}\n", "metrics"):
        inside.cycle()
    assert machine.disk.mode(f"{place}/ordermonit.prom") == "-rw-r--r-- ordermonit:ordermonit"
    assert machine.run("ls", place).stdout.split() == ["ordermonit.prom"]
    assert len(machine.journal("ORDERMONIT_EVENT=METRICS_FAILED")) == len(failed)
