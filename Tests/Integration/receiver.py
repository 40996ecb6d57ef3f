"""A receiver of webhooks: checks each request as Standard Webhooks says, with code of its own, and keeps what it took."""

import base64
import contextlib
import hashlib
import hmac
import http.server
import json
import os
import socket
import ssl
import threading
import time

import harness


def new_secret():
    return "whsec_" + base64.b64encode(os.urandom(32)).decode()


class Request:
    def __init__(self, path, headers, body):
        self.path, self.headers, self.body = path, headers, body

    def problem(self, secret):
        """Why a receiver that holds `secret` must refuse it; None when it is good."""
        id, at = self.headers.get("webhook-id"), self.headers.get("webhook-timestamp")
        if not id or "." in id or not at or not at.isdigit():
            return f"id {id!r}, time {at!r}"
        if abs(time.time() - int(at)) > 300:
            return f"time {at}"
        key = base64.b64decode(secret.removeprefix("whsec_"))
        wanted = base64.b64encode(hmac.new(key, f"{id}.{at}.".encode() + self.body, hashlib.sha256).digest()).decode()
        given = self.headers.get("webhook-signature", "").split(" ")
        return None if any(hmac.compare_digest(f"v1,{wanted}", one) for one in given) else f"signature {given}"

    @property
    def entries(self):
        if self.headers.get("content-type") == "application/x-ndjson":
            return [json.loads(line) for line in self.body.splitlines()]
        body = json.loads(self.body)
        return body["data"] if isinstance(body, dict) else body


class Receiver:
    """HTTPS on 127.0.0.1, on one port for its whole life; `stop` closes the port, `start` opens it again.

    `behave` decides about each request: it gets the handler, the request and its number, and returns a status, or None when it
    has answered (or not) by itself.
    """

    def __init__(self, folder, secret):
        self.folder, self.secret, self.port = folder, secret, harness.free_port()
        self.certificate, self.key = harness.make_certificate(folder, f"receiver-{self.port}")
        self.lock = threading.Lock()
        self.taken, self.seen, self.problems = [], 0, []
        self.behave = lambda handler, request, number: 204
        self.server = None
        self.connections = []

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}/hook"

    def start(self):
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                with receiver.lock:
                    receiver.connections.append(self.connection)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = Request(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                with receiver.lock:
                    receiver.seen += 1
                    number = receiver.seen
                # Who writes to Slack proves it by knowing the URL.
                problem = request.problem(receiver.secret) if receiver.secret else None
                if problem:
                    receiver.problems.append(problem)
                status = 401 if problem else receiver.behave(self, request, number)
                if status is None:
                    return
                if 200 <= status < 300:
                    receiver.take(request)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            # The client's connections are not waited for.
            block_on_close = False

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", self.port), Handler)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def take(self, request):
        with self.lock:
            self.taken.append(request)

    def stop(self, cut=False):
        """`cut` also ends the connections that are open."""
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None
        with self.lock:
            connections, self.connections = self.connections, []
        for connection in connections if cut else []:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def entries(self):
        with self.lock:
            taken = list(self.taken)
        return [entry for request in taken for entry in request.entries]

    def ids(self):
        return {entry["id"] for entry in self.entries()}
