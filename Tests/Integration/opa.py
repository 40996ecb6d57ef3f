"""A stand-in for Open Policy Agent: a small HTTP server that answers `POST /v1/data/...` as a test says."""

import http.server
import json
import threading
import time

import harness


class PolicyServer:
    """`behave(input)` gives what `result` shall be; raw answers are given by `Raw`."""

    class Raw(Exception):
        def __init__(self, body=b"", status=200, delay=0, drop=False):
            self.body, self.status, self.delay, self.drop = body, status, delay, drop

    def __init__(self):
        self.port = harness.free_port()
        self.inputs, self.connections, self.problems = [], 0, []
        self.lock = threading.Lock()
        self.behave = lambda asked: True
        self.server = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/v1/data/sallyport/verdict"

    def start(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                with outer.lock:
                    outer.connections += 1
                super().setup()

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path != "/v1/data/sallyport/verdict" or self.headers["Content-Type"] != "application/json":
                    outer.problems.append((self.path, dict(self.headers)))
                asked = json.loads(body)["input"]
                with outer.lock:
                    outer.inputs.append((asked, body))
                status = 200
                try:
                    answer = json.dumps({"result": outer.behave(asked)}).encode()
                except PolicyServer.Raw as raw:
                    time.sleep(raw.delay)
                    if raw.drop:
                        self.close_connection = True
                        return
                    answer, status = raw.body, raw.status
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def about(self, mark):
        """What was asked about commands whose text holds `mark`."""
        with self.lock:
            return [asked for asked, _ in self.inputs if mark in asked["command"]["text"]]
