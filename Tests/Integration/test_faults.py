"""Storage that fails under the real binary: every kind of call, every error, at random moments.

Whatever the gateway does then (refuse to start, end sessions, go on), nothing that a client saw answered is missing after
a start on healthy storage, and the record reads to its end.
"""

import os
import random
import signal
import time

import pytest

import harness
import test_crash
import wire
from harness import LONG

SEED = int(os.environ.get("SALLYPORT_SEED", random.randrange(2**32)))

# System calls that mean one thing to the store, and the error that they end with.
FAULTS = [
    ("pwrite64", "ENOSPC"), ("pwrite64", "EIO"), ("fdatasync", "EIO"), ("fdatasync", "ENOSPC"), ("fsync", "EIO"),
    ("rename,renameat,renameat2", "EIO"), ("link,linkat", "ENOSPC"), ("mkdir,mkdirat", "EIO"),
    ("unlink,unlinkat", "EIO"), ("ftruncate", "EIO"), ("fallocate", "ENOSPC"),
]


def faulty(calls, error, after):
    """A wrapper that lets every thread make `after - 1` such calls, and fails each one from then on."""
    return ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}",
            "-e", f"inject={calls}:error={error}:when={after}+"]


def run_until_it_fails(gateway, turn, seconds):
    """Clients send until the gateway ends them, or for a while. Gives what each saw answered."""
    clients, at = [], gateway.endpoint("orders", tls=False)
    for n in range(3):
        try:
            clients.append(test_crash.Client(at, f"r{turn}c{n}-{SEED}"))
        except (wire.Gone, AssertionError, OSError):
            pass
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and any(c.is_alive() for c in clients):
        for client in clients:
            client.join(0.05)
    return clients


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("calls,error", FAULTS)
def test_failing_storage_loses_nothing(shop15, scratch, calls, error):
    print(f"seed {SEED}")
    chance = random.Random(f"{SEED} {calls} {error}")
    gateway = harness.Gateway(scratch, [harness.connection("orders", shop15)], name="faults").start()
    try:
        for turn in range(12 if LONG else 2):
            gateway.stop(signal.SIGKILL)
            gateway.wrap = faulty(calls, error, chance.choice([1, 2, 3, 5, 10, 40, 150]))
            clients = []
            try:
                gateway.start()
                clients = run_until_it_fails(gateway, turn, 1.5)
            except harness.Failure:
                # It does not start on storage that fails at once, and says so in words.
                log = gateway.log_text()
                assert "Fatal error" not in log and "Sanitizer" not in log, log[-3000:]
                if gateway.process.poll() is not None:
                    assert gateway.process.returncode > 0, f"ended by signal {-gateway.process.returncode}"
            if gateway.alive() and not gateway.is_ready():
                # Once it cannot record, it admits nobody.
                with pytest.raises((wire.Gone, AssertionError, OSError)):
                    wire.Wire(gateway.endpoint("orders", tls=False)).open().rows("SELECT 1")
            gateway.stop(signal.SIGKILL)
            for client in clients:
                client.join(20)
                assert not client.is_alive()
            gateway.wrap = []
            gateway.start()
            test_crash.answered_is_recorded(gateway, clients, turn)
    finally:
        gateway.stop(signal.SIGKILL)


def test_short_writes_at_a_limit_are_a_full_disk(shop15, scratch):
    """A limit on file sizes makes the kernel write the part that fits, and fail the rest."""
    gateway = harness.Gateway(scratch, [harness.connection("orders", shop15)], name="limit").start()
    try:
        for turn in range(6 if LONG else 2):
            gateway.stop(signal.SIGKILL)
            # The first segment of the log fits, the next one does not.
            gateway.wrap = ["prlimit", f"--fsize={(33 << 20) + 4097 * turn}"]
            clients = []
            try:
                gateway.start()
                clients = run_until_it_fails(gateway, turn, 1.5)
            except harness.Failure:
                assert gateway.process.poll() is None or gateway.process.returncode > 0, gateway.log_text()[-3000:]
            gateway.stop(signal.SIGKILL)
            for client in clients:
                client.join(20)
            gateway.wrap = []
            gateway.start()
            test_crash.answered_is_recorded(gateway, clients, turn)
    finally:
        gateway.stop(signal.SIGKILL)
