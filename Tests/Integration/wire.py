"""A small PostgreSQL client that shows every byte: for tests of framing, order, refusals and crashes that need a client
which hides nothing. Raw messages in, raw messages out."""

import socket
import struct

SSL_REQUEST = struct.pack("!II", 8, 80877103)
GSS_REQUEST = struct.pack("!II", 8, 80877104)


class Gone(Exception):
    """The other side closed the connection."""


def message(kind, body=b""):
    return kind.encode() + struct.pack("!I", len(body) + 4) + body


def cstring(text):
    return text.encode() + b"\0"


def startup(parameters, version=196608):
    body = struct.pack("!I", version)
    for name, value in parameters.items():
        body += cstring(name) + cstring(value)
    body += b"\0"
    return struct.pack("!I", len(body) + 4) + body


def query(text):
    return message("Q", cstring(text))


def parse(text, name="", types=()):
    return message("P", cstring(name) + cstring(text) + struct.pack("!H", len(types))
                   + b"".join(struct.pack("!I", t) for t in types))


def bind(portal="", statement="", parameters=(), binary_results=False):
    body = cstring(portal) + cstring(statement) + struct.pack("!H", 0) + struct.pack("!H", len(parameters))
    for value in parameters:
        body += struct.pack("!i", -1) if value is None else struct.pack("!I", len(value)) + value
    body += struct.pack("!HH", 1, 1) if binary_results else struct.pack("!H", 0)
    return message("B", body)


def describe(kind="P", name=""):
    return message("D", kind.encode() + cstring(name))


def execute(portal="", rows=0):
    return message("E", cstring(portal) + struct.pack("!I", rows))


def close(kind="S", name=""):
    return message("C", kind.encode() + cstring(name))


def sync():
    return message("S")


def flush():
    return message("H")


def terminate():
    return message("X")


def fields(body):
    """The fields of an ErrorResponse or NoticeResponse."""
    found = {}
    for part in body.split(b"\0"):
        if part:
            found[chr(part[0])] = part[1:].decode("utf-8", "replace")
    return found


def row(body):
    """The values of a DataRow."""
    count, = struct.unpack_from("!H", body)
    at, values = 2, []
    for _ in range(count):
        length, = struct.unpack_from("!i", body, at)
        at += 4
        values.append(None if length < 0 else body[at:at + length])
        at += max(length, 0)
    return values


class Wire:
    def __init__(self, endpoint, tls=None, timeout=20):
        self.endpoint = endpoint
        self.socket = socket.create_connection((endpoint.host, endpoint.port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.key = None
        self.parameters = {}
        if endpoint.ca if tls is None else tls:
            self.socket.sendall(SSL_REQUEST)
            answer = self.socket.recv(1)
            if answer != b"S":
                raise Gone(f"no TLS: {answer!r}")
            self.socket = endpoint.tls.wrap_socket(self.socket, server_hostname=endpoint.host)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *messages):
        self.socket.sendall(b"".join(messages))

    def _fill(self, count):
        while len(self.buffer) < count:
            more = self.socket.recv(65536)
            if not more:
                raise Gone(f"closed with {self.buffer[:40]!r} unread")
            self.buffer += more

    def receive(self):
        """(kind, body) of the next message."""
        self._fill(5)
        kind, length = chr(self.buffer[0]), struct.unpack_from("!I", self.buffer, 1)[0]
        self._fill(1 + length)
        body, self.buffer = self.buffer[5:1 + length], self.buffer[1 + length:]
        return kind, body

    def until(self, last="Z"):
        """All messages up to and with the next one of kind `last`."""
        got = []
        while True:
            got.append(self.receive())
            if got[-1][0] == last:
                return got

    def at_end(self):
        """Reads to the end of the connection; returns what still came."""
        got = []
        try:
            while True:
                got.append(self.receive())
        except (Gone, ConnectionError):
            return got

    def sign_in(self, password=None, **options):
        """Start-up and password; returns (kind, body) messages up to ReadyForQuery or the error."""
        user = self.endpoint.user
        self.send(startup({"user": user, "database": self.endpoint.database, **options}))
        got = []
        while True:
            kind, body = self.receive()
            got.append((kind, body))
            if kind == "R" and body[:4] == struct.pack("!I", 3):
                self.send(message("p", cstring(self.endpoint.password if password is None else password)))
            elif kind == "R" and body[:4] != b"\0\0\0\0":
                raise Gone(f"authentication {body[:4]!r} is not for this client")
            elif kind == "S":
                name, value = body.split(b"\0")[:2]
                self.parameters[name.decode()] = value.decode()
            elif kind == "K":
                self.key = body
            elif kind in "ZE":
                return got

    def open(self, **options):
        got = self.sign_in(**options)
        if got[-1][0] != "Z":
            raise Gone(f"sign-in refused: {fields(got[-1][1])}")
        return self

    def ask(self, *messages):
        """Sends and reads to ReadyForQuery."""
        self.send(*messages)
        return self.until("Z")

    def rows(self, text):
        return [row(body) for kind, body in self.ask(query(text)) if kind == "D"]


def kinds(messages):
    """The kinds in order, runs of the same kind folded: `TDDDCZ` → `TDCZ`."""
    text = ""
    for kind, _ in messages:
        if kind in "SN":
            continue
        if not text.endswith(kind) or kind != "D":
            text += kind
    return text


def errors(messages):
    return [fields(body) for kind, body in messages if kind == "E"]


def cancel(endpoint, key):
    """A CancelRequest on its own connection; returns when the server has closed it."""
    with socket.create_connection((endpoint.host, endpoint.port), 20) as channel:
        channel.sendall(struct.pack("!II", 8 + len(key), 80877102) + key)
        channel.settimeout(20)
        while channel.recv(1024):
            pass
