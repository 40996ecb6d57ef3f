"""Verdicts from outside: a policy service that answers as OPA does, or not at all."""

import json
import select
import threading
import time
import uuid

import psycopg
import pytest

import harness
import record
import wire
from harness import wait_for
from opa import PolicyServer

GUARDS = [
    {"name": "no-ddl", "when": {"statement": ["ddl"]}, "then": "block"},
    {"name": "note", "when": {"table": ["orders"]}, "then": "log"},
    {"name": "scratch", "when": {"statement": ["delete"], "table": ["scratch"]}, "then": "hold",
     "approve": {"groups": ["dba"], "count": 1, "within": "20s"}},
]
Raw = PolicyServer.Raw


@pytest.fixture(scope="module")
def service():
    made = PolicyServer().start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def gateway(shop15, shop18, scratch, service):
    opa = {"url": service.url, "timeout": "700ms"}
    made = harness.Gateway(scratch, [
        harness.connection("asked", shop15, opa=opa, guard=GUARDS, labels={"env": "test"},
                           mask=[{"columns": ["customers.ssn"], "with": "redact"}]),
        harness.connection("alone", shop18, opa={**opa, "approve": {"groups": ["dba"], "within": "20s"}}),
        harness.connection("nobody", shop15, opa=opa),
        harness.connection("closed", shop15, opa={"url": f"http://127.0.0.1:{harness.free_port()}/v1/data/x"}),
    ], name="opa").start()
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def calm(service):
    service.behave = lambda asked: True
    yield
    assert not service.problems


def refusal(w, text):
    errors = wire.errors(w.ask(wire.query(text)))
    return (errors[0]["C"], errors[0]["M"]) if errors else None


def entry(gateway, mark, type):
    found = [e for x in record.find(gateway.export(), mark) for e in x.entries if e["type"] == type]
    assert found, (mark, type)
    return found[-1]


def mark():
    return "m" + uuid.uuid4().hex


def test_allow_and_block_by_boolean(gateway, service):
    service.behave = lambda asked: "forbidden" not in asked["command"]["text"]
    with wire.Wire(gateway.endpoint("alone")) as w:
        w.open()
        one, two = mark(), mark()
        assert refusal(w, f"SELECT 1 AS {one}") is None
        code, words = refusal(w, f"SELECT 'forbidden' AS {two}")
        assert code == "42501" and "policy service" in words
        assert w.rows("SELECT 42") == [[b"42"]]
    assert entry(gateway, one, "command.allowed")["rules"] == ["opa"]
    assert entry(gateway, two, "command.blocked")["rules"] == ["opa"]


@pytest.mark.parametrize("verdict, code", [("allow", None), ("block", "42501")])
def test_verdict_with_reason(gateway, service, verdict, code):
    service.behave = lambda asked: {"verdict": verdict, "reason": "Not on a\nSaturday. é"}
    with wire.Wire(gateway.endpoint("alone")) as w:
        w.open()
        found = refusal(w, "SELECT 1")
        assert (found and found[0]) == code
        assert not found or "Not on a Saturday. é" in found[1]


def test_hold_and_grant(gateway, service):
    service.behave = lambda asked: {"verdict": "hold", "reason": "Ask first."}
    with wire.Wire(gateway.endpoint("alone")) as w:
        w.open()
        w.send(wire.query("SELECT 7"))
        wait_for(lambda: gateway.pending(), 10, "the approval")
        gateway.decide("approve", gateway.pending()[0]["id"])
        assert [wire.row(body) for kind, body in w.until() if kind == "D"] == [[b"7"]]


def test_a_hold_that_nobody_could_approve_is_a_block(gateway, service):
    service.behave = lambda asked: {"verdict": "hold", "reason": "Ask first."}
    with wire.Wire(gateway.endpoint("nobody")) as w:
        w.open()
        code, words = refusal(w, "SELECT 7")
        assert code == "42501" and "Ask first." in words and "nobody" in words


def test_the_strictest_wins(gateway, service):
    with wire.Wire(gateway.endpoint("asked")) as w:
        w.open()
        one = mark()
        before = len(service.inputs)
        # A block of the connection's own needs no second opinion.
        assert refusal(w, f"CREATE TABLE {one} (n int)")[0] == "42501"
        assert len(service.inputs) == before
        service.behave = lambda asked: False
        two = mark()
        assert refusal(w, f"DELETE FROM scratch WHERE marker = '{two}'")[0] == "42501"
        assert service.about(two)[-1]["guards"] == {"verdict": "hold", "rules": ["scratch"]}
        three = mark()
        assert refusal(w, f"SELECT id AS {three} FROM orders LIMIT 1")[0] == "42501"
    assert sorted(entry(gateway, three, "command.blocked")["rules"]) == ["note", "opa"]


@pytest.mark.parametrize("broken, words", [
    (Raw(b"{}"), "undefined"), (Raw(b'{"result": null}'), "undefined"), (Raw(b"no", 500), "status 500"),
    (Raw(b'{"result": true}', 302), "status 302"), (Raw(b"garbage"), "neither"), (Raw(b""), "neither"),
    (Raw(b'{"result": "allow"}'), "neither"), (Raw(b'{"result": 1}'), "neither"),
    (Raw(b'{"result": {"verdict": "ALLOW"}}'), "no allow, hold or block"), (Raw(b'{"result": {"allow": true}}'), "neither"),
    (Raw(b'{"result": [true]}'), "neither"), (Raw(b'{"result": ' * 100_00), "too long"),
    (Raw(b'{"result": true, "x": "' + b"y" * 200_000 + b'"}'), "too long"),
    (Raw(b'{"result": true}', delay=2), "within 700 ms"), (Raw(drop=True), ""),
])
def test_what_is_no_verdict_blocks(gateway, service, broken, words):
    def behave(asked):
        raise broken

    service.behave = behave
    with wire.Wire(gateway.endpoint("alone")) as w:
        w.open()
        began = time.monotonic()
        code, said = refusal(w, "SELECT 1")
        assert code == "42501" and "gave no verdict" in said and words in said, said
        assert time.monotonic() - began < 1.9
        service.behave = lambda asked: True
        assert w.rows("SELECT 1") == [[b"1"]]


def test_a_service_that_is_not_there_blocks(gateway):
    with wire.Wire(gateway.endpoint("closed")) as w:
        w.open()
        code, said = refusal(w, "SELECT 1")
        assert code == "42501" and "cannot be reached" in said
    assert "a policy service gives no verdict" in gateway.log_text()


def test_others_do_not_wait_for_it(gateway, service):
    """One event loop or another: a slow service holds up its own session only."""
    thinking, done = threading.Event(), threading.Event()

    def behave(asked):
        if "slow" in asked["command"]["text"]:
            thinking.set()
            done.wait(0.5)
        return True

    service.behave = behave
    with wire.Wire(gateway.endpoint("alone")) as slow, wire.Wire(gateway.endpoint("alone")) as quick:
        slow.open()
        quick.open()
        slow.send(wire.query("SELECT 'slow'"))
        assert thinking.wait(10)
        assert quick.rows("SELECT 1") == [[b"1"]]
        assert not select.select([slow.socket], [], [], 0)[0], "the slow one was answered first"
        done.set()
        assert not wire.errors(slow.until())


def test_the_input_is_as_documented_and_holds_no_secret(gateway, service):
    one = mark()
    at = gateway.endpoint("asked", "ann", ("agents", "readers"))
    with psycopg.connect(at.dsn, autocommit=True) as connection:
        connection.execute(f"SELECT c.name AS {one} FROM customers c WHERE c.ssn = '123-45-0001' AND c.id < %s", (7654321,))
    asked = service.about(one)
    assert {a["command"]["phase"] for a in asked} == {"prepare", "execute"}
    a = asked[-1]
    assert a["version"] == 1 and a["connection"] == "asked" and a["labels"] == {"env": "test"}
    assert a["kind"] == "postgres" and a["database"] and a["session"] and a["time"].endswith("Z")
    assert a["principal"]["subject"] == "ann" and a["principal"]["groups"] == ["agents", "readers"]
    command = a["command"]
    assert command["classes"] == ["select"] and command["verb"] == "SELECT" and command["reads"] == ["customers"]
    assert {"ssn", "id", "name"} <= set(command["columns_read"]) and not command["without_where"]
    assert command["is_text_cut"] is False and command["unknown_calls"] == []
    whole = b"".join(body for _, body in service.inputs)
    assert b"123-45-0001" not in whole and b"7654321" not in whole
    assert at.password.encode() not in whole


def test_connections_are_kept(gateway, service):
    with wire.Wire(gateway.endpoint("alone")) as w:
        w.open()
        w.rows("SELECT 1")
        before = service.connections
        for _ in range(30):
            w.rows("SELECT 1")
        assert service.connections - before <= 1


def test_psql_and_cancel_while_it_thinks(gateway, service):
    at = gateway.endpoint("alone")
    service.behave = lambda asked: "secret" not in asked["command"]["text"]
    done = at.psql(input="SELECT 'secret';\nSELECT 'alive';\n")
    assert "policy service" in done.error_text and "alive" in done.text

    def slow(asked):
        raise Raw(b'{"result": true}', delay=0.6)

    service.behave = slow
    with wire.Wire(at) as w:
        w.open()
        w.send(wire.query("SELECT 1"))
        time.sleep(0.1)
        wire.cancel(at, w.key)
        assert wire.errors(w.until())[0]["C"] == "57014"
        service.behave = lambda asked: True
        assert w.rows("SELECT 2") == [[b"2"]]


def test_policy_test_says_that_it_is_not_asked(gateway):
    done = harness.run(harness.BINARY, "policy", "test", gateway.config, "--connection", "alone", "--json",
                       "--command", "SELECT 1").check()
    step = next(s for s in json.loads(done.text)["steps"] if s["rule"] == "opa")
    assert "needs the server" in step["reasons"][0]
