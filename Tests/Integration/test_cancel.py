"""CancelRequest through the gateway: it hits the session's own command only, and an ended session leaves nothing running."""

import json
import os
import signal
import threading
import time

import pytest

import harness
import wire
from harness import wait_for


@pytest.fixture(scope="module")
def gateway(shop15, scratch):
    made = harness.Gateway(scratch, [harness.connection("orders", shop15)], name="cancel").start()
    yield made
    made.stop()


def running(cluster, marker):
    return int(cluster.sql(
        f"SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%{marker}%' AND state = 'active' "
        "AND pid <> pg_backend_pid()"))


class Sleeper(threading.Thread):
    def __init__(self, at, marker, seconds=60):
        super().__init__(daemon=True)
        self.wire, self.marker, self.seconds, self.answer = wire.Wire(at, timeout=90).open(), marker, seconds, None
        self.start()

    def run(self):
        try:
            self.answer = self.wire.ask(wire.query(f"SELECT pg_sleep({self.seconds}) /* {self.marker} */"))
        except (wire.Gone, OSError) as error:
            self.answer = error


def test_cancel_hits_the_running_command(gateway, shop15):
    sleeper = Sleeper(gateway.endpoint("orders"), "hit-me")
    wait_for(lambda: running(shop15, "hit-me"), 10, "the statement running")
    wire.cancel(gateway.endpoint("orders"), sleeper.wire.key)
    sleeper.join(10)
    assert wire.errors(sleeper.answer)[0]["C"] == "57014" and running(shop15, "hit-me") == 0
    assert sleeper.wire.rows("SELECT 1") == [[b"1"]]


def test_late_cancel_does_not_hit_the_next_command(gateway):
    at = gateway.endpoint("orders")
    with wire.Wire(at) as w:
        w.open()
        for _ in range(100):
            assert w.rows("SELECT 1") == [[b"1"]]
            wire.cancel(at, w.key)
            answer = w.ask(wire.query("SELECT pg_sleep(0.01)"))
            assert not wire.errors(answer), wire.errors(answer)


def test_key_is_the_gateways_own(gateway, shop15):
    """The client's key means nothing to the server itself, and does its work at the gateway."""
    sleeper = Sleeper(gateway.endpoint("orders"), "not-direct")
    wait_for(lambda: running(shop15, "not-direct"), 10, "the statement running")
    wire.cancel(shop15.boss(), sleeper.wire.key)
    sleeper.join(1)
    assert sleeper.answer is None
    wire.cancel(gateway.endpoint("orders"), sleeper.wire.key)
    sleeper.join(10)
    assert sleeper.answer is not None


def test_guessed_keys_do_nothing(gateway, shop15):
    at = gateway.endpoint("orders")
    sleeper = Sleeper(at, "guess-me", 8)
    wait_for(lambda: running(shop15, "guess-me"), 10, "the statement running")
    key = sleeper.wire.key
    for n in range(200):
        wire.cancel(at, key[:4] + os.urandom(len(key) - 4))
    flipped = bytes([key[4] ^ 1])
    for bad in (key[:4] + flipped + key[5:], os.urandom(4) + key[4:], key[:6], key + b"\0", key[:4], b""):
        try:
            wire.cancel(at, bad)
        except OSError:
            pass
    assert running(shop15, "guess-me") == 1
    wire.cancel(at, key)
    sleeper.join(10)
    assert wire.errors(sleeper.answer)[0]["C"] == "57014"


def test_two_sessions_have_different_keys_and_do_not_hit_each_other(gateway, shop15):
    at = gateway.endpoint("orders")
    one, two = Sleeper(at, "one-of-two"), Sleeper(at, "two-of-two", 5)
    wait_for(lambda: running(shop15, "of-two") == 2, 10, "both running")
    assert one.wire.key != two.wire.key
    wire.cancel(at, one.wire.key)
    one.join(10)
    assert wire.errors(one.answer) and running(shop15, "two-of-two") == 1
    two.join(20)
    assert not wire.errors(two.answer)


def test_leaving_client_ends_the_statement(gateway, shop15):
    sleeper = Sleeper(gateway.endpoint("orders"), "left-alone")
    wait_for(lambda: running(shop15, "left-alone"), 10, "the statement running")
    sleeper.wire.socket.shutdown(2)
    wait_for(lambda: running(shop15, "left-alone") == 0, 5, "the statement gone from pg_stat_activity")


def test_lock_ends_a_60_s_statement_within_5_s(gateway, shop15):
    at = gateway.endpoint("orders", subject="to-be-locked")
    sleeper = Sleeper(at, "locked-out")
    wait_for(lambda: running(shop15, "locked-out"), 10, "the statement running")
    admin = gateway.token("root-1", ("platform",))
    started = time.monotonic()
    status, text = gateway.http("/api/v1/locks", "POST", {"principal": "to-be-locked", "reason": "test"}, admin)
    assert status < 300, (status, text)
    wait_for(lambda: running(shop15, "locked-out") == 0, 5, "the statement gone from pg_stat_activity")
    assert time.monotonic() - started < 5
    sleeper.join(5)
    assert isinstance(sleeper.answer, Exception) or wire.errors(sleeper.answer)
    with wire.Wire(at) as w:
        assert w.sign_in()[-1][0] == "E"


def test_locks_stand_again_after_a_restart_and_a_kill(shop15, scratch):
    gateway = harness.Gateway(scratch, [harness.connection("orders", shop15)], name="relocked").start()
    try:
        admin = gateway.token("root-1", ("platform",))
        ids = {}
        for subject in ("standing", "lifted"):
            status, text = gateway.http("/api/v1/locks", "POST", {"principal": subject, "reason": "test"}, admin)
            assert status < 300, (status, text)
            ids[subject] = json.loads(text)["id"]
        status, text = gateway.http(f"/api/v1/locks/{ids['lifted']}", "DELETE", None, admin)
        assert status < 300, (status, text)
        for how in (signal.SIGTERM, signal.SIGKILL):
            gateway.stop(how)
            gateway.start()
            for subject, answer in (("standing", "E"), ("lifted", "Z")):
                with wire.Wire(gateway.endpoint("orders", subject=subject)) as w:
                    assert w.sign_in()[-1][0] == answer, (how, subject)
    finally:
        gateway.stop()


def test_stopping_gateway_cancels_what_runs(shop15, scratch):
    gateway = harness.Gateway(scratch, [harness.connection("orders", shop15)], name="stopping").start()
    sleeper = Sleeper(gateway.endpoint("orders"), "gateway-stops")
    try:
        wait_for(lambda: running(shop15, "gateway-stops"), 10, "the statement running")
    finally:
        gateway.stop(seconds=60)
    wait_for(lambda: running(shop15, "gateway-stops") == 0, 5, "the statement gone")
    sleeper.join(5)
    assert sleeper.answer is not None
