"""Garbage, half-open, slow and oversized clients cost bounded memory and never another session."""

import os
import random
import socket
import struct
import threading
import time

import pytest

import harness
import wire
from harness import LONG, wait_for

SEED = int(os.environ.get("SALLYPORT_SEED", random.randrange(2**32)))


@pytest.fixture(scope="module")
def gateway(shop15, scratch):
    made = harness.Gateway(scratch, [
        harness.connection("orders", shop15),
        harness.connection("guarded", shop15, guard=[{"name": "ddl", "when": {"statement": ["ddl"]}, "then": "block"}]),
    ], name="hostile", timeouts={"sign_in": "6s"}).start()
    yield made
    made.stop()


class Good(threading.Thread):
    """A well-behaved session that goes on all the while and notes its slowest answer."""

    def __init__(self, at):
        super().__init__(daemon=True)
        self.wire, self.stopping, self.count, self.slowest, self.failure = wire.Wire(at).open(), False, 0, 0.0, None
        self.start()

    def run(self):
        try:
            while not self.stopping:
                started = time.monotonic()
                assert self.wire.rows(f"SELECT {self.count}") == [[str(self.count).encode()]]
                self.slowest = max(self.slowest, time.monotonic() - started)
                self.count += 1
                time.sleep(0.005)
        except Exception as error:
            self.failure = error

    def finish(self):
        enough = time.monotonic() + 10
        while self.count <= 5 and self.failure is None and time.monotonic() < enough:
            time.sleep(0.005)
        self.stopping = True
        self.join(30)
        assert self.failure is None, self.failure
        assert self.count > 5
        return self.slowest


@pytest.fixture
def good(gateway):
    """The good session goes on during the test; memory may not grow by more than 64 MiB meanwhile."""
    session = Good(gateway.endpoint("orders"))
    before = gateway.resident_kib()
    yield session
    assert session.finish() < 5
    gateway.must_live()
    grown = gateway.resident_kib() - before
    assert grown < 64 * 1024, f"{grown} KiB more resident memory"
    with wire.Wire(gateway.endpoint("orders")) as w:
        assert w.open().rows("SELECT 1") == [[b"1"]]


def raw(gateway, data, wait=5):
    """Sends bytes on a fresh connection; returns what came before the close, at most 64 KiB."""
    with socket.create_connection(("127.0.0.1", gateway.port), 10) as channel:
        channel.settimeout(wait)
        got = b""
        try:
            channel.sendall(data)
            while len(got) < 65536 and (more := channel.recv(4096)):
                got += more
        except (TimeoutError, ConnectionError):
            pass
        return got


def test_garbage_before_start_up(gateway, good):
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    shapes = [b"", b"\0", b"\0\0\0\0", b"\0\0\0\x04", b"\0\0\0\x07", b"\xff\xff\xff\xff", b"\x80\0\0\0" + b"\0" * 60,
              b"\x7f\xff\xff\xff\0\3\0\0", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\0\1\0",
              struct.pack("!II", 8, 196608), struct.pack("!II", 9, 196608) + b"\0",
              struct.pack("!II", 8, 0x00020000), struct.pack("!II", 16, 80877102) + b"\0" * 8]
    shapes += [chance.randbytes(chance.randrange(1, 400)) for _ in range(100)]
    for shape in shapes:
        raw(gateway, shape, wait=0.05)


def test_many_start_up_parameters(gateway, good):
    raw(gateway, wire.startup({f"name{n}": "v" * 50 for n in range(5000)}))
    raw(gateway, wire.startup({"user": "x" * 100_000}))
    raw(gateway, struct.pack("!II", 1_000_000_000, 196608) + b"x" * 100_000)


def test_garbage_after_sign_in(gateway, good):
    print(f"seed {SEED}")
    chance = random.Random(SEED + 1)
    kinds = b"QPBDECSHFdcfX\0\xffpRZ"
    for n in range(120):
        with wire.Wire(gateway.endpoint("orders", tls=False)) as w:
            w.open()
            body = chance.randbytes(chance.randrange(0, 80))
            length = chance.choice([len(body) + 4, 0, 3, 4, 0x7fffffff, 0xffffffff, 0x80000000, len(body)])
            w.socket.settimeout(0.05)
            try:
                w.send(bytes([kinds[n % len(kinds)]]) + struct.pack("!I", length) + body)
                w.socket.recv(4096)
            except OSError:
                pass


LENGTHS = [
    wire.message("B", b"\0\0" + struct.pack("!H", 65535)),
    wire.message("B", b"\0\0" + struct.pack("!HH", 0, 1) + struct.pack("!i", 0x7fffffff)),
    wire.message("B", b"\0\0" + struct.pack("!HH", 0, 1) + struct.pack("!i", -7)),
    wire.message("P", b"\0SELECT 1"), wire.message("P", b"\0SELECT 1\0" + struct.pack("!H", 65535)),
    wire.message("Q", b"SELECT 1"), wire.message("Q", b"SELECT 1\0SELECT 2\0"), wire.message("E", b"\0"),
    wire.message("E", b"\0" + struct.pack("!i", -1)), wire.message("D", b"Z\0"), wire.message("C", b""),
    wire.message("F", struct.pack("!IH", 1, 65535)), wire.message("S", b"extra"), wire.message("H", b"extra"),
]


@pytest.mark.parametrize("data", LENGTHS, ids=lambda d: d[:20].hex())
def test_wrong_lengths_inside_messages(gateway, good, data):
    with wire.Wire(gateway.endpoint("orders", tls=False), timeout=5) as w:
        w.open()
        w.send(data, wire.sync())
        try:
            assert wire.errors(w.until("Z")) or data[:1] in b"SH"
        except (wire.Gone, OSError):
            pass  # ending the session is right too


def test_half_open_and_slow_clients_time_out(gateway, good):
    """300 connections that say nothing or a byte a second are gone after the start-up time-out."""
    silent = [socket.create_connection(("127.0.0.1", gateway.port), 5) for _ in range(300)]
    for channel in silent[100:200]:
        channel.sendall(wire.SSL_REQUEST)
    for channel in silent[200:]:
        channel.sendall(wire.startup({"user": "orders", "database": "shop"})[:9])
    try:
        def closed():
            gone = 0
            for channel in silent:
                channel.setblocking(False)
                try:
                    while more := channel.recv(4096):
                        pass
                    gone += 1
                except BlockingIOError:
                    pass
                except OSError:
                    gone += 1
            return gone == len(silent)

        wait_for(closed, 30, "silent connections closed", every=0.5)
    finally:
        for channel in silent:
            channel.close()


def test_client_that_does_not_read(gateway, good, shop15):
    """A result nobody reads stops the server's side; the gateway does not pile it up."""
    with wire.Wire(gateway.endpoint("orders", tls=False)) as w:
        w.open()
        w.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        w.send(wire.query("SELECT repeat('x', 1000) /* unread */ FROM generate_series(1, 400000)"))
        time.sleep(3)
        waiting = shop15.sql("SELECT wait_event FROM pg_stat_activity WHERE query LIKE '%/* unread */%' "
                             "AND pid <> pg_backend_pid()")
        assert waiting == "ClientWrite", waiting


def test_client_that_floods(gateway, good):
    """Pipelined commands without reading answers are held back by the pipeline cap, not stored."""
    with wire.Wire(gateway.endpoint("orders", tls=False)) as w:
        w.open()
        block = b"".join(wire.query(f"SELECT '{'y' * 1000}'") for _ in range(100))
        w.socket.settimeout(2)
        sent = 0
        try:
            while sent < 300 << 20:
                sent += w.socket.send(block)
        except OSError:
            pass
        assert sent < 300 << 20


def answer_to(at, text, timeout=60):
    with wire.Wire(at, timeout=timeout) as w:
        w.open()
        found = wire.errors(w.ask(wire.query(text)))
        assert w.rows("SELECT 1") == [[b"1"]]
        return found


BIG = {
    "50,000 chained terms": "SELECT " + "+".join(["1"] * 50_000),
    "50,000 ors": "SELECT 1 WHERE " + " OR ".join(["true"] * 50_000),
    "10,000 parentheses": "SELECT " + "(" * 10_000 + "1" + ")" * 10_000,
    "10,000 nested calls": "SELECT " + "abs(" * 10_000 + "1" + ")" * 10_000,
    "3,000 subselects": "SELECT * FROM " + "(SELECT * FROM " * 3_000 + "orders" + ") x" * 3_000,
    "10 MB text": "SELECT '" + "z" * 10_000_000 + "', abs(1), now()",
    "10 MB of spaces": " " * 10_000_000 + "SELECT 1",
    "open comment": "/*" * 20_000 + " SELECT 1",
    "open dollar quote": "SELECT $a$ " + "$b$" * 20_000,
}


@pytest.mark.parametrize("name", BIG)
def test_texts_beyond_the_bounds_are_refused(gateway, good, name):
    started = time.monotonic()
    found = answer_to(gateway.endpoint("guarded", tls=False), BIG[name])
    assert found and found[0]["C"] in ("42501", "54000", "54001"), found
    assert time.monotonic() - started < 20


def test_long_but_plain_insert_is_understood(gateway, good, shop15):
    """INSERT … VALUES of literals only is classified past the cap."""
    text = "INSERT INTO scratch (marker) VALUES " + ", ".join(f"('bulk-{n}')" for n in range(30_000))
    assert not answer_to(gateway.endpoint("guarded", tls=False), text)
    assert shop15.sql("SELECT count(*) FROM scratch WHERE marker LIKE 'bulk-%'") == "30000"
    shop15.sql("DELETE FROM scratch WHERE marker LIKE 'bulk-%'")


def test_connection_churn(gateway, good):
    for _ in range(1000 if LONG else 150):
        socket.create_connection(("127.0.0.1", gateway.port), 5).close()
    for _ in range(200 if LONG else 30):
        with wire.Wire(gateway.endpoint("orders", tls=False)) as w:
            w.open()
            w.send(wire.query("SELECT pg_sleep(0)"))


def test_http_garbage_on_the_console(gateway, good):
    for data in (b"\0" * 1000, b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n", b"POST /api/v1/locks HTTP/1.1\r\n"
                 b"Host: a\r\nContent-Length: 99999999999999999999\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", gateway.console), 5) as channel:
            channel.settimeout(0.3)
            try:
                channel.sendall(data)
                channel.recv(4096)
            except OSError:
                pass
    for path in ("/api/v1/sessions", "/api/v1/approvals?state=pending", "/api/v1/sessions/x/events"):
        status, _ = gateway.http(path)
        assert status == 401, path
        status, _ = gateway.http(path, token="nonsense")
        assert status == 401, path
