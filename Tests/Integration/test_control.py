"""The control plane against open sessions: tickets revoked, decisions with reasons, views recorded, the console in TLS."""

import json
import os
import signal
import ssl
import threading
import time
import urllib.error
import urllib.request
import uuid
import warnings

import pytest

import harness
import record
import wire
from harness import wait_for

GUARDS = [{"name": "deletes", "when": {"statement": ["delete"]}, "then": "hold",
           "approve": {"groups": ["dba"], "count": 1, "within": "15m"}}]


@pytest.fixture(scope="module")
def gateway(shop15, scratch):
    made = harness.Gateway(scratch, [harness.connection("orders", shop15),
                                     harness.connection("guarded", shop15, guard=GUARDS)], name="control").start()
    yield made
    made.stop()


def running(cluster, marker):
    return int(cluster.sql(f"SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%{marker}%' AND state = 'active' "
                           "AND pid <> pg_backend_pid()"))


class Asked(threading.Thread):
    """A statement sent from a thread of its own; `answer` is what came of it."""

    def __init__(self, at, text):
        super().__init__(daemon=True)
        self.wire = wire.Wire(at, timeout=60).open()
        self.text, self.answer = text, None
        self.start()

    def run(self):
        try:
            self.answer = self.wire.ask(wire.query(self.text))
        except (wire.Gone, OSError) as gone:
            self.answer = gone


# Tickets

def ticket(gateway, subject, use):
    status, text = gateway.http("/api/v1/tickets", "POST", {"ttl": 600, "use": use}, gateway.token(subject, ("agents",)))
    assert status == 201, (status, text)
    return json.loads(text)


def revoke(gateway, id, subject, groups=("agents",)):
    return gateway.http(f"/api/v1/tickets/{id}", "DELETE", None, gateway.token(subject, groups))[0]


@pytest.mark.parametrize("use", ["once", "many"])
@pytest.mark.parametrize("by", [("tina", ("agents",)), ("root-1", ("platform",))], ids=["owner", "admin"])
def test_revoking_a_ticket_ends_its_sessions_within_5_s(gateway, shop15, use, by):
    marker = "t" + uuid.uuid4().hex
    made, other = ticket(gateway, "tina", use), ticket(gateway, "tina", "many")
    sleeper = Asked(gateway.endpoint("orders", token=made["secret"]), f"SELECT pg_sleep(60) /* {marker} */")
    wait_for(lambda: running(shop15, marker), 10, "the statement running")
    bystanders = [wire.Wire(gateway.endpoint("orders", token=other["secret"])).open(),
                  wire.Wire(gateway.endpoint("orders", subject="tina")).open()]
    # Nobody else's to revoke: nothing happens, and it looks like one that is not there.
    assert revoke(gateway, made["id"], "mallory") == 404
    assert running(shop15, marker) == 1
    started = time.monotonic()
    assert revoke(gateway, made["id"], *by) == 204
    wait_for(lambda: running(shop15, marker) == 0, 5, "the statement gone from pg_stat_activity")
    assert time.monotonic() - started < 5
    sleeper.join(5)
    assert not sleeper.is_alive()
    if not isinstance(sleeper.answer, Exception):
        assert "ticket" in str(wire.errors(sleeper.answer))
    with wire.Wire(gateway.endpoint("orders", token=made["secret"])) as w:
        assert w.sign_in()[-1][0] == "E"
    for w in bystanders:
        assert w.rows("SELECT 1") == [[b"1"]]
    assert revoke(gateway, made["id"], *by) == 404
    entries = [e for e in gateway.export() if e["type"] == "ticket.revoked" and e["details"]["ticket"] == made["id"]]
    assert len(entries) == 1


def test_revoking_races_with_signing_in(gateway):
    """A session is being opened while its ticket is revoked: whichever comes first, none stays."""
    for _ in range(30):
        made = ticket(gateway, "tina", "many")
        w = wire.Wire(gateway.endpoint("orders", token=made["secret"]))
        thread = threading.Thread(target=revoke, args=(gateway, made["id"], "tina"))
        thread.start()
        try:
            signed_in = w.sign_in()[-1][0]
        except (wire.Gone, OSError):
            signed_in = "gone"
        thread.join()
        if signed_in == "Z":
            w.socket.settimeout(5)
            with pytest.raises((wire.Gone, OSError)) as ended:
                for _ in range(1000):
                    w.ask(wire.query("SELECT pg_sleep(0.005)"))
            assert "timed out" not in str(ended.value)


# Locks on what a client only claims of itself

@pytest.mark.parametrize("kind,value", [("agent", "reporter-7"), ("run", "run-77")])
def test_a_lock_on_a_claimed_agent_or_run_ends_its_open_session(gateway, shop15, kind, value):
    marker = "c" + uuid.uuid4().hex
    at = gateway.endpoint("orders", subject="claimer")
    session = wire.Wire(at).open(application_name=f"{kind}={value}")
    bystander = wire.Wire(at).open(application_name=f"{kind}={value}8")
    session.send(wire.query(f"SELECT pg_sleep(60) /* {marker} */"))
    wait_for(lambda: running(shop15, marker), 10, "the statement running")
    admin = gateway.token("root-1", ("platform",))
    status, text = gateway.http("/api/v1/locks", "POST", {kind: value, "reason": "test"}, admin)
    assert status == 201, text
    try:
        wait_for(lambda: running(shop15, marker) == 0, 5, "the statement gone from pg_stat_activity")
        assert bystander.rows("SELECT 1") == [[b"1"]]
        with wire.Wire(at) as w:
            assert w.sign_in(application_name=f"{kind}={value}")[-1][0] == "E"
    finally:
        gateway.http(f"/api/v1/locks/{json.loads(text)['id']}", "DELETE", None, admin)


# Reasons

def pending(gateway, marker):
    return wait_for(lambda: next((a for a in gateway.pending() if marker in a["text"]), None), 10, "the approval")


@pytest.mark.parametrize("by", ["cli", "api"])
@pytest.mark.parametrize("decision", ["approve", "deny"])
def test_a_reason_is_recorded_sealed_and_shown(gateway, decision, by):
    marker, reason = "r" + uuid.uuid4().hex, f"because {uuid.uuid4().hex} \u00e9"
    held = Asked(gateway.endpoint("guarded"), f"DELETE FROM scratch WHERE id = -1 /* {marker} */")
    approval = pending(gateway, marker)
    if by == "cli":
        gateway.cli(decision, approval["id"], "--subject", "dana", "--group", "dba", "--reason", reason).check()
    else:
        status, text = gateway.http(f"/api/v1/approvals/{approval['id']}/{decision}", "POST", {"reason": reason},
                                    gateway.approval_token("dana", ["dba"]))
        assert status == 200, text
        assert reason in json.dumps(json.loads(text), ensure_ascii=False)
    held.join(20)
    errors = wire.errors(held.answer)
    if decision == "approve":
        assert not errors
    else:
        assert errors[0]["C"] == "42501" and errors[0]["D"] == reason and "dana" in errors[0]["M"]
    # In the list, as JSON and for people.
    [shown] = [a for a in gateway.cli_json("approvals", "--state", "all") if a["id"] == approval["id"]]
    decided = shown["approvals"][0] if decision == "approve" else shown["denial"]
    assert decided["reason"] == reason and decided["by"]["subject"] == "dana"
    assert reason in gateway.cli("approvals", "--state", "all").check().text
    # In the entry of the decision: a commitment in the leaf, the words in the sealed content.
    name = "approval.approved" if decision == "approve" else "approval.denied"
    [entry] = [e for e in gateway.export() if e["type"] == name and e["approval"] == approval["id"]]
    assert record.content(entry, "reason") == reason.encode()
    leaf = {**entry, "content": [{k: v for k, v in item.items() if k not in ("text", "salt")} for item in entry["content"]]}
    assert reason not in json.dumps(leaf, ensure_ascii=False)
    status, text = gateway.http(f"/api/v1/sessions/{entry['session']}/events?limit=1000",
                                token=gateway.token("watcher", ["security"]))
    assert status == 200 and approval["id"] in text and reason not in text
    if decision == "deny":
        session = shown["session"]
        [exchange] = [e for e in gateway.cli_json("replay", session)["exchanges"] if marker in (e.get("text") or "")]
        assert exchange["approval"]["reason"] == reason
    for file in (gateway.folder / "data").rglob("*"):
        if file.is_file():
            assert reason.encode() not in file.read_bytes(), file


# Views

def views(entries, view=None):
    return [e for e in entries if e["type"] == "record.viewed" and view in (None, e["details"]["view"])]


def test_an_export_is_an_entry_running_or_not(shop15, scratch):
    gateway = harness.Gateway(scratch, [harness.connection("orders", shop15)], name="viewed").start()
    try:
        with wire.Wire(gateway.endpoint("orders")) as w:
            w.open()
            assert w.rows("SELECT 1") == [[b"1"]]
        first = gateway.export()
        assert len(views(first, "export")) == 1
        session = next(e["session"] for e in first if e["type"] == "session.open")
        for how in (signal.SIGTERM, signal.SIGKILL):
            gateway.stop(how)
            before = len(views(gateway.export(), "export"))
            text = gateway.cli("audit", "export", "--json", "--session", session).check().text
            assert session in text
            entries = gateway.export()
            found = views(entries, "export")
            assert len(found) == before + 2, (how, before)
            assert found[-1]["details"]["door"] == "folder" and "session" in found[-2], found[-2]
            gateway.cli("replay", session).check()
            assert len(views(gateway.export(), "recording")) == (1 if how == signal.SIGTERM else 2)
            # The gateway starts on what the command line wrote, and knows it.
            gateway.start()
            assert len(views(gateway.export(), "export")) == before + 4
            assert gateway.endpoint("orders").psql("-At", "-c", "SELECT 2").check().out == b"2\n"
    finally:
        gateway.stop()


def test_no_export_where_its_entry_cannot_be(shop15, scratch):
    """Without a console the running gateway cannot be asked, and only it may write."""
    gateway = harness.Gateway(scratch, [harness.connection("orders", shop15)], name="closed")
    del gateway.settings["listen"]["console"]
    gateway.config.write_text(harness.to_yaml(gateway.settings))
    gateway.is_ready = lambda: "ready (" in gateway.log_text()
    gateway.start()
    try:
        done = gateway.cli("audit", "export", "--json")
        assert done.code == 1 and done.out == b"" and "gateway runs on" in done.error_text, done.error_text
        assert "--url" in done.error_text
        if os.geteuid() == 0:
            gateway.stop()
            binary = harness.unprivileged_binary(scratch)
            done = harness.run(binary, "audit", "export", "--config", gateway.config)
            assert done.code == 1 and done.out == b"" and "another user's" in done.error_text, done.error_text
    finally:
        gateway.stop()


# The console in TLS

def test_console_off_loopback_speaks_tls_only(shop15, scratch):
    gateway = harness.Gateway(scratch, [harness.connection("orders", shop15)], name="tls")
    gateway.settings["listen"]["console"] = f"0.0.0.0:{gateway.console}"
    gateway.config.write_text(harness.to_yaml(gateway.settings))
    gateway._found_scheme = "https"
    gateway.start()
    try:
        status, text = gateway.http("/api/v1/sessions", token=gateway.token("watcher", ["security"]))
        assert status == 200 and "items" in text
        token = gateway.token("watcher", ["security"])
        request = urllib.request.Request(f"http://127.0.0.1:{gateway.console}/api/v1/sessions",
                                         headers={"Authorization": f"Bearer {token}"})
        with pytest.raises((OSError, urllib.error.URLError, ValueError)) as refused:
            urllib.request.urlopen(request, timeout=10)
        assert not isinstance(refused.value, urllib.error.HTTPError), "plain HTTP was answered"
        with pytest.raises(urllib.error.URLError):  # a certificate of its own, which nobody trusts unasked
            urllib.request.urlopen(f"https://127.0.0.1:{gateway.console}/healthz", timeout=10,
                                   context=ssl.create_default_context())
        old = ssl.create_default_context(cafile=str(gateway.certificate))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            old.minimum_version = ssl.TLSVersion.TLSv1
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.set_ciphers("DEFAULT@SECLEVEL=0")
        with pytest.raises((OSError, urllib.error.URLError)):
            urllib.request.urlopen(f"https://127.0.0.1:{gateway.console}/healthz", timeout=10, context=old)
        assert gateway.endpoint("orders").psql("-At", "-c", "SELECT 1").check().out == b"1\n"
        # The command line finds it by itself.
        assert len(gateway.cli_json("sessions")) == 1
    finally:
        gateway.stop()


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "192.0.2.1"])
def test_console_in_clear_off_loopback_is_refused_at_configuration(shop15, scratch, host):
    gateway = harness.Gateway(scratch, [harness.connection("orders", shop15)], name="clear", tls="off")
    gateway.settings["listen"]["console"] = f"{host}:{gateway.console}"
    gateway.config.write_text(harness.to_yaml(gateway.settings))
    done = harness.run(harness.unprivileged_binary(scratch), "serve", "--config", gateway.config, timeout=20,
                       cwd=gateway.folder, **harness.as_unprivileged())
    assert done.code == 2 and "tls" in done.error_text and str(gateway.console) in done.error_text, done.error_text
    assert not (gateway.folder / "data" / "wal").exists()
