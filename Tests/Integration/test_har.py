"""Sessions of HTTP as archives (HAR 1.2): by the command line and the API, held against the format's rules and read by
somebody else's reader."""

import base64
import hashlib
import json
import os
import socket
import ssl
import threading
import time
import urllib.parse
import urllib.request

import haralyzer
import pytest
import websockets.sync.client
import websockets.sync.server

import har
import harness
import origin
from harness import run

FORM = {"name": "Ann Ö", "note": "a&b=c", "empty": ""}


@pytest.fixture(scope="module")
def api():
    service = origin.Origin()
    yield service
    service.stop()


@pytest.fixture(scope="module")
def echo():
    with websockets.sync.server.serve(lambda link: [link.send(said) for said in link], "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.socket.getsockname()[1]
        server.shutdown()


@pytest.fixture(scope="module")
def gateway(scratch, api, echo):
    running = harness.Gateway(scratch, [
        {"name": "web", "kind": "http", "target": {"url": api.url + "/base"}, "access": {"groups": ["agents"]},
         "credential": {"bearer": "target-secret"}, "guard": [
             {"name": "no-admin", "when": {"path": "/admin/**"}, "then": "block", "message": "Ask the platform team."},
             {"name": "ask", "when": {"path": "/held/**"}, "then": "hold",
              "approve": {"groups": ["dba"], "within": "30s", "wait": "1s"}}]},
        {"name": "socket", "kind": "http", "target": {"url": f"http://127.0.0.1:{echo}"}, "access": {"groups": ["agents"]}},
        {"name": "raw", "kind": "http", "target": {"url": api.url}, "access": {"groups": ["agents"]}},
    ], name="har").start()
    yield running
    running.stop()


class Client:
    """Requests of one run: of one session, or of one on each event loop that they met."""

    def __init__(self, gateway, name, connection="raw", subject="agent-har"):
        self.gateway, self.name, self.connection, self.subject = gateway, name, connection, subject

    def curl(self, path, *arguments, code=0):
        done = run("curl", "-sS", "--path-as-is", "-m", "60", "-H",
                   f"Authorization: Bearer {self.gateway.token(self.subject)}", "-H", f"Sallyport-Run: {self.name}",
                   *arguments, f"http://127.0.0.1:{self.gateway.http_port}/{self.connection}{path}", timeout=90)
        assert done.code == code, (done.code, done.error_text)
        return done.out

    @property
    def sessions(self):
        return [one["id"] for one in self.gateway.api(f"/sessions?run={self.name}")["items"]]

    @property
    def session(self):
        return self.sessions[0]

    def archive(self, count):
        """The entries once that many commands have their outcome, by the command line."""
        def outcomes():
            return [entry for session in self.sessions
                    for entry in self.gateway.api(f"/sessions/{session}/events?limit=1000")["items"]
                    if entry["type"] == "command.outcome"]
        harness.wait_for(lambda: len(outcomes()) >= count, 10, f"{count} outcomes")
        self.texts = {session: self.gateway.cli("audit", "export", "--session", session, "--har").check().text
                      for session in self.sessions}
        self.text = "".join(self.texts.values())
        entries = []
        for text in self.texts.values():
            own = har.check(json.loads(text))
            assert [e["startedDateTime"] for e in own] == sorted(e["startedDateTime"] for e in own)
            entries += own
        return sorted(entries, key=lambda entry: entry["startedDateTime"])


def test_requests_and_answers(gateway):
    client = Client(gateway, "plain")
    client.curl("/echo/a%20b?q=1+2&q=%C3%BC&token=s3cret&flag", "-H", "X-Own: yes", "-b", "sid=c00kie")
    client.curl("/echo", "-d", urllib.parse.urlencode(FORM))
    client.curl("/echo", "-H", "Content-Type: application/json", "-d", '{"ä": "\\u0001"}')
    client.curl("/echo", "-X", "PUT", "-H", "Content-Type: application/octet-stream", "--data-binary", "@-")
    client.curl("/gzip")
    client.curl("/download?5000")
    client.curl("/chunked?3")
    client.curl("/status?204")
    client.curl("/status?404")
    client.curl("/redirect?/raw-elsewhere")
    client.curl("/cookie")
    client.curl("/echo/head", "-I")
    client.curl("/cut", code=18)
    entries = client.archive(13)
    assert len(entries) == 13
    (echo, form, posted, put, zipped, download, chunked, none, missing, moved, cookie, head, cut) = entries
    assert echo["request"]["url"].endswith("/echo/a%20b?q=1+2&q=%C3%BC&token=[hidden]&flag")
    assert [(p["name"], p["value"]) for p in echo["request"]["queryString"]] == [
        ("q", "1 2"), ("q", "ü"), ("token", "[hidden]"), ("flag", "")]
    fields = {f["name"].lower(): f["value"] for f in echo["request"]["headers"]}
    assert fields["x-own"] == "yes" and fields["cookie"] == "[hidden]" and "authorization" not in fields
    assert echo["request"]["bodySize"] == 0 and "postData" not in echo["request"]
    assert json.loads(echo["response"]["content"]["text"])["method"] == "GET"
    assert echo["response"]["content"]["mimeType"] == "application/json"
    assert {p["name"]: p["value"] for p in form["request"]["postData"]["params"]} == FORM
    assert form["request"]["bodySize"] == len(urllib.parse.urlencode(FORM))
    assert json.loads(posted["request"]["postData"]["text"]) == {"ä": "\x01"}
    assert put["request"]["method"] == "PUT" and put["request"]["bodySize"] == 0
    assert zipped["response"]["content"]["text"] == "hello " * 100
    assert zipped["response"]["bodySize"] < 100 and zipped["response"]["content"]["compression"] > 500
    binary = download["response"]["content"]
    assert base64.b64decode(binary["text"]) == (bytes(range(256)) * 256)[:5000] and binary["size"] == 5000
    assert chunked["response"]["content"]["text"] == "piece 0\npiece 1\npiece 2\n"
    assert (none["response"]["status"], none["response"]["content"]["size"]) == (204, 0)
    assert (missing["response"]["status"], missing["response"]["content"]["text"]) == (404, "status 404")
    assert missing["_sallyport"]["outcome"] == {"kind": "error", "code": "404"}
    assert moved["response"]["redirectURL"] == "/raw/raw-elsewhere"
    assert [f["value"] for f in cookie["response"]["headers"] if f["name"].lower() == "set-cookie"] == ["[hidden]"]
    assert head["request"]["method"] == "HEAD" and head["response"]["content"]["size"] == 0
    assert cut["response"]["bodySize"] == -1 and cut["response"]["content"]["text"] == "only this"
    # The service says back what it got, and what it says is recorded as the client got it.
    said = client.text.replace(json.dumps(echo["response"]["content"]["text"], ensure_ascii=False), "")
    for secret in ("s3cret", "c00kie", "sid=abc", gateway.token("agent-har")):
        assert secret not in said, secret


def test_what_the_gateway_decided(gateway):
    client = Client(gateway, "decided", "web")
    client.curl("/echo")
    client.curl("/admin/users", "-d", "a=b")
    client.curl("/held/1")
    entries = client.archive(1)
    passed, blocked, held = entries
    assert "/base/echo" in passed["request"]["url"]
    assert passed["_sallyport"]["verdict"] == "allow" and "text" not in passed["_sallyport"]
    assert "target-secret" not in json.dumps(passed["request"])
    verdict = blocked["_sallyport"]
    assert (verdict["verdict"], verdict["rules"], verdict["outcome"]["kind"]) == ("block", ["no-admin"], "blocked")
    assert blocked["response"]["status"] == 403 and blocked["request"]["postData"]["params"] == [{"name": "a", "value": "b"}]
    assert held["_sallyport"]["verdict"] == "hold" and held["_sallyport"]["approval"]["id"]
    assert held["timings"]["blocked"] == 0 or held["timings"]["blocked"] > 500


def test_somebody_elses_reader_takes_it(gateway):
    client = Client(gateway, "reader")
    client.curl("/echo?a=b")
    client.curl("/gzip")
    client.archive(2)
    entries = []
    for text in client.texts.values():
        parser = haralyzer.HarParser(json.loads(text))
        assert parser.version == "1.2" and parser.creator == {**parser.creator, "name": "Sallyport"}
        entries += parser.har_data["entries"]
    pages = sorted(map(haralyzer.HarEntry, entries), key=lambda page: page.startTime)
    assert [page.status for page in pages] == [200, 200]
    assert pages[0].request.method == "GET" and pages[0].request.url.endswith("/echo?a=b")
    assert pages[1].response.text == "hello " * 100 and pages[0].time > 0


def test_the_api_streams_the_same(gateway):
    client = Client(gateway, "api")
    client.curl("/echo?a=b")
    client.curl("/download?300000")
    client.archive(2)
    session = client.session
    status, text = gateway.http(f"/api/v1/sessions/{session}/har", token=gateway.token("watcher", ["security"]))
    assert status == 200
    by_api, by_command = json.loads(text), json.loads(client.texts[session])
    assert by_api["log"]["entries"] == by_command["log"]["entries"]
    assert by_api["log"]["_sallyport"]["id"] == session
    # One's own sessions are for everybody, others' for auditors.
    assert gateway.http(f"/api/v1/sessions/{session}/har", token=gateway.token("agent-har"))[0] == 200
    assert gateway.http(f"/api/v1/sessions/{session}/har", token=gateway.token("somebody", ["agents"]))[0] == 404
    assert gateway.http(f"/api/v1/sessions/{session}/har")[0] == 401
    assert gateway.http(f"/api/v1/sessions/{session}/har?a=b", token=gateway.token("agent-har"))[0] == 400
    document = json.loads(gateway.http("/api/openapi.json")[1])
    assert "/api/v1/sessions/{id}/har" in document["paths"]


def test_exports_are_entries(gateway):
    client = Client(gateway, "entries")
    client.curl("/echo")
    client.archive(1)
    gateway.http(f"/api/v1/sessions/{client.session}/har", token=gateway.token("watcher", ["security"]))
    viewed = [e for e in gateway.export() if e["type"] == "record.viewed" and e.get("subject_session") == client.session]
    assert {e["details"]["view"] for e in viewed} >= {"export", "har"}, viewed


def test_other_kinds_and_forms_are_refused(gateway):
    client = Client(gateway, "forms")
    client.curl("/echo")
    client.archive(1)
    assert gateway.cli("audit", "export", "--har").code != 0
    both = gateway.cli("audit", "export", "--session", client.session, "--har", "--csv")
    assert both.code != 0 and "--har" in both.error_text
    assert "--har" in gateway.cli("audit", "export", "--help").text


def test_streams_that_overlap_stand_in_the_order_they_began(gateway, api):
    client = Client(gateway, "overlap")
    slow = threading.Thread(target=lambda: client.curl("/events?20"))
    slow.start()
    harness.wait_for(lambda: any(r["path"] == "/events?20" for r in api.requests), 10, "the stream has begun")
    for _ in range(3):
        client.curl("/echo")
    slow.join()
    entries = client.archive(4)
    assert [e["request"]["url"].rsplit("/", 1)[1] for e in entries] == ["events?20", "echo", "echo", "echo"]
    assert entries[0]["time"] > 500 and entries[0]["response"]["content"]["text"].count("data:") == 20


def test_an_open_request_has_no_answer_yet(gateway, api):
    client = Client(gateway, "open")
    done = threading.Thread(target=lambda: client.curl("/events?60"))
    done.start()
    harness.wait_for(lambda: any(r["path"] == "/events?60" for r in api.requests), 10, "the stream has begun")
    harness.wait_for(lambda: gateway.api("/sessions?run=open")["items"], 10, "the session")
    entries = client.archive(0)
    assert len(entries) == 1 and "outcome" not in entries[0]["_sallyport"]
    done.join()


def test_messages_of_a_websocket(gateway):
    client = Client(gateway, "socket", "socket")
    with websockets.sync.client.connect(
            f"ws://127.0.0.1:{gateway.http_port}/socket/room", additional_headers={
                "Authorization": f"Bearer {gateway.token('agent-har')}", "Sallyport-Run": "socket"}) as link:
        for said in ("hello ü", b"\x00\xff", "l" * 100_000):
            link.send(said)
            assert link.recv(timeout=10) == said
    (entry,) = client.archive(1)
    assert entry["response"]["status"] == 101 and entry["response"]["content"]["size"] == 0
    assert entry["_resourceType"] == "websocket"
    said = [(m["type"], m["opcode"], m["data"]) for m in entry["_webSocketMessages"] if m["opcode"] < 8]
    binary = base64.b64encode(b"\x00\xff").decode()
    assert said == [(kind, opcode, data) for opcode, data in ((1, "hello ü"), (2, binary), (1, "l" * 100_000))
                    for kind in ("send", "receive")]
    assert all(abs(m["time"] - time.time()) < 600 for m in entry["_webSocketMessages"])


def test_large_recordings_are_written_in_bounded_memory(gateway):
    """Forty megabytes up and down, in a process that may not take what they are."""
    client = Client(gateway, "large")
    size = 20_000_000
    for _ in range(2):
        client.curl(f"/download?{size}", "-o", "/dev/null")
    upload = gateway.folder / "upload"
    upload.write_bytes(os.urandom(size))
    client.curl("/upload", "-T", upload)
    digest = hashlib.sha256(upload.read_bytes()).hexdigest()
    entries = client.archive(3)
    assert [e["response"]["content"]["size"] for e in entries[:2]] == [size, size]
    sent = base64.b64decode(entries[2]["request"]["postData"]["text"])
    assert hashlib.sha256(sent).hexdigest() == digest and entries[2]["request"]["bodySize"] == size
    peak = gateway.folder / "peak"
    largest = max(client.texts, key=lambda one: len(client.texts[one]))
    code = ("import resource,subprocess,sys\n"
            "done=subprocess.run(sys.argv[2:],stdout=subprocess.DEVNULL)\n"
            "open(sys.argv[1],'w').write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))\n"
            "sys.exit(done.returncode)")
    run("/usr/bin/python3", "-c", code, peak, harness.unprivileged_binary(gateway.scratch), "audit", "export", "--config",
        gateway.config, "--session", largest, "--har", **harness.as_unprivileged()).check()
    assert int(peak.read_text()) < 120_000, "KiB of one export"
    # A client of the API that reads slowly costs no more.
    before = gateway.resident_kib()
    scheme = gateway._scheme()
    link = socket.create_connection(("127.0.0.1", gateway.console), 10)
    if scheme == "https":
        link = ssl.create_default_context(cafile=str(gateway.certificate)).wrap_socket(link, server_hostname="127.0.0.1")
    with link:
        link.sendall(f"GET /api/v1/sessions/{largest}/har HTTP/1.1\r\nHost: gateway\r\n"
                     f"Authorization: Bearer {gateway.token('watcher', ['security'])}\r\n\r\n".encode())
        assert b"200" in link.recv(100)
        time.sleep(1)
        assert gateway.resident_kib() - before < 40_000
