"""Configuration: every mistake is told at once with file, line, key and fix, and the gateway does not start."""

import pytest

import harness

GOOD = """\
data: {data}
listen: {{postgres: 127.0.0.1:{port}, console: 127.0.0.1:{console}}}
identity: {{local: true}}
connections:
  - name: orders
    kind: postgres
    target: {{host: 127.0.0.1, port: 5, database: shop}}
    credential: {{username: app, password: hunter2-secret}}
    access: {{groups: [agents]}}
"""

# A connection of another kind in the place of the good one.
HTTP = "http"
GOOD_HTTP = """\
data: {data}
listen: {{http: 127.0.0.1:{port}, console: 127.0.0.1:{console}}}
identity: {{local: true}}
connections:
  - name: orders
    kind: http
    target: {{url: http://127.0.0.1:5}}
    credential: {{bearer: hunter2-secret}}
    access: {{groups: [agents]}}
"""

# (name, what replaces or follows the good text, words that the message must hold)
BAD = [
    ("unknown key", "colour: blue\n", ["colour", ":10"]),
    ("unknown key inside", ("    access:", "    acces:"), ["acces", ":9"]),
    ("wrong type", ("port: 5,", "port: five,"), ["port", ":7"]),
    ("port out of range", ("port: 5,", "port: 70000,"), ["port", ":7"]),
    ("unknown kind", ("kind: postgres", "kind: postgress"), ["kind", ":6", "postgress"]),
    ("no name", ("  - name: orders\n    kind", "  - kind"), ["name"]),
    ("no target", ("    target: {{host: 127.0.0.1, port: 5, database: shop}}\n", ""), ["target"]),
    ("two of a name", GOOD[GOOD.index("  - name"):], ["orders"]),
    ("bad YAML", "  - [\n", [":"]),
    ("unknown mask method", "    mask: [{{columns: [customers.ssn], with: blacken}}]\n", ["blacken", ":10"]),
    ("unknown detector", "    mask: [{{detect: [horoscope], with: redact}}]\n", ["horoscope", ":10"]),
    ("unknown statement", "    guard: [{{name: g, when: {{statement: [ddll]}}, then: block}}]\n", ["ddll", ":10"]),
    ("guard that cannot fire", "    guard: [{{name: g, when: {{statement: [select], without: where, table: []}}, then: block}}]\n",
     [":10"]),
    ("hold without approvers", "    guard: [{{name: g, when: {{statement: [ddl]}}, then: hold}}]\n", ["approve", ":10"]),
    ("bad expression", "    guard: [{{name: g, when: {{matches: '(['}}, then: block}}]\n", [":10"]),
    ("path on postgres", "    guard: [{{name: g, when: {{path: /admin}}, then: block}}]\n", ["path", ":10"]),
    ("bad duration", "session: {{max: 8 fortnights}}\n", ["max", ":10"]),
    ("mask of columns on http", (HTTP, "    mask: [{{columns: [a]}}]\n"), ["columns", ":10"]),
    ("mask of nothing", (HTTP, "    mask: [{{with: redact}}]\n"), ["names nothing to hide", ":10"]),
    ("mask of no JSON path", (HTTP, "    mask: [{{json: [$]}}]\n"), ["no path in a JSON value", ":10"]),
    ("mask of no path", (HTTP, "    mask: [{{detect: [email], path: [x]}}]\n"), ["is no path", ":10"]),
    ("mask that knows all bodies", (HTTP, "    mask: [{{headers: [x], unknown: deny}}]\n"), ["does not look into", ":10"]),
    ("mask of no side", (HTTP, "    mask: [{{detect: [email], in: [response]}}]\n"), ["response", ":10"]),
    ("binary without masks", (HTTP, "    binary: [{{type: [image/png], then: pass}}]\n"), ["there are no masks", ":10"]),
    ("binary of no kind", (HTTP, "    mask: [{{detect: [email]}}]\n    binary: [{{type: [a/b], then: show}}]\n"),
     ["show", ":11"]),
    ("TLS off elsewhere", ("identity", "tls: off\nidentity"), ["tls"]),
]


def written(scratch, change):
    text = GOOD
    if change[0] == HTTP:
        text = GOOD_HTTP + change[1]
    elif isinstance(change, tuple):
        old, new = change
        assert old in text
        text = text.replace(old, new)
        if "tls: off" in new:
            text = text.replace("postgres: 127.0.0.1", "postgres: 0.0.0.0")
    else:
        text += change
    folder = scratch.folder(f"config-{harness.free_port()}")
    file = folder / "sallyport.yaml"
    file.write_text(text.format(data=folder / "data", port=harness.free_port(), console=harness.free_port()))
    return file


def serve(scratch, file):
    return harness.run(harness.unprivileged_binary(scratch), "serve", "--config", file, timeout=20, cwd=file.parent,
                       **harness.as_unprivileged())


@pytest.mark.parametrize("name,change,words", BAD, ids=[b[0] for b in BAD])
def test_mistakes_end_with_2_and_say_where(scratch, name, change, words):
    file = written(scratch, change)
    done = serve(scratch, file)
    text = done.error_text + done.text
    assert done.code == 2, (done.code, text)
    assert str(file) in text or file.name in text, text
    for word in words:
        assert word in text, (word, text)
    assert "hunter2-secret" not in text
    assert not (file.parent / "data" / "wal").exists()


def test_all_mistakes_at_once(scratch):
    file = written(scratch, "colour: blue\nshape: round\nsession: {{max: never-ever}}\n")
    done = serve(scratch, file)
    assert done.code == 2
    for word in ("colour", "shape", "max"):
        assert word in done.error_text, done.error_text


def test_missing_file_and_arguments(scratch):
    binary = harness.unprivileged_binary(scratch)
    done = harness.run(binary, "serve", "--config", "/nowhere/at/all.yaml", timeout=20)
    assert done.code == 2 and "/nowhere/at/all.yaml" in done.error_text
    assert harness.run(binary, "no-such-command", timeout=20).code != 0
    assert harness.run(binary, "--help", timeout=20).check().out


def test_missing_environment_secret(scratch):
    file = written(scratch, ("password: hunter2-secret", "password: {{env: SALLYPORT_TEST_ABSENT}}"))
    done = serve(scratch, file)
    assert done.code == 2 and "SALLYPORT_TEST_ABSENT" in done.error_text


def test_port_in_use_is_told(scratch, shop15):
    first = harness.Gateway(scratch, [harness.connection("orders", shop15)], name="first").start()
    try:
        second = harness.Gateway(scratch, [harness.connection("orders", shop15)], name="second")
        second.settings["listen"]["postgres"] = f"127.0.0.1:{first.port}"
        second.config.write_text(harness.to_yaml(second.settings))
        done = serve(scratch, second.config)
        assert done.code not in (0, 2) and str(first.port) in done.error_text + done.text
    finally:
        first.stop()


def test_two_gateways_on_one_data_folder(scratch, shop15):
    first = harness.Gateway(scratch, [harness.connection("orders", shop15)], name="owner").start()
    try:
        second = harness.Gateway(scratch, [harness.connection("orders", shop15)], name="intruder")
        second.settings["data"] = first.settings["data"]
        second.config.write_text(harness.to_yaml(second.settings))
        assert serve(scratch, second.config).code != 0
        assert first.endpoint("orders").psql("-At", "-c", "SELECT 1").check().out == b"1\n"
    finally:
        first.stop()


def test_demo_shape_of_the_design_is_accepted(scratch, shop15):
    """The postgres connection of the design's example, guards, masks and limits included."""
    rich = harness.connection("orders", shop15, databases=["shop"], record={"detail": "full"}, mask=[
        {"detect": ["credit_card", "email"], "with": "partial"}, {"columns": ["customers.ssn"], "with": "redact"}],
        guard=[{"name": "no-ddl", "when": {"statement": ["ddl"]}, "then": "block", "message": "No."},
               {"name": "deletes", "when": {"statement": ["delete", "update"], "table": ["orders"]}, "then": "hold",
                "approve": {"groups": ["dba"], "count": 1, "within": "15m"}},
               {"name": "no-where", "when": {"statement": ["delete", "update"], "without": "where"}, "then": "block"}])
    gateway = harness.Gateway(scratch, [rich], name="rich", durability="command",
                              session={"max": "8h", "idle": "1h", "on_token_expiry": "finish", "grace": "15m"}).start()
    try:
        for path in ("/healthz", "/readyz", "/metrics"):
            assert gateway.http(path)[0] == 200
        assert gateway.endpoint("orders").psql("-At", "-c", "SELECT 1").check().out == b"1\n"
    finally:
        assert gateway.stop() == 0
