"""HTTP services for the tests to put behind the gateway: one that does what it is asked, and a lenient one that reads
requests as careless servers do and keeps every byte."""

import contextlib
import gzip
import hashlib
import http.server
import json
import socket
import threading
import time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, *_):
        pass

    def _body(self):
        """The request's body in pieces."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while True:
                size = int(self.rfile.readline().split(b";")[0], 16)
                if size == 0:
                    while self.rfile.readline().strip():
                        pass
                    return
                yield self.rfile.read(size)
                self.rfile.readline()
        else:
            left = int(self.headers.get("Content-Length", 0))
            while left:
                piece = self.rfile.read(min(left, 1 << 16))
                if not piece:
                    return
                left -= len(piece)
                yield piece

    def _send(self, status, body=b"", **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def handle_any(self):
        origin = self.server.origin
        path, _, query = self.path.partition("?")
        name = path.split("/")[1]
        entry = {"method": self.command, "path": self.path, "headers": list(self.headers.items()),
                 "peer": self.client_address[1]}
        with origin.lock:
            origin.requests.append(entry)
        act = getattr(self, "do_path_" + name, None)
        if act:
            return act(query)
        body = b"".join(self._body())
        entry["body"] = body
        answer = {**entry, "body": body.decode("latin-1")}
        answer["headers"] = {k.lower(): v for k, v in entry["headers"]}
        self._send(200, json.dumps(answer).encode(), Content_Type="application/json")

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do_BREW = handle_any

    def do_path_status(self, query):
        list(self._body())
        code = int(query)
        if code in (204, 304):
            self.send_response(code)
            self.send_header("ETag", '"x"')
            self.end_headers()
        else:
            self._send(code, b"status %d" % code)

    def do_path_download(self, query):
        size, piece = int(query), bytes(range(256)) * 256
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(size))
        self.end_headers()
        while size and self.command != "HEAD":
            size -= self.wfile.write(piece[:min(size, len(piece))])

    def do_path_upload(self, _):
        digest, count = hashlib.sha256(), 0
        for piece in self._body():
            digest.update(piece)
            count += len(piece)
        self._send(200, json.dumps({"count": count, "sha256": digest.hexdigest()}).encode())

    def do_path_chunked(self, query):
        list(self._body())
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Trailer", "X-Sum")
        self.end_headers()
        for n in range(int(query)):
            self._chunk(b"piece %d\n" % n)
        self.wfile.write(b"0\r\nX-Sum: 42\r\n\r\n")

    def do_path_close(self, _):
        """An answer that ends with the connection."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end")
        self.close_connection = True

    def do_path_once(self, _):
        """Answers, then closes without a word."""
        self._send(200, b"once")
        self.close_connection = True

    def do_path_cut(self, _):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
        self.close_connection = True

    def do_path_silent(self, _):
        self.close_connection = True

    def do_path_garbage(self, _):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        self.close_connection = True

    def do_path_events(self, query):
        """Server-sent events, each with the time at which it was sent."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for n in range(int(query)):
            self._chunk(b"id: %d\ndata: %f\n\n" % (n, time.monotonic()))
            time.sleep(0.05)
        self.wfile.write(b"0\r\n\r\n")

    def do_path_canned(self, _):
        """An answer that the test has put into `canned`: status, fields, and the body's pieces, each a chunk."""
        list(self._body())
        status, fields, pieces = self.server.origin.canned[self.path.partition("?")[0].split("/")[2]]
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        # The head goes with the first piece, and the end with the last.
        data = b"".join(self._headers_buffer) + b"\r\n"
        self._headers_buffer = []
        if self.command != "HEAD":
            for number, piece in enumerate(filter(None, pieces)):
                if number:
                    self.wfile.write(data)
                    data = b""
                data += b"%x\r\n%s\r\n" % (len(piece), piece)
            data += b"0\r\n\r\n"
        self.wfile.write(data)

    def do_path_redirect(self, query):
        self._send(302, Location=query or "/landed")

    def do_path_cookie(self, _):
        self._send(200, Set_Cookie="sid=abc; Domain=example.com; Path=/; HttpOnly")

    def do_path_gzip(self, _):
        self._send(200, gzip.compress(b"hello " * 100), Content_Encoding="gzip")


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    # Connections that wait to be taken; with the usual 5 a burst of them waits for seconds.
    request_queue_size = 256


class Origin:
    """A service on 127.0.0.1 that remembers what it was asked."""

    def __init__(self, handler=Handler):
        self.requests, self.lock, self.canned = [], threading.Lock(), {}
        self.server = Server(("127.0.0.1", 0), handler)
        self.server.handle_error = lambda *_: None
        self.server.origin = self
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def take(self):
        with self.lock:
            taken, self.requests[:] = list(self.requests), []
        return taken

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class LenientOrigin:
    """Reads requests as the careless do: bare LF ends a line, white space before a colon is dropped, folded lines are
    joined, any Transfer-Encoding that says `chunked` somewhere wins, else the last Content-Length counts. What it takes for
    a request is kept."""

    def __init__(self):
        self.requests, self.lock = [], threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        with contextlib.suppress(OSError, ValueError), peer, peer.makefile("rb") as stream:
            while True:
                line = stream.readline()
                if not line:
                    return
                if not line.strip():
                    continue
                fields, last = {}, None
                while (raw := stream.readline()).strip():
                    if raw[:1] in b" \t" and last:
                        fields[last] += b" " + raw.strip()
                        continue
                    name, _, value = raw.partition(b":")
                    last = name.strip().lower().replace(b"_", b"-")
                    fields[last] = value.strip()
                body = b""
                if b"chunked" in fields.get(b"transfer-encoding", b"").lower():
                    while size := int(stream.readline().split(b";")[0].strip(), 16):
                        body += stream.read(size)
                        stream.readline()
                    while stream.readline().strip():
                        pass
                elif b"content-length" in fields:
                    body = stream.read(int(fields[b"content-length"].split(b",")[-1]))
                with self.lock:
                    self.requests.append((line, fields, body))
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def take(self):
        with self.lock:
            taken, self.requests[:] = list(self.requests), []
        return taken

    def stop(self):
        self.listener.close()
