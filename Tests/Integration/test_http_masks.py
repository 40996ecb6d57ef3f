"""Masks on requests and answers of `kind: http`: what real clients, the target and the record get."""

import gzip
import json
import zlib

import brotli
import httpx
import pytest
import requests

import harness
import origin
import record
from test_http import call, exchange, http_connection

CUSTOMER = {"id": 7, "name": "Ada", "email": "ada@example.com", "ssn": "078-05-1120", "card": 4111111111111111,
            "orders": [{"note": "call \"bob@example.com\"\nnow é", "ssn": None}, {"ssn": ["x", {"y": 1}]}]}
SECRETS = ["ada@example.com", "bob@example.com", "078-05-1120", "4111111111111111"]
MASKS = [{"json": ["**.ssn"]}, {"json": ["**.card"], "with": "partial"}, {"detect": ["email", "credit_card"]},
         {"fields": ["pin"], "headers": ["X-Owner"], "cookies": ["sid"]}]


@pytest.fixture(scope="module")
def api():
    service = origin.Origin()
    yield service
    service.stop()


@pytest.fixture(scope="module")
def gateway(scratch, api):
    both = [{**mask, "in": ["request", "answer"]} for mask in MASKS]
    running = harness.Gateway(scratch, [
        http_connection("masked", api.url, mask=MASKS, binary=[
            {"type": ["image/*"], "then": "pass"}, {"type": ["application/zip"], "then": "deny"}]),
        http_connection("both", api.url, mask=both),
        http_connection("scoped", api.url, mask=[{"detect": ["email"], "path": ["/canned/scoped/**", "/canned/scoped"]}]),
        http_connection("guarded", api.url, mask=both, guard=[
            {"name": "no-admins", "when": {"path": "/echo", "body": {"role": ["admin"]}}, "then": "block"},
            {"name": "no-mail", "when": {"path": "/echo", "body": {"mail": ["ada*"]}}, "then": "block"}]),
    ], name="masks").start()
    yield running
    running.stop()


def pieces(data, size):
    return [data[i:i + size] for i in range(0, len(data), size)]


def no_secret(data):
    text = data if isinstance(data, str) else data.decode("utf-8", "replace")
    for secret in SECRETS:
        assert secret not in text, secret


MASKED = {**CUSTOMER, "email": "***", "ssn": "***", "card": "************1111",
          "orders": [{"note": "call \"***\"\nnow é", "ssn": None}, {"ssn": "***"}]}


@pytest.mark.parametrize("size", [1, 7, 1 << 16])
@pytest.mark.parametrize("coding", [None, "gzip", "deflate", "br", "gzip, br"])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_json(gateway, api, size, coding, ascii_only):
    body = json.dumps(CUSTOMER, ensure_ascii=ascii_only).encode()
    for name in (coding or "").split(", "):
        body = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "": bytes}[name](body)
    fields = {"Content-Type": "application/json"} | ({"Content-Encoding": coding} if coding else {})
    api.canned["json"] = (200, fields, pieces(body, size))
    status, got, data = call(gateway, "/masked/canned/json", headers={"Accept-Encoding": "gzip, br"})
    assert status == 200 and json.loads(data) == MASKED
    assert "content-encoding" not in got


def test_what_no_mask_is_about_stays_byte_for_byte(gateway, api):
    body = b' {"a" : [1, 2.50e+3, "\\u00e9\\/", "\xc3\xa9"],\r\n "b":{ } }\n'
    api.canned["same"] = (200, {"Content-Type": "application/json"}, pieces(body, 5))
    assert call(gateway, "/masked/canned/same")[2] == body


@pytest.mark.parametrize("client", ["requests", "httpx", "httpx2"])
def test_real_clients(gateway, api, client):
    api.canned["clients"] = (200, {"Content-Type": "application/json"}, [json.dumps(CUSTOMER).encode()])
    url = f"http://127.0.0.1:{gateway.http_port}/masked/canned/clients"
    fields = {"Authorization": f"Bearer {gateway.token()}"}
    if client == "requests":
        answer = requests.get(url, headers=fields, timeout=30)
    else:
        with httpx.Client(http1=client == "httpx", http2=client == "httpx2", timeout=30) as link:
            answer = link.get(url, headers=fields)
    assert answer.status_code == 200 and answer.json() == MASKED


def test_events_pass_one_by_one(gateway, api):
    events = [b'data: {"ssn": "078-05-1120"}\n\n', b"event: n\ndata: ada@example.com\n\n", b"data: [DONE]\n\n"]
    api.canned["events"] = (200, {"Content-Type": "text/event-stream"}, events)
    assert call(gateway, "/masked/canned/events")[2] == (
        b'data: {"ssn": "***"}\n\nevent: n\ndata: ***\n\ndata: [DONE]\n\n')
    # An event is passed on when it is there, not when the next one comes.
    url = f"http://127.0.0.1:{gateway.http_port}/masked/events?5"
    with httpx.stream("GET", url, headers={"Authorization": f"Bearer {gateway.token()}"}) as answer:
        lines = [line for line in answer.iter_lines() if line.startswith("data")]
    assert len(lines) == 5


@pytest.mark.parametrize("type,treatment", [
    ("image/png", "pass"), ("application/zip", "deny"), ("application/octet-stream", "mask"), (None, "mask"),
])
def test_binary_bodies(gateway, api, type, treatment):
    body = b"\x89PNG ada@example.com"
    api.canned["binary"] = (200, {"Content-Type": type} if type else {}, [body])
    status, fields, data = call(gateway, "/masked/canned/binary")
    if treatment == "pass":
        assert (status, data) == (200, body)
    elif treatment == "deny":
        assert status == 502 and json.loads(data)["detail"].startswith("The target's answer is not passed on")
    else:
        assert status == 200 and data.startswith(b"[masked: 20 bytes") and fields["content-type"].startswith("text/plain")
    if treatment != "pass":
        no_secret(data)


@pytest.mark.parametrize("body", [b"<html>ada@example.com", b'{"email": "ada@example.com"', b"{'a': 1}"])
def test_what_says_it_is_json_and_is_not(gateway, api, body):
    api.canned["broken"] = (200, {"Content-Type": "application/json"}, [body])
    status, _, data = call(gateway, "/masked/canned/broken")
    assert status == 502 and "no JSON" in json.loads(data)["detail"]
    no_secret(data)


def test_a_fault_in_the_middle_cuts_the_answer(gateway, api):
    long = b'{"ok": "' + b"x" * 300_000 + b'", "email": "ada@example.com", oops}'
    api.canned["middle"] = (200, {"Content-Type": "application/json"}, pieces(long, 50_000))
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
        requests.get(f"http://127.0.0.1:{gateway.http_port}/masked/canned/middle",
                     headers={"Authorization": f"Bearer {gateway.token()}"}, timeout=30)


def test_headers_and_cookies(gateway, api):
    api.canned["fields"] = (200, {"X-Owner": "ada", "Set-Cookie": "sid=1; HttpOnly", "X-Note": "ada@example.com",
                                  "Location": "/x?mail=ada@example.com", "ETag": '"078-05-1121"'}, [])
    _, fields, _ = call(gateway, "/masked/canned/fields")
    assert fields["x-owner"] == "***" and fields["set-cookie"].startswith("sid=***; ")
    assert fields["x-note"] == "***" and fields["etag"] == '"078-05-1121"'
    assert fields["location"] == "/masked/x?mail=***"


def test_a_mask_of_some_paths(gateway, api):
    api.canned["scoped"] = api.canned["else"] = (200, {"Content-Type": "text/plain"}, [b"ada@example.com"])
    assert call(gateway, "/scoped/canned/scoped")[2] == b"***"
    assert call(gateway, "/scoped/canned/else")[2] == b"ada@example.com"


def test_a_part_is_never_asked_for(gateway, api):
    api.canned["range"] = (206, {"Content-Type": "text/plain", "Content-Range": "bytes 4-18/30"}, [b"example.com"])
    api.take()
    data = call(gateway, "/masked/canned/range", headers={"Range": "bytes=4-18"})[2]
    assert data.startswith(b"[masked: 11 bytes of text/plain")
    sent = {k.lower(): v for k, v in api.take()[0]["headers"]}
    assert "range" not in sent and sent["accept-encoding"] == "identity"


def test_an_answer_to_head_has_no_length(gateway, api):
    api.canned["head"] = (200, {"Content-Type": "application/json"}, [])
    status, fields, data = call(gateway, "/masked/canned/head", "HEAD")
    assert (status, data) == (200, b"") and "content-length" not in fields


def test_requests_are_masked_before_the_target_sees_them(gateway, api):
    api.take()
    fields = {"Content-Type": "application/json", "X-Owner": "ada", "Cookie": "sid=1; lang=en"}
    status, _, data = call(gateway, "/both/echo?pin=1&to=ada%40example.com", "POST", json.dumps(CUSTOMER).encode(), fields)
    assert status == 200
    seen = api.take()[0]
    assert json.loads(seen["body"]) == MASKED
    assert seen["path"] == "/echo?pin=***&to=***"
    sent = {k.lower(): v for k, v in seen["headers"]}
    assert sent["x-owner"] == "***" and sent["cookie"] == "sid=***; lang=en"
    no_secret(json.dumps(seen["headers"]) + seen["path"])


@pytest.mark.parametrize("name,data,files,expected", [
    ("form", {"pin": "1234", "to": "ada@example.com", "n": "1 +"}, None, b"pin=***&to=***&n=1+%2B"),
    ("multipart", {"pin": "1234"}, {"f": ("a.txt", b"to ada@example.com", "text/plain")}, None),
    ("gzip", None, None, b"to ***"),
])
def test_forms_and_codings_of_requests(gateway, api, name, data, files, expected):
    api.take()
    url = f"http://127.0.0.1:{gateway.http_port}/both/echo"
    fields = {"Authorization": f"Bearer {gateway.token()}"}
    if name == "gzip":
        data = gzip.compress(b"to ada@example.com")
        fields |= {"Content-Encoding": "gzip", "Content-Type": "text/plain"}
    assert requests.post(url, data=data, files=files, headers=fields, timeout=30).status_code == 200
    seen = api.take()[0]
    assert "content-encoding" not in {k.lower() for k, _ in seen["headers"]}
    if expected:
        assert seen["body"] == expected
    else:
        assert seen["body"].count(b"***") == 2
    no_secret(seen["body"])


def test_guards_see_the_masked_body(gateway, api):
    """A rule on a body that came in gzip is judged by what the target gets: plain, and masked."""
    api.take()
    fields = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    ask = lambda role: call(gateway, "/guarded/echo", "POST", gzip.compress(  # noqa: E731
        json.dumps({"role": role, "mail": "ada@example.com"}).encode()), fields)
    assert ask("admin")[0] == 403 and api.take() == []
    assert ask("user")[0] == 200
    assert json.loads(api.take()[0]["body"]) == {"role": "user", "mail": "***"}


def test_a_long_upload_is_masked_as_it_comes(gateway, api):
    api.take()
    line = b"a line to ada@example.com, and on. "
    status, _, _ = call(gateway, "/both/echo", "POST", line * 60_000, {"Content-Type": "text/plain"})
    assert status == 200
    assert api.take()[0]["body"] == line.replace(b"ada@example.com", b"***") * 60_000


@pytest.mark.parametrize("fields,body,status", [
    ({"Content-Type": "image/png"}, b"x", 415), ({"Content-Type": "application/json"}, b"{", 400),
    ({"Content-Type": "text/plain", "Content-Encoding": "zstd"}, b"x", 415),
    ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, b"{}", 400),
])
def test_requests_that_masks_cannot_look_into(gateway, api, fields, body, status):
    api.take()
    assert call(gateway, "/both/echo", "POST", body, fields)[0] == status
    assert api.take() == []


def test_the_record_holds_what_the_client_got(gateway, api):
    api.canned["recorded"] = (200, {"Content-Type": "application/json", "X-Owner": "ada"}, [json.dumps(CUSTOMER).encode()])
    fields = {"Content-Type": "application/json", "X-Owner": "ada"}
    _, _, data = call(gateway, "/masked/canned/recorded?to=ada@example.com&marker=masked-record", "POST",
                      json.dumps(CUSTOMER).encode(), fields)
    found = harness.wait_for(lambda: record.find(gateway.export(), "masked-record"), 10, "the request in the record")
    no_secret(found[0].text)
    assert "078-05" not in found[0].text and "***" in found[0].text
    session = found[0].entries[0]["session"]
    shown = gateway.cli("replay", session, timeout=60).check().text
    assert "***" in shown and "recorded" in shown
    no_secret(shown)
    no_secret(json.dumps(gateway.export()))


def test_a_bomb_is_refused(gateway, api):
    bomb = gzip.compress(b"0" * (64 << 20))
    api.canned["bomb"] = (200, {"Content-Type": "text/plain", "Content-Encoding": "gzip"}, [bomb])
    before = gateway.resident_kib()
    got = exchange(gateway.http_port, (
        f"GET /masked/canned/bomb HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer {gateway.token()}\r\n"
        "Connection: close\r\n\r\n").encode(), 30)
    assert len(got) < 48 << 20
    assert gateway.resident_kib() - before < 128 << 10


def test_a_gigabyte_of_json_in_constant_memory(gateway, api):
    row = json.dumps({"email": "ada@example.com", "text": "y" * 900}).encode() + b"\n"
    block = row * 1000
    rounds = 1 << 30 >> 20 if harness.LONG else 64
    class Blocks:
        def __iter__(self):
            return iter([block] * rounds)
    api.canned["rows"] = (200, {"Content-Type": "application/x-ndjson"}, Blocks())
    with httpx.stream("GET", f"http://127.0.0.1:{gateway.http_port}/masked/canned/rows", timeout=300,
                      headers={"Authorization": f"Bearer {gateway.token()}"}) as answer:
        count = sum(piece.count(b"\n") for piece in answer.iter_bytes())
    assert count == rounds * 1000
    assert gateway.resident_kib() < 400 << 10
