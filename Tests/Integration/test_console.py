"""What the API and the command line show and promise to people, and what strangers can do to both."""

import concurrent.futures
import json
import pathlib
import signal
import socket
import threading
import time
import urllib.request
import uuid

import pytest

import harness
import wire
from harness import wait_for

GUARDS = [{"name": "deletes", "when": {"statement": ["delete"]}, "then": "hold",
           "approve": {"groups": ["dba"], "count": 1, "within": "15m"}}]


@pytest.fixture(scope="module")
def gateway(shop15, scratch):
    made = harness.Gateway(scratch, [
        harness.connection("orders", shop15), harness.connection("guarded", shop15, guard=GUARDS),
        harness.connection("masked", shop15, guard=GUARDS, mask=[{"detect": ["email"], "with": "redact"}]),
    ], name="console").start()
    yield made
    made.stop()


# What an approver sees

def held(gateway, session):
    return wait_for(lambda: next((a for a in gateway.pending() if a["session"] == session), None), 10, "the approval")


def only_session(gateway, subject, connection):
    [found] = gateway.api(f"/sessions?principal={subject}&connection={connection}")["items"]
    return found["id"]


def test_an_approver_sees_the_parameters(gateway):
    subject = "s" + uuid.uuid4().hex
    with wire.Wire(gateway.endpoint("masked", subject=subject)).open() as w:
        w.send(wire.parse("DELETE FROM scratch WHERE marker = $1 OR marker = $2 OR marker = $3", "s1"),
               wire.bind(statement="s1", parameters=[b"x-1", None, b"ada@example.com"]), wire.execute(), wire.sync())
        approval = held(gateway, only_session(gateway, subject, "masked"))
        assert approval["text"].startswith("DELETE FROM scratch") and "prepared" not in approval
        first, second, third = approval["parameters"]
        assert first == "x-1" and second is None
        assert "ada@example.com" not in json.dumps(approval), "masked as it is in the record"
        text = gateway.cli("approvals").check().text
        assert "$1 = 'x-1'" in text and "$2 = NULL" in text and "ada@example.com" not in text
        gateway.decide("approve", approval["id"])
        assert not wire.errors(w.until("Z"))


def test_an_approver_sees_what_a_name_stands_for(gateway):
    subject = "s" + uuid.uuid4().hex
    with wire.Wire(gateway.endpoint("guarded", subject=subject)).open() as w:
        # Preparing by the protocol is not held, running it is.
        assert not wire.errors(w.ask(wire.parse("DELETE FROM scratch WHERE id = -4", "harmless"), wire.sync()))
        w.send(wire.query("EXECUTE harmless"))
        approval = held(gateway, only_session(gateway, subject, "guarded"))
        assert approval["text"] == "EXECUTE harmless"
        assert approval["prepared"] == ["DELETE FROM scratch WHERE id = -4"]
        text = gateway.cli("approvals").check().text
        assert "EXECUTE harmless" in text and "DELETE FROM scratch WHERE id = -4" in text
        gateway.decide("deny", approval["id"])
        assert wire.errors(w.until("Z"))


@pytest.mark.parametrize("typed,shown", [
    ("a\u200bb", r"'a\u{200b}b'"), ("a\u00a0b", r"'a\u{a0}b'"), ("a\u202eb", r"'a\u{202e}b'"), ("a\u3164b", r"'a\u{3164}b'"),
    ("\u043e\u0441", r"'\u{43e}\u{441}'"), ("p\u0430id", r"'p\u{430}id'"), ("\uff41", r"'\u{ff41}'"),
    ("Münster", "'Münster'"), ("Москва", "'Москва'"), ("東京", "'東京'"),
])
def test_invisible_and_confusable_letters_are_shown_by_number(gateway, typed, shown):
    subject = "s" + uuid.uuid4().hex
    with wire.Wire(gateway.endpoint("guarded", subject=subject)).open() as w:
        w.send(wire.query(f"DELETE FROM scratch WHERE marker = '{typed}'"))
        approval = held(gateway, only_session(gateway, subject, "guarded"))
        assert typed in approval["text"], "the API gives the text as it is"
        text = gateway.cli("approvals").check().text
        assert f"DELETE FROM scratch WHERE marker = {shown}" in text, text
        gateway.decide("deny", approval["id"])
        w.until("Z")


# Standard output that cannot be written

@pytest.mark.parametrize("command", [["audit", "export", "--json"], ["sessions"], ["approvals", "--state", "all", "--json"]],
                         ids=" ".join)
def test_a_full_disk_under_standard_output_is_a_failure(gateway, scratch, command):
    assert gateway.endpoint("orders").psql("-qAtc", "SELECT 1").check().out == b"1\n"
    words = ["'%s'" % harness.unprivileged_binary(scratch), *command, "--config", f"'{gateway.config}'"]
    done = harness.run("sh", "-c", " ".join(words) + " > /dev/full", cwd=gateway.folder, **harness.as_unprivileged())
    assert done.code == 1 and "not complete" in done.error_text and "No space left" in done.error_text


def test_a_reader_that_has_gone_is_none(gateway, scratch):
    words = f"'{harness.unprivileged_binary(scratch)}' audit export --json --config '{gateway.config}'"
    script = f"{{ {words}; echo $? > code; }} | true; cat code; rm code"
    done = harness.run("bash", "-c", script, cwd=gateway.folder, **harness.as_unprivileged())
    # 141: ended by the signal.
    assert done.text.strip() in ("0", "141") and done.error_text == ""


# The command line and who answers it

class Stranger(threading.Thread):
    """Another user of this machine, who listens on the console's port while the gateway is down."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.heard, self.server = [], socket.create_server(("127.0.0.1", port))
        self.start()

    def run(self):
        while True:
            try:
                channel, _ = self.server.accept()
            except OSError:
                return
            with channel:
                channel.settimeout(5)
                self.heard.append(channel.recv(65536))
                body = b'{"items":[],"groups":["dba"]}'
                channel.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body))

    def close(self):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_no_token_goes_to_whoever_listens_on_the_port(shop15, scratch, how):
    gateway = harness.Gateway(scratch, [harness.connection("orders", shop15)], name="strange").start()
    approval = str(uuid.uuid4())
    try:
        assert gateway.endpoint("orders").psql("-qAtc", "SELECT 1").check().out == b"1\n"
        assert len(gateway.cli_json("sessions")) == 1
        folder = gateway.folder / "data" / "operator"
        assert folder.stat().st_mode & 0o777 == 0o700
        gateway.stop(how)
        stranger = Stranger(gateway.console)
        try:
            # A view goes to the folder, an act fails.
            assert len(gateway.cli_json("sessions")) == 1
            for act in (["approve", approval], ["approve", approval, "--group", "dba"], ["locks"],
                        ["lock", "--agent", "a", "--reason", "r"], ["approvals"]):
                done = gateway.cli(*act)
                assert done.code == 1 and "No gateway answers" in done.error_text, (act, done.error_text)
            assert stranger.heard == []
        finally:
            stranger.close()
        gateway.start()
        assert gateway.cli("locks").check().text == ""
    finally:
        gateway.stop()


def test_a_folder_that_others_may_enter_is_not_the_gateways(shop15, scratch):
    gateway = harness.Gateway(scratch, [harness.connection("orders", shop15)], name="opened").start()
    folder = gateway.folder / "data" / "operator"
    try:
        folder.chmod(0o777)
        done = gateway.cli("locks")
        assert done.code == 1 and "0700" in done.error_text
        folder.rename(folder.with_name("moved"))
        folder.symlink_to("moved")
        done = gateway.cli("locks")
        assert done.code == 1 and "operator" in done.error_text
        folder.unlink()
        folder.with_name("moved").rename(folder)
        folder.chmod(0o700)
        gateway.cli("locks").check()
    finally:
        gateway.stop()


# Locks

def test_a_lock_on_the_longest_subject_stands_after_a_restart(shop15, scratch):
    gateway = harness.Gateway(scratch, [harness.connection("orders", shop15)], name="long").start()
    subject = "s" * 1000 + "é" * 12
    try:
        at = gateway.endpoint("orders", subject=subject)
        session = wire.Wire(at).open()
        done = gateway.cli("lock", "--principal", subject, "--issuer", "sallyport:local", "--reason", "test").check()
        assert "1 open session ended" in done.text, done.text
        session.at_end()
        for how in (signal.SIGTERM, signal.SIGKILL):
            gateway.stop(how)
            gateway.start()
            [lock] = gateway.cli_json("locks")
            assert lock["value"] == subject
            with wire.Wire(at) as w:
                assert w.sign_in()[-1][0] == "E"
    finally:
        gateway.stop()


def test_a_lock_that_can_name_nothing_is_refused(gateway):
    for wrong in (["--connection", "ordres"], ["--principal", "ada", "--issuer", "https://idp.example.com"]):
        done = gateway.cli("lock", *wrong, "--reason", "test")
        assert done.code == 1 and "(422)" in done.error_text
    assert gateway.cli_json("locks") == []


# Clients that only hold the server

def sockets_of(pid):
    return sum(1 for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir() if "socket:" in str(fd.readlink()))


def get_from(address, gateway, path="/healthz"):
    class Connection(__import__("http.client").client.HTTPConnection):
        pass

    connection = Connection("127.0.0.1", gateway.console, timeout=10, source_address=(address, 0))
    connection.request("GET", path)
    try:
        return connection.getresponse().status
    finally:
        connection.close()


def test_one_address_does_not_take_all_connections(gateway):
    held_open = [socket.create_connection(("127.0.0.1", gateway.console)) for _ in range(140)]
    try:
        def closed(channel):
            channel.settimeout(0.01)
            try:
                return channel.recv(1) == b""
            except TimeoutError:
                return False
            except OSError:
                return True
        wait_for(lambda: sum(map(closed, held_open)) == 12, 10, "all past 128 closed")
        assert get_from("127.0.0.2", gateway) == 200
    finally:
        for channel in held_open:
            channel.close()
    wait_for(lambda: gateway.is_ready(), 5, "the first address served again")


@pytest.mark.timeout(120)
def test_a_client_that_never_reads_is_let_go(gateway):
    before = sockets_of(gateway.pid)
    channel = socket.socket()
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    channel.connect(("127.0.0.1", gateway.console))
    request = b"GET /api/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
    channel.settimeout(1)
    try:
        for _ in range(2000):
            channel.sendall(request)
    except TimeoutError:
        pass  # it is not read any more, as it should
    assert sockets_of(gateway.pid) > before
    wait_for(lambda: sockets_of(gateway.pid) <= before, 45, "the connection closed", every=0.5)
    channel.close()
    assert gateway.is_ready()
