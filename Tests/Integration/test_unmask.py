"""Unmasked access on request: who sees a masked column, through which ways, for how long, and what the record says of it."""

import json
import uuid

import psycopg
import pytest

import harness
import record
import wire
from harness import wait_for

DBA = {"approve": {"groups": ["dba"], "within": "60s"}, "for": "1h"}
MASKS = [
    {"columns": ["customers.email"], "with": "partial", "unmask": DBA},
    {"columns": ["customers.phone"], "with": "redact", "unmask": {"approve": {"groups": ["privacy"]}, "for": "10m"}},
    {"columns": ["customers.ssn"], "with": "redact"},
    {"detect": ["credit_card"], "with": "redact"},
]
DETECT = [{"detect": ["email"], "with": "redact", "unmask": DBA}, {"detect": ["credit_card"], "with": "redact"}]
PATH = "/api/v1/unmask-requests"
MAIL = "user7@example.com"


@pytest.fixture(scope="module")
def gateway(shop15, shop18, scratch):
    for cluster in (shop15, shop18):
        cluster.sql("""
            DROP SCHEMA IF EXISTS unmask CASCADE; CREATE SCHEMA unmask;
            CREATE VIEW unmask.people AS SELECT id, email AS contact, lower(email) AS small FROM public.customers;
            CREATE TABLE unmask.parts (id int, email text) PARTITION BY LIST (id);
            CREATE TABLE unmask.part PARTITION OF unmask.parts DEFAULT;
            INSERT INTO unmask.parts VALUES (7, 'part7@example.com');
            GRANT USAGE ON SCHEMA unmask TO PUBLIC; GRANT ALL ON ALL TABLES IN SCHEMA unmask TO PUBLIC;
        """)
    made = harness.Gateway(scratch, [
        harness.connection(name + version, cluster, mask=masks)
        for version, cluster in (("15", shop15), ("18", shop18))
        for name, masks in (("listed", [*MASKS, {"columns": ["parts.email"], "unmask": DBA}]), ("detected", DETECT))
    ], name="unmask").start()
    yield made
    made.stop()


@pytest.fixture(params=["15", "18"])
def listed(request):
    return "listed" + request.param


@pytest.fixture
def ann():
    return f"ann-{uuid.uuid4().hex[:8]}"


def ask(gateway, connection, subject, *columns, seconds=600, reason="support case", token=None):
    """(status, answer) of a request."""
    body = {"connection": connection, "columns": list(columns), "seconds": seconds, "reason": reason}
    status, text = gateway.http(PATH, "POST", body, token or gateway.token(subject, ("agents",)))
    return status, json.loads(text)


def grant(gateway, connection, subject, *columns, seconds=600, groups=("dba",), token=None):
    status, view = ask(gateway, connection, subject, *columns, seconds=seconds, token=token)
    assert status == 201, view
    assert gateway.try_decide("approve", view["id"], groups=groups)
    return view["id"]


def connect(gateway, connection, subject, **more):
    return psycopg.connect(gateway.endpoint(connection, subject, **more).dsn, autocommit=True)


def one(c, text, **more):
    return c.execute(text, **more).fetchone()[0]


QUERY = "SELECT email FROM customers WHERE id = 7"


def test_shown_while_it_lasts_and_recorded(gateway, listed, ann):
    marker = uuid.uuid4().hex
    with connect(gateway, listed, ann) as c, connect(gateway, listed, "someone-else") as other:
        assert one(c, QUERY) == "u***@example.com"
        done = gateway.cli("unmask", listed, "--columns", "customers.email", "--for", "30m", "--reason", f"case {marker}",
                           "--subject", ann, "--group", "agents", "--json").check()
        view = json.loads(done.text)
        assert view["unmask_columns"] == ["public.customers.email"] and view["unmask_seconds"] == 1800
        assert view["groups"] == ["dba"] and "session" not in view and marker in view["text"]
        id = view["id"]
        assert one(c, QUERY) == "u***@example.com", "asking shows nothing yet"
        # The same request again is the same; the requester and strangers do not decide.
        assert ask(gateway, listed, ann, "public.customers.email", seconds=1800)[1]["id"] == id
        assert not gateway.try_decide("approve", id, subject=ann, groups=("agents", "dba"))
        assert not gateway.try_decide("approve", id, subject="eve", groups=("agents",))
        gateway.decide("approve", id)
        # In the session that is open, and in a new one.
        assert one(c, f"{QUERY} -- {marker}") == MAIL
        assert one(c, QUERY, binary=True) == MAIL and one(c, QUERY, prepare=True) == MAIL
        with connect(gateway, listed, ann) as fresh:
            assert one(fresh, QUERY) == MAIL
        # Nothing else of the row, nobody else, no other connection.
        assert c.execute("SELECT ssn, phone, card FROM customers WHERE id = 7").fetchone() == ("***", "***", "***")
        assert one(other, QUERY) == "u***@example.com"
        done = gateway.endpoint(listed, ann).psql("-Atc", QUERY).check()
        assert done.text.strip() == MAIL
        shown = gateway.cli("withdraw", id).check()
        assert "withdrawn" in shown.text
        # At once, in the open session, prepared or not.
        assert one(c, QUERY) == "u***@example.com" and one(c, QUERY, prepare=True) == "u***@example.com"
    entries = gateway.export()
    [exchange] = [e for e in record.exchanges(entries) if marker in (e.text or "")]
    outcome = exchange.entries[-1]
    assert outcome["details"] == {"unmasked": "public.customers.email", "unmasked_by": id}
    assert MAIL.encode() in exchange.answer, "client and record hold the same"
    about = [e for e in entries if e.get("approval") == id]
    assert [e["type"] for e in about] == ["approval.requested", "approval.approved", "approval.withdrawn"]
    for entry in about:
        assert entry["details"]["columns"] == "public.customers.email" and entry["details"]["kind"] == "unmask"
        assert entry["details"]["seconds"] == "1800" and entry["details"]["on_restart"] == "ends"
    [session] = {e["session"] for e in exchange.entries}
    assert f"unmasked by approval {id}: public.customers.email" in gateway.cli("replay", session).check().text
    shown = gateway.api(f"/sessions/{session}/recording")["exchanges"]
    assert [e["unmasked_by"] for e in shown if marker in (e.get("text") or "")] == [[id]]
    # What was masked says nothing of it.
    assert all("unmasked" not in e for e in shown if e.get("answer") and MAIL not in str(e["answer"]))


def test_every_way_a_row_leaves(gateway, listed, ann):
    grant(gateway, listed, ann, "customers.email")
    with connect(gateway, listed, ann) as c:
        assert one(c, "SELECT contact FROM unmask.people WHERE id = 7") == MAIL
        assert one(c, "SELECT e FROM (SELECT email AS e FROM customers WHERE id = 7) q") == MAIL
        assert one(c, "UPDATE customers SET id = id WHERE id = 7 RETURNING email") == MAIL
        for source in (f"({QUERY})", "customers (email)"):
            for format in ("text", "csv", "binary"):
                with c.cursor().copy(f"COPY {source} TO STDOUT (FORMAT {format})") as copy:
                    assert MAIL.encode() in b"".join(bytes(data) for data in copy)
        with c.transaction():
            c.execute(f"DECLARE c CURSOR FOR {QUERY}")
            assert one(c, "FETCH c") == MAIL
        # What is computed from it may hold more than was agreed to; rows of copies are not the column.
        assert one(c, "SELECT small FROM unmask.people WHERE id = 7") != MAIL
        assert one(c, "SELECT upper(email) FROM customers WHERE id = 7") == "***"
        assert one(c, "SELECT row_to_json(k)::text FROM customers k WHERE id = 7") == "***"
        assert MAIL not in str(c.execute("SELECT customers FROM customers WHERE id = 7").fetchone())
        assert one(c, "SELECT email FROM unmask.parts") == "***"


def test_of_a_partition_by_its_table(gateway, listed, ann):
    grant(gateway, listed, ann, "unmask.parts.email")
    with connect(gateway, listed, ann) as c:
        assert one(c, "SELECT email FROM unmask.parts") == "part7@example.com"
        assert one(c, "SELECT email FROM unmask.part") == "part7@example.com"


def test_a_view_put_in_place_shows_nothing_more(gateway, listed, ann, shop15, shop18):
    """A grant for a column of a view is none for what the view stands for."""
    status, view = ask(gateway, listed, ann, "unmask.people.contact")
    assert status == 400 and "No mask" in view["detail"]
    grant(gateway, listed, ann, "customers.email")
    with connect(gateway, listed, ann) as c:
        c.execute("BEGIN")
        c.execute("CREATE TABLE unmask.customers (id int, email text)")
        c.execute("INSERT INTO unmask.customers SELECT id, ssn FROM customers WHERE id = 7")
        c.execute("CREATE VIEW unmask.other AS SELECT id, ssn AS email FROM public.customers")
        c.execute("COMMIT")
        try:
            assert one(c, "SELECT email FROM unmask.customers") == "*******0007"
            assert one(c, "SELECT email FROM unmask.other WHERE id = 7") == "***"
            assert one(c, "SELECT ssn AS email FROM public.customers WHERE id = 7") == "***"
        finally:
            c.execute("DROP TABLE unmask.customers; DROP VIEW unmask.other")


def test_it_ends_in_time_and_a_cursor_does_not_outlive_it(gateway, listed, ann):
    at = gateway.endpoint(listed, ann)
    with connect(gateway, listed, ann) as c, wire.Wire(at) as w, wire.Wire(at) as flushed:
        w.open()
        flushed.open()
        id = grant(gateway, listed, ann, "customers.email", seconds=6)
        w.ask(wire.query("BEGIN"))
        w.ask(wire.query("DECLARE c CURSOR FOR SELECT email FROM customers ORDER BY id"))
        c.execute("DECLARE held CURSOR WITH HOLD FOR SELECT email FROM customers ORDER BY id")
        # Bound and described while it lasts: one portal has given a row, the other none.
        answer = w.ask(wire.parse("SELECT email FROM customers ORDER BY id"), wire.bind("p1"), wire.describe(name="p1"),
                       wire.execute("p1", 1), wire.bind("p2"), wire.describe(name="p2"), wire.sync())
        assert b"user1@example.com" in b"".join(body for _, body in answer)
        flushed.send(wire.parse(QUERY), wire.bind(), wire.describe(), wire.flush())
        flushed.until("T")
        assert w.rows("FETCH 1 FROM c") == [[b"user1@example.com"]]
        assert one(c, "FETCH 1 FROM held") == "user1@example.com"
        wait_for(lambda: one(c, QUERY) == "u***@example.com", 15, "the grant is over")
        assert w.rows("FETCH 1 FROM c") == [[b"u***@example.com"]]
        assert one(c, "FETCH 1 FROM held") == "u***@example.com"
        for portal in ("p1", "p2"):
            answer = w.ask(wire.execute(portal, 1), wire.sync())
            assert [wire.row(body) for kind, body in answer if kind == "D"] == [[b"u***@example.com"]], portal
        answer = flushed.ask(wire.execute(), wire.sync())
        assert wire.kinds(answer) == "DCZ" and wire.row(answer[0][1]) == [b"u***@example.com"]
    wait_for(lambda: [e["type"] for e in gateway.export() if e.get("approval") == id][-1:] == ["approval.expired"], 10,
             "its end is recorded")


def test_an_agent_is_another(gateway, listed, ann):
    grant(gateway, listed, ann, "customers.email")
    for more in (("--agent", "helper"),):
        token = gateway.token(ann, ("agents",), *more)
        with connect(gateway, listed, ann, token=token) as c:
            assert one(c, QUERY) == "u***@example.com"
        # It may ask itself; what it gets is its own.
        grant(gateway, listed, ann, "customers.phone", groups=("privacy",), token=token)
        with connect(gateway, listed, ann, token=token) as c:
            assert one(c, "SELECT phone FROM customers WHERE id = 7") == "+1-202-555-0007"
    with connect(gateway, listed, ann) as c:
        assert c.execute("SELECT email, phone FROM customers WHERE id = 7").fetchone() == (MAIL, "***")


def test_revoked_by_an_approver_and_by_a_lock(gateway, listed, ann):
    id = grant(gateway, listed, ann, "customers.email")
    with connect(gateway, listed, ann) as c:
        assert one(c, QUERY) == MAIL
        stranger = gateway.token("eve", ("agents",))
        assert gateway.http(f"/api/v1/approvals/{id}/withdraw", "POST", {}, stranger)[0] == 404
        dana = gateway.token("dana", ("dba",))
        assert gateway.http(f"/api/v1/approvals/{id}/withdraw", "POST", {"reason": "enough"}, dana)[0] == 200
        assert one(c, QUERY) == "u***@example.com"
        assert gateway.http(f"/api/v1/approvals/{id}/withdraw", "POST", {}, dana)[0] == 409
    id = grant(gateway, listed, ann, "customers.email")
    boss = gateway.token("boss", ("platform",))
    lock = gateway.api("/locks", "POST", {"principal": ann, "reason": "left"}, boss)
    assert ask(gateway, listed, ann, "customers.email")[0] == 403
    gateway.api(f"/locks/{lock['id']}", "DELETE", token=boss)
    with connect(gateway, listed, ann) as c:
        assert one(c, QUERY) == "u***@example.com", "a lock that was lifted gives nothing back"
    types = [e["type"] for e in gateway.export() if e.get("approval") == id]
    assert types == ["approval.requested", "approval.approved", "approval.withdrawn"]


def test_what_cannot_be_asked_for(gateway, listed, ann):
    for columns, words in ((("customers.ssn",), "does not say who may"), (("customers.name",), "No mask"),
                           (("customers.email", "customers.phone"), "different groups"), (("*.email",), "whole name"),
                           (("email",), "whole name"), (("a.b.c.d",), "whole name"), (("customers.em\nail",), "whole name"),
                           (tuple(f"t.c{n}" for n in range(65)), "At most 64")):
        status, answer = ask(gateway, listed, ann, *columns)
        assert status == 400 and words in answer["detail"], answer
    for body in ({}, {"connection": listed}, {"connection": listed, "columns": []}, {"connection": listed, "columns": "x.y"},
                 {"connection": listed, "columns": [1]}, {"connection": listed, "columns": ["a.b"], "seconds": 0},
                 {"connection": listed, "columns": ["a.b"], "hours": 1}):
        assert gateway.http(PATH, "POST", body, gateway.token(ann, ("agents",)))[0] == 400, body
    for connection, groups in (("nothing", ("agents",)), (listed, ("strangers",))):
        body = {"connection": connection, "columns": ["customers.email"]}
        assert gateway.http(PATH, "POST", body, gateway.token("eve", groups))[0] == 404
    # The masks' own longest time stands.
    assert ask(gateway, listed, ann, "customers.email", seconds=10**9)[1]["unmask_seconds"] == 3600


def test_detectors_of_rules_that_can_be_lifted(gateway, ann):
    with connect(gateway, "detected15", ann) as c:
        text = "SELECT email, email || '', card, profile->>'mail' FROM customers WHERE id = 7"
        assert c.execute(text).fetchone() == ("***", "***", "***", "***")
        grant(gateway, "detected15", ann, "customers.email")
        assert c.execute(text).fetchone() == (MAIL, "***", "***", "***")
        # Other detectors go on in the very column.
        grant(gateway, "detected15", ann, "customers.card")
        assert c.execute(text).fetchone() == (MAIL, "***", "***", "***")


def test_a_restart_ends_it(gateway, ann):
    grant(gateway, "listed15", ann, "customers.email")
    with connect(gateway, "listed15", ann) as c:
        assert one(c, QUERY) == MAIL
    gateway.stop()
    gateway.start()
    with connect(gateway, "listed15", ann) as c:
        assert one(c, QUERY) == "u***@example.com"


def test_masks_that_say_it_wrong(gateway, scratch, shop15):
    for unmask, words in (({"for": "1h"}, "approve"), ({"approve": {"groups": ["dba"]}}, "for"),
                          ({"approve": {"groups": ["dba"], "wait": "5s"}, "for": "1h"}, "wait"), ("yes", "")):
        masks = [{"columns": ["customers.email"], "unmask": unmask}]
        made = harness.Gateway(scratch, [harness.connection("x", shop15, mask=masks)], name="wrong")
        done = harness.run(harness.unprivileged_binary(scratch), "config", "check", "--config", made.config)
        assert done.code == 2 and words in done.text + done.error_text and "unmask" in done.text + done.error_text
