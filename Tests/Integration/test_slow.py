"""Clients and targets that are too slow, as attacks and by accident: each is ended within its documented time, says why where
it can be said, and costs others nothing."""

import json
import socket
import ssl
import struct
import threading
import time

import h2.config
import h2.connection
import h2.events
import pytest

import harness
import origin
from harness import run

SIGN_IN, STALL = 3, 6
# Looks at the clock are some seconds apart.
LATE = 5


class Target(origin.Handler):
    """One that keeps others waiting."""

    def do_path_never(self, _):
        self.server.origin.asked.set()
        self.server.origin.go.wait(60)
        self.close_connection = True

    def do_path_late(self, query):
        list(self._body())
        time.sleep(float(query))
        self._send(200, b"late")

    def do_path_begun(self, _):
        """Begins at once and then takes its time."""
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"la")
        self.wfile.flush()
        time.sleep(5)
        self.wfile.write(b"te")

    def do_path_endless(self, _):
        self.send_response(200)
        self.send_header("Content-Length", str(1 << 40))
        self.end_headers()
        origin = self.server.origin
        with origin.lock:
            origin.endless += 1
        try:
            while True:
                self.wfile.write(b"e" * 65536)
        finally:
            with origin.lock:
                origin.endless -= 1
            origin.ended.set()


@pytest.fixture(scope="module")
def api():
    service = origin.Origin(Target)
    service.endless = 0
    service.asked, service.go, service.ended = threading.Event(), threading.Event(), threading.Event()
    yield service
    service.go.set()
    service.stop()


@pytest.fixture(scope="module")
def gateway(scratch, api):
    running = harness.Gateway(scratch, [
        {"name": "web", "kind": "http", "target": {"url": api.url}, "access": {"groups": ["agents"]}},
        {"name": "short", "kind": "http", "target": {"url": api.url}, "access": {"groups": ["agents"]},
         "limits": {"answer_head": "2s"}},
    ], name="slow", timeouts={"sign_in": f"{SIGN_IN}s", "stall": f"{STALL}s"}, max_sessions=5000).start()
    yield running
    running.stop()


def good(gateway, path="/web/echo"):
    """A request of a client that does as it should, and how long it took."""
    started = time.monotonic()
    done = run("curl", "-sS", "-m", "20", "-o", "/dev/null", "-w", "%{http_code}", "-H",
               f"Authorization: Bearer {gateway.token('good')}", f"http://127.0.0.1:{gateway.http_port}{path}").check()
    assert done.text == "200"
    return time.monotonic() - started


def opened(gateway):
    link = socket.create_connection(("127.0.0.1", gateway.http_port), 20)
    link.settimeout(20)
    return link


def head(gateway, path="/web/echo", method="GET", *fields):
    lines = [f"{method} {path} HTTP/1.1", "Host: gateway", f"Authorization: Bearer {gateway.token()}", *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def answer(link):
    """One answer with a length."""
    got = b""
    while b"\r\n\r\n" not in got:
        piece = link.recv(65536)
        if not piece:
            return got
        got += piece
    before, _, body = got.partition(b"\r\n\r\n")
    length = int(next(line.split(b":")[1] for line in before.split(b"\r\n") if line.lower().startswith(b"content-length")))
    while len(body) < length:
        body += link.recv(65536)
    return before + b"\r\n\r\n" + body


def until_closed(link, every=None, seconds=40):
    """What comes until the other side closes, and when that was; sends `every` byte twice a second meanwhile."""
    started, got = time.monotonic(), b""
    link.settimeout(0.5)
    while time.monotonic() - started < seconds:
        try:
            if every:
                link.sendall(every)
            piece = link.recv(65536)
            if not piece:
                return got, time.monotonic() - started
            got += piece
        except TimeoutError:
            continue
        except OSError:
            return got, time.monotonic() - started
    raise harness.Failure(f"still open after {seconds} s: {got[-200:]!r}")


# --- HTTP/1.1

def test_a_first_head_that_trickles(gateway):
    with opened(gateway) as link:
        link.sendall(b"GET /web/echo HTTP/1.1\r\nHost: gateway\r\nX-Slow: ")
        got, seconds = until_closed(link, b"a")
    assert got.startswith(b"HTTP/1.1 408 ") and SIGN_IN - 1 < seconds < SIGN_IN + LATE, (seconds, got)


def test_a_later_head_that_trickles(gateway):
    with opened(gateway) as link:
        link.sendall(head(gateway))
        assert answer(link).startswith(b"HTTP/1.1 200")
        link.sendall(head(gateway)[:-4] + b"\r\nX-Slow: ")
        got, seconds = until_closed(link, b"a")
    assert got.startswith(b"HTTP/1.1 408 ") and b"problem+json" in got, got
    assert SIGN_IN - 1 < seconds < SIGN_IN + LATE, seconds


def test_a_connection_that_is_idle_between_requests_stays(gateway):
    with opened(gateway) as link:
        link.sendall(head(gateway))
        assert answer(link).startswith(b"HTTP/1.1 200")
        time.sleep(SIGN_IN + LATE)
        link.sendall(head(gateway))
        assert answer(link).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("fields,every", [(["Content-Length: 100000"], b"a"), (["Transfer-Encoding: chunked"], b"1\r\na\r\n")],
                         ids=["length", "chunked"])
@pytest.mark.parametrize("before", [0, 1_500_000], ids=["judged", "passed"])
def test_a_body_that_trickles(gateway, fields, every, before):
    """`judged`: while it is gathered for its verdict; `passed`: once it goes on in pieces."""
    if before and fields[0].startswith("Content-Length"):
        fields = ["Content-Length: 2000000"]
    begun = b"b" * before if "chunked" not in fields[0] else b"%x\r\n%s\r\n" % (before, b"b" * before) if before else b""
    with opened(gateway) as link:
        link.sendall(head(gateway, "/web/upload", "POST", *fields) + begun)
        got, seconds = until_closed(link, every)
    assert got.startswith(b"HTTP/1.1 408 "), got
    assert STALL - 1 < seconds < 2 * STALL + LATE, seconds


def test_a_body_that_is_slow_but_not_too_slow(gateway):
    with opened(gateway) as link:
        link.sendall(head(gateway, "/web/upload", "POST", "Content-Length: 12000"))
        for _ in range(24):
            link.sendall(b"a" * 500)
            time.sleep(0.5)
        assert b'"count": 12000' in answer(link)


def test_a_client_that_takes_nothing(gateway, api):
    api.ended.clear()
    link = opened(gateway)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    link.sendall(head(gateway, "/web/endless"))
    with link:
        assert api.ended.wait(STALL + 2 * LATE + 10), "the target is still asked for more"
    good(gateway)


def test_a_client_that_takes_its_time_is_left_alone(gateway):
    """Slower than the stall time for all of it, yet it goes on."""
    with opened(gateway) as link:
        link.sendall(head(gateway, "/web/download?6000000"))
        started, size = time.monotonic(), 0
        while piece := link.recv(65536):
            size += len(piece)
            if size >= 6_000_000:
                break
            time.sleep(0.1)
        assert size >= 6_000_000 and time.monotonic() - started > STALL


# --- HTTP/2

def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, ACK = frame(4, 0, 0), frame(4, 1, 0)


@pytest.mark.parametrize("begun,every", [
    (PREFACE[:20], None),
    (PREFACE + SETTINGS, None),
    (PREFACE + SETTINGS + ACK + frame(1, 0, 1, b"\x82"), None),
    (PREFACE + SETTINGS + ACK + frame(1, 0, 1, b"\x82"), frame(9, 0, 1, b"\x00\x01a\x01b")),
    (PREFACE + SETTINGS + ACK + frame(1, 4, 1, b"a" * 16000)[:100], b"\x00"),
    (PREFACE + SETTINGS + ACK + frame(4, 0, 0)[:5], None),
], ids=["preface", "settings-not-acknowledged", "header-not-ended", "continuation-trickles", "frame-trickles", "frame-begun"])
def test_http2_connections_that_owe_something(gateway, begun, every):
    with opened(gateway) as link:
        link.sendall(begun)
        _, seconds = until_closed(link, every)
    assert seconds < 2 * SIGN_IN + LATE, seconds
    good(gateway)


def request(gateway, connection, path, method="GET", end=True):
    stream = connection.get_next_available_stream_id()
    connection.send_headers(stream, [
        (":method", method), (":scheme", "http"), (":path", path), (":authority", "gateway"),
        ("authorization", f"Bearer {gateway.token()}")], end_stream=end)
    return stream


def speak(gateway, window=65_535):
    link = opened(gateway)
    connection = h2.connection.H2Connection(config=h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
    connection.initiate_connection()
    connection.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
    return connection, link


def ended(connection, link, stream, seconds=40, trickle=None):
    """How a stream ended: a status or a reset, and after how long. Pings and settings are answered meanwhile."""
    started, status = time.monotonic(), None
    link.settimeout(0.5)
    while time.monotonic() - started < seconds:
        try:
            if trickle:
                trickle()
            link.sendall(connection.data_to_send())
            data = link.recv(65536)
        except TimeoutError:
            continue
        except OSError:
            data = b""
        if not data:
            return status or "closed", time.monotonic() - started
        for event in connection.receive_data(data):
            if getattr(event, "stream_id", None) != stream:
                continue
            if isinstance(event, h2.events.ResponseReceived):
                status = int(dict(event.headers)[":status"])
            if isinstance(event, h2.events.StreamReset):
                return "reset", time.monotonic() - started
            if isinstance(event, h2.events.StreamEnded):
                return status, time.monotonic() - started
    raise harness.Failure(f"the stream is still open after {seconds} s")


def test_a_body_that_trickles_in_http2(gateway):
    connection, link = speak(gateway)
    with link:
        stream = request(gateway, connection, "/web/upload", "POST", end=False)
        how, seconds = ended(connection, link, stream, trickle=lambda: connection.send_data(stream, b"a"))
    assert how in (408, "reset") and STALL - 1 < seconds < 2 * STALL + LATE, (how, seconds)


def test_a_window_that_is_never_opened(gateway, api):
    """The client answers pings and takes the stream's head, and nothing more."""
    api.ended.clear()
    connection, link = speak(gateway, window=0)
    with link:
        stream = request(gateway, connection, "/web/endless")
        how, seconds = ended(connection, link, stream)
        assert how in ("reset", "closed", 200) and seconds < STALL + 2 * LATE, (how, seconds)
        assert api.ended.wait(10), "the target is still asked for more"


# --- many

def test_five_hundred_slow_clients_stop_nobody(gateway, api):
    calm = max(good(gateway) for _ in range(3))
    before, links = gateway.resident_kib(), []
    token = gateway.token("attacker")
    kinds = [
        b"GET /web/echo HTTP/1.1\r\nHost: gateway\r\nX-Slow: ",
        (f"POST /web/upload HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {token}\r\n"
         "Content-Length: 100000\r\n\r\na").encode(),
        (f"GET /web/endless HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {token}\r\n\r\n").encode(),
        PREFACE + SETTINGS + frame(1, 0, 1, b"\x82"),
        b"\x16\x03\x01\x02\x00\x01",  # a TLS handshake that stays begun
    ]
    try:
        for n in range(500):
            link = opened(gateway)
            if n % 5 == 2:
                link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            link.sendall(kinds[n % 5])
            links.append(link)
        slowest = max(good(gateway) for _ in range(5))
        assert slowest < calm + 3, (slowest, calm)
        grown = gateway.resident_kib() - before
        print(f"500 slow clients: {grown} KiB, a good one waits {slowest * 1000:.0f} ms (alone {calm * 1000:.0f} ms)")
        # A hundred of them are sent an endless answer, each with at most what waits in its channels.
        assert grown < 250_000, f"{grown} KiB"
        # Whoever takes nothing does not see its end; its target does.
        seen = [link for n, link in enumerate(links) if n % 5 != 2]
        harness.wait_for(lambda: all(closed(link) for link in seen), 2 * STALL + 2 * LATE + 20, "all are ended")
        harness.wait_for(lambda: api.endless == 0, 2 * STALL + 2 * LATE + 20, "no target is asked for more")
    finally:
        for link in links:
            link.close()
    good(gateway)


def closed(link):
    link.setblocking(False)
    try:
        while data := link.recv(1 << 16):
            pass
        return data == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


# --- targets

def test_a_target_that_never_answers(gateway, api):
    for version in ("--http1.1", "--http2-prior-knowledge"):
        started = time.monotonic()
        done = run("curl", "-sS", "-m", "30", version, "-w", "\n%{http_code}", "-H",
                   f"Authorization: Bearer {gateway.token()}", f"http://127.0.0.1:{gateway.http_port}/short/never").check()
        body, _, status = done.text.rpartition("\n")
        assert status == "504" and json.loads(body)["type"] == "urn:sallyport:target", done.text
        assert 1 < time.monotonic() - started < 2 + LATE
    entries = [entry for session in gateway.api("/sessions?connection=short")["items"]
               for entry in gateway.api(f"/sessions/{session['id']}/events")["items"]]
    assert [e["outcome"]["code"] for e in entries if e["type"] == "command.outcome"].count("504") == 2


def test_the_connection_goes_on_after_it(gateway):
    with opened(gateway) as link:
        link.sendall(head(gateway, "/short/never"))
        assert answer(link).startswith(b"HTTP/1.1 504 Gateway Timeout")
        link.sendall(head(gateway, "/short/echo"))
        assert answer(link).startswith(b"HTTP/1.1 200")


def test_one_that_has_begun_may_take_its_time(gateway):
    good(gateway, "/short/begun")
    good(gateway, "/web/late?5")


def test_an_uploads_time_is_not_the_targets(gateway):
    with opened(gateway) as link:
        link.sendall(head(gateway, "/short/upload", "POST", "Content-Length: 4000"))
        for _ in range(8):
            link.sendall(b"a" * 500)
            time.sleep(0.5)
        assert b'"count": 4000' in answer(link)


@pytest.mark.parametrize("text,words", [
    ("timeouts: {stall: 1s}\n", ["stall"]), ("timeouts: {stall: never}\n", ["stall"]), ("timeouts: {read: 1s}\n", ["read"])])
def test_mistakes(scratch, text, words):
    folder = scratch.folder(f"slow-{harness.free_port()}")
    (folder / "a.yaml").write_text("data: ./d\nidentity: {local: true}\n" + text + """connections:
  - {name: a, kind: http, target: {url: "http://127.0.0.1:1"}, access: {groups: [a]}, limits: {answer_head: 0s}}
""")
    done = run(harness.unprivileged_binary(scratch), "config", "check", "--config", folder / "a.yaml")
    assert done.code != 0
    for word in [*words, "limits.answer_head"]:
        assert word in done.error_text + done.text, (word, done.error_text)
