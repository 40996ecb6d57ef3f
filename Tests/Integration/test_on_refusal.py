"""`on_refusal: continue`: a refusal answers the command, and an explicit transaction goes on."""

import asyncio
import uuid

import asyncpg
import psycopg
import pytest

import harness
import wire

GUARDS = [{"name": "no-ddl", "when": {"statement": ["ddl"]}, "then": "block"}]


@pytest.fixture(scope="module")
def gateway(shop15, shop18, scratch):
    made = harness.Gateway(scratch, [
        harness.connection("going", shop15, guard=GUARDS, on_refusal="continue"),
        harness.connection("going18", shop18, guard=GUARDS, on_refusal="continue"),
        harness.connection("failing", shop15, guard=GUARDS, on_refusal="abort"),
    ], name="on-refusal").start()
    yield made
    made.stop()


@pytest.fixture(params=["going", "going18"])
def at(request, gateway):
    return gateway.endpoint(request.param)


@pytest.fixture
def marker():
    return uuid.uuid4().hex


@pytest.fixture
def left(shop15, shop18, marker):
    """How many rows with the marker are there, asked direct."""
    def count(at):
        shop = shop18 if at.user.endswith("18") else shop15
        return int(shop.sql(f"SELECT count(*) FROM scratch WHERE marker LIKE '{marker}%'"))

    return count


def insert(marker):
    return f"INSERT INTO scratch (marker) VALUES ('{marker}')"


def test_simple(at, marker, left):
    with wire.Wire(at) as w:
        w.open()
        w.ask(wire.query("BEGIN"))
        w.ask(wire.query(insert(marker)))
        answer = w.ask(wire.query("DROP TABLE orders"))
        assert wire.kinds(answer) == "EZ" and answer[-1][1] == b"T"
        assert w.rows("SELECT 1") == [[b"1"]]
        assert w.ask(wire.query("COMMIT"))[-1][1] == b"I"
    assert left(at) == 1


def test_simple_pipelined(at, marker, left):
    with wire.Wire(at) as w:
        w.open()
        w.send(*map(wire.query, ("BEGIN", insert(marker), "DROP TABLE orders", "SELECT 3", "COMMIT")))
        assert [(wire.kinds(a), a[-1][1]) for a in (w.until() for _ in range(5))] == [
            ("CZ", b"T"), ("CZ", b"T"), ("EZ", b"T"), ("TDCZ", b"T"), ("CZ", b"I")]
    assert left(at) == 1


def test_extended(at, marker, left):
    with wire.Wire(at) as w:
        w.open()
        w.ask(wire.query("BEGIN"))
        answer = w.ask(wire.parse(insert(marker)), wire.bind(), wire.execute(), wire.parse("DROP TABLE orders"),
                       wire.bind(), wire.describe(), wire.execute(), wire.parse(insert(marker + "x")), wire.bind(),
                       wire.execute(), wire.sync())
        assert wire.kinds(answer) == "12CEZ" and answer[-1][1] == b"T"
        answer = w.ask(wire.parse("DROP TABLE orders"), wire.bind(), wire.execute(), wire.sync())
        assert wire.kinds(answer) == "EZ" and answer[-1][1] == b"T"
        assert wire.kinds(w.ask(wire.parse("SELECT 1"), wire.bind(), wire.execute(), wire.sync())) == "12DCZ"
        w.ask(wire.query("COMMIT"))
    assert left(at) == 1


def test_the_implicit_transaction_of_a_pipeline_still_fails(at, marker, left):
    with wire.Wire(at) as w:
        w.open()
        answer = w.ask(wire.parse(insert(marker)), wire.bind(), wire.execute(),
                       wire.parse("DROP TABLE orders"), wire.bind(), wire.execute(), wire.sync())
        assert wire.kinds(answer) == "12CEZ" and answer[-1][1] == b"I"
    assert left(at) == 0


def test_nothing_but_what_is_harmless_reaches_the_server(at, shop15, shop18):
    shop = shop18 if at.user.endswith("18") else shop15
    name = "t" + uuid.uuid4().hex
    with wire.Wire(at) as w:
        w.open()
        w.send(wire.query("BEGIN"), wire.query(f"DROP TABLE {name}"), wire.query("COMMIT"))
        for _ in range(3):
            w.until()
    assert name not in shop.log_text()


def test_abort_is_the_default_and_can_be_said(gateway, marker, left):
    at = gateway.endpoint("failing")
    with wire.Wire(at) as w:
        w.open()
        w.ask(wire.query("BEGIN"))
        w.ask(wire.query(insert(marker)))
        assert w.ask(wire.query("DROP TABLE orders"))[-1][1] == b"E"
        w.ask(wire.query("COMMIT"))
    assert left(at) == 0


def test_psql(at, marker, left):
    done = at.psql(input=f"BEGIN;\n{insert(marker)};\nDROP TABLE orders;\nSELECT 'alive';\nCOMMIT;\n")
    assert "no-ddl" in done.error_text and "alive" in done.text and "COMMIT" in done.text
    assert left(at) == 1


def test_psycopg(at, marker, left):
    with psycopg.connect(at.dsn) as connection:
        connection.execute(insert(marker))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DROP TABLE orders")
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
        assert connection.execute("SELECT %s::int", (5,)).fetchone() == (5,)
        connection.commit()
    assert left(at) == 1


def test_psycopg_pipeline(at, marker, left):
    with psycopg.connect(at.dsn, autocommit=True) as connection:
        connection.execute("BEGIN")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            with connection.pipeline():
                connection.execute(insert(marker))
                connection.execute("DROP TABLE orders")
        connection.execute("COMMIT")
    assert left(at) == 1


def test_asyncpg(at, marker, left):
    async def run():
        connection = await asyncpg.connect(host=at.host, port=at.port, user=at.user, password=at.password,
                                           database=at.database, ssl=at.tls)
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("INSERT INTO scratch (marker) VALUES ($1)", marker)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("DROP TABLE orders")
        assert await connection.fetchval("SELECT $1::int", 6) == 6
        await transaction.commit()
        await connection.close()

    asyncio.run(run())
    assert left(at) == 1


def test_jdbc(at, marker, left, java):
    done = java(at, "blocked", marker)
    assert "refused 42501" in done.text and "committed" in done.text, done.text
    assert left(at) == 1
