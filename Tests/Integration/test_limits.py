"""Limits of answers and questions about masked columns: what the client is told, what the record says, what goes on."""

import time
import uuid

import psycopg
import pytest

import harness
import record

MASKS = {
    "denies": [{"columns": ["customers.ssn", "customers.card"], "with": "redact", "oracle": "deny"}],
    "notes": [{"columns": ["customers.ssn"], "with": "redact", "oracle": "log"}],
    "holds": [{"columns": ["customers.ssn"], "with": "redact", "oracle": "hold"}],
}
HOLD = [{"name": "quick", "when": {"statement": ["delete"]}, "then": "hold", "approve": {"groups": ["dba"], "within": "1s"}}]


@pytest.fixture(scope="module")
def gateway(shop15, shop18, scratch):
    made = harness.Gateway(scratch, [
        harness.connection(name + version, cluster, **more)
        for version, cluster in (("15", shop15), ("18", shop18))
        for name, more in (
            ("rows", {"limits": {"rows": 100}}), ("bytes", {"limits": {"bytes": "64KiB"}}), ("time", {"limits": {"time": "1s"}}),
            ("masked", {"limits": {"rows": 100}, "mask": [{"columns": ["customers.ssn"], "with": "redact"}]}),
            ("denies", {"mask": MASKS["denies"]}), ("notes", {"mask": MASKS["notes"]}),
            ("holds", {"mask": MASKS["holds"], "guard": HOLD}))
    ], name="limits").start()
    yield made
    made.stop()


@pytest.fixture(params=["15", "18"])
def open_as(request, gateway):
    return lambda name: psycopg.connect(gateway.endpoint(name + request.param).dsn, autocommit=True)


ENDLESS = "SELECT n, repeat('x', 1000) FROM generate_series(1, 100000000) AS n"


@pytest.mark.parametrize("name, words", [("rows", "limits.rows"), ("bytes", "limits.bytes"), ("masked", "limits.rows")])
def test_an_answer_is_cut_and_the_session_goes_on(gateway, open_as, name, words):
    marker = uuid.uuid4().hex
    with open_as(name) as c:
        for text in (ENDLESS, "SELECT ssn FROM customers"):
            started = time.monotonic()
            if name == "bytes" and text != ENDLESS:
                continue
            with pytest.raises(psycopg.errors.ProgramLimitExceeded) as caught:
                c.execute(f"{text} -- {marker}")
            assert words in str(caught.value) and time.monotonic() - started < 20
            # What ran was cancelled at the server.
            assert c.execute("SELECT 42").fetchone() == (42,)
        with pytest.raises(psycopg.errors.ProgramLimitExceeded):
            with c.cursor().copy(f"COPY ({ENDLESS}) TO STDOUT") as copy:
                assert sum(len(bytes(data)) for data in copy) < 1 << 20
        assert c.execute("SELECT count(*) FROM orders").fetchone() == (5000,)
        assert len(c.execute("SELECT n FROM generate_series(1, 100) n").fetchall()) == 100
    for exchange in record.find(gateway.export(), marker):
        assert exchange.kind == "error" and exchange.outcome["code"] == "54000", exchange


def test_in_a_transaction_the_server_says_that_it_failed(open_as):
    with open_as("rows") as c:
        c.execute("BEGIN")
        with pytest.raises(psycopg.errors.ProgramLimitExceeded):
            c.execute(ENDLESS)
        assert c.info.transaction_status == psycopg.pq.TransactionStatus.INERROR
        c.execute("ROLLBACK")
        assert c.execute("SELECT 1").fetchone() == (1,)


def test_time_ends_the_command_not_the_session(gateway, open_as):
    marker = uuid.uuid4().hex
    with open_as("time") as c:
        started = time.monotonic()
        with pytest.raises(psycopg.errors.QueryCanceled) as caught:
            c.execute(f"SELECT pg_sleep(60) -- {marker}")
        assert "longer than 1 seconds" in str(caught.value) and "limits" in str(caught.value)
        assert 0.9 < time.monotonic() - started < 10
        assert c.execute("SELECT 42").fetchone() == (42,)
    for exchange in record.find(gateway.export(), marker):
        assert exchange.outcome["code"] == "57014"


ASKING = [
    "SELECT id FROM customers WHERE ssn = '107-45-0007'", "SELECT id FROM customers c JOIN orders o ON o.note = c.ssn",
    "SELECT id FROM customers ORDER BY ssn", "SELECT ssn FROM customers ORDER BY 1", "SELECT ssn AS x FROM customers ORDER BY x",
    "SELECT count(*) FROM customers GROUP BY ssn", "SELECT DISTINCT ssn FROM customers", "SELECT count(ssn) FROM customers",
    "SELECT CASE WHEN card LIKE '4%' THEN 1 ELSE 2 END FROM customers", "UPDATE customers SET name = name WHERE ssn LIKE '1%'",
    "SELECT 1 FROM customers HAVING max(ssn) > '5'", "SELECT id FROM customers NATURAL JOIN orders",
    "SELECT x FROM (SELECT id, ssn AS y FROM customers) q (x, y) WHERE y = '1'",
    "WITH q AS (SELECT id, ssn AS y FROM customers) SELECT id FROM q WHERE y = '1'",
    "SELECT ssn FROM customers INTERSECT SELECT '107-45-0007'", "SELECT id FROM customers c WHERE c::text LIKE '%107-45-0007%'",
    "SELECT row_number() OVER (ORDER BY ssn) FROM customers", "DELETE FROM customers USING orders WHERE ssn = note",
    "SELECT id FROM orders WHERE note IN (SELECT ssn FROM customers)", "SELECT id FROM customers LIMIT (SELECT length(ssn) FROM customers LIMIT 1)",
    "PREPARE p AS SELECT id FROM customers WHERE ssn = $1", "SELECT id FROM public.customers WHERE public.customers.ssn IS NULL",
]
PLAIN = ["SELECT id, ssn FROM customers WHERE id = 7 ORDER BY id", "SELECT count(*) FROM customers", "SELECT note FROM orders ORDER BY note LIMIT 1",
         "SELECT c.ssn, o.id FROM customers c JOIN orders o ON o.customer = c.id WHERE c.id = 7", "SELECT name, count(*) FROM customers GROUP BY name LIMIT 3"]


@pytest.mark.parametrize("text", ASKING)
def test_questions_about_masked_columns_are_refused(open_as, text):
    with open_as("denies") as c:
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
            c.execute(text)
        assert "masked columns" in str(caught.value)


@pytest.mark.parametrize("text", PLAIN)
def test_others_are_not(open_as, text):
    with open_as("denies") as c:
        c.execute(text).fetchall()


def test_views_are_seen_through_once_they_are_known(open_as):
    with open_as("denies") as c:
        c.execute("SELECT upper(name) FROM people WHERE id = 7").fetchall()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            c.execute("SELECT id FROM people WHERE number = '107-45-0007'")


def test_questions_are_noted_or_held(gateway, open_as):
    marker = uuid.uuid4().hex
    with open_as("notes") as c:
        assert c.execute(f"SELECT id FROM customers WHERE ssn = 'x' -- {marker}").fetchall() == []
    assert all("oracle" in exchange.rules for exchange in record.find(gateway.export(), marker))
    with open_as("holds") as c:
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
            c.execute("SELECT id FROM customers WHERE ssn = 'x'")
        assert "Nobody approved" in str(caught.value)
