"""What guards cost: pgbench -S through a connection with 50 guards against the same one without, in one run.

Rounds of the two are taken in turns, the order changing each time, so that what else the machine does hits both alike.
"""

import argparse
import os
import pathlib
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "Tests" / "Integration"))

import harness  # noqa: E402
from harness import PG15_BIN, run  # noqa: E402

HOLD = {"groups": ["dba"], "within": "15m"}


def guards():
    """50 rules of every kind that reads the statement, none of which is met by pgbench -S."""
    made = [
        {"name": "no-ddl", "when": {"statement": ["ddl", "grant"]}, "then": "block"},
        {"name": "no-where", "when": {"statement": ["delete", "update"], "without": "where"}, "then": "block"},
        {"name": "files", "when": {"statement": ["file", "remote", "server"]}, "then": "block"},
        {"name": "wide", "when": {"joins": 6}, "then": "block"},
        {"name": "sleep", "when": {"function": ["pg_sleep*", "dblink*"]}, "then": "block"},
        {"name": "word", "when": {"matches": "secret_[a-z]+"}, "then": "block"},
        {"name": "bots", "when": {"statement": ["write"], "agent": ["*"]}, "then": "hold", "approve": HOLD},
        {"name": "interns", "when": {"statement": ["read"], "group": ["interns"]}, "then": "block"},
    ]
    for n in range(14):
        made += [
            {"name": f"table-{n}", "when": {"statement": ["read"], "table": [f"customers_{n}", f"payroll_{n}_*"]}, "then": "block"},
            {"name": f"column-{n}", "when": {"column_read": [f"people_{n}.ssn", f"iban_{n}"]}, "then": "block"},
            {"name": f"writes-{n}", "when": {"statement": ["write"], "table": [f"orders_{n}"]}, "then": "hold", "approve": HOLD},
        ]
    assert len(made) == 50
    return made


def tps(at, mode, clients, seconds):
    done = run(PG15_BIN / "pgbench", "-n", "-S", "-M", mode, "-c", clients, "-j", min(clients, 2), "-T", seconds,
               env=at.env, timeout=seconds + 120).check()
    return float(next(line for line in done.text.splitlines() if line.startswith("tps =")).split()[2])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--guards", action="store_true", help="this bench; for script/bench")
    parser.add_argument("--short", action="store_true", help="two rounds of 2 s instead of six of 5 s")
    options = parser.parse_args()
    rounds, seconds = (2, 2) if options.short else (6, 5)
    scratch, running, missed = harness.Scratch(), [], 0
    try:
        cluster = harness.postgres15(scratch)
        running.append(cluster)
        run(PG15_BIN / "pgbench", "-i", "-q", "-s", "2" if options.short else "10",
            env=cluster.as_role("trust_user", tls=False).env, timeout=300).check()
        gateway = harness.Gateway(scratch, [
            harness.connection("without", cluster, role="trust_user", tls="disable"),
            harness.connection("with", cluster, role="trust_user", tls="disable", guard=guards()),
        ], name="guards").start()
        running.append(gateway)
        ways = {name: gateway.endpoint(name, tls=False) for name in ("without", "with")}
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {rounds} rounds of {seconds} s, pgbench -S\n")
        print(f"{'':22} {'without':>9} {'50 guards':>10} {'ratio':>6}")
        for mode in ("simple", "prepared"):
            for clients in (1, 16):
                found = {name: [] for name in ways}
                for turn in range(rounds):
                    for name in sorted(ways, reverse=turn % 2 == 0):
                        found[name].append(tps(ways[name], mode, clients, seconds))
                middle = {name: statistics.median(values) for name, values in found.items()}
                ratio = middle["with"] / middle["without"]
                missed += ratio < 0.9
                print(f"{mode + f', {clients} client(s)':22} {middle['without']:9.0f} {middle['with']:10.0f} {ratio:6.2f}  "
                      f"{'reached' if ratio >= 0.9 else 'MISSED'} (aim >= 0.9)", flush=True)
    finally:
        for server in reversed(running):
            server.stop()
        scratch.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
