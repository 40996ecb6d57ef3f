"""kill -9 at random moments: what a client saw answered is in the record with its outcome, after every restart."""

import os
import random
import signal
import subprocess
import threading
import time

import psycopg
import pytest

import harness
import record
import wire
from harness import LONG, PG15_BIN

SEED = int(os.environ.get("SALLYPORT_SEED", random.randrange(2**32)))
ROUNDS = 200 if LONG else 10


class Client(threading.Thread):
    """Sends marked commands of several shapes, and notes each one whose answer was complete before the crash."""

    def __init__(self, at, name):
        super().__init__(daemon=True)
        self.wire, self.name_, self.answered, self.sent = wire.Wire(at).open(), name, [], 0
        self.start()

    def shapes(self, marker):
        yield "success", [wire.query(f"SELECT '{marker}', n FROM generate_series(1, 20) n")]
        yield "success", [wire.parse(f"SELECT $1::text /* {marker} */"), wire.bind("", "", [b"v"]), wire.describe(),
                          wire.execute(), wire.sync()]
        yield "success", [wire.query(f"INSERT INTO scratch (marker) VALUES ('{marker}')")]
        yield "error", [wire.query(f"SELECT 1/0 /* {marker} */")]
        yield "success", [wire.query(f"SELECT repeat('{marker}', 500)")]

    def run(self):
        try:
            while True:
                for number in range(5):
                    marker = f"{self.name_}-{self.sent}-end"
                    kind, messages = list(self.shapes(marker))[number]
                    self.sent += 1
                    self.wire.ask(*messages)
                    self.answered.append((marker, kind))
                    time.sleep(0.001)
        except (wire.Gone, OSError):
            pass


@pytest.mark.timeout(3000)
def test_answered_commands_survive_kill_9(shop15, scratch):
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    if shop15.sql("SELECT to_regclass('pgbench_accounts') IS NULL") == "t":
        harness.run(PG15_BIN / "pgbench", "-i", "-q", "-s", "1", env=shop15.as_role("password_user").env).check()
    for first in range(0, ROUNDS, 5):  # five crashes on one log, then a fresh one, so that its reading stays short
        answered = crash_rounds(shop15, scratch, chance, range(first, min(first + 5, ROUNDS)))
        assert answered > 5 * 20, f"only {answered} answered commands"


def crash_rounds(shop15, scratch, chance, turns):
    gateway = harness.Gateway(scratch, [harness.connection("orders", shop15)], name="crash").start()
    total = 0
    try:
        for turn in turns:
            at = gateway.endpoint("orders", tls=False)
            clients = [Client(at, f"r{turn}c{n}-{SEED}") for n in range(4)]
            bench = subprocess.Popen(
                [PG15_BIN / "pgbench", "-n", "-S", "-c", "4", "-T", "30", "-R", "1000", "-M", chance.choice(["simple", "prepared"])],
                env={**os.environ, **at.env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                harness.wait_for(lambda: all(c.answered for c in clients), 20, "first answers")
                time.sleep(chance.uniform(0, 1.5))
            finally:
                gateway.stop(signal.SIGKILL)
                bench.kill()
                bench.wait()
            for client in clients:
                client.join(20)
                assert not client.is_alive()
            gateway.start()
            total += verify(gateway, clients, turn)
        return total
    finally:
        gateway.stop(signal.SIGTERM)


def verify(gateway, clients, turn):
    entries, count = answered_is_recorded(gateway, clients, turn)
    closed = [e for e in entries if e["type"] == "session.close"]
    assert len(closed) >= len(clients), "sessions of the crash are not sealed"
    return count


def answered_is_recorded(gateway, clients, turn):
    """After a restart: the whole record verifies, and holds what the clients saw answered."""
    gateway.cli("audit", "verify", timeout=120).check()
    entries = gateway.export()
    # Session → sequence numbers: no gap, none twice.
    sequences = {}
    for entry in entries:
        sequences.setdefault(entry["session"], []).append(entry.get("seq", entry.get("sequence")))
    for session, numbers in sequences.items():
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), f"gap in session {session}"
    by_marker = {}
    for exchange in record.exchanges(entries):
        text = exchange.text or ""
        at = text.find(f"r{turn}c")
        if at >= 0:
            by_marker[text[at:text.index("-end", at) + 4]] = exchange
    count = 0
    for client in clients:
        for marker, kind in client.answered:
            exchange = by_marker.get(marker)
            assert exchange is not None, f"{marker} was answered and is not in the record"
            assert exchange.kind == kind, exchange
            count += 1
    return entries, count


def test_stop_is_clean_and_record_reads_to_its_end(shop15, scratch):
    gateway = harness.Gateway(scratch, [harness.connection("orders", shop15)], name="clean").start()
    try:
        with psycopg.connect(gateway.endpoint("orders").dsn, autocommit=True) as connection:
            for n in range(50):
                connection.execute(f"SELECT 'clean-{n}-end'")
    finally:
        assert gateway.stop() == 0
    gateway.start()
    try:
        entries = gateway.export()
        for n in range(50):
            [exchange] = record.find(entries, f"clean-{n}-end")
            assert exchange.kind == "success"
    finally:
        gateway.stop()


def test_torn_tail_is_cut(shop15, scratch):
    """Bytes of half a record at the log's end, as a crash leaves them, do not hide what came before."""
    gateway = harness.Gateway(scratch, [harness.connection("orders", shop15)], name="torn").start()
    try:
        with wire.Wire(gateway.endpoint("orders")) as w:
            w.open().rows("SELECT 'before-the-tear-end'")
    finally:
        gateway.stop(signal.SIGKILL)
    segments = sorted((gateway.folder / "data").glob("wal/*"), key=lambda p: p.stat().st_mtime)
    assert segments, list((gateway.folder / "data").rglob("*"))
    data = segments[-1].read_bytes()
    end = len(data.rstrip(b"\0"))
    torn = data[:end] + data[max(end - 300, 0):end][:157]
    segments[-1].write_bytes(torn + b"\0" * max(0, len(data) - len(torn)))
    gateway.start()
    try:
        assert record.find(gateway.export(), "before-the-tear-end")[0].kind == "success"
        with wire.Wire(gateway.endpoint("orders")) as w:
            assert w.open().rows("SELECT 'after-the-tear-end'")
        assert record.find(gateway.export(), "after-the-tear-end")
    finally:
        gateway.stop()
