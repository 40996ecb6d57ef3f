"""Questions about masked columns that come by other names: behind views that no session has seen, in the server's samples, in
temporary relations, and where names cannot be told."""

import json

import psycopg
import pytest

import harness
import wire

MASKS = [{"columns": ["customers.ssn"], "with": "redact", "oracle": "deny"}]
NOTES = [{"columns": ["customers.ssn"], "with": "redact", "oracle": "log"}]


@pytest.fixture(scope="module")
def servers(shop15, shop18):
    for cluster in (shop15, shop18):
        cluster.sql("""
            SET client_min_messages = error;
            DROP SCHEMA IF EXISTS oracles CASCADE; CREATE SCHEMA oracles;
            CREATE VIEW oracles.renamed AS SELECT id, ssn AS n, name FROM public.customers;
            CREATE VIEW oracles.nested AS SELECT id, n AS m, name FROM oracles.renamed;
            CREATE VIEW oracles.computed AS SELECT id, left(ssn, 3) AS area, name FROM public.customers;
            CREATE MATERIALIZED VIEW oracles.kept AS SELECT id, ssn AS held FROM public.customers;
            CREATE FUNCTION oracles.peek(int) RETURNS text LANGUAGE sql AS 'SELECT ssn FROM public.customers WHERE id = $1';
            CREATE VIEW oracles.calls AS SELECT id, oracles.peek(id) AS called FROM public.customers;
            CREATE TABLE oracles.plain (id int, n text); INSERT INTO oracles.plain VALUES (7, 'x');
            GRANT USAGE ON SCHEMA oracles TO PUBLIC; GRANT ALL ON ALL TABLES IN SCHEMA oracles TO PUBLIC;
        """)
    return {"15": shop15, "18": shop18}


@pytest.fixture(scope="module")
def gateway(servers, scratch):
    made = harness.Gateway(scratch, [
        harness.connection(name + version, cluster, mask=masks) for version, cluster in servers.items()
        for name, masks in (("denies", MASKS), ("notes", NOTES))
    ], name="oracles").start()
    yield made
    made.stop()


@pytest.fixture(params=["15", "18"])
def denies(request, gateway):
    return gateway.endpoint("denies" + request.param)


ASKS = [
    "SELECT 1 FROM oracles.renamed WHERE n = '107-45-0007'", "SELECT 1 FROM oracles.nested WHERE m LIKE '107%'",
    "SELECT name FROM oracles.nested ORDER BY m", "SELECT count(*) FROM oracles.computed WHERE area = '107'",
    "SELECT area, count(*) FROM oracles.computed GROUP BY area", "SELECT 1 FROM oracles.kept WHERE held > '5'",
    "SELECT 1 FROM oracles.calls WHERE called = 'x'", "SELECT r.id FROM oracles.renamed r JOIN oracles.plain p USING (n)",
    "SELECT 1 FROM oracles.renamed NATURAL JOIN oracles.plain", "SELECT min(n) FROM oracles.renamed",
    "SELECT CASE WHEN n > '5' THEN 1 END FROM oracles.renamed", "DELETE FROM oracles.plain p USING oracles.renamed r WHERE p.n = r.n",
    "UPDATE oracles.plain SET id = 1 FROM oracles.renamed r WHERE r.n = 'x'", "SELECT DISTINCT n FROM oracles.renamed",
    "SELECT id FROM oracles.renamed r WHERE r = r", "WITH q AS (SELECT id FROM oracles.renamed WHERE n = 'x') SELECT * FROM q",
    "PREPARE p AS SELECT 1 FROM oracles.renamed WHERE n = $1", "COPY (SELECT id FROM oracles.renamed WHERE n = 'x') TO STDOUT",
    "SELECT 1 FROM pg_stats WHERE most_common_vals::text LIKE '%107-45%'",
    "SELECT 1 FROM pg_catalog.pg_stats WHERE histogram_bounds::text > '5'",
    "SELECT 1 FROM oracles.none_of_this WHERE n = 'x'",
]
FINE = [
    "SELECT name FROM oracles.renamed WHERE id = 7", "SELECT n FROM oracles.renamed WHERE id = 7",
    "SELECT count(*) FROM oracles.plain WHERE n = 'x'", "SELECT p.n FROM oracles.plain p JOIN oracles.renamed r ON r.id = p.id",
    "SELECT name FROM oracles.nested ORDER BY name LIMIT 1", "SELECT relname FROM pg_catalog.pg_class WHERE relname = 'customers'",
    "SELECT attname FROM pg_catalog.pg_stats WHERE tablename = 'customers' LIMIT 1",
    "SELECT count(*) FROM information_schema.columns WHERE table_name = 'customers'",
    "SELECT note FROM orders WHERE id = 1", "SELECT 1 WHERE 1 = 1",
]


@pytest.mark.parametrize("text", ASKS)
def test_asked_by_another_name(denies, text):
    """In a session that has seen nothing yet, in both protocols."""
    for extended in (False, True):
        with wire.Wire(denies) as w:
            w.open()
            if extended and not text.startswith("COPY"):
                answer = w.ask(wire.parse(text), wire.bind(parameters=["x".encode()] if "$1" in text else ()), wire.execute(), wire.sync())
            else:
                answer = w.ask(wire.query(text))
            [error] = wire.errors(answer)
            assert error["C"] == "42501" and "masked columns" in error["M"], error
            assert w.rows("SELECT 42") == [[b"42"]]


@pytest.mark.parametrize("text", FINE)
def test_other_questions_pass(denies, text):
    with psycopg.connect(denies.dsn, autocommit=True) as c:
        assert c.execute(text).fetchall() is not None
        assert c.execute(text, prepare=True).fetchall() is not None


def test_a_view_that_is_swapped_for_a_prepared_statement(servers, denies):
    version = denies.name[-2:]
    swap = "CREATE OR REPLACE VIEW oracles.swap AS SELECT id, {} AS v FROM public.customers"
    servers[version].sql(swap.format("name"))
    with psycopg.connect(denies.dsn, autocommit=True) as c, psycopg.connect(denies.dsn, autocommit=True) as other:
        text = "SELECT id FROM oracles.swap WHERE v = %s"
        assert c.execute(text, ("Customer 7",), prepare=True).fetchall() == [(7,)]
        other.execute(swap.format("ssn"))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            c.execute(text, ("107-45-0007",), prepare=True)
        other.execute(swap.format("name"))
        assert c.execute(text, ("Customer 7",), prepare=True).fetchall() == [(7,)]


def test_what_only_the_session_knows(denies):
    with psycopg.connect(denies.dsn, autocommit=True) as c:
        c.execute("CREATE TEMP VIEW t AS SELECT id, ssn AS n FROM customers")
        for text in ("SELECT id FROM t WHERE n = 'x'", "SELECT id FROM pg_temp.t WHERE n = 'x'"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                c.execute(text)
        assert c.execute("SELECT name FROM public.customers WHERE id = 7").fetchone() == ("Customer 7",)
    with psycopg.connect(denies.dsn, autocommit=True) as c:
        c.execute("BEGIN")
        c.execute("CREATE VIEW oracles.fresh AS SELECT id, ssn AS n FROM customers")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            c.execute("SELECT id FROM oracles.fresh WHERE n = 'x'")
        c.execute("ROLLBACK")


def test_an_error_does_not_confirm_a_guess(denies):
    """A value that stands in the client's own text is hidden too."""
    guesses = " ".join(f"{n:03d}-45-0007" for n in range(100, 120))
    with psycopg.connect(denies.dsn, autocommit=True) as c:
        with pytest.raises(psycopg.Error) as caught:
            c.execute(f"SELECT ssn::int FROM customers WHERE id = 7 /* {guesses} */")
        assert "107-45-0007" not in str(caught.value)


def test_log_only_notes(gateway):
    with psycopg.connect(gateway.endpoint("notes15").dsn, autocommit=True) as c:
        assert c.execute("SELECT id FROM oracles.nested WHERE m = '107-45-0007'").fetchall() == [(7,)]
    texts = {e["exchange"]: e for e in gateway.export() if e.get("rules") == ["oracle"]}
    assert texts


def test_policy_test_says_what_it_cannot_know(gateway):
    done = harness.run(
        harness.unprivileged_binary(gateway.scratch), "policy", "test", gateway.config, "--connection", "denies15", "--json",
        "--command", "SELECT 1 FROM customers WHERE ssn = 'x'", "--command", "SELECT 1 FROM oracles.renamed WHERE n = 'x'",
        "--command", "SELECT 1").check()
    named, hidden, nothing = [json.loads(line) for line in done.text.splitlines()]
    assert named["verdict"] == "block" and "oracle" in named["rules"]
    [step] = [s for s in hidden["steps"] if s["rule"] == "oracle"]
    assert hidden["verdict"] == "allow" and not step["is_met"]
    assert any("not known here" in reason and "oracles.renamed" in reason for reason in step["reasons"])
    assert not any("not known here" in r for s in nothing["steps"] if s["rule"] == "oracle" for r in s["reasons"])
