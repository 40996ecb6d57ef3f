"""Policies that change while sessions go on; what `policy check` and `policy replay` say of them."""

import json
import os
import signal
import time

import pytest

import harness
import record
import wire
from harness import wait_for

HOLD = {"name": "inserts", "when": {"statement": ["insert"]}, "then": "hold",
        "approve": {"groups": ["dba"], "count": 1, "within": "15m"}}
DDL = {"name": "no-ddl", "when": {"statement": ["ddl"]}, "then": "block"}
READS = {"name": "no-reads", "when": {"table": ["customers"]}, "then": "block"}


class Policy:
    """A gateway whose file a test writes anew."""

    def __init__(self, shop, scratch, guards, **more):
        self.shop = shop
        self.gateway = harness.Gateway(scratch, [harness.connection("live", shop, guard=guards, **more)], name="reload")
        self.gateway.start()
        # Made while the file is whole.
        self.gateway.token("root", ["platform"])
        self.gateway.endpoint("live")

    def write(self, guards=None, text=None, settings=(), **more):
        if text is None:
            connection = harness.connection("live", self.shop, **more)
            if guards:
                connection["guard"] = guards
            text = harness.to_yaml({**self.gateway.settings, **dict(settings), "connections": [connection]})
        self.gateway.config.write_text(text)

    def reload(self, token=("root", ["platform"])):
        status, text = self.gateway.http("/api/v1/policy/reload", "POST", {}, self.gateway.token(*token))
        return status, json.loads(text)

    def changes(self):
        return [e for e in self.gateway.export() if e["type"] == "policy.changed"]


@pytest.fixture
def live(shop15, scratch):
    made = Policy(shop15, scratch, [HOLD, DDL])
    yield made
    made.gateway.stop()


def refusal(w, text):
    errors = wire.errors(w.ask(wire.query(text)))
    return errors[0]["H"] if errors else None


def test_rules_change_under_an_open_session(live):
    with wire.Wire(live.gateway.endpoint("live")) as w:
        w.open()
        w.ask(wire.parse("SELECT count(*) FROM customers", "s"), wire.sync())
        run = [wire.bind("", "s"), wire.execute(), wire.sync()]
        assert wire.kinds(w.ask(*run)) == "2DCZ"
        live.write([HOLD, READS])
        status, said = live.reload()
        assert status == 200, said
        [change] = said["changes"]
        assert (change["added"], change["removed"], change["changed"]) == (["no-reads"], ["no-ddl"], [])
        assert said["sessions"] == 1 and said["not_reloaded"] == []
        # The statement was prepared, and judged, under the old policy.
        assert wire.kinds(w.ask(*run)) == "EZ"
        assert "no-reads" in refusal(w, "SELECT * FROM customers")
        live.write([DDL])
        assert live.reload()[0] == 200
        assert wire.kinds(w.ask(*run)) == "2DCZ"
    first, second = live.changes()
    assert first["connection"] == "live" and first["policy"] == change["to"] and first["requester"]["subject"] == "root"
    assert first["details"]["added"] == "no-reads" and first["details"]["removed"] == "no-ddl"
    [diff] = [item["text"] for item in first["content"] if item["kind"] == "policy_diff"]
    assert "- no-ddl: when {statement: ddl} then block" in diff and "+ no-reads: when {table: customers} then block" in diff
    assert second["details"]["from"] == change["to"]


def test_a_wrong_file_changes_nothing_and_says_why(live):
    live.write([{**DDL, "when": {"statement": ["ddll"]}}])
    status, said = live.reload()
    assert status == 422 and "did you mean `ddl`" in said["detail"] and "when.statement" in said["detail"], said
    live.write(text="connections: [")
    assert live.reload()[0] == 422
    with wire.Wire(live.gateway.endpoint("live")) as w:
        w.open()
        assert "no-ddl" in refusal(w, "DROP TABLE orders")
    live.write([HOLD, DDL])
    assert live.changes() == []


def test_who_may_reload(live):
    assert live.reload(("ann", ["security"]))[0] == 403
    assert live.gateway.http("/api/v1/policy/reload", "POST", {})[0] == 401


def test_what_a_restart_takes_over_is_named(live):
    live.write([DDL], settings={"max_sessions": 7}, read_only=True, limits={"rows": 5})
    status, said = live.reload()
    assert status == 200 and said["not_reloaded"] == ["connections.live.limits", "max_sessions"], said
    assert said["changes"][0]["new_sessions_only"] == ["read_only"]


def held(w, text):
    w.send(wire.query(text))
    kind, body = w.receive()
    assert kind == "N" and b"pproval" in body, (kind, body)


def test_held_commands_are_judged_again(live, shop15):
    marker = f"reload-{time.time_ns()}"
    gateway = live.gateway
    insert = f"INSERT INTO scratch (marker) VALUES ('{marker}')"
    with wire.Wire(gateway.endpoint("live")) as one, wire.Wire(gateway.endpoint("live")) as two:
        judged_again(live, [one.open(), two.open()], insert)
    assert shop15.sql(f"SELECT count(*) FROM scratch WHERE marker = '{marker}'") == "0"
    found = record.find(gateway.export(), marker)
    assert [t for t in found[0].types if t.startswith("command.")] == [
        "command.held", "command.held", "command.blocked"]


def judged_again(live, wires, insert):
    gateway = live.gateway
    for w in wires:
        held(w, insert)
    # Other terms: asked for anew, and the old approval decides nothing any more.
    old = {p["id"] for p in wait_for(lambda: len(gateway.pending()) == 2 and gateway.pending(), 5, "two approvals")}
    live.write([{**HOLD, "approve": {"groups": ["leads"], "count": 1, "within": "15m"}}])
    assert live.reload()[0] == 200
    new = {p["id"] for p in wait_for(
        lambda: {p["id"] for p in gateway.pending()} & old == set() and len(gateway.pending()) == 2 and gateway.pending(),
        5, "asked anew")}
    assert not any(gateway.try_decide("approve", id) for id in old | new)
    # Same terms, other words: goes on waiting.
    live.write([{**HOLD, "message": "Wait.", "approve": {"groups": ["leads"], "count": 1, "within": "15m"}}])
    assert live.reload()[0] == 200
    assert {p["id"] for p in gateway.pending()} == new
    # Blocked now: refused.
    live.write([{"name": "no-inserts", "when": {"statement": ["insert"]}, "then": "block"}])
    assert live.reload()[0] == 200
    for w in wires:
        answer = w.until("Z")
        assert "no-inserts" in wire.errors(answer)[0]["H"]
        assert w.rows("SELECT 1") == [[b"1"]]
    wait_for(lambda: gateway.pending() == [], 5, "nothing pending")


def test_held_and_allowed_now_passes(live, shop15):
    marker = f"passes-{time.time_ns()}"
    with wire.Wire(live.gateway.endpoint("live")) as w:
        w.open()
        held(w, f"INSERT INTO scratch (marker) VALUES ('{marker}')")
        wait_for(lambda: live.gateway.pending(), 5, "an approval")
        live.write([DDL])
        # As an operator does it.
        os.kill(live.gateway.pid, signal.SIGHUP)
        assert "C" in wire.kinds(w.until("Z"))
    assert shop15.sql(f"SELECT count(*) FROM scratch WHERE marker = '{marker}'") == "1"
    wait_for(lambda: live.gateway.pending() == [], 5, "nothing pending")
    assert [e["reason"] for e in live.changes()] == ["signal"]


def test_reload_by_command_line(live):
    live.write([DDL])
    done = harness.run(harness.unprivileged_binary(live.gateway.scratch), "policy", "reload", "--config",
                       live.gateway.config, cwd=live.gateway.folder, **harness.as_unprivileged()).check()
    assert "- inserts: when {statement: insert} then hold" in done.text and "->" in done.text, done.text


def cli(gateway, *arguments):
    return harness.run(harness.unprivileged_binary(gateway.scratch), "policy", *arguments, cwd=gateway.folder,
                       **harness.as_unprivileged())


def test_check(live, tmp_path):
    assert cli(live.gateway, "check", live.gateway.config).code == 0
    live.write([DDL, {"name": "drops", "when": {"statement": ["ddl"], "table": ["a*"]}, "then": "block"},
                {"name": "nothing", "when": {"statement": ["select"]}, "then": "allow"}])
    done = cli(live.gateway, "check", live.gateway.config, "--json")
    found = json.loads(done.text)["findings"]
    assert done.code == 1 and [(f["name"], f["kind"]) for f in found] == [("drops", "shadowed"), ("nothing", "idle")]
    live.write([{**DDL, "then": "hold"}])
    assert cli(live.gateway, "check", live.gateway.config).code == 2


def test_replay_by_another_policy(live):
    gateway = live.gateway
    with wire.Wire(gateway.endpoint("live")) as w:
        w.open()
        w.ask(wire.query("PREPARE p AS SELECT count(*) FROM customers"))
        for text in ("SELECT 1", "SELECT count(*) FROM customers", "EXECUTE p", "DROP TABLE no_such_table"):
            w.ask(wire.query(text))
    other = gateway.folder / "other.yaml"
    other.write_text(harness.to_yaml({**gateway.settings, "connections": [harness.connection("live", live.shop, guard=[READS])]}))
    other.chmod(0o644)
    arguments = ["replay", str(other), "--since", "2020-01-01", "--config", gateway.config]
    report = json.loads(cli(gateway, *arguments, "--json").check().text)
    assert report["judged"] == 5 and report["not_understood"] == 0, report
    assert report["totals"] == {"allow to block": 3, "block to allow": 1}, report
    assert report["rules"] == {"no-reads": 3, "no-ddl": 1}
    assert {c["text"] for c in report["changes"]} == {
        "PREPARE p AS SELECT count(*) FROM customers", "SELECT count(*) FROM customers", "EXECUTE p",
        "DROP TABLE no_such_table"}
    told = cli(gateway, *arguments).check().text
    assert "5 commands of 1 sessions judged, 4 would be judged otherwise" in told and "by no-reads: 3" in told
    gateway.stop()
    # Without the gateway, from its folder.
    assert json.loads(cli(gateway, *arguments, "--json").check().text)["totals"] == report["totals"]
    assert json.loads(cli(gateway, *arguments, "--connection", "live", "--until", "2020-01-02", "--json").check().text)["judged"] == 0
