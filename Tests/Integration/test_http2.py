"""HTTP/2 on both sides: curl, httpx and gRPC through the real gateway, and clients that break the protocol's rules."""

import asyncio
import concurrent.futures
import http.server
import json
import os
import socket
import ssl
import threading
import time

# Its handlers of fork() would get in the way of the commands that the tests run.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

import grpc  # noqa: E402
import h2.config  # noqa: E402
import h2.connection  # noqa: E402
import h2.events  # noqa: E402
import h2.exceptions  # noqa: E402
import httpx  # noqa: E402
import pytest  # noqa: E402

import harness  # noqa: E402
import origin  # noqa: E402
from harness import run  # noqa: E402

SERVICE = "/shop.Orders/"
HOST = "orders.gateway.test"


class Echo(http.server.BaseHTTPRequestHandler):
    """Says what came; HTTP/1.1."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        length = self.headers.get("Content-Length")
        body = self.rfile.read(int(length)) if length else b""
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        if self.path == "/nothing":
            self.send_response(204)
            self.end_headers()
            return
        said = json.dumps({"method": self.command, "path": self.path, "bytes": len(body),
                           "fields": {name.lower(): value for name, value in self.headers.items()}}).encode()
        if self.path == "/long":
            said = b"x" * 20_000_000
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(said)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *arguments):
        pass


class Service(grpc.GenericRpcHandler):
    """One method of each kind, over plain bytes."""

    def service(self, call):
        method = call.method.removeprefix(SERVICE)
        if method == "Unary":
            return grpc.unary_unary_rpc_method_handler(self.unary)
        if method == "Down":
            return grpc.unary_stream_rpc_method_handler(self.down)
        if method == "Up":
            return grpc.stream_unary_rpc_method_handler(lambda requests, _: b"%d" % sum(map(len, requests)))
        if method == "Both":
            return grpc.stream_stream_rpc_method_handler(lambda requests, _: (b"got " + r for r in requests))
        return None

    @staticmethod
    def unary(request, context):
        context.set_trailing_metadata((("x-sum", str(len(request))),))
        if request == b"fail":
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not now")
        if request == b"who":
            return dict(context.invocation_metadata()).get("authorization", "nobody").encode()
        return request.upper()

    @staticmethod
    def down(request, context):
        for number in range(int(request)):
            yield b"%d" % number


@pytest.fixture(scope="module")
def scene(scratch):
    web = origin.Server(("127.0.0.1", 0), Echo)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    rpc = grpc.server(concurrent.futures.ThreadPoolExecutor(16), handlers=[Service()])
    rpc_port = rpc.add_insecure_port("127.0.0.1:0")
    rpc.start()
    gateway = harness.Gateway(scratch, [
        {"name": "web", "kind": "http", "target": {"url": f"http://127.0.0.1:{web.server_port}"},
         "credential": {"bearer": "target-secret"}, "access": {"groups": ["agents"]},
         "guard": [{"name": "no-admin", "when": {"path": "/admin/**"}, "then": "block", "message": "Not here."}]},
        {"name": "rpc", "kind": "http", "host": HOST, "credential": {"bearer": "target-secret"},
         "target": {"url": f"http://127.0.0.1:{rpc_port}", "version": 2}, "access": {"groups": ["agents"]},
         "guard": [{"name": "no-secret", "when": {"path": "/shop.Orders/Secret*"}, "then": "block", "message": "Not here."}]},
    ], name="http2").start()
    gateway.direct = f"127.0.0.1:{rpc_port}"
    yield gateway
    gateway.stop()
    rpc.stop(None)
    web.shutdown()


def curl(scene, *arguments, path="/web/a", tls=False):
    origin = f"https://127.0.0.1:{scene.http_port}" if tls else f"http://127.0.0.1:{scene.http_port}"
    version = [] if tls else ["--http2-prior-knowledge"]
    return run("curl", "-sS", "-m", "30", *version, "--cacert", scene.certificate, "-H", f"Authorization: Bearer {scene.token()}",
               *arguments, origin + path)


# MARK: clients

@pytest.mark.parametrize("tls", [False, True], ids=["clear", "tls"])
def test_curl(scene, tls):
    done = curl(scene, "-w", "\n%{http_version} %{http_code}", path="/web/a/b?c=d", tls=tls).check()
    said, end = done.text.rsplit("\n", 1)
    assert end == "2 200"
    said = json.loads(said)
    assert (said["method"], said["path"]) == ("GET", "/a/b?c=d")
    assert said["fields"]["authorization"] == "Bearer target-secret"
    assert scene.token() not in done.text

    posted = json.loads(curl(scene, "--data-binary", "x" * 100_000, tls=tls).check().text)
    assert (posted["method"], posted["bytes"]) == ("POST", 100_000)
    assert "200" in curl(scene, "-I", tls=tls).check().text.splitlines()[0]
    assert curl(scene, "-w", "%{http_code}", path="/web/nothing", tls=tls).check().text == "204"
    refused = curl(scene, "-w", "\n%{http_code}", path="/web/admin/x", tls=tls).check().text
    assert refused.endswith("403") and "Not here." in refused and "no-admin" in refused


def test_old_clients_still_speak_http_1(scene):
    assert curl(scene, "--http1.1", "-w", "\n%{http_version}", tls=True).check().text.endswith("1.1")


def test_many_streams_of_one_connection(scene):
    context = ssl.create_default_context(cafile=scene.certificate)

    # In one thread: the client's HTTP/2 is not safe to be used by several.
    async def ask():
        async with httpx.AsyncClient(
                http2=True, verify=context, headers={"Authorization": f"Bearer {scene.token()}"}, timeout=60) as client:
            return await asyncio.gather(*[
                client.get(f"https://127.0.0.1:{scene.http_port}/web/number/{n}") for n in range(300)])

    answers = asyncio.run(ask())
    assert [answer.text for answer in answers if answer.status_code != 200] == []
    assert {answer.http_version for answer in answers} == {"HTTP/2"}
    assert sorted(answer.json()["path"] for answer in answers) == sorted(f"/number/{n}" for n in range(300))


def test_a_slow_reader_costs_bounded_memory(scene):
    curl(scene, "-o", "/dev/null").check()
    before = scene.resident_kib()
    connection, sock, _ = opened(scene, [("GET", "/web/long")])
    time.sleep(1)  # nothing is read: what the target sends must wait where it is
    assert scene.resident_kib() - before < 12_000
    sock.close()
    assert len(curl(scene, path="/web/long").check().out) == 20_000_000


# MARK: gRPC

@pytest.fixture(scope="module", params=["direct", "gateway"])
def channel(request, scene):
    at = scene.direct if request.param == "direct" else f"127.0.0.1:{scene.http_port}"
    with grpc.insecure_channel(at, options=[("grpc.default_authority", HOST)]) as channel:
        yield channel


def test_grpc(channel, scene):
    own = (("authorization", f"Bearer {scene.token()}"),)
    unary = channel.unary_unary(SERVICE + "Unary")
    answer, call = unary.with_call(b"hello", metadata=own, timeout=20)
    assert answer == b"HELLO" and dict(call.trailing_metadata())["x-sum"] == "5"
    assert len(unary(b"x" * 1_000_000, metadata=own, timeout=20)) == 1_000_000
    assert list(channel.unary_stream(SERVICE + "Down")(b"500", metadata=own, timeout=20)) == [b"%d" % n for n in range(500)]
    assert channel.stream_unary(SERVICE + "Up")(iter([b"abc"] * 1000), metadata=own, timeout=20) == b"3000"
    both = channel.stream_stream(SERVICE + "Both")(iter([b"a", b"b"]), metadata=own, timeout=20)
    assert list(both) == [b"got a", b"got b"]
    with pytest.raises(grpc.RpcError) as failed:
        unary(b"fail", metadata=own, timeout=20)
    assert (failed.value.code(), failed.value.details()) == (grpc.StatusCode.FAILED_PRECONDITION, "not now")
    with pytest.raises(grpc.RpcError) as failed:
        channel.unary_unary(SERVICE + "Missing")(b"", metadata=own, timeout=20)
    assert failed.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_grpc_answers_while_the_client_still_sends(scene):
    own = (("authorization", f"Bearer {scene.token()}"),)
    with grpc.insecure_channel(f"127.0.0.1:{scene.http_port}", options=[("grpc.default_authority", HOST)]) as channel:
        answered = threading.Semaphore(0)

        def requests():
            for number in range(5):
                yield b"%d" % number
                assert answered.acquire(timeout=10), "the answer waits for the request's end"

        got = []
        for answer in channel.stream_stream(SERVICE + "Both")(requests(), metadata=own, timeout=30):
            got.append(answer)
            answered.release()
        assert got == [b"got %d" % n for n in range(5)]


def test_a_target_that_says_goodbye_is_dialled_again(scene, scratch):
    """Its connections live for half a second: each goodbye comes between two calls, and no call is lost to it."""
    rpc = grpc.server(concurrent.futures.ThreadPoolExecutor(4), handlers=[Service()],
                      options=[("grpc.max_connection_age_ms", 500)])
    port = rpc.add_insecure_port("127.0.0.1:0")
    rpc.start()
    gateway = harness.Gateway(scratch, [
        {"name": "rpc", "kind": "http", "host": HOST, "target": {"url": f"http://127.0.0.1:{port}", "version": 2},
         "access": {"groups": ["agents"]}}], name="goaway").start()
    try:
        own = (("authorization", f"Bearer {gateway.token()}"),)
        with grpc.insecure_channel(
                f"127.0.0.1:{gateway.http_port}", options=[("grpc.default_authority", HOST)]) as channel:
            unary = channel.unary_unary(SERVICE + "Unary")
            until, calls = time.monotonic() + 3, 0
            while time.monotonic() < until:
                assert unary(b"hello", metadata=own, timeout=20) == b"HELLO"
                calls += 1
        assert calls > 20
    finally:
        gateway.stop()
        rpc.stop(None)


def test_a_target_that_never_ends_its_handshake_is_unreachable(scratch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        gateway = harness.Gateway(scratch, [
            {"name": "deaf", "kind": "http", "access": {"groups": ["agents"]},
             "target": {"url": f"https://127.0.0.1:{silent.getsockname()[1]}", "version": 2, "tls": "require"}}],
            name="deaf").start()
        try:
            started = time.monotonic()
            done = run("curl", "-sS", "-m", "30", "-w", "%{http_code}", "-H", f"Authorization: Bearer {gateway.token()}",
                       f"http://127.0.0.1:{gateway.http_port}/deaf/x").check()
            assert done.text.endswith(("502", "503", "504")) and 8 < time.monotonic() - started < 20, done.text
        finally:
            gateway.stop()


def test_grpc_is_judged_and_the_credential_is_the_targets(scene):
    with grpc.insecure_channel(f"127.0.0.1:{scene.http_port}", options=[("grpc.default_authority", HOST)]) as channel:
        own = (("authorization", f"Bearer {scene.token()}"),)
        assert channel.unary_unary(SERVICE + "Unary")(b"who", metadata=own, timeout=20) == b"Bearer target-secret"
        with pytest.raises(grpc.RpcError) as refused:
            channel.unary_unary(SERVICE + "SecretThing")(b"", metadata=own, timeout=20)
        assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED
        with pytest.raises(grpc.RpcError) as refused:
            channel.unary_unary(SERVICE + "Unary")(b"", timeout=20)
        assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
    texts = json.dumps(scene.export())
    assert "/shop.Orders/SecretThing" in texts and "command.blocked" in texts


# MARK: attacks

def opened(scene, requests, fields=(), end=True, validate=True):
    """A raw connection with these requests sent; returns (connection, socket, stream ids)."""
    sock = socket.create_connection(("127.0.0.1", scene.http_port), 10)
    sock.settimeout(10)
    connection = h2.connection.H2Connection(config=h2.config.H2Configuration(
        client_side=True, header_encoding="utf-8", validate_outbound_headers=validate, normalize_outbound_headers=validate))
    connection.initiate_connection()
    streams = []
    for method, path in requests:
        streams.append(stream := connection.get_next_available_stream_id())
        connection.send_headers(stream, [
            (":method", method), (":scheme", "http"), (":path", path), (":authority", "gateway"),
            ("authorization", f"Bearer {scene.token()}"), *fields], end_stream=end)
    sock.sendall(connection.data_to_send())
    return connection, sock, streams


def outcome(connection, sock, stream):
    """("status", n), ("reset", code) or ("closed",) of a stream."""
    try:
        while data := sock.recv(65536):
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.ResponseReceived) and event.stream_id == stream:
                    return "status", int(dict(event.headers)[":status"])
                if isinstance(event, h2.events.StreamReset) and event.stream_id == stream:
                    return "reset", int(event.error_code)
                if isinstance(event, h2.events.ConnectionTerminated):
                    return ("closed",)
    except (ConnectionError, TimeoutError, h2.exceptions.ProtocolError):
        pass
    return ("closed",)


@pytest.mark.parametrize("field", [
    ("transfer-encoding", "chunked"), ("connection", "close"), ("upgrade", "websocket"), ("x", "a\r\ny: b"), ("x", "a\nb"),
    ("x\r\ny", "a"), ("X-Upper", "a"), ("te", "gzip"), ("host", "elsewhere"), ("x", "a\0b"), (":path", "/web/other"),
    ("content-length", "5"),
], ids=str)
def test_fields_that_would_be_something_else_in_http_1(scene, field):
    connection, sock, (stream,) = opened(scene, [("GET", "/web/field")], [field], validate=False)
    with sock:
        seen = outcome(connection, sock, stream)
    assert seen[0] in ("reset", "closed") or seen == ("status", 400), seen
    curl(scene).check()


@pytest.mark.parametrize("path", ["/web/a b", "/web/a\r\nX: y", "", "web/a", "*"], ids=repr)
def test_paths_that_would_be_something_else_in_http_1(scene, path):
    connection, sock, (stream,) = opened(scene, [("GET", path)], validate=False)
    with sock:
        seen = outcome(connection, sock, stream)
    assert seen[0] in ("reset", "closed") or (seen[0] == "status" and seen[1] in (400, 404)), seen


@pytest.mark.parametrize("path", ["/web/../nowhere/x", "/web/%2e%2e/nowhere"])
def test_a_path_that_leaves_its_connection_is_for_the_other_one(scene, path):
    connection, sock, (stream,) = opened(scene, [("GET", path)], validate=False)
    with sock:
        assert outcome(connection, sock, stream) == ("status", 403)


def test_rapid_reset_ends_that_connection_only(scene):
    connection, sock, _ = opened(scene, [])
    with sock, pytest.raises((ConnectionError, TimeoutError, h2.exceptions.ProtocolError)):
        for _ in range(5000):
            stream = connection.get_next_available_stream_id()
            connection.send_headers(stream, [
                (":method", "GET"), (":scheme", "http"), (":path", "/web/reset"), (":authority", "gateway"),
                ("authorization", f"Bearer {scene.token()}")], end_stream=True)
            connection.reset_stream(stream)
            sock.sendall(connection.data_to_send())
        while sock.recv(65536):
            pass
        raise ConnectionError("closed")
    curl(scene).check()


def test_a_flood_of_continuation_ends_that_connection_only(scene):
    connection, sock, _ = opened(scene, [])
    with sock:
        # HEADERS without END_HEADERS, then CONTINUATION without end.
        sock.sendall(b"\x00\x00\x01\x01\x00\x00\x00\x00\x01\x82")
        try:
            for _ in range(200_000):
                sock.sendall(b"\x00\x00\x05\x09\x00\x00\x00\x00\x01\x00\x01a\x01b")
            sock.settimeout(10)
            while sock.recv(65536):
                pass
        except (ConnectionError, TimeoutError) as error:
            assert not isinstance(error, TimeoutError), "the flood goes on"
    curl(scene).check()


def test_garbage_behind_the_preface(scene):
    for garbage in (b"\x00" * 100, b"\xff" * 100, b"GET / HTTP/1.1\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", scene.http_port), 10) as sock:
            sock.settimeout(10)
            sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + garbage)
            try:
                while sock.recv(65536):
                    pass
            except ConnectionError:
                pass
    curl(scene).check()


def test_a_client_that_leaves_ends_its_commands(scene):
    connection, sock, streams = opened(scene, [("GET", "/web/long")] * 5)
    sock.recv(1000)
    sock.close()
    harness.wait_for(lambda: not [s for s in scene.cli_json("sessions") if s.get("open_commands")], 10, "nothing runs")
    curl(scene).check()
