"""`estimated_rows_over`: the server's own estimate before the verdict, recorded, and over whenever it cannot be had."""

import json
import time

import psycopg
import pytest

import harness
import record
import wire

GUARDS = [
    {"name": "big", "when": {"statement": ["read", "write"], "estimated_rows_over": 2000}, "then": "block",
     "message": "Too many rows."},
    {"name": "huge", "when": {"estimated_rows_over": 100000000}, "then": "log"},
]


@pytest.fixture(scope="module")
def gateway(shop15, shop18, scratch):
    for shop in (shop15, shop18):
        shop.sql("CREATE SCHEMA other; CREATE TABLE other.orders (n int); CREATE TABLE few (n int PRIMARY KEY);"
                 "INSERT INTO few SELECT generate_series(1, 10);"
                 "CREATE FUNCTION loud(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS "
                 "$$ BEGIN RAISE LOG 'planner ran loud'; RETURN $1; END $$; ANALYZE")
    made = harness.Gateway(scratch, [
        harness.connection("est", shop15, guard=GUARDS),
        harness.connection("est18", shop18, guard=GUARDS),
    ], name="estimates").start()
    yield made
    made.stop()


@pytest.fixture(params=["est", "est18"])
def at(request, gateway):
    return gateway.endpoint(request.param)


def entries_of(gateway, text, type):
    return [e for x in record.exchanges(gateway.export()) for e in x.entries
            if e["type"] == type and text in (record.content(e, "text") or b"").decode()]


def verdict(w, text):
    errors = wire.errors(w.ask(wire.query(text)))
    return "allow" if not errors else "block" if errors[0]["C"] == "42501" else errors[0]["C"]


@pytest.mark.parametrize("text, expected", [
    ("SELECT * FROM few", "allow"), ("SELECT * FROM orders", "block"), ("SELECT * FROM orders LIMIT 5", "allow"),
    ("SELECT * FROM orders WHERE id = 7", "allow"), ("SELECT count(*) FROM orders", "allow"),
    ("SELECT * FROM orders, customers", "block"), ("UPDATE orders SET note = note", "block"),
    ("UPDATE orders SET note = note WHERE id = 3", "allow"), ("DELETE FROM orders", "block"),
    ("WITH gone AS (DELETE FROM orders RETURNING 1) SELECT count(*) FROM gone", "block"),
    ("INSERT INTO scratch (marker) SELECT note FROM orders", "block"),
    ("INSERT INTO scratch (marker) VALUES ('few')", "allow"),
    # Cannot be asked about, so over.
    ("TRUNCATE scratch", "block"), ("COPY orders TO STDOUT", "block"), ("SELECT 1; SELECT 2", "block"),
    ("SELECT * FROM nowhere", "block"),
    # About no rows.
    ("SHOW TimeZone", "allow"), ("SET application_name = 'x'", "allow"), ("EXPLAIN SELECT * FROM orders", "allow"),
    ("BEGIN", "allow"),
])
def test_simple(at, text, expected):
    with wire.Wire(at) as w:
        w.open()
        assert verdict(w, text) == expected
        w.ask(wire.query("ROLLBACK"))
        assert w.rows("SELECT 42") == [[b"42"]]


def test_the_question_and_its_answer_are_in_the_record(gateway, at):
    mark = f"n < {time.time_ns()}"
    with wire.Wire(at) as w:
        w.open()
        w.ask(wire.query(f"SELECT * FROM few WHERE {mark}"))
    asked = entries_of(gateway, mark, "command.substituted")
    allowed = entries_of(gateway, mark, "command.allowed")
    assert len(asked) == 1 and asked[0]["reason"] == "estimate", asked
    assert (record.content(asked[0], "text") or b"").startswith(b"EXPLAIN (FORMAT JSON) SELECT")
    assert len(allowed) == 1 and 0 < allowed[0]["counts"]["rows_estimate"] <= 10, allowed
    assert allowed[0]["seq"] > asked[0]["seq"]


def test_functions_that_planning_would_run_are_not_asked_about(gateway, at, shop15, shop18):
    shop = shop18 if at.user == "est18" else shop15
    with wire.Wire(at) as w:
        w.open()
        assert verdict(w, "SELECT loud(1)") == "block"
        assert verdict(w, "SELECT * FROM few WHERE n = loud(3)") == "block"
    assert "planner ran loud" not in shop.log_text()


def test_it_sees_the_session_as_the_command_does(at):
    """search_path, temporary tables and the transaction's own rows."""
    with wire.Wire(at) as w:
        w.open()
        assert verdict(w, "SELECT * FROM orders") == "block"
        w.ask(wire.query("SET search_path = other"))
        assert verdict(w, "SELECT * FROM orders") == "allow"
        assert verdict(w, "SELECT * FROM orders WHERE n = 1") == "allow"
        w.ask(wire.query("SET search_path = public"))
        w.ask(wire.query("CREATE TEMP TABLE mine (n int)"))
        assert verdict(w, "SELECT * FROM mine WHERE n = 1") == "allow"


def test_a_transaction_survives_the_question(at):
    with wire.Wire(at) as w:
        w.open()
        w.ask(wire.query("BEGIN"))
        w.ask(wire.query("INSERT INTO scratch (marker) VALUES ('t')"))
        assert w.ask(wire.query("SELECT * FROM few"))[-1][1] == b"T"
        assert not wire.errors(w.ask(wire.query("SAVEPOINT a")))
        assert verdict(w, "SELECT * FROM orders") == "block"
        w.ask(wire.query("ROLLBACK TO a"))
        # The question itself fails here; that leaves the transaction to the command.
        locks = w.rows("SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND relation = 'orders'::regclass")
        assert locks == [[b"0"]], locks
        assert not wire.errors(w.ask(wire.query("COMMIT")))


def test_extended_clients(at):
    with psycopg.connect(at.dsn, autocommit=True) as connection:
        assert connection.execute("SELECT * FROM few").rowcount == 10
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="Too many rows"):
            connection.execute("SELECT * FROM orders", prepare=True)
        assert connection.execute("SELECT 1").fetchone() == (1,)
        prepared = "SELECT * FROM few ORDER BY n LIMIT 3"
        for _ in range(3):
            assert connection.execute(prepared, prepare=True).rowcount == 3
    with psycopg.connect(at.dsn) as connection:
        assert connection.execute("SELECT * FROM few").rowcount == 10
        assert connection.execute("SELECT * FROM few WHERE n = 1").rowcount == 1


def test_parameters_need_a_server_with_generic_plans(at):
    with psycopg.connect(at.dsn, autocommit=True) as connection:
        if at.user == "est18":
            for prepare in (False, True, True):
                assert connection.execute("SELECT * FROM orders WHERE id = %s", (3,), prepare=prepare).rowcount == 1
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute("SELECT * FROM orders WHERE note <> %s", ("x",), prepare=prepare)
            with connection.transaction():
                assert connection.execute("SELECT * FROM few WHERE n = %s", (3,)).rowcount == 1
        else:
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="Too many rows"):
                connection.execute("SELECT * FROM orders WHERE id = %s", (3,))


def test_the_clients_unnamed_statement_stays(at):
    with wire.Wire(at) as w:
        w.open()
        w.ask(wire.parse("SELECT n FROM few WHERE n = 5"), wire.sync())
        answer = w.ask(wire.bind(), wire.execute(), wire.sync())
        assert wire.kinds(answer) == "2DCZ", answer


def test_in_a_pipeline_what_comes_behind_counts_as_over(at):
    with wire.Wire(at) as w:
        w.open()
        answer = w.ask(wire.parse("SELECT 1"), wire.bind(), wire.execute(),
                       wire.parse("SELECT * FROM few"), wire.bind(), wire.execute(), wire.sync())
        assert wire.kinds(answer) == "12DCEZ", wire.kinds(answer)


def test_a_cancel_hits_the_question(at):
    """A client that gives up while the server is still planning is heard."""
    with wire.Wire(at) as blocker, wire.Wire(at) as w:
        blocker.open()
        w.open()
        blocker.ask(wire.query("BEGIN"))
        blocker.ask(wire.query("ALTER TABLE few ADD COLUMN extra int"))
        assert blocker.rows("SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock'")[0][0] != b"0"
        w.send(wire.query("SELECT * FROM few"))
        time.sleep(0.3)
        wire.cancel(at, w.key)
        assert wire.errors(w.until())[0]["C"] == "57014"
        blocker.ask(wire.query("ROLLBACK"))
        assert w.rows("SELECT 1") == [[b"1"]]


def test_policy_test_says_that_it_needs_the_server(gateway):
    def judged(*more):
        done = harness.run(harness.BINARY, "policy", "test", gateway.config, "--connection", "est", "--json",
                           "--command", "SELECT * FROM orders", *more).check()
        return json.loads(done.text)

    alone = judged()
    step = next(s for s in alone["steps"] if s["rule"] == "big")
    assert alone["verdict"] == "block" and "needs the server" in " ".join(step["reasons"])
    assert judged("--rows-estimate", "10")["verdict"] == "allow"
    assert judged("--rows-estimate", "3000")["verdict"] == "block"
