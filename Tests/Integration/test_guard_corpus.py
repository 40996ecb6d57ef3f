"""The guard corpus (Tests/Corpus) against a real server: what is blocked never reaches it, what changes something is
known to, and what drivers and tools ask passes."""

import json
import re
import shutil
import socket

import psycopg
import pytest

import corpus
import harness
import wire

GUARDS, ENTRIES = corpus.read("guards.corpus")
_, HARMLESS = corpus.read("harmless.corpus")
CALLS_ALLOWED = [{"name": "calls", "when": {"statement": ["unknown_effect"]}, "then": "allow"}]


@pytest.fixture(scope="module")
def files(scratch):
    """A folder that the server may write to, in place of /tmp/corpus."""
    return scratch.folder("corpus")


def placed(text, files):
    return text.replace("/tmp/corpus", str(files))


@pytest.fixture(scope="module")
def cluster(scratch):
    """A server of its own that logs every statement; `pure` is the template of the databases that are thrown away."""
    made = harness.Cluster(scratch, "corpus15", harness.PG15_BIN).start()
    made.sql(
        "ALTER SYSTEM SET log_statement = 'all'; ALTER SYSTEM SET autovacuum = off; SELECT pg_reload_conf();"
        "CREATE DATABASE pure; CREATE ROLE bob; CREATE ROLE carol;", "postgres")
    made.sql((corpus.FOLDER / "setup.sql").read_text(), "pure")
    made.sql("CREATE DATABASE wired TEMPLATE pure", "postgres")
    yield made
    made.stop()


@pytest.fixture(scope="module")
def gateway(cluster, scratch):
    target = harness.connection("guarded", cluster)["target"]
    made = harness.Gateway(scratch, [
        {**harness.connection("guarded", cluster, guard=GUARDS), "target": {**target, "database": "wired"}},
        {**harness.connection("reading", cluster, read_only=True), "target": {**target, "database": "wired"}},
        {**harness.connection("calling", cluster, read_only=True, guard=CALLS_ALLOWED),
         "target": {**target, "database": "wired"}},
    ], name="corpus").start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def judged(gateway, files):
    """The line number of an entry → what `sallyport policy test` says about it."""
    def ask(entries, connection):
        arguments = [f"--command={placed(entry.text, files)}" for entry in entries]
        done = harness.run(harness.BINARY, "policy", "test", gateway.config, "--connection", connection, "--json",
                           *arguments).check()
        return {e.line: json.loads(line) for e, line in zip(entries, done.text.splitlines(), strict=True)}

    return ask


# The same corpus by the command line

def test_policy_test_says_what_the_corpus_says(judged):
    said = judged(ENTRIES, "guarded")
    for entry in ENTRIES:
        answer = said[entry.line]
        # A change of role or session is refused by the gateway itself, whatever the policy says.
        rules = [rule for rule in answer["rules"] if rule != "settings"]
        assert (answer["verdict"], rules) == (entry.verdict, entry.rules), (entry, answer)


def test_policy_test_for_people(gateway):
    done = harness.run(
        harness.BINARY, "policy", "test", gateway.config, "--connection", "guarded", "--as", "ann", "--group", "agents",
        "--command", "WITH d AS (DELETE FROM orders RETURNING *) SELECT tidy() FROM d").check()
    for part in ("ann may use guarded", "writes: orders", "effect not known: tidy", "everywhere: block", "no WHERE",
                 "verdict: block"):
        assert part in done.text, done.text
    refused = harness.run(harness.BINARY, "policy", "test", gateway.config, "--connection", "guarded", "--as", "ann",
                          "--command", "SELECT 1", "--expect", "block")
    assert refused.code == 1 and "may not use" in refused.text
    assert harness.run(harness.BINARY, "policy", "test", gateway.config, "--command", "SELECT 1").code == 2


# Through the wire

def send(at, text):
    """One text as a simple query; the kinds that came until it was answered, asked back, or held."""
    with wire.Wire(at, timeout=30) as w:
        w.open()
        w.send(wire.query(text))
        seen = []
        while True:
            kind, body = w.receive()
            seen.append((kind, body))
            if kind in "ZG" or kind == "N" and wire.fields(body).get("C") == "42501":
                return seen
            if kind == "N" and b"pproval" in body:
                return seen


def test_nothing_that_is_refused_reaches_the_server(gateway, cluster, files):
    at = gateway.endpoint("guarded", database="wired")
    answers = {}
    for entry in ENTRIES:
        try:
            answers[entry.line] = send(at, f"/*c{entry.line:04}*/ " + placed(entry.text, files))
        except (wire.Gone, socket.timeout) as error:
            raise AssertionError(f"{entry}: {error!r}") from error
    log = cluster.log_text()
    seen = {int(number) for number in re.findall(r"/\*c(\d{4})\*/", log)}
    refused = {entry.line for entry in ENTRIES if entry.verdict != "allow"}
    assert refused & seen == set()
    assert {entry.line for entry in ENTRIES if entry.verdict == "allow"} <= seen
    for entry in ENTRIES:
        errors = [wire.fields(body) for kind, body in answers[entry.line] if kind == "E"]
        if entry.verdict == "block":
            assert errors and errors[0]["C"] == "42501", (entry, answers[entry.line])
        elif entry.verdict == "hold":
            assert not errors, (entry, errors)


def test_harmless_passes_guards_and_read_only(gateway, cluster):
    for connection in ("guarded", "reading"):
        with wire.Wire(gateway.endpoint(connection, database="wired"), timeout=60) as w:
            w.open()
            for entry in HARMLESS:
                parameters = len(set(re.findall(r"\$\d", entry.text)))
                # Prepared only, when there is nothing to fill in: Parse is judged and reaches the server all the same.
                ask = [wire.parse(entry.text), wire.sync()] if parameters else [wire.query(entry.text)]
                for error in wire.errors(w.ask(*ask)):
                    assert "guard" not in str(error) and "read-only" not in str(error.get("M")), (entry, error)
                    assert error["C"] != "42501", (entry, error)


# What changes the server is known to change something

CATALOGUES = """
    pg_class pg_attribute pg_attrdef pg_proc pg_type pg_constraint pg_index pg_trigger pg_rewrite pg_operator pg_namespace
    pg_description pg_extension pg_default_acl pg_policy pg_cast pg_collation pg_statistic pg_statistic_ext pg_ts_config
    pg_am pg_publication pg_publication_rel pg_language pg_foreign_data_wrapper pg_foreign_server pg_foreign_table
    pg_user_mapping pg_event_trigger pg_seclabel pg_largeobject pg_largeobject_metadata pg_enum pg_sequence pg_aggregate
    pg_subscription pg_database pg_authid pg_auth_members pg_db_role_setting pg_tablespace pg_parameter_acl
    pg_replication_origin pg_shdescription pg_inherits pg_partitioned_table
""".split()
STATE = " UNION ALL ".join(
    f"SELECT '{name}', count(*), coalesce(max(xmin::text::bigint), 0) FROM pg_catalog.{name}" for name in CATALOGUES
) + """
    UNION ALL SELECT 'sequence ' || sequencename, coalesce(last_value, -1), 0 FROM pg_sequences
    UNION ALL SELECT 'slots', count(*), 0 FROM pg_replication_slots
    UNION ALL SELECT 'prepared', count(*), 0 FROM pg_prepared_xacts
    UNION ALL SELECT 'settings file ' || name, 0, 0 FROM pg_file_settings
"""
# After these the statements behind would not find what they are about.
SPOILERS = ("DROP", "ALTER", "REVOKE", "REASSIGN", "CREATE RULE", "CREATE TRIGGER", "CREATE EVENT", "CREATE POLICY",
            "CREATE SUBSCRIPTION", "CREATE VIEW")
SESSION = "SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings WHERE name !~ '^transaction_'"


class State:
    """What of a database and its cluster can change, by counts and newest versions."""

    def __init__(self, cluster, files):
        self.files = files
        self.connection = psycopg.connect(cluster.boss("thrown").dsn, autocommit=True)
        self.listener = psycopg.connect(cluster.boss("thrown").dsn, autocommit=True)
        self.listener.execute("LISTEN news")

    def read(self):
        found = {name: (count, newest) for name, count, newest in self.connection.execute(STATE)}
        tables = self.connection.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'm') AND relnamespace NOT IN"
            " ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) AND relpersistence <> 't'"
            " AND relnamespace <> 'pg_toast'::regnamespace AND relispopulated").fetchall()
        for (table,) in tables:
            found[f"rows of {table}"] = self.connection.execute(
                f"SELECT count(*), coalesce(max(xmin::text::bigint), 0) FROM {table}").fetchone()
        found["files"] = sorted((f.name, f.stat().st_size) for f in self.files.iterdir())
        return found

    def notified(self):
        return list(self.listener.notifies(timeout=0.001))

    def close(self):
        self.connection.close()
        self.listener.close()


def renew(cluster, files):
    """Everything as it was: a new database, the roles, the settings, the files."""
    # The role that the superuser was made to begin with must go before anything else can.
    cluster.sql(
        "SET ROLE NONE; ALTER ROLE boss RESET ALL; DROP DATABASE IF EXISTS thrown WITH (FORCE)".replace(";", ";\n"),
        "postgres")
    cluster.sql(
        """DO $$ BEGIN REVOKE ALL ON PARAMETER log_statement FROM bob; EXCEPTION WHEN undefined_object THEN NULL; END $$;
        SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots;
        SELECT pg_replication_origin_drop(roname) FROM pg_replication_origin;
        DROP DATABASE IF EXISTS d1; DROP ROLE IF EXISTS bob, carol, dave, erin, staff;
        ALTER ROLE ALL RESET ALL; ALTER ROLE boss RESET ALL; ALTER DATABASE template1 RESET ALL;
        ALTER DATABASE template1 CONNECTION LIMIT -1;
        CREATE ROLE bob; CREATE ROLE carol; CREATE ROLE staff;
        ALTER SYSTEM RESET ALL; ALTER SYSTEM SET log_statement = 'all'; ALTER SYSTEM SET autovacuum = off;
        SELECT pg_reload_conf(); CREATE DATABASE thrown TEMPLATE pure""".replace(";", ";\n"), "postgres")
    for file in files.iterdir():
        file.unlink()


def let_go(cluster):
    """A subscription holds its database."""
    cluster.sql("ALTER SUBSCRIPTION sub1 SET (slot_name = NONE);\nDROP SUBSCRIPTION sub1", "thrown")


def run_alone(cluster, text):
    """Runs a text in a session of its own, as psql would; tells whether it was accepted, and what the session became."""
    with psycopg.connect(cluster.boss("thrown").dsn, autocommit=True) as session:
        before = session.execute(SESSION).fetchone()
        accepted = True
        try:
            answer = session.pgconn.exec_(text.encode())
            status = psycopg.pq.ExecStatus(answer.status)
            if status == psycopg.pq.ExecStatus.COPY_IN:
                session.pgconn.put_copy_data(b"copied\n")
                session.pgconn.put_copy_end()
                status = psycopg.pq.ExecStatus(session.pgconn.get_result().status)
            while status == psycopg.pq.ExecStatus.COPY_OUT and session.pgconn.get_copy_data(0)[0] > 0:
                pass
            accepted = status not in (psycopg.pq.ExecStatus.FATAL_ERROR, psycopg.pq.ExecStatus.BAD_RESPONSE)
            while session.pgconn.get_result() is not None:
                pass
        except psycopg.Error:
            accepted = False
        changed = []
        if session.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS:
            session.pgconn.exec_(b"COMMIT")
        if session.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
            if session.execute(SESSION).fetchone() != before:
                changed.append("session settings")
            if session.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()").fetchone():
                changed.append("advisory locks")
            if session.execute("SELECT 1 FROM pg_listening_channels()").fetchone():
                changed.append("listening")
        return accepted, changed


def test_whatever_changes_the_server_is_classified_so(cluster, judged, files):
    said = judged(ENTRIES, "guarded")
    wrong, accepted_count, changed_count = [], 0, 0
    renew(cluster, files)
    state, before = State(cluster, files), None
    for entry in ENTRIES:
        text, answer = placed(entry.text, files), said[entry.line]
        before = before or state.read()
        accepted, changed = run_alone(cluster, text)
        after = state.read()
        changed += sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        changed += ["notification"] * len(state.notified())
        classes = {name for statement in answer["statements"] for name in statement["classes"]}
        accepted_count += accepted
        changed_count += bool(changed)
        for what in changed:
            # A setting or a lock of the session itself is no change of data, but must be told.
            told = {"session settings": bool(classes & {"setting", "procedure"}) or answer.get("may_change"),
                    "advisory locks": "lock" in classes}.get(what, answer.get("may_change"))
            if not told:
                wrong.append((entry, what))
        before = after
        emptied = any(name.startswith("rows of ") and after[name][0] == 0 for name in changed if name in after)
        if changed and (emptied or answer["subject"]["verbs"][0].startswith(SPOILERS)):
            state.close()
            if "pg_subscription" in changed:
                let_go(cluster)
            renew(cluster, files)
            state, before = State(cluster, files), None
    state.close()
    print(f"{len(ENTRIES)} statements, {accepted_count} accepted, {changed_count} changed something")
    assert not wrong, wrong
    # The server must have been changed by many, else this shows nothing.
    assert accepted_count > 200 and changed_count > 120


# The server's own half of read_only

def test_the_server_holds_the_session_to_reading(gateway, cluster):
    at = gateway.endpoint("calling", database="wired")
    rows = "SELECT count(*) FROM scratch"
    before = cluster.sql(rows, "wired")
    with wire.Wire(at) as w:
        w.open(options="-c default_transaction_read_only=off", default_transaction_read_only="off")
        for reset in ("SELECT 1", "RESET ALL", "DISCARD ALL", "BEGIN", "ROLLBACK", "COMMIT"):
            w.ask(wire.query(reset))
            assert w.rows("SHOW default_transaction_read_only") == [[b"on"]], reset
            # A function that nobody read here: the gateway lets it pass, the server refuses what it does.
            assert wire.errors(w.ask(wire.query("SELECT tidy()")))[0]["C"] in ("25006", "25P02"), reset
            if reset == "BEGIN":
                w.ask(wire.query("ROLLBACK"))
    assert cluster.sql(rows, "wired") == before


def test_a_session_whose_mode_was_lifted_ends(gateway):
    with wire.Wire(gateway.endpoint("calling", database="wired")) as w:
        w.open()
        with pytest.raises(wire.Gone):
            w.ask(wire.query("SELECT lift()"))
            w.ask(wire.query("SELECT 1"))


def test_a_path_that_hides_built_ins_makes_them_unknown(gateway):
    with wire.Wire(gateway.endpoint("guarded", database="wired")) as w:
        w.open(search_path="billing,pg_catalog")
        w.send(wire.query("SELECT now()"))
        kind, body = w.receive()
        assert kind == "N" and b"pproval" in body, (kind, body)
    with wire.Wire(gateway.endpoint("guarded", database="wired")) as w:
        w.open(search_path="billing")
        assert len(w.rows("SELECT now()")) == 1
