"""What an approver is shown: of the command, of who asks, of what else the session did, and of what it holds meanwhile."""

import asyncio
import contextlib
import datetime
import decimal
import socket
import threading
import time
import uuid

import asyncpg
import psycopg
import pytest

import harness
import record
from harness import wait_for

GUARDS = [{"name": "deletes", "when": {"statement": ["delete", "update"]}, "then": "hold", "message": "Ask a dba.",
           "approve": {"groups": ["dba"], "within": "60s"}},
          {"name": "no-ddl", "when": {"statement": ["ddl"]}, "then": "block"}]
MASKS = [{"detect": ["email"], "with": "redact"}]


@pytest.fixture(scope="module")
def cluster(scratch):
    made = harness.Cluster(scratch, "pg15-view", harness.PG15_BIN).start()
    made.sql("CREATE TABLE things (marker text, n int, at timestamptz); CREATE TABLE other (marker text);")
    yield made
    made.stop()


@pytest.fixture(scope="module")
def gateway(cluster, scratch):
    made = harness.Gateway(scratch, [harness.connection("shop", cluster, guard=GUARDS, mask=MASKS)], name="view").start()
    yield made
    made.stop()


@pytest.fixture
def marker():
    return uuid.uuid4().hex


def pending(gateway, marker):
    return wait_for(lambda: next((a for a in gateway.pending() if marker in str(a)), None), 15, "an approval")


def told(gateway, id):
    """The approval once the target has said what its session holds."""
    def look():
        view = gateway.api(f"/approvals/{id}")
        return view if view["locks"]["state"] != "asking" else None

    return wait_for(look, 15, "locks")


class Held:
    """Runs a statement in the background and denies it in the end."""

    def __init__(self, gateway, connection, text, values=None, marker=""):
        self.gateway = gateway
        self.thread = threading.Thread(target=self._run, args=(connection, text, values))
        self.thread.start()
        self.id = pending(gateway, marker)["id"]

    def _run(self, connection, text, values):
        try:
            connection.execute(text, values)
        except psycopg.Error:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.gateway.decide("deny", self.id)
        self.thread.join(15)
        assert not self.thread.is_alive()


def test_who_asks_for_what(gateway, marker):
    token = gateway.token("ada", ("agents",), "--agent", "copilot", "--run", "run-7", "--purpose", "clean up")
    with psycopg.connect(gateway.endpoint("shop", token=token).dsn, autocommit=True) as connection:
        with Held(gateway, connection, f"DELETE FROM things WHERE marker = '{marker}' /* \u0430dmin@example.com */",
                  marker=marker) as held:
            view = gateway.api(f"/approvals/{held.id}")
            assert view["verb"] == "DELETE" and view["objects"] == ["public.things"] or view["objects"] == ["things"]
            assert view["requester"]["subject"] == "ada"
            assert view["agent"]["name"] == "copilot" and view["agent"]["run"] == "run-7"
            assert view["agent"]["purpose"] == "clean up" and view["agent"]["trust"] == "verified"
            assert (view["connection"], view["database"]) == ("shop", "shop")
            assert view["expires"] > view["created"] and view["rules"] == ["deletes"] and view["message"] == "Ask a dba."
            assert "example.com" not in str(view), "masked as it is in the record"
            text = gateway.cli("approvals", held.id).check().text
            for words in ("ada through copilot on shop, database shop", "run run-7, purpose: clean up", "tables: ",
                          "rules: deletes", "Ask a dba.", "the session did nothing before", "it holds no locks"):
                assert words in text, (words, text)
    [requested] = [e for e in gateway.export() if e["type"] == "approval.requested" and e["approval"] == held.id]
    assert requested["verb"] == "DELETE" and "things" in str(requested["objects"])
    assert requested["details"]["within"] == "60" and requested["details"]["count"] == "1"


def test_confusable_letters_are_shown_by_number_in_the_api_too(gateway, marker):
    with psycopg.connect(gateway.endpoint("shop").dsn, autocommit=True) as connection:
        with Held(gateway, connection, f"DELETE FROM things WHERE marker = '{marker} p\u0430id\u200b'", marker=marker) as held:
            view = gateway.api(f"/approvals/{held.id}")
            assert "p\u0430id\u200b" in view["text"]
            assert r"p\u{430}id\u{200b}" in view["visible_text"]
        with Held(gateway, connection, f"DELETE FROM things WHERE marker = '{marker}-2'", marker=marker + "-2") as held:
            assert "visible_text" not in gateway.api(f"/approvals/{held.id}")


def test_what_else_the_session_did(gateway, cluster, marker):
    cluster.sql(f"INSERT INTO things VALUES ('{marker}', 1), ('{marker}', 2)")
    with psycopg.connect(gateway.endpoint("shop").dsn, autocommit=True) as connection:
        for number in range(12):
            connection.execute(f"SELECT {number}")
        connection.execute("SELECT marker FROM things WHERE marker = %s", (marker,))
        for text in ("CREATE TABLE never (n int)", "SELECT 1 / 0 /* ada@example.com */"):
            with pytest.raises(psycopg.Error):
                connection.execute(text)
        with Held(gateway, connection, f"DELETE FROM things WHERE marker = '{marker}'", marker=marker) as held:
            view = gateway.api(f"/approvals/{held.id}")
            history = view["history"]
            assert len(history) == 10 and all(one["at"] <= view["created"] for one in history)
            assert [one["at"] for one in history] == sorted(one["at"] for one in history)
            read, blocked, failed = history[-3:]
            assert read["text"].startswith("SELECT marker FROM things") and read["verdict"] == "allowed"
            assert read["outcome"] == "success" and read["rows"] == 2
            assert blocked["verdict"] == "blocked" and blocked["text"].startswith("CREATE TABLE")
            assert failed["outcome"] == "error" and failed["code"] == "22012"
            assert "ada@example.com" not in str(view)
            text = gateway.cli("approvals", held.id).check().text
            assert "before that, the session did:" in text and "allowed, success, 2 rows" in text
            assert "allowed, error 22012" in text and "CREATE TABLE never" in text
            # In the list it is left out.
            assert "before that" not in gateway.cli("approvals").check().text
        # What was denied is part of what the next approver sees.
        with Held(gateway, connection, f"DELETE FROM things WHERE marker = '{marker}-3'", marker=marker + "-3") as held:
            last = gateway.api(f"/approvals/{held.id}")["history"][-1]
            assert last["verdict"] == "denied" and marker in last["text"]


def test_a_long_text_is_cut_in_the_history(gateway, marker):
    with psycopg.connect(gateway.endpoint("shop").dsn, autocommit=True) as connection:
        connection.execute("SELECT '" + "x" * 100_000 + "'")
        with Held(gateway, connection, f"DELETE FROM things WHERE marker = '{marker}'", marker=marker) as held:
            [long] = [one for one in gateway.api(f"/approvals/{held.id}")["history"] if "xxx" in one["text"]]
            assert len(long["text"]) < 600 and long["text"].endswith("[...]")


def test_locks_of_the_open_transaction(gateway, cluster, marker):
    cluster.sql(f"INSERT INTO other VALUES ('{marker}')")
    with psycopg.connect(gateway.endpoint("shop").dsn) as connection:
        connection.execute("INSERT INTO other VALUES (%s)", (marker,))
        with Held(gateway, connection, f"DELETE FROM things WHERE marker = '{marker}'", marker=marker) as held:
            locks = told(gateway, held.id)["locks"]
            assert locks["state"] == "known" and locks["waiting"] == 0
            assert {"object": "public.other", "mode": "RowExclusiveLock"} in locks["held"]
            text = gateway.cli("approvals", held.id).check().text
            assert "it holds these locks:" in text and "public.other  RowExclusiveLock" in text
        connection.rollback()


def test_who_waits_for_the_held_session_is_counted(gateway, cluster, marker):
    cluster.sql(f"INSERT INTO other VALUES ('{marker}')")
    boss = cluster.boss()
    with psycopg.connect(gateway.endpoint("shop").dsn) as connection:
        connection.execute("LOCK TABLE other IN ACCESS EXCLUSIVE MODE")
        with psycopg.connect(boss.dsn, autocommit=True) as waiter, psycopg.connect(boss.dsn, autocommit=True) as watcher:
            waiting = threading.Thread(target=lambda: waiter.execute("SELECT count(*) FROM other"))
            waiting.start()
            wait_for(lambda: watcher.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'").fetchone()[0], 10, "it waits")
            with Held(gateway, connection, f"DELETE FROM things WHERE marker = '{marker}'", marker=marker) as held:
                locks = told(gateway, held.id)["locks"]
                assert locks["waiting"] == 1
                assert {"object": "public.other", "mode": "AccessExclusiveLock"} in locks["held"]
                assert "and 1 other waits for it" in gateway.cli("approvals", held.id).check().text
            connection.rollback()
            waiting.join(10)


class OneConnection:
    """Passes its first connection on to a server, and leaves all others without a word."""

    def __init__(self, port):
        self.target = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.silent = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", self.target))
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._pass, args=(one, other), daemon=True).start()
            while True:
                self.silent.append(self.listener.accept()[0])

    @staticmethod
    def _pass(one, other):
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)

    def close(self):
        for one in [self.listener, *self.silent]:
            one.close()


def test_a_target_that_does_not_tell_is_unknown_and_delays_nothing(scratch, cluster, marker):
    proxy = OneConnection(cluster.port)
    shop = harness.connection("shop", cluster, guard=GUARDS)
    shop["target"]["port"] = proxy.port
    made = harness.Gateway(scratch, [shop], name="silent").start()
    try:
        with psycopg.connect(made.endpoint("shop").dsn, autocommit=True) as connection:
            with Held(made, connection, f"DELETE FROM things WHERE marker = '{marker}'", marker=marker) as held:
                assert made.api(f"/approvals/{held.id}")["locks"] == {"state": "asking"}
                assert told(made, held.id)["locks"] == {"state": "unknown"}
                assert proxy.silent, "it was asked"
                assert "locks of its transaction: unknown" in made.cli("approvals", held.id).check().text
            # While the question is open a decision is not kept waiting.
            start = time.monotonic()
            with Held(made, connection, f"DELETE FROM things WHERE marker = '{marker}-2'", marker=marker + "-2"):
                pass
            assert time.monotonic() - start < 2.5
    finally:
        made.stop()
        proxy.close()


def test_asyncpg_values_are_readable(gateway, marker):
    """asyncpg leaves types to the server and sends values in binary: what Describe told names them."""
    at = gateway.endpoint("shop")
    values = [marker, 7, datetime.datetime(2026, 3, 4, 5, 6, 7, 890000, tzinfo=datetime.timezone.utc),
              decimal.Decimal("-1234.500"), datetime.date(1999, 12, 31), uuid.UUID(int=5), True, "ada@example.com", None]
    text = ("DELETE FROM things WHERE marker = $1 AND n = $2 AND at > $3 AND n > $4::numeric AND at > $5::date "
            "AND $6::uuid IS NOT NULL AND $7::bool AND marker <> $8 AND marker <> $9")

    async def run():
        connection = await asyncpg.connect(
            host=at.host, port=at.port, user=at.user, password=at.password, database=at.database, ssl=at.tls)
        try:
            await connection.execute(text, *values)
        except asyncpg.PostgresError:
            pass
        finally:
            connection.terminate()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    view = pending(gateway, marker)
    gateway.decide("deny", view["id"])
    thread.join(15)
    shown = view["parameters"]
    assert shown[:7] == [marker, "7", "2026-03-04 05:06:07.890000+00", "-1234.500", "1999-12-31",
                         "00000000-0000-0000-0000-000000000005", "true"]
    assert shown[7] != "ada@example.com" and "example.com" not in str(view) and shown[8] is None
    [exchange] = [found for found in record.exchanges(gateway.export()) if marker in str(found.parameters)]
    assert b"example.com" not in exchange.parameters


def test_only_who_may_see_it_sees_it(gateway, marker):
    with psycopg.connect(gateway.endpoint("shop").dsn, autocommit=True) as connection:
        with Held(gateway, connection, f"DELETE FROM things WHERE marker = '{marker}'", marker=marker) as held:
            assert gateway.http(f"/api/v1/approvals/{held.id}", token=gateway.token("eve", ("agents",)))[0] == 404
            assert gateway.http(f"/api/v1/approvals/{held.id}")[0] == 401
            # Where links lead: no token, and nothing of it.
            status, text = gateway.http(f"/approvals/{held.id}")
            assert status == 200 and f"sallyport approve {held.id}" in text and marker not in text
            assert gateway.http("/approvals/nothing")[0] == 404
