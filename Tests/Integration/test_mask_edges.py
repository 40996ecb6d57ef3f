"""The edges of masking, against real servers: large rows, denied answers, computed columns, views and functions."""

import re
import uuid

import psycopg
import pytest

import harness
import record
import wire

MASKS = [{"columns": ["customers.ssn"], "with": "redact"}, {"columns": ["documents.secret"], "with": "redact"}]
DENIES = [{"columns": ["customers.ssn"], "with": "redact", "unknown": "deny"}]
LIMIT = 1 << 20


@pytest.fixture(scope="module")
def servers(shop15, shop18):
    for cluster in (shop15, shop18):
        cluster.sql("""
            DROP SCHEMA IF EXISTS edges CASCADE; CREATE SCHEMA edges;
            CREATE TABLE edges.documents (id int, body text, secret text, number bigint, raw bytea);
            INSERT INTO edges.documents SELECT 1, repeat('b', 3000000), 's3cret', 7, NULL;
            INSERT INTO edges.documents SELECT 2, 'small', repeat('s3cret', 500000), 7, decode(repeat('00ff', 900000), 'hex');
            CREATE VIEW edges.shouted AS SELECT id, upper(ssn) AS loud, ssn AS plain, name FROM public.customers;
            CREATE FUNCTION edges.peek(int) RETURNS text LANGUAGE sql AS 'SELECT ssn FROM public.customers WHERE id = $1';
            CREATE TABLE edges.notes (id int);
            CREATE FUNCTION edges.spy(int, int) RETURNS text LANGUAGE sql STABLE AS
                'SELECT ssn FROM public.customers WHERE id = $1';
            CREATE OPERATOR edges.@#@ (LEFTARG = int, RIGHTARG = int, FUNCTION = edges.spy);
            CREATE TYPE edges.held AS (value text);
            CREATE FUNCTION edges.hold(int) RETURNS edges.held LANGUAGE sql STABLE AS
                'SELECT ROW(ssn)::edges.held FROM public.customers WHERE id = $1';
            CREATE CAST (int AS edges.held) WITH FUNCTION edges.hold(int);
            GRANT USAGE ON SCHEMA edges TO PUBLIC; GRANT ALL ON ALL TABLES IN SCHEMA edges TO PUBLIC;
        """)
    return {"15": shop15, "18": shop18}


@pytest.fixture(scope="module")
def gateway(servers, scratch):
    made = harness.Gateway(scratch, [
        harness.connection(name + version, cluster, mask=masks, limits={"row": "1MiB"})
        for version, cluster in servers.items() for name, masks in (("masked", MASKS), ("denied", DENIES))
    ], name="edges").start()
    yield made
    made.stop()


@pytest.fixture(params=["15", "18"])
def masked(request, gateway):
    return gateway.endpoint("masked" + request.param)


@pytest.fixture(params=["15", "18"])
def denied(request, gateway):
    return gateway.endpoint("denied" + request.param)


def open_psycopg(at):
    return psycopg.connect(at.dsn, autocommit=True)


@pytest.mark.parametrize("binary", [False, True])
def test_large_rows_keep_the_session(masked, binary):
    with open_psycopg(masked) as c:
        def one(text):
            return c.execute(text, binary=binary).fetchone()

        assert one("SELECT secret, body FROM edges.documents WHERE id = 1") == ("***", "b" * 3000000)
        assert one("SELECT body, secret FROM edges.documents WHERE id = 1") == ("b" * 3000000, "******")
        assert one("SELECT secret, id FROM edges.documents WHERE id = 2") == ("*" * 3000000, 2)
        assert one("SELECT id, secret, body FROM edges.documents WHERE id = 2") == (2, "*" * 3000000, "small")
        assert one("SELECT raw FROM edges.documents WHERE id = 2") == (b"\x00\xff" * 900000,)
        assert one("SELECT 42") == (42,)


def test_a_large_copy_row_ends_the_command_only(masked):
    with open_psycopg(masked) as c:
        with pytest.raises(psycopg.errors.ProgramLimitExceeded):
            with c.cursor().copy("COPY edges.documents (id, secret) TO STDOUT") as copy:
                assert all(b"s3cret" not in bytes(data) for data in copy)
        assert c.execute("SELECT 42").fetchone() == (42,)


UNKNOWN = "SELECT upper(ssn) FROM customers WHERE id = 7"


def test_denied_answer_keeps_session_and_transaction(denied):
    with open_psycopg(denied) as c:
        for text in (UNKNOWN, "SELECT loud || '' FROM edges.shouted WHERE id = 7"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
                c.execute(text)
            assert "origin is not known" in str(caught.value)
            assert c.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
            assert c.execute("SELECT name FROM customers WHERE id = 7").fetchone() == ("Customer 7",)
    marker = uuid.uuid4().hex
    with psycopg.connect(denied.dsn) as c:
        c.execute("INSERT INTO scratch (marker) VALUES (%s)", (marker,))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            c.execute(UNKNOWN)
        # The server's transaction goes on, and its status says so.
        assert c.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
        c.rollback()
        assert c.execute("SELECT id FROM scratch WHERE marker = %s", (marker,)).fetchall() == []


def test_denied_answer_in_the_record(gateway, denied):
    marker = uuid.uuid4().hex
    with wire.Wire(denied) as w:
        w.open()
        answer = w.ask(wire.query(UNKNOWN + f" -- {marker}"))
        assert wire.kinds(answer) == "EZ" and answer[-1][1] == b"I"
        answer = w.ask(wire.parse(UNKNOWN), wire.bind(), wire.describe(), wire.execute(), wire.sync())
        assert wire.kinds(answer) == "12EZ" and answer[-1][1] == b"I"
        answer = w.ask(wire.parse(UNKNOWN), wire.bind(), wire.execute(), wire.parse("SELECT 1"), wire.bind(),
                       wire.execute(), wire.sync())
        assert wire.kinds(answer) == "12EZ"
        assert w.rows("SELECT 42") == [[b"42"]]
    [exchange] = record.find(gateway.export(), marker)
    assert exchange.kind == "error" and exchange.outcome["code"] == "42501" and exchange.outcome["tag"] == "SELECT 1"
    assert b"may hold masked values" in exchange.answer and b"-45-" not in exchange.answer


def test_writes_beside_a_denied_answer_end_the_session(denied):
    with wire.Wire(denied) as w:
        w.open()
        w.send(wire.parse(UNKNOWN), wire.bind(), wire.execute(),
               wire.parse("INSERT INTO edges.notes VALUES (1)"), wire.bind(), wire.execute(), wire.sync())
        answer = w.until("E")
        assert wire.errors(answer)[0]["S"] == "FATAL" and wire.errors(answer)[0]["C"] == "42501"
        assert w.at_end() == []


READABLE = [
    ("SELECT count(*), max(ssn) FROM customers", (1001, "***")),
    ("SELECT max(name), max(ssn) FROM customers WHERE id = 7", ("Customer 7", "***")),
    ("SELECT count(o.total), count(c.ssn) FROM customers c JOIN orders o ON o.customer = c.id WHERE c.id = 7", (5, None)),
    ("SELECT lower(name), lower(plain), lower(loud) FROM edges.shouted WHERE id = 7", ("customer 7", "***", "***")),
    ("SELECT count(*), edges.peek(7) FROM orders", (5000, "***")),
    ("SELECT upper('x'), length(name), now() IS NULL FROM customers WHERE id = 7", ("X", 10, False)),
]


@pytest.mark.parametrize("text, expected", READABLE)
def test_computed_columns(masked, text, expected):
    with open_psycopg(masked) as c:
        assert c.execute(text).fetchone() == expected


LEAKS = [
    "SELECT lower(loud) FROM edges.shouted WHERE id = 7", "SELECT row_to_json(s) FROM edges.shouted s WHERE id = 7",
    "SELECT lower(b) FROM (SELECT loud AS b FROM edges.shouted WHERE id = 7) q", "SELECT edges.peek(7)",
    "SELECT set_config('my.v', ssn, false) FROM customers WHERE id = 7; SHOW my.v",
    "COPY (SELECT lower(loud) FROM edges.shouted WHERE id = 7) TO STDOUT",
    "CREATE TEMP TABLE t AS SELECT ssn AS a FROM customers WHERE id = 7; SELECT lower(a), a FROM t; COPY t TO STDOUT",
    "CREATE TEMP VIEW orders AS SELECT ssn AS note FROM customers WHERE id = 7; SELECT lower(note) FROM orders;"
    " COPY (SELECT * FROM orders) TO STDOUT",
]


@pytest.mark.parametrize("text", LEAKS)
def test_no_way_around(masked, text):
    with wire.Wire(masked) as w:
        w.open()
        for statement in text.split(";"):
            answer = w.ask(wire.query(statement))
            assert b"-45-" not in b"".join(body for _, body in answer), statement


@pytest.mark.parametrize("text", [
    "SELECT 1 OPERATOR(edges.@#@) 2", "SELECT id OPERATOR(edges.@#@) 2 FROM edges.notes",
    "SELECT (1::edges.held).value", "SELECT 1::edges.held", "SELECT CAST(1 AS edges.held)::text",
    "SELECT id::edges.held FROM edges.notes", "SELECT id, name, id OPERATOR(edges.@#@) 1 FROM customers WHERE id = 1",
    "SELECT (SELECT 1 OPERATOR(edges.@#@) 2)", "VALUES (1 OPERATOR(edges.@#@) 2)",
    "SELECT n FROM (SELECT 1 OPERATOR(edges.@#@) 2 AS n) AS s", "COPY (SELECT 1 OPERATOR(edges.@#@) 2) TO STDOUT",
    "INSERT INTO edges.notes VALUES (1) RETURNING id OPERATOR(edges.@#@) 2",
    "SET search_path = edges, public, pg_catalog; SELECT 1 @#@ 2",
])
def test_operators_and_casts_of_users_may_read_a_masked_table(masked, text):
    """What they call reads what it likes, so that nothing of their results is shown."""
    with wire.Wire(masked) as w:
        w.open()
        w.ask(wire.query("INSERT INTO edges.notes VALUES (1)"))
        answer = w.ask(wire.query(text))
        assert not re.search(rb"\d{3}-45-\d{4}", b"".join(body for _, body in answer)), (text, answer)
        w.ask(wire.query("DELETE FROM edges.notes"))


def test_the_columns_beside_them_stay_readable(masked):
    with wire.Wire(masked) as w:
        w.open()
        text = "SELECT count(*), 1 OPERATOR(edges.@#@) 2, max(id) FROM customers"
        assert w.rows(text)[0] == [b"1001", b"***", b"1001"]


def test_psql_describes_a_table(masked):
    shown = masked.psql(input="\\d customers\n\\d+ people\n\\df\n\\l\n").check()
    assert "ssn" in shown.text and "***" not in shown.text


@pytest.fixture
def swapped(servers, masked):
    """A view that shows city as `shown`; each test swaps ssn in."""
    for cluster in servers.values():
        cluster.sql("CREATE OR REPLACE VIEW edges.swapped AS SELECT id, name AS shown FROM public.customers; "
                    "GRANT ALL ON edges.swapped TO PUBLIC")
    return masked


SWAP = "CREATE OR REPLACE VIEW edges.swapped AS SELECT id, ssn AS shown FROM public.customers"
SHOWN = "SELECT shown FROM edges.swapped WHERE id = 7"


def test_a_view_swapped_in_an_open_transaction_is_masked(servers, swapped):
    truth = {c.sql("SELECT ssn FROM public.customers WHERE id = 7").strip() for c in servers.values()}
    with open_psycopg(swapped) as c:
        assert c.execute(SHOWN).fetchone()[0] not in truth
        c.execute("BEGIN")
        c.execute(SWAP)
        assert c.execute(SHOWN).fetchone()[0] not in truth
        with c.cursor().copy(f"COPY ({SHOWN}) TO STDOUT") as copy:
            assert not any(value.encode() in bytes(data) for data in copy for value in truth)
        assert c.execute("SELECT upper(shown) FROM edges.swapped WHERE id = 7").fetchone()[0] not in truth
        c.execute("COMMIT")
        assert c.execute(SHOWN).fetchone()[0] not in truth


def test_a_view_swapped_by_another_session_is_masked(servers, swapped):
    truth = {c.sql("SELECT ssn FROM public.customers WHERE id = 7").strip() for c in servers.values()}
    with open_psycopg(swapped) as reader, open_psycopg(swapped) as writer:
        first = reader.execute(SHOWN).fetchone()[0]
        assert first and first not in truth
        reader.execute(f"PREPARE again AS {SHOWN}")
        writer.execute(SWAP)
        assert reader.execute(SHOWN).fetchone()[0] not in truth
        assert reader.execute("EXECUTE again").fetchone()[0] not in truth
