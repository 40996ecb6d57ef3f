"""A gateway and its witnesses: cosignatures, `require`, `max_unwitnessed`, and yesterday's copy of the data folder."""

import base64
import contextlib
import hashlib
import shutil
import signal
import time

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import harness
import witness as w


def checkpoint(gateway):
    path = gateway.folder / "data" / "ledger" / "checkpoint"
    return path.read_bytes() if path.exists() else None


def log_key(private, name):
    """The verifier key of a log with this key: its name is the configured one and a part made with the key."""
    public = private.public_key().public_bytes_raw()
    origin = f"{name}/log-{hashlib.sha256(public).digest()[:4].hex()}"
    raw = b"\x01" + public
    id = hashlib.sha256(origin.encode() + b"\n" + raw).digest()[:4].hex()
    return f"{origin}+{id}+{base64.b64encode(raw).decode()}"


class Scene:
    """A gateway with witnesses that know its log."""

    def __init__(self, scratch, shop, name, count=2, **ledger):
        connections = [harness.connection("orders", shop)]
        self.gateway = harness.Gateway(scratch, connections, name=name)
        private = Ed25519PrivateKey.generate()
        self.secret = self.gateway.folder / "ledger.key"
        self.secret.write_text(private.private_bytes_raw().hex() + "\n")
        harness.give_away(self.secret)
        self.secret.chmod(0o600)
        self.key = log_key(private, "gw.example")
        self.witnesses = [w.Witness(scratch, f"{name}-w{n}").start(self.key) for n in range(count)]
        self.configure(witnesses=[one.configuration() for one in self.witnesses], **ledger)

    def configure(self, **ledger):
        self.gateway.settings["ledger"] = {"origin": "gw.example", "key": {"file": str(self.secret)}, **ledger}
        self.gateway.config.write_text(harness.to_yaml(self.gateway.settings))

    def work(self, marker, count=1):
        with psycopg.connect(self.gateway.endpoint("orders", tls=False).dsn, autocommit=True) as connection:
            for n in range(count):
                connection.execute(f"SELECT '{marker}-{n}'")

    def cosigned(self, most=20, by=None, least=0):
        """Waits until the published checkpoint has more than `least` entries and all witnesses' signatures."""
        def found():
            note = checkpoint(self.gateway)
            names = self.witnesses if by is None else by
            if note and w.size(note) > least and all(w.signed_by(note, one.key) for one in names):
                return note
            return None
        return harness.wait_for(found, most, "a checkpoint with all cosignatures")

    def close(self):
        for server in [self.gateway, *self.witnesses]:
            with contextlib.suppress(Exception):
                server.stop(signal.SIGKILL)


@pytest.fixture
def scene(scratch, shop15):
    made = []

    def make(name, **ledger):
        made.append(Scene(scratch, shop15, name, **ledger))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_cosignatures_appear_and_verify(scene):
    s = scene("wit-a")
    s.gateway.start()
    first = s.cosigned()
    assert w.signed_by(first, s.key)
    s.work("first", 5)
    later = s.cosigned(least=w.size(first))
    for one in s.witnesses:
        harness.wait_for(lambda one=one: w.size(one.latest(s.key.split("+")[0])) >= w.size(later), 10, "the witness has it")
    metrics = s.gateway.metrics()
    assert metrics["sallyport_witnesses_signing"] == 2 and metrics["sallyport_witness_cosignatures_total"] >= 4
    # After kill -9 and a restart they go on from where they were.
    s.gateway.stop(signal.SIGKILL)
    s.gateway.start()
    s.work("second", 5)
    s.cosigned(least=w.size(later))


def test_required_witness_down_holds_the_checkpoint_and_not_the_traffic(scene):
    s = scene("wit-b", require=2)
    s.gateway.start()
    s.work("before", 3)
    time.sleep(1.5)  # what was done so far is published
    held = s.cosigned()
    one, two = s.witnesses
    two.stop(signal.SIGKILL)
    started = time.monotonic()
    s.work("during", 20)
    assert time.monotonic() - started < 10
    # The other witness signs on, and nothing is published.
    harness.wait_for(lambda: w.size(one.latest(s.key.split("+")[0])) > w.size(held), 15, "the other witness signs")
    s.work("more", 3)
    time.sleep(2)
    assert w.size(checkpoint(s.gateway)) == w.size(held)
    two.start()
    note = s.cosigned(most=40, least=w.size(held) + 20)
    assert w.signed_by(note, s.key)


def test_past_max_unwitnessed_no_session_begins(scene):
    s = scene("wit-c", require=1, max_unwitnessed="5s")
    s.gateway.start()
    s.work("before")
    with psycopg.connect(s.gateway.endpoint("orders", tls=False).dsn, autocommit=True) as open_before:
        s.cosigned()
        for one in s.witnesses:
            one.stop(signal.SIGKILL)
        open_before.execute("SELECT 'unwitnessed'")
        status = harness.wait_for(lambda: not s.gateway.is_ready(), 20, "not ready")
        assert status
        code, text = s.gateway.http("/readyz")
        assert code == 503 and "max_unwitnessed" in text
        with pytest.raises(psycopg.OperationalError):
            s.work("refused")
        # What is open goes on.
        assert open_before.execute("SELECT 1").fetchone() == (1,)
        for one in s.witnesses:
            one.start()
        harness.wait_for(s.gateway.is_ready, 60, "ready again")
        s.work("after")


def test_a_command_without_the_gateway_publishes_nothing(scene):
    """It cannot ask the witnesses: what it appends is signed by the gateway, after them."""
    s = scene("wit-e")
    s.gateway.start()
    s.work("marker", 3)
    time.sleep(1.5)
    note = s.cosigned()
    s.gateway.stop()
    kept = checkpoint(s.gateway)
    state = (s.gateway.folder / "data" / "signer" / "state").read_bytes()
    for _ in range(3):
        s.gateway.cli("search", "marker").check()
        time.sleep(0.8)
    assert checkpoint(s.gateway) == kept
    assert (s.gateway.folder / "data" / "signer" / "state").read_bytes() == state
    s.gateway.start()
    assert w.size(s.cosigned(least=w.size(kept) + 2)) > w.size(note)


def start_refused(gateway):
    """Starts a gateway that must end by itself; what it said."""
    before = len(gateway.log_text())
    gateway.spawn([harness.unprivileged_binary(gateway.scratch), "serve", "--config", gateway.config], cwd=gateway.folder)
    code = gateway.process.wait(40)
    gateway.process = None
    assert code == 1
    return gateway.log_text()[before:]


@pytest.mark.parametrize("go_on", [False, True])
def test_yesterdays_copy_is_refused(scene, go_on):
    """The whole data folder is taken back, signer's state included: nothing in it can tell, only the witnesses can."""
    s = scene("wit-d" + ("2" if go_on else "1"))
    data, copy = s.gateway.folder / "data", s.gateway.folder / "yesterday"
    s.gateway.start()
    s.work("yesterday", 3)
    s.cosigned()
    s.gateway.stop()
    shutil.copytree(data, copy, copy_function=shutil.copy2)
    for path in [copy, *copy.rglob("*")]:
        harness.give_away(path)
    s.gateway.start()
    s.work("today", 30)
    time.sleep(1.5)
    today = w.size(s.cosigned())
    s.gateway.stop()
    shutil.rmtree(data)
    copy.rename(data)
    if go_on:
        # It goes on by itself until it is larger than what the witnesses know.
        s.configure()
        s.gateway.start()
        s.work("another today", 60)
        harness.wait_for(lambda: w.size(checkpoint(s.gateway)) > today, 20, "the other history is longer")
        s.gateway.stop()
        s.configure(witnesses=[one.configuration() for one in s.witnesses])
    size = w.size(checkpoint(s.gateway))
    said = start_refused(s.gateway)
    assert "has cosigned" in said and "new-log" in said, said
    assert w.size(checkpoint(s.gateway)) == size, "something was signed or published"
    if not go_on:
        # Witnesses that cannot be asked are named, and stop nothing.
        for one in s.witnesses:
            one.stop(signal.SIGKILL)
        s.gateway.start()
        assert "gave no answer at the start" in s.gateway.log_text()
        for one in s.witnesses:
            one.start()
        # Once they answer, no session begins any more.
        harness.wait_for(lambda: not s.gateway.is_ready(), 60, "not ready")
        assert "has cosigned" in s.gateway.http("/readyz")[1]
