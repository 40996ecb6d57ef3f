"""Unchanged clients: the same program gives the same bytes direct and through each other way, and the facts it must show."""

import asyncio
import hashlib
import io
import os
import re
import select
import signal
import subprocess
import time

import asyncpg
import pg8000.native
import psycopg
import pytest
import sqlalchemy

import harness
import wire
from harness import LONG, PG15_BIN, run


def same(server, program):
    """Runs `program(endpoint)` on the way under test and direct; the results must be equal. Returns the result."""
    got = program(server.endpoint)
    if server.way != "direct":
        assert got == program(server.direct)
    return got


# psql

BACKSLASH = r"""
\d
\d customers
\d+ orders
\dt+
\di
\dv+
\df
\dT
\ds
\du
\dn+
\l shop
\dp
\sf add_one
\conninfo
"""


def test_psql_describes(server):
    def program(at):
        done = at.psql(input=BACKSLASH.replace("\\conninfo\n", "")).check()
        assert not done.err, done.error_text
        return done.out

    out = same(server, program)
    assert b"customers_pkey" in out and b"add_one" in out and b"mood" in out


def test_psql_queries_errors_and_formats(server):
    script = r"""
        SELECT * FROM customers WHERE id IN (1, 2, 1001) ORDER BY id;
        SELECT 1 AS one; SELECT 2 AS two \; SELECT 3 AS three;
        SELECT no_such_column FROM customers;
        SELECT 1/0;
        BEGIN; SELECT 'in'; SELECT bad; SELECT 'skipped'; ROLLBACK;
        DO $$ BEGIN RAISE NOTICE 'hello %', 42; END $$;
        \gset
        SELECT 10 AS ten \gset
        \echo :ten
        \x
        SELECT * FROM customers WHERE id = 3;
        \pset format csv
        TABLE people LIMIT 5;
        LISTEN news; NOTIFY news, 'paper';
        SELECT;
        ;
    """

    def program(at):
        done = at.psql(input=script)
        return done.code, re.sub(rb"PID \d+", b"PID", done.out), done.err

    code, out, err = same(server, program)
    assert "漢字".encode() in out and b"no_such_column" in err and b"division by zero" in err and b"hello 42" in err


def test_psql_copy_in_and_out(server, tmp_path):
    def program(at):
        out, text, binary = (tmp_path / f"{at.via}.{kind}" for kind in ("out", "txt", "bin"))
        done = at.psql("-v", "ON_ERROR_STOP=1", "-q", input=rf"""
            \copy customers TO '{text}'
            \copy (SELECT id, photo, seen, balance FROM customers ORDER BY id) TO '{binary}' WITH (FORMAT binary)
            CREATE TEMP TABLE back (LIKE customers);
            CREATE TEMP TABLE back2 (id int, photo bytea, seen timestamptz, balance numeric);
            \copy back FROM '{text}'
            \copy back2 FROM '{binary}' WITH (FORMAT binary)
            SELECT count(*), md5(string_agg(b::text, '|' ORDER BY id)) FROM back b;
            SELECT count(*), md5(string_agg(b::text, '|' ORDER BY id)) FROM back2 b;
            \copy back FROM '{tmp_path}/absent'
        """)
        return done.out, text.read_bytes(), binary.read_bytes()

    out, text, binary = same(server, program)
    assert b"1001" in out and text.count(b"\n") == 1001 and binary.startswith(b"PGCOPY\n\xff\r\n\0")


def test_psql_copy_from_wrong_data_keeps_session(server):
    def program(at):
        done = at.psql(input="CREATE TEMP TABLE t (n int);\n\\copy t FROM stdin\n1\nx\n\\.\nSELECT 'alive';\n")
        return done.out, done.err

    out, err = same(server, program)
    assert b"alive" in out and b"invalid input syntax" in err


def test_psql_watch(server):
    def program(at):
        child = at.psql_process("-qAt", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            child.stdin.write(b"SELECT 'tick' \\watch 0.2\n")
            child.stdin.flush()
            seen = 0
            while seen < 3:
                line = child.stdout.readline()
                assert line, "psql ended"
                seen += line.startswith(b"tick")
            return seen
        finally:
            child.kill()
            child.wait()
            child.stdin.close()
            child.stdout.close()

    assert same(server, program) == 3


def test_psql_ctrl_c_cancels_and_session_goes_on(server):
    """An interactive psql on a terminal: Ctrl-C ends the statement at once, the next one works."""
    def program(at):
        terminal, inside = os.openpty()
        child = at.psql_process("-At", "-n", stdin=inside, stdout=inside, stderr=inside, env={"PGAPPNAME": "ctrl-c"})
        os.close(inside)
        try:
            os.write(terminal, b"SELECT pg_sleep(60);\n")
            running = ("SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60);' "
                       "AND application_name = 'ctrl-c' AND state = 'active'")
            harness.wait_for(lambda: server.cluster.sql(running) == "1", 15, "the statement running")
            started = time.monotonic()
            child.send_signal(signal.SIGINT)
            os.write(terminal, b"SELECT 'ali' || 've';\n")
            seen = b""
            while b"alive\r\n" not in seen:
                assert select.select([terminal], [], [], 20)[0], seen
                seen += os.read(terminal, 4096)
            took = time.monotonic() - started
        finally:
            child.kill()
            child.wait()
            os.close(terminal)
        assert took < 5
        return b"canceling statement due to user request" in seen

    assert same(server, program)


def test_large_result(server):
    megabytes = 100 if LONG else 10
    sql = f"SELECT n, repeat(md5(n::text), 31) FROM generate_series(1, {megabytes * 1000}) AS n"

    def program(at):
        child = at.psql_process("-At", "-c", sql, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        digest, size = hashlib.sha256(), 0
        while block := child.stdout.read(1 << 20):
            digest.update(block)
            size += len(block)
        child.stdout.close()
        assert child.wait(60) == 0
        return size, digest.hexdigest()

    size, _ = same(server, program)
    assert size > megabytes * 990_000


def test_psql_single_transaction_and_variables_from_environment(server):
    def program(at):
        done = at.psql("-1", "-qAt", "-v", "ON_ERROR_STOP=1", "-c", "CREATE TEMP TABLE x AS SELECT 1 AS n",
                       "-c", "SELECT current_setting('work_mem'), current_setting('application_name'), n FROM x",
                       env={"PGOPTIONS": "-c work_mem=7MB", "PGAPPNAME": "my tool"}).check()
        return done.out

    assert same(server, program) == b"7MB|my tool|1\n"


# psycopg 3

ALL = "SELECT * FROM customers ORDER BY id"


def test_psycopg_sync_text_and_binary(server):
    def program(at):
        with psycopg.connect(at.dsn) as connection:
            text = connection.execute(ALL).fetchall()
            binary = connection.execute(ALL, binary=True).fetchall()
            raw = connection.execute("SELECT id, email, photo FROM customers WHERE id = %s", (5,), binary=True)
            raw_bytes = [raw.pgresult.get_value(0, n) for n in range(3)]
            many = connection.cursor()
            many.executemany("SELECT %s::int + 1", [(n,) for n in range(30)], returning=True)
            added = [s.fetchone()[0] for s in many.results()]
            for n in range(12):  # past the threshold where psycopg prepares on the server
                connection.execute("SELECT name FROM customers WHERE id = %s", (n,)).fetchall()
            return repr(text), repr(binary), raw_bytes, added

    text, binary, raw, added = same(server, program)
    assert text == binary and "漢字" in text and raw[0] == b"\0\0\0\5" and added == list(range(1, 31))


def test_psycopg_pipeline(server):
    def program(at):
        with psycopg.connect(at.dsn, autocommit=True) as connection:
            with connection.pipeline():
                cursors = [connection.execute("SELECT %s::int, name FROM customers WHERE id = %s", (n, n))
                           for n in range(1, 200)]
            good = [c.fetchone() for c in cursors]
            outcome, cursors = [], [connection.cursor() for _ in range(3)]
            try:
                with connection.pipeline() as pipeline:
                    for cursor, sql in zip(cursors, ("SELECT 1", "SELECT no_such", "SELECT 3")):
                        cursor.execute(sql)
                    pipeline.sync()
            except psycopg.Error as error:
                outcome.append(error.sqlstate)
            outcome.append(cursors[0].fetchone())
            with pytest.raises(psycopg.Error):
                cursors[2].fetchone()
            return good, outcome, connection.execute("SELECT 'alive'").fetchone()

    good, outcome, alive = same(server, program)
    assert len(good) == 199 and outcome == ["42703", (1,)] and alive == ("alive",)


def test_psycopg_server_side_cursor(server):
    def program(at):
        with psycopg.connect(at.dsn) as connection:
            with connection.cursor("far", scrollable=True) as cursor:
                cursor.itersize = 97
                cursor.execute("SELECT id, name, balance FROM customers ORDER BY id")
                rows = list(cursor)
                cursor.scroll(10, mode="absolute")
                return rows, cursor.fetchmany(3)

    rows, some = same(server, program)
    assert len(rows) == 1001 and some[0][0] == 11


def test_psycopg_copy(server):
    def program(at):
        with psycopg.connect(at.dsn) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TEMP TABLE t (n int, s text)")
            with cursor.copy("COPY t FROM STDIN (FORMAT binary)") as copy:
                copy.set_types(["int4", "text"])
                for n in range(5000):
                    copy.write_row((n, "é" * (n % 50)))
            with cursor.copy("COPY t TO STDOUT") as copy:
                return hashlib.sha256(b"".join(bytes(b) for b in copy)).hexdigest(), cursor.rowcount

    assert same(server, program)[1] == 5000


def test_psycopg_async_and_notify(server):
    def program(at):
        async def main():
            async with await psycopg.AsyncConnection.connect(at.dsn, autocommit=True) as connection:
                await connection.execute("LISTEN bell")
                rows = [await (await connection.execute("SELECT %s::text, now() > 'epoch'", (str(n),))).fetchone()
                        for n in range(20)]
                await connection.execute("NOTIFY bell, 'ding'")
                async for note in connection.notifies(timeout=10, stop_after=1):
                    return rows, note.channel, note.payload

        return asyncio.run(main())

    rows, channel, payload = same(server, program)
    assert len(rows) == 20 and (channel, payload) == ("bell", "ding")


def test_psycopg_transactions_and_errors(server):
    def program(at):
        seen = []
        with psycopg.connect(at.dsn) as connection:
            with connection.transaction():
                connection.execute("CREATE TEMP TABLE t (n int PRIMARY KEY) ON COMMIT PRESERVE ROWS")
                try:
                    with connection.transaction():
                        connection.execute("INSERT INTO t VALUES (1), (1)")
                except psycopg.errors.UniqueViolation as error:
                    seen.append((error.diag.sqlstate, error.diag.constraint_name, error.diag.message_detail))
                connection.execute("INSERT INTO t VALUES (2)")
            seen.append(connection.execute("SELECT * FROM t").fetchall())
            connection.rollback()
            seen.append(str(connection.info.transaction_status.name))
        return seen

    seen = same(server, program)
    assert seen[0][0] == "23505" and seen[1] == [(2,)] and seen[2] == "IDLE"


# asyncpg, pg8000, SQLAlchemy

def asyncpg_connect(at):
    return asyncpg.connect(host=at.host, port=at.port, user=at.user, password=at.password, database=at.database,
                           ssl=at.tls or False)


def test_asyncpg(server):
    def program(at):
        async def main():
            connection = await asyncpg_connect(at)
            try:
                rows = [dict(r) for r in await connection.fetch(ALL)]
                statement = await connection.prepare("SELECT name, tags FROM customers WHERE id = $1")
                some = [tuple(await statement.fetchrow(n)) for n in range(1, 20)]
                async with connection.transaction():
                    cursor = [r["id"] async for r in connection.cursor(ALL, prefetch=50)]
                await connection.execute("CREATE TEMP TABLE t (n int, s text)")
                await connection.copy_records_to_table("t", records=[(n, "x" * n) for n in range(500)])
                await connection.executemany("INSERT INTO t VALUES ($1, $2)", [(n, "y") for n in range(100)])
                out = io.BytesIO()
                await connection.copy_from_query("SELECT * FROM t ORDER BY n, s", output=out, format="csv")
                try:
                    await connection.fetch("SELECT 1/0")
                except asyncpg.DivisionByZeroError as error:
                    code = error.sqlstate
                try:
                    await connection.fetch("SELECT pg_sleep(30)", timeout=0.5)
                except asyncio.TimeoutError:
                    pass
                return repr(rows), some, len(cursor), out.getvalue(), code, await connection.fetchval("SELECT 7")
            finally:
                await connection.close()

        return asyncio.run(main())

    rows, some, count, _, code, alive = same(server, program)
    assert "漢字" in rows and some[0][0] == "Customer 1" and count == 1001 and code == "22012" and alive == 7


def test_pg8000(server):
    def program(at):
        connection = pg8000.native.Connection(
            at.user, host=at.host, port=at.port, password=at.password, database=at.database, ssl_context=at.tls)
        try:
            rows = connection.run(ALL)
            named = connection.run("SELECT name FROM customers WHERE id = :id", id=4)
            statement = connection.prepare("SELECT :n::int * 2")
            doubled = [statement.run(n=n)[0][0] for n in range(10)]
            out = io.BytesIO()
            connection.run("COPY orders TO STDOUT", stream=out)
            connection.run("CREATE TEMP TABLE t (n int)")
            connection.run("COPY t FROM STDIN", stream=io.BytesIO(b"1\n2\n3\n"))
            with pytest.raises(pg8000.native.DatabaseError):
                connection.run("SELECT no_such")
            return repr(rows), named, doubled, out.getvalue(), connection.run("SELECT sum(n) FROM t")
        finally:
            connection.close()

    rows, named, doubled, out, total = same(server, program)
    assert "漢字" in rows and named == [["Customer 4"]] and doubled[-1] == 18 and total == [[6]]
    assert out.count(b"\n") == 5000


def test_sqlalchemy(server):
    def program(at):
        url = sqlalchemy.URL.create("postgresql+psycopg", at.user, at.password, at.host, at.port, at.database)
        arguments = {"sslmode": at.env["PGSSLMODE"]} | ({"sslrootcert": str(at.ca)} if at.ca else {})
        engine = sqlalchemy.create_engine(url, connect_args=arguments, pool_size=3)
        try:
            tables = sqlalchemy.MetaData()
            tables.reflect(engine, only=["customers", "orders"])
            customers, orders = tables.tables["customers"], tables.tables["orders"]
            joined = (sqlalchemy.select(customers.c.name, sqlalchemy.func.sum(orders.c.total))
                      .join(orders, orders.c.customer == customers.c.id).group_by(customers.c.name)
                      .order_by(customers.c.name).limit(25))
            with engine.begin() as connection:
                rows = [tuple(r) for r in connection.execute(joined)]
                columns = sorted((c.name, str(c.type)) for c in customers.columns)
                inserted = connection.execute(sqlalchemy.insert(orders).returning(orders.c.total, orders.c.note),
                                              [{"customer": 1, "total": n, "note": "made"} for n in range(20)])
                made = sorted(map(tuple, inserted))
                connection.rollback()
            return rows, columns, made
        finally:
            engine.dispose()

    rows, columns, made = same(server, program)
    assert len(rows) == 25 and len(columns) == 14 and len(made) == 20


# JDBC

def test_jdbc(server, java):
    out = same(server, lambda at: java(at, "matrix").check().out).decode()
    assert "prepared 20 Customer 20" in out and "server-side true" in out and "error 22012" in out
    assert "batch 50" in out and "fetched 1001" in out and "copied 5000" in out and "alive 1" in out


# pgbench, pg_dump

@pytest.mark.parametrize("mode", ["simple", "extended", "prepared"])
def test_pgbench_16_clients(server, mode):
    at = server.endpoint
    if server.cluster.sql("SELECT to_regclass('pgbench_accounts') IS NULL") == "t":
        run(PG15_BIN / "pgbench", "-i", "-q", "-s", "1", env=server.direct.env).check()
    before = int(server.cluster.sql("SELECT count(*) FROM pgbench_history"))
    count = 500 if LONG else 25
    done = run(PG15_BIN / "pgbench", "-n", "-c", 16, "-j", 2, "-M", mode, "-t", count, env=at.env, timeout=280).check()
    assert f"number of transactions actually processed: {16 * count}/{16 * count}" in done.text
    assert "number of failed transactions: 0" in done.text
    assert int(server.cluster.sql("SELECT count(*) FROM pgbench_history")) == before + 16 * count
    assert server.cluster.sql("SELECT sum(abalance) = (SELECT sum(delta) FROM pgbench_history) FROM pgbench_accounts") == "t"


def test_pg_dump_and_restore(server, tmp_path):
    tools, libraries = server.cluster.bin, server.cluster.libraries
    at_env = {**server.endpoint.env, **libraries}
    megabytes = 200 if LONG else 5
    server.cluster.sql(f"""
        DROP SCHEMA IF EXISTS bulk CASCADE; CREATE SCHEMA bulk;
        CREATE TABLE bulk.rows AS SELECT n AS id, repeat(md5(n::text), 31) AS filler
            FROM generate_series(1, {megabytes * 1000}) AS n;
        CREATE INDEX ON bulk.rows (id);""")
    dump = tmp_path / "shop.dump"
    arguments = ["-n", "bulk", "-n", "public", "--exclude-table=pgbench*"]
    run(tools / "pg_dump", "-Fc", "-Z0", *arguments, "-f", dump, env=at_env, timeout=280).check()
    plain = run(tools / "pg_dump", *arguments, env=at_env, timeout=280).check().out
    if server.way != "direct":
        reference = run(tools / "pg_dump", *arguments, env={**server.direct.env, **libraries}, timeout=280).check().out
        # \restrict carries a random word in newer versions.
        clean = [re.sub(rb"(?m)^\\(un)?restrict .*$", b"", text) for text in (plain, reference)]
        assert hashlib.sha256(clean[0]).digest() == hashlib.sha256(clean[1]).digest()
    assert len(plain) > megabytes * 990_000
    server.cluster.sql("DROP DATABASE IF EXISTS restored", database="postgres")
    server.cluster.sql("CREATE DATABASE restored TEMPLATE template0", database="postgres")
    server.cluster.sql("DROP SCHEMA public CASCADE", database="restored")
    run(tools / "pg_restore", "-d", "restored", "--exit-on-error", dump, env={**at_env, "PGDATABASE": "restored"},
        timeout=280).check()
    check = "SELECT count(*), md5(string_agg(filler, '' ORDER BY id)) FROM (SELECT * FROM bulk.rows ORDER BY id LIMIT 5000) r"
    assert server.cluster.sql(check, database="restored") == server.cluster.sql(check)


# Messages, byte for byte

def conversation(*rounds, **options):
    """A program that plays rounds of raw messages and returns every answer."""
    def program(at):
        with wire.Wire(at) as w:
            w.open(**options)
            return [w.ask(*messages) for messages in rounds]

    return program


CONVERSATIONS = {
    "simple": conversation([wire.query("SELECT id, name, photo FROM customers ORDER BY id LIMIT 3")], [wire.query("")]),
    "many statements": conversation([wire.query("SELECT 1; SELECT 2; SELECT bad; SELECT 4")], [wire.query("SELECT 5")]),
    "extended": conversation(
        [wire.parse("SELECT $1::int + 1", "s"), wire.describe("S", "s"), wire.sync()],
        [wire.bind("", "s", [b"41"]), wire.describe(), wire.execute(), wire.sync()],
        [wire.bind("", "s", [b"41"], True), wire.execute(), wire.sync()],
        [wire.bind("", "s", [None]), wire.execute(), wire.sync()],
        [wire.close("S", "s"), wire.sync()],
        [wire.bind("", "s", [b"1"]), wire.execute(), wire.sync()]),
    "portal in pieces": conversation(
        [wire.query("BEGIN")],
        [wire.parse("SELECT n FROM generate_series(1, 7) n"), wire.bind("p"), wire.execute("p", 3), wire.execute("p", 3),
         wire.execute("p", 3), wire.execute("p", 3), wire.close("P", "p"), wire.sync()],
        [wire.query("COMMIT")]),
    "error skips to sync": conversation(
        [wire.parse("SELECT 1"), wire.bind(), wire.execute(), wire.parse("SELECT bad"), wire.bind(), wire.execute(),
         wire.parse("SELECT 3"), wire.bind(), wire.execute(), wire.sync()],
        [wire.parse("SELECT 4"), wire.bind(), wire.execute(), wire.sync()]),
    "two syncs at once": conversation(
        [wire.parse("SELECT 1"), wire.bind(), wire.execute(), wire.sync()],
        [wire.parse(""), wire.bind(), wire.execute(), wire.sync()], [wire.sync()]),
    "flush": conversation([wire.parse("SELECT 1"), wire.flush(), wire.bind(), wire.flush(), wire.execute(), wire.flush(),
                           wire.sync()]),
    "failed transaction": conversation([wire.query("BEGIN")], [wire.query("SELECT bad")], [wire.query("SELECT 1")],
                                       [wire.query("COMMIT")]),
    "copy out": conversation([wire.query("COPY (SELECT id, email FROM customers ORDER BY id) TO STDOUT")],
                             [wire.query("COPY (SELECT id, photo FROM customers ORDER BY id) TO STDOUT (FORMAT binary)")]),
    "copy in": conversation(
        [wire.query("CREATE TEMP TABLE t (n int)")],
        [wire.query("COPY t FROM STDIN"), wire.message("d", b"1\n2"), wire.message("d", b"\n3\n"), wire.message("c")],
        [wire.query("COPY t FROM STDIN"), wire.message("d", b"9\n"), wire.message("f", wire.cstring("no more"))],
        [wire.query("SELECT sum(n) FROM t")]),
    "function call": conversation([wire.message("F", bytes.fromhex("0000041c") + b"\0\0" + b"\0\1" + b"\0\0\0\1" + b"x" + b"\0\0")],
                                  [wire.query("SELECT 1")]),
    "notices": conversation([wire.query("SET client_min_messages = debug1; DROP TABLE IF EXISTS no_such_table")]),
    "settings": conversation([wire.query("SET TIME ZONE 'Asia/Tokyo'; SHOW TIME ZONE")], [wire.query("RESET ALL")],
                             application_name="names", options="-c work_mem=5MB"),
}


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_messages_are_equal(server, name):
    rounds = same(server, CONVERSATIONS[name])
    assert all(messages[-1][0] == "Z" for messages in rounds)


def test_bytes_in_any_split(server):
    """One byte a packet gives the same answers as one write."""
    script = b"".join([wire.parse("SELECT $1::text", "s"), wire.bind("", "s", [b"abc"]), wire.describe(),
                       wire.execute(), wire.sync(), wire.query("SELECT 'x' || repeat('y', 300)")])

    def ask(at, step):
        with wire.Wire(at) as w:
            w.open()
            for start in range(0, len(script), step):
                w.send(script[start:start + step])
            return w.until(), w.until()

    assert ask(server.endpoint, 1) == ask(server.endpoint, len(script))


def test_protocol_3_2_is_negotiated(server):
    with wire.Wire(server.endpoint) as w:
        at = server.endpoint
        w.send(wire.startup({"user": at.user, "database": at.database, "_pq_.sallyport_test": "1"}, version=196610))
        kind, body = w.receive()
        if server.way == "gateway" or kind == "v":
            assert kind == "v"
            minor = int.from_bytes(body[:4], "big") & 0xffff
            assert minor <= 2 and b"_pq_.sallyport_test" in body
        else:
            assert kind == "R"
