"""The ledger of a running gateway, read as a stranger would: over HTTP, with hashlib and `cryptography` alone."""

import base64
import hashlib
import pathlib
import shutil
import time

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

import harness


class Log:
    """A log's verifier key, as `sallyport audit key` prints it."""

    def __init__(self, text):
        self.origin, self.id, encoded = text.strip().split("+", 2)
        raw = base64.b64decode(encoded, validate=True)
        assert raw[0] == 1 and len(raw) == 33
        assert hashlib.sha256(self.origin.encode() + b"\n" + raw).hexdigest()[:8] == self.id
        self.key = Ed25519PublicKey.from_public_bytes(raw[1:])

    def open(self, note):
        """(size, root) of a signed checkpoint; raises InvalidSignature."""
        text, _, signatures = note.rpartition("\n\n")
        text += "\n"
        name, signature = signatures.splitlines()[0].removeprefix("— ").split(" ")
        blob = base64.b64decode(signature, validate=True)
        assert name == self.origin and blob[:4].hex() == self.id
        self.key.verify(blob[4:], text.encode())
        origin, size, root = text.splitlines()
        assert origin == self.origin
        return int(size), base64.b64decode(root, validate=True)


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def root_of(hashes):
    """RFC 6962, section 2.1, over leaf hashes."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return node(root_of(hashes[:split]), root_of(hashes[split:]))


def tile_path(level, index, width):
    groups = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03}")
    return f"/ledger/tile/{level}/{'/'.join(groups)}" + (f".p/{width}" if width < 256 else "")


def places(count):
    """(index, width) of the tiles over `count` hashes."""
    return [(index, min(256, count - index * 256)) for index in range((count + 255) // 256)]


def entries_of(bundle):
    found = []
    while bundle:
        length = int.from_bytes(bundle[:2], "big")
        assert len(bundle) >= 2 + length
        found.append(bundle[2:2 + length])
        bundle = bundle[2 + length:]
    return found


class Reader:
    def __init__(self, gateway):
        self.gateway = gateway

    def get(self, path, token=None):
        with self.gateway._open(self.gateway.url(path), token=token) as answer:
            return answer.read(), answer.headers

    def checkpoint(self):
        return self.get("/ledger/checkpoint")[0].decode()


@pytest.fixture(scope="module")
def gateway(shop15, scratch):
    gateway = harness.Gateway(
        scratch, [connection(shop15)], name="ledger", ledger={"origin": "gw-1.example.com"}).start()
    yield gateway
    gateway.stop()


def connection(cluster):
    return {"name": "pg15", "kind": "postgres",
            "target": {"host": "127.0.0.1", "port": cluster.port, "database": harness.DATABASE, "tls": "disable"},
            "credential": {"username": "password_user", "password": "password_user-secret"},
            "access": {"groups": ["agents"]}}


def query(gateway, text):
    return gateway.endpoint("pg15").psql("-qAtc", text).check().text.strip()


def size_of(gateway):
    return int(gateway.metrics()["sallyport_ledger_tree_size"])


def test_a_checkpoint_covers_every_query_within_a_second(gateway):
    log, reader = Log(gateway.cli("audit", "key").check().text), Reader(gateway)
    assert log.origin.startswith("gw-1.example.com/log-")
    gateway.endpoint("pg15")  # its token is made before the clock runs
    auditor = gateway.token("eve", ["security"])
    for number in range(3):
        marker = f"canary_{number}"
        assert query(gateway, f"SELECT '{marker}'") == marker
        answered = time.monotonic()
        total = gateway.metrics()["sallyport_ledger_entries_total"]
        harness.wait_for(lambda: size_of(gateway) >= total, 1, f"a checkpoint over {total} entries")
        assert time.monotonic() - answered < 1.2
        size, _ = log.open(reader.checkpoint())
        assert size >= total
        index, width = places(size)[-1]
        bundle, _ = reader.get(tile_path("entries", index, width), auditor)
        assert any(b'"command.allowed"' in entry for entry in entries_of(bundle))
        assert marker.encode() not in bundle, "a leaf holds no content"


def test_tiles_over_http_lead_to_the_signed_root(gateway):
    log, reader = Log(gateway.cli("audit", "key").check().text), Reader(gateway)
    gateway.endpoint("pg15").psql("-qAt", input="SELECT 2;\n" * 150).check()
    harness.wait_for(lambda: size_of(gateway) > 300, 5, "more than one tile")
    auditor = gateway.token("eve", ["security"])
    note, headers = reader.get("/ledger/checkpoint")
    assert headers["Cache-Control"] == "no-cache"
    size, root = log.open(note.decode())
    leaves = []
    for index, width in places(size):
        bundle, headers = reader.get(tile_path("entries", index, width), auditor)
        assert headers["Cache-Control"].startswith("private,")
        entries = entries_of(bundle)
        assert len(entries) == width
        leaves += [hashlib.sha256(b"\0" + entry).digest() for entry in entries]
    assert len(leaves) == size
    assert root_of(leaves) == root
    # Every tile of every level is made of the level below.
    level, hashes = 0, leaves
    while hashes:
        for index, width in places(len(hashes)):
            tile, headers = reader.get(tile_path(level, index, width))
            assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert tile == b"".join(hashes[index * 256:index * 256 + width]), f"tile {level}/{index}"
        hashes = [root_of(hashes[start:start + 256]) for start in range(0, len(hashes) // 256 * 256, 256)]
        level += 1
    with pytest.raises(InvalidSignature):
        log.open(note.decode().replace(f"\n{size}\n", f"\n{size + 1}\n"))


def test_entry_bundles_are_for_auditors_only(gateway):
    log, reader = Log(gateway.cli("audit", "key").check().text), Reader(gateway)
    index, width = places(log.open(reader.checkpoint())[0])[-1]
    path = tile_path("entries", index, width)
    assert gateway.http(path)[0] == 401
    assert gateway.http(path, token=gateway.token("agent-1", ["agents"]))[0] == 403
    assert gateway.http(path, token=gateway.token("dana", ["dba"]))[0] == 403
    assert reader.get(path, gateway.token("eve", ["security"]))[0]
    assert gateway.http("/ledger/tile/0/999.p/1")[0] == 404
    assert gateway.http("/ledger/checkpoint", "DELETE")[0] == 405


def test_the_last_tile_there_can_be_is_not_found(gateway):
    last = tile_path(0, (1 << 56) - 1, 256)
    assert last == "/ledger/tile/0/x072/x057/x594/x037/x927/935"
    auditor = gateway.token("eve", ["security"])
    for path, token in ((last, None), (last + ".p/255", None), (tile_path("entries", (1 << 56) - 1, 256), auditor)):
        assert gateway.http(path, token=token)[0] == 404
    assert gateway.must_live() and gateway.http("/healthz")[0] == 200


def test_the_key_is_the_same_from_folder_and_api(gateway):
    local = gateway.cli("audit", "key").check().text.strip()
    answer = gateway.api("/ledger/key", token=gateway.token("agent-1", ["agents"]))
    assert answer["key"] == local and answer["origin"] == local.split("+")[0]
    assert gateway.cli_json("audit", "key") in (answer, [answer])


@pytest.mark.timeout(300)
def test_a_log_restored_from_an_older_copy_needs_a_new_name(shop15, scratch):
    gateway = harness.Gateway(scratch, [connection(shop15)], name="restored").start()
    try:
        query(gateway, "SELECT 1")
        gateway.stop()
        data = pathlib.Path(gateway.folder) / "data"
        copy = pathlib.Path(gateway.folder) / "copy"
        harness.run("cp", "-a", data, copy).check()
        gateway.start()
        old = Log(gateway.cli("audit", "key").check().text)
        query(gateway, "SELECT 2")
        total = gateway.metrics()["sallyport_ledger_entries_total"]
        harness.wait_for(lambda: size_of(gateway) >= total, 2, "a checkpoint")
        seen = Reader(gateway).checkpoint()
        gateway.stop()
        # The log and what is made of it come back from the copy; the signer remembers.
        for name in ("ledger", "signer"):
            shutil.rmtree(copy / name)
            harness.run("cp", "-a", data / name, copy / name).check()
        shutil.rmtree(data)
        copy.rename(data)
        with pytest.raises(harness.Failure) as refused:
            gateway.start()
        assert "were signed" in str(refused.value) and "audit new-log --reason" in str(refused.value)
        assert gateway.cli("audit", "new-log").code == 2
        new = Log(gateway.cli("audit", "new-log", "--reason", "restored from a copy").check().text)
        assert new.origin != old.origin
        gateway.start()
        total = gateway.metrics()["sallyport_ledger_entries_total"]
        harness.wait_for(lambda: size_of(gateway) >= total, 2, "a checkpoint of the new log")
        reader = Reader(gateway)
        size, _ = new.open(reader.checkpoint())
        index, width = places(size)[-1]
        bundle, _ = reader.get(tile_path("entries", index, width), gateway.token("eve", ["security"]))
        named = [entry for entry in entries_of(bundle) if b'"admin.new_log"' in entry]
        assert len(named) == 1
        assert old.origin.encode() in named[0] and str(old.open(seen)[0]).encode() in named[0]
        assert old.open((data / "ledger.old-1" / "checkpoint").read_text())[0] >= old.open(seen)[0]
    finally:
        gateway.stop()
