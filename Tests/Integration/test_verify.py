"""The log of a real run against two verifiers: `sallyport audit verify`, and verifier.py, which shares nothing with it.

Both accept the log as it is and reject each way of tampering with a copy.
"""

import base64
import hashlib
import io
import json
import os
import pathlib
import random
import shutil
import tarfile

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import harness
import verifier

SEED = int(os.environ.get("SALLYPORT_SEED", random.randrange(2**32)))


class Record:
    """A gateway's data folder at rest: as it is now, and as it was the day before."""

    def __init__(self, gateway, scratch):
        self.gateway, self.scratch = gateway, scratch
        self.data = gateway.folder / "data"
        self.vault = {"vault": {"key": {"file": str(gateway.folder / "vault.key")}}}

    def sessions(self, count, commands):
        at = self.gateway.endpoint("orders")
        for number in range(count):
            script = "".join(f"SELECT {number}, {n}, 'canary-{n}' FROM generate_series(1, 3);\n" for n in range(commands))
            at.psql("-q", input=script + "SELECT 1/0;\n")

    def copy(self, name):
        """A copy of the whole data folder."""
        target = self.scratch.folder(f"{name}-{harness.free_port()}") / "data"
        harness.run("cp", "-a", self.data, target).check()
        return target

    def config(self, data):
        """A configuration that differs in the data folder alone; beside the gateway's, for the same vault key."""
        path = self.gateway.folder / f"copy-{harness.free_port()}.yaml"
        path.write_text(harness.to_yaml({**self.gateway.settings, "data": str(data), **self.vault}))
        path.chmod(0o644)
        return path

    def product(self, *arguments):
        binary = harness.unprivileged_binary(self.scratch)
        return harness.run(binary, "audit", "verify", *arguments, timeout=120, cwd=self.gateway.folder,
                           **harness.as_unprivileged())

    def product_rejects(self, data, last_seen=None):
        """Both ways: the whole data folder, and its ledger alone with the key that is known."""
        since = ["--since", self.keep(last_seen)] if last_seen else []
        whole = self.product("--config", self.config(data), *since)
        alone = self.product("--ledger", data / "ledger", "--key", self.key.text, *since)
        return [(run.code, run.error_text + run.text) for run in (whole, alone)]

    def keep(self, checkpoint):
        path = self.gateway.folder / f"last-seen-{harness.free_port()}"
        path.write_bytes(checkpoint)
        path.chmod(0o644)
        return path

    def program_rejects(self, data, last_seen=None):
        try:
            verifier.Ledger.read(data / "ledger").verify(self.key, last_seen)
            return None
        except verifier.Bad as bad:
            return str(bad)


@pytest.fixture(scope="module")
def recorded(shop15, scratch):
    gateway = harness.Gateway(scratch, [harness.connection("orders", shop15)], name="verify").start()
    it = Record(gateway, scratch)
    try:
        it.sessions(1, 1)
        gateway.stop()
        it.yesterday = it.copy("yesterday")
        gateway.start()
        it.sessions(3, 60)
        gateway.stop()
        it.key = verifier.Key(gateway.cli("audit", "key").check().text)
        it.entries = [json.loads(e) for e in entries(it.data)]
        it.closed = next(e["session"] for e in it.entries if e["type"] == "session.open")
        yield it
    finally:
        gateway.stop()


def entries(data):
    ledger = verifier.Ledger.read(data / "ledger")
    size = int(ledger.files["checkpoint"].split(b"\n")[1])
    found = []
    for index in range((size + 255) // 256):
        width = min(256, size - index * 256)
        found += verifier.split_bundle(ledger.tile("entries", index, width), width, "bundle")
    return found


def write_ledger(data, leaves, checkpoint=None):
    """Puts a ledger over these entries in the place of the one there, tiles made to fit; the checkpoint stays as it is."""
    folder = data / "ledger"
    note = (folder / "checkpoint").read_bytes() if checkpoint is None else checkpoint
    shutil.rmtree(folder / "tile")
    (folder / "checkpoint").write_bytes(note)

    def put(level, index, parts):
        path = folder / verifier.tile_path(level, index, len(parts))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(parts))

    levels = verifier.Ledger._levels([verifier.leaf_hash(e) for e in leaves])
    for level, hashes in enumerate(levels):
        for index in range((len(hashes) + 255) // 256):
            put(level, index, hashes[index * 256:(index + 1) * 256])
    framed = [len(e).to_bytes(2, "big") + e for e in leaves]
    for index in range((len(framed) + 255) // 256):
        put("entries", index, framed[index * 256:(index + 1) * 256])
    give_tree(folder)


def give_tree(folder):
    for path in [folder, *folder.rglob("*")]:
        harness.give_away(path)


def sign(name, size, root):
    """A checkpoint by a key of our own under the log's name."""
    private = Ed25519PrivateKey.generate()
    raw = b"\1" + private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    text = f"{name}\n{size}\n{base64.b64encode(root).decode()}\n".encode()
    signature = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4] + private.sign(text)
    return text + b"\n" + f"\u2014 {name} {base64.b64encode(signature).decode()}\n".encode()


def some_tile(data, level):
    return next(p for p in sorted((data / "ledger" / "tile" / level).rglob("*")) if p.is_file())


def flip(path, place, bit=0):
    whole = bytearray(path.read_bytes())
    whole[place] ^= 1 << bit
    path.write_bytes(bytes(whole))


# name: what is done to a copy of the data folder, given its entries and the record

def deleted(data, leaves, _):
    write_ledger(data, leaves[:4] + leaves[5:])


def deleted_clumsily(data, leaves, _):
    path = some_tile(data, "entries")
    first = int.from_bytes(path.read_bytes()[:2], "big") + 2
    path.write_bytes(path.read_bytes()[first:])


def reordered(data, leaves, _):
    write_ledger(data, leaves[:4] + [leaves[5], leaves[4]] + leaves[6:])


def appended(data, leaves, _):
    write_ledger(data, leaves + [leaves[-1]])


def appended_beyond(data, leaves, _):
    path = data / "ledger" / verifier.tile_path("entries", len(leaves) // 256 + 1, 256)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\0\2{}" * 256)
    give_tree(data / "ledger")


def tail_cut(data, leaves, _):
    write_ledger(data, leaves[:-3])


def tile_replaced(data, leaves, _):
    path = some_tile(data, "0")
    path.write_bytes(hashlib.sha256(b"x").digest() * (path.stat().st_size // 32))


def tile_removed(data, leaves, _):
    some_tile(data, "0").unlink()


def resigned(data, leaves, it):
    root = verifier.root_of([verifier.leaf_hash(e) for e in leaves])
    (data / "ledger" / "checkpoint").write_bytes(sign(it.key.name, len(leaves), root))


def rewritten_and_resigned(data, leaves, it):
    fewer = leaves[:4]
    root = verifier.root_of([verifier.leaf_hash(e) for e in fewer])
    write_ledger(data, fewer, sign(it.key.name, len(fewer), root))


def checkpoint_removed(data, leaves, _):
    (data / "ledger" / "checkpoint").unlink()


def foreign_file(data, leaves, _):
    (data / "ledger" / "tile" / "notes").write_text("x")
    give_tree(data / "ledger")


TABLE = [deleted, deleted_clumsily, reordered, appended, appended_beyond, tail_cut, tile_replaced, tile_removed, resigned,
         rewritten_and_resigned, checkpoint_removed, foreign_file]


def test_both_accept_the_log_as_it_is(recorded):
    data = recorded.copy("untouched")
    last = (recorded.yesterday / "ledger" / "checkpoint").read_bytes()
    assert recorded.program_rejects(data, last) is None
    for code, text in recorded.product_rejects(data, last):
        assert code == 0 and text.endswith("verified\n"), text
    done = harness.run(harness.sys.executable, pathlib.Path(verifier.__file__), "ledger", data / "ledger", "--key",
                       recorded.key.text, "--last-seen", recorded.keep(last))
    assert done.code == 0, done.text
    whole = json.loads(recorded.product("--config", recorded.config(data), "--json").check().text)
    assert whole["verified"] and whole["contents"] > 300 and whole["uncovered"] == 0


@pytest.mark.parametrize("act", TABLE, ids=lambda act: act.__name__)
def test_both_reject(recorded, act):
    data = recorded.copy(act.__name__)
    act(data, entries(data), recorded)
    assert recorded.program_rejects(data)
    for code, text in recorded.product_rejects(data):
        assert code == 1, text
        assert "rror" in text and len(text) < 1000


def test_both_reject_yesterdays_copy_for_the_checkpoint_seen_last(recorded):
    data = recorded.copy("restored")
    last = (recorded.data / "ledger" / "checkpoint").read_bytes()
    shutil.rmtree(data)
    shutil.copytree(recorded.yesterday, data)
    give_tree(data)
    assert recorded.program_rejects(data) is None
    assert "it has" in recorded.program_rejects(data, last)
    for code, text in recorded.product_rejects(data, last):
        assert code == 1 and "since" in text


def test_every_byte_of_a_small_log_counts(recorded):
    """Exhaustively for the program; for the product here and there, its own tests flip every byte."""
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    whole = verifier.Ledger.read(recorded.yesterday / "ledger")
    assert len(whole.files) >= 3
    whole.verify(recorded.key)
    places = [(path, place) for path, data in whole.files.items() for place in range(len(data))]
    for path, place in places:
        data = bytearray(whole.files[path])
        data[place] ^= 1 << chance.randrange(8)
        try:
            verifier.Ledger({**whole.files, path: bytes(data)}).verify(recorded.key)
        except verifier.Bad:
            continue
        pytest.fail(f"byte {place} of {path} was flipped unseen")
    for number, (path, place) in enumerate(chance.sample(places, 12)):
        data = recorded.scratch.folder(f"flip-{number}-{harness.free_port()}") / "data"
        shutil.copytree(recorded.yesterday, data)
        give_tree(data)
        flip(data / "ledger" / path, place, chance.randrange(8))
        for code, text in recorded.product_rejects(data):
            assert code == 1, f"byte {place} of {path}: {text}"


def test_the_log_and_the_recordings_are_held_against_the_tree(recorded):
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    for name in ("wal", "recordings"):
        for number in range(3):
            data = recorded.copy(f"{name}-{number}")
            files = [p for p in sorted((data / name).rglob("*")) if p.is_file() and p.stat().st_size > 1000]
            if not files:
                continue
            path = chance.choice(files)
            used = len(path.read_bytes().rstrip(b"\0"))
            place = chance.randrange(min(used, 100), used)
            flip(path, place, chance.randrange(8))
            done = recorded.product("--config", recorded.config(data))
            assert done.code == 1, f"byte {place} of {path.name}: {done.text}"


# Evidence

@pytest.fixture(scope="module")
def evidence(recorded):
    path = recorded.gateway.folder / "evidence.tar"
    recorded.gateway.cli("audit", "export", "--session", recorded.closed, "--bundle", path).check()
    path.chmod(0o644)
    return path


def repacked(path, change):
    """The bundle with its files changed, as the product would have written it."""
    out = io.BytesIO()
    with tarfile.open(path) as old, tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as new:
        for member in old:
            changed = change(member.name.partition("/")[2], old.extractfile(member).read())
            if changed is not None:
                member.size = len(changed)
                new.addfile(member, io.BytesIO(changed))
    return out.getvalue()


def judge(recorded, path, key=True):
    """What program and product say of a bundle: None when they accept it."""
    known = recorded.key if key else None
    try:
        verifier.verify_bundle(path, known)
        program = None
    except verifier.Bad as bad:
        program = str(bad)
    done = recorded.product("--bundle", path, *(["--key", known.text] if known else []))
    return program, None if done.code == 0 else done.error_text


def test_both_accept_the_evidence_far_from_the_gateway(recorded, evidence, scratch):
    away = scratch.folder(f"away-{harness.free_port()}") / "case.tar"
    shutil.copy(evidence, away)
    away.chmod(0o644)
    assert judge(recorded, away) == (None, None)
    leaves, checked = verifier.verify_bundle(away)
    assert leaves[0]["type"] == "session.open" and leaves[-1]["type"] == "session.close" and checked >= 4
    with tarfile.open(away) as archive:
        texts = [archive.extractfile(m).read() for m in archive if "-text" in m.name]
        readme = archive.extractfile(archive.getmembers()[0]).read()
    assert any(b"canary-0" in text for text in texts)
    assert b"sha256sum" in readme
    told = recorded.product("--bundle", away).check().text
    assert recorded.key.text in told and "complete" in told


BUNDLE_TABLE = {
    "an entry changed": lambda n, d: d.replace(b"canary", b"Canary").replace(b'"seq":2', b'"seq":7') if n == "entries/00000002.json" else d,
    "content changed": lambda n, d: d[:-1] + bytes([d[-1] ^ 1]) if "-text" in n else d,
    "a salt changed": lambda n, d: bytes([d[0] ^ 1]) + d[1:] if "-text" in n else d,
    "an entry left out": lambda n, d: None if "/00000002" in n else d,
    "a proof left out": lambda n, d: None if n == "entries/00000001.tlog-proof" else d,
    "a proof of another entry": lambda n, d: d.replace(b"index ", b"index 1", 1) if n.endswith("1.tlog-proof") else d,
    "the checkpoint changed": lambda n, d: d.replace(b"\n", b"\n1", 1) if n == "checkpoint" else d,
    "the key exchanged": lambda n, d: b"x+00000000+AAAA\n" if n == "key.txt" else d,
    "the first entry left out": lambda n, d: None if "/00000000" in n else d,
}


@pytest.mark.parametrize("name", BUNDLE_TABLE)
def test_both_reject_evidence_with(recorded, evidence, name):
    path = recorded.gateway.folder / f"bad-{harness.free_port()}.tar"
    path.write_bytes(repacked(evidence, BUNDLE_TABLE[name])[:])
    path.chmod(0o644)
    program, product = judge(recorded, path)
    assert program and product


def test_hostile_bundles_are_refused(recorded, evidence):
    whole = evidence.read_bytes()
    for name, data in {"empty": b"", "cut": whole[:-700], "more": whole + whole, "zeros": bytes(4096),
                       "noise": random.Random(SEED).randbytes(9000)}.items():
        path = recorded.gateway.folder / f"{name}-{harness.free_port()}.tar"
        path.write_bytes(data)
        path.chmod(0o644)
        assert recorded.product("--bundle", path).code == 1, name
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in ("../outside", "/tmp/outside"):
            member = tarfile.TarInfo(name)
            member.size = 3
            archive.addfile(member, io.BytesIO(b"abc"))
    path = recorded.gateway.folder / "paths.tar"
    path.write_bytes(out.getvalue())
    path.chmod(0o644)
    assert recorded.product("--bundle", path).code == 1
    assert not (recorded.gateway.folder.parent / "outside").exists()


# Beside the running gateway

def test_proofs_and_the_check_beside_a_running_gateway(recorded, shop15, scratch):
    gateway = harness.Gateway(scratch, [harness.connection("orders", shop15)], name="live").start()
    try:
        it = Record(gateway, scratch)
        it.sessions(2, 5)
        key = verifier.Key(gateway.cli("audit", "key").check().text)
        done = gateway.cli("audit", "verify", "--json").check()
        assert json.loads(done.text)["verified"]
        assert any(e["type"] == "record.viewed" and e.get("details", {}).get("view") == "verification"
                   for e in gateway.export())
        auditor = gateway.token("alex", ("security",))
        view = harness.wait_for(lambda: inclusion(gateway, 3, auditor), 5, "an inclusion proof")
        entry = view["leaf"].encode()
        path = [base64.b64decode(h) for h in view["hashes"]]
        head = verifier.Checkpoint(view["checkpoint"].encode(), key)
        assert verifier.root_from_path(view["index"], head.size, verifier.leaf_hash(entry), path) == head.root
        by_id = inclusion(gateway, json.loads(entry)["id"], auditor)
        assert by_id["index"] == 3
        text = gateway.cli("audit", "inclusion", json.loads(entry)["id"]).check().text
        assert text.startswith("c2sp.org/tlog-proof@v1\nindex 3\n")
        # Others see their own entries only.
        own = next(e for e in gateway.export() if e["type"] == "session.open")
        assert inclusion(gateway, own["id"], gateway.token()) is not None
        assert inclusion(gateway, own["id"], gateway.token("mallory")) is None
        status, text = gateway.http(f"/api/v1/ledger/consistency?from=4&to={head.size}", token=auditor)
        assert status == 200 and json.loads(text)["to_root"] == base64.b64encode(head.root).decode()
        gateway.cli("audit", "consistency", "4", str(head.size)).check()
        assert gateway.cli("audit", "consistency", "9", "4").code != 0
        for bad in ("entry=nonsense", "entry=", "entry=99999999999", ""):
            assert gateway.http(f"/api/v1/ledger/inclusion?{bad}", token=auditor)[0] in (400, 404)
        assert gateway.http("/api/v1/ledger/inclusion?entry=1")[0] == 401
        harness.wait_for(lambda: gateway.metrics().get("sallyport_ledger_check") == 1, 30, "the background check")
    finally:
        gateway.stop()


def inclusion(gateway, entry, token):
    status, text = gateway.http(f"/api/v1/ledger/inclusion?entry={entry}", token=token)
    return json.loads(text) if status == 200 else None


def test_a_gateway_over_a_tampered_record_admits_nobody(recorded, shop15):
    """The start checks the right edge; what lies deeper is found by the check in the background."""
    data = recorded.copy("background")
    path = data / "ledger" / verifier.tile_path("entries", 0, 256)
    flip(path, path.stat().st_size // 2)
    gateway = harness.Gateway(recorded.scratch, recorded.gateway.settings["connections"], name="tampered", **recorded.vault)
    shutil.move(data, gateway.folder / "data")
    try:
        gateway.spawn([harness.unprivileged_binary(recorded.scratch), "serve", "--config", gateway.config], cwd=gateway.folder)
        answer = harness.wait_for(lambda: not_ready(gateway), 30, "the check's result")
        assert "tile/entries/000" in answer, answer
        refused = gateway.endpoint("orders").psql("-c", "SELECT 1")
        assert refused.code != 0
        assert gateway.metrics()["sallyport_ledger_check"] == 2
    finally:
        gateway.stop()


def not_ready(gateway):
    gateway.must_live()
    try:
        status, text = gateway.http("/readyz")
    except OSError:
        return None
    return text if status == 503 and "audit log" in text else None
