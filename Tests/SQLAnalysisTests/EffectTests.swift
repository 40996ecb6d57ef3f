import GatewayCore
import SQLAnalysis
import Testing

/// Effects on the session: names, settings, transactions, COPY, DO and calls.
@Suite struct EffectTests {
    private func facts(_ sql: String) async throws -> StatementFacts {
        try #require(await analyze(sql).statements.first)
    }

    @Test(arguments: [
        ("PREPARE \"P\" AS SELECT 1", NameEffect.prepares("P")), ("EXECUTE P(1)", .executes("p")),
        ("CREATE TABLE t AS EXECUTE p", .executes("p")), ("EXPLAIN EXECUTE p", .executes("p")),
        ("DEALLOCATE p", .deallocates("p")), ("DEALLOCATE ALL", .deallocatesAll),
        ("DECLARE c CURSOR FOR SELECT 1", .declaresCursor("c")),
        ("FETCH 1 FROM c", .fetches("c")), ("MOVE c", .fetches("c")), ("CLOSE c", .closesCursor("c")),
        ("CLOSE ALL", .closesAllCursors),
        ("DISCARD ALL", .discardsAll), ("DISCARD PLANS", .discardsOther),
    ])
    func names(_ sql: String, _ effect: NameEffect) async throws {
        #expect(try await facts(sql).name == effect)
    }

    @Test func carriedStatementKeepsItsOwnFacts() async throws {
        let prepared = try await facts("PREPARE p AS DELETE FROM t WHERE a = $1")
        #expect(prepared.inner.map(\.verb) == ["DELETE"])
        #expect(prepared.inner.first?.classes == [.delete])
        #expect(prepared.inner.first?.writes == [RelationName(name: "t")])
        let cursor = try await facts("DECLARE c CURSOR WITH HOLD FOR SELECT * FROM t FOR UPDATE")
        #expect(cursor.inner.first?.reads == [RelationName(name: "t")])
    }

    @Test(arguments: [
        ("SET Search_Path = a, b", SettingChange(name: "search_path", value: "a, b", kind: .set)),
        ("SET LOCAL x.y TO 5", SettingChange(name: "x.y", value: "5", kind: .local)),
        ("SET x TO DEFAULT", SettingChange(name: "x", value: nil, kind: .reset)),
        ("RESET x", SettingChange(name: "x", value: nil, kind: .reset)),
        ("RESET ALL", SettingChange(name: nil, value: nil, kind: .resetAll)),
        ("SET ROLE bob", SettingChange(name: "role", value: "bob", kind: .set)),
        ("SET SESSION AUTHORIZATION bob", SettingChange(name: "session_authorization", value: "bob", kind: .set)),
        ("SET NAMES 'LATIN1'", SettingChange(name: "client_encoding", value: "LATIN1", kind: .set)),
        ("ALTER SYSTEM SET x = 1", SettingChange(name: "x", value: "1", kind: .stored)),
        ("ALTER ROLE bob SET x = 'y'", SettingChange(name: "x", value: "y", kind: .stored)),
        ("ALTER DATABASE d RESET ALL", SettingChange(name: nil, value: nil, kind: .stored)),
        ("SELECT set_config('Role', 'bob', false)", SettingChange(name: "role", value: "bob", kind: .set)),
        (
            "SELECT pg_catalog.set_config('role'::text, 'bob', true)",
            SettingChange(name: "role", value: "bob", kind: .local)
        ),
        ("SELECT set_config('ro' || 'le', 'bob', true)", SettingChange(name: nil, value: nil, kind: .set)),
        ("UPDATE pg_settings SET setting = 'off' WHERE name = 'x'", SettingChange(name: nil, value: nil, kind: .set)),
    ])
    func settings(_ sql: String, _ change: SettingChange) async throws {
        #expect(try await facts(sql).settings == [change])
    }

    @Test(arguments: [
        ("BEGIN", TransactionControl.begin), ("START TRANSACTION", .begin), ("COMMIT AND CHAIN", .commit),
        ("END", .commit),
        ("ROLLBACK", .rollback), ("ABORT", .rollback), ("SAVEPOINT s", .savepoint), ("ROLLBACK TO s", .rollbackTo),
        ("RELEASE s", .release),
        ("PREPARE TRANSACTION 'x'", .prepare), ("COMMIT PREPARED 'x'", .commitPrepared),
        ("ROLLBACK PREPARED 'x'", .rollbackPrepared),
        ("SET CONSTRAINTS ALL DEFERRED", .constraints),
    ])
    func transactions(_ sql: String, _ control: TransactionControl) async throws {
        #expect(try await facts(sql).transaction == control)
    }

    @Test func copies() async throws {
        let table = try #require(await facts("COPY s.t (a, b) FROM STDIN WITH (FORMAT csv)").copy)
        #expect(
            table
                == CopyTarget(
                    direction: .from, endpoint: .client, relation: RelationName(schema: "s", name: "t"),
                    columns: ["a", "b"], query: nil, format: "csv"))
        #expect(try await facts("COPY t TO '/tmp/x' BINARY").copy?.endpoint == .file("/tmp/x"))
        #expect(try await facts("COPY t FROM PROGRAM 'sh -c x'").copy?.endpoint == .program("sh -c x"))
        let analysis = await analyze("COPY (SELECT (1), ')' FROM t) TO STDOUT")
        let range = try #require(analysis.statements.first?.copy?.query)
        #expect(String(decoding: analysis.text[range], as: UTF8.self) == "SELECT (1), ')' FROM t")
    }

    @Test func programsAndCalls() async throws {
        #expect(try await facts("DO $$ x $$").doLanguage == "plpgsql")
        #expect(try await facts("DO LANGUAGE plpython3u $$ x $$").doLanguage == "plpython3u")
        #expect(
            try await facts("SELECT Pg_Sleep(1), pg_catalog.now(), s.f(g(1)) FROM h(1)").functions.sorted() == [
                "g", "h", "now", "pg_sleep", "s.f",
            ])
        #expect(try await facts("CALL s.p(f(1))").functions.sorted() == ["f", "s.p"])
    }

    @Test func columns() async throws {
        let read = try await facts("SELECT t.\"Email\", u.* FROM t, u WHERE ID = 1 ORDER BY name")
        #expect(read.columns.sorted() == ["Email", "id", "name"])
        #expect(read.hasStar)
        #expect(try await facts("SELECT count(*) FROM t").hasStar == false)
        #expect(try await facts("INSERT INTO t (a, b) VALUES (1, 2)").writtenColumns == ["a", "b"])
    }

    @Test func tags() async {
        let analysis = await analyze("SELECT 1 /*agent='claude%20x',run='7',bad*/ -- end='x'")
        #expect(analysis.tags == ["agent": "claude x", "run": "7"])
        #expect(await analyze("SELECT '/*agent=''x''*/'").tags.isEmpty)
    }
}
