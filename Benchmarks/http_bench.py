"""The bench of HTTP: one table per run. Figures of different runs are not comparable, ratios within one run are.

Ways: `direct` to the origin; `nginx` as a reverse proxy; the gateway in `relaxed` and in `command`, recording, and the same
masking: a value of the JSON by its path, and detectors in all of it. No TLS on any of them; the gateway still checks a token
on each request.
"""

import argparse
import http.server
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "Tests" / "Integration"))

import bench  # noqa: E402
import harness  # noqa: E402
from harness import run  # noqa: E402

NGINX = "/usr/sbin/nginx"
BODY = json.dumps({"id": 4711, "name": "Ada Example", "email": "ada@example.com", "note": "x" * 940})[:1024]
EVENTS = 20
MASKS = [{"json": ["**.note"]}, {"detect": ["email", "credit_card", "phone", "api_key"]}]


class Nginx(harness.Server):
    """As an origin: JSON of 1 KB and a file of 1 GB; or as a reverse proxy before another."""

    def __init__(self, scratch, name, before=None, megabytes=1000):
        folder = scratch.folder(name)
        super().__init__(name, folder / "log")
        self.log.touch()
        harness.give_away(self.log)
        self.port, self.ini = harness.free_port(), folder / "nginx.conf"
        if before is None:
            files = folder / "files"
            files.mkdir()
            with open(files / "big", "wb") as big:
                big.truncate(megabytes << 20)
            for path in (files, files / "big"):
                harness.give_away(path)
            place = (f"root {files}; location = /json {{ default_type application/json; return 200 '{BODY}'; }}")
            upstream = ""
        else:
            upstream = f"upstream origin {{ server 127.0.0.1:{before}; keepalive 64; }}"
            place = ("location / { proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection ''; "
                     "proxy_buffering on; }")
        temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in
                             ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        self.ini.write_text(
            f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error;\n"
            f"events {{ worker_connections 1024; }}\nhttp {{ access_log off; {temporary} keepalive_requests 1000000;\n"
            f"{upstream}\nserver {{ listen 127.0.0.1:{self.port}; {place} }} }}\n")

    def start(self):
        self.spawn([NGINX, "-e", str(self.ini.parent / "error"), "-c", self.ini])
        harness.wait_for(lambda: self.must_live() and answers(self.port), 10, f"{self.name} ready")
        return self


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class EventOrigin(http.server.BaseHTTPRequestHandler):
    """Sends events one at a time, each with the moment of its sending."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for _ in range(EVENTS):
            time.sleep(0.02)
            event = f"data: {time.monotonic()}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *arguments):
        pass


def wrk(url, token, connections, seconds):
    """(requests per second, p50 in ms, p99 in ms) of one run."""
    done = run("wrk", "-t", "1", "-c", connections, "-d", f"{seconds}s", "--latency", "-H", f"Authorization: Bearer {token}",
               url, timeout=seconds + 60).check().text
    assert "Non-2xx" not in done and "Socket errors" not in done, done
    units = {"us": 0.001, "ms": 1, "s": 1000}
    times = {name: float(value) * units[unit]
             for name, value, unit in re.findall(r"(50|99)%\s+([\d.]+)(us|ms|s)", done)}
    return float(re.search(r"Requests/sec:\s+([\d.]+)", done)[1]), times["50"], times["99"]


def download(url, token):
    """Seconds for the whole file."""
    started = time.perf_counter()
    run("curl", "-sSf", "-o", "/dev/null", "-H", f"Authorization: Bearer {token}", url, timeout=300).check()
    return time.perf_counter() - started


def event_delay(url, token):
    """Milliseconds from an event's sending to its arrival, median."""
    child = subprocess.Popen(["curl", "-sSfN", "-H", f"Authorization: Bearer {token}", url], stdout=subprocess.PIPE)
    delays = []
    for line in child.stdout:
        if line.startswith(b"data: "):
            delays.append((time.monotonic() - float(line[6:])) * 1000)
    if child.wait(30) != 0 or len(delays) != EVENTS:
        raise harness.Failure(f"only {len(delays)} events came through {url}")
    return bench.percentile(delays, 0.5)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--short", action="store_true", help="one round of 2 s instead of three of 6 s")
    options, _ = parser.parse_known_args()
    rounds, seconds, megabytes = (1, 2, 100) if options.short else (3, 6, 1000)
    report, scratch, running = bench.Report(), harness.Scratch(), []
    try:
        origin = Nginx(scratch, "origin", megabytes=megabytes).start()
        running.append(origin)
        proxy = Nginx(scratch, "nginx", before=origin.port).start()
        running.append(proxy)
        events = http.server.ThreadingHTTPServer(("127.0.0.1", 0), EventOrigin)
        threading.Thread(target=events.serve_forever, daemon=True).start()
        ways = {"direct": (f"http://127.0.0.1:{origin.port}", "none", origin),
                "nginx": (f"http://127.0.0.1:{proxy.port}", "none", proxy)}
        event_urls = {"direct": f"http://127.0.0.1:{events.server_port}/"}
        for durability in ("relaxed", "command"):
            place = {"url": f"http://127.0.0.1:{origin.port}"}
            plain = {"name": "plain", "kind": "http", "target": place, "access": {"groups": ["agents"]}}
            stream = {**plain, "name": "events", "target": {"url": event_urls["direct"].rstrip("/")}}
            masked = [{**connection, "name": "masked-" + connection["name"], "mask": MASKS} for connection in (plain, stream)]
            gateway = harness.Gateway(
                scratch, [plain, stream, *masked], name=durability, durability=durability).start()
            running.append(gateway)
            token = gateway.token()
            ways[durability] = (f"http://127.0.0.1:{gateway.http_port}/plain", token, gateway)
            event_urls[durability] = f"http://127.0.0.1:{gateway.http_port}/events/"
            ways[durability + ", masked"] = (f"http://127.0.0.1:{gateway.http_port}/masked-plain", token, gateway)
            event_urls[durability + ", masked"] = f"http://127.0.0.1:{gateway.http_port}/masked-events/"

        times = bench.fdatasync_times(scratch.folder("probe"), 500)
        sync = bench.percentile(times, 0.5)
        report.line(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {rounds} round(s) of {seconds} s")
        report.line(f"fdatasync of 4 KiB, preallocated: p50 {sync:.3f} ms, p99 {bench.percentile(times, 0.99):.3f} ms\n")
        report.line("GET of 1 KB of JSON, median of rounds")
        report.line(f"{'':17}" + "".join(f"{n:4} connection(s)  p50 ms   p99 ms  of nginx   " for n in (1, 32)))
        results = {}
        for _ in range(rounds):
            for count in (1, 32):
                for name, (url, token, _) in ways.items():
                    results.setdefault((name, count), []).append(wrk(url + "/json", token, count, seconds))
        middle = {key: sorted(values)[len(values) // 2] for key, values in results.items()}
        for name in ways:
            cells = ""
            for count in (1, 32):
                rate, p50, p99 = middle[name, count]
                cells += f"{rate:12.0f} r/s {p50:11.3f} {p99:8.3f} {rate / middle['nginx', count][0]:9.2f}   "
            report.line(f"{name:17}{cells}")

        report.line(f"\ndownload of {megabytes} MiB, best of rounds")
        for name, (url, token, server) in ways.items():
            best = min(download(url + "/big", token) for _ in range(rounds))
            peak = harness.proc_status(server.pid, "VmHWM") / 1024
            report.line(f"{name:17}{best:8.2f} s {megabytes * 1.048576 / best:8.0f} MB/s   peak memory {peak:6.0f} MiB")

        report.line("\nan event of a stream, from its sending to its arrival, median")
        for name, url in event_urls.items():
            report.line(f"{name:17}{event_delay(url, ways[name][1]):8.2f} ms")

        report.line()
        for count in (1, 32):
            share = middle["relaxed", count][0] / middle["nginx", count][0]
            report.aim(f"relaxed against nginx, {count} connection(s)", f"{share:.2f}", ">= 0.5", share >= 0.5)
        added = middle["command", 1][1] - middle["direct", 1][1]
        wanted = 0.3 + 2 * sync
        report.aim("command, p50 added at 1 connection", f"{added:.3f} ms", f"<= {wanted:.3f} ms", added <= wanted)
    finally:
        for server in reversed(running):
            server.stop()
        scratch.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
