"""Notifications of approvals: signed webhooks and Slack messages, to real servers that are slow, broken or down."""

import json
import threading
import time
import uuid

import psycopg
import pytest

import harness
import receiver as r
from harness import wait_for

DBA = {"groups": ["dba"], "within": "60s"}
GUARDS = [
    {"name": "deletes", "when": {"statement": ["delete"], "table": ["waits"]}, "then": "hold", "message": "Ask a dba.",
     "approve": DBA},
    {"name": "quick", "when": {"statement": ["delete"], "table": ["quick"]}, "then": "hold",
     "approve": {**DBA, "within": "2s"}},
    {"name": "two", "when": {"statement": ["delete"], "table": ["two"]}, "then": "hold", "approve": {**DBA, "count": 2}},
]
CONSOLE = "https://gateway.example.com:6090"


class Scene:
    """A gateway with a webhook and a Slack channel, each a server of its own."""

    def __init__(self, scratch, cluster, name):
        self.secret = r.new_secret()
        folder = scratch.folder(f"{name}-receivers")
        self.hook = r.Receiver(folder, self.secret)
        self.slack = r.Receiver(folder, None)
        self.gateway = harness.Gateway(
            scratch,
            [harness.connection("shop", cluster, guard=GUARDS, break_glass={"groups": ["oncall"]}),
             {**harness.connection("closed", cluster),
              "access": {"groups": ["admins"], "request": {"groups": ["devs"], "approve": DBA, "for": "1h"}}}],
            name=name, notify=[
                {"webhook": self.hook.url, "secret": {"env": "HOOK_SECRET"}, "authority": str(self.hook.certificate),
                 "timeout": "3s"},
                {"slack": {"env": "SLACK_URL"}, "authority": str(self.slack.certificate), "timeout": "3s"}])
        self.gateway.settings["listen"]["console_url"] = CONSOLE + "/"
        self.gateway.config.write_text(harness.to_yaml(self.gateway.settings))

    def start(self):
        self.hook.start()
        self.slack.start()
        self.gateway.start(env={"HOOK_SECRET": self.secret, "SLACK_URL": self.slack.url})
        return self

    def stop(self):
        self.gateway.stop()
        self.hook.stop()
        self.slack.stop()

    def told(self, id, *types):
        """The webhook's messages about an approval, once those of all these types are there; in the order of arrival."""
        def look():
            found = [m for m in messages(self.hook) if m["data"].get("approval") == id]
            return found if sorted(m["type"] for m in found) == sorted(types) else None

        return wait_for(look, 15, f"{types} of {id}")

    def counts(self):
        metrics = self.gateway.metrics()
        return {name: metrics.get(f'sallyport_notifications_{name}{{receiver="webhook"}}')
                for name in ("delivered_total", "failures_total", "dropped_total", "waiting")}


def messages(receiver):
    with receiver.lock:
        return [json.loads(request.body) for request in receiver.taken]


@pytest.fixture(scope="module")
def cluster(scratch):
    made = harness.Cluster(scratch, "pg15-notify", harness.PG15_BIN).start()
    made.sql("".join(f"CREATE TABLE {table} (marker text);" for table in ("waits", "quick", "two")))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def scene(cluster, scratch):
    made = Scene(scratch, cluster, "notify").start()
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def behave(scene):
    yield
    for receiver in (scene.hook, scene.slack):
        receiver.behave = lambda handler, request, number: 204


@pytest.fixture
def marker():
    return uuid.uuid4().hex


class Client:
    """Runs one statement in the background."""

    def __init__(self, gateway, text, **who):
        self.connection = psycopg.connect(gateway.endpoint("shop", **who).dsn, autocommit=True)
        self.error = None
        self.thread = threading.Thread(target=self._run, args=(text,), daemon=True)
        self.thread.start()

    def _run(self, text):
        try:
            self.connection.execute(text)
        except psycopg.Error as error:
            self.error = error

    def end(self):
        self.thread.join(15)
        assert not self.thread.is_alive()
        self.connection.close()
        return self.error.sqlstate if self.error else "00000"


def delete(table, marker):
    return f"DELETE FROM {table} WHERE marker = '{marker}'"


def pending(gateway, marker):
    return wait_for(lambda: next((a["id"] for a in gateway.pending() if marker in str(a)), None), 15, "an approval")


def test_requested_and_approved(scene, marker):
    token = scene.gateway.token("ada", ("agents",), "--agent", "copilot", "--run", "run-7", "--purpose", f"why {marker}")
    client = Client(scene.gateway, delete("waits", marker), token=token)
    id = pending(scene.gateway, marker)
    [requested] = scene.told(id, "approval.requested")
    data = requested["data"]
    assert data["requester"]["subject"] == "ada" and (data["agent"], data["run"]) == ("copilot", "run-7")
    assert (data["connection"], data["database"], data["verb"]) == ("shop", "shop", "DELETE")
    assert "waits" in str(data["objects"]) and data["rules"] == ["deletes"] and data["message"] == "Ask a dba."
    assert data["groups"] == ["dba"] and data["count"] == 1 and data["expires"] > requested["timestamp"]
    assert data["link"] == f"{CONSOLE}/approvals/{id}"
    scene.gateway.decide("approve", id)
    assert client.end() == "00000"
    _, approved = scene.told(id, "approval.requested", "approval.approved")
    assert approved["data"]["by"]["subject"] == "dana" and approved["data"]["approvals"] == 1
    assert scene.hook.problems == [], "every request is signed, with an id and a time of its own"


def test_slack_gets_words_and_a_link(scene, marker):
    token = scene.gateway.token("<!channel> `ada`", ("agents",), "--agent", "*bold* https://evil.example.com")
    client = Client(scene.gateway, delete("waits", marker), token=token)
    id = pending(scene.gateway, marker)
    text = wait_for(lambda: next((m["text"] for m in messages(scene.slack) if id in m["text"]), None), 15, "a message")
    assert text.startswith("*Approval needed*\n")
    assert f"<{CONSOLE}/approvals/{id}|Look at it and decide>" in text
    # What comes from tokens stands as code: nobody is called, nothing is linked or formatted.
    assert "`&lt;!channel&gt; 'ada'`" in text and "`*bold* https://evil.example.com`" in text and "<!channel>" not in text
    assert "`deletes`" in text and "1 of `dba` must approve, until 20" in text
    scene.gateway.decide("deny", id)
    assert client.end() == "42501"
    wait_for(lambda: any(m["text"].startswith("*Denied*") and id in m["text"] for m in messages(scene.slack)), 15, "denied")


def test_nothing_of_the_content_leaves(scene, marker):
    """Neither the text, nor values, nor reasons, nor tokens."""
    token = scene.gateway.token("ada", ("agents",), "--purpose", f"purpose {marker}")
    client = Client(scene.gateway, delete("waits", marker) + f" /* note {marker} */", token=token)
    id = pending(scene.gateway, marker)
    status, _ = scene.gateway.http(f"/api/v1/approvals/{id}/deny", "POST", {"reason": f"because {marker}"},
                                   scene.gateway.approval_token("dana", ["dba"]))
    assert status == 200 and client.end() == "42501"
    scene.told(id, "approval.requested", "approval.denied")
    for receiver in (scene.hook, scene.slack):
        with receiver.lock:
            sent = b"".join(request.body + str(request.headers).encode() for request in receiver.taken)
        assert id.encode() in sent
        for secret in (marker, token, scene.secret, "HOOK_SECRET", "scram_user-secret"):
            assert secret.encode() not in sent
    assert scene.secret not in scene.gateway.log_text() and scene.slack.url not in scene.gateway.log_text()


def test_every_end_is_told(scene, marker):
    expiring = Client(scene.gateway, delete("quick", marker))
    id = pending(scene.gateway, marker)
    assert expiring.end() == "42501"
    scene.told(id, "approval.requested", "approval.expired")

    leaving = Client(scene.gateway, delete("waits", marker + "-2"))
    id = pending(scene.gateway, marker + "-2")
    leaving.connection.cancel()
    assert leaving.end() == "57014"
    scene.told(id, "approval.requested", "approval.withdrawn")

    both = Client(scene.gateway, delete("two", marker + "-3"))
    id = pending(scene.gateway, marker + "-3")
    scene.gateway.decide("approve", id)
    scene.gateway.decide("approve", id, subject="olga")
    assert both.end() == "00000"
    told = scene.told(id, "approval.requested", "approval.approved", "approval.approved")
    assert [(m["data"].get("by") or {}).get("subject") for m in told] == [None, "dana", "olga"]


def test_break_glass_and_access(scene, marker):
    person = Client(scene.gateway, f"/*break_glass='pager {marker}'*/ " + delete("waits", marker), subject="pia",
                    groups=("agents", "oncall"))
    assert person.end() == "00000"
    alert = wait_for(lambda: next((m for m in messages(scene.hook) if m["type"] == "alert.break_glass"), None), 15, "an alert")
    assert alert["data"]["requester"]["subject"] == "pia" and alert["data"]["rules"] == ["deletes"]
    assert marker not in str(alert)
    wait_for(lambda: any("Glass broken" in m["text"] and "`pia`" in m["text"] for m in messages(scene.slack)), 15, "told")

    done = scene.gateway.cli("request", "closed", "--for", "30m", "--reason", f"incident {marker}", "--subject",
                             f"dev-{marker[:8]}", "--group", "devs", "--json").check()
    id = json.loads(done.text)["id"]
    [requested] = scene.told(id, "approval.requested")
    assert requested["data"]["access_seconds"] == 1800 and requested["data"]["connection"] == "closed"
    assert marker not in str(requested)
    wait_for(lambda: any("Access asked for" in m["text"] and id in m["text"] for m in messages(scene.slack)), 15, "told")


def test_down_then_up(scene, marker):
    scene.hook.stop(cut=True)
    before = scene.counts()
    client = Client(scene.gateway, delete("waits", marker))
    id = pending(scene.gateway, marker)
    scene.gateway.decide("approve", id)
    assert client.end() == "00000"
    wait_for(lambda: scene.counts()["failures_total"] > before["failures_total"], 15, "a failure is counted")
    assert scene.counts()["waiting"] >= 1 and scene.counts()["dropped_total"] == before["dropped_total"]
    scene.hook.start()
    told = scene.told(id, "approval.requested", "approval.approved")
    assert [m["type"] for m in told] == ["approval.requested", "approval.approved"], "in their order"
    wait_for(lambda: scene.counts()["waiting"] == 0, 15, "nothing waits")
    assert scene.hook.problems == []


def test_an_error_is_retried_with_the_same_id(scene, marker):
    seen = []

    def behave(handler, request, number):
        if marker_id and marker_id[0] in request.body.decode():
            seen.append((request.headers["webhook-id"], int(request.headers["webhook-timestamp"])))
            return 500 if len(seen) < 3 else 204
        return 500 if not marker_id else 204

    marker_id = []
    scene.hook.behave = behave
    client = Client(scene.gateway, delete("waits", marker))
    id = pending(scene.gateway, marker)
    marker_id.append(id)
    scene.told(id, "approval.requested")
    assert len(seen) == 3 and len({one for one, _ in seen}) == 1
    assert seen == sorted(seen, key=lambda one: one[1])
    scene.gateway.decide("deny", id)
    assert client.end() == "42501"


def test_what_is_refused_for_good_is_dropped_and_counted(scene, marker):
    wait_for(lambda: scene.counts()["waiting"] == 0, 15, "nothing waits")
    before = scene.counts()
    scene.hook.behave = lambda handler, request, number: 400
    client = Client(scene.gateway, delete("waits", marker))
    id = pending(scene.gateway, marker)
    wait_for(lambda: scene.counts()["dropped_total"] == before["dropped_total"] + 1, 15, "dropped")
    scene.hook.behave = lambda handler, request, number: 204
    scene.gateway.decide("deny", id)
    assert client.end() == "42501"
    scene.told(id, "approval.denied")


def test_a_receiver_that_hangs_delays_no_grant(scene, marker):
    hold = threading.Event()

    def hang(handler, request, number):
        hold.wait(20)
        return 204

    scene.hook.behave = hang
    scene.slack.behave = hang
    try:
        waits = []
        for number in range(5):
            client = Client(scene.gateway, delete("waits", f"{marker}-{number}"))
            id = pending(scene.gateway, f"{marker}-{number}")
            start = time.monotonic()
            scene.gateway.decide("approve", id)
            assert client.end() == "00000"
            waits.append(time.monotonic() - start)
        assert max(waits) < 2, waits
    finally:
        hold.set()
        scene.hook.behave = lambda handler, request, number: 204
        scene.slack.behave = lambda handler, request, number: 204
    wait_for(lambda: scene.counts()["waiting"] == 0, 60, "all are told in the end")


def test_a_gateway_that_stops_gives_what_is_left_a_moment(cluster, scratch, marker):
    made = Scene(scratch, cluster, "notify-stop").start()
    try:
        client = Client(made.gateway, delete("waits", marker))
        id = pending(made.gateway, marker)
        assert made.gateway.stop() == 0
        client.end()
        made.told(id, "approval.requested", "approval.withdrawn")
        # Down for good: the stop does not wait for it.
        made.hook.stop(cut=True)
        made.slack.stop(cut=True)
        made.gateway.start(env={"HOOK_SECRET": made.secret, "SLACK_URL": made.slack.url})
        client = Client(made.gateway, delete("waits", marker + "-2"))
        pending(made.gateway, marker + "-2")
        start = time.monotonic()
        assert made.gateway.stop() == 0
        assert time.monotonic() - start < 15
        client.end()
    finally:
        made.stop()
