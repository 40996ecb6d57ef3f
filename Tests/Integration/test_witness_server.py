"""`sallyport witness` alone: the specification's answers over HTTP, hostile clients, kill -9."""

import os
import random
import signal
import socket
import threading
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import harness
import witness as w
from harness import LONG

SEED = int(os.environ.get("SALLYPORT_SEED", random.randrange(2**32)))


def leaves(count, forged_from=None):
    return [b"%s%d" % (b"forged" if forged_from is not None and n >= forged_from else b"", n) for n in range(count)]


@pytest.fixture(scope="module")
def logs():
    private = Ed25519PrivateKey.generate()
    return (w.Log("gw.example/a1", private, leaves(1100)), w.Log("gw.example/a1", private, leaves(1100, 40)))


@pytest.fixture
def one(scratch, logs):
    server = w.Witness(scratch, "w1").start(logs[0].key)
    yield server
    server.stop()


def test_forks_and_rollbacks_are_refused(one, logs):
    log, fork = logs
    status, kind, lines = one.add(0, [], log.note(50))
    assert status == 200 and kind.startswith("text/plain")
    assert w.signed_by(log.note(50) + lines, one.key)
    assert w.signed_by(one.latest(log.origin), one.key) and w.size(one.latest(log.origin)) == 50

    answers = {
        "grows": (one.add(50, log.proof(50, 70), log.note(70)), 200),
        "again": (one.add(70, [], log.note(70)), 200),
        "fork of the same size": (one.add(70, [], fork.note(70)), 409),
        "fork that grows": (one.add(70, fork.proof(70, 90), fork.note(90)), 422),
        "fork with the log's proof": (one.add(70, log.proof(70, 90), fork.note(90)), 422),
        "rollback": (one.add(60, [], log.note(60)), 409),
        "rollback with a proof": (one.add(50, log.proof(50, 60), log.note(60)), 409),
        "old size past the new": (one.add(70, [], log.note(60)), 400),
        "asks for the size": (one.add(0, [], log.note(90)), 409),
        "no proof": (one.add(70, [], log.note(90)), 422),
        "unknown log": (one.add(0, [], w.Log("x.example", Ed25519PrivateKey.generate(), leaves(3)).note(3)), 404),
        "stranger's key": (one.add(70, [], w.Log(log.origin, Ed25519PrivateKey.generate(), leaves(90)).note(90)), 403),
    }
    for what, ((status, kind, body), expected) in answers.items():
        assert status == expected, what
        if status == 409:
            assert (kind, body) == ("text/x.tlog.size", b"70\n"), what
    assert w.size(one.latest(log.origin)) == 70
    assert "may have been rewritten" in one.log_text()


def test_hostile_requests(one, logs):
    log, _ = logs
    for body in (b"", b"\n", b"old\n", b"old 1", b"old -1\n\n" + log.note(5), b"old 00\n\n" + log.note(5),
                 b"old 0\nAAAA\n\n" + log.note(5), b"old 0\n" + b"A" * 44 + b"\n" * 65, os.urandom(2000)):
        assert one.request("POST", "/add-checkpoint", body)[0] == 400, body[:40]
    # Too long, announced or not.
    assert one.request("POST", "/add-checkpoint", b"x" * 300_000)[0] == 413
    assert one.request("POST", "/add-checkpoint", iter([b"x" * 10_000] * 30), {"Transfer-Encoding": "chunked"})[0] == 413
    for method, path in (("GET", "/add-checkpoint"), ("GET", "/"), ("GET", "/checkpoint/../key"), ("GET", "/checkpoint/%00")):
        assert one.request(method, path)[0] == 404
    # Clients that send slowly hold up nobody and are let go.
    slow = []
    for _ in range(40):
        s = socket.create_connection(("127.0.0.1", one.port))
        s.sendall(b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nold 0")
        slow.append(s)
    started = time.monotonic()
    assert one.add(0, [], log.note(5))[0] == 200
    assert time.monotonic() - started < 5
    for s in slow:
        s.settimeout(30)
        assert b"408" in s.recv(200)
        s.close()
    one.must_live()


@pytest.mark.timeout(600)
def test_what_was_cosigned_survives_kill_9(scratch, logs):
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    log, fork = logs
    server = w.Witness(scratch, "w9").start(log.key)
    try:
        size = answered = 0
        for turn in range(60 if LONG else 12):
            done = threading.Event()
            answers = []

            def submit(size=size):
                try:
                    while not done.is_set():
                        new = size + 1
                        status, _, body = server.add(size, log.proof(size, new), log.note(new))
                        if status == 200:
                            size = new
                            answers.append(new)
                        elif status == 409:
                            size = int(body)
                except OSError:
                    pass

            thread = threading.Thread(target=submit)
            thread.start()
            try:
                harness.wait_for(lambda: len(answers) > 3, 20, "first cosignatures")
                time.sleep(chance.uniform(0, 0.1))
            finally:
                server.stop(signal.SIGKILL)
                done.set()
                thread.join()
            answered = answers[-1]
            server.start()
            status, _, body = server.add(0, [], log.note(1))
            size = int(body)
            assert status == 409 and size >= answered, f"turn {turn}: cosigned {answered}, knows {size}"
            if size > 45:
                assert server.add(size, fork.proof(size, size + 1), fork.note(size + 1))[0] == 422
        assert answered > 40
    finally:
        server.stop()


def test_a_second_witness_on_one_folder_and_wrong_use(one, scratch, logs):
    binary = harness.unprivileged_binary(scratch)
    def cli(*arguments):
        return harness.run(binary, "witness", *arguments, cwd=one.folder, **harness.as_unprivileged())
    busy = cli("--data", one.data, "--listen", "127.0.0.1:0", "--log", logs[0].key)
    assert busy.code == 1 and "Another witness" in busy.error_text
    assert cli("--data", one.folder / "other", "--listen", "127.0.0.1:0").code == 2
    assert cli("--data", one.folder / "other", "--listen", "127.0.0.1:0", "--log", one.key).code == 1
    assert cli("--data", one.folder / "other", "--listen", "nowhere", "--log", logs[0].key).code == 2
    assert cli("key", "--data", one.data, "--name", "else.example").code == 1
    assert cli("key", "--data", one.data).check().text.strip() == one.key
    assert (one.data / "key").stat().st_mode & 0o777 == 0o600


def test_tls(scratch, logs):
    certificate, key = harness.make_certificate(scratch.folder("witness-tls"))
    server = w.Witness(scratch, "wtls")
    server.log.touch()
    server.spawn([harness.unprivileged_binary(scratch), "witness", "--data", server.data, "--listen",
                  f"127.0.0.1:{server.port}", "--log", logs[0].key, "--tls-certificate", certificate, "--tls-key", key,
                  "--json"], cwd=server.folder)
    try:
        harness.wait_for(lambda: server.must_live() and '"listening"' in server.log_text(), 20, "ready")
        done = harness.run("curl", "-sS", "--cacert", certificate, f"https://127.0.0.1:{server.port}/healthz").check()
        assert done.text == "ok\n"
    finally:
        server.stop()
