"""Names without a schema mean what the server's search_path says, on servers that do not report it too."""

import psycopg
import pytest

import harness
import record
import wire

GUARDS = [{"name": "audit", "when": {"schema": ["audit"]}, "then": "block"},
          {"name": "books", "when": {"table": ["billing.ledger"]}, "then": "block"}]


@pytest.fixture(scope="module")
def gateway(shop15, shop18, scratch):
    for shop in (shop15, shop18):
        shop.sql("CREATE SCHEMA audit; CREATE SCHEMA billing;"
                 "CREATE TABLE audit.ledger (n int); CREATE TABLE billing.ledger (n int); CREATE TABLE ledger (n int);"
                 "INSERT INTO audit.ledger VALUES (1); INSERT INTO billing.ledger VALUES (2);"
                 "INSERT INTO ledger VALUES (3); CREATE ROLE walled LOGIN; ALTER ROLE walled SET search_path = audit;"
                 "GRANT USAGE ON SCHEMA audit, billing TO PUBLIC;"
                 "GRANT SELECT ON audit.ledger, billing.ledger, ledger TO PUBLIC")
    made = harness.Gateway(scratch, [
        harness.connection("path", shop15, guard=GUARDS),
        harness.connection("path18", shop18, guard=GUARDS),
        harness.connection("plain", shop15, guard=[{"name": "no-ddl", "when": {"statement": ["ddl"]}, "then": "block"}]),
    ], name="search-path").start()
    yield made
    made.stop()


@pytest.fixture(params=["path", "path18"])
def at(request, gateway):
    return gateway.endpoint(request.param)


READ = "SELECT n FROM ledger"


def told(w, text=READ):
    """The number read, or the rule that refuses it."""
    answer = w.ask(wire.query(text))
    errors = wire.errors(answer)
    if errors:
        assert errors[0]["C"] == "42501", errors
        return errors[0]["H"].split('"')[1]
    return [wire.row(body)[0] for kind, body in answer if kind == "D"][0].decode()


def test_the_path_that_the_session_began_with(at):
    with wire.Wire(at) as w:
        w.open()
        assert told(w) == "3"
    with wire.Wire(at) as w:
        w.open(search_path="billing, public")
        assert told(w) == "books"
    with wire.Wire(at) as w:
        w.open(options="-c search_path=audit")
        assert told(w) == "audit"


def test_changes_are_followed(at):
    with wire.Wire(at) as w:
        w.open()
        for change, expected in (
                ("SET search_path = audit", "audit"), ("SET search_path = public", "3"), ("SET search_path TO billing", "books"),
                ("RESET search_path", "3"), ("SELECT set_config('search_path', 'audit', false)", "audit"),
                ("DISCARD ALL", "3"), ('SET search_path = "$user", billing', "books"), ("RESET ALL", "3"),
                ("SET LOCAL search_path = audit", "3"), ("SET search_path = public, audit", "audit")):
            assert not wire.errors(w.ask(wire.query(change))), change
            assert told(w) == expected, change
            assert told(w) == expected, change


def test_transactions_bring_it_back(at):
    with wire.Wire(at) as w:
        w.open()
        for text, expected in (
                ("BEGIN", "3"), ("SAVEPOINT a", "3"), ("SET search_path = public, \"Odd\"", "3"),
                ("ROLLBACK TO a", "3"), ("SET LOCAL search_path = public", "3"), ("COMMIT", "3"),
                ("SET search_path = billing", "books"), ("BEGIN", None), ("SET search_path = public", "3"),
                ("ROLLBACK", "books"), ("BEGIN", None), ("SET search_path = public", "3"), ("COMMIT", "3")):
            assert not wire.errors(w.ask(wire.query(text))), text
            if expected:
                assert told(w) == expected, text
                if expected == "books":
                    w.ask(wire.query("SELECT 1"))


def test_pipelined_commands_wait_for_it(at):
    with wire.Wire(at) as w:
        w.open()
        w.send(*map(wire.query, (READ, "SET search_path = audit", READ, "SET search_path = public", READ)))
        answers = [w.until() for _ in range(5)]
        assert ["E" in wire.kinds(a) for a in answers] == [False, False, True, False, False]
        w.send(*map(wire.query, ("BEGIN", "SET search_path = public", READ, "ROLLBACK", READ)))
        assert ["E" in wire.kinds(w.until()) for _ in range(5)] == [False] * 5


def test_behind_others_in_a_pipeline_it_may_be_any(at):
    with wire.Wire(at) as w:
        w.open()
        w.ask(wire.query("SELECT 1"))
        w.ask(wire.query("SET search_path = public"))
        answer = w.ask(wire.parse("SELECT 1"), wire.bind(), wire.execute(), wire.parse(READ), wire.bind(), wire.execute(),
                       wire.sync())
        expected = "12DC12DCZ" if at.user == "path18" else "12DCEZ"
        assert wire.kinds(answer) in (expected, "12DCEZ"), wire.kinds(answer)


def test_it_is_asked_once_and_recorded(gateway):
    at = gateway.endpoint("path")
    with psycopg.connect(at.dsn, autocommit=True) as connection:
        for _ in range(5):
            assert connection.execute(READ).fetchone() == (3,)
        connection.execute("SET search_path = billing")
        for _ in range(2):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(READ)
        session = [e for e in gateway.export() if e["type"] == "session.open"][-1]["session"]
    asked = [e for e in gateway.export() if e.get("session") == session and e["type"] == "command.substituted"
             and e.get("reason") == "search_path"]
    assert len(asked) == 2
    assert {record.content(e, "text") for e in asked} == {b"SHOW search_path"}


def test_nothing_is_asked_where_no_rule_depends_on_it(gateway, shop15):
    with wire.Wire(gateway.endpoint("plain")) as w:
        w.open()
        assert told(w) == "3"
    asked = [e for e in gateway.export() if e.get("reason") == "search_path" and e.get("connection") == "plain"]
    assert not asked


def test_what_a_role_begins_with_is_seen(shop15, scratch):
    shop15.sql("ALTER ROLE scram_user SET search_path = audit")
    try:
        gateway = harness.Gateway(scratch, [harness.connection("walled", shop15, guard=GUARDS)], name="walled").start()
        try:
            with wire.Wire(gateway.endpoint("walled")) as w:
                w.open()
                assert told(w) == "audit"
        finally:
            gateway.stop()
    finally:
        shop15.sql("ALTER ROLE scram_user RESET search_path")
