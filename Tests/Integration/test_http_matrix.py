"""The matrix of HTTP clients and features: each client asks the service directly and through the gateway, and status,
fields and body must be the same. Every client runs every feature; what a client cannot do at all is said in UNABLE."""

import asyncio
import concurrent.futures
import gzip
import hashlib
import json
import pathlib
import ssl

import grpc
import httpx
import pytest
import requests

import harness
import origin
from harness import run
from test_http2 import HOST as RPC_HOST
from test_http2 import SERVICE, Service

MODIFIED = "Fri, 20 Nov 2026 08:00:00 GMT"
RESOURCE = bytes(range(256)) * 400
NODE = pathlib.Path(__file__).parent / "matrix.mjs"


class Handler(origin.Handler):
    """A service with something of each of HTTP's features."""

    def answer(self, status, body=b"", **fields):
        self.send_response(status)
        for name, value in fields.items():
            for one in value if isinstance(value, list) else [value]:
                self.send_header(name.replace("_", "-"), one)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_path_ask(self, query):
        """What came, as far as it must be the same however it came."""
        digest, count = hashlib.sha256(), 0
        for piece in self._body():
            digest.update(piece)
            count += len(piece)
        kept = {name: value for name, value in ((k.lower(), v) for k, v in self.headers.items())
                if name.startswith("x-own") or name in ("content-type", "range", "accept-language")}
        said = {"method": self.command, "path": self.path, "count": count, "sha256": digest.hexdigest(), "fields": kept}
        self.answer(200, json.dumps(said, sort_keys=True).encode(), Content_Type="application/json", X_Answer="yes")

    def do_path_resource(self, _):
        list(self._body())
        whole = {"ETag": '"v1"', "Last_Modified": MODIFIED, "Accept_Ranges": "bytes", "Content_Type": "application/pdf"}
        if self.headers.get("If-None-Match") == '"v1"' or self.headers.get("If-Modified-Since") == MODIFIED:
            self.send_response(304)
            self.send_header("ETag", '"v1"')
            return self.end_headers()
        wanted = self.headers.get("Range")
        if not wanted:
            return self.answer(200, RESOURCE, **whole)
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start = len(RESOURCE) - int(last) if not first else int(first)
        end = len(RESOURCE) if not first or not last else int(last) + 1
        if start >= len(RESOURCE):
            return self.answer(416, Content_Range=f"bytes */{len(RESOURCE)}")
        return self.answer(206, RESOURCE[start:end], Content_Range=f"bytes {start}-{end - 1}/{len(RESOURCE)}", **whole)

    def do_path_packed(self, _):
        list(self._body())
        self.answer(200, gzip.compress(b"packed " * 1000, mtime=0), Content_Type="text/plain", Content_Encoding="gzip",
                    Vary="Accept-Encoding")

    def do_path_stream(self, query):
        """Server-sent events, `query` of them, each flushed."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for n in range(int(query)):
            self._chunk(b"id: %d\nevent: tick\ndata: {\"n\": %d}\n\n" % (n, n))
        self.wfile.write(b"0\r\n\r\n")

    def do_path_set(self, _):
        list(self._body())
        self.answer(200, b"set", Set_Cookie=["sid=abc; Path=/; HttpOnly", "theme=dark; Path=/; SameSite=Lax"])

    def do_path_cookies(self, _):
        list(self._body())
        pairs = sorted(part.strip() for part in self.headers.get("Cookie", "").split(";") if part.strip())
        self.answer(200, json.dumps(pairs).encode())

    def do_path_large(self, _):
        self.answer(200, b"large", X_Large="v" * 16_000, X_Sent=str(len(self.headers.get("X-Own-Large", ""))))

    def do_path_moved(self, query):
        list(self._body())
        self.answer(int(query), b"over there", Location="/ask/landed?a=b")


class Feature:
    def __init__(self, name, path, method="GET", size=None, headers=None, chunked=False, follow=False, times=1,
                 cookies=False, status=200):
        self.name, self.path, self.method, self.size, self.headers = name, path, method, size, dict(headers or {})
        self.chunked, self.follow, self.times, self.cookies, self.status = chunked, follow, times, cookies, status

    @property
    def body(self):
        return None if self.size is None else b"b" * self.size


FEATURES = [
    Feature("get", "/ask/a%20b/%C3%A9?q=1&q=%20&empty="),
    Feature("head", "/resource", "HEAD"),
    Feature("options", "/ask", "OPTIONS"),
    Feature("delete", "/ask/1", "DELETE"),
    Feature("put", "/ask/1", "PUT", 1000, {"Content-Type": "application/json"}),
    Feature("patch", "/ask/1", "PATCH", 10, {"Content-Type": "application/merge-patch+json"}),
    Feature("post-0", "/ask", "POST", 0, {"Content-Type": "text/plain"}),
    Feature("post-1", "/ask", "POST", 1, {"Content-Type": "text/plain"}),
    Feature("post-64k", "/ask", "POST", 65_536, {"Content-Type": "text/plain"}),
    Feature("post-10m", "/ask", "POST", 10_000_000, {"Content-Type": "application/octet-stream"}),
    Feature("chunked-upload", "/ask", "POST", 100_000, {"Content-Type": "text/plain"}, chunked=True),
    Feature("continue", "/ask", "POST", 200_000, {"Content-Type": "text/plain", "Expect": "100-continue"}),
    Feature("chunked-answer", "/chunked?100"),
    Feature("trailers", "/chunked?2"),
    Feature("until-close", "/close"),
    Feature("download", "/download?1000000"),
    Feature("range", "/resource", headers={"Range": "bytes=100-299"}, status=206),
    Feature("range-of-the-end", "/resource", headers={"Range": "bytes=-50"}, status=206),
    Feature("range-outside", "/resource", headers={"Range": "bytes=999999-"}, status=416),
    Feature("no-content", "/status?204", status=204),
    Feature("not-modified-by-etag", "/resource", headers={"If-None-Match": '"v1"'}, status=304),
    Feature("not-modified-since", "/resource", headers={"If-Modified-Since": MODIFIED}, status=304),
    Feature("redirect", "/moved?302", status=302),
    Feature("redirect-kept", "/moved?307", "POST", 20, {"Content-Type": "text/plain"}, status=307),
    Feature("redirect-followed", "/moved?302", follow=True),
    Feature("not-found", "/status?404", status=404),
    Feature("server-error", "/status?500", status=500),
    Feature("gzip", "/packed", headers={"Accept-Encoding": "gzip"}),
    Feature("events", "/stream?50", headers={"Accept": "text/event-stream"}),
    Feature("large-fields", "/large", headers={"X-Own-Large": "u" * 12_000}),
    Feature("own-fields", "/ask", headers={"X-Own-One": "1", "Accept-Language": "de, en;q=0.5"}),
    Feature("cookies", "/set", cookies=True),
    Feature("many-at-once", "/ask/{n}", times=40),
]
# Between two neighbours, made by each of them, or a body's framing: not the answer's own.
PASSING = {"date", "connection", "keep-alive", "transfer-encoding", "via", "alt-svc"}


class Got:
    """What is compared of one answer."""

    def __init__(self, status, fields, digest, trailer=None):
        self.status, self.digest, self.trailer = status, digest, trailer
        self.fields = sorted((k.lower(), v) for k, v in fields if k.lower() not in PASSING)

    def __repr__(self):
        return repr((self.status, self.fields, self.digest, self.trailer))

    def same(self, other, framed):
        def kept(fields):
            return [(k, v) for k, v in fields if framed or k != "content-length"]
        return (self.status, kept(self.fields), self.digest, self.trailer) == (
            other.status, kept(other.fields), other.digest, other.trailer)


def digest(data):
    return hashlib.sha256(data).hexdigest()


class Place:
    """Where the service is: a base URL, what goes with each request, and whom to trust."""

    def __init__(self, base, headers=None, ca=None):
        self.base, self.headers, self.ca = base, dict(headers or {}), ca


# --- clients: each a function of place and feature that gives what came, in the order of what was asked

def by_curl(*options):
    def ask(place, feature, scratch):
        folder = scratch.folder(f"curl-{harness.free_port()}")
        head = ["curl", "-sS", "-m", "50", *options, *(["--cacert", place.ca] if place.ca else []),
                *(["-L"] if feature.follow else []), *(["-c", folder / "jar", "-b", folder / "jar"] if feature.cookies else [])]
        for name, value in {**place.headers, **feature.headers}.items():
            head += ["-H", f"{name}: {value}"]
        if feature.body is not None:
            (folder / "body").write_bytes(feature.body)
            # Without its name curl would wait for leave to send what is long.
            head += ["--data-binary", f"@{folder / 'body'}", *(["-H", "Transfer-Encoding: chunked"] if feature.chunked else []),
                     *([] if "Expect" in feature.headers else ["-H", "Expect:"])]
        paths = [feature.path.replace("{n}", str(n)) for n in range(feature.times)]
        if feature.times > 1:
            arguments = [*head, "--parallel", "--parallel-max", "40"]
            for n, path in enumerate(paths):
                arguments += ["-o", folder / f"body{n}", place.base + path]
            run(*arguments).check()
            return [Got(200, [], digest((folder / f"body{n}").read_bytes())) for n in range(feature.times)]
        method = ["-I"] if feature.method == "HEAD" else ["-X", feature.method] if not feature.follow else []
        got = []
        for path in [*paths, *(["/cookies"] if feature.cookies else [])]:
            run(*head, *method, "-D", folder / "head", "-o", folder / "out", place.base + path).check()
            body = b"" if feature.method == "HEAD" or not (folder / "out").exists() else (folder / "out").read_bytes()
            got.append(of_dump((folder / "head").read_text("latin-1"), body))
            (folder / "out").unlink(missing_ok=True)
        return got
    return ask


def of_dump(dump, body):
    """What curl wrote of an answer's heads; the last counts, and fields behind it are trailers."""
    blocks = [block for block in dump.replace("\r", "").split("\n\n") if block.strip()]
    heads = [n for n, block in enumerate(blocks) if block.startswith("HTTP/")]
    lines = blocks[heads[-1]].splitlines()
    fields = [tuple(line.split(": ", 1)) for line in lines[1:] if ": " in line]
    behind = [line.lower() for block in blocks[heads[-1] + 1:] for line in block.splitlines() if line]
    # In HTTP/1.1 trailers follow the empty line, in HTTP/2 curl writes them at the end as well.
    return Got(int(lines[0].split()[1]), fields, digest(body), sorted(behind))


def by_httpx(http2):
    def ask(place, feature, _):
        verify = ssl.create_default_context(cafile=place.ca) if place.ca else False

        async def all_of_it():
            async with httpx.AsyncClient(http2=http2 and bool(place.ca), verify=verify, timeout=50,
                                         follow_redirects=feature.follow, headers=place.headers) as client:
                async def one(path):
                    async def pieces():
                        for start in range(0, feature.size, 1000):
                            yield feature.body[start:start + 1000]
                    content = pieces() if feature.chunked else feature.body
                    answer = await client.request(feature.method, place.base + path, content=content, headers=feature.headers)
                    if http2 and place.ca:
                        assert answer.http_version == "HTTP/2"
                    return Got(answer.status_code, answer.headers.multi_items(), digest(answer.content))
                got = await asyncio.gather(*(one(feature.path.replace("{n}", str(n))) for n in range(feature.times)))
                return [*got, await one("/cookies")] if feature.cookies else list(got)
        return asyncio.run(all_of_it())
    return ask


def by_requests(place, feature, _):
    with requests.Session() as session:
        session.headers.update(place.headers)

        def one(path):
            body = feature.body
            if feature.chunked:
                body = (feature.body[start:start + 1000] for start in range(0, feature.size, 1000))
            answer = session.request(feature.method, place.base + path, data=body, headers=feature.headers, timeout=50,
                                     allow_redirects=feature.follow, verify=str(place.ca) if place.ca else True)
            return Got(answer.status_code, answer.raw.headers.items(), digest(answer.content))
        if feature.times > 1:
            with concurrent.futures.ThreadPoolExecutor(feature.times) as pool:
                return list(pool.map(lambda n: one(feature.path.replace("{n}", str(n))), range(feature.times)))
        return [one(feature.path), *([one("/cookies")] if feature.cookies else [])]


def by_node(place, feature, _):
    asked = {"base": place.base, "path": feature.path, "method": feature.method, "size": feature.size, "fill": "b",
             "headers": {**place.headers, **feature.headers}, "chunked": feature.chunked, "follow": feature.follow,
             "times": feature.times, "cookies": feature.cookies}
    done = run("node", NODE, input=json.dumps(asked), env={"NODE_EXTRA_CA_CERTS": str(place.ca)} if place.ca else {}).check()
    return [Got(one["status"], one["fields"], one["digest"]) for one in json.loads(done.text)]


CURL = by_curl("--http1.1")
# Its name, how it asks, and whether it comes to the gateway by TLS.
CLIENTS = {
    "curl": (CURL, False),
    "curl-tls-http2": (by_curl("--http2"), True),
    "curl-prior-knowledge": (by_curl("--http2-prior-knowledge"), False),
    "httpx": (by_httpx(False), False),
    "httpx-http2": (by_httpx(True), True),
    "requests": (by_requests, False),
    "requests-tls": (by_requests, True),
    "node": (by_node, False),
    "node-tls": (by_node, True),
}
# The service speaks HTTP/1.1 by itself.
DIRECT = {"curl-tls-http2": CURL, "curl-prior-knowledge": CURL}
# What a client does not do, with nobody between.
UNABLE = {
    # fetch refuses `Expect`.
    ("node", "continue"), ("node-tls", "continue"),
    # curl 7.88 fails with 16 when it uses such a connection again, with nginx too.
    ("curl-prior-knowledge", "redirect-followed"), ("curl-prior-knowledge", "many-at-once"),
}
CASES = [(client, feature) for client in CLIENTS for feature in FEATURES if (client, feature.name) not in UNABLE]


@pytest.fixture(scope="module")
def api():
    service = origin.Origin(Handler)
    yield service
    service.stop()


@pytest.fixture(scope="module")
def rpc():
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(16), handlers=[Service()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(None)


@pytest.fixture(scope="module")
def gateway(scratch, api, rpc):
    """The service has a host of its own, as browsers' clients need it, so redirections and cookies are the service's."""
    running = harness.Gateway(scratch, [
        {"name": "web", "kind": "http", "host": "localhost", "target": {"url": api.url}, "access": {"groups": ["agents"]}},
        {"name": "rpc", "kind": "http", "host": RPC_HOST, "target": {"url": f"http://127.0.0.1:{rpc}", "version": 2},
         "access": {"groups": ["agents"]}}], name="matrix").start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def asked():
    """What came of asking directly, which several clients have in common."""
    return {}


def through(gateway, is_tls):
    return Place(f"{'https' if is_tls else 'http'}://localhost:{gateway.http_port}",
                 {"Sallyport-Token": gateway.token()}, gateway.certificate if is_tls else None)


@pytest.mark.parametrize("client,feature", CASES, ids=lambda case: getattr(case, "name", case))
def test_as_if_nobody_stood_between(scratch, gateway, api, asked, client, feature):
    ask, is_tls = CLIENTS[client]
    straight = DIRECT.get(client, ask)
    if (straight, feature.name) not in asked:
        asked[straight, feature.name] = straight(Place(f"http://localhost:{api.port}"), feature, scratch)
    direct = asked[straight, feature.name]
    got = ask(through(gateway, is_tls), feature, scratch)
    assert len(got) == len(direct) == feature.times + feature.cookies
    assert direct[0].status == feature.status
    # A body until the connection's end is framed anew; so is one that was sent in chunks.
    framed = feature.name not in ("until-close", "chunked-answer", "trailers", "events")
    for ours, theirs in zip(got, direct):
        assert ours.same(theirs, framed), (ours, theirs)
    if feature.name == "trailers" and client.startswith("curl"):
        assert got[0].trailer == ["x-sum: 42"]


def test_the_matrix_sees_a_difference(scratch, gateway, api):
    """The comparison itself: another body, status or field is not the same."""
    place = Place(f"http://localhost:{api.port}")
    one = by_requests(place, Feature("a", "/ask/1"), scratch)[0]
    for other in (Feature("b", "/ask/2"), Feature("c", "/status?404"), Feature("d", "/resource")):
        assert not one.same(by_requests(place, other, scratch)[0], True)


@pytest.mark.parametrize("kind", ["unary", "fails", "down", "up", "both", "long", "missing"])
def test_grpc(gateway, rpc, kind):
    own = (("authorization", f"Bearer {gateway.token()}"),)

    def call(at, metadata):
        with grpc.insecure_channel(at, options=[("grpc.default_authority", RPC_HOST)]) as channel:
            try:
                match kind:
                    case "unary" | "fails" | "long":
                        data = {"unary": b"hello", "fails": b"fail", "long": b"l" * 2_000_000}[kind]
                        answer, done = channel.unary_unary(SERVICE + "Unary").with_call(data, metadata=metadata, timeout=20)
                        return digest(answer), [tuple(pair) for pair in done.trailing_metadata()]
                    case "down":
                        return list(channel.unary_stream(SERVICE + "Down")(b"300", metadata=metadata, timeout=20))
                    case "up":
                        return channel.stream_unary(SERVICE + "Up")(iter([b"a"] * 300), metadata=metadata, timeout=20)
                    case "both":
                        return list(channel.stream_stream(SERVICE + "Both")(iter([b"a", b"b"]), metadata=metadata, timeout=20))
                    case "missing":
                        return channel.unary_unary(SERVICE + "Nothing")(b"", metadata=metadata, timeout=20)
            except grpc.RpcError as error:
                return error.code(), error.details()

    assert call(f"127.0.0.1:{gateway.http_port}", own) == call(f"127.0.0.1:{rpc}", ())


def test_nghttp(gateway, api):
    for path in ("/ask/1?a=b", "/resource", "/chunked?20"):
        done = run("nghttp", f"http://localhost:{gateway.http_port}{path}", "-H", f"Sallyport-Token: {gateway.token()}").check()
        direct = run("curl", "-sS", f"http://localhost:{api.port}{path}").check()
        assert done.out == direct.out, path


@pytest.mark.parametrize("is_tls", [False, True])
def test_h2load(gateway, is_tls):
    done = run("h2load", "-n", "400", "-c", "4", "-m", "25", "-H", f"sallyport-token: {gateway.token()}",
               f"{'https' if is_tls else 'http'}://localhost:{gateway.http_port}/ask/load").check()
    assert "400 succeeded, 0 failed, 0 errored" in done.text, done.text
    assert "400 2xx" in done.text
