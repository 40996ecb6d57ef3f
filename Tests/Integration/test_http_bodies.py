"""Guards on what requests' bodies say, over the wire: the corpus against an origin that takes everything, and what careless
readers make of what the gateway let pass."""

import gzip
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import socket
import subprocess
import time
import urllib.parse
import zlib

import httpx
import pytest
import requests

import harness
import opa
import origin
import record
from harness import run

TYPES = {"J": "application/json", "F": "application/x-www-form-urlencoded", "M": "multipart/form-data; boundary=b",
         "G": "application/graphql"}

GUARDS = [
    {"name": "no-admin", "when": {"path": "/r/**", "body": {"**.role": ["admin"]}}, "then": "block",
     "message": "Nobody becomes an admin here."},
    {"name": "big", "when": {"path": "/r/**", "body": {"$.amount": {"over": 1000}}}, "then": "block"},
    {"name": "no-reason", "when": {"path": "/d/**", "body": {"reason": {"is": "absent"}}}, "then": "block"},
    {"name": "others", "when": {"path": "/d/t", "body": {"team": {"not": ["red", "blue"]}}}, "then": "block"},
    {"name": "first", "when": {"path": "/i/**", "body": {"items[0].id": ["secret"]}}, "then": "block"},
    {"name": "mutations", "when": {"path": "/graphql/**", "graphql": {"operation": ["mutation"]}}, "then": "block"},
    {"name": "secrets", "when": {"path": "/graphql/**", "graphql": {"field": ["secret*"]}}, "then": "block"},
    {"name": "named", "when": {"path": "/graphql/named", "graphql": {"name": {"not": ["Known"]}}}, "then": "block"},
    {"name": "ask", "when": {"path": "/h/**", "body": {"amount": {"over": 100}}}, "then": "hold",
     "approve": {"groups": ["dba"], "within": "30s"}},
    {"name": "watch", "when": {"path": "/w/**", "body": {"user.email": ["*@example.com"]}}, "then": "log"},
]


@pytest.fixture(scope="module")
def api():
    service = origin.Origin()
    yield service
    service.stop()


@pytest.fixture(scope="module")
def service():
    running = opa.PolicyServer().start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def gateway(scratch, api, service):
    def connection(name, **rest):
        return {"name": name, "kind": "http", "target": {"url": api.url}, "access": {"groups": ["agents"]},
                "credential": {"bearer": "target-secret"}, **rest}
    running = harness.Gateway(scratch, [
        connection("c", guard=GUARDS),
        connection("asked", opa={"url": service.url}),
        connection("lenient", guard=GUARDS[:2], not_understood="allow"),
    ], name="bodies").start()
    yield running
    running.stop()


def corpus():
    for line in (harness.ROOT / "Tests/Corpus/http-bodies.corpus").read_text().splitlines():
        if line and not line.startswith("#"):
            verdict, path, fields, body = re.fullmatch(r"(\S+) (\S+)(?: (.*?))? \|(?: (.*))?", line).groups()
            fields = (fields or "").split("~") if fields else []
            if fields:
                fields[0] = "Content-Type: " + TYPES.get(fields[0], fields[0])
            body = re.sub(r"<([^<>]+)\*(\d+)>", lambda m: m[1] * int(m[2]), body or "")
            parts = re.split(r"<([0-9A-F]{2})>", body)
            data = b"".join(bytes.fromhex(p) if n % 2 else p.encode() for n, p in enumerate(parts))
            yield verdict, path, fields, data, line


def ask(gateway, link, path, fields, body, connection="c"):
    """(status, rule) of a request whose header is written as it stands."""
    head = f"POST /{connection}{path} HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer {gateway.token()}\r\n"
    head += "".join(field + "\r\n" for field in fields) + f"Content-Length: {len(body)}\r\n\r\n"
    link.sendall(head.encode() + body)
    answer = http.client.HTTPResponse(link)
    answer.begin()
    data = answer.read()
    rule = None
    if answer.status != 200:
        rule = json.loads(data)["rule"]
    return answer.status, rule


# --- what careless readers take a body for

def first_wins(pairs):
    found = {}
    for name, value in pairs:
        found.setdefault(name, value)
    return found


def relaxed(text):
    """JSON as hand-written parsers take it: comments, single quotes, bare names, commas before a bracket."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*|^#[^\n]*", "", text, flags=re.S | re.M).replace("'", '"')
    text = re.sub(r"([{,]\s*)([A-Za-z_]\w*)\s*:", r'\1"\2":', text)
    text = re.sub(r"\bTrue\b", "true", re.sub(r"\bundefined\b", "null", text))
    return re.sub(r",(\s*[}\]])", r"\1", text)


def json_readings(body):
    texts = []
    for charset in ("utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1", "utf-7"):
        try:
            texts.append(body.decode(charset))
        except (UnicodeError, ValueError):
            pass
    texts.append(body.decode("utf-8", "ignore"))
    texts.append(body.decode("utf-8", "replace"))
    texts += [re.sub("\x00", "", text) for text in texts] + [relaxed(text) for text in texts]
    for text in dict.fromkeys(texts):
        for hook in (None, first_wins):
            decoder = json.JSONDecoder(strict=False, object_pairs_hook=hook)
            at = 0
            while at < len(text):  # the first document, the last, each of them
                try:
                    value, end = decoder.raw_decode(text, at)
                except (ValueError, RecursionError):
                    break
                yield value
                at = end + re.match(r"[\s;,]*", text[end:]).end()


def form_readings(body):
    text = body.decode("utf-8", "replace")
    for separator in ("&", ";"):
        for order in (1, -1):
            yield dict(urllib.parse.parse_qsl(text, keep_blank_values=True, separator=separator)[::order])


def multipart_readings(body):
    found = {}
    for part in re.split(rb"\r?\n?--b(?:--)?\r?\n?", body):
        head, _, value = part.replace(b"\r\n", b"\n").partition(b"\n\n")
        name = re.findall(rb'name="([^"]*)"', head)
        if name:
            found[name[-1].decode("utf-8", "replace")] = value.decode("utf-8", "replace")
        if re.search(rb"^content-type: *(application/json|\w+/[\w.-]+\+json) *(;|$)", head.lower(), re.M):
            yield from json_readings(value)
    yield found
    for names, value in nested(found):
        yield {names[-1] or names[0]: value}


def nested(flat):
    """`a[b]` as the member b of a."""
    for name, value in flat.items():
        yield re.split(r"[\[\].]+", name.rstrip("]")), value


def named(value, name):
    """Every value of that name, at any depth, however its letters are written."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key.casefold() == name:
                yield inner
            yield from named(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from named(inner, name)


def flat(value):
    if isinstance(value, list):
        for inner in value:
            yield from flat(inner)
    else:
        yield value


def is_admin(value):
    return any(str(v).casefold().rstrip("\0") == "admin" for role in named(value, "role") for v in flat(role))


def is_big(value):
    amounts = [v for key, inner in value.items() if key.casefold() == "amount" for v in flat(inner)] if isinstance(
        value, dict) else []
    for amount in amounts:
        try:
            if float(amount or 0) > 1000:
                return True
        except (TypeError, ValueError):
            return True
    return False


def what_targets_see(kind, body):
    """Readings of a body that some target would have."""
    if kind in ("application/x-www-form-urlencoded",):
        for found in form_readings(body):
            yield found
            for names, value in nested(found):
                yield {names[-1] or names[0]: value}
    elif kind == "multipart/form-data":
        yield from multipart_readings(body)
    else:
        yield from json_readings(body)


def check_passed(path, fields, body):
    kind = fields[0].split(": ", 1)[1].split(";")[0].lower() if fields else ""
    if path.startswith("/r/"):
        for seen in what_targets_see(kind, body):
            assert not is_admin(seen), (fields, body, seen)
            assert not is_big(seen), (fields, body, seen)
    if path.startswith("/d/"):
        seen = list(what_targets_see(kind, body))
        assert seen and all(s.get("reason") not in (None, []) for s in seen), (fields, body)
    if path == "/d/t":
        assert all(s.get("team") in ("red", "blue") for s in what_targets_see(kind, body)), (fields, body)


def test_the_readers_of_this_test_are_careless():
    assert any(is_admin(s) for s in what_targets_see("", b"{'role': 'admin',}"))
    assert any(is_admin(s) for s in what_targets_see("", '{"role":"admin"}'.encode("utf-16")))
    assert any(is_admin(s) for s in what_targets_see("", b'{"role": "admin", "role": "user"}'))
    assert any(is_admin(s) for s in what_targets_see("", b'{"role": "user"}{"role": "admin"}'))
    assert any(is_admin(s) for s in what_targets_see("application/x-www-form-urlencoded", b"a=1;role=admin"))
    assert any(is_big(s) for s in what_targets_see("", b'{"amount": "0x3E9"}'))


def test_corpus(gateway, api):
    """Each body has its verdict; what is refused never reaches the target, and what passes is harmless to every reader."""
    passed = blocked = 0
    for verdict, path, fields, body, line in corpus():
        api.take()
        with socket.create_connection(("127.0.0.1", gateway.http_port), timeout=20) as link:
            status, rule = ask(gateway, link, path, fields, body)
        requests = api.take()
        if verdict == "pass":
            assert (status, len(requests)) == (200, 1), line
            assert requests[0]["body"] == body, line
            check_passed(path, fields, body)
            passed += 1
        else:
            assert status == 403 and requests == [], line
            assert rule == ("not_understood" if verdict == "unread" else verdict), line
            blocked += 1
    assert passed > 50 and blocked > 200


def test_random_bodies_that_pass_are_harmless(gateway, api):
    """Mutations of hostile bodies: whatever passes, no careless reader finds in it what the rules are about."""
    seed = int(os.environ.get("SEED", time.time_ns()))
    print("seed", seed)
    dice = random.Random(seed)
    seeds = [(path, fields, body) for _, path, fields, body, _ in corpus() if path == "/r/a" and fields and 2 < len(body) < 400]
    pieces = [b'"', b"'", b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\\u0061", b"/*", b"*/", b"//", b"\x00", b"\xef\xbb\xbf",
              b"role", b'"role":"admin"', b'"amount":5000', b"&role=admin", b";role=admin", b"\r\n", b"--b\r\n", b" ", b"%61"]
    passed = 0
    with socket.create_connection(("127.0.0.1", gateway.http_port), timeout=20) as link:
        for _ in range(1500):
            path, fields, body = dice.choice(seeds)
            for _ in range(dice.randint(1, 2)):
                at = dice.randrange(len(body) + 1)
                cut = at + dice.choice([0, 0, 1, 3])
                body = body[:at] + dice.choice(pieces) + body[cut:]
            status, _ = ask(gateway, link, path, fields, body)
            if status == 200:
                check_passed(path, fields, body)
                passed += 1
    assert passed > 20


# --- codings

BAD, GOOD = b'{"user": {"role": "admin"}}', b'{"user": {"role": "user"}}'


def brotli(data):
    program = "const z=require('zlib');process.stdout.write(z.brotliCompressSync(require('fs').readFileSync(0)))"
    return subprocess.run(["node", "-e", program], input=data, stdout=subprocess.PIPE, check=True).stdout


def bare(data):
    work = zlib.compressobj(wbits=-15)
    return work.compress(data) + work.flush()


CODINGS = {
    "gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress, "Deflate": bare,
    "gzip, deflate": lambda data: zlib.compress(gzip.compress(data)), "identity, gzip": gzip.compress,
}
if shutil.which("node"):
    CODINGS["br"] = brotli


@pytest.mark.parametrize("coding", CODINGS)
def test_codings_are_taken_off_for_the_judge(gateway, api, coding):
    encode = CODINGS[coding]
    fields = ["Content-Type: application/json", f"Content-Encoding: {coding}"]
    for data, expected in [(GOOD, (200, None)), (BAD, (403, "no-admin"))]:
        api.take()
        with socket.create_connection(("127.0.0.1", gateway.http_port), timeout=20) as link:
            assert ask(gateway, link, "/r/a", fields, encode(data)) == expected
        requests = api.take()
        assert [r["body"] for r in requests] == ([encode(data)] if expected[0] == 200 else [])


@pytest.mark.parametrize("name,body", [
    ("cut", gzip.compress(GOOD)[:-4]), ("trailing", gzip.compress(GOOD) + b"x"), ("plain", GOOD),
    ("bomb", gzip.compress(b'{"a": "' + b"a" * (64 << 20) + b'"}')), ("long", gzip.compress(b'{"a": "' + b"ab" * (600 << 10) + b'"}')),
    ("two members", gzip.compress(GOOD) + gzip.compress(BAD)), ("wrong sum", gzip.compress(GOOD)[:-8] + b"12345678"),
])
def test_codings_that_cannot_be_taken_off(gateway, api, name, body):
    api.take()
    before = gateway.resident_kib()
    with socket.create_connection(("127.0.0.1", gateway.http_port), timeout=20) as link:
        answer = ask(gateway, link, "/r/a", ["Content-Type: application/json", "Content-Encoding: gzip"], body)
    assert answer == (403, "not_understood")
    assert api.take() == []
    assert gateway.resident_kib() - before < 32 << 10


# --- longer than is judged

@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_beyond_the_cap_is_decided_before_anything_is_sent(gateway, api, chunked):
    """The rest of an upload is still to come: the answer comes without it, and the target hears nothing."""
    api.take()
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {50 << 20}"
    head = (f"POST /c/r/a HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer {gateway.token()}\r\n"
            f"Content-Type: application/json\r\n{framing}\r\n\r\n").encode()
    data = b'{"a": "' + b"x" * (1200 << 10)
    with socket.create_connection(("127.0.0.1", gateway.http_port), timeout=20) as link:
        link.sendall(head + (b"%x\r\n%s\r\n" % (len(data), data) if chunked else data))
        answer = http.client.HTTPResponse(link)
        answer.begin()
        problem = json.loads(answer.read())
        assert answer.status == 413 and problem["rule"] == "not_understood"
        assert "limits.command" in problem["detail"]
    assert api.take() == []
    # Where no rule asks for the body it streams as ever.
    with socket.create_connection(("127.0.0.1", gateway.http_port), timeout=20) as link:
        body = b'{"role": "admin", "a": "' + b"x" * (3 << 20) + b'"}'
        assert ask(gateway, link, "/upload", ["Content-Type: application/json"], body)[0] == 200


def test_an_upgrade_is_not_understood_where_bodies_are_judged(gateway, api):
    api.take()
    for path in ("/graphql", "/r/a"):
        link = http.client.HTTPConnection("127.0.0.1", gateway.http_port, timeout=20)
        link.request("GET", "/c" + path, headers={
            "Authorization": f"Bearer {gateway.token()}", "Connection": "Upgrade", "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="})
        assert link.getresponse().status in (403, 501)
        link.close()
    assert api.take() == []


# --- verdicts

def test_a_hold_waits_for_its_approval(gateway, api):
    import threading
    api.take()
    answers = []

    def client():
        with socket.create_connection(("127.0.0.1", gateway.http_port), timeout=30) as link:
            answers.append(ask(gateway, link, "/h/pay-77", [f"Content-Type: {TYPES['J']}"], b'{"amount": 500}'))
    thread = threading.Thread(target=client)
    thread.start()
    (pending,) = harness.wait_for(lambda: [a for a in gateway.pending() if "pay-77" in json.dumps(a)], 20, "a request")
    assert api.take() == []
    gateway.decide("approve", pending["id"])
    thread.join(20)
    assert answers == [(200, None)]
    with socket.create_connection(("127.0.0.1", gateway.http_port), timeout=20) as link:
        assert ask(gateway, link, "/h/pay", [f"Content-Type: {TYPES['J']}"], b'{"amount": 50}') == (200, None)
        assert ask(gateway, link, "/h/pay", [f"Content-Type: {TYPES['J']}"], b'{"amount"}') == (403, "not_understood")


def test_log_names_the_rule_and_lets_pass(gateway, api):
    with socket.create_connection(("127.0.0.1", gateway.http_port), timeout=20) as link:
        for body in (b'{"user": {"email": "mark-81@example.com"}}', b'{"user": {"email": "mark-82@elsewhere.org"}}', b"mark-83"):
            assert ask(gateway, link, "/w/x", [f"Content-Type: {TYPES['J']}"], body) == (200, None)
    (met,) = harness.wait_for(lambda: record.find(gateway.export(), "mark-81"), 10, "an entry")
    assert met.entries[0]["rules"] == ["watch"] and met.entries[0]["observed"] == ["watch"]
    assert met.entries[0]["would"] == "block"
    (other,) = harness.wait_for(lambda: record.find(gateway.export(), "mark-82"), 10, "an entry")
    assert not other.entries[0].get("rules")
    # What cannot be read may be what the rule looks for.
    (unread,) = harness.wait_for(lambda: record.find(gateway.export(), "mark-83"), 10, "an entry")
    assert unread.entries[0]["observed"] == ["watch"]


def test_the_entry_and_the_refusal_say_why(gateway):
    with socket.create_connection(("127.0.0.1", gateway.http_port), timeout=20) as link:
        assert ask(gateway, link, "/r/a", [f"Content-Type: {TYPES['J']}"],
                   b'{"role": "admin", "amount": 5000, "m": "mark-91"}') == (403, "no-admin")
        assert ask(gateway, link, "/r/a", [f"Content-Type: {TYPES['J']}"], b'{"m": "mark-92"') == (403, "not_understood")
    (both,) = harness.wait_for(lambda: record.find(gateway.export(), "mark-91"), 10, "an entry")
    assert both.entries[0]["rules"] == ["no-admin", "big"]
    (unread,) = harness.wait_for(lambda: record.find(gateway.export(), "mark-92"), 10, "an entry")
    assert unread.entries[0]["rules"] == ["not_understood"]


def test_not_understood_can_be_allowed(gateway, api):
    with socket.create_connection(("127.0.0.1", gateway.http_port), timeout=20) as link:
        assert ask(gateway, link, "/r/a", ["Content-Type: text/plain"], b"hello", "lenient") == (200, None)
        assert ask(gateway, link, "/r/a", [f"Content-Type: {TYPES['J']}"], BAD, "lenient") == (403, "no-admin")


# --- clients

@pytest.mark.parametrize("tls", [False, True], ids=["clear", "tls"])
@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_curl(gateway, api, version, tls):
    if version == "--http2" and not tls:
        version = "--http2-prior-knowledge"
    base = f"http{'s' if tls else ''}://127.0.0.1:{gateway.http_port}/c"

    def curl(path, *arguments):
        done = run("curl", "-sS", "-m", "20", version, "--cacert", gateway.certificate, "-o", "/dev/null", "-w", "%{http_code}",
                   "-H", f"Authorization: Bearer {gateway.token()}", *arguments, base + path).check()
        return done.text
    json_type = ("-H", "Content-Type: application/json")
    assert curl("/r/a", *json_type, "-d", GOOD.decode()) == "200"
    assert curl("/r/a", *json_type, "-d", BAD.decode()) == "403"
    assert curl("/r/a", "-d", "role=admin") == "403"
    assert curl("/r/a", "-d", "role=user") == "200"
    assert curl("/r/a", "-F", "role=admin") == "403"
    assert curl("/r/a", "-F", "role=user") == "200"
    assert curl("/r/a", "-H", "Content-Type:", "-d", GOOD.decode()) == "403"
    assert curl("/graphql", *json_type, "-d", '{"query": "mutation { x }"}') == "403"
    assert curl("/graphql", *json_type, "-d", '{"query": "{ x }"}') == "200"
    assert curl("/graphql", "-G", "--data-urlencode", "query=mutation { x }") == "403"
    assert curl("/graphql", "-G", "--data-urlencode", "query={ x }") == "200"


@pytest.mark.parametrize("http2", [False, True])
def test_httpx(gateway, api, http2):
    import ssl
    context = ssl.create_default_context(cafile=str(gateway.certificate))
    with httpx.Client(http2=http2, verify=context, base_url=f"https://127.0.0.1:{gateway.http_port}/c",
                      headers={"Authorization": f"Bearer {gateway.token()}"}) as client:
        good = client.post("/r/a", json={"user": {"role": "user"}})
        assert good.status_code == 200 and good.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
        assert client.post("/r/a", json={"user": {"role": "admin"}}).status_code == 403
        assert client.post("/r/a", data={"role": "admin"}).status_code == 403
        assert client.post("/r/a", data={"role": "user"}).status_code == 200
        assert client.post("/r/a", data={"role": "user"}, files={"f": b"x" * 1000}).status_code == 200
        assert client.post("/r/a", data={"role": "admin"}, files={"f": b"x" * 1000}).status_code == 403
        assert client.post("/r/a", content=iter([b'{"role":', b' "admin"}']), headers={
            "Content-Type": "application/json"}).status_code == 403
        refused = client.post("/r/a", json={"role": "admin"}).json()
        assert refused["rule"] == "no-admin" and refused["message"] == "Nobody becomes an admin here."
        assert client.post("/graphql", json=[{"query": "{ a }"}, {"query": "mutation { b }"}]).json()["rule"] == "mutations"


def test_requests(gateway, api):
    base = f"https://127.0.0.1:{gateway.http_port}/c"
    with requests.Session() as client:
        client.trust_env = False  # else another bundle of certificates may stand before this one
        client.headers["Authorization"], client.verify = f"Bearer {gateway.token()}", str(gateway.certificate)
        assert client.post(base + "/r/a", json={"role": "user"}).status_code == 200
        assert client.post(base + "/r/a", json={"role": "admin"}).json()["rule"] == "no-admin"
        assert client.post(base + "/r/a", data={"role": "admin"}).json()["rule"] == "no-admin"
        assert client.post(base + "/r/a", data={"amount": "2000"}).json()["rule"] == "big"
        assert client.post(base + "/r/a", files={"f": ("x.bin", b"x" * 1000)}, data={"role": "user"}).status_code == 200
        assert client.post(base + "/r/a", files={"f": ("x.bin", b"x" * 1000)}, data={"role": "admin"}).json()["rule"] == "no-admin"
        assert client.post(base + "/r/a", data=gzip.compress(BAD), headers={
            "Content-Type": "application/json", "Content-Encoding": "gzip"}).json()["rule"] == "no-admin"
        assert client.delete(base + "/d/x").json()["rule"] == "no-reason"
        assert client.delete(base + "/d/x", json={"reason": "old"}).status_code == 200
        assert client.get(base + "/graphql", params={"query": "mutation { x }"}).json()["rule"] == "mutations"


# --- Open Policy Agent

def test_opa_is_told_what_a_request_says(gateway, api, service):
    service.behave = lambda asked: True
    fields = [f"Content-Type: {TYPES['J']}", "X-Env: test", "X-Env: two", "Cookie: sid=cookie-secret", "X-Auth-Token: header-secret"]
    body = (b'{"m": "mark-95", "role": "user", "role": "admin", "n": [1, 2.5, 123456789012345678901], "ok": true, "no": null,'
            b' "user": {"password": "body-secret", "e.mail": "x"}, "apiKey": {"deep": ["body-secret"]}}')
    with socket.create_connection(("127.0.0.1", gateway.http_port), timeout=20) as link:
        assert ask(gateway, link, "/opa/p%20q?a=1&a=2&token=query-secret", fields, body, "asked") == (200, None)
    (asked, raw) = service.inputs[-1]
    request = asked["request"]
    assert (request["method"], request["path"]) == ("POST", "/opa/p q")
    assert request["query"] == {"a": ["1", "2"], "token": ["[hidden]"]}
    assert request["headers"]["x-env"] == ["test", "two"] and request["headers"]["cookie"] == ["[hidden]"]
    assert request["headers"]["x-auth-token"] == ["[hidden]"] and "authorization" not in request["headers"]
    assert [(f["path"], f["value"]) for f in request["body"]] == [
        ("$.m", "mark-95"), ("$.role", "user"), ("$.role", "admin"), ("$.n[0]", 1), ("$.n[1]", 2.5),
        ("$.n[2]", "123456789012345678901"), ("$.ok", True), ("$.no", None), ("$.user.password", "[hidden]"),
        ('$.user."e.mail"', "x"), ("$.apiKey.deep[0]", "[hidden]")]
    assert request["is_body_cut"] is False and "body_not_understood" not in request
    assert asked["kind"] == "http" and asked["command"]["verb"] == "POST"
    assert asked["command"]["text"].startswith("POST /opa/p%20q?a=1&a=2&token=[hidden] HTTP/1.1\r\n")
    assert asked["command"]["text"].endswith("\r\n\r\n") and not asked["command"]["is_text_cut"]
    for secret in (b"body-secret", b"cookie-secret", b"header-secret", b"query-secret", b"target-secret", gateway.token().encode()):
        assert secret not in raw


def test_opa_decides_about_bodies(gateway, api, service):
    def behave(asked):
        values = [f["value"] for f in asked["request"].get("body") or [] if f["path"] == "$.role"]
        kinds = [o["operation"] for o in asked["request"].get("graphql") or []]
        return "admin" not in values and "mutation" not in kinds and "body_not_understood" not in asked["request"]
    service.behave = behave
    api.take()
    json_type = [f"Content-Type: {TYPES['J']}"]
    with socket.create_connection(("127.0.0.1", gateway.http_port), timeout=20) as link:
        assert ask(gateway, link, "/x", json_type, b'{"role": "user"}', "asked") == (200, None)
        assert ask(gateway, link, "/x", json_type, b'{"role": "admin", "role": "user"}', "asked") == (403, "opa")
        assert ask(gateway, link, "/x", json_type, b'{"query": "mutation M { x }"}', "asked") == (403, "opa")
        assert ask(gateway, link, "/x", json_type, b'{"role"', "asked") == (403, "opa")
        assert ask(gateway, link, "/x", [f"Content-Type: {TYPES['F']}"], b"role=admin", "asked") == (403, "opa")
        assert ask(gateway, link, "/x", json_type, b"", "asked") == (200, None)
    assert len(api.take()) == 2
    service.behave = lambda asked: True
    with socket.create_connection(("127.0.0.1", gateway.http_port), timeout=20) as link:
        many = json.dumps({"a": ["x" * 500] * 1500 + ["y" * 2000]}).encode()
        assert ask(gateway, link, "/x", json_type, many, "asked") == (200, None)
        asked = service.inputs[-1][0]["request"]
        assert asked["is_body_cut"] and len(asked["body"]) == 1000
        assert ask(gateway, link, "/x", json_type, many * 2, "asked") == (200, None)
    asked = service.inputs[-1][0]["request"]
    assert "limits.command" not in asked["body_not_understood"] and "beyond" in asked["body_not_understood"]


# --- commands

def policy_test(gateway, *arguments):
    done = harness.run(harness.unprivileged_binary(gateway.scratch), "policy", "test", gateway.config, "--connection", "c",
                       "--json", *arguments, cwd=gateway.folder, **harness.as_unprivileged())
    return done, [json.loads(line) for line in done.text.splitlines()]


def test_policy_test_judges_requests(gateway, tmp_path):
    json_type = ("--header", "Content-Type: application/json")
    _, (judged,) = policy_test(gateway, "--command", "POST /r/x?y=1", *json_type, "--body", '{"role": "admin"}')
    assert judged["verdict"] == "block" and judged["decided_by"] == ["no-admin"]
    assert judged["request"] == {"method": "POST", "object": "/r/x", "classes": ["insert"]}
    steps = {s["rule"]: s for s in judged["steps"]}
    assert steps["no-admin"]["is_met"] and steps["no-admin"]["reasons"][-1] == "the body has one **.role"
    assert not steps["big"]["is_met"] and steps["big"]["reasons"][-1] == "the body has no $.amount"
    _, (unread,) = policy_test(gateway, "--command", "POST /r/x", *json_type, "--body", '{"role"')
    steps = {s["rule"]: s for s in unread["steps"]}
    assert unread["verdict"] == "block" and unread["decided_by"] == ["not_understood"]
    assert "a colon is missing (at byte 8)" in steps["not_understood"]["reasons"][0]
    assert any(r.startswith("not known: it is not JSON") for r in steps["no-admin"]["reasons"])
    _, (graphql,) = policy_test(gateway, "--command", "POST /graphql", *json_type, "--body", '{"query": "mutation M { a b }"}')
    steps = {s["rule"]: s for s in graphql["steps"]}
    assert steps["mutations"]["reasons"][-1] == "mutation M asks for a, b"
    done, judged = policy_test(gateway, "--command", "GET /r/x", "--command", "DELETE /elsewhere", "--expect", "allow")
    assert [j["verdict"] for j in judged] == ["allow", "allow"] and done.code == 0
    file = pathlib.Path(gateway.folder) / "body.json"
    file.write_bytes(b'{"amount": 1001}')
    file.chmod(0o644)
    _, (read,) = policy_test(gateway, "--command", "POST /r/x", *json_type, "--body-file", str(file))
    assert read["decided_by"] == ["big"]
    for wrong in (["--command", "POST"], ["--command", "POST x"], ["--command", "POST /a b"], ["--command", "POST /%2f"],
                  ["--command", "POST /a", "--body", "x", "--body-file", "y"], ["--command", "POST /a", "--body-file", "/none"],
                  ["--command", "GET /a", "--header", "nothing"]):
        done, _ = policy_test(gateway, *wrong)
        assert done.code == 2, wrong


def test_policy_check_and_replay_know_bodies(gateway, scratch):
    json_type = [f"Content-Type: {TYPES['J']}"]
    with socket.create_connection(("127.0.0.1", gateway.http_port), timeout=20) as link:
        assert ask(gateway, link, "/replay/a", json_type, b'{"team": "green"}') == (200, None)
        assert ask(gateway, link, "/replay/b", json_type, b'{"team": "red"}') == (200, None)
        assert ask(gateway, link, "/replay/c", json_type, gzip.compress(b"{}")) == (200, None)
    harness.wait_for(lambda: record.find(gateway.export(), "/replay/b"), 10, "the entries")
    rule = {"name": "no-green", "when": {"path": "/replay/**", "body": {"team": ["green"]}}, "then": "block"}

    def changed(guards):
        file = pathlib.Path(gateway.folder) / "changed.yaml"
        file.write_text(harness.to_yaml({**gateway.settings, "connections": [
            {**c, "guard": guards} if c["name"] == "c" else c for c in gateway.settings["connections"]]}))
        file.chmod(0o644)
        return file
    binary = harness.unprivileged_binary(gateway.scratch)
    done = harness.run(binary, "policy", "check", changed([rule, {**rule, "name": "again"}]), "--json", cwd=gateway.folder,
                       **harness.as_unprivileged())
    found = [(f["name"], f["kind"]) for f in json.loads(done.text)["findings"]]
    assert done.code == 1 and found == [("again", "shadowed")]
    done = harness.run(binary, "policy", "replay", changed([rule]), "--since", "2020-01-01", "--connection", "c", "--limit", "10000",
                       "--config", gateway.config, "--json", cwd=gateway.folder, **harness.as_unprivileged()).check()
    report = json.loads(done.text)
    blocked = [c for c in report["changes"] if c["to"] == "block"]
    (green,) = [c for c in blocked if "/replay/" in c["text"]]
    assert "/replay/a" in green["text"] and green["rules"] == ["no-green"]
    assert [c["rules"] for c in blocked if c["text"].startswith("base64url:")] == [["not_understood"]]
    # What was refused then and would pass now.
    assert report["totals"]["block to allow"] > 100
