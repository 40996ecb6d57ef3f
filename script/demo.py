"""The demo behind script/demo: a throwaway PostgreSQL with made data, the gateway, unchanged clients, and the record."""

import pathlib
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "Tests" / "Integration"))

import harness  # noqa: E402

CONNECTION = {
    "mask": [
        {"columns": ["customers.ssn"], "with": "redact"},
        {"columns": ["cards.number"], "with": "partial"},
        {"detect": ["email"], "with": "partial"},
    ],
    "guard": [
        {"name": "no-ddl", "when": {"statement": ["ddl"]}, "then": "block",
         "message": "Schema changes go through migrations."},
        {"name": "deletes", "when": {"statement": ["delete"], "table": ["orders"]}, "then": "hold",
         "approve": {"groups": ["dba"], "count": 1, "within": "15m"}},
    ],
}

BOLD, PLAIN = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")


def title(text):
    print(f"\n{BOLD}{text}{PLAIN}", flush=True)


def show(command, done):
    print(f"  $ {command}")
    for line in (done.text + done.error_text).rstrip().splitlines():
        print("    " + line)
    sys.stdout.flush()
    return done


def must(truth, what):
    if not truth:
        raise harness.Failure(f"the demo expected: {what}")


def play(gateway, cluster):
    alice = gateway.endpoint("orders", subject="alice", groups=("agents",))

    title("1. An unchanged psql reads customers: who asks is known, what is private is masked")
    done = show("psql -c 'SELECT name, email, ssn, city FROM customers LIMIT 3'",
                alice.psql("-c", "SELECT name, email, ssn, city FROM customers LIMIT 3").check())
    real = cluster.sql("SELECT ssn || ' ' || email FROM customers ORDER BY id LIMIT 3").split()
    must(not any(value in done.text for value in real), "no real value in the answer")

    title("2. So does a Python program with psycopg, which knows nothing of the gateway")
    done = show("python script/demo_client.py",
                harness.run(sys.executable, ROOT / "script" / "demo_client.py", env=alice.env).check())
    numbers = cluster.sql("SELECT number FROM cards").split()
    must(len(done.text.splitlines()) == 3 and not any(n in done.text for n in numbers), "masked card numbers")

    title("3. A DROP is refused, in PostgreSQL's own words; the session goes on")
    done = show("psql -c 'DROP TABLE orders' -c 'SELECT count(*) FROM orders'",
                alice.psql("-c", "DROP TABLE orders", "-c", "SELECT count(*) FROM orders"))
    must("Schema changes go through migrations." in done.error_text and "2000" in done.text, "a refusal")

    title("4. A DELETE is held until somebody else, a dba, approves it")
    print("  $ psql -c 'DELETE FROM orders WHERE id = 7'        (waits)")
    waiting = alice.psql_process("-c", "DELETE FROM orders WHERE id = 7", stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        approval = harness.wait_for(gateway.pending, 15, "the approval request")[0]
        show("sallyport approvals", gateway.cli("approvals").check())
        show(f"sallyport approve {approval['id']} --subject dana --group dba",
             gateway.cli("approve", approval["id"], "--subject", "dana", "--group", "dba").check())
        out, _ = waiting.communicate(timeout=30)
    finally:
        waiting.kill()
        waiting.wait()
    print("  psql, which had waited, now prints:")
    for line in out.decode().rstrip().splitlines():
        print("    " + line)
    must(b"DELETE 1" in out, "the approved DELETE to run")
    must(cluster.sql("SELECT count(*) FROM orders") == "1999", "one order less")

    title("5. All of it is on record, the masked answers included")
    show("sallyport sessions", gateway.cli("sessions").check())
    sessions = gateway.cli_json("sessions")
    sessions = sessions if isinstance(sessions, list) else sessions.get("items") or sessions.get("sessions")
    must(len(sessions) >= 4, "four sessions")
    metrics = gateway.metrics()
    for name, label in (("allowed", "commands allowed"), ("blocked", "blocked"), ("held", "held"), ("granted", "granted")):
        print(f"    {int(metrics.get(f'sallyport_commands_{name}_total', 0)):4} {label}")
    for session in sessions:
        timeline = gateway.cli("replay", session["id"]).check()
        if "DELETE FROM orders" in timeline.text:
            title("6. The session with the DELETE, replayed")
            show(f"sallyport replay {session['id']}", timeline)
            break
    else:
        must(False, "a session with the DELETE")
    first = gateway.cli("replay", min(sessions, key=lambda s: str(s.get("opened") or s["id"]))["id"]).check()
    must(not any(value in first.text for value in real), "no real value in the record")


def main():
    once = "--once" in sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    started, scratch, running = time.monotonic(), harness.Scratch(), []
    try:
        title("Starting a throwaway PostgreSQL with made data, and the gateway with its embedded issuer")
        cluster = harness.postgres15(scratch)
        running.append(cluster)
        cluster.sql((ROOT / "script" / "demo.sql").read_text())
        gateway = harness.Gateway(scratch, [harness.connection("orders", cluster, **CONNECTION)])
        running.append(gateway.start())
        print(f"  PostgreSQL on 127.0.0.1:{cluster.port}, gateway on 127.0.0.1:{gateway.port}, console and API on "
              f"127.0.0.1:{gateway.console}")
        print(f"  configuration: {gateway.config}")
        play(gateway, cluster)
        title(f"Done in {time.monotonic() - started:.0f} s.")
        if once:
            return 0
        tool = harness.unprivileged_binary(scratch)
        print(f"""
The gateway goes on until Ctrl-C. In another terminal:

  export PGPASSWORD=$({tool} token --config {gateway.config} --subject me --group agents)
  psql 'host=127.0.0.1 port={gateway.port} user=orders dbname=shop sslmode=verify-full sslrootcert={gateway.certificate}'

  {tool} approvals --config {gateway.config}
  {tool} approve ID --config {gateway.config} --subject dana --group dba
  {tool} sessions --config {gateway.config}
  {tool} replay ID --config {gateway.config}
""", flush=True)
        while gateway.alive() and cluster.alive():
            time.sleep(0.5)
        gateway.must_live()
        return 1
    except KeyboardInterrupt:
        print("\nstopping")
        return 0
    except harness.Failure as failure:
        print(f"\nthe demo failed: {failure}", file=sys.stderr)
        for server in running:
            print(f"-- end of {server.name}'s log\n{server.log_text()[-3000:]}", file=sys.stderr)
        return 1
    finally:
        for server in reversed(running):
            try:
                server.stop()
            except harness.Failure as failure:
                print(failure, file=sys.stderr)
        scratch.remove()


if __name__ == "__main__":
    sys.exit(main())
