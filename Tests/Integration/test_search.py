"""Search over the recorded commands: by API and command line, as auditor and as oneself, recorded, made again."""

import json
import urllib.parse
import uuid

import pytest

import harness
import record
import wire
from harness import wait_for

GUARDS = [{"name": "no-ddl", "when": {"statement": ["ddl"]}, "then": "block", "message": "Use migrations."},
          {"name": "deletes", "when": {"statement": ["delete"]}, "then": "hold",
           "approve": {"groups": ["dba"], "count": 1, "within": "15m"}}]
MASKS = [{"columns": ["customers.ssn"], "with": "redact"}]


@pytest.fixture(scope="module")
def gateway(shop15, scratch):
    made = harness.Gateway(scratch, [harness.connection("orders", shop15, guard=GUARDS),
                                     harness.connection("masked", shop15, mask=MASKS)], name="search").start()
    yield made
    made.stop()


def search(gateway, subject="eve", groups=("security",), **filters):
    status, text = gateway.http("/api/v1/search?" + urllib.parse.urlencode(filters, quote_via=urllib.parse.quote), token=gateway.token(subject, groups))
    assert status == 200, (status, text)
    return json.loads(text)


def say(gateway, connection, subject, *texts):
    with wire.Wire(gateway.endpoint(connection, subject=subject)) as at:
        at.open()
        for text in texts:
            at.ask(wire.query(text))


@pytest.fixture(scope="module")
def marker(gateway):
    marker = "m" + uuid.uuid4().hex[:12]
    say(gateway, "orders", "anna", f"SELECT '{marker}' AS one", f"CREATE TABLE t_{marker} (i int)", f"SELECT no_{marker}")
    say(gateway, "orders", "ben", f"SELECT '{marker.upper()}' AS two")
    return marker


def test_a_command_is_found_as_soon_as_it_was_answered(gateway):
    for number in range(20):
        mark = "f" + uuid.uuid4().hex
        say(gateway, "orders", "anna", f"SELECT '{mark}'")
        found = search(gateway, q=mark[3:20])
        assert [hit["principal"]["subject"] for hit in found["items"]] == ["anna"], number
        assert "behind_bytes" not in found


def test_filters(gateway, marker):
    assert len(search(gateway, q=marker)["items"]) == 4
    newest = search(gateway, q=marker)["items"][0]
    assert newest["principal"]["subject"] == "ben" and newest["text"]["match"] == marker.upper()
    assert len(search(gateway, q=marker, principal="ben")["items"]) == 1
    blocked = search(gateway, q=marker, verdict="block")["items"]
    assert [(hit["rules"], hit["outcome"]["kind"]) for hit in blocked] == [(["no-ddl"], "blocked")]
    assert blocked == search(gateway, q=marker, rule="NO-DDL")["items"]
    failed = search(gateway, q=marker, outcome="error")["items"]
    assert [hit["outcome"]["code"] for hit in failed] == ["42703"]
    assert search(gateway, q=marker, connection="masked")["items"] == []
    assert search(gateway, q=f'"SELECT \'{marker}\'"')["items"] != []
    assert search(gateway, q=f"{marker} one create")["items"] == []
    assert search(gateway, q=marker, until="2020-01-01")["items"] == []
    pages, cursor = [], None
    while True:
        page = search(gateway, q=marker, limit=1, **({"cursor": cursor} if cursor else {}))
        pages += page["items"]
        cursor = page.get("next")
        if not cursor:
            break
    assert pages == search(gateway, q=marker)["items"]


def test_a_user_finds_only_their_own_and_no_others_cursor_serves(gateway, marker):
    own = search(gateway, "anna", ("agents",), q=marker)["items"]
    assert len(own) == 3 and {hit["principal"]["subject"] for hit in own} == {"anna"}
    assert search(gateway, "anna", ("agents",), q=marker, principal="ben")["items"] == []
    cursor = search(gateway, q=marker, limit=1)["next"]
    for subject, groups, filters in [("anna", ("agents",), {"q": marker}), ("eve", ("security",), {"q": marker[:5]}),
                                     ("eve", ("security",), {"q": marker, "principal": "ben"})]:
        status, text = gateway.http("/api/v1/search?" + urllib.parse.urlencode({**filters, "cursor": cursor}, quote_via=urllib.parse.quote),
                                    token=gateway.token(subject, groups))
        assert status == 400 and "cursor" in json.loads(text)["detail"]


def test_masked_literals_are_not_found(gateway):
    canary = "123-45-" + str(uuid.uuid4().int % 10_000).zfill(4)
    mark = "s" + uuid.uuid4().hex[:12]
    say(gateway, "masked", "anna", f"SELECT '{mark}' FROM customers WHERE ssn = '{canary}'")
    assert search(gateway, q=canary)["items"] == []
    assert len(search(gateway, q=mark)["items"]) <= 1


def test_an_approval_is_found_by_its_id(gateway):
    mark = "a" + uuid.uuid4().hex[:12]
    at = wire.Wire(gateway.endpoint("orders", subject="anna")).open()
    at.send(wire.query(f"DELETE FROM orders WHERE note = '{mark}'"))

    def pending():
        status, text = gateway.http("/api/v1/approvals?state=pending", token=gateway.token("eve", ("security",)))
        return [one for one in json.loads(text)["items"] if mark in one["text"]]

    wait_for(pending, 10, "the approval")
    found = search(gateway, approval=pending()[0]["id"])["items"]
    assert len(found) == 1 and found[0]["verdict"] == "hold" and mark in json.dumps(found[0]["text"])
    assert "outcome" not in found[0]
    at.socket.close()


def test_searches_are_recorded_and_their_text_is_sealed(gateway):
    secret = "looked" + uuid.uuid4().hex
    search(gateway, "audrey", ("security",), q=secret, principal="ben")
    lines = [json.loads(line) for line in gateway.cli("audit", "export", "--json").check().text.splitlines()]
    entries = [entry for entry in lines if entry["type"] == "record.searched"
               and entry["principal"]["subject"] == "audrey"]
    assert len(entries) == 1
    assert entries[0]["details"] == {"principal": "ben", "view": "commands"}
    assert record.content(entries[0], "query") == secret.encode()
    del entries[0]["content"]
    assert secret not in json.dumps(entries[0])


def test_the_command_line_finds_and_makes_the_index_again(gateway, marker, scratch):
    by_api = json.loads(gateway.cli("search", marker, "--json").check().text)
    assert len(by_api) == 4
    shown = gateway.cli("search", marker, "--principal", "ben").check().text
    assert marker.upper() in shown and "ben" in shown
    assert gateway.cli("search", "x", "--verdict", "maybe").code == 2
    refused = gateway.cli("audit", "reindex")
    assert refused.code == 1 and "stop it first" in refused.error_text
    gateway.stop()
    before = gateway.cli("search", marker, "--json").check().text
    assert json.loads(before) == by_api
    gateway.cli("audit", "reindex").check()
    assert json.loads(gateway.cli("search", marker, "--json").check().text) == by_api
    data = gateway.folder / "data"
    assert not (data / "reindex").exists()
    assert {(data / name).stat().st_mode & 0o777 for name in ("index.sqlite",)} == {0o600}
    # A damaged index is made again by the gateway itself, at its start.
    for name in ("index.sqlite-wal", "index.sqlite-shm"):
        (data / name).unlink(missing_ok=True)
    with open(data / "index.sqlite", "r+b") as file:
        file.write(b"\xff" * 4096)
    gateway.start()
    assert len(search(gateway, q=marker)["items"]) == 4
    assert (data / "index.damaged.sqlite").exists()
    assert "put aside" in gateway.log.read_text()
