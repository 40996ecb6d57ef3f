"""Ways in which a client tries to get a masked value out, by somebody who may do anything at the server: none may show the canary,
in rows, errors, notices, notifications, settings or COPY data."""

import base64

import psycopg
import pytest

import harness
import wire

# A word and a number that nothing else holds, in the row 7.
WORD, NUMBER = "zqcanaryxv", 7755331199446622
MASKS = [{"columns": ["people.ssn", "people.pin", "wards.ssn", "child.ssn"], "with": "redact"}]


@pytest.fixture(scope="module")
def servers(shop15, shop18):
    for cluster in (shop15, shop18):
        cluster.sql(f"""
            SET client_min_messages = error;
            DROP SCHEMA IF EXISTS hostile CASCADE; CREATE SCHEMA hostile;
            CREATE TABLE hostile.people (id int PRIMARY KEY, ssn text UNIQUE, pin int8, name text,
                loud text GENERATED ALWAYS AS (upper(ssn)) STORED, CONSTRAINT short CHECK (length(ssn) < 60));
            INSERT INTO hostile.people SELECT n, 'other' || n, n, 'name' || n FROM generate_series(1, 6) n;
            INSERT INTO hostile.people VALUES (7, '{WORD}', {NUMBER}, 'name7');
            CREATE TABLE hostile.notes (id int, note text, n int8);
            CREATE TABLE hostile.refers (ssn text REFERENCES hostile.people (ssn));
            CREATE TABLE hostile.parted (k text) PARTITION BY LIST (k);
            CREATE TABLE hostile.parent (id int, ssn text);
            CREATE TABLE hostile.child () INHERITS (hostile.parent);
            INSERT INTO hostile.child VALUES (7, '{WORD}');
            CREATE TABLE hostile.wards (id int, ssn text) PARTITION BY LIST (id);
            CREATE TABLE hostile.ward PARTITION OF hostile.wards DEFAULT;
            INSERT INTO hostile.wards VALUES (7, '{WORD}');
            CREATE FUNCTION hostile.peek(int) RETURNS text STABLE LANGUAGE sql AS 'SELECT ssn FROM hostile.people WHERE id = $1';
            CREATE FUNCTION hostile.constant() RETURNS text IMMUTABLE LANGUAGE sql AS
                'SELECT ssn FROM hostile.people WHERE id = 7';
            CREATE FUNCTION hostile.everybody() RETURNS SETOF hostile.people LANGUAGE sql AS 'SELECT * FROM hostile.people';
            CREATE VIEW hostile.shown AS SELECT id, ssn AS number FROM hostile.people;
            CREATE VIEW hostile.nested AS SELECT id, number AS inner_number FROM hostile.shown;
            CREATE VIEW hostile.calls AS SELECT id, hostile.peek(id) AS called FROM hostile.notes;
            CREATE VIEW hostile.sets AS SELECT ssn AS given FROM hostile.everybody() WHERE id = 7;
            CREATE VIEW hostile.stats AS SELECT attname, histogram_bounds::text AS bounds FROM pg_stats WHERE schemaname = 'hostile';
            CREATE MATERIALIZED VIEW hostile.kept AS SELECT id, ssn AS held, lower(ssn) AS small FROM hostile.people;
            INSERT INTO hostile.notes VALUES (7, 'note', 7);
            ANALYZE hostile.people;
            GRANT USAGE ON SCHEMA hostile TO PUBLIC; GRANT ALL ON ALL TABLES IN SCHEMA hostile TO PUBLIC;
        """)
    return {"15": shop15, "18": shop18}


@pytest.fixture(scope="module")
def gateway(servers, scratch):
    made = harness.Gateway(scratch, [harness.connection("hostile" + version, cluster, mask=MASKS)
                                     for version, cluster in servers.items()], name="hostile").start()
    yield made
    made.stop()


@pytest.fixture(params=["15", "18"])
def version(request):
    return request.param


@pytest.fixture
def at(gateway, version):
    return gateway.endpoint("hostile" + version)


FORMS = [form.lower() for word in (WORD.encode(), str(NUMBER).encode())
         for form in (word, word.hex().encode(), base64.b64encode(word), word[::-1], word[:6], word[-6:])]
FORMS.append(NUMBER.to_bytes(8, "big"))


def leaked(blob, text=""):
    """The forms of the canary in what came that are not in what was sent."""
    sent = text.encode().lower()
    return [form for form in FORMS if form in blob.lower() and form not in sent]


def run(at, text):
    """Every byte that came for these statements, each sent by both protocols."""
    blob = b""
    for extended in (False, True):
        with wire.Wire(at) as w:
            w.open()
            for statement in filter(None, (part.strip() for part in text.split(";;"))):
                if extended and not statement.upper().startswith(("COPY", "BEGIN", "END", "ROLLBACK")):
                    answer = w.ask(wire.parse(statement), wire.bind(binary_results=True), wire.execute(), wire.sync())
                else:
                    answer = w.ask(wire.query(statement))
                assert answer[-1][0] == "Z", answer
                blob += b"\n".join(kind.encode() + body for kind, body in answer)
    return blob


P, ROW = "hostile.people", "FROM hostile.people WHERE id = 7"
SHOWS = [
    # Expressions, row by row.
    *[f"SELECT {e} {ROW}" for e in (
        "ssn || ''", "ssn COLLATE \"C\"", "(ssn)", "ssn::varchar", "ssn::bytea", "ssn::name", "pin + 0", "pin::text", "-pin",
        "pin::bit(64)", "pin::numeric / 1", "to_hex(pin)", "reverse(ssn)", "encode(ssn::bytea, 'base64')", "upper(ssn)",
        "overlay(ssn placing 'X' from 1 for 1)", "quote_literal(ssn)", "format('%s', ssn)", "concat_ws(',', ssn, pin)",
        "array[ssn]", "row(ssn)", "row(ssn, pin)::text", "json_build_object('a', ssn)", "to_json(ssn)", "xmlelement(name a, ssn)",
        "xmlforest(ssn)", "coalesce(ssn, '')", "nullif(ssn, '')", "greatest(ssn, '')", "CASE WHEN true THEN ssn END",
        "(SELECT ssn)", "ssn = ANY (ARRAY[ssn]) AND ssn IS NOT NULL, ssn || name", "substr(ssn, 1, 6)", "left(ssn, 6)",
        "split_part(ssn, 'x', 1)", "regexp_replace(ssn, '^z', 'z')", "regexp_matches(ssn, '.*')", "string_to_array(ssn, NULL)",
        "unnest(string_to_array(ssn, NULL))", "to_tsvector('simple', ssn)", "ssn::xml", "jsonb_build_array(ssn)->0",
        "people", "people.*", "people::text", "row_to_json(people)", "to_jsonb(people)", "(people).ssn", "(people).*",
        "people IS NULL, people", "jsonb_populate_record(people, '{}')", "loud", "loud || ''", "convert_from(ssn::bytea, 'UTF8')",
        "hostile.peek(7)", "set_config('my.x', ssn, false)", "pg_notify('c', ssn)", "lag(ssn, 0) OVER ()", "first_value(ssn) OVER ()",
        "lo_from_bytea(0, ssn::bytea)", "setval('hostile.s', pin)")],
    # Whole statements that answer with rows.
    f"TABLE {P}", f"SELECT * FROM {P}", f"SELECT ALL p.ssn AS x FROM {P} p", f"SELECT x FROM {P} AS p(a, x)",
    f"SELECT x || '' FROM {P} AS p(a, x)", f"SELECT upper(x) FROM (SELECT ssn FROM {P}) q(x)", f"SELECT upper(q.b) FROM (TABLE {P}) q(a, b)",
    f"VALUES ((SELECT ssn {ROW}))", f"SELECT (SELECT ssn {ROW})", f"SELECT (SELECT ssn {ROW}) || ''",
    f"WITH q AS (SELECT ssn {ROW}) SELECT upper(ssn) FROM q", f"WITH RECURSIVE q(v, n) AS (SELECT ssn, 1 {ROW} UNION ALL "
    "SELECT v, n + 1 FROM q WHERE n < 2) SELECT v, v || n FROM q", f"SELECT ssn FROM {P} UNION SELECT 'x'",
    f"SELECT name FROM {P} UNION ALL SELECT ssn FROM {P}", f"SELECT ssn FROM {P} INTERSECT SELECT ssn FROM {P}",
    f"SELECT DISTINCT ssn FROM {P}", f"SELECT ssn FROM {P} GROUP BY ssn", f"SELECT string_agg(ssn, ',') FROM {P}",
    f"SELECT array_agg(ssn) FROM {P}", f"SELECT json_agg(p) FROM {P} p", f"SELECT max(ssn), min(pin), sum(pin) {ROW}",
    f"SELECT mode() WITHIN GROUP (ORDER BY ssn) {ROW}", f"SELECT json_object_agg(id, ssn) FROM {P}",
    f"SELECT xmlagg(xmlelement(name a, ssn)) FROM {P}", f"SELECT l.v FROM {P}, LATERAL (SELECT ssn || '' AS v) l",
    f"SELECT v FROM {P}, LATERAL unnest(ARRAY[ssn]) v", f"SELECT (each).value FROM {P}, jsonb_each_text(to_jsonb(people)) each",
    f"SELECT e.value FROM {P}, jsonb_each_text(to_jsonb(people)) e", f"SELECT j.* FROM {P}, jsonb_to_record(to_jsonb(people)) j(ssn text)",
    f"SELECT x.* FROM {P}, xmltable('/a' PASSING xmlelement(name a, ssn) COLUMNS x text PATH '.') x",
    f"SELECT ssn FROM {P} JOIN hostile.refers USING (ssn)", f"SELECT b FROM {P} AS p(a, b) FULL JOIN (SELECT 'x' AS b) q USING (b)",
    f"SELECT ssn FROM {P} NATURAL FULL JOIN (SELECT 'x'::text AS ssn) q", f"SELECT p.ssn FROM {P} p TABLESAMPLE SYSTEM (100)",
    f"SELECT ssn FROM ONLY {P}", f"SELECT ssn FROM {P} WHERE ctid = (SELECT ctid {ROW})", f"SELECT ssn {ROW} FOR UPDATE",
    "SELECT * FROM hostile.everybody()", "SELECT ssn FROM hostile.everybody()", "SELECT upper(ssn) FROM hostile.everybody() e",
    "SELECT hostile.everybody()", "SELECT (hostile.everybody()).ssn",
    "SELECT query_to_xml('TABLE hostile.people', true, false, '')", "SELECT table_to_xml('hostile.people', true, false, '')",
    "SELECT schema_to_xml('hostile', true, false, '')", "SELECT * FROM ts_stat('SELECT to_tsvector(''simple'', ssn) FROM hostile.people')",
    "SELECT cursor_to_xml('c', 10, true, false, '')",
    # Views of every kind.
    "SELECT number FROM hostile.shown", "SELECT * FROM hostile.shown", "SELECT upper(number) FROM hostile.shown",
    "SELECT inner_number, inner_number || '' FROM hostile.nested", "SELECT held, small FROM hostile.kept", "TABLE hostile.kept",
    "SELECT upper(held) FROM hostile.kept", "SELECT called FROM hostile.calls", "SELECT upper(called) FROM hostile.calls",
    "SELECT given FROM hostile.sets", "TABLE hostile.sets", "SELECT row_to_json(s) FROM hostile.sets s",
    # Inheritance, partitions, generated columns.
    "SELECT ssn FROM hostile.parent", "SELECT * FROM hostile.parent", "SELECT upper(ssn) FROM hostile.parent",
    "SELECT ssn FROM hostile.child", "SELECT ssn FROM hostile.ward", "SELECT upper(ssn) FROM hostile.ward", "TABLE hostile.wards",
    f"SELECT loud FROM {P}", f"SELECT lower(loud) FROM {P}", f"SELECT p.loud AS name FROM {P} p",
    # The planner's samples, and what else the server keeps.
    "SELECT * FROM pg_stats WHERE schemaname = 'hostile'", "SELECT histogram_bounds FROM pg_stats WHERE schemaname = 'hostile'",
    "SELECT most_common_vals::text FROM pg_stats", "SELECT row_to_json(s) FROM pg_stats s WHERE schemaname = 'hostile'",
    "SELECT array_to_string(histogram_bounds, ',') FROM pg_stats", "TABLE hostile.stats", "SELECT upper(bounds) FROM hostile.stats",
    "SELECT * FROM pg_statistic WHERE starelid = 'hostile.people'::regclass",
    "SELECT stavalues1::text FROM pg_catalog.pg_statistic WHERE starelid = 'hostile.people'::regclass",
    "COPY (SELECT * FROM pg_stats WHERE schemaname = 'hostile') TO STDOUT", "COPY pg_statistic TO STDOUT",
    "COPY pg_largeobject TO STDOUT",
    # What the planner folds and shows.
    "EXPLAIN (COSTS off) SELECT 1 FROM hostile.notes WHERE note = hostile.constant()",
    "EXPLAIN (ANALYZE, VERBOSE) SELECT hostile.constant() FROM hostile.notes",
    "PREPARE e AS SELECT 1 FROM hostile.notes WHERE note = hostile.constant();; EXPLAIN EXECUTE e",
    f"EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM {P} WHERE ssn = (SELECT ssn {ROW})",
    # COPY and RETURNING.
    f"COPY {P} TO STDOUT", f"COPY {P} (ssn) TO STDOUT (FORMAT csv, HEADER)", f"COPY {P} TO STDOUT (FORMAT binary)",
    f"COPY (SELECT upper(ssn) FROM {P}) TO STDOUT", f"COPY (TABLE {P}) TO STDOUT", "COPY (SELECT called FROM hostile.calls) TO STDOUT",
    f"COPY (UPDATE {P} SET id = id RETURNING ssn, upper(ssn)) TO STDOUT", "COPY hostile.ward TO STDOUT", "COPY hostile.child TO STDOUT",
    "COPY (SELECT ssn FROM hostile.parent) TO STDOUT", f"COPY (SELECT loud FROM {P}) TO STDOUT",
    f"UPDATE {P} SET id = id RETURNING *", "SELECT set_config('my.v', number, false) FROM hostile.shown WHERE id = 7;; SHOW my.v", f"UPDATE {P} SET id = id RETURNING ssn || ''", f"BEGIN;; DELETE FROM hostile.notes RETURNING (SELECT ssn {ROW});; ROLLBACK",
    f"BEGIN;; INSERT INTO hostile.notes SELECT id, ssn, pin {ROW} RETURNING (SELECT ssn {ROW});; ROLLBACK",
    # Names used again.
    f"PREPARE a AS SELECT upper(name) FROM {P};; DEALLOCATE a;; PREPARE a AS SELECT upper(ssn) FROM {P};; EXECUTE a",
    f"BEGIN;; DECLARE k CURSOR FOR SELECT upper(name) FROM {P};; CLOSE k;; DECLARE k CURSOR FOR SELECT upper(ssn), ssn FROM {P};; FETCH ALL k;; END",
    f"DECLARE k CURSOR WITH HOLD FOR SELECT ssn, upper(ssn) FROM {P};; FETCH 7 k;; SELECT cursor_to_xml('k', 10, true, false, '');; CLOSE k",
    # Beside the rows.
    f"LISTEN c;; SELECT pg_notify('c', ssn) {ROW}", f"SELECT set_config('application_name', ssn, false) {ROW};; SHOW application_name",
    "DO $$ BEGIN PERFORM set_config('my.v', (SELECT ssn FROM hostile.people WHERE id = 7), false); END $$;; SHOW my.v",
    "DO $$ BEGIN PERFORM set_config('my.v', (SELECT ssn FROM hostile.people WHERE id = 7), false); END $$;; SELECT current_setting('my.v')",
    "DO $$ BEGIN PERFORM set_config('my.v', (SELECT ssn FROM hostile.people WHERE id = 7), false); END $$;;"
    " SELECT upper(current_setting('my.v'))",
    "DO $$ BEGIN EXECUTE format('SET application_name = %L', (SELECT ssn FROM hostile.people WHERE id = 7)); END $$;; SHOW application_name;;"
    " SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()",
    f"CREATE TEMP TABLE t AS SELECT ssn AS a {ROW};; SELECT a, a || '' FROM t;; TABLE t;; COPY t TO STDOUT;; SELECT t FROM t",
    f"CREATE TEMP TABLE u (a text);; INSERT INTO u SELECT ssn {ROW};; SELECT a FROM u;; SELECT upper(a) FROM u",
    f"SELECT ssn INTO TEMP w {ROW};; TABLE w",
    f"CREATE TEMP VIEW tv AS SELECT ssn AS a {ROW};; SELECT a, upper(a) FROM tv",
    f"BEGIN;; CREATE VIEW hostile.fresh AS SELECT ssn AS a {ROW};; SELECT a, upper(a) FROM hostile.fresh;; ROLLBACK",
    f"BEGIN;; CREATE FUNCTION hostile.upper(text) RETURNS text LANGUAGE sql AS 'SELECT ssn {ROW}';; SELECT hostile.upper(name) FROM {P};; ROLLBACK",
]
ERRORS = [
    *[f"SELECT {e} {ROW}" for e in (
        "ssn::int", "ssn::date", "ssn::uuid", "ssn::json", "ssn::jsonb", "ssn::inet", "ssn::regclass", "ssn::bool", "ssn::float8",
        "ssn::interval", "ssn::point", "ssn::int[]", "('{' || ssn || '}')::int[]", "ssn::numeric", "ssn::timestamptz", "ssn::macaddr",
        "ssn::bit(4)", "ssn::tsquery", "ssn::regtype", "ssn::regproc", "ssn::oid", "ssn::pg_lsn", "pin::int", "pin::int2", "pin::bool::text",
        "(ssn || '<')::xml", "to_date(ssn, 'YYYY')", "to_timestamp(ssn, 'YYYY')", "to_number(ssn, '999')", "ssn::hostile.people",
        "row(ssn)::text::hostile.people", "make_date(pin::int, 1, 1)", "pin / 0", "chr(pin::int)", "repeat('x', pin::int)",
        "decode(ssn, 'hex')", "decode(ssn, 'base64')", "decode(ssn, ssn)", "convert_to(ssn, ssn)", "nextval(ssn)", "setval(ssn, 1)",
        "currval(ssn)", "current_setting(ssn)", "set_config(ssn, 'x', false)", "('x' || ssn)::interval year", "ssn::\"char\"::int",
        "pg_relation_size(ssn)", "regexp_replace('x', ssn || '(', '')", "ssn SIMILAR TO ssn || '('", "'x' ~ (ssn || '[')",
        "jsonb_path_query('{}', ssn::jsonpath)", "(ssn || ' $$')::jsonpath", "xpath(ssn || '[', '<a/>')", "to_tsquery(ssn || ' &')",
        "format('%' || ssn, 1)", "date_trunc(ssn, now())", "extract(year FROM ssn::date)", "now() AT TIME ZONE ssn",
        "to_regclass(ssn || '.' || ssn || '.' || ssn || '.x')", "parse_ident(ssn || '\"')", "array_fill(1, ARRAY[pin::int])",
        "trunc(1e10)::int8::int + pin::int2", "pg_input_is_valid(ssn, ssn)", "has_table_privilege(ssn, 'select')",
        "has_table_privilege('hostile.people', ssn)", "has_schema_privilege(ssn, 'usage')", "pg_get_viewdef(ssn)", "lo_get(pin::oid)",
        "pg_ls_dir(ssn)", "pg_read_file(ssn)", "convert(ssn::bytea, ssn, 'UTF8')", "ssn::txid_snapshot", "ssn::money", "ssn::cidr")],
    f"UPDATE {P} SET ssn = (SELECT ssn {ROW}) WHERE id = 3", f"UPDATE {P} SET ssn = upper((SELECT ssn {ROW})) || repeat('x', 70) WHERE id = 3",
    f"INSERT INTO {P} (id, ssn) SELECT 99, ssn {ROW}", f"INSERT INTO {P} (id, ssn, pin) SELECT 7, ssn || 'x', pin {ROW}",
    f"INSERT INTO {P} (id, ssn, pin) SELECT NULL, ssn || 'x', pin {ROW}",
    f"INSERT INTO hostile.refers SELECT ssn || 'x' {ROW}", f"INSERT INTO hostile.parted SELECT ssn {ROW}",
    f"INSERT INTO hostile.notes (id) SELECT pin {ROW}", f"UPDATE hostile.notes SET id = (SELECT pin {ROW})",
    f"ALTER TABLE {P} ALTER COLUMN ssn TYPE int USING ssn::int", f"ALTER TABLE {P} ALTER COLUMN pin TYPE int",
    f"CREATE INDEX ON {P} ((ssn::int))", f"CREATE UNIQUE INDEX ON {P} ((length(ssn)), (ssn IS NULL))",
    f"CREATE UNIQUE INDEX ON {P} ((left(ssn, 0) || 'x'))", f"SELECT count(*) FROM {P} WHERE ssn::int = 5",
    f"SELECT 1 FROM {P} ORDER BY ssn::int", f"SELECT 1 FROM {P} LIMIT (SELECT pin {ROW})::int", f"SELECT sum(ssn::int) FROM {P}",
    f"DO $$ DECLARE s text; BEGIN SELECT ssn INTO s {ROW}; RAISE EXCEPTION '%', s; END $$",
    f"DO $$ DECLARE s int; BEGIN SELECT ssn INTO s {ROW}; END $$", f"DO $$ DECLARE s text; BEGIN SELECT ssn INTO s {ROW}; EXECUTE s; END $$",
    f"DO $$ DECLARE s text; BEGIN SELECT ssn INTO s {ROW}; RAISE WARNING 'w' USING DETAIL = s, HINT = s, ERRCODE = '01004'; END $$",
    f"DO $$ DECLARE s text; BEGIN SELECT ssn INTO s {ROW}; EXECUTE format('CREATE TABLE %I ()', s);"
    f" EXECUTE format('DROP TABLE %I', s || 'x'); END $$",
    f"DO $$ DECLARE s text; BEGIN SELECT ssn INTO s {ROW}; EXECUTE format('ALTER TABLE hostile.notes ADD CONSTRAINT %I CHECK (id < 0)', s); END $$",
    "SELECT number::int FROM hostile.shown", "SELECT called::int FROM hostile.calls", "SELECT given::int FROM hostile.sets",
    "SELECT loud::int FROM hostile.people", "SELECT ssn::int FROM hostile.parent", "SELECT ssn::int FROM hostile.ward",
    "SELECT hostile.peek(7)::int", "SELECT hostile.constant()::int", "SELECT held::int FROM hostile.kept",
]


@pytest.mark.parametrize("text", SHOWS)
def test_nothing_is_shown(at, text):
    assert leaked(run(at, text), text) == []


@pytest.mark.parametrize("text", ERRORS)
def test_no_error_tells(at, text):
    blob = run(at, f"BEGIN;; {text};; ROLLBACK")
    assert leaked(blob, text) == []


def test_the_canary_is_there(servers, gateway, version):
    """What the tests above look for would be found."""
    cluster = servers[version]
    for text in (f"SELECT ssn, pin {ROW}", "SELECT ssn FROM hostile.parent", "SELECT called FROM hostile.calls"):
        assert leaked(cluster.sql(text).encode()), text
    with psycopg.connect(gateway.endpoint("hostile" + version).dsn) as c:
        assert c.execute(f"SELECT name {ROW}").fetchone() == ("name7",)


@pytest.mark.parametrize("hold", ["", " WITH HOLD"])
def test_a_cursor_over_a_view_that_is_swapped(servers, at, version, hold):
    """The cursor's rows are of the old view, its description of the new one."""
    servers[version].sql(f"CREATE OR REPLACE VIEW hostile.swap AS SELECT id, ssn AS v FROM hostile.people")
    with psycopg.connect(at.dsn, autocommit=True) as c, psycopg.connect(at.dsn, autocommit=True) as other:
        if not hold:
            c.execute("BEGIN")
        c.execute(f"DECLARE s CURSOR{hold} FOR SELECT v FROM hostile.swap WHERE id = 7")
        swap = "CREATE OR REPLACE VIEW hostile.swap AS SELECT id, name AS v FROM hostile.people"
        other.execute("SET lock_timeout = '300ms'")
        for session in (c, other):
            try:
                session.execute(swap)
            except psycopg.Error:
                assert not hold
        got = []
        try:
            got = c.execute("FETCH ALL FROM s").fetchall()
        except psycopg.Error:
            assert not hold
        assert leaked(str(got).encode()) == []


def test_a_held_cursor_by_its_portal_and_behind_another(servers, at, version):
    """Executed as a portal, and with its name used again before the answer comes."""
    swap = "CREATE OR REPLACE VIEW hostile.swap AS SELECT id, {} AS v FROM hostile.people"
    for how in ("portal", "again"):
        servers[version].sql(swap.format("ssn"))
        with wire.Wire(at) as w, psycopg.connect(at.dsn, autocommit=True) as other:
            w.open()
            declare = "DECLARE s CURSOR WITH HOLD FOR SELECT v FROM hostile.swap WHERE id = 7"
            w.ask(wire.query(declare))
            other.execute(swap.format("name"))
            if how == "portal":
                answer = w.ask(wire.describe(name="s"), wire.execute("s"), wire.sync())
            else:
                w.send(wire.query("FETCH ALL FROM s"), wire.query("CLOSE s"), wire.query(declare))
                answer = w.until() + w.until() + w.until()
            assert "D" in wire.kinds(answer)
            assert leaked(b"".join(body for _, body in answer)) == []


def test_stored_cleverly_and_read_back(at):
    """Values that a statement puts where no column tells of them."""
    for store, read in (
        (f"SELECT lo_from_bytea(424242, ssn::bytea) {ROW}", "SELECT lo_get(424242)"),
        (f"SELECT lo_from_bytea(424243, ssn::bytea) {ROW}", "SELECT data FROM pg_largeobject WHERE loid = 424243"),
        (f"SELECT setval('counter', pin) {ROW}", "SELECT last_value FROM counter"),
        (f"SELECT setval('counter', pin) {ROW}", "SELECT currval('counter')"),
        (f"SELECT pg_advisory_lock(pin) {ROW}", "SELECT classid::int8 << 32 | objid::int8 FROM pg_locks WHERE locktype = 'advisory'"),
    ):
        with wire.Wire(at) as w:
            w.open()
            blob = b"".join(body for _, body in w.ask(wire.query("BEGIN")) + w.ask(wire.query(store)) + w.ask(wire.query(read)))
            w.ask(wire.query("ROLLBACK"))
            assert leaked(blob) == [], (store, read)
