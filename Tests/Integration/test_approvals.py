"""Approvals as clients meet them: psql, psycopg, asyncpg and JDBC, each through every end that a held command can have."""

import json
import re
import signal
import threading
import time
import uuid

import psycopg
import pytest

import harness
import held
import record
from harness import wait_for

DBA = {"groups": ["dba"], "within": "60s"}
GUARDS = [
    {"name": "waits", "when": {"statement": ["delete"], "table": ["waits"]}, "then": "hold", "approve": DBA},
    {"name": "quick", "when": {"statement": ["delete"], "table": ["quick"]}, "then": "hold",
     "approve": {**DBA, "within": "2s"}},
    {"name": "two", "when": {"statement": ["delete"], "table": ["two"]}, "then": "hold", "approve": {**DBA, "count": 2}},
    {"name": "again", "when": {"statement": ["delete"], "table": ["again"]}, "then": "hold",
     "approve": {**DBA, "wait": "1s"}},
    {"name": "mine", "when": {"statement": ["delete"], "table": ["mine"]}, "then": "hold",
     "approve": {**DBA, "scope": {"same": "statement", "for": "4s", "in": "session"}}},
    {"name": "ours", "when": {"statement": ["delete"], "table": ["ours"]}, "then": "hold",
     "approve": {**DBA, "scope": {"same": "statement", "for": "1h", "in": "principal"}}},
    {"name": "never", "when": {"statement": ["truncate"]}, "then": "block"},
]
TABLES = ["waits", "quick", "two", "again", "mine", "ours"]
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


@pytest.fixture(scope="module")
def cluster(scratch):
    """A server of its own, which tests restart."""
    made = harness.Cluster(scratch, "pg15-approvals", harness.PG15_BIN).start()
    made.sql("".join(f"CREATE TABLE {table} (marker text);" for table in TABLES) + "CREATE SEQUENCE s")
    yield made
    made.stop()


@pytest.fixture(scope="module")
def gateway(cluster, scratch):
    made = harness.Gateway(scratch, [
        harness.connection("shop", cluster, guard=GUARDS, break_glass={"groups": ["oncall"]}),
        {**harness.connection("closed", cluster),
         "access": {"groups": ["admins"], "request": {"groups": ["devs"], "approve": DBA, "for": "1h"}}},
    ], name="approvals").start()
    yield made
    made.stop()


@pytest.fixture(params=list(held.ALL))
def client(request, gateway, java_process):
    with held.ALL[request.param](gateway.endpoint("shop"), java_process) as made:
        yield made


@pytest.fixture
def connect(gateway, java_process):
    """Opens one client more, of a name or of the same kind, as anybody."""
    opened = []

    def make(kind, **who):
        opened.append(held.ALL[kind](gateway.endpoint("shop", **who), java_process))
        return opened[-1]

    yield make
    for one in opened:
        one.leave()


@pytest.fixture
def marker():
    return uuid.uuid4().hex


@pytest.fixture
def row(cluster, marker):
    """Puts a row into a table; `row.left(table)` counts what is left of it."""
    class Row:
        def put(self, table, times=1):
            cluster.sql(f"INSERT INTO {table} SELECT '{marker}' FROM generate_series(1, {times})")

        def left(self, table):
            return int(cluster.sql(f"SELECT count(*) FROM {table} WHERE marker = '{marker}'"))

    return Row()


def mentions(thing, marker):
    return marker in str(thing)


def pending(gateway, marker):
    def look():
        return next((a for a in gateway.pending() if mentions(a, marker)), None)

    return wait_for(look, 15, f"an approval for {marker}")


def settled(gateway, id):
    """The state of an approval that does not wait any more."""
    def look():
        state = gateway.api(f"/approvals/{id}")["state"]
        return state if state != "pending" else None

    return wait_for(look, 15, f"approval {id} settled")


def ends(gateway, marker):
    """The entries of each held command with the marker in it, without what was sent in its place."""
    return [[t for t in found.types if t != "command.substituted"]
            for found in commands(gateway, marker) if "command.held" in found.types]


def commands(gateway, marker):
    return [found for found in record.exchanges(gateway.export()) if mentions((found.text, found.parameters), marker)]


def approvals(gateway, id):
    """Types of the entries about an approval, sorted."""
    return sorted(e["type"] for e in gateway.export() if e.get("approval") == id)


def text(table):
    return f"DELETE FROM {table} WHERE marker = %s"


# The ends of a held command, with every client

def test_granted_by_the_right_people_only(gateway, client, marker, row):
    row.put("waits")
    client.start(text("waits"), marker)
    id = pending(gateway, marker)["id"]
    for token in [
        gateway.approval_token("agent-1", ["agents", "dba"]),
        gateway.token("dana", ("dba",), "--audience", "sallyport:approve", "--agent", "helper"),
        gateway.token("dana", ("dba",)),
        gateway.approval_token("eve", ["agents"]),
    ]:
        for decision in ("approve", "deny"):
            status, answer = gateway.http(f"/api/v1/approvals/{id}/{decision}", "POST", {}, token)
            assert status in (401, 403), answer
    assert client.waits() and row.left("waits") == 1
    gateway.decide("approve", id)
    assert client.end() == (held.DONE, "") and row.left("waits") == 0
    assert ends(gateway, marker) == [["command.held", "command.granted", "command.outcome"]]
    assert approvals(gateway, id) == ["approval.approved", "approval.requested", "command.granted"]
    assert gateway.api(f"/approvals/{id}")["state"] == "consumed"
    assert not gateway.try_decide("approve", id, subject="olga")


def test_denied(gateway, client, marker, row):
    row.put("waits")
    client.start(text("waits"), marker)
    id = pending(gateway, marker)["id"]
    gateway.decide("deny", id)
    code, words = client.end()
    assert code == "42501" and "denied by dana" in words
    assert row.left("waits") == 1 and client.run("SELECT 1") == (held.DONE, "")
    assert ends(gateway, marker) == [["command.held", "command.denied"]]
    assert not gateway.try_decide("approve", id)


def test_expired(gateway, client, marker, row):
    row.put("quick")
    client.start(text("quick"), marker)
    id = pending(gateway, marker)["id"]
    assert client.end()[0] == "42501"
    assert settled(gateway, id) == "expired" and not gateway.try_decide("approve", id)
    assert row.left("quick") == 1 and client.run("SELECT 1") == (held.DONE, "")
    assert ends(gateway, marker) == [["command.held", "command.expired"]]
    assert "approval.expired" in approvals(gateway, id)


def test_two_of_two(gateway, client, marker, row):
    row.put("two")
    client.start(text("two"), marker)
    id = pending(gateway, marker)["id"]
    gateway.decide("approve", id)
    assert not gateway.try_decide("approve", id), "the same person counts once"
    assert client.waits() and row.left("two") == 1
    gateway.decide("approve", id, subject="olga")
    assert client.end() == (held.DONE, "") and row.left("two") == 0
    assert approvals(gateway, id).count("approval.approved") == 2


def at_once(*calls):
    """What each call returns; all of them begin at the same moment."""
    answers, barrier = [None] * len(calls), threading.Barrier(len(calls))

    def run(place, call):
        barrier.wait()
        answers[place] = call()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return answers


def test_yes_and_no_at_once(gateway, connect, marker, row):
    """One of them is first, in the record and for the command; the other is told so, and leaves no entry."""
    client = connect("psycopg")
    for subject in ("dana", "olga"):
        gateway.approval_token(subject, ["dba"])
    for number in range(8):
        row.put("waits")
        client.start(text("waits") + f" /* {number} */", marker)
        id = pending(gateway, marker)["id"]
        yes, no = at_once(lambda: gateway.try_decide("approve", id), lambda: gateway.try_decide("deny", id, subject="olga"))
        assert yes != no
        assert client.end()[0] == (held.DONE if yes else "42501")
        made = [one for one in approvals(gateway, id) if one in ("approval.approved", "approval.denied")]
        assert made == ["approval.approved" if yes else "approval.denied"]


def test_one_person_at_once_counts_once(gateway, connect, marker, row):
    row.put("two")
    client = connect("psycopg")
    gateway.approval_token("dana", ["dba"])
    client.start(text("two"), marker)
    id = pending(gateway, marker)["id"]
    assert sorted(at_once(*[lambda: gateway.try_decide("approve", id)] * 6)) == [False] * 5 + [True]
    assert approvals(gateway, id).count("approval.approved") == 1 and client.waits()
    gateway.decide("deny", id, subject="olga")
    assert client.end()[0] == "42501" and row.left("two") == 1


def test_cancelled_while_held(gateway, client, marker, row):
    row.put("waits")
    client.start(text("waits"), marker)
    id = pending(gateway, marker)["id"]
    client.cancel()
    assert client.end()[0] in ("57014", held.GONE)
    assert settled(gateway, id) == "withdrawn" and not gateway.try_decide("approve", id)
    assert row.left("waits") == 1
    if client.name != "psql":  # which ends when its script is cancelled
        assert client.run("SELECT 1") == (held.DONE, "")


def test_disconnected_while_held(gateway, client, marker, row):
    row.put("waits")
    client.start(text("waits"), marker)
    id = pending(gateway, marker)["id"]
    client.leave()
    assert settled(gateway, id) == "withdrawn" and not gateway.try_decide("approve", id)
    assert row.left("waits") == 1


def test_a_grant_is_for_one_command_once(gateway, client, marker, row):
    row.put("waits", times=2)
    id = granted(gateway, client, "waits", marker)
    # The very same again, and the same with another value, each ask anew; the grant that was used helps neither.
    assert asks(gateway, client, text("waits"), marker)
    assert asks(gateway, client, text("waits"), marker + "-other")
    assert approvals(gateway, id).count("command.granted") == 1


def test_withdrawn_by_who_asked(gateway, client, marker, row):
    row.put("waits")
    client.start(text("waits"), marker)
    id = pending(gateway, marker)["id"]
    path = f"/api/v1/approvals/{id}/withdraw"
    assert gateway.http(path, "POST", {}, gateway.token("agent-2"))[0] == 404
    assert gateway.http(path, "POST", {}, gateway.token("dana", ("dba",)))[0] == 403
    status, answer = gateway.http(path, "POST", {"reason": "not needed"}, gateway.token("agent-1"))
    assert status == 200, answer
    code, words = client.end()
    assert code == "42501" and "withdrawn" in words and row.left("waits") == 1
    assert not gateway.try_decide("approve", id) and client.run("SELECT 1") == (held.DONE, "")
    assert "approval.withdrawn" in approvals(gateway, id)


@pytest.mark.parametrize("what", ["server", "gateway", "gateway, killed"])
def test_restart_while_held(gateway, cluster, connect, marker, row, what):
    """All clients at once: nothing runs, nothing waits any more, and no decision of later lets it pass."""
    row.put("waits")
    clients = [connect(kind) for kind in held.ALL]
    for number, client in enumerate(clients):
        client.start(text("waits") + f" /* {number} */", marker)
    ids = wait_for(lambda: (lambda found: found if len(found) == len(clients) else None)(
        [a["id"] for a in gateway.pending() if mentions(a, marker)]), 15, "all approvals")
    # What is listed may not be on the disk yet, and a kill would take it along.
    wait_for(lambda: all(approvals(gateway, id) for id in ids), 15, "all requests in the record")
    if what == "server":
        cluster.stop()
        cluster.launch()
        assert all(settled(gateway, id) == "withdrawn" for id in ids)
    else:
        gateway.stop(signal.SIGKILL if "killed" in what else signal.SIGTERM)
        gateway.start()
        assert gateway.pending() == []
    for id in ids:
        assert approvals(gateway, id)[:2] == ["approval.requested", "approval.withdrawn"], "each has its end in the record"
    for client in clients:
        assert client.end()[0] == held.GONE
    assert not any(gateway.try_decide("approve", id) for id in ids)
    with held.Psycopg(gateway.endpoint("shop"), None) as other:
        assert other.run("SELECT 1") == (held.DONE, "")
    assert row.left("waits") == 1


# Refused for now, and sent again

def deferred(answer):
    code, words = answer
    found = ID.search(words)
    assert code == "42501" and found, words
    return found[0]


def test_sent_again_runs_once(gateway, client, connect, marker, row):
    row.put("again", times=2)
    first = text("again") + " AND ctid IN (SELECT ctid FROM again WHERE marker = %s LIMIT 1)"
    id = deferred(client.run(first, marker, marker))
    # Sent again before anybody decided: the same request.
    assert deferred(client.run(first, marker, marker)) == id
    assert [a["id"] for a in gateway.pending() if mentions(a, marker)] == [id]
    view = gateway.api(f"/approvals/{id}")
    assert view["is_deferred"] is True
    gateway.decide("approve", id)
    assert row.left("again") == 2, "nothing runs by the decision alone"

    # Other values, another text, another person, another agent: each asks anew, and the grant stays.
    others = [
        lambda: client.run(first, marker, marker + "x"),
        lambda: client.run(first + " AND 1 = 1", marker, marker),
        lambda: connect(client.name, subject="agent-2").run(first, marker, marker),
        lambda: connect(client.name, token=gateway.token("agent-1", ("agents",), "--agent", "other")).run(
            first, marker, marker),
    ]
    for other in others:
        assert deferred(other()) != id
    assert row.left("again") == 2

    # In another session of the same, once.
    again = connect(client.name)
    assert again.run(first, marker, marker) == (held.DONE, "")
    assert row.left("again") == 1
    for one in (again, client):
        assert deferred(one.run(first, marker, marker)) != id
    assert row.left("again") == 1
    assert approvals(gateway, id) == [
        "approval.approved", "approval.requested", "command.deferred", "command.deferred", "command.granted"]


def test_granted_while_it_waits_again(gateway, client, marker, row):
    row.put("again")
    id = deferred(client.run(text("again"), marker))
    client.start(text("again"), marker)
    wait_for(lambda: approvals(gateway, id).count("approval.requested") == 1 and len(ends(gateway, marker)) == 2, 10,
             "it waits again")
    gateway.decide("approve", id)
    code, words = client.end()
    if code != held.DONE:  # the decision came a moment after the client's patience ended
        assert deferred((code, words)) == id and client.run(text("again"), marker) == (held.DONE, "")
    assert row.left("again") == 0


def test_a_grant_at_the_end_of_patience_is_used_once(gateway, connect, marker, row):
    """The decision comes around the very moment in which the client's patience ends: whoever is first, the command runs
    once, at the latest when it is sent again."""
    delays = [0.6 + 0.04 * number for number in range(16)]
    ends = {"waited": 0, "again": 0}
    clients = [connect("psycopg", subject=f"agent-{number}") for number in range(len(delays))]
    for number, (client, delay) in enumerate(zip(clients, delays)):
        mine = f"{marker}-{number}"
        gateway.approval_token("dana", ["dba"])
        row.put("again", times=2)
        one = text("again") + " AND ctid IN (SELECT ctid FROM again WHERE marker = %s LIMIT 1) AND %s <> ''"
        client.start(one, marker, marker, mine)
        id = pending(gateway, mine)["id"]
        left = row.left("again")
        time.sleep(delay)
        gateway.decide("approve", id)
        code, words = client.end()
        if code == held.DONE:
            ends["waited"] += 1
        else:
            assert deferred((code, words)) == id
            assert client.run(one, marker, marker, mine) == (held.DONE, ""), gateway.api(f"/approvals/{id}")
            ends["again"] += 1
        assert row.left("again") == left - 1, "once"
        assert deferred(client.run(one, marker, marker, mine)) != id and row.left("again") == left - 1, "once only"
        assert gateway.api(f"/approvals/{id}")["state"] == "consumed"
    assert all(ends.values()), f"both ways were met: {ends}"


def test_the_session_may_end_meanwhile(gateway, client, connect, marker, row):
    row.put("again")
    id = deferred(client.run(text("again"), marker))
    # Also while it waits again.
    client.start(text("again"), marker)
    client.leave()
    time.sleep(0.3)
    assert gateway.api(f"/approvals/{id}")["state"] == "pending"
    gateway.decide("approve", id)
    answer = connect(client.name).run(text("again"), marker)
    assert answer == (held.DONE, ""), gateway.api(f"/approvals/{id}")
    assert row.left("again") == 0


def test_an_open_request_is_given_up(gateway, client, marker, row):
    row.put("again")
    id = deferred(client.run(text("again"), marker))
    gateway.decide("approve", id)
    assert gateway.cli("withdraw", id, "--reason", "not needed any more").check()
    assert deferred(client.run(text("again"), marker)) != id
    assert row.left("again") == 1
    assert "approval.withdrawn" in approvals(gateway, id)


def test_denied_meanwhile(gateway, client, marker, row):
    row.put("again")
    id = deferred(client.run(text("again"), marker))
    gateway.decide("deny", id)
    assert deferred(client.run(text("again"), marker)) != id
    assert row.left("again") == 1


def test_a_restart_keeps_no_grant(gateway, connect, marker, row):
    row.put("again", times=2)
    client = connect("psycopg")
    granted = deferred(client.run(text("again"), marker))
    gateway.decide("approve", granted)
    gateway.stop()
    gateway.start()
    after = connect("psycopg")
    assert deferred(after.run(text("again"), marker)) != granted
    assert row.left("again") == 2
    assert "approval.withdrawn" in approvals(gateway, granted)


def test_a_killed_gateway_gives_what_was_open_its_end(gateway, connect, marker, row):
    row.put("again", times=3)
    one = text("again") + " AND ctid IN (SELECT ctid FROM again WHERE marker = %s LIMIT 1) AND %s <> ''"
    client, waiter = connect("psycopg"), connect("psycopg")
    used = deferred(client.run(one, marker, marker, "used"))
    gateway.decide("approve", used)
    assert client.run(one, marker, marker, "used") == (held.DONE, "")
    granted = deferred(client.run(one, marker, marker, "granted"))
    gateway.decide("approve", granted)
    denied = deferred(client.run(one, marker, marker, "denied"))
    gateway.decide("deny", denied)
    waiter.start(text("waits"), marker)
    waiting = pending(gateway, marker)["id"]
    both = connect("psycopg")
    both.start(text("two"), marker + "-two")
    half = pending(gateway, marker + "-two")["id"]
    gateway.decide("approve", half)
    asked = json.loads(gateway.cli("request", "closed", "--subject", f"dev-{marker[:8]}", "--group", "devs",
                                   "--json").check().text)["id"]
    gateway.stop(signal.SIGKILL)
    gateway.start()
    for _ in range(2):
        entries = gateway.export()
        for id in (waiting, half, granted, asked):
            ends = [e for e in entries if e.get("approval") == id and e["type"] == "approval.withdrawn"]
            assert [e["reason"] for e in ends] == ["gateway_restarted"], (id, ends)
            assert ends[0]["requester"]["subject"] and ends[0]["connection"] in ("shop", "closed")
        for id in (used, denied):
            assert not [e for e in entries if e.get("approval") == id and e["type"] == "approval.withdrawn"]
        for id in (waiting, half, granted, asked):
            assert not gateway.try_decide("approve", id, subject="olga")
        # At the next start they have it already.
        gateway.stop()
        gateway.start()
    after = connect("psycopg")
    assert deferred(after.run(one, marker, marker, "granted")) != granted
    assert row.left("again") == 2
    assert gateway.cli("audit", "verify").check()


def test_many_send_it_again_at_once_and_one_runs(gateway, connect, marker, row):
    row.put("again", times=8)
    one = text("again") + " AND ctid IN (SELECT ctid FROM again WHERE marker = %s LIMIT 1)"
    clients = [connect("psycopg") for _ in range(6)]
    id = deferred(clients[0].run(one, marker, marker))
    gateway.decide("approve", id)
    threads = [threading.Thread(target=client.start, args=(one, marker, marker)) for client in clients]
    for thread in threads:
        thread.start()
    codes = sorted(client.end()[0] for client in clients)
    assert codes == [held.DONE] + ["42501"] * 5
    assert row.left("again") == 7


def test_what_leans_on_its_session_waits_instead(gateway, connect, marker, row):
    row.put("again")
    client = connect("psycopg")
    assert client.run("SET search_path = public") == (held.DONE, "")
    client.start(text("again"), marker)
    id = pending(gateway, marker)["id"]
    time.sleep(1.5)
    assert client.waits()
    gateway.decide("approve", id)
    assert client.end() == (held.DONE, "")


# Scope

def granted(gateway, client, table, marker, suffix=""):
    """Runs the statement, approving it; the approval's id."""
    client.start(text(table) + suffix, marker)
    id = pending(gateway, marker)["id"]
    gateway.decide("approve", id)
    assert client.end() == (held.DONE, "")
    return id


def asks(gateway, client, text, marker, *more):
    """Whether the statement is held; if so it is denied."""
    client.start(text, marker, *more)
    answer = wait_for(lambda: next((a for a in gateway.pending() if mentions(a, marker)), None) or not client.waits(), 15,
                      "held or done")
    if answer is True:
        assert client.end() == (held.DONE, "")
        return False
    gateway.decide("deny", answer["id"])
    assert client.end()[0] == "42501"
    return True


def test_same_statement_in_this_session_for_a_time(gateway, client, connect, marker, row):
    id = granted(gateway, client, "mine", marker)
    for number in range(2):
        assert not asks(gateway, client, text("mine"), f"{marker}-{number}")
    used = [e for e in gateway.export() if e.get("approval") == id and e["type"] == "command.granted"]
    assert len(used) == 3, "each use carries the approval"
    other = connect(client.name)
    assert asks(gateway, other, text("mine"), marker + "-other session")
    assert asks(gateway, client, text("mine") + " AND true", marker + "-other statement")
    time.sleep(4)
    assert asks(gateway, client, text("mine"), marker + "-late")


def test_same_statement_of_this_principal(gateway, client, connect, marker, row):
    # A grant reaches all sessions of the principal: each client has a statement of its own form.
    suffix = " AND marker <> ''" * (1 + list(held.ALL).index(client.name))
    id = granted(gateway, client, "ours", marker, suffix)
    assert not asks(gateway, connect(client.name), text("ours") + suffix, marker + "-2")
    for who in ({"subject": "agent-2"}, {"token": gateway.token("agent-1", ("agents",), "--agent", "other")}):
        assert asks(gateway, connect(client.name, **who), text("ours") + suffix, marker + "-3"), who
    # Values that change what a rule sees, and names behind values, are no mere values.
    for other in (" OR true", " OR 1 = 1", " AND nextval('s') > 0"):
        assert asks(gateway, client, text("ours") + suffix + other, marker + "-4"), other
    assert gateway.cli("withdraw", id).check()
    assert asks(gateway, client, text("ours") + suffix, marker + "-5")
    assert "approval.withdrawn" in approvals(gateway, id)


# Break-glass

def test_break_glass(gateway, client, connect, marker, row):
    row.put("waits")
    reason = f"pager {marker[:6]}: orders are stuck"
    glass = f"/*break_glass='{reason}'*/ " + text("waits")
    person = connect(client.name, subject="pia", groups=("agents", "oncall"))
    assert person.run(glass, marker) == (held.DONE, "") and row.left("waits") == 0
    [alert] = [e for e in gateway.export() if e["type"] == "alert.break_glass" and reason in str(e)]
    assert alert["principal"]["subject"] == "pia" and alert["rules"] == ["waits"]
    [exchange] = [found for found in commands(gateway, marker) if "command.held" in found.types]
    assert exchange.types == ["command.held", "command.granted", "command.outcome"]
    assert gateway.metrics()["sallyport_break_glass_total"] > 0

    # Not for others, not for agents, not without a reason, and never past a block.
    others = {
        "no member": (client, glass), "no reason": (person, glass.replace(reason, " ")),
        "an agent": (connect(client.name, token=gateway.token("pia", ("agents", "oncall"), "--agent", "helper")), glass),
        "a string": (person, text("waits") + " AND '/*break_glass=''x''*/' <> ''"),
    }
    for name, (who, statement) in others.items():
        assert asks(gateway, who, statement, f"{marker}-{name}"), name
    code, _ = person.run(f"/*break_glass='{reason}'*/ TRUNCATE waits")
    assert code == "42501"


# Access to a connection for a time

def refused(gateway, **who):
    """The words with which a sign-in is refused."""
    with pytest.raises(psycopg.OperationalError) as error:
        psycopg.connect(gateway.endpoint("closed", **who).dsn).close()
    return str(error.value)


def test_access_is_asked_for_by_connecting(gateway, marker):
    who = {"subject": f"dev-{marker[:8]}", "groups": ("devs",)}
    words = refused(gateway, **who)
    id = ID.search(words)[0]
    assert f"waits for approval {id}" in words and "sallyport approve" in words
    assert ID.search(refused(gateway, **who))[0] == id, "one request, however often it connects"
    view = gateway.api(f"/approvals/{id}")
    assert view["access_seconds"] == 3600 and "session" not in view and view["connection"] == "closed"
    assert not gateway.try_decide("approve", id, subject=who["subject"], groups=("devs", "dba"))
    assert not gateway.try_decide("approve", id, subject="eve", groups=("agents",))
    gateway.decide("approve", id)
    with psycopg.connect(gateway.endpoint("closed", **who).dsn) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        # For this person only, and not through an agent.
        assert "waits for approval" in refused(gateway, subject="dev-other", groups=("devs",))
        token = gateway.token(who["subject"], ("devs",), "--agent", "helper")
        assert ID.search(refused(gateway, token=token))[0] != id
        # Taken back: its session ends.
        assert gateway.cli("withdraw", id).check()
        wait_for(lambda: not alive(connection), 15, "the session ended")
    assert ID.search(refused(gateway, **who))[0] != id
    assert approvals(gateway, id) == ["approval.approved", "approval.requested", "approval.withdrawn", "session.open"]


def alive(connection):
    try:
        connection.execute("SELECT 1")
        connection.commit()
        return True
    except psycopg.Error:
        return False


def test_access_ends_in_time(gateway, marker):
    who = {"subject": f"dev-{marker[:8]}", "groups": ("devs",)}
    done = gateway.cli("request", "closed", "--for", "4s", "--reason", f"incident {marker}", "--subject", who["subject"],
                       "--group", "devs", "--json").check()
    id = json.loads(done.text)["id"]
    assert marker in str(gateway.api(f"/approvals/{id}"))
    gateway.decide("approve", id)
    with psycopg.connect(gateway.endpoint("closed", **who).dsn) as connection:
        assert alive(connection)
        wait_for(lambda: not alive(connection), 15, "the session ended")
    assert ID.search(refused(gateway, **who))[0] != id


def test_access_denied_or_not_for_them(gateway, marker):
    who = {"subject": f"dev-{marker[:8]}", "groups": ("devs",)}
    id = ID.search(refused(gateway, **who))[0]
    gateway.decide("deny", id)
    assert "denied by dana" in refused(gateway, **who)
    # Whoever may not ask is told no more than before.
    assert "No connection" in refused(gateway, subject="eve", groups=("agents",))
    path = "/api/v1/access-requests"
    for connection in ("closed", "nothing"):
        status, answer = gateway.http(path, "POST", {"connection": connection}, gateway.token("eve", ("agents",)))
        assert status == 404, answer
    for body in ({}, {"connection": "closed", "seconds": 0}, {"connection": "closed", "seconds": "1h"},
                 {"connection": "closed", "hours": 1}):
        assert gateway.http(path, "POST", body, gateway.token(**{"subject": "x", "groups": ("devs",)}))[0] == 400
    status, answer = gateway.http(path, "POST", {"connection": "closed", "seconds": 10**9}, gateway.token("y", ("devs",)))
    assert status == 201 and json.loads(answer)["access_seconds"] == 3600
