"""kind: http on the wire: real clients through the real gateway, against the same request made directly."""

import base64
import hashlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import threading
import time

import pytest

import harness
import origin
import record
from harness import LONG

BODY = bytes(range(256)) * 300


def http_connection(name, url, **rest):
    return {"name": name, "kind": "http", "target": {"url": url}, "access": {"groups": ["agents"]},
            "credential": {"bearer": "target-secret"}, **rest}


@pytest.fixture(scope="module")
def api():
    service = origin.Origin()
    yield service
    service.stop()


@pytest.fixture(scope="module")
def lenient():
    service = origin.LenientOrigin()
    yield service
    service.stop()


GUARDS = [
    {"name": "no-admin", "when": {"path": "/admin/**"}, "then": "block", "message": "Ask the platform team."},
    {"name": "no-delete", "when": {"method": ["DELETE"]}, "then": "block"},
    {"name": "no-prod", "when": {"header": {"X-Env": ["prod*"]}}, "then": "block"},
    {"name": "no-all", "when": {"path": "/list", "query": {"limit": ["all"]}}, "then": "block"},
    {"name": "ask", "when": {"path": "/held/**", "statement": ["write"]}, "then": "hold",
     "approve": {"groups": ["dba"], "within": "30s"}},
]


@pytest.fixture(scope="module")
def gateway(scratch, api, lenient):
    running = harness.Gateway(scratch, [
        http_connection("plain", api.url),
        http_connection("guarded", api.url, guard=GUARDS),
        http_connection("c", lenient.url),
        http_connection("x", lenient.url),
        http_connection("reading", api.url, read_only=True),
        http_connection("keyed", api.url, credential={"header": {"name": "X-Key", "value": "key-secret"}}),
        http_connection("queried", api.url, credential={"query": {"name": "key", "value": "a b&c"}}),
        http_connection("basic", api.url, credential={"username": "u", "password": "basic-secret"}),
        http_connection("based", api.url + "/base"),
        http_connection("gone", f"http://127.0.0.1:{harness.free_port()}"),
    ], name="http").start()
    yield running
    running.stop()


def call(gateway, path, method="GET", body=None, headers=None, token=None, port=None):
    """(status, fields in small letters, body) of one request on a connection of its own."""
    link = http.client.HTTPConnection("127.0.0.1", port or gateway.http_port, timeout=30)
    fields = dict(headers or {})
    if token is not False:
        fields.setdefault("Authorization", f"Bearer {token or gateway.token()}")
    link.request(method, path, body, fields)
    answer = link.getresponse()
    data = answer.read()
    link.close()
    return answer.status, {k.lower(): v for k, v in answer.getheaders()}, data


def exchange(port, data, seconds=10, until=None):
    """Everything that comes back for some raw bytes, until the other side closes, or `until` is in it."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as link:
        link.sendall(data)
        got = b""
        try:
            while not (until and got.count(until[0]) >= until[1]):
                piece = link.recv(1 << 16)
                if not piece:
                    break
                got += piece
        except TimeoutError:
            pass
        return got


def entries_of(gateway, marker):
    return harness.wait_for(lambda: record.find(gateway.export(), marker), 10, f"{marker} in the record")


# --- the same as without a gateway

@pytest.mark.parametrize("method,path,body", [
    ("GET", "/echo?a=b&c=%20d", None), ("HEAD", "/echo", None), ("POST", "/echo", b"x" * 1000), ("POST", "/echo", b""),
    ("PUT", "/echo", BODY), ("PATCH", "/echo/a%20b/%C3%A9", b"{}"), ("DELETE", "/echo", None), ("OPTIONS", "/echo", None),
    ("GET", "/status?204", None), ("GET", "/status?304", None), ("GET", "/status?404", None), ("GET", "/status?500", None),
    ("GET", "/chunked?5", None), ("GET", "/chunked?0", None), ("GET", "/close", None), ("GET", "/once", None),
    ("GET", "/gzip", None), ("GET", "/download?100000", None), ("HEAD", "/download?100000", None),
])
def test_same_as_direct(gateway, api, method, path, body):
    direct = call(gateway, path, method, body, port=api.port, token=False)
    through = call(gateway, "/plain" + path, method, body)
    assert through[0] == direct[0]
    if path.startswith("/echo") and method != "HEAD":
        ours, theirs = json.loads(through[2]), json.loads(direct[2])
        for part in ("method", "path", "body"):
            assert ours[part] == theirs[part]
    else:
        assert through[2] == direct[2]
    skip = {"date", "connection", "transfer-encoding", "server", "content-length", "keep-alive"}
    for name, value in direct[1].items():
        if name not in skip:
            assert through[1].get(name) == value, name


def test_curl(gateway, api):
    token = gateway.token()
    base = f"http://127.0.0.1:{gateway.http_port}/plain"
    done = harness.run("curl", "-sS", "-H", f"Authorization: Bearer {token}", f"{base}/echo/x", "-d", "a=b").check()
    assert json.loads(done.text)["body"] == "a=b"
    done = harness.run("curl", "-sS", "-u", f"any:{token}", "-o", "/dev/null", "-w", "%{http_code} %{num_connects}\n",
                       f"{base}/echo/1", f"{base}/echo/2").check()
    assert done.text.startswith("200")
    done = harness.run("curl", "-sS", "--cacert", gateway.certificate, "-H", f"x-api-key: {token}",
                       f"https://127.0.0.1:{gateway.http_port}/plain/echo").check()
    assert json.loads(done.text)["headers"]["x-forwarded-proto"] == "https"
    # Announces its body and waits for 100 Continue.
    done = harness.run("curl", "-sS", "-v", "-H", f"Sallyport-Token: {token}", "-H", "Expect: 100-continue",
                       "--data-binary", "@-", f"{base}/upload", input=BODY * 4).check()
    assert json.loads(done.text)["sha256"] == hashlib.sha256(BODY * 4).hexdigest()
    assert "100 Continue" in done.error_text


@pytest.mark.skipif(not shutil.which("node"), reason="no node")
def test_node_fetch(gateway):
    script = """
      const base = process.env.BASE, headers = {authorization: 'Bearer ' + process.env.TOKEN};
      const one = await (await fetch(base + '/echo/a', {headers})).json();
      const two = await (await fetch(base + '/echo/b', {headers, method: 'POST', body: JSON.stringify({a: 1})})).json();
      const three = await fetch(base + '/chunked?3', {headers});
      console.log(JSON.stringify([one.path, two.body, await three.text()]));
    """
    done = harness.run("node", "--input-type=module", "-e", script, env={
        "BASE": f"http://127.0.0.1:{gateway.http_port}/plain", "TOKEN": gateway.token()}).check()
    assert json.loads(done.text) == ["/echo/a", '{"a":1}', "piece 0\npiece 1\npiece 2\n"]


# --- identity and credential

def test_token_is_stripped_and_credential_put_in(gateway, api):
    token = gateway.token()
    api.take()
    for fields in ({"Authorization": f"Bearer {token}"}, {"x-api-key": token}, {"Sallyport-Token": token},
                   {"Authorization": "Basic " + base64.b64encode(f"x:{token}".encode()).decode()},
                   {"Sallyport-Token": token, "Authorization": "Bearer other", "X-Api-Key": "more"}):
        assert call(gateway, "/plain/echo", headers=fields, token=False)[0] == 200
        (request,) = api.take()
        values = [v for _, v in request["headers"]]
        assert values.count("Bearer target-secret") == 1
        assert not any(token in v or v in ("Bearer other", "more") for v in values)
    for name, expected in (("keyed", ("X-Key", "key-secret")), (
            "basic", ("Authorization", "Basic " + base64.b64encode(b"u:basic-secret").decode()))):
        call(gateway, f"/{name}/echo", headers={"X-Key": "mine", "Authorization": f"Bearer {token}"})
        (request,) = api.take()
        assert [v for k, v in request["headers"] if k.lower() == expected[0].lower()] == [expected[1]]
    call(gateway, "/queried/echo?key=mine&a=b")
    assert api.take()[0]["path"] == "/echo?a=b&key=a%20b%26c"
    call(gateway, "/based/echo")
    assert api.take()[0]["path"] == "/base/echo"


def test_sign_in_is_refused(gateway, api):
    api.take()
    wrong = gateway.token("eve", ["others"])
    for path, token, status in (("/plain/x", False, 401), ("/plain/x", "rubbish", 401), ("/plain/x", wrong, 403),
                                ("/unknown/x", None, 403)):
        code, fields, body = call(gateway, path, token=token)
        assert code == status, (path, token)
        assert fields["content-type"] == "application/problem+json"
        problem = json.loads(body)
        assert problem["status"] == status and problem["title"] and problem["type"].startswith("urn:sallyport:")
    # An unknown connection looks like one that is forbidden.
    one, two = call(gateway, "/plain/x", token=wrong)[2], call(gateway, "/unknown/x", token=wrong)[2]
    assert one.replace(b"plain", b"N") == two.replace(b"unknown", b"N")
    assert api.take() == []


def test_two_tokens_on_one_connection(gateway, api):
    link = http.client.HTTPConnection("127.0.0.1", gateway.http_port, timeout=30)
    seen = []
    for n, subject in enumerate(["ann", "bob", "ann", "bob"]):
        link.request("GET", f"/plain/echo/switch-{subject}-{n}", headers={"Authorization": f"Bearer {gateway.token(subject)}"})
        answer = link.getresponse()
        assert answer.status == 200
        seen.append(json.loads(answer.read())["peer"])
    link.close()
    # A connection to the target is never shared between principals.
    assert len(set(seen)) == 4
    entries = gateway.export()
    for n, subject in enumerate(["ann", "bob", "ann", "bob"]):
        (found,) = record.find(entries, f"switch-{subject}-{n}")
        assert found.entries[0]["principal"]["subject"] == subject


def test_requests_of_one_run_are_one_session(gateway):
    for n in range(6):
        assert call(gateway, f"/plain/echo/run-{n}", headers={"Sallyport-Run": "r-17"})[0] == 200
    entries = gateway.export()
    found = [e for n in range(6) for e in record.find(entries, f"run-{n}")]
    assert len(found) == 6
    by_loop = {e.entries[0]["session"] for e in found}
    assert len(by_loop) <= os.cpu_count()
    for session in by_loop:
        mine = [e for e in entries if e["session"] == session]
        assert [e["type"] for e in mine].count("session.open") == 1
        numbers = [e["exchange"] for e in mine if e["type"] == "command.allowed"]
        assert len(numbers) == len(set(numbers))
        assert [e["seq"] for e in mine] == list(range(mine[0]["seq"], mine[0]["seq"] + len(mine)))


# --- guards

@pytest.mark.parametrize("path,method,headers,rule", [
    ("/admin", "GET", {}, "no-admin"), ("/admin/", "GET", {}, "no-admin"), ("/admin/users", "GET", {}, "no-admin"),
    ("/x/../admin/users", "GET", {}, "no-admin"), ("//admin//users", "GET", {}, "no-admin"),
    ("/%61dmin/users", "GET", {}, "no-admin"), ("/ADMIN/users", "POST", {}, "no-admin"),
    ("/echo", "DELETE", {}, "no-delete"), ("/echo", "GET", {"X-Env": "production"}, "no-prod"),
    ("/echo", "GET", {"x-env": "PROD"}, "no-prod"), ("/list?limit=all", "GET", {}, "no-all"),
    ("/list?limit=1&limit=%61ll", "GET", {}, "no-all"),
])
def test_guards(gateway, api, path, method, headers, rule):
    api.take()
    status, fields, body = call(gateway, "/guarded" + path, method, headers=headers)
    assert status == 403
    problem = json.loads(body)
    assert problem["rule"] == rule
    if rule == "no-admin":
        assert problem["message"] == "Ask the platform team."
    assert api.take() == []
    assert call(gateway, "/guarded/echo/fine")[0] == 200


@pytest.mark.parametrize("path", ["/admin%2fusers", "/x%2f..%2fadmin", "/;/admin", "/admin;x/users", "/%252e%252e/admin",
                                  "/%c0%ae%c0%ae/admin", "/admin%00", "/admin%5cusers"])
def test_paths_that_servers_read_in_different_ways(gateway, api, path):
    api.take()
    status, fields, _ = call(gateway, "/guarded" + path)
    assert status == 400 and fields["connection"] == "close"
    assert api.take() == []


def test_unknown_methods_are_not_understood(gateway, api):
    assert call(gateway, "/guarded/echo", "BREW")[0] == 403
    assert call(gateway, "/plain/echo", "BREW")[0] == 200
    assert call(gateway, "/plain/echo", "TRACE")[0] == 405
    assert call(gateway, "/reading/echo")[0] == 200
    for method in ("POST", "PUT", "DELETE"):
        assert call(gateway, "/reading/echo", method)[0] == 403


def test_held_until_approved(gateway, api):
    answers = []
    client = threading.Thread(target=lambda: answers.append(call(gateway, "/guarded/held/thing-7", "POST", b"pay")))
    client.start()
    (pending,) = harness.wait_for(lambda: [a for a in gateway.pending() if "thing-7" in json.dumps(a)], 20, "a request")
    assert not answers
    gateway.decide("approve", pending["id"])
    client.join(20)
    assert answers[0][0] == 200 and json.loads(answers[0][2])["body"] == "pay"
    (found,) = entries_of(gateway, "thing-7")
    assert found.types == ["command.held", "command.granted", "command.outcome"]


def test_held_and_denied(gateway, api):
    api.take()
    answers = []
    client = threading.Thread(target=lambda: answers.append(call(gateway, "/guarded/held/thing-8", "POST", b"pay")))
    client.start()
    (pending,) = harness.wait_for(lambda: [a for a in gateway.pending() if "thing-8" in json.dumps(a)], 20, "a request")
    gateway.decide("deny", pending["id"])
    client.join(20)
    assert answers[0][0] == 403
    assert api.take() == []


def test_a_client_that_does_not_wait_sends_again(gateway, api):
    def ask(trace):
        return call(gateway, "/guarded/held/thing-9", "POST", b"pay", {"Prefer": "wait=1", "Traceparent": trace})

    api.take()
    status, fields, body = ask("00-1")
    problem = json.loads(body)
    assert status == 403 and problem["type"] == "urn:sallyport:approval-pending" and fields["retry-after"]
    assert call(gateway, "/guarded/held/thing-9", "POST", b"pay", {"Prefer": "respond-async"})[0] == 202
    gateway.decide("approve", problem["approval"])
    assert api.take() == []
    # Another body is another request.
    assert call(gateway, "/guarded/held/thing-9", "POST", b"more", {"Prefer": "wait=1"})[0] == 403
    status, _, body = ask("00-2")
    assert status == 200 and json.loads(body)["body"] == "pay"
    assert len(api.take()) == 1
    status, _, body = ask("00-3")
    assert status == 403 and json.loads(body)["approval"] != problem["approval"]
    assert api.take() == []


# --- the record

def test_record(gateway):
    call(gateway, "/plain/echo/users/4711?password=hunter2&a=mark-1", "POST", b'{"n": 1}',
         {"Cookie": "sid=secretcookie", "Content-Type": "application/json"})
    (found,) = entries_of(gateway, "mark-1")
    assert found.kind == "success" and found.outcome["code"] == "200"
    allowed = found.entries[0]
    assert allowed["verb"] == "POST" and allowed["objects"] == ["/echo/users/{id}"]
    assert found.text.startswith("POST /echo/users/4711?password=[hidden]&a=mark-1 HTTP/1.1\r\n")
    assert found.text.endswith('\r\n\r\n{"n": 1}')
    assert b"mark-1" in found.answer and found.answer.startswith(b"HTTP/1.1 200 OK\r\n")
    text = json.dumps(gateway.export())
    for secret in ("hunter2\"", "secretcookie\"", gateway.token()):
        assert secret.strip('"') not in found.text
    assert gateway.token() not in text
    listed = gateway.cli("sessions").check().text
    assert "plain" in listed
    shown = gateway.cli("replay", allowed["session"]).check().text
    assert "POST /echo/users/4711" in shown and "200" in shown


def test_replay_is_a_timeline(gateway):
    own = {"Sallyport-Run": "timeline"}
    call(gateway, "/plain/echo/timeline?a=b", "POST", b"x=1&y=2", own)
    call(gateway, "/plain/gzip", headers=own)
    call(gateway, "/plain/download?3000", headers=own)
    call(gateway, "/plain/upload", "PUT", bytes(range(256)), own)
    call(gateway, "/plain/chunked?3", headers=own)
    sessions = harness.wait_for(lambda: gateway.api("/sessions?run=timeline")["items"], 10, "the sessions")
    shown = "".join(gateway.cli("replay", one["id"]).check().text for one in sessions)
    lines = [line.strip() for line in shown.splitlines()]
    for line in ("POST /echo/timeline?a=b HTTP/1.1", "x=1&y=2", "200 OK", "hello " * 100, "(3000 bytes that are no text)",
                 "PUT /upload HTTP/1.1", "(256 bytes that are no text)", "piece 2"):
        assert line.strip() in lines, (line, shown)
    outcomes = [line for line in lines if line.startswith("=> success 200")]
    assert len(outcomes) == 5 and all("bytes sent, " in line and " bytes answered, " in line and " ms" in line for line in outcomes)
    for odd in ("\\r", "base64url:", "rows", "longer than what is shown", "Transfer-Encoding: chunked\n\n    7"):
        assert odd not in shown, odd


def test_blocked_is_recorded(gateway):
    call(gateway, "/guarded/admin/mark-2")
    (found,) = entries_of(gateway, "mark-2")
    assert found.types == ["command.blocked"] and found.outcome["code"] == "403" and found.rules == ["no-admin"]


# --- connections and streams

def test_pipelining_keeps_the_order(gateway, api):
    token = gateway.token()
    head = f"Host: gw\r\nAuthorization: Bearer {token}\r\n"
    data = "".join(f"GET /guarded/{p} HTTP/1.1\r\n{head}\r\n" for p in ("echo/1", "admin/2", "chunked?2", "echo/4"))
    data += f"GET /guarded/echo/5 HTTP/1.1\r\n{head}Connection: close\r\n\r\n"
    got = exchange(gateway.http_port, data.encode())
    places = [got.index(p) for p in (b'"/echo/1"', b"urn:sallyport:refused", b"piece 1", b'"/echo/4"', b'"/echo/5"')]
    assert places == sorted(places)
    assert got.count(b"HTTP/1.1 ") == 5


def test_keep_alive_reuses_the_targets_connection(gateway, api):
    link = http.client.HTTPConnection("127.0.0.1", gateway.http_port, timeout=30)
    peers = []
    for path in ("echo", "echo", "once", "echo", "status?404", "echo"):
        link.request("GET", "/plain/" + path, headers={"Authorization": f"Bearer {gateway.token()}"})
        answer = link.getresponse()
        body = answer.read()
        if path == "echo":
            peers.append(json.loads(body)["peer"])
    link.close()
    assert peers[0] == peers[1] and peers[1] != peers[2] and peers[2] == peers[3]


def test_targets_faults(gateway):
    assert call(gateway, "/gone/x")[0] == 502
    assert call(gateway, "/plain/silent")[0] == 502
    assert call(gateway, "/plain/garbage")[0] == 502
    with pytest.raises(http.client.IncompleteRead):
        call(gateway, "/plain/cut")
    (found,) = record.find(gateway.export(), "GET /cut")
    assert found.kind == "interrupted"


def test_redirects_and_cookies_stay_in_the_connection(gateway, api):
    assert call(gateway, "/plain/redirect")[1]["location"] == "/plain/landed"
    assert call(gateway, f"/plain/redirect?{api.url}/a")[1]["location"] == "/plain/a"
    assert call(gateway, "/plain/redirect?https://elsewhere.example/a")[1]["location"] == "https://elsewhere.example/a"
    assert call(gateway, "/plain/cookie")[1]["set-cookie"] == "sid=abc; HttpOnly; Path=/plain/"


def test_http_1_0(gateway):
    head = f"Authorization: Bearer {gateway.token()}\r\n\r\n"
    got = exchange(gateway.http_port, f"GET /plain/chunked?2 HTTP/1.0\r\n{head}".encode())
    assert got.endswith(b"\r\n\r\npiece 0\npiece 1\n") and b"Transfer-Encoding" not in got


def test_trailers(gateway):
    head = f"Host: g\r\nAuthorization: Bearer {gateway.token()}\r\nConnection: close\r\n\r\n"
    got = exchange(gateway.http_port, f"GET /plain/chunked?2 HTTP/1.1\r\n{head}".encode())
    assert got.endswith(b"0\r\nX-Sum: 42\r\n\r\n")


def test_events_flow(gateway):
    link = http.client.HTTPConnection("127.0.0.1", gateway.http_port, timeout=30)
    link.request("GET", "/plain/events?8", headers={"Authorization": f"Bearer {gateway.token()}"})
    answer = link.getresponse()
    delays = []
    while line := answer.readline():
        if line.startswith(b"data: "):
            delays.append(time.monotonic() - float(line[6:]))
    link.close()
    assert len(delays) == 8
    print("delay of events, ms:", [round(d * 1000, 1) for d in delays])
    assert sorted(delays)[4] < 0.04


def upload(gateway, size, chunked):
    token = gateway.token()
    piece = os.urandom(1 << 16)
    digest = hashlib.sha256()

    def pieces():
        for _ in range(size >> 16):
            digest.update(piece)
            yield piece

    link = http.client.HTTPConnection("127.0.0.1", gateway.http_port, timeout=120)
    fields = {"Authorization": f"Bearer {token}"}
    if not chunked:
        fields["Content-Length"] = str(size)
    link.request("POST", "/plain/upload", pieces(), fields, encode_chunked=chunked)
    answer = json.loads(link.getresponse().read())
    link.close()
    assert answer == {"count": size, "sha256": digest.hexdigest()}


@pytest.mark.timeout(900)
def test_streams_take_no_memory(gateway):
    size = (1 << 30) if LONG else (96 << 20)
    upload(gateway, 1 << 20, False)
    before = gateway.resident_kib()
    started = time.monotonic()
    upload(gateway, size, False)
    upload(gateway, size // 2, True)
    link = http.client.HTTPConnection("127.0.0.1", gateway.http_port, timeout=120)
    link.request("GET", f"/plain/download?{size}", headers={"Authorization": f"Bearer {gateway.token()}"})
    answer = link.getresponse()
    count = 0
    while piece := answer.read(1 << 18):
        count += len(piece)
    link.close()
    assert count == size
    grown = gateway.resident_kib() - before
    print(f"{size >> 20} MiB each way in {time.monotonic() - started:.1f} s, {grown} KiB more memory")
    assert grown < 64 << 10


def test_a_slow_reader_stops_the_target(gateway):
    before = gateway.resident_kib()
    with socket.create_connection(("127.0.0.1", gateway.http_port), timeout=60) as link:
        link.sendall(f"GET /plain/download?{64 << 20} HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {gateway.token()}\r\n\r\n".encode())
        link.recv(1000)
        time.sleep(1.5)
        assert gateway.resident_kib() - before < 32 << 10


# --- hostile bytes

def corpus():
    lines = (harness.ROOT / "Tests/Corpus/http-requests.corpus").read_text().splitlines()
    for line in lines:
        if line and not line.startswith("#"):
            kind, expected, *rest = line.split(" ", 2)
            text = rest[0] if rest else ""
            if kind == "field":
                text = r"GET /c/x HTTP/1.1\r\n{HT}" + text + r"\r\n\r\n"
            path = None
            if kind == "path":
                if not expected.isdigit():
                    expected, path = "ok", expected
                text = "GET /c" + text + r" HTTP/1.1\r\n{HT}\r\n"
            yield expected, text, path


def unescape(text, token):
    text = text.replace("{HT}", "Host: gw\\r\\nAuthorization: Bearer t\\r\\n")
    data = text.encode("latin-1").decode("unicode_escape").encode("latin-1")
    return data.replace(b"Bearer t\r\n", b"Bearer %s\r\n" % token.encode()).replace(
        b"bEARER  t\r\n", b"bEARER  %s\r\n" % token.encode()).replace(b"Key: t\r\n", b"Key: %s\r\n" % token.encode()).replace(
        b"Token: t\r\n", b"Token: %s\r\n" % token.encode()).replace(
        b"Basic dTp0\r\n", b"Basic %s\r\n" % base64.b64encode(b"u:" + token.encode()))


def test_what_is_judged_is_what_a_lenient_target_reads(gateway, lenient):
    """Every request of the corpus: what the origin takes for requests is what the record says, target by target."""
    token = gateway.token()
    lenient.take()
    passed, refused = 0, 0
    for expected, text, path in corpus():
        data = unescape(text, token)
        if data.startswith(b"PRI "):  # to the gateway these clients speak HTTP/2, whatever follows
            continue
        marker = {"ok": (b"\r\n\r\nok", 1), "ok2": (b"\r\n\r\nok", 2)}.get(expected, (b"urn:sallyport", 1))
        got = exchange(gateway.http_port, data, 0.3 if expected == "wait" else 10, marker)
        requests = lenient.take()
        if expected.startswith("ok"):
            count = 2 if expected == "ok2" else 1
            assert len(requests) == count, (text, got)
            passed += count
            for line, fields, _ in requests:
                assert fields[b"authorization"] == b"Bearer target-secret", text
                assert path is None or line == b"GET %s HTTP/1.1\r\n" % path.encode(), text
        else:
            assert requests == [], (text, requests)
            if expected.isdigit():
                refused += 1
                assert got.startswith(f"HTTP/1.1 {expected} ".encode()), (text, got[:100])
    assert refused > 200 and passed > 90
    entries = gateway.export()
    allowed = [e for e in entries if e["type"] == "command.allowed" and e.get("connection") in ("c", "x")]
    assert len(allowed) == passed


# --- endings

def test_a_lock_ends_it(gateway, api):
    token = gateway.token("mallory")
    link = http.client.HTTPConnection("127.0.0.1", gateway.http_port, timeout=30)
    link.request("GET", "/plain/echo", headers={"Authorization": f"Bearer {token}"})
    assert link.getresponse().read()
    gateway.api("/locks", "POST", {"principal": "mallory", "reason": "test"}, gateway.token("root", ["platform"]))
    harness.wait_for(lambda: call(gateway, "/plain/echo", token=token)[0] == 403, 6, "the lock")
    with pytest.raises((http.client.HTTPException, OSError)):
        link.request("GET", "/plain/echo", headers={"Authorization": f"Bearer {token}"})
        if link.getresponse().status != 200:
            raise OSError("refused")
    api.take()


def test_answered_requests_survive_kill_9(scratch, api):
    running = harness.Gateway(scratch, [http_connection("plain", api.url)], name="http-crash").start()
    answered, stop = [], threading.Event()

    def client(name):
        number = 0
        while not stop.is_set():
            marker = f"{name}-{number}-end"
            number += 1
            try:
                if call(running, f"/plain/echo/{marker}", "POST", b"x" * 3000)[0] == 200:
                    answered.append(marker)
            except (OSError, http.client.HTTPException):
                return

    threads = [threading.Thread(target=client, args=(f"k{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    harness.wait_for(lambda: len(answered) > 40, 30, "answers")
    running.stop(signal.SIGKILL)
    stop.set()
    for thread in threads:
        thread.join(20)
    running.start()
    try:
        running.cli("audit", "verify", timeout=120).check()
        exchanges = record.exchanges(running.export())
        by_text = "\n".join(e.text or "" for e in exchanges if e.kind == "success")
        missing = [m for m in answered if m not in by_text]
        assert missing == []
        received = {r["path"] for r in api.take()}
        recorded = "\n".join(e.text or "" for e in exchanges)
        assert [p for p in received if p.endswith("-end") and p not in recorded] == []
    finally:
        running.stop()
