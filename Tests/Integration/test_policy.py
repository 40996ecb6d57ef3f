"""Guards, holds and masks as clients meet them, and what the record says about it."""

import asyncio
import re
import threading
import time
import uuid

import asyncpg
import psycopg
import pytest

import harness
import record
import wire
from harness import wait_for

GUARDS = [
    {"name": "no-ddl", "when": {"statement": ["ddl", "truncate"]}, "then": "block",
     "message": "Schema changes go through migrations."},
    {"name": "no-where", "when": {"statement": ["delete", "update"], "without": "where"}, "then": "block"},
    {"name": "deletes", "when": {"statement": ["delete"], "table": ["orders"]}, "then": "hold",
     "approve": {"groups": ["dba"], "count": 1, "within": "15m"}},
    {"name": "quick", "when": {"statement": ["delete"], "table": ["scratch"]}, "then": "hold",
     "approve": {"groups": ["dba"], "count": 1, "within": "2s"}},
    {"name": "word", "when": {"matches": "forbidden_[a-z]+"}, "then": "block", "message": "Not that word."},
]
MASKS = [
    {"columns": ["customers.ssn"], "with": "redact"},
    {"columns": ["customers.card"], "with": "partial"},
    {"columns": ["customers.phone"], "with": "null"},
    {"columns": ["customers.code"], "with": "hash"},
    {"detect": ["email"], "with": "partial"},
]
SSN = re.compile(rb"\d{3}-45-\d{4}")


@pytest.fixture(scope="module")
def gateway(shop15, shop18, scratch):
    made = harness.Gateway(scratch, [
        harness.connection("guarded", shop15, guard=GUARDS),
        harness.connection("guarded18", shop18, guard=GUARDS),
        harness.connection("masked", shop15, mask=MASKS),
        harness.connection("masked18", shop18, mask=MASKS),
        harness.connection("reading", shop15, read_only=True),
    ], name="policy").start()
    yield made
    made.stop()


@pytest.fixture(params=["guarded", "guarded18"])
def guarded(request, gateway):
    return gateway.endpoint(request.param)


@pytest.fixture(params=["masked", "masked18"])
def masked(request, gateway):
    return gateway.endpoint(request.param)


def cluster_of(at, shop15, shop18):
    return shop18 if at.user.endswith("18") else shop15


@pytest.fixture
def rows_left(shop15, shop18):
    """How many rows with a marker really are in `scratch`, asked direct."""
    def count(at, marker):
        return int(cluster_of(at, shop15, shop18).sql(f"SELECT count(*) FROM scratch WHERE marker LIKE '{marker}%'"))

    return count


@pytest.fixture
def marker():
    return uuid.uuid4().hex


def refused(messages):
    found = [e for e in wire.errors(messages) if e["C"] == "42501"]
    return found[0] if found else None


# Blocks

BLOCKED = [
    "DROP TABLE orders", "drop table if exists orders", "DROP/**/TABLE orders", "SELECT 1; DROP TABLE orders",
    "CREATE TABLE x (n int)", "ALTER TABLE orders ADD COLUMN x int", "CREATE TEMP TABLE y AS SELECT 1", "TRUNCATE orders",
    "EXPLAIN ANALYZE DELETE FROM customers", "DELETE FROM customers", "UPDATE customers SET name = 'x'",
    "WITH gone AS (DELETE FROM customers RETURNING 1) SELECT * FROM gone", "PREPARE p AS DELETE FROM customers",
    "SELECT 'forbidden_fruit'", "\n\t-- note\nDROP VIEW people", "DO $$ BEGIN DROP TABLE orders; END $$",
]


@pytest.mark.parametrize("text", BLOCKED)
def test_blocked_simple_query_then_next_works(guarded, text):
    with wire.Wire(guarded) as w:
        w.open()
        answer = w.ask(wire.query(text))
        assert [k for k, _ in answer if k in "TDCEZ"] == ["E", "Z"], answer
        error = wire.errors(answer)[0]
        assert error["C"] == "42501" and error.get("H"), error
        assert answer[-1][1] == b"I"
        assert w.rows("SELECT 42") == [[b"42"]]


def test_guard_message_reaches_the_client(guarded):
    done = guarded.psql(input="DROP TABLE orders;\nSELECT 'alive';\n")
    assert "42501" not in done.text and "Schema changes go through migrations." in done.error_text
    assert "HINT:" in done.error_text and "alive" in done.text


@pytest.mark.parametrize("text", ["DROP TABLE orders", "DELETE FROM customers"])
def test_blocked_extended_query(guarded, text):
    with wire.Wire(guarded) as w:
        w.open()
        answer = w.ask(wire.parse(text), wire.bind(), wire.describe(), wire.execute(), wire.sync())
        assert wire.kinds(answer) == "EZ" and refused(answer) and answer[-1][1] == b"I"
        assert wire.kinds(w.ask(wire.parse("SELECT 1"), wire.bind(), wire.execute(), wire.sync())) == "12DCZ"


def test_blocked_named_statement_does_not_exist_after(guarded):
    with wire.Wire(guarded) as w:
        w.open()
        assert refused(w.ask(wire.parse("DROP TABLE orders", "s"), wire.sync()))
        answer = w.ask(wire.bind("", "s"), wire.execute(), wire.sync())
        assert wire.errors(answer) and wire.kinds(answer) == "EZ"
        assert w.rows("SELECT 1") == [[b"1"]]


def test_allowed_blocked_allowed_in_order(guarded):
    """Three pipelined rounds: answers in order, exactly one ReadyForQuery a Sync."""
    with wire.Wire(guarded) as w:
        w.open()
        def round_of(text):
            return [wire.parse(text), wire.bind(), wire.execute(), wire.sync()]

        w.send(*round_of("SELECT 1"), *round_of("DROP TABLE orders"), *round_of("SELECT 3"))
        assert [wire.kinds(w.until()) for _ in range(3)] == ["12DCZ", "EZ", "12DCZ"]
        w.send(wire.query("SELECT 1"), wire.query("DROP TABLE orders"), wire.query("SELECT 3"))
        assert [wire.kinds(w.until()) for _ in range(3)] == ["TDCZ", "EZ", "TDCZ"]


def test_everything_after_a_refusal_is_skipped_to_sync(guarded, marker, rows_left):
    with wire.Wire(guarded) as w:
        w.open()
        insert = f"INSERT INTO scratch (marker) VALUES ('{marker}')"
        answer = w.ask(wire.parse("DROP TABLE orders"), wire.bind(), wire.execute(),
                       wire.parse(insert), wire.bind(), wire.execute(), wire.sync())
        assert wire.kinds(answer) == "EZ" and answer[-1][1] == b"I"
    assert rows_left(guarded, marker) == 0


def test_insert_blocked_sync_leaves_no_row(guarded, marker, rows_left):
    with wire.Wire(guarded) as w:
        w.open()
        answer = w.ask(wire.parse(f"INSERT INTO scratch (marker) VALUES ('{marker}')"), wire.bind(), wire.execute(),
                       wire.parse("DROP TABLE orders"), wire.bind(), wire.execute(), wire.sync())
        assert refused(answer) and wire.kinds(answer) == "12CEZ" and answer[-1][1] == b"I", wire.kinds(answer)
        assert w.rows("SELECT 5") == [[b"5"]]
    assert rows_left(guarded, marker) == 0


def test_transaction_fails_like_a_server_error(guarded, marker, rows_left):
    with wire.Wire(guarded) as w:
        w.open()
        assert w.ask(wire.query("BEGIN"))[-1][1] == b"T"
        w.ask(wire.query(f"INSERT INTO scratch (marker) VALUES ('{marker}')"))
        answer = w.ask(wire.query("DROP TABLE orders"))
        assert refused(answer) and answer[-1][1] == b"E"
        assert wire.errors(w.ask(wire.query("SELECT 1")))[0]["C"] == "25P02"
        commit = w.ask(wire.query("COMMIT"))
        assert (b"ROLLBACK\0" in [body for kind, body in commit if kind == "C"]) and commit[-1][1] == b"I"
        assert w.rows("SELECT 6") == [[b"6"]]
    assert rows_left(guarded, marker) == 0


def test_savepoint_survives_a_refusal(guarded, marker, rows_left):
    with wire.Wire(guarded) as w:
        w.open()
        for text in ("BEGIN", f"INSERT INTO scratch (marker) VALUES ('{marker}')", "SAVEPOINT here"):
            w.ask(wire.query(text))
        assert refused(w.ask(wire.query("DROP TABLE orders")))
        assert w.ask(wire.query("ROLLBACK TO here"))[-1][1] == b"T"
        assert not wire.errors(w.ask(wire.query("COMMIT")))
    assert rows_left(guarded, marker) == 1


def test_psql_transaction_leaves_no_row(guarded, marker, rows_left):
    done = guarded.psql(input=f"BEGIN;\nINSERT INTO scratch (marker) VALUES ('{marker}');\nDROP TABLE orders;\n"
                              "COMMIT;\nSELECT 'alive';\n")
    assert "Schema changes" in done.error_text and "ROLLBACK" in done.text and "alive" in done.text
    assert rows_left(guarded, marker) == 0


def test_psycopg_pipeline_leaves_no_row(guarded, marker, rows_left):
    with psycopg.connect(guarded.dsn, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            with connection.pipeline() as pipeline:
                connection.execute("INSERT INTO scratch (marker) VALUES (%s)", (marker,))
                connection.execute("DROP TABLE orders")
                pipeline.sync()
        assert connection.execute("SELECT 7").fetchone() == (7,)
    assert rows_left(guarded, marker) == 0
    with psycopg.connect(guarded.dsn) as connection:
        connection.execute("INSERT INTO scratch (marker) VALUES (%s)", (marker,))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DROP TABLE orders")
        connection.commit()
        assert connection.execute("SELECT 7").fetchone() == (7,)
    assert rows_left(guarded, marker) == 0


def test_asyncpg_transaction_leaves_no_row(guarded, marker, rows_left):
    async def main():
        at = guarded
        connection = await asyncpg.connect(host=at.host, port=at.port, user=at.user, password=at.password,
                                           database=at.database, ssl=at.tls)
        try:
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute("INSERT INTO scratch (marker) VALUES ($1)", marker)
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute("DROP TABLE orders")
            with pytest.raises(asyncpg.InFailedSQLTransactionError):
                await connection.fetchval("SELECT $1::int", 1)
            await transaction.rollback()
            return await connection.fetchval("SELECT $1::int", 8)
        finally:
            await connection.close()

    assert asyncio.run(main()) == 8
    assert rows_left(guarded, marker) == 0


def test_jdbc_transaction_leaves_no_row(guarded, marker, rows_left, java):
    done = java(guarded, "blocked", marker=marker).check()
    assert "refused 42501" in done.text and "alive 1" in done.text, done.text
    assert rows_left(guarded, marker) == 0


def test_blocked_is_in_the_record_with_its_rule(gateway, guarded, marker):
    with wire.Wire(guarded) as w:
        w.open()
        w.ask(wire.query(f"DROP TABLE orders /* {marker} */"))
    [exchange] = record.find(gateway.export(), marker)
    assert exchange.types[0] == "command.blocked" and any("no-ddl" in rule for rule in exchange.rules)


def test_read_only(gateway, marker, shop15):
    with wire.Wire(gateway.endpoint("reading")) as w:
        w.open()
        assert w.rows("SELECT count(*) FROM customers") == [[b"1001"]]
        for text in (f"INSERT INTO scratch (marker) VALUES ('{marker}')", "SELECT nextval('counter')",
                     "COPY scratch FROM STDIN", "CREATE TABLE z (n int)"):
            assert wire.errors(w.ask(wire.query(text))), text
    assert shop15.sql(f"SELECT count(*) FROM scratch WHERE marker = '{marker}'") == "0"


def test_not_understood_is_refused_with_reason(guarded):
    with wire.Wire(guarded) as w:
        w.open()
        error = wire.errors(w.ask(wire.query("SELEC 1")))[0]
        told = " ".join(error.values())
        assert error["C"] == "42501" and "SELEC" in told and "not_understood" in told, error
        assert w.rows("SELECT 1") == [[b"1"]]


@pytest.mark.parametrize("text", ["SET standard_conforming_strings = off", "SET client_encoding = 'SJIS'",
                                  "SET SESSION AUTHORIZATION trust_user", "SET ROLE trust_user",
                                  "SELECT set_config('standard_conforming_strings', 'off', false)"])
def test_settings_that_policy_depends_on_are_refused(guarded, text):
    with wire.Wire(guarded) as w:
        w.open()
        try:
            assert wire.errors(w.ask(wire.query(text))), text
        except wire.Gone:
            pass  # a changed ParameterStatus ends the session, which is as good


# Holds

class Held(threading.Thread):
    """A command that a guard holds, sent from a thread of its own."""

    def __init__(self, at, text, *, extended=False):
        super().__init__(daemon=True)
        self.at, self.text, self.extended = at, text, extended
        self.wire = wire.Wire(at, timeout=60).open()
        self.answer = None
        self.start()

    def run(self):
        messages = [wire.query(self.text)]
        if self.extended:
            messages = [wire.parse(self.text), wire.bind(), wire.execute(), wire.sync()]
        self.answer = self.wire.ask(*messages)

    def finish(self):
        self.join(30)
        assert self.answer is not None, "no answer"
        return self.answer


def pending(gateway, text):
    """The pending approval for a command, once it is listed."""
    def look():
        for approval in gateway.pending():
            if text in str(approval):
                return approval
        return None

    return wait_for(look, 10, f"an approval for {text}")


@pytest.mark.parametrize("by", ["cli", "api"])
@pytest.mark.parametrize("extended", [False, True])
def test_hold_then_approve(gateway, guarded, marker, shop15, shop18, by, extended):
    number = cluster_of(guarded, shop15, shop18).sql(
        f"INSERT INTO orders (customer, total, note) VALUES (1, 1, '{marker}') RETURNING id")
    held = Held(guarded, f"DELETE FROM orders WHERE id = {number} /* {marker} */", extended=extended)
    approval = pending(gateway, marker)
    assert held.answer is None
    gateway.decide("approve", approval["id"], by=by)
    answer = held.finish()
    assert not wire.errors(answer) and b"DELETE 1\0" in [body for kind, body in answer if kind == "C"]
    notices = [wire.fields(body) for kind, body in answer if kind == "N"]
    assert any(approval["id"] in str(notice) for notice in notices), notices
    assert held.wire.rows("SELECT 1") == [[b"1"]]
    assert cluster_of(guarded, shop15, shop18).sql(f"SELECT count(*) FROM orders WHERE id = {number}") == "0"
    # A Parse is an exchange of its own, with the same text.
    [exchange] = [found for found in record.find(gateway.export(), marker) if "command.held" in found.types]
    assert exchange.types[0] == "command.held" and "command.granted" in exchange.types and exchange.kind == "success"


@pytest.mark.parametrize("by", ["cli", "api"])
def test_hold_then_deny(gateway, guarded, marker, shop15, shop18, by):
    held = Held(guarded, f"DELETE FROM orders WHERE id = 2 /* {marker} */")
    gateway.decide("deny", pending(gateway, marker)["id"], by=by)
    answer = held.finish()
    assert refused(answer) and held.wire.rows("SELECT 1") == [[b"1"]]
    assert cluster_of(guarded, shop15, shop18).sql("SELECT count(*) FROM orders WHERE id = 2") == "1"


def test_hold_expires(gateway, guarded, marker):
    started = time.monotonic()
    held = Held(guarded, f"DELETE FROM scratch WHERE id = -1 /* {marker} */")
    answer = held.finish()
    assert refused(answer) and 1.5 < time.monotonic() - started < 15
    [exchange] = record.find(gateway.export(), marker)
    assert "command.expired" in exchange.types


def test_client_cancel_withdraws(gateway, guarded, marker):
    held = Held(guarded, f"DELETE FROM orders WHERE id = 3 /* {marker} */")
    approval = pending(gateway, marker)
    wire.cancel(guarded, held.wire.key)
    answer = held.finish()
    assert wire.errors(answer)[0]["C"] in ("57014", "42501") and answer[-1][1] == b"I"
    wait_for(lambda: all(a["id"] != approval["id"] for a in gateway.pending()), 5, "the approval withdrawn")
    assert held.wire.rows("SELECT 1") == [[b"1"]]


def test_leaving_client_withdraws(gateway, guarded, marker):
    held = Held(guarded, f"DELETE FROM orders WHERE id = 4 /* {marker} */")
    approval = pending(gateway, marker)
    held.wire.socket.shutdown(2)
    wait_for(lambda: all(a["id"] != approval["id"] for a in gateway.pending()), 10, "the approval withdrawn")


def test_requester_cannot_approve(gateway, marker):
    at = gateway.endpoint("guarded", subject="dana", groups=["agents", "dba"])
    held = Held(at, f"DELETE FROM orders WHERE id = 5 /* {marker} */")
    approval = pending(gateway, marker)
    assert gateway.try_decide("approve", approval["id"], subject="dana", groups=["agents", "dba"]) is False
    assert gateway.try_decide("approve", approval["id"], subject="eve", groups=["agents"]) is False
    assert held.answer is None
    gateway.decide("deny", approval["id"], subject="olga")
    assert refused(held.finish())


# Masks

def psql_rows(at, text, *arguments):
    return at.psql("-At", *arguments, input=text).check().out


def test_masks_by_name_and_detector(masked, shop15):
    out = psql_rows(masked, "SELECT ssn, card, phone, email FROM customers WHERE id = 7;").decode().strip().split("|")
    ssn, card, phone, email = out
    assert "-45-" not in ssn and ssn
    assert card.endswith("1111") and card != "4111111111111111" and "*" in card or "x" in card.lower()
    assert phone == ""
    assert "user7" not in email and email


ORIGINS = {
    "alias": "SELECT c.ssn AS harmless FROM customers c WHERE id = 7",
    "view": "SELECT number FROM people WHERE id = 7",
    "star through view": "SELECT * FROM people WHERE id = 7",
    "subquery": "SELECT x FROM (SELECT ssn AS x, id FROM customers) s WHERE id = 7",
    "cte": "WITH s AS (SELECT ssn AS x FROM customers WHERE id = 7) SELECT x FROM s",
    "table": "TABLE customers",
    "union": "SELECT ssn FROM customers WHERE id = 7 UNION ALL SELECT ssn FROM customers WHERE id = 8",
    "expression": "SELECT upper(ssn), ssn || '', substr(ssn, 1) FROM customers WHERE id = 7",
    "aggregate": "SELECT string_agg(ssn, ',') FROM customers WHERE id < 9",
    "whole row": "SELECT customers FROM customers WHERE id = 7",
    "json": "SELECT row_to_json(customers) FROM customers WHERE id = 7",
    "fetch": "BEGIN; DECLARE c CURSOR FOR SELECT ssn FROM customers; FETCH 3 FROM c; COMMIT",
    "returning": "BEGIN; UPDATE customers SET name = name WHERE id = 7 RETURNING ssn; ROLLBACK",
    "copy": "COPY customers TO STDOUT",
    "copy query": "COPY (SELECT ssn FROM customers WHERE id = 7) TO STDOUT",
    "copy csv": "COPY (SELECT id, ssn FROM customers) TO STDOUT (FORMAT csv)",
    "prepared": "PREPARE s AS SELECT ssn FROM customers WHERE id = 7; EXECUTE s",
    "error detail": "BEGIN; CREATE UNIQUE INDEX ON customers (card); ROLLBACK",
}


@pytest.mark.parametrize("name", ORIGINS)
def test_masked_column_never_leaks(gateway, masked, marker, name):
    """However the column is reached, no raw value is in the answer or in the record; refusing is fine, leaking is not."""
    with wire.Wire(masked) as w:
        w.open()
        answer = w.ask(wire.query(f"/* {marker} */ {ORIGINS[name]}"))
        raw = b"".join(body for _, body in answer)
        assert not SSN.search(raw), SSN.search(raw)
        assert b"4111111111111111" not in raw
        assert w.ask(wire.query("ROLLBACK"))[-1][1] == b"I"
    whole = "".join(record.whole(e.entries) for e in record.find(gateway.export(), marker))
    assert marker in whole and not SSN.search(whole.encode()) and "4111111111111111" not in whole


@pytest.mark.parametrize("binary", [False, True])
def test_masks_in_both_formats_extended(masked, binary):
    with wire.Wire(masked) as w:
        w.open()
        answer = w.ask(wire.parse("SELECT id, ssn, card, phone, email, code, name FROM customers WHERE id = $1"),
                       wire.bind("", "", [b"9"], binary), wire.describe(), wire.execute(), wire.sync())
        [values] = [wire.row(body) for kind, body in answer if kind == "D"]
        assert values[0] == (b"\0\0\0\x09" if binary else b"9") and values[6] == b"Customer 9"
        assert not SSN.search(values[1]) and values[2] != b"4111111111111111" and values[3] is None
        assert b"user9@" not in values[4] and values[5].strip() != b"c9"


def test_binary_copy_is_masked_and_well_formed(masked, tmp_path):
    out = tmp_path / "out.bin"
    done = masked.psql(input=f"\\copy (SELECT id, ssn FROM customers) TO '{out}' WITH (FORMAT binary)\nSELECT 'alive';\n")
    assert "alive" in done.text
    if out.exists():
        assert not SSN.search(out.read_bytes())


def test_hash_is_stable_and_null_stays_null(masked):
    sql = "SELECT code FROM customers WHERE id IN (1, 11, 1001) ORDER BY id;"
    first, second, third = psql_rows(masked, sql).split(b"\n")[:3]
    assert first == second and first.strip() not in (b"", b"c1") and third == b""


def test_unmasked_columns_are_equal(masked, shop15, shop18):
    sql = "SELECT id, name, born, balance, active, tags, photo, seen FROM customers ORDER BY id;"
    assert psql_rows(masked, sql) == psql_rows(cluster_of(masked, shop15, shop18).boss(), sql)


def test_record_has_the_clients_bytes(gateway, masked, marker):
    with wire.Wire(masked) as w:
        w.open()
        answer = w.ask(wire.query(f"SELECT id, ssn, email FROM customers WHERE id < 50 ORDER BY id /* {marker} */"))
    rows = [body for kind, body in answer if kind == "D"]
    [exchange] = record.find(gateway.export(), marker)
    assert exchange.kind == "success" and exchange.outcome.get("tag") == "SELECT 49"
    for body in rows:
        for value in wire.row(body):
            assert value is None or value in exchange.answer, value


def test_literals_for_masked_columns_are_masked_in_the_record(gateway, masked, marker):
    secret = "987-65-4321"
    with wire.Wire(masked) as w:
        w.open()
        w.ask(wire.query(f"SELECT id FROM customers WHERE ssn = '{secret}' /* {marker} */"))
        w.ask(wire.query(f"BEGIN; UPDATE customers SET ssn = '{secret}' WHERE id = 1 /* {marker} */; ROLLBACK"))
        w.ask(wire.parse(f"SELECT id FROM customers WHERE ssn = $1 /* {marker} */"),
              wire.bind("", "", [secret.encode()]), wire.execute(), wire.sync())
    entries = gateway.export()
    found = record.find(entries, marker)
    assert len(found) >= 3
    assert secret not in record.whole(entries)


def test_ddl_voids_the_catalogue_cache(gateway, shop15, marker):
    """A view made after the first look is resolved too."""
    at = gateway.endpoint("masked")
    name = f"v_{marker[:8]}"
    shop15.sql(f"CREATE VIEW {name} AS SELECT ssn AS other FROM customers")
    try:
        out = psql_rows(at, f"SELECT other FROM {name} LIMIT 3;")
        assert out.count(b"\n") == 3 and not SSN.search(out)
        shop15.sql(f"CREATE OR REPLACE VIEW {name} AS SELECT card AS other FROM customers"
                   .replace("CREATE OR REPLACE", f"DROP VIEW {name}; CREATE"))
        assert b"4111111111111111" not in psql_rows(at, f"SELECT other FROM {name} LIMIT 3;")
    finally:
        shop15.sql(f"DROP VIEW {name}")
