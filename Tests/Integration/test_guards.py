"""What guards match on beyond statement and table, rules that only log, shared rules, and reloading, as clients meet them."""

import json
import time

import psycopg
import pytest

import harness
import record
import wire
from harness import wait_for

EVERY_DAY = {"days": ["mon-sun"]}
GUARDS = [
    {"name": "ssn-read", "when": {"column_read": ["customers.ssn"], "group": {"not": ["privacy"]}}, "then": "block"},
    {"name": "ssn-write", "when": {"column_written": ["customers.ssn"]}, "then": "block"},
    {"name": "audit", "when": {"schema": ["audit"]}, "then": "block"},
    {"name": "sleeping", "when": {"function": ["pg_sleep*"]}, "then": "block"},
    {"name": "wide", "when": {"joins": 3}, "then": "block"},
    {"name": "unbounded", "when": {"without": "limit", "table": ["orders"], "agent": ["report*"]}, "then": "block"},
    {"name": "bots", "when": {"statement": ["insert"], "agent": {"not": ["nightly"]}, "group": ["bots"]}, "then": "block"},
    {"name": "aimless", "when": {"statement": ["copy"], "purpose": "absent"}, "then": "block"},
    {"name": "never-now", "when": {"statement": ["truncate"], "time": {"not": EVERY_DAY}}, "then": "block"},
    {"name": "always-now", "when": {"statement": ["truncate"], "time": EVERY_DAY}, "then": "block"},
    {"name": "mallory", "when": {"principal": ["mal*"], "issuer": ["sallyport:local"]}, "then": "block"},
    {"name": "watch-deletes", "when": {"statement": ["delete"]}, "then": "log"},
    {"name": "watch-updates", "when": {"statement": ["update"]}, "then": "log", "would": "hold"},
]
SHARED = [
    {"name": "no-grants", "when": {"statement": ["grant"]}, "then": "block", "connections": ["*"]},
    {"name": "prod-only", "when": {"statement": ["ddl"]}, "then": "block", "connections": {"labels": {"env": "prod"}}},
]


@pytest.fixture(scope="module")
def gateway(shop15, shop18, scratch):
    made = harness.Gateway(scratch, [
        harness.connection("guarded", shop15, guard=GUARDS, groups=("agents", "bots"), labels={"env": "prod"}),
        harness.connection("guarded18", shop18, guard=GUARDS, groups=("agents", "bots")),
    ], name="guards", policy=SHARED).start()
    yield made
    made.stop()


def error_of(at, text, **startup):
    """The refusal of one query, or None; the connection must go on."""
    with wire.Wire(at) as w:
        w.open(**startup)
        errors = wire.errors(w.ask(wire.query(text)))
        assert w.rows("SELECT 1") == [[b"1"]]
    return errors[0] if errors else None


def rule_of(at, text, **startup):
    error = error_of(at, text, **startup)
    if error is None:
        return None
    assert error["C"] == "42501", error
    return error["H"].split('"')[1]


@pytest.mark.parametrize("text, rule", [
    ("SELECT ssn FROM customers WHERE id = 1", "ssn-read"), ("SELECT * FROM customers WHERE id = 1", "ssn-read"),
    ("SELECT name FROM customers WHERE ssn LIKE '1%'", "ssn-read"), ("SELECT name FROM customers WHERE id = 1", None),
    ("UPDATE customers SET ssn = ssn || '' WHERE id = -1", "ssn-read"),
    ("UPDATE customers SET ssn = 'x' WHERE id = -1", "ssn-write"), ("UPDATE customers SET name = 'x' WHERE id = -1", None),
    ("SELECT * FROM audit.log", "audit"), ("SELECT pg_sleep(0)", "sleeping"), ("SELECT pg_sleep_for('0')", "sleeping"),
    ("SELECT 1 FROM orders a, orders b, orders c, orders d LIMIT 1", "wide"),
    ("SELECT 1 FROM orders a, orders b, orders c LIMIT 1", None), ("TRUNCATE scratch", "always-now"),
    ("GRANT SELECT ON orders TO PUBLIC", "no-grants"), ("COPY (SELECT 1) TO STDOUT", "aimless"),
])
@pytest.mark.parametrize("name", ["guarded", "guarded18"])
def test_keys(gateway, name, text, rule):
    # The path is told, so a name without a schema lies in public and not in audit.
    assert rule_of(gateway.endpoint(name), text, search_path="public") == rule


def test_names_without_a_schema_lie_on_the_path(gateway):
    at = gateway.endpoint("guarded")
    assert rule_of(at, "SELECT name FROM customers LIMIT 1", search_path="public, audit") == "audit"
    # Changed, it is asked for: see test_search_path.py.
    with wire.Wire(at) as w:
        w.open(search_path="public")
        for text, is_refused in (("SELECT name FROM customers LIMIT 1", False), ("SET search_path TO audit", False),
                                 ("SELECT name FROM customers LIMIT 1", True), ("SELECT count(*) FROM public.orders", False)):
            errors = wire.errors(w.ask(wire.query(text)))
            assert bool(errors) == is_refused, (text, errors)


def test_the_server_of_18_tells_its_path(gateway):
    assert rule_of(gateway.endpoint("guarded18"), "SELECT name FROM customers LIMIT 1") is None


def test_people(gateway):
    ssn = "SELECT ssn FROM customers WHERE id = 1"
    assert rule_of(gateway.endpoint("guarded", "ann", ("agents", "privacy")), ssn, search_path="public") is None
    with wire.Wire(gateway.endpoint("guarded", "mallory")) as w:
        w.open(search_path="public")
        assert '"mallory"' in wire.errors(w.ask(wire.query("SELECT 1")))[0]["H"]


def test_agents_and_purposes(gateway):
    orders = "SELECT id FROM orders"
    at = gateway.endpoint("guarded")
    agent = gateway.endpoint("guarded", token=gateway.token("agent-1", ("agents",), "--agent", "reporter"))
    assert rule_of(agent, orders, search_path="public") == "unbounded"
    assert rule_of(agent, orders + " LIMIT 5", search_path="public") is None
    # A name that the client merely says counts against it ...
    assert rule_of(at, orders, search_path="public", application_name="reporter") == "unbounded"
    # ... and never for it.
    insert = "INSERT INTO scratch (marker) VALUES ('x')"
    for token, rule in ((gateway.token("b", ("bots",), "--agent", "nightly"), None), (gateway.token("b", ("bots",)), "bots")):
        at = gateway.endpoint("guarded", token=token)
        assert rule_of(at, insert, search_path="public", application_name="nightly") == rule


def test_rules_that_log_decide_nothing_and_are_told(gateway, shop15):
    marker = f"watched-{time.time_ns()}"
    at = gateway.endpoint("guarded")
    with wire.Wire(at) as w:
        w.open(search_path="public")
        for text in (f"DELETE FROM scratch WHERE marker = '{marker}'",
                     f"UPDATE scratch SET marker = marker WHERE marker = '{marker}'",
                     f"WITH d AS (DELETE FROM scratch WHERE marker = '{marker}' RETURNING 1) SELECT pg_sleep(0) FROM d"):
            w.ask(wire.query(text))
        assert wire.kinds(w.ask(wire.parse(f"DELETE FROM scratch WHERE marker = '{marker}'"), wire.bind(), wire.execute(),
                                wire.sync())) == "12CZ"
    found = [e.entries[0] for e in record.find(gateway.export(), marker)]
    told = [(e["verdict"], e["rules"], e.get("decided_by"), e.get("observed"), e.get("would")) for e in found]
    watch = ["watch-deletes"]
    assert told[0] == ("allow", watch, None, watch, "block")
    assert told[1] == ("allow", ["watch-updates"], None, ["watch-updates"], "hold")
    assert told[2] == ("block", ["sleeping", "watch-deletes"], ["sleeping"], watch, None)
    assert told[4 if len(told) > 4 else 3][0] == "allow"
    hits = gateway.cli_json("search", "--rule", "watch-deletes")
    assert any(marker in json.dumps(hit) for hit in hits) or len(hits) >= 3
    session = found[0]["session"]
    shown = gateway.cli("replay", session).check().text
    assert "would be block by watch-deletes" in shown and "would be hold by watch-updates" in shown


def test_shared_rules_by_label(gateway):
    ddl = "CREATE TABLE made_here (n int)"
    with wire.Wire(gateway.endpoint("guarded")) as w:
        w.open(search_path="public")
        assert '"prod-only"' in wire.errors(w.ask(wire.query(ddl)))[0]["H"]
    assert rule_of(gateway.endpoint("guarded18"), "DROP TABLE IF EXISTS no_such_table", search_path="public") is None


def test_policy_test_knows_who_and_when(gateway):
    def verdict(text, *who):
        done = harness.run(harness.BINARY, "policy", "test", gateway.config, "--connection", "guarded", "--json",
                           "--search-path", "public", "--command", text, *who).check()
        answer = json.loads(done.text)
        return answer["verdict"], answer["decided_by"], answer.get("would")

    ssn = "SELECT ssn FROM customers LIMIT 1"
    assert verdict(ssn, "--as", "ann", "--group", "agents") == ("block", ["ssn-read"], None)
    assert verdict(ssn, "--as", "ann", "--group", "privacy") == ("allow", [], None)
    assert verdict("COPY orders TO STDOUT", "--as", "ann", "--purpose", "export") == ("allow", [], None)
    assert verdict("DELETE FROM orders WHERE id = 1", "--at", "2026-11-21T12:00:00Z") == ("allow", [], "block")
