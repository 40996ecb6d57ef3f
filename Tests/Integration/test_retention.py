"""Erasing and retention on the real binary: nothing of what was erased is in any file of the data folder, with the gateway
running and without one; both verifiers still accept the record; and damage is found in a folder with filed and erased
sessions as in any other."""

import base64
import contextlib
import csv
import hashlib
import io
import json
import os
import random
import time

import pytest

import harness
import test_verify
import verifier
from test_verify import Record

SEED = int(os.environ.get("SALLYPORT_SEED", random.randrange(2**32)))
MIB = 1 << 20


def forms(value):
    """The ways in which a value could lie around."""
    plain = value.encode()
    digest = hashlib.sha256(plain).digest()
    found = {"plain": plain, "upper": value.upper().encode(), "hex": plain.hex().encode(), "utf-16": value.encode("utf-16-le"),
             "digest": digest, "digest in hex": digest.hex().encode(), "digest in base64": base64.b64encode(digest)}
    for shift in range(3):
        found[f"base64 at {shift}"] = base64.b64encode(bytes(shift) + plain)[4:-8]
    return found


def places(folder, value):
    """Every file and form in which a value is found."""
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        try:
            whole = path.read_bytes()
        except FileNotFoundError:
            continue  # A segment that was retired meanwhile.
        found += [f"{form} in {path.relative_to(folder)}" for form, needle in forms(value).items() if needle in whole]
    return found


def say(gateway, value, subject):
    """One session whose commands, answers, parameters and errors hold the value; its id."""
    script = (f"SELECT '{value}', 1;\nSELECT $1 AS bound \\bind '{value}' \\g\n" * 3 +
              f"SELECT '{value}'::int;\nPREPARE p AS SELECT $1::text; EXECUTE p('{value}');\n")
    gateway.endpoint("orders", subject).psql("-q", input=script.replace("\\bind", "").replace("$1 AS", f"'{value}' AS"))
    return newest(gateway, subject)


def newest(gateway, subject):
    def closed():
        found = gateway.api(f"/sessions?principal={subject}&limit=1")["items"]
        return found and found[0]["state"] == "closed" and found[0]["id"]
    return harness.wait_for(closed, 10, f"the session of {subject} is recorded")


def fill(gateway, data):
    """Fills more than a segment of the log, so that what came before is filed."""
    before = {p.name for p in (data / "wal").glob("*.seg")}
    gateway.endpoint("orders", "filler").psql(
        "-q", "-o", "/dev/null", input="SELECT repeat(md5(n::text), 32768) FROM generate_series(1, 36) n;\n")
    harness.wait_for(lambda: not (before <= {p.name for p in (data / "wal").glob("*.seg")}), 60, "a segment is filed")


def recording(data, session):
    return data / "recordings" / session[-2:] / f"{session}.rec"


def fits_no_commitment(data, candidates):
    for entry in test_verify.entries(data):
        for item in json.loads(entry).get("content") or []:
            digest = item.get("sha256") or item.get("commitment") or item.get("digest") or ""
            for candidate in candidates:
                plain = hashlib.sha256(candidate).digest()
                assert plain.hex() not in json.dumps(item) and base64.b64encode(plain).decode() not in json.dumps(item), digest


def both_accept(it, data):
    it.key = verifier.Key(it.gateway.cli("audit", "key").check().text)
    assert it.program_rejects(data) is None
    done = it.product("--config", it.config(data), "--json")
    assert done.code == 0, done.error_text + done.text
    return json.loads(done.text)


@pytest.mark.parametrize("way", ["running", "offline"])
def test_an_erased_session_is_in_no_file(shop15, scratch, way):
    value = f"canary-7Qx9Zr-{random.randrange(10**12):012}"
    gateway = harness.Gateway(scratch, [harness.connection("orders", shop15)], name=f"erase-{way}").start()
    try:
        it = Record(gateway, scratch)
        filed = say(gateway, value, "ada")
        fill(gateway, it.data)
        assert recording(it.data, filed).exists()
        young = say(gateway, value, "bob")
        kept = say(gateway, "kept-for-good", "eve")
        assert places(it.data, value), "the index holds masked texts, so that the test would find one"
        assert any("kept-for-good" in e.text for e in __import__("record").find(gateway.export(), "kept-for-good"))
        backup = it.copy("backup")
        # An open session, and one that is not there, are refused in both ways.
        assert gateway.cli("audit", "erase", "--session", "0" * 8 + filed[8:], "--reason", "x").code == 1
        if way == "offline":
            gateway.stop()
        gateway.cli("audit", "erase", "--session", filed, "--reason", "the person asked").check()
        done = gateway.cli("audit", "erase", "--principal", "bob", "--reason", "the person asked", "--json").check()
        assert json.loads(done.text) == {"erased": 1}
        assert places(it.data, value) == []
        assert not recording(it.data, filed).exists()
        assert gateway.cli("audit", "erase", "--session", filed, "--reason", "again").code == 1
        told = gateway.export()
        said = [e for e in told if e["type"] == "admin.erased"]
        assert {e["subject_session"] for e in said} == {filed, young}
        assert all(e["content"][0]["text"] == "the person asked" and e["principal"]["subject"] for e in said)
        assert any(e.get("session") == kept for e in told) and not any(e.get("session") in (filed, young) for e in told)
        gateway.stop()
        assert places(it.data, value) == []
        summary = both_accept(it, it.data)
        assert summary["erased_sessions"] == 2
        fits_no_commitment(it.data, [value.encode(), f"SELECT '{value}', 1;".encode(), f"SELECT '{value}', 1".encode()])
        # With the recordings and the log of a backup put back, but not its keys, nothing opens.
        for name in ("recordings", "wal"):
            harness.run("cp", "-a", "-n", backup / name, it.data).check()
        for path in it.data.glob("index.sqlite*"):
            path.unlink()
        with contextlib.suppress(harness.Failure):
            gateway.start(ready=10)
        assert places(it.data, value) == []
    finally:
        gateway.stop()


def test_retention_erases_what_is_too_old(shop15, scratch):
    gateway = harness.Gateway(
        scratch, [harness.connection("orders", shop15), harness.connection("billing", shop15)], name="retention",
        retention=[{"connections": ["billing"], "age": "30d"}, {"connections": ["*"], "age": "1s"}])
    try:
        gateway.start()
        it = Record(gateway, scratch)
        value = f"canary-{random.randrange(10**12):012}"
        doomed = say(gateway, value, "ada")
        gateway.endpoint("billing", "bob").psql("-q", input="SELECT 1;\n")
        kept = newest(gateway, "bob")
        time.sleep(1.1)
        for running in (True, False):
            if not running:
                gateway.stop()
            shown = json.loads(gateway.cli("audit", "retention", "--dry-run", "--json").check().text)
            assert [s["session"] for s in shown["sessions"]] == [doomed] and shown["dry_run"]
            assert shown["sessions"][0]["rule"] == "retention[1]" and shown["sessions"][0]["because"] == "age"
            if running:
                refused = gateway.cli("audit", "retention")
                assert refused.code == 1 and "gateway" in refused.error_text
        assert places(it.data, value)
        # At its start the gateway does it by itself.
        gateway.start()
        harness.wait_for(lambda: gateway.metrics()["sallyport_retention_erased_total"] == 1, 20, "retention")
        assert places(it.data, value) == []
        assert [s["id"] for s in gateway.api("/sessions")["items"]] == [kept]
        entry = next(e for e in gateway.export() if e["type"] == "admin.erased")
        assert entry["subject_session"] == doomed and entry["reason"] == "retention" and entry["rules"] == ["retention[1]"]
        gateway.endpoint("orders", "ada").psql("-q", input="SELECT 2;\n")
        newest(gateway, "ada")
        gateway.stop()
        time.sleep(1.1)
        # And without one, by hand.
        done = json.loads(gateway.cli("audit", "retention", "--json").check().text)
        assert len(done["sessions"]) == 1 and not done["dry_run"]
        assert both_accept(it, it.data)["erased_sessions"] == 2
    finally:
        gateway.stop()


@pytest.fixture(scope="module")
def filed(shop15, scratch):
    """A data folder at rest with sessions in recordings, in the log, and erased ones of both kinds."""
    gateway = harness.Gateway(scratch, [harness.connection("orders", shop15)], name="filed").start()
    it = Record(gateway, scratch)
    try:
        it.sessions(3, 20)
        erased = [say(gateway, "gone", "gus")]
        fill(gateway, it.data)
        it.sessions(2, 5)
        erased.append(say(gateway, "gone", "ian"))
        for session in erased:
            gateway.cli("audit", "erase", "--session", session, "--reason", "test").check()
        gateway.stop()
        it.key = verifier.Key(gateway.cli("audit", "key").check().text)
        yield it
    finally:
        gateway.stop()


def test_both_accept_a_folder_with_filed_and_erased_sessions(filed):
    data = filed.copy("as-it-is")
    assert len(list((data / "recordings").rglob("*.rec"))) >= 5
    summary = both_accept(filed, data)
    assert summary["erased_sessions"] == 2 and summary["contents"] > 100


def test_a_byte_of_a_recording_counts(filed):
    """Recordings lie outside the tree, so only the product can tell; it must, wherever the byte is."""
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    data = filed.copy("flips")
    config = filed.config(data)
    paths = sorted((data / "recordings").rglob("*.rec"))
    # The header, the head of the first chunk, then anywhere.
    for path in paths[:3]:
        size = path.stat().st_size
        for place in [0, 9, 20, 35, 70, 81, size - 1, *(chance.randrange(size) for _ in range(4))]:
            bit = chance.randrange(8)
            test_verify.flip(path, place, bit)
            done = filed.product("--config", config)
            assert done.code == 1, f"byte {place} of {path.name} ({size}): {done.text}"
            assert "rror" in done.error_text + done.text
            test_verify.flip(path, place, bit)
    done = filed.product("--config", config)
    assert done.code == 0, done.error_text


def test_a_recording_lost_cut_or_exchanged_is_found(filed):
    chance = random.Random(SEED)

    def lost(paths):
        paths[0].unlink()

    def cut(paths):
        os.truncate(paths[0], paths[0].stat().st_size - chance.randrange(1, 200))

    def exchanged(paths):
        one, other = paths[0].read_bytes(), paths[1].read_bytes()
        paths[0].write_bytes(other)
        paths[1].write_bytes(one)

    for act in (lost, cut, exchanged):
        data = filed.copy(act.__name__)
        act(sorted((data / "recordings").rglob("*.rec")))
        done = filed.product("--config", filed.config(data))
        assert done.code == 1, f"{act.__name__}: {done.text}"


@pytest.mark.parametrize("act", test_verify.TABLE, ids=lambda act: act.__name__)
def test_both_reject_it_after(filed, act):
    data = filed.copy(act.__name__)
    act(data, test_verify.entries(data), filed)
    assert filed.program_rejects(data)
    for code, text in filed.product_rejects(data):
        assert code == 1, text


def test_an_erasure_without_an_entry_is_a_loss(filed):
    """Whoever deletes a session from index and recordings, but cannot write to the log, is found out."""
    data = filed.copy("by-hand")
    config = filed.config(data)
    path = sorted((data / "recordings").rglob("*.rec"))[0]
    session = path.stem
    path.unlink()
    import sqlite3
    with sqlite3.connect(data / "index.sqlite") as db:
        sid, = db.execute("SELECT sid FROM sessions WHERE id = ?", (session,)).fetchone()
        for table in ("commands", "entries", "sessions"):
            db.execute(f"DELETE FROM {table} WHERE sid = ?", (sid,))
        db.execute("DELETE FROM recordings WHERE session = ?", (bytes.fromhex(session.replace("-", "")),))
    db.close()
    test_verify.give_tree(data)
    done = filed.product("--config", config)
    assert done.code == 1 and session in done.error_text + done.text


def test_the_vault_key_is_changed_without_touching_recordings(filed, scratch):
    data = filed.copy("rewrap")
    settings = {**filed.gateway.settings, "data": str(data), **filed.vault}
    old = filed.gateway.folder / "vault.key"
    new = data.parent / "new.key"
    config = filed.config(data)

    def cli(*arguments, at=config):
        binary = harness.unprivileged_binary(scratch)
        return harness.run(binary, "audit", arguments[0], "--config", at, *arguments[1:], timeout=120, cwd=data.parent,
                           **harness.as_unprivileged())

    before = {p: p.read_bytes() for p in (data / "recordings").rglob("*.rec")}
    keys = (data / "keys" / "keys.log").read_bytes()
    assert cli("rewrap").code == 2
    assert cli("rewrap", "--new-key", old).code == 1
    done = json.loads(cli("rewrap", "--new-key", new, "--json").check().text)
    assert done["rewrapped"] > 5 and done["signers"] == 1 and done["kept"] == 0
    assert new.stat().st_mode & 0o777 == 0o600
    # What the log still held of one session is filed when the folder is opened; nothing else is touched.
    changed = [p for p in before if p.read_bytes() != before[p]]
    assert len(changed) <= 1 and all(p.stat().st_size > len(before[p]) for p in changed)
    for path in (p for p in data.rglob("*") if p.is_file()):
        whole = path.read_bytes()
        assert not any(keys[n + 16:n + 76] in whole for n in range(0, len(keys), 80) if any(keys[n:n + 80])), path
    # Again, with the old key still configured.
    assert json.loads(cli("rewrap", "--new-key", new, "--json").check().text)["rewrapped"] == 0
    assert "vault key" in cli("export", "--json").error_text
    changed = data.parent / "new.yaml"
    changed.write_text(harness.to_yaml({**settings, "vault": {"key": {"file": str(new)}}}))
    changed.chmod(0o644)
    assert cli("verify", at=changed).code == 0
    told = [json.loads(line) for line in cli("export", "--json", at=changed).check().text.splitlines()]
    assert sum(e["type"] == "admin.key_rotated" for e in told) == 1
    assert verifier.Key(cli("key", at=changed).check().text).text == filed.key.text


def test_queries_with_their_rows_as_csv(shop15, scratch):
    gateway = harness.Gateway(scratch, [harness.connection("orders", shop15)], name="csv").start()
    try:
        long = "SELECT n, repeat('x', 1000) FROM generate_series(1, 9000) n"
        gateway.endpoint("orders", "ada").psql(
            "-q", input=f"SELECT 1 AS one, NULL AS two, '' AS three, E'a,\"b\\nc' AS four;\n{long};\nSELECT '=1+1' AS f;\nSELECT 1/0;\n")
        session = newest(gateway, "ada")
        done = gateway.cli("audit", "export", "--session", session, "--csv").check()
        assert done.text.count("\r\n") >= 9000 and done.text.endswith("\r\n")
        records = list(csv.DictReader(io.StringIO(done.text, newline="")))
        assert len({len(r) for r in records}) == 1 and None not in records[0]
        said = [r for r in records if r["record"] == "command"]
        assert [r["outcome"].split()[0] for r in said] == ["success", "success", "success", "error"]
        assert said[3]["outcome"] == "error 22012" and said[1]["command"].startswith("SELECT n, repeat") and said[1]["rows"] == "9000"
        first = [r for r in records if r["exchange"] == said[0]["exchange"]]
        assert [first[1][f"value{n}"] for n in range(1, 5)] == ["one", "two", "three", "four"]
        assert [first[2][f"value{n}"] for n in range(1, 5)] == ["1", "", "", 'a,"b\nc']
        # NULL and an empty text are told apart.
        assert ',1,,"","a,""b' in done.text
        # All of a large answer, in order.
        rows = [r for r in records if r["exchange"] == said[1]["exchange"] and r["record"] == "row"]
        assert [r["value1"] for r in rows] == [str(n) for n in range(1, 9001)] and rows[-1]["row"] == "9000"
        assert "\r\nrow" in done.text and ",=1+1," in done.text
        safe = gateway.cli("audit", "export", "--session", session, "--csv", "--spreadsheet-safe").check().text
        assert ",'=1+1," in safe and ",=1+1" not in safe
        refused = gateway.cli("audit", "export", "--session", session, "--asciicast")
        assert refused.code == 1 and "has no terminal" in refused.error_text and not refused.out
        assert gateway.cli("audit", "export", "--csv").code == 2
        assert gateway.cli("audit", "export", "--session", session, "--csv", "--json").code == 2
        assert gateway.cli("audit", "export", "--session", session, "--spreadsheet-safe").code == 2
        views = [e for e in gateway.export() if e["type"] == "record.viewed" and e["details"]["view"] == "export"]
        assert len([e for e in views if e.get("subject_session") == session]) >= 3
    finally:
        gateway.stop()
