"""The bench: one table per run. Figures of different runs are not comparable, ratios within one run are.

Ways: `direct` to the server; `relay` (Benchmarks/BareRelay); `pgbouncer` in session mode; the gateway in `relaxed` and in
`command` with masking rules on another table; the same masking the selected column. No TLS on any of them.
"""

import argparse
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "Tests" / "Integration"))

import harness  # noqa: E402
import wire  # noqa: E402
from harness import PG15_BIN, run  # noqa: E402

ELSEWHERE = [{"columns": ["pgbench_tellers.filler"], "with": "redact"}]
SELECTED = [{"columns": ["pgbench_accounts.abalance"], "with": "null"}]
# Rows of 200 bytes for the detectors: prose with a date and a number in each, as tickets and notes have them.
WORDS = """the order was sent to our customer in Vienna and came back after two weeks because nobody answered there she asked for a
copy of an invoice which had been paid in March so we wrote again and closed this ticket until further notice from them""".split()


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))] if values else float("nan")


def fdatasync_times(folder, count):
    """Milliseconds of write + fdatasync of 4 KiB into a preallocated file, as the write-ahead log does."""
    path, block, times = folder / "probe", os.urandom(4096), []
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.posix_fallocate(file, 0, 4096 * (count + 8))
        for n in range(count + 8):
            os.pwrite(file, b"\0" * 4096, n * 4096)
        os.fsync(file)
        for n in range(count):
            os.pwrite(file, block, n * 4096)
            started = time.perf_counter()
            os.fdatasync(file)
            times.append((time.perf_counter() - started) * 1000)
    finally:
        os.close(file)
        path.unlink()
    return times


class PgBouncer(harness.Server):
    def __init__(self, scratch, cluster):
        folder = scratch.folder("pgbouncer")
        super().__init__("pgbouncer", folder / "log")
        self.log.touch()
        harness.give_away(self.log)
        self.port = harness.free_port()
        (folder / "users").write_text('"trust_user" ""\n')
        self.ini = folder / "pgbouncer.ini"
        self.ini.write_text(
            f"[databases]\nshop = host=127.0.0.1 port={cluster.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
            f"listen_port = {self.port}\nauth_type = trust\nauth_file = {folder / 'users'}\npool_mode = session\n"
            "max_client_conn = 1000\ndefault_pool_size = 600\nunix_socket_dir =\nlog_connections = 0\n"
            "log_disconnections = 0\nignore_startup_parameters = extra_float_digits,options\n")

    def start(self):
        self.spawn(["/usr/sbin/pgbouncer", self.ini])
        harness.wait_for(lambda: self.must_live() and run(
            PG15_BIN / "pg_isready", "-q", "-h", "127.0.0.1", "-p", self.port).code == 0, 10, "pgbouncer ready")
        return self


def pgbench(at, clients, seconds, folder, script=None):
    """(transactions per second, p50 in ms, p99 in ms) of one run, latencies from its per-transaction log."""
    prefix = folder / "log"
    for old in folder.glob("log*"):
        old.unlink()
    what = ["-f", script] if script else ["-S"]
    done = run(PG15_BIN / "pgbench", "-n", *what, "-M", "prepared", "-c", clients, "-j", min(clients, 2), "-T", seconds,
               "-l", "--log-prefix", prefix, env=at.env, timeout=seconds + 120).check()
    tps = float(next(line for line in done.text.splitlines() if line.startswith("tps =")).split()[2])
    times = []
    for log in folder.glob("log*"):
        with open(log) as lines:
            times += [int(line.split(" ", 3)[2]) / 1000 for line in lines]
    return tps, percentile(times, 0.5), percentile(times, 0.99)


def prose(seed, rows, length):
    """Texts of exactly so many bytes."""
    rng, texts = random.Random(seed), []
    for n in range(rows):
        text = f"{rng.randrange(1, 29)} March, ticket {rng.randrange(1000, 99999)}:"
        while len(text) < length:
            text += " " + rng.choice(WORDS)
        texts.append(text[:length])
    return texts


def detectors(report, scratch, cluster, relay, rounds, seconds, folder):
    """What 50 detectors cost: a SELECT of 100 rows x 200 bytes of text, against the same without and against the relay."""
    rows = ", ".join(f"({n}, '{text}')" for n, text in enumerate(prose(4, 100, 200)))
    cluster.sql(f"CREATE TABLE tickets (id int, note text); INSERT INTO tickets VALUES {rows}; VACUUM ANALYZE tickets")
    script = folder / "tickets.sql"
    script.write_text("SELECT note FROM tickets;\n")
    binary = harness.unprivileged_binary(scratch)
    known = json.loads(run(binary, "detectors", "--json").check().text)
    fifty = [one["name"] for one in (known if isinstance(known, list) else known["detectors"])][:50]
    gateway = harness.Gateway(scratch, [
        harness.connection("without", cluster, role="trust_user", tls="disable"),
        harness.connection("listed", cluster, role="trust_user", tls="disable", mask=ELSEWHERE),
        harness.connection("fifty", cluster, role="trust_user", tls="disable", mask=[{"detect": fifty, "with": "redact"}]),
    ], name="detectors", durability="relaxed").start()
    try:
        ways = {"relay": cluster.as_role("trust_user", tls=False).but(port=relay.port)}
        for name in ("without", "listed", "fifty"):
            ways[name] = gateway.endpoint(name, tls=False)
        results = {}
        for turn in range(rounds):
            for way, at in ways.items():
                results.setdefault(way, []).append(pgbench(at, 1, seconds, folder, script))
        table = {way: tuple(statistics.median(v) for v in zip(*values)) for way, values in results.items()}
        report.line(f"SELECT of 100 rows x 200 B of text, {len(fifty)} detectors, 1 client, relaxed, median of rounds")
        for way, (tps, p50, p99) in table.items():
            report.line(f"{way:18} {tps:10.0f} t {p50:8.3f} {p99:8.3f} {tps / table['relay'][0]:9.2f} of relay")
        ratio = table["fifty"][0] / table["without"][0]
        report.aim("50 detectors against none", f"{ratio:.2f}", ">= 0.9", ratio >= 0.9)
        report.line()
    finally:
        gateway.stop()


def copy_seconds(at):
    started = time.perf_counter()
    child = at.psql_process("-q", "-c", "COPY big TO STDOUT", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    if child.wait(300) != 0:
        raise harness.Failure(f"COPY through {at} failed")
    return time.perf_counter() - started


def resident(gateway, count, name):
    """KiB per idle session: the growth of the process's resident memory over `count` sessions."""
    at = gateway.endpoint(name, tls=False)
    with wire.Wire(at) as w:  # what the first session alone makes is not a session's cost
        w.open().rows("SELECT abalance FROM pgbench_accounts WHERE aid = 1")
    before = gateway.resident_kib()
    sessions = []
    try:
        for _ in range(count):
            session = wire.Wire(at).open()
            session.rows("SELECT 1")
            sessions.append(session)
        time.sleep(1)
        after = gateway.resident_kib()
    finally:
        for session in sessions:
            session.socket.close()
    return before, after, (after - before) / count


class Report:
    def __init__(self):
        self.missed = 0

    def line(self, text=""):
        print(text, flush=True)

    def aim(self, what, got, wanted, good):
        self.missed += not good
        self.line(f"{'reached' if good else 'MISSED ':8} {what}: {got}, aim {wanted}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--short", action="store_true", help="one round of 2 s instead of three of 6 s")
    parser.add_argument("--without-gateway", action="store_true", help="only the ways that need no gateway")
    parser.add_argument("--detectors", action="store_true", help="only what detectors cost on rows")
    options = parser.parse_args()
    rounds, seconds, megabytes, idle = (1, 2, 20, 50) if options.short else (3, 6, 200, 500)
    report, scratch, running = Report(), harness.Scratch(), []
    try:
        folder = scratch.folder("bench")
        os.chmod(folder, 0o777)
        disk = fdatasync_times(folder, 300 if options.short else 2000)
        sync50, sync99 = percentile(disk, 0.5), percentile(disk, 0.99)
        report.line(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {rounds} round(s) of {seconds} s")
        report.line(f"fdatasync of 4 KiB, preallocated: p50 {sync50:.3f} ms, p99 {sync99:.3f} ms")
        report.line()

        cluster = harness.postgres15(scratch)
        running.append(cluster)
        trust = cluster.as_role("trust_user", tls=False)
        run(PG15_BIN / "pgbench", "-i", "-q", "-s", "2" if options.short else "10", env=trust.env, timeout=300).check()
        cluster.sql(f"CREATE TABLE big AS SELECT repeat(md5(n::text), 31) AS line "
                    f"FROM generate_series(1, {megabytes * 1000}) AS n; VACUUM ANALYZE big")
        relay = harness.Relay(scratch, cluster.port).start()
        running.append(relay)
        if not options.without_gateway:
            detectors(report, scratch, cluster, relay, rounds, seconds, folder)
        if options.detectors:
            return 0
        bouncer = PgBouncer(scratch, cluster).start()
        running.append(bouncer)
        ways = {"direct": trust, "relay": trust.but(port=relay.port), "pgbouncer": trust.but(port=bouncer.port)}
        gateways = {}
        if not options.without_gateway:
            for durability in ("relaxed", "command"):
                gateways[durability] = harness.Gateway(scratch, [
                    harness.connection("plain", cluster, role="trust_user", tls="disable", mask=ELSEWHERE),
                    harness.connection("masked", cluster, role="trust_user", tls="disable", mask=SELECTED),
                ], name=durability, durability=durability).start()
                running.append(gateways[durability])
                ways[durability] = gateways[durability].endpoint("plain", tls=False)
                ways[durability + ", masked"] = gateways[durability].endpoint("masked", tls=False)

        results, syncs = {}, []
        for turn in range(rounds):
            for clients in (1, 16):
                for way, at in ways.items():
                    watched = gateways.get(way) if way == "command" and clients == 16 else None
                    before = watched and watched.metrics()
                    results.setdefault((way, clients), []).append(pgbench(at, clients, seconds, folder))
                    if watched:
                        after = watched.metrics()
                        exchanged = after["sallyport_exchanges_total"] - before["sallyport_exchanges_total"]
                        syncs.append((after["sallyport_ledger_syncs_total"] - before["sallyport_ledger_syncs_total"])
                                     / max(exchanged, 1))
        table = {key: tuple(statistics.median(v) for v in zip(*values)) for key, values in results.items()}

        report.line("pgbench -S -M prepared, median of rounds")
        report.line(f"{'':18} {'1 client':>12} {'p50 ms':>8} {'p99 ms':>8} {'of relay':>9}   "
                    f"{'16 clients':>10} {'p50 ms':>8} {'p99 ms':>8} {'of relay':>9}")
        for way in ways:
            cells = []
            for clients in (1, 16):
                tps, p50, p99 = table[way, clients]
                cells.append(f"{tps:10.0f} t {p50:8.3f} {p99:8.3f} {tps / table['relay', clients][0]:9.2f}")
            report.line(f"{way:18} {'  '.join(cells)}")
        report.line()

        copies = {}
        for turn in range(1 if options.short else 3):
            for way, at in ways.items():
                copies.setdefault(way, []).append(copy_seconds(at))
        report.line(f"COPY of {megabytes} MB TO STDOUT, best of rounds")
        for way, times in copies.items():
            report.line(f"{way:18} {min(times):7.2f} s  {megabytes / min(times):7.0f} MB/s  "
                        f"{min(copies['direct']) / min(times):5.2f} of direct")
        report.line()

        if gateways:
            before, after, each = resident(gateways["command"], idle, "plain")
            report.line(f"resident memory: {before} KiB before, {after} KiB with {idle} idle sessions, {each:.1f} KiB a session")
            report.line()
            for clients in (1, 16):
                ratio = table["relaxed", clients][0] / table["relay", clients][0]
                report.aim(f"relaxed against the bare relay, {clients} client(s)", f"{ratio:.2f}", ">= 0.85", ratio >= 0.85)
            added = table["command", 1][1] - table["direct", 1][1]
            allowed = 3 * sync50 + 0.2
            report.aim("command, p50 added at 1 client", f"{added:.3f} ms", f"<= {allowed:.3f} ms", added <= allowed)
            per = statistics.median(syncs)
            report.aim("command, syncs per exchange at 16 clients", f"{per:.2f}", "<= 0.3", per <= 0.3)
            for way in ("relaxed", "command"):
                for clients in (1, 16):
                    ratio = table[way + ", masked", clients][0] / table[way, clients][0]
                    report.aim(f"{way}, masked column against unmasked, {clients} client(s)", f"{ratio:.2f}", ">= 0.9",
                               ratio >= 0.9)
            ratio = min(copies["direct"]) / min(copies["command"])
            report.aim("COPY in command against direct", f"{ratio:.2f}", ">= 0.8", ratio >= 0.8)
            report.aim("memory a session", f"{each:.1f} KiB", "<= 64 KiB", each <= 64)
            for clients in (1, 16):
                ratio = table["relaxed", clients][0] / table["pgbouncer", clients][0]
                report.line(f"{'':8} relaxed against PgBouncer, {clients} client(s): {ratio:.2f}")
    finally:
        for server in reversed(running):
            try:
                server.stop()
            except harness.Failure as failure:
                print(failure, file=sys.stderr)
        scratch.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
