"""Sinks against a real gateway: a receiver that is down, kill -9, rotation, TLS, what a SIEM's validator says of the lines."""

import contextlib
import json
import os
import signal
import stat
import threading
import time

import jsonschema
import psycopg
import pytest
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

import harness
import receiver as r
import wire
from harness import wait_for

GUARDS = [{"name": "no-ddl", "when": {"statement": ["ddl"]}, "then": "block", "message": "Use migrations."},
          {"name": "deletes", "when": {"statement": ["delete"]}, "then": "hold",
           "approve": {"groups": ["dba"], "count": 1, "within": "15m"}}]


class Scene:
    """A gateway with one HTTPS sink and whatever others a test wants."""

    def __init__(self, scratch, shop, name, sinks=(), hook=None):
        self.secret = r.new_secret()
        self.receiver = r.Receiver(scratch.folder(f"{name}-receiver"), self.secret)
        sinks = list(sinks)
        if hook is not None:
            sinks.append({"name": "hook", "kind": "https", "url": self.receiver.url, "secret": {"env": "HOOK_SECRET"},
                          "authority": str(self.receiver.certificate), "timeout": "3s", **hook})
        self.gateway = harness.Gateway(scratch, [harness.connection("orders", shop, guard=GUARDS)], name=name,
                                       sinks=sinks)

    def start(self):
        self.gateway.start(env={"HOOK_SECRET": self.secret})
        return self

    def work(self, count, text="SELECT {n}"):
        with psycopg.connect(self.gateway.endpoint("orders", tls=False).dsn, autocommit=True) as connection:
            for n in range(count):
                connection.execute(text.format(n=n))

    def files(self, name="events.jsonl"):
        """The sink's files, rotated ones first in their order."""
        rotated = sorted(self.gateway.folder.glob(name + ".*"), key=lambda path: int(path.suffix[1:]))
        return rotated + [path for path in [self.gateway.folder / name] if path.exists()]

    def lines(self, name="events.jsonl"):
        """Every line of the files, none torn; the last one may be on its way."""
        found = []
        for path in self.files(name):
            whole, _, rest = path.read_bytes().rpartition(b"\n")
            assert not rest or path.name == name, path
            found += [json.loads(line) for line in whole.splitlines()]
        return found

    def recorded(self):
        """Ids of all entries that the record has now."""
        return {entry["id"] for entry in self.gateway.export()}

    def status(self, name="hook"):
        return {one["name"]: one for one in self.gateway.api("/sinks")["items"]}[name]

    def close(self):
        with contextlib.suppress(Exception):
            self.gateway.stop(signal.SIGKILL)
        self.receiver.stop()


@pytest.fixture
def scene(scratch, shop15):
    made = []

    def make(name, **rest):
        made.append(Scene(scratch, shop15, name, **rest))
        return made[-1]

    yield make
    for one in made:
        one.close()


FILE = {"name": "siem", "kind": "file", "path": "./events.jsonl"}


def test_receiver_down_while_commands_run_and_log_segments_go(scene):
    s = scene("sinks-down", hook={"batch": {"events": 100, "wait": "1s"}}).start()
    wal = s.gateway.folder / "data" / "wal"
    first = min(path.name for path in wal.glob("*.seg"))
    # Nobody listens. So much is recorded that segments of the log are copied and removed meanwhile.
    started = time.monotonic()
    s.work(200)
    quick = time.monotonic() - started
    for _ in range(80):
        s.work(1, f"SELECT length('{os.urandom(450_000).hex()}')")
    wait_for(lambda: min(path.name for path in wal.glob("*.seg")) > first, 60, "a segment of the log goes")
    wait_for(lambda: s.status()["errors"] >= 3, 30, "some attempts failed")
    status = s.status()
    assert status["state"] == "failing" and status["lag_entries"] > 500 and status["lag_seconds"] > 1, status
    assert "refused" in status["last_error"] and status["delivered"] == 0
    assert s.gateway.is_ready(), "a sink that is down is no reason to refuse sessions"
    metrics = s.gateway.metrics()
    assert metrics['sallyport_sink_failing{sink="hook"}'] == 1
    assert metrics['sallyport_sink_lag_entries{sink="hook"}'] > 500
    assert metrics['sallyport_sink_last_error_timestamp_seconds{sink="hook"}'] > time.time() - 60
    recorded = s.recorded()
    s.receiver.start()
    wait_for(lambda: recorded <= s.receiver.ids(), 90, "every entry arrives")
    assert s.receiver.problems == []
    everything = s.receiver.entries()
    assert len(everything) == len(s.receiver.ids()), "without a crash none comes twice"
    # In the order of the log, whole: what one session numbered has no gap.
    sequences = {}
    for entry in everything:
        sequences.setdefault(entry["session"], []).append(entry["seq"])
    for numbers in sequences.values():
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    wait_for(lambda: s.status()["state"] == "ok" and s.status()["lag_entries"] == 0, 10, "no lag")
    metrics = s.gateway.metrics()
    assert metrics['sallyport_sink_lag_entries{sink="hook"}'] == 0 == metrics['sallyport_sink_failing{sink="hook"}']
    assert metrics['sallyport_sink_delivered_total{sink="hook"}'] >= len(recorded)
    log = s.gateway.log_text()
    assert log.count("a sink does not deliver") == 1 and log.count("a sink delivers again") == 1, log
    # Recording did not wait for the sink.
    started = time.monotonic()
    s.work(200)
    assert quick < (time.monotonic() - started) * 5 + 1


def test_answers_that_are_lost_bring_doubles_that_ids_tell(scene):
    s = scene("sinks-doubles", hook={"batch": {"events": 20, "wait": "1s"}})
    attempts = {}

    def behave(handler, request, number):
        attempts.setdefault(request.headers["webhook-id"], []).append(request.body)
        if number % 3 == 1:  # taken, and the answer lost
            s.receiver.take(request)
            handler.close_connection = True
            handler.connection.close()
            return None
        return 503 if number % 3 == 2 else 200

    s.receiver.behave = behave
    s.receiver.start()
    s.start()
    s.work(40)
    recorded = s.recorded()
    wait_for(lambda: recorded <= s.receiver.ids(), 60, "every entry arrives")
    assert s.receiver.problems == []
    assert len(s.receiver.entries()) > len(s.receiver.ids()), "there were doubles"
    # One id, one body, however often it was tried.
    assert any(len(bodies) > 1 for bodies in attempts.values())
    assert all(len(set(bodies)) == 1 for bodies in attempts.values())


def test_kill_in_the_middle(scene):
    s = scene("sinks-kill", sinks=[{**FILE, "rotate": {"size": "64KiB", "keep": 1000}}],
              hook={"batch": {"events": 10, "wait": "1s"}})
    s.receiver.behave = lambda handler, request, number: time.sleep(0.02) or 200
    s.receiver.start()
    s.start()
    for round in range(4):
        def work():
            with contextlib.suppress(psycopg.Error):
                s.work(2000)
        writer = threading.Thread(target=work)
        writer.start()
        taken = len(s.receiver.taken)
        wait_for(lambda: len(s.receiver.taken) > taken + 2 + round, 20, "the receiver takes some")
        s.gateway.stop(signal.SIGKILL)
        writer.join()
        s.start()
    s.work(5)
    recorded = s.recorded()
    wait_for(lambda: recorded <= s.receiver.ids(), 90, "every entry arrives")
    wait_for(lambda: recorded <= {entry["id"] for entry in s.lines()}, 20, "the file has everything")
    in_file = [entry["id"] for entry in s.lines()]
    assert len(in_file) == len(set(in_file)), "no line twice"
    assert s.receiver.problems == []


def test_rotation_keeps_what_is_asked_for(scene):
    s = scene("sinks-rotate", sinks=[
        {**FILE, "rotate": {"size": "64KiB", "keep": 1000}, "mode": "0640"},
        {"name": "few", "kind": "file", "path": "./few.jsonl", "rotate": {"size": "64KiB", "keep": 2}}]).start()
    for _ in range(12):
        s.work(40)
        time.sleep(0.7)
    recorded = s.recorded()
    wait_for(lambda: recorded <= {entry["id"] for entry in s.lines()}, 20, "every entry is in the file")
    files = s.files()
    assert len(files) > 3, files
    ids = [entry["id"] for entry in s.lines()]
    assert recorded <= set(ids) and len(ids) == len(set(ids))
    assert all(path.stat().st_size <= 64 << 10 for path in files)
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o640
    few = s.files("few.jsonl")
    assert len(few) == 3 and stat.S_IMODE(few[-1].stat().st_mode) == 0o600
    kept = [entry["id"] for entry in s.lines("few.jsonl")]
    # The newest, without a gap; the other file may have come less far.
    wait_for(lambda: kept[-1] in {entry["id"] for entry in s.lines()}, 20, "both come as far")
    ids = [entry["id"] for entry in s.lines()]
    assert len(kept) > 50 and kept[-1] in ids and ids[ids.index(kept[0]):][:len(kept)] == kept


def test_ocsf_lines_are_valid_by_the_published_schema(scene):
    s = scene("sinks-ocsf", sinks=[{**FILE, "format": "ocsf"}], hook={"format": "ocsf", "body": "array"})
    s.receiver.start()
    s.start()
    s.work(3)
    with psycopg.connect(s.gateway.endpoint("orders", tls=False).dsn, autocommit=True) as connection:
        for text in ("INSERT INTO orders SELECT * FROM orders WHERE false", "UPDATE orders SET id = id WHERE false",
                     "CREATE TABLE nope (i int)", "SELECT 1/0", "SELECT * FROM absent", "BEGIN", "ROLLBACK"):
            with contextlib.suppress(psycopg.Error):
                connection.execute(text)
    for decision in ("approve", "deny"):
        with wire.Wire(s.gateway.endpoint("orders")) as at:
            at.open()
            answer = threading.Thread(target=lambda: at.ask(wire.query("DELETE FROM orders WHERE false")))
            answer.start()
            pending = wait_for(s.gateway.pending, 10, "an approval")
            s.gateway.decide(decision, pending[0]["id"])
            answer.join()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(s.gateway.endpoint("orders", token="nonsense").dsn)
    s.gateway.api("/search?q=orders")
    lock = s.gateway.http("/api/v1/locks", "POST", {"principal": "mallory", "reason": "test"},
                          s.gateway.token("root", ["platform"]))
    assert lock[0] == 201
    recorded = s.recorded()
    wait_for(lambda: recorded <= {e["metadata"]["uid"] for e in s.lines()}, 20, "every entry in the file")
    s.gateway.stop()
    events = s.lines()
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version="1.5.0"))
    validators, classes, activities = {}, set(), set()
    for event in events:
        assert event["metadata"]["version"] == "1.5.0"
        profiles = tuple(sorted(event["metadata"].get("profiles", [])))
        key = (event["class_uid"], profiles)
        if key not in validators:
            name = schema.lookup_class_name_from_uid(event["class_uid"])
            validators[key] = jsonschema.Draft202012Validator(schema.get_class_schema(name, list(profiles)))
        problems = [f"{error.json_path}: {error.message[:200]}" for error in validators[key].iter_errors(event)]
        assert not problems, (event, problems)
        assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
        classes.add(event["class_uid"])
        activities.add((event["class_uid"], event["activity_id"], event.get("disposition_id")))
    assert classes == {0, 2004, 3002, 6005}
    # Query and Write allowed, Delete held and approved, DDL blocked, a hold denied, a sign-in refused.
    assert {(6005, 4, 1), (6005, 5, 1), (6005, 2, 1), (6005, 7, 14), (2004, 1, 2), (2004, 1, 25), (3002, 1, 26),
            (3002, 1, None), (3002, 2, None)} <= activities, activities
    assert {e["metadata"]["uid"] for e in s.receiver.entries()} == {e["metadata"]["uid"] for e in events}
    text = "\n".join(path.read_text() for path in s.files())
    assert "nope" not in text or '"objects":["nope"]' in text
    assert "nonsense" not in text


def test_a_bad_certificate_a_redirect_and_a_wrong_secret_deliver_nothing(scene, scratch):
    s = scene("sinks-tls", hook={"batch": {"wait": "1s"}})
    other = harness.make_certificate(scratch.folder("other-ca"), "other")[0]
    [hook] = s.gateway.settings["sinks"]
    s.gateway.settings["sinks"] = [
        hook,
        {**hook, "name": "stranger", "authority": str(other)},
        {**hook, "name": "elsewhere", "url": f"https://localhost.localdomain.invalid:{s.receiver.port}/secret-path"},
        {**hook, "name": "forger", "secret": {"env": "OTHER_SECRET"}},
        {**hook, "name": "moved", "url": s.receiver.url.replace("/hook", "/moved?token=s3cr3t-t0ken")},
    ]
    s.gateway.config.write_text(harness.to_yaml(s.gateway.settings))
    paths = []

    def behave(handler, request, number):
        paths.append(request.path)
        if request.path.startswith("/moved"):
            handler.send_response(307)
            handler.send_header("Location", "/stolen")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return None
        return 200

    s.receiver.behave = behave
    s.receiver.start()
    forged = r.new_secret()
    s.gateway.start(env={"HOOK_SECRET": s.secret, "OTHER_SECRET": forged})
    s.work(3)

    def failing():
        return {one["name"]: one for one in s.gateway.api("/sinks")["items"] if one["state"] == "failing"}

    wait_for(lambda: set(failing()) == {"stranger", "elsewhere", "forger", "moved"}, 30, "four of them fail")
    wait_for(lambda: s.status("hook")["delivered"] > 0, 20, "the good one delivers")
    said = failing()
    assert "TLS" in said["stranger"]["last_error"] or "certificate" in said["stranger"]["last_error"], said
    assert "401" in said["forger"]["last_error"] and "307" in said["moved"]["last_error"]
    assert all(one["delivered"] == 0 for one in said.values())
    assert "/stolen" not in paths
    everywhere = s.gateway.log_text() + json.dumps(s.gateway.api("/sinks")) + s.gateway.http("/metrics")[1]
    everywhere += s.gateway.cli("sinks").check().text
    for secret in (s.secret, forged, "s3cr3t-t0ken", "secret-path", "/moved"):
        assert secret not in everywhere


def test_a_receiver_that_hangs_or_drips_neither_blocks_nor_delays_the_end(scene):
    s = scene("sinks-hang", sinks=[FILE], hook={"batch": {"wait": "1s"}, "timeout": "2s"})

    def drip(handler, request, number):
        handler.send_response(200)
        with contextlib.suppress(OSError):
            for _ in range(200):
                handler.send_header("X-Drip", "x" * 10)
                handler.flush_headers()
                time.sleep(0.1)
        handler.close_connection = True
        return None

    s.receiver.behave = drip
    s.receiver.start()
    s.start()
    s.work(50)
    wait_for(lambda: "no answer within 2 s" in (s.status().get("last_error") or ""), 20, "it times out")
    assert s.status("siem")["state"] in ("ok", "behind") and s.gateway.is_ready()
    started = time.monotonic()
    assert s.gateway.stop() == 0
    assert time.monotonic() - started < 8
    # The good sink has the last entry of this run.
    assert s.lines()[-1]["type"] == "gateway.stopped"


def test_retry_after_is_kept(scene):
    s = scene("sinks-retry", hook={"batch": {"wait": "1s"}})
    times = []

    def behave(handler, request, number):
        times.append(time.monotonic())
        if len(times) > 1:
            return 200
        handler.send_response(429)
        handler.send_header("Retry-After", "4")
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return None

    s.receiver.behave = behave
    s.receiver.start()
    s.start()
    wait_for(lambda: len(times) >= 2, 20, "a second attempt")
    assert times[1] - times[0] >= 3.9


def test_from_now_lines_and_a_file_that_cannot_be_written(scene):
    s = scene("sinks-now")
    del s.gateway.settings["sinks"]
    s.gateway.config.write_text(harness.to_yaml(s.gateway.settings))
    s.start()
    s.work(5)
    before = s.recorded()
    s.gateway.stop()
    blocked = s.gateway.folder / "blocked"
    blocked.mkdir(mode=0o555)
    s.gateway.settings["sinks"] = [
        {**FILE, "from": "now"}, {"name": "all", "kind": "file", "path": "./all.jsonl"},
        {"name": "blocked", "kind": "file", "path": "./blocked/events.jsonl"}]
    s.gateway.config.write_text(harness.to_yaml(s.gateway.settings))
    s.start()
    s.work(5)
    after = s.recorded() - before
    both = before | after
    wait_for(lambda: both <= {entry["id"] for entry in s.lines("all.jsonl")}, 20, "every entry is in the file")
    wait_for(lambda: s.lines() and s.lines()[-1]["id"] == s.lines("all.jsonl")[-1]["id"], 20, "both come as far")
    new = {entry["id"] for entry in s.lines()}
    # What stopping and the export added between the two looks may be among them; what was there at the start is not.
    assert not (new & before) and len(after - new) <= 3
    wait_for(lambda: s.status("blocked")["state"] == "failing", 10, "it cannot be written")
    assert "permission denied" in s.status("blocked")["last_error"] and s.gateway.is_ready()
    harness.give_away(blocked)
    blocked.chmod(0o755)
    wait_for(lambda: s.status("blocked")["state"] == "ok", 60, "it goes on by itself")
    assert before <= {json.loads(line)["id"] for line in (blocked / "events.jsonl").read_text().splitlines()}


def test_who_may_see_and_what_the_command_says(scene):
    s = scene("sinks-roles", sinks=[FILE]).start()
    wait_for(lambda: s.status("siem")["delivered"] > 0, 20, "something is delivered")
    for subject, groups, wanted in (("eve", ["security"], 200), ("root", ["platform"], 200), ("ada", ["agents"], 403)):
        status, text = s.gateway.http("/api/v1/sinks", token=s.gateway.token(subject, groups))
        assert status == wanted, (subject, text)
    assert s.gateway.http("/api/v1/sinks")[0] == 401
    [shown] = s.gateway.cli_json("sinks")
    assert shown["name"] == "siem" and shown["kind"] == "file" and shown["target"].endswith("/events.jsonl")
    text = s.gateway.cli("sinks").check().text
    assert "siem" in text and "STATE" in text
    s.gateway.stop()
    [shown] = s.gateway.cli_json("sinks")
    assert shown["state"] == "stopped" and shown["lag_entries"] == 0 and shown["next"] > 0
    cursor = s.gateway.folder / "data" / "sinks" / "siem"
    cursor.write_text("nonsense")
    s.start()
    wait_for(lambda: s.status("siem")["state"] == "failing", 20, "a damaged cursor is told")
    assert "damaged" in s.status("siem")["last_error"] and s.gateway.is_ready()
