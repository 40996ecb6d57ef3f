import GatewayCore
import SQLAnalysis
import Testing

/// What a statement is judged as: classes, verb, relations read and written, and whether a write spares no row.
@Suite struct StatementTableTests {
    struct Row: CustomTestStringConvertible, Sendable {
        var sql: String
        var classes: Set<StatementClass>
        var verb: String
        var reads: [String] = []
        var writes: [String] = []
        var isUnbounded = false
        var testDescription: String { sql }
    }

    static let rows: [Row] = [
        // Reading
        Row(sql: "SELECT 1", classes: [.select], verb: "SELECT"),
        Row(sql: "sElEcT * FrOm Orders", classes: [.select], verb: "SELECT", reads: ["orders"]),
        Row(sql: #"SELECT * FROM "Orders""#, classes: [.select], verb: "SELECT", reads: ["Orders"]),
        Row(
            sql: "SELECT a FROM s.t JOIN u USING (id), LATERAL (SELECT 1 FROM v) x", classes: [.select], verb: "SELECT",
            reads: ["s.t", "u", "v"]),
        Row(sql: "SELECT 1 WHERE EXISTS (SELECT 1 FROM hidden)", classes: [.select], verb: "SELECT", reads: ["hidden"]),
        Row(
            sql: "SELECT * FROM a UNION ALL SELECT * FROM b EXCEPT SELECT * FROM c", classes: [.select], verb: "SELECT",
            reads: ["a", "b", "c"]),
        Row(
            sql: "SELECT * FROM t x WHERE id = 1 FOR UPDATE OF x", classes: [.select, .lock], verb: "SELECT",
            reads: ["t"]),
        Row(sql: "TABLE t", classes: [.select], verb: "SELECT", reads: ["t"]),
        Row(sql: "VALUES (1), (2)", classes: [.select], verb: "SELECT"),
        Row(sql: "SHOW search_path", classes: [.select], verb: "SHOW"),
        Row(sql: "EXPLAIN DELETE FROM t", classes: [.select], verb: "EXPLAIN", reads: ["t"]),
        // Common table expressions
        Row(sql: "WITH c AS (SELECT * FROM t) SELECT * FROM c", classes: [.select], verb: "SELECT", reads: ["t"]),
        Row(sql: "WITH t AS (SELECT * FROM t) SELECT * FROM t", classes: [.select], verb: "SELECT", reads: ["t"]),
        Row(
            sql: "WITH t AS (SELECT 1) SELECT * FROM public.t", classes: [.select], verb: "SELECT", reads: ["public.t"]),
        Row(
            sql: "WITH RECURSIVE r AS (SELECT 1 UNION SELECT * FROM r) SELECT * FROM r", classes: [.select],
            verb: "SELECT"),
        Row(
            sql: "SELECT * FROM (WITH c AS (SELECT 1) SELECT * FROM c) x, c", classes: [.select], verb: "SELECT",
            reads: ["c"]),
        Row(
            sql: "WITH d AS (DELETE FROM x RETURNING *) SELECT * FROM d", classes: [.select, .delete], verb: "SELECT",
            writes: ["x"], isUnbounded: true),
        Row(
            sql:
                "WITH a AS (WITH b AS (SELECT * FROM s) UPDATE t SET n = 1 FROM b WHERE t.id = b.id RETURNING 1) SELECT * FROM a",
            classes: [.select, .update], verb: "SELECT", reads: ["s"], writes: ["t"]),
        // Writing
        Row(sql: "INSERT INTO t VALUES (1)", classes: [.insert], verb: "INSERT", writes: ["t"]),
        Row(sql: "INSERT INTO t DEFAULT VALUES", classes: [.insert], verb: "INSERT", writes: ["t"]),
        Row(
            sql: "INSERT INTO t SELECT * FROM s", classes: [.insert, .select], verb: "INSERT", reads: ["s"],
            writes: ["t"]),
        Row(sql: "UPDATE t SET a = 1 WHERE id = 2", classes: [.update], verb: "UPDATE", writes: ["t"]),
        Row(sql: "UPDATE t SET a = 1", classes: [.update], verb: "UPDATE", writes: ["t"], isUnbounded: true),
        Row(
            sql: "UPDATE t SET a = 1 WHERE 1 = 1", classes: [.update], verb: "UPDATE", writes: ["t"], isUnbounded: true),
        Row(sql: "UPDATE t SET a = 1 WHERE true", classes: [.update], verb: "UPDATE", writes: ["t"], isUnbounded: true),
        Row(sql: "DELETE FROM ONLY t", classes: [.delete], verb: "DELETE", writes: ["t"], isUnbounded: true),
        Row(
            sql: "DELETE FROM t USING s WHERE t.id = s.id", classes: [.delete], verb: "DELETE", reads: ["s"],
            writes: ["t"]),
        Row(sql: "DELETE FROM t WHERE CURRENT OF c", classes: [.delete], verb: "DELETE", writes: ["t"]),
        Row(
            sql:
                "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (a) VALUES (s.a)",
            classes: [.merge, .delete, .insert], verb: "MERGE", reads: ["s"], writes: ["t"]),
        Row(
            sql: "TRUNCATE a, s.b CASCADE", classes: [.truncate], verb: "TRUNCATE", writes: ["a", "s.b"],
            isUnbounded: true),
        Row(
            sql: "EXPLAIN ANALYZE DELETE FROM t", classes: [.select, .delete], verb: "EXPLAIN ANALYZE", writes: ["t"],
            isUnbounded: true),
        Row(
            sql: "EXPLAIN (VERBOSE, ANALYZE 1) DELETE FROM t WHERE a = 1", classes: [.select, .delete],
            verb: "EXPLAIN ANALYZE", writes: ["t"]),
        Row(sql: "EXPLAIN (ANALYZE off) DELETE FROM t", classes: [.select], verb: "EXPLAIN", reads: ["t"]),
        // Definitions
        Row(sql: "CREATE TABLE t (a int DEFAULT 1)", classes: [.ddl], verb: "CREATE TABLE", writes: ["t"]),
        Row(
            sql: "CREATE TEMP TABLE t AS SELECT * FROM s", classes: [.ddl, .select], verb: "CREATE TABLE AS",
            reads: ["s"], writes: ["t"]),
        Row(sql: "SELECT * INTO t FROM s", classes: [.ddl, .select], verb: "SELECT INTO", reads: ["s"], writes: ["t"]),
        Row(
            sql: "CREATE OR REPLACE VIEW v AS SELECT * FROM t", classes: [.ddl, .select], verb: "CREATE VIEW",
            reads: ["t"], writes: ["v"]),
        Row(
            sql: "CREATE MATERIALIZED VIEW v AS SELECT * FROM t", classes: [.ddl, .select],
            verb: "CREATE MATERIALIZED VIEW", reads: ["t"], writes: ["v"]),
        Row(sql: "REFRESH MATERIALIZED VIEW v", classes: [.ddl], verb: "REFRESH", writes: ["v"]),
        Row(sql: "CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)", classes: [.ddl], verb: "CREATE INDEX", writes: ["t"]),
        Row(sql: "ALTER TABLE t DROP COLUMN a", classes: [.ddl], verb: "ALTER TABLE", writes: ["t"]),
        Row(sql: "ALTER TABLE t RENAME TO u", classes: [.ddl], verb: "ALTER TABLE", writes: ["t"]),
        Row(
            sql: "/* x */ drop -- y\n table IF EXISTS a.b, c", classes: [.ddl], verb: "DROP TABLE",
            writes: ["a.b", "c"]),
        Row(sql: "DROP TRIGGER x ON s.t", classes: [.ddl], verb: "DROP TRIGGER", writes: ["s.t"]),
        Row(sql: "DROP SCHEMA s CASCADE", classes: [.ddl], verb: "DROP SCHEMA"),
        Row(sql: "COMMENT ON TABLE t IS 'x'", classes: [.ddl], verb: "COMMENT", writes: ["t"]),
        Row(sql: "COMMENT ON COLUMN s.t.c IS 'x'", classes: [.ddl], verb: "COMMENT", writes: ["s.t"]),
        Row(
            sql: "CREATE RULE r AS ON INSERT TO t DO ALSO DELETE FROM u", classes: [.ddl, .delete], verb: "CREATE RULE",
            writes: ["t", "u"], isUnbounded: true),
        Row(
            sql: "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", classes: [.ddl], verb: "CREATE FUNCTION"),
        Row(sql: "CREATE EXTENSION dblink", classes: [.ddl], verb: "CREATE EXTENSION"),
        // Rights
        Row(sql: "GRANT SELECT ON t TO bob", classes: [.grant], verb: "GRANT", writes: ["t"]),
        Row(sql: "REVOKE ALL ON t FROM bob", classes: [.grant], verb: "REVOKE", writes: ["t"]),
        Row(sql: "GRANT admin TO bob", classes: [.grant], verb: "GRANT"),
        Row(sql: "CREATE USER bob SUPERUSER", classes: [.grant], verb: "CREATE ROLE"),
        Row(sql: "ALTER ROLE bob SET x = 1", classes: [.grant, .setting], verb: "ALTER ROLE"),
        Row(sql: "DROP OWNED BY bob", classes: [.grant, .ddl], verb: "DROP OWNED"),
        // Copy
        Row(sql: "COPY t TO STDOUT", classes: [.copy], verb: "COPY", reads: ["t"]),
        Row(sql: "COPY t (a) FROM STDIN", classes: [.copy, .insert], verb: "COPY", writes: ["t"]),
        Row(
            sql: "COPY (SELECT * FROM t) TO PROGRAM 'sh'", classes: [.copy, .file, .select], verb: "COPY", reads: ["t"]),
        Row(
            sql: "COPY (DELETE FROM t RETURNING *) TO STDOUT", classes: [.copy, .delete], verb: "COPY", writes: ["t"],
            isUnbounded: true),
        // Session
        Row(
            sql: "PREPARE p AS DELETE FROM t", classes: [.session, .delete], verb: "PREPARE", writes: ["t"],
            isUnbounded: true),
        Row(sql: "EXECUTE p", classes: [.session], verb: "EXECUTE"),
        Row(sql: "EXPLAIN ANALYZE EXECUTE p", classes: [.select, .session], verb: "EXPLAIN ANALYZE"),
        Row(sql: "DECLARE c CURSOR FOR SELECT * FROM t", classes: [.session, .select], verb: "DECLARE", reads: ["t"]),
        Row(sql: "FETCH ALL FROM c", classes: [.select], verb: "FETCH"),
        Row(sql: "MOVE 5 IN c", classes: [.select], verb: "MOVE"),
        Row(sql: "CLOSE ALL", classes: [.session], verb: "CLOSE"),
        Row(sql: "DISCARD ALL", classes: [.setting], verb: "DISCARD ALL"),
        Row(sql: "SET ROLE bob", classes: [.setting, .riskySetting], verb: "SET ROLE"),
        Row(sql: "RESET ALL", classes: [.setting], verb: "RESET ALL"),
        Row(sql: "ALTER SYSTEM SET x = 1", classes: [.setting, .server], verb: "ALTER SYSTEM"),
        Row(sql: "START TRANSACTION READ ONLY", classes: [.transaction], verb: "BEGIN"),
        Row(sql: "END", classes: [.transaction], verb: "COMMIT"),
        Row(sql: "ABORT", classes: [.transaction], verb: "ROLLBACK"),
        Row(sql: "ROLLBACK TO SAVEPOINT s", classes: [.transaction], verb: "ROLLBACK TO"),
        Row(sql: "PREPARE TRANSACTION 'x'", classes: [.transaction], verb: "PREPARE TRANSACTION"),
        // Programs and maintenance
        Row(sql: "DO $$ BEGIN DELETE FROM t; END $$", classes: [.procedure], verb: "DO"),
        Row(sql: "CALL s.p(1)", classes: [.procedure, .unknownEffect], verb: "CALL"),
        Row(sql: "VACUUM FULL t", classes: [.maintenance], verb: "VACUUM", writes: ["t"]),
        Row(sql: "ANALYZE t", classes: [.maintenance], verb: "ANALYZE", writes: ["t"]),
        Row(sql: "LOCK TABLE t", classes: [.maintenance, .lock], verb: "LOCK", writes: ["t"]),
        Row(sql: "NOTIFY x, 'y'", classes: [.maintenance, .notify], verb: "NOTIFY"),
        Row(sql: "LOAD 'x'", classes: [.maintenance, .server], verb: "LOAD"),
    ]

    @Test(arguments: rows) func judged(_ row: Row) async throws {
        let analysis = await analyze(row.sql)
        #expect(analysis.notUnderstood == nil)
        let facts = try #require(analysis.statements.first)
        #expect(analysis.statements.count == 1)
        #expect(facts.classes == row.classes)
        #expect(facts.verb == row.verb)
        #expect(facts.reads.map(\.description).sorted() == row.reads.sorted())
        #expect(facts.writes.map(\.description).sorted() == row.writes.sorted())
        #expect(facts.hasWriteWithoutWhere == row.isUnbounded)
    }
}
