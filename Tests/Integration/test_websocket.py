"""WebSocket through kind: http: real clients and a real server, frames of our own making, and what the record shows."""

import base64
import hashlib
import json
import shutil
import signal
import socket
import struct
import threading
import time

import h2.config
import h2.connection
import h2.events
import pytest
import websocket
import websockets.exceptions
import websockets.sync.client
import websockets.sync.server

import harness
import record
from harness import LONG
from test_http import entries_of, exchange, http_connection

GUARDS = [
    {"name": "no-admin", "when": {"path": "/admin/**"}, "then": "block", "message": "Ask the platform team."},
    {"name": "no-writes", "when": {"path": "/read/**", "statement": ["write"]}, "then": "block"},
    {"name": "no-mutations", "when": {"path": "/graphql/**", "graphql": {"operation": ["mutation"]}}, "then": "block"},
    {"name": "ask", "when": {"path": "/held/**"}, "then": "hold", "approve": {"groups": ["dba"], "within": "60s"}},
]


class Service:
    """A WebSocket server that does what its path says, and keeps what it was told."""

    def __init__(self):
        self.opened, self.closed = [], []
        self.server = websockets.sync.server.serve(
            self.handle, "127.0.0.1", 0, process_request=self.process, subprotocols=["second", "third"],
            select_subprotocol=lambda _, offered: "second" if "second" in offered else None, max_size=None,
            ping_interval=None)
        self.port = self.server.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()

    def process(self, link, request):
        if request.path.startswith("/refused"):
            return link.respond(403, "not you\n")
        return None

    def handle(self, link):
        self.opened.append(link.request)
        name, _, rest = link.request.path.lstrip("/").partition("/")
        rest = rest.partition("?")[0]
        try:
            getattr(self, "do_" + name, self.do_echo)(link, rest)
            link.close()
        except websockets.exceptions.ConnectionClosed:
            pass
        finally:
            self.closed.append((link.request.path, link.close_code, link.close_reason))

    def do_echo(self, link, _):
        for data in link:
            link.send(data)

    def do_fragments(self, link, _):
        for data in link:
            step = len(data) // 4 + 1
            link.send([data[n:n + step] for n in range(0, len(data), step)] or [data])

    def do_close(self, link, rest):
        code, _, reason = rest.partition("-")
        link.close(int(code), reason)

    def do_flood(self, link, rest):
        for _ in range(int(rest)):
            link.send(b"\xAB" * (1 << 20))

    def do_count(self, link, _):
        count, sum = 0, hashlib.sha256()
        for data in link:
            if isinstance(data, str):
                link.send(json.dumps([count, sum.hexdigest()]))
            else:
                count += len(data)
                sum.update(data)

    def do_ping(self, link, _):
        assert link.ping(b"are you there").wait(10)
        link.send("it is")
        link.recv()

    def do_vanish(self, link, _):
        link.send("soon gone")
        link.recv()
        link.socket.shutdown(socket.SHUT_RDWR)


class Stub:
    """A server of a few lines: reads a request's header, then sends what it was made with, or what that makes of it."""

    def __init__(self, answer):
        self.answer, self.got = answer, b""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                link, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(link,), daemon=True).start()

    def talk(self, link):
        with link:
            data = b""
            while b"\r\n\r\n" not in data:
                piece = link.recv(1 << 16)
                if not piece:
                    return
                data += piece
            self.got = b""
            answer = self.answer
            link.sendall(answer(data) if callable(answer) else answer)
            try:
                while piece := link.recv(1 << 16):
                    self.got += piece
            except OSError:
                pass


def accepting(more=b"", fields=b""):
    """The answer that agrees, and what follows it at once."""
    def answer(request):
        key = next(l.partition(b": ")[2] for l in request.split(b"\r\n") if l.lower().startswith(b"sec-websocket-key"))
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        return (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + fields
                + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + more)
    return answer


@pytest.fixture(scope="module")
def service():
    running = Service()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def stubs():
    made = {
        "wrong": Stub(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n\x81\x05early"),
        "plain": Stub(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain"),
        "masked": Stub(accepting(b"\x81\x04good\x81\x82\1\2\3\4\x69\x6b")),
        "silent": Stub(accepting()),
    }
    yield made
    for stub in made.values():
        stub.listener.close()


@pytest.fixture(scope="module")
def gateway(scratch, service, stubs):
    running = harness.Gateway(scratch, [
        http_connection("chat", service.url),
        http_connection("guarded", service.url, guard=GUARDS),
        http_connection("reading", service.url, read_only=True),
        http_connection("small", service.url, limits={"message": "10KiB"}),
        http_connection("two", {"url": service.url, "version": 2}["url"]),
        *(http_connection(name, stub.url) for name, stub in stubs.items()),
    ], name="websocket").start()
    yield running
    running.stop()


def connect(gateway, path, token=None, headers=None, port=None, **rest):
    """A client that leaves through no proxy; straight to `port` when given."""
    fields = {"Authorization": f"Bearer {token or gateway.token()}", **(headers or {})}
    rest.setdefault("max_size", None)
    return websockets.sync.client.connect(
        f"ws://127.0.0.1:{port or gateway.http_port}{path}", additional_headers=fields, proxy=None, **rest)


def closing(link):
    """The close frame that comes: its code and reason."""
    with pytest.raises(websockets.exceptions.ConnectionClosed):
        while True:
            link.recv(timeout=20)
    return link.close_code, link.close_reason


# --- the same as without a gateway

MESSAGES = ["hello", "", "Grüße, 世界 🚪", b"", bytes(range(256)), "x" * 125, "x" * 126, "x" * 65_535, b"y" * 65_536,
            json.dumps({"n": list(range(500))}), b"z" * (3 << 20)]


def conversation(link, messages=MESSAGES):
    got = []
    for message in messages:
        link.send(message)
        got.append(link.recv(timeout=30))
    link.send(["in ", "three ", "pieces"])
    got.append(link.recv(timeout=30))
    link.send([b"\0", b"", b"\1"])
    got.append(link.recv(timeout=30))
    assert link.ping(b"client").wait(20)
    link.close(4321, "enough")
    return got, link.close_code


@pytest.mark.parametrize("path", ["/echo", "/fragments"])
@pytest.mark.parametrize("compression", ["deflate", None])
def test_same_as_direct(gateway, service, path, compression):
    with connect(gateway, path, port=service.port, compression=compression) as link:
        direct = conversation(link), link.response.headers.get("Sec-WebSocket-Extensions")
    with connect(gateway, "/chat" + path, compression=compression) as link:
        through = conversation(link), link.response.headers.get("Sec-WebSocket-Extensions")
    assert through == direct
    assert (direct[1] is not None) == (compression is not None)
    harness.wait_for(lambda: service.closed[-2:] == [(path, 4321, "enough")] * 2, 10, "both goodbyes")


def test_over_tls(gateway):
    import ssl
    context = ssl.create_default_context(cafile=gateway.certificate)
    with websockets.sync.client.connect(
            f"wss://127.0.0.1:{gateway.http_port}/chat/echo", ssl=context, proxy=None,
            additional_headers={"Sallyport-Token": gateway.token()}) as link:
        link.send("hidden")
        assert link.recv(timeout=20) == "hidden"


def test_another_client(gateway):
    link = websocket.create_connection(
        f"ws://127.0.0.1:{gateway.http_port}/chat/echo", header=[f"Authorization: Bearer {gateway.token()}"], timeout=20)
    link.send("text")
    assert link.recv() == "text"
    link.send_binary(b"\0\1")
    assert link.recv() == b"\0\1"
    link.ping("p")
    assert link.recv_data(control_frame=True) == (websocket.ABNF.OPCODE_PONG, b"p")
    link.send_frame(websocket.ABNF.create_frame("fragm", websocket.ABNF.OPCODE_TEXT, fin=0))
    link.send_frame(websocket.ABNF.create_frame("ented", websocket.ABNF.OPCODE_CONT))
    assert link.recv() == "fragmented"
    link.close(4000, b"bye")


@pytest.mark.skipif(not shutil.which("node"), reason="no node")
def test_node(gateway):
    script = """
      const socket = new WebSocket(process.env.URL, {headers: {authorization: 'Bearer ' + process.env.TOKEN}});
      let got = [];
      socket.onopen = () => { socket.send('hello'); socket.send(new Uint8Array([1, 2])); };
      socket.onmessage = async event => {
        got.push(typeof event.data == 'string' ? event.data : event.data.size);
        if (got.length == 2) socket.close(4002, 'done');
      };
      socket.onerror = event => { console.log('error ' + event.message); process.exit(1); };
      socket.onclose = event => console.log(JSON.stringify([got, event.code, event.reason]));
    """
    done = harness.run("node", "--experimental-websocket", "-e", script, env={
        "URL": f"ws://127.0.0.1:{gateway.http_port}/chat/echo", "TOKEN": gateway.token()})
    if "bad option" in done.error_text:
        pytest.skip("this node has no WebSocket")
    assert json.loads(done.text) == [["hello", 2], 4002, "done"], done.text + done.error_text


def test_the_handshake(gateway, service):
    token = gateway.token()
    with connect(gateway, "/chat/echo?a=b", token, {"X-Own": "1", "Cookie": "sid=1"}, subprotocols=["first", "second"]) as link:
        assert link.subprotocol == "second"
        request = service.opened[-1]
    assert request.path == "/echo?a=b" and request.headers["X-Own"] == "1"
    assert request.headers["Authorization"] == "Bearer target-secret"
    assert not any(token in value for _, value in request.headers.raw_items())
    assert request.headers["X-Forwarded-Prefix"] == "/chat"


def test_ping_and_close_of_the_target(gateway, service):
    with connect(gateway, "/chat/ping") as link:
        assert link.recv(timeout=20) == "it is"
    for code, reason in ((1000, ""), (1001, "moving"), (1011, "oops"), (4999, "own")):
        with connect(gateway, f"/chat/close/{code}-{reason}") as link:
            assert closing(link) == (code, reason)
    with connect(gateway, "/chat/vanish") as link:
        assert link.recv(timeout=20) == "soon gone"
        link.send("go")
        assert closing(link) == (1014, "The target closed its connection.")


def test_a_client_that_vanishes_is_told_of(gateway, service):
    link = connect(gateway, "/chat/echo/vanishing")
    link.socket.shutdown(socket.SHUT_RDWR)
    harness.wait_for(lambda: ("/echo/vanishing", 1001, "The client is gone.") in service.closed, 10, "the goodbye")


def test_many_at_once(gateway):
    token = gateway.token()
    links = [connect(gateway, "/chat/echo", token) for _ in range(50)]
    for number, link in enumerate(links):
        link.send(f"number {number}")
    assert [link.recv(timeout=20) for link in links] == [f"number {n}" for n in range(50)]
    for link in links:
        link.close()


def test_messages_without_end_take_no_memory(gateway):
    size = (1 << 10) if LONG else 100
    with connect(gateway, "/chat/count", compression=None) as link:
        link.send(b"\xAB" * (1 << 20))
        link.send("?")
        link.recv(timeout=60)
        before = gateway.resident_kib()
        started = time.monotonic()
        for _ in range(size - 1):
            link.send(b"\xAB" * (1 << 20))
        link.send("?")
        count, digest = json.loads(link.recv(timeout=300))
        up = time.monotonic() - started
    assert (count, digest) == (size << 20, hashlib.sha256(b"\xAB" * (size << 20)).hexdigest())
    started = time.monotonic()
    with connect(gateway, f"/chat/flood/{size}", compression=None) as link:
        for _ in range(size):
            assert len(link.recv(timeout=60)) == 1 << 20
    grown = gateway.resident_kib() - before
    print(f"{size} MiB up in {up:.1f} s, down in {time.monotonic() - started:.1f} s, {grown} KiB more memory")
    assert grown < 64 << 10


# --- decisions

def test_refused_upgrades(gateway, service):
    opened = len(service.opened)
    for path, status, word in (
            ("/guarded/admin/x", 403, "no-admin"), ("/guarded/read/x", 403, "no-writes"), ("/reading/echo", 403, "read_only"),
            # A rule on bodies cannot know what will be said.
            ("/guarded/graphql/x", 403, "what goes over an upgraded connection is not judged"),
            ("/chat/refused", 403, "not you"), ("/unknown/echo", 403, "forbidden")):
        with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
            connect(gateway, path)
        assert refused.value.response.status_code == status, path
        assert word in refused.value.response.body.decode(), path
    with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
        connect(gateway, "/chat/echo", token="rubbish")
    assert refused.value.response.status_code == 401
    assert len(service.opened) == opened


def test_held_until_approved(gateway, service):
    got = []

    def client():
        with connect(gateway, "/guarded/held/chat-1", open_timeout=60) as link:
            link.send("at last")
            got.append(link.recv(timeout=20))

    opened = len(service.opened)
    thread = threading.Thread(target=client)
    thread.start()
    (pending,) = harness.wait_for(lambda: [a for a in gateway.pending() if "chat-1" in json.dumps(a)], 20, "a request")
    assert not got and len(service.opened) == opened
    gateway.decide("approve", pending["id"])
    thread.join(30)
    assert got == ["at last"]
    (found,) = harness.wait_for(lambda: [e for e in entries_of(gateway, "chat-1") if e.outcome], 10, "the outcome")
    assert found.types == ["command.held", "command.granted", "command.outcome"]


def test_held_and_asked_again(gateway, service):
    """Each handshake has a key of its own, and is the same request nonetheless."""
    def ask():
        return connect(gateway, "/guarded/held/chat-2", headers={"Prefer": "wait=1"})

    with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
        ask()
    problem = json.loads(refused.value.response.body)
    assert problem["type"] == "urn:sallyport:approval-pending"
    gateway.decide("approve", problem["approval"])
    with ask() as link:
        link.send("granted")
        assert link.recv(timeout=20) == "granted"
    with pytest.raises(websockets.exceptions.InvalidStatus):
        ask()


# --- the record

def test_record_and_replay(gateway):
    with connect(gateway, "/chat/echo/replayed?mark=ws-record", compression="deflate") as link:
        for message in ("first message", "first message", b"\xFF\xFE", ["in ", "parts"]):
            link.send(message)
            link.recv(timeout=20)
        link.close(4001, "seen")
    with connect(gateway, "/chat/echo/replayed?mark=ws-plain", compression=None) as link:
        link.send("in the clear")
        assert link.recv(timeout=20) == "in the clear"
    (plain,) = harness.wait_for(lambda: [e for e in entries_of(gateway, "ws-plain") if e.outcome], 10, "the outcome")
    assert plain.kind == "success" and plain.outcome == {"kind": "success", "code": "101", "tag": "closed 1000"}
    # Without masks, whoever sent it.
    assert plain._first("input").startswith(b"\x81\x0cin the clear\x88")
    assert plain.answer.startswith(b"HTTP/1.1 101 ") and b"\r\n\r\n\x81\x0cin the clear\x88" in plain.answer
    (found,) = harness.wait_for(lambda: [e for e in entries_of(gateway, "ws-record") if e.outcome], 10, "the outcome")
    assert found.outcome["tag"] == "closed 4001"
    session = found.entries[0]["session"]

    def exchange_of(recording):
        return next(e for e in recording["exchanges"] if "ws-record" in e["text"])

    said = [("text", "first message", None, None), ("text", "first message", None, None), ("binary", None, "__4", None),
            ("text", "in parts", None, None), ("close", "seen", None, 4001)]
    expected = [(who, *rest) for rest in said for who in ("client", "target")]
    for shown in (exchange_of(gateway.cli_json("replay", session)),
                  exchange_of(gateway.api(f"/sessions/{session}/recording", token=gateway.token("ann", ["security"])))):
        got = [(m["from"], m["kind"], m.get("text"), m.get("data"), m.get("code")) for m in shown["messages"]]
        assert got == expected
        assert [m["bytes"] for m in shown["messages"][:2]] == [13, 13]
        assert shown["answer"]["text"].startswith("101 Switching Protocols") and "input" not in shown
    text = gateway.cli("replay", session).text
    for line in ("-> text first message", "<- text first message", "-> binary (2 bytes)", "<- close 4001 seen",
                 "closed 4001 101"):
        assert line in text, text


def test_an_open_one_can_be_replayed(gateway):
    with connect(gateway, "/chat/echo?mark=ws-open", compression=None) as link:
        link.send("so far")
        assert link.recv(timeout=20) == "so far"
        (found,) = entries_of(gateway, "ws-open")
        shown = next(e for e in gateway.cli_json("replay", found.entries[0]["session"])["exchanges"] if "ws-open" in e["text"])
        assert [(m["from"], m["text"]) for m in shown["messages"]] == [("client", "so far"), ("target", "so far")]


# --- its end

def test_a_lock_ends_it(gateway, service):
    token = gateway.token("mallory")
    with connect(gateway, "/chat/echo/locked", token) as link:
        link.send("before")
        assert link.recv(timeout=20) == "before"
        started = time.monotonic()
        gateway.api("/locks", "POST", {"principal": "mallory", "reason": "test"}, gateway.token("root", ["platform"]))
        assert closing(link) == (1008, "This session was locked: test")
        assert time.monotonic() - started < 5
    harness.wait_for(lambda: ("/echo/locked", 1008, "This session was locked: test") in service.closed, 5, "the goodbye")


def test_life(scratch, service):
    """In use it is never idle; when the gateway stops both sides hear so."""
    gateway = harness.Gateway(
        scratch, [http_connection("chat", service.url)], name="websocket-life", session={"idle": "3s"}).start()
    try:
        with connect(gateway, "/chat/echo/life", ping_interval=None) as link:
            time.sleep(8)
            link.send("still here")
            assert link.recv(timeout=20) == "still here"
            gateway.process.send_signal(signal.SIGTERM)
            assert closing(link) == (1001, "The gateway is shutting down.")
        harness.wait_for(lambda: ("/echo/life", 1001, "The gateway is shutting down.") in service.closed, 5, "the goodbye")
    finally:
        gateway.stop()


# --- attacks

def asking(gateway, path, more=""):
    return (f"GET {path} HTTP/1.1\r\nHost: g\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            f"Authorization: Bearer {gateway.token()}\r\n{more}\r\n").encode()


def frame(opcode, data, fin=True, bits=0, mask=b"\1\2\3\4", length=None):
    head = bytes([(0x80 if fin else 0) | bits | opcode])
    size = len(data) if length is None else length
    bit = 0x80 if mask else 0
    head += (bytes([bit | size]) if size < 126 else bytes([bit | 126]) + struct.pack(">H", size) if size < 1 << 16
             else bytes([bit | 127]) + struct.pack(">Q", size))
    return head + (mask + bytes(b ^ mask[n % 4] for n, b in enumerate(data)) if mask else data)


def talk(gateway, path, *pieces):
    """What comes back behind the handshake, until the other side closes."""
    with socket.create_connection(("127.0.0.1", gateway.http_port), timeout=20) as link, link.makefile("rb") as stream:
        link.sendall(asking(gateway, path))
        assert stream.readline().startswith(b"HTTP/1.1 101 ")
        while stream.readline().strip():
            pass
        for piece in pieces:
            link.sendall(piece)
        return stream.read()


def close_code(data):
    assert data[:1] == b"\x88", data
    return struct.unpack(">H", data[2:4])[0]


WRONG = [
    ("no mask", frame(1, b"hi", mask=b""), 1002), ("RSV1 without agreement", frame(1, b"hi", bits=0x40), 1002),
    ("RSV2", frame(1, b"hi", bits=0x20), 1002), ("opcode 5", frame(5, b""), 1002), ("opcode 15", frame(15, b""), 1002),
    ("a ping in parts", frame(9, b"", fin=False), 1002), ("a long ping", frame(9, b"x" * 126), 1002),
    ("a continuation of nothing", frame(0, b"x"), 1002), ("a message in another", frame(1, b"a", fin=False) + frame(1, b"b"), 1002),
    ("a length in two bytes that needs one", b"\x82\xfe\x00\x05\1\2\3\4" + b"xxxxx", 1002),
    ("a length with the top bit", b"\x82\xff\x80\0\0\0\0\0\0\0\1\2\3\4", 1002),
    ("a close code that is never sent", frame(8, struct.pack(">H", 1006)), 1002), ("half a close code", frame(8, b"\3"), 1002),
    ("bad UTF-8", frame(1, b"\xff"), 1007), ("UTF-8 cut off", frame(1, b"a\xc3"), 1007),
    ("a surrogate over two frames", frame(1, b"\xed", fin=False) + frame(0, b"\xa0\x80"), 1007),
    ("a bad close reason", frame(8, struct.pack(">H", 1000) + b"\xff"), 1007),
    ("too long", frame(2, b"", length=10 * 1024 + 1), 1009), ("too long in parts", frame(2, b"x" * 6000, fin=False)
     + frame(0, b"x" * 6000, fin=False), 1009),
    ("HTTP", b"GET /small/smuggled HTTP/1.1\r\nHost: g\r\n\r\n", 1002),
]


@pytest.mark.parametrize("name,data,code", WRONG, ids=[name for name, _, _ in WRONG])
def test_wrong_frames(gateway, service, name, data, code):
    mark = "/echo/" + hashlib.sha256(name.encode()).hexdigest()[:8]
    assert close_code(talk(gateway, "/small" + mark, data)) == code
    harness.wait_for(lambda: [c for p, c, _ in service.closed if p == mark], 10, "the target's end of it")
    (told,) = [c for p, c, _ in service.closed if p == mark]
    assert told == code
    # Behind a message that is fine, which still gets through.
    mark += "-2"
    got = talk(gateway, "/small" + mark, frame(1, b"fine") + data)
    assert close_code(got[got.index(b"\x88"):]) == code
    (found,) = harness.wait_for(lambda: [e for e in entries_of(gateway, mark) if e.outcome], 10, "the outcome")
    assert found.kind == "interrupted" and found.outcome["code"] == str(code)
    assert found._first("input").startswith(b"\x81\x04fine")


def test_bytes_before_the_answer(gateway, stubs):
    got = exchange(gateway.http_port, asking(gateway, "/silent/x") + frame(1, b"early"))
    assert got.startswith(b"HTTP/1.1 400 ") and b"101" not in got
    got = exchange(gateway.http_port, asking(gateway, "/silent/x") + b"GET /silent/smuggled HTTP/1.1\r\nHost: g\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 400 ") and got.count(b"HTTP/1.1 ") == 1


def test_a_target_that_does_not_agree(gateway, stubs):
    got = exchange(gateway.http_port, asking(gateway, "/wrong/x"))
    assert got.startswith(b"HTTP/1.1 502 ") and b"early" not in got and b"Sec-WebSocket-Accept" in got
    # An ordinary answer is one, and nothing goes on behind it.
    got = exchange(gateway.http_port, asking(gateway, "/plain/x"))
    assert got.startswith(b"HTTP/1.1 200 ") and got.endswith(b"Connection: close\r\n\r\nplain")
    got = talk(gateway, "/masked/x")
    assert got.startswith(b"\x81\x04good") and close_code(got[6:]) == 1002


class Streams:
    """A client of HTTP/2 in clear text, frame by frame."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.link = socket.create_connection(("127.0.0.1", gateway.http_port), timeout=20)
        self.state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.state.initiate_connection()
        self.events = []
        self.flush()
        self.wait(h2.events.RemoteSettingsChanged)

    def flush(self):
        self.link.sendall(self.state.data_to_send())

    def wait(self, kind):
        while not (found := [e for e in self.events if isinstance(e, kind)]):
            data = self.link.recv(1 << 16)
            assert data, self.events
            self.events += self.state.receive_data(data)
            self.flush()
        return found[0]

    def ask(self, stream, path, protocol="websocket"):
        self.events.clear()
        fields = [(":method", "CONNECT"), (":protocol", protocol), (":scheme", "http"), (":path", path),
                  (":authority", "g"), ("sec-websocket-version", "13"),
                  ("authorization", f"Bearer {self.gateway.token()}")]
        self.state.send_headers(stream, fields)
        self.flush()
        return dict(self.wait(h2.events.ResponseReceived).headers)

    def send(self, stream, data):
        self.state.send_data(stream, data)
        self.flush()

    def data(self, count):
        while len(got := b"".join(e.data for e in self.events if isinstance(e, h2.events.DataReceived))) < count:
            self.events += self.state.receive_data(self.link.recv(1 << 16))
            self.flush()
        return got


def test_over_http2(gateway, service):
    client = Streams(gateway)
    assert client.state.remote_settings.enable_connect_protocol == 1
    answer = client.ask(1, "/chat/echo/second?mark=ws-h2")
    assert answer[":status"] == "200" and "sec-websocket-accept" not in answer
    client.send(1, frame(1, b"two"))
    assert client.data(5) == b"\x81\x03two"
    client.send(1, frame(8, b"\x03\xe8"))
    client.wait(h2.events.StreamEnded)
    assert client.data(9) == b"\x81\x03two\x88\x02\x03\xe8"
    (found,) = harness.wait_for(lambda: [e for e in entries_of(gateway, "ws-h2") if e.outcome], 10, "the outcome")
    assert found.outcome["tag"] == "closed 1000"
    # A stream that is reset is a client that is gone; the connection goes on.
    assert client.ask(3, "/chat/echo/reset")[":status"] == "200"
    client.state.reset_stream(3)
    client.flush()
    harness.wait_for(lambda: ("/echo/reset", 1001, "The client is gone.") in service.closed, 10, "the goodbye")
    assert client.ask(5, "/chat/echo/ended")[":status"] == "200"
    client.state.end_stream(5)
    client.flush()
    harness.wait_for(lambda: ("/echo/ended", 1001, "The client is gone.") in service.closed, 10, "the goodbye")
    assert client.ask(7, "/guarded/admin/x")[":status"] == "403"
    assert client.ask(9, "/chat/x", "connect-udp")[":status"] == "405"
    assert client.ask(11, "/plain/x")[":status"] == "200"
    client.link.close()


def test_other_upgrades_are_left_out(gateway, service):
    for fields in ("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
                   "Connection: Upgrade\r\nUpgrade: TLS/1.3\r\n", "Upgrade: websocket\r\n"):
        request = f"GET /plain/x HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {gateway.token()}\r\n{fields}\r\n"
        got = exchange(gateway.http_port, request.encode(), until=(b"plain", 1))
        assert got.startswith(b"HTTP/1.1 200 ") and b"pgrade" not in got
    got = exchange(gateway.http_port, asking(gateway, "/plain/x").replace(b"Version: 13", b"Version: 7"))
    assert got.startswith(b"HTTP/1.1 426 ") and b"Sec-WebSocket-Version: 13\r\n" in got
